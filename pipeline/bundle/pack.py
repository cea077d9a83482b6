"""Packs the evidence for one site: pictures, cuts, numbers, scenes, and hashes of model and settings.

A bundle is a ZIP file with a list of checksums, `SHA256SUMS`, in the form that `sha256sum -c` reads. The same site and
archive give the same bytes.
"""

import hashlib
import json
from collections.abc import Mapping
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from shapely.geometry import mapping

from pipeline import __version__
from pipeline.cuts.choice import Role
from pipeline.cuts.cut import Cut, encoded
from pipeline.digest import sha256_of
from pipeline.errors import InputError
from pipeline.export.geojson import site_properties
from pipeline.export.manifest import SIMULATED
from pipeline.pictures.chart import chart_svg
from pipeline.pictures.darkroom import Darkroom, album_of, developed
from pipeline.pictures.strip import strip
from pipeline.run.edition import Published
from pipeline.sites.statement import STATEMENT, Statement

SUMS, SITE, README, CUTS = "SHA256SUMS", "site.json", "README.txt", "cuts"
"""Names of the files in a bundle, and of the folder of cuts."""
LAYOUT = 1
"""Version of what a bundle holds."""
EPOCH = (1980, 1, 1, 0, 0, 0)
"""Time of every file in a bundle, so that the same content gives the same bytes."""
TEXT = """{title}
{line}
{notice}
strip.jpg       before, first and latest, in three views
chart.svg       areas of ponds and cleared ground over time, with their intervals
pictures/       each look that is kept, in each view
cuts/           what the satellite measured: six bands and scene classification (SCL), one GeoTIFF per look; reflectance
                is the stored number x 0.0001 - 0.1, and 0 is no data
site.json       dates, areas, confidence, every clear look, scenes, and hashes of the model and the settings
SHA256SUMS      checksums of all other files: sha256sum -c SHA256SUMS, or leachwatch verify FILE

Dates are intervals: after the last clear look without it, by the first clear look with it. The confidence is the
probability that this is a leach-pond site, by a model that learned from simulated worlds. Nothing is said about who
owns, runs or controls the place. Exact places can hurt people: think before you pass this on.

Contains modified Copernicus Sentinel data. Made by leachwatch {version}.
"""


def bundle_of(found: Published, site_id: str, room: Darkroom) -> bytes:
    """The bundle of a site. Raises `InputError` for a site that is not published there."""
    statement = next((each for each in found.edition.statements if each.site.site_id == site_id), None)
    if statement is None:
        raise InputError(f"{found.out}: no site {site_id} is published there")
    plates, missing = room.plates(statement.site, statement.looks, everything=True)
    prints = developed(plates)
    album = album_of(site_id, prints, missing)
    parts = [each for each in prints if each.plate.role is not Role.BETWEEN]
    files: dict[str, bytes] = {}
    if statement.looks:
        files["chart.svg"] = chart_svg(statement).encode()
    if prints:
        files["strip.jpg"] = strip(statement.site, parts or prints[-1:])
    for frame in album.frames:
        for view, image in frame.images.items():
            files[f"pictures/{frame.overpass}-{view.name.lower()}.webp"] = image
    for plate in plates:
        files[f"{CUTS}/{plate.cut.overpass}.tif"] = encoded(plate.cut)
    content = _content(found, statement, [plate.cut for plate in plates], missing)
    files[SITE] = (json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
    files[README] = _readme(statement).encode()
    return _zipped(files)


def fingerprint(content: bytes) -> str:
    """SHA-256 of a bundle, in hexadecimal: publish it, and whoever has the bundle can tell that it is the same."""
    return hashlib.sha256(content).hexdigest()


def sums_text(files: Mapping[str, bytes]) -> str:
    """The list of checksums of files by name."""
    return "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))


def _content(found: Published, statement: Statement, cuts: list[Cut], missing: str | None) -> dict[str, Any]:
    manifest, site = found.manifest, statement.site
    return {
        "layout": LAYOUT,
        "notice": SIMULATED if site.simulated else None,
        "software": {"name": "leachwatch", "version": __version__},
        "site": site_properties(site),
        "outline": mapping(site.polygon),
        "statement": STATEMENT.dump_python(statement, mode="json"),
        "cuts": [_cut(cut) for cut in cuts],
        "missing": missing,
        "run_id": manifest["run_id"],
        "model": manifest["model"],
        "recipe": manifest["recipe"],
        "look_version": manifest["look_version"],
        "settings_sha256": sha256_of(manifest["settings"]),
        "settings": manifest["settings"],
    }


def _cut(cut: Cut) -> dict[str, Any]:
    return {
        "file": f"{CUTS}/{cut.overpass}.tif",
        "overpass": cut.overpass,
        "time_utc": cut.time_utc.isoformat(),
        "provider": cut.provider,
        "scenes": [acquisition.id for acquisition in cut.acquisitions],
        "notes": list(cut.notes),
    }


def _readme(statement: Statement) -> str:
    site = statement.site
    notice = f"\n{SIMULATED}\n" if site.simulated else ""
    title = f"Evidence for {site.site_id}: a SUSPECTED rare-earth leach-pond site"
    return TEXT.format(title=title, line="=" * len(title), notice=notice, version=__version__)


def _zipped(files: Mapping[str, bytes]) -> bytes:
    memory = BytesIO()
    with ZipFile(memory, "w") as archive:
        for name, content in [*sorted(files.items()), (SUMS, sums_text(files).encode())]:
            entry = ZipInfo(name, EPOCH)
            entry.compress_type, entry.external_attr = ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, content, compresslevel=6)
    return memory.getvalue()
