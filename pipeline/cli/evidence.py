"""`leachwatch evidence`, `leachwatch verify` and `leachwatch cuts`."""

import argparse
from pathlib import Path

from pipeline.cli.arguments import add_archive, archive_of
from pipeline.cli.parser import EXITS, Parser, command, fail
from pipeline.cli.run_options import add_how, add_run_options, open_run
from pipeline.errors import InputError

EVIDENCE = """Pack the evidence for one site into one file.

Pictures, what the satellite measured around it (cuts), dates and numbers, scenes, hashes of model and settings, and a
list of checksums. Nothing is read from any provider: all of it is in the archive."""

VERIFY = """Check a bundle that leachwatch evidence made.

Without --scenes: that no file in it was changed, and that its cuts are whole. With them, also that the scenes show
the same, pixel by pixel."""

CUTS = """Fetch the evidence that is not kept yet.

A run keeps cuts of what it searched. From a server this fetches those of earlier looks, and of places that are not
reported but might be sites; the products are then written as by detect. Takes the options of detect."""

OUT = Path("out")
"""Where product folders lie, unless a command says otherwise."""


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add `evidence`, `verify` and `cuts`."""
    evidence = command(commands, "evidence", EVIDENCE)
    evidence.add_argument("site", metavar="SITE", help="its id, such as SHN-0007")
    evidence.add_argument("--aoi", metavar="NAME|FILE", help="its AOI (default: the one in out/ that has the site)")
    evidence.add_argument("--out", type=Path, metavar="DIR", help="its product folder (default: out/<aoi>)")
    evidence.add_argument("--to", type=Path, metavar="FILE", help="where to write (default: evidence/ in its folder)")
    add_archive(evidence)
    evidence.set_defaults(do=run_evidence)
    verify = command(commands, "verify", VERIFY, EXITS)
    verify.add_argument("bundle", type=Path, metavar="BUNDLE", help="the file")
    add_how(verify)
    verify.set_defaults(do=run_verify)
    cuts = command(commands, "cuts", CUTS, EXITS)
    add_run_options(cuts)
    cuts.set_defaults(do=run_cuts)


def run_evidence(options: argparse.Namespace) -> int:
    """Pack; returns the exit code."""
    from pipeline import atomic
    from pipeline.aoi import read_aoi
    from pipeline.bundle.pack import bundle_of, fingerprint
    from pipeline.run.edition import read_published
    from pipeline.run.refresh import stored_darkroom

    site, aoi = options.site.strip().upper(), options.aoi
    out = options.out or (OUT / read_aoi(aoi).name if aoi else _folder_with(site))
    found = read_published(read_aoi(aoi or _aoi_in(out)), out, archive_of(options))
    content = bundle_of(found, site, stored_darkroom(found))
    path = options.to or out / "evidence" / f"{site}.zip"
    atomic.write_bytes(path, content)
    print(f"{path}: {len(content) / 1e6:.1f} MB, SHA-256 {fingerprint(content)}")
    return 0


def run_verify(options: argparse.Namespace) -> int:
    """Check; returns the exit code."""
    from pipeline.archive import Archive
    from pipeline.bundle.verify import read_bundle, verify
    from pipeline.cli.arguments import settings_of
    from pipeline.cli.run_options import check_usage, open_budget, scenes_of
    from pipeline.progress import Progress
    from pipeline.sources.contents import ContentHashes

    bundle = read_bundle(options.bundle)
    progress, source, hashes = Progress(), None, None
    if options.scenes is not None or options.source == "sentinelhub":
        options.source = "folder" if options.source == "simulated" else options.source
        check_usage(options)
        settings, archive = settings_of(options), Archive(archive_of(options))
        budget = open_budget(options, settings, archive, progress)
        source = scenes_of(options, settings, OUT, archive, budget)
        hashes = ContentHashes.of(archive.contents)
    done = verify(bundle, source, hashes, progress)
    for problem in done.problems:
        print(f"  wrong    {problem}")
    if done.problems:
        return fail(f"{options.bundle}: not what leachwatch packed, first {done.problems[0]}", InputError.exit_code)
    again = f"; {done.derived} cuts are what the scenes show" if source is not None else ""
    rest = f"; the scenes of {done.not_at_hand} cuts are not at hand" if done.not_at_hand else ""
    print(f"{options.bundle}: {done.site_id}, {done.files} files and {done.cuts} cuts are unchanged{again}{rest}")
    return 0


def run_cuts(options: argparse.Namespace) -> int:
    """Fetch; returns the exit code."""
    from dataclasses import replace

    from pipeline.run.detect import detect

    summary = detect(replace(open_run(options), all_cuts=True))
    print(summary.text(), flush=True)
    return fail(summary.error, summary.exit_code) if summary.error else 0


def _folder_with(site: str) -> Path:
    """The product folder in `out/` that has a site; raises `InputError` unless there is one."""
    found = [path.parent for path in sorted(OUT.glob("*/sites.geojson")) if f'"{site}"' in path.read_text("utf-8")]
    if len(found) != 1:
        where = f"in {', '.join(map(str, found))}" if found else f"in no folder of {OUT}/"
        raise InputError(f"{site}: {where}; name its product folder with --out")
    return found[0]


def _aoi_in(out: Path) -> str:
    """The AOI of the products in a folder; raises `InputError`."""
    from pipeline.export.publication import published

    known = published(out).get("aoi")
    if not isinstance(known, dict) or "name" not in known:
        raise InputError(f"{out}: no products there; run detect first, or name their folder with --out")
    return str(known["name"])
