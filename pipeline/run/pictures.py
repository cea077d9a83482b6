"""Pictures of the sites of an edition: albums for pages, and a strip and a chart of each as files."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from pipeline import atomic
from pipeline.archive import Archive
from pipeline.cuts.store import CutStore
from pipeline.errors import LookDamaged, write_error
from pipeline.export.edition import Edition
from pipeline.grid import Grid, Window
from pipeline.looks.look import Look
from pipeline.looks.observe import CLEAR, NOT_CLEAR, SCREENED
from pipeline.looks.stack import read_stack
from pipeline.pictures.album import Album
from pipeline.pictures.chart import chart_svg
from pipeline.pictures.darkroom import Darkroom, album_of, developed
from pipeline.pictures.strip import strip
from pipeline.progress import Progress
from pipeline.raster import Bytes

FOLDER = "pictures"
"""Folder of the pictures within the products."""
STRIP, CHART = ".jpg", ".svg"
"""Endings of the pictures of a site, after its id."""


class ModelViews:
    """What the model saw of overpasses, from the looks that count."""

    def __init__(self, looks: Iterable[Look]) -> None:
        self._by_overpass: dict[str, list[Look]] = {}
        for look in looks:
            self._by_overpass.setdefault(look.overpass, []).append(look)

    def __call__(self, overpass: str, window: Window) -> Bytes | None:
        """Pond fraction, ground probability and state, (3, y, x), as in a look; None where there is no sound look."""
        here = [look for look in self._by_overpass.get(overpass, ()) if look.extent.intersection(window)]
        try:
            stack = read_stack(here, window) if here else None
        except LookDamaged:
            return None  # the next run sets it aside, tells of it and makes it again
        if stack is None or not stack.measured.any():
            return None
        states = np.where(stack.clear[0], CLEAR, np.where(stack.seen[0], SCREENED, NOT_CLEAR)).astype(np.uint8)
        return np.stack([stack.pond[0], stack.ground[0], states])


def darkroom(archive: Archive, grid: Grid, looks: Iterable[Look]) -> Darkroom:
    """Develops albums from the cuts of an archive; `looks`: those that count."""
    return Darkroom(CutStore(archive.cuts, grid), ModelViews(looks))


def write_pictures(out: Path, edition: Edition, room: Darkroom, progress: Progress) -> dict[str, Album]:
    """Write a strip and a chart of each site into a folder of the products, and return the albums by site.

    They follow from what is in the archive, so they are written one by one, and those of sites that are gone are
    removed. Raises as `atomic.write_bytes`.
    """
    folder, albums, written = out / FOLDER, dict[str, Album](), set[str]()
    with progress.stage("Developing pictures", len(edition.statements), unit="sites") as step:
        for statement in edition.statements:
            site = statement.site
            plates, missing = room.plates(site, statement.looks, everything=False)
            prints = developed(plates)
            albums[site.site_id] = album_of(site.site_id, prints, missing)
            if statement.looks:
                written.add(_write(folder / f"{site.site_id}{CHART}", chart_svg(statement).encode()))
            if prints:
                written.add(_write(folder / f"{site.site_id}{STRIP}", strip(site, prints)))
            step(1)
    _remove_others(folder, written)
    return albums


def _write(path: Path, content: bytes) -> str:
    """Write a picture, unless it is there as it is; returns its name."""
    if not path.is_file() or path.read_bytes() != content:
        atomic.write_bytes(path, content)
    return path.name


def _remove_others(folder: Path, written: set[str]) -> None:
    try:
        for path in folder.glob("*") if folder.is_dir() else ():
            if path.suffix in (STRIP, CHART) and path.name not in written:
                path.unlink(missing_ok=True)
    except OSError as cause:
        raise write_error(folder, cause) from cause
