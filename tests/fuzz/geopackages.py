"""Damage to GeoPackages: pages, geometries, tables, triggers, and a write-ahead log beside the file."""

import sqlite3
import struct
import tempfile
from pathlib import Path
from random import Random

STATEMENTS = (
    "DELETE FROM gpkg_contents",
    "DELETE FROM gpkg_geometry_columns",
    "DELETE FROM gpkg_spatial_ref_sys",
    "UPDATE gpkg_geometry_columns SET srs_id = 999999",
    "UPDATE gpkg_geometry_columns SET geometry_type_name = 'POINT'",
    "UPDATE gpkg_contents SET table_name = 'nowhere'",
    "UPDATE gpkg_contents SET data_type = 'attributes'",
    "UPDATE gpkg_contents SET min_x = 1e308, max_x = -1e308",
    "UPDATE gpkg_spatial_ref_sys SET definition = 'PROJCS[\"x\"'",
    "UPDATE gpkg_ogr_contents SET feature_count = 1",
    "UPDATE labels SET label = NULL",
    "UPDATE labels SET label = x'00ff'",
    "UPDATE labels SET label = 5",
    "UPDATE labels SET label = replace(hex(zeroblob(50000)), '00', 'x')",
    "UPDATE labels SET \"from\" = '0001-01-01'",
    "UPDATE labels SET \"from\" = '2999-12-31', \"to\" = 'yesterday'",
    'UPDATE labels SET "from" = 20250101',
    "UPDATE labels SET fid = -9223372036854775807 WHERE fid = 1",
    "UPDATE labels SET label = (SELECT group_concat(label) FROM labels)",
    "CREATE TRIGGER t AFTER INSERT ON labels BEGIN DELETE FROM labels; END",
    "CREATE VIEW v AS SELECT load_extension('x')",
    "ALTER TABLE labels RENAME TO other",
    "ALTER TABLE labels ADD COLUMN verdict TEXT",
    "ALTER TABLE labels DROP COLUMN label",
    "DROP TABLE labels",
    "PRAGMA user_version = 99",
    "PRAGMA application_id = 1",
)


def _blob(rng: Random, blob: bytes) -> bytes | str | int | None:
    """A damaged geometry."""
    numbers = (float("nan"), float("inf"), 1e308, -1e308, 0.0, 200.0, 95.0)
    match rng.randrange(9):
        case 0:
            return None
        case 1:
            return rng.choice(("text", 7, b"", b"GP"))
        case 2:
            return blob[: rng.randrange(len(blob))]
        case 3:
            return rng.randbytes(rng.randint(1, 200))
        case 4:
            return blob[:4] + struct.pack("<i", rng.choice((0, -1, 3857, 999999))) + blob[8:]
        case 5:
            return blob[:40] + b"\x01" + struct.pack("<III", 3, 2**31 - 1, 2**31 - 1) + blob[53:]
        case 6:
            return blob[:40] + (b"\x01" + struct.pack("<II", 7, 1)) * 2000 + blob[40:]
        case 7:
            return blob[:-16] + struct.pack("<dd", rng.choice(numbers), rng.choice(numbers))
        case _:
            at = rng.randrange(40, len(blob))
            return blob[:at] + rng.randbytes(1) + blob[at + 1 :]


def told(rng: Random, content: bytes) -> bytes:
    """The file after a statement that it was not made for, or with a damaged geometry."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.gpkg")
        path.write_bytes(content)
        base = sqlite3.connect(path)
        try:
            base.execute("PRAGMA writable_schema = ON")
            names = [row[0] for row in base.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
            for name in names:  # they need functions that only GDAL has
                base.execute(f'DROP TRIGGER "{name}"')
            if rng.random() < 0.5:
                number, blob = rng.choice(base.execute("SELECT fid, geom FROM labels").fetchall())
                base.execute("UPDATE labels SET geom = ? WHERE fid = ?", (_blob(rng, blob), number))
            else:
                base.execute(rng.choice(STATEMENTS))
            base.commit()
        except (sqlite3.Error, TypeError, ValueError, IndexError):
            base.rollback()
        finally:
            base.close()
        return path.read_bytes()


def page_damaged(rng: Random, content: bytes) -> bytes:
    """A page that is empty, noise, or another one."""
    size = int.from_bytes(content[16:18], "big") or 4096
    size = 65536 if size == 1 else max(size, 512)
    if not content:
        return content
    pages = [content[at : at + size] for at in range(0, len(content), size)]
    at = rng.randrange(len(pages))
    pages[at] = rng.choice(
        (bytes(size), rng.randbytes(size), rng.choice(pages), pages[at][: size // 2] + bytes(size // 2))
    )
    return b"".join(pages)


def log_beside(rng: Random, content: bytes) -> dict[str, bytes]:
    """Endings of names and contents of a file and of its write-ahead log, as a killed writer leaves them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.gpkg")
        path.write_bytes(content)
        base = sqlite3.connect(path)
        try:
            base.execute("PRAGMA journal_mode = WAL")
            base.execute("PRAGMA wal_autocheckpoint = 0")
            base.execute("CREATE TABLE more (x)")
            base.commit()
            found = {"": path.read_bytes(), "-wal": Path(f"{path}-wal").read_bytes()}
        except sqlite3.Error:
            found = {"": content, "-wal": rng.randbytes(5000)}
        finally:
            base.close()
    if rng.random() < 0.5:
        found["-wal"] = rng.choice(
            (found["-wal"][: len(found["-wal"]) // 2], b"\x37\x7f\x06\x82" + rng.randbytes(8000))
        )
    return found


GPKG = (told, told, told, told, page_damaged, page_damaged)
