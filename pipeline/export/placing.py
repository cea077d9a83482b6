"""A finished product takes the place of the last one, and what belonged to the last one goes with it."""

from pathlib import Path

from pipeline import atomic

MATES = ("-wal", "-shm", "-journal")
"""Endings of the files that SQLite keeps beside a database that is open, or whose program was killed."""
DATABASE = ".gpkg"
"""Suffix of products that are SQLite databases."""


def put_in_place(staged: Path, path: Path) -> None:
    """Put a whole file in place of `path`, through links and with its mode; raises `OSError`.

    Changes that a killed program left beside a database belong to the old one, and SQLite would take them for those of
    the new one and show old rows. So they go first: killed in between, the old database is there without them, or with
    some of them gone, and the publication, which is listed, is completed by the next run. In the other order a program
    that opens the new database in between would write the old rows into it for good.
    """
    if path.suffix == DATABASE:
        target = atomic.behind_links(path)
        for ending in MATES:
            target.with_name(target.name + ending).unlink(missing_ok=True)
    atomic.move(staged, path)
