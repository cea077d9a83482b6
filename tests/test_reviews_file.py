"""`reviews.gpkg`: nothing that a person wrote is lost, whoever writes, and bad rows are told."""

import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from shapely.geometry import Polygon, box
from test_export import site

from pipeline.errors import Busy, InputError
from pipeline.reviews.file import ReviewsFile
from pipeline.reviews.layout import HISTORY, POINTS, REVIEWS
from pipeline.reviews.review import Reason, Verdict
from pipeline.vector_file import read_vectors

AT = datetime(2026, 11, 29, 12, 30, tzinfo=UTC)
OUTLINES = {"SHN-0001": box(97.0, 22.0, 97.01, 22.01), "SHN-0002": box(97.1, 22.0, 97.11, 22.01)}
SITES = [site(name, polygon=outline) for name, outline in OUTLINES.items()]


@pytest.fixture
def file(tmp_path: Path) -> ReviewsFile:
    found = ReviewsFile(tmp_path / "reviews.gpkg")
    found.make({})
    found.add_sites(SITES)
    return found


def changed(file: ReviewsFile, statement: str, *values: object) -> None:
    """What another program does to the file."""
    with closing(sqlite3.connect(file.path)) as database:
        database.execute(statement, values)
        database.commit()


def history(file: ReviewsFile) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(file.path)) as database:
        asked = f"SELECT change, site_id, verdict, reason, note, reviewer FROM {HISTORY} WHERE layer = ? ORDER BY id"
        return database.execute(asked, (REVIEWS,)).fetchall()


def test_each_site_gets_one_row_however_often_it_is_added(file: ReviewsFile) -> None:
    assert file.add_sites(SITES) == 0
    assert [row.site_id for row in file.rows()] == list(OUTLINES)
    assert all(row.verdict is None and not row.added for row in file.rows())
    assert file.rows()[0].polygon.equals(OUTLINES["SHN-0001"])


def test_a_verdict_reads_back_and_the_one_before_stays_in_the_history(file: ReviewsFile) -> None:
    file.judge("SHN-0001", Verdict.REJECTED, Reason.FISH_POND, "square ponds, dykes", "Nang", AT)
    file.judge("SHN-0001", Verdict.CONFIRMED, Reason.FISH_POND, None, "Sai", AT)
    row = file.rows()[0]
    assert (row.verdict, row.reason, row.note, row.reviewer, row.reviewed_at) == (
        Verdict.CONFIRMED, None, None, "Sai", AT,
    )  # fmt: skip
    said = [entry for entry in history(file) if entry[1] == "SHN-0001"]
    assert said == [
        ("added", "SHN-0001", None, None, None, None),
        ("changed", "SHN-0001", "rejected", "fish pond", "square ponds, dykes", "Nang"),
        ("changed", "SHN-0001", "confirmed", None, None, "Sai"),
    ]


def test_a_site_without_a_row_cannot_be_judged(file: ReviewsFile) -> None:
    with pytest.raises(InputError, match="no row for SHN-0099"):
        file.judge("SHN-0099", Verdict.UNSURE, None, None, None, AT)


def test_what_another_program_changes_and_deletes_stays_in_the_history(file: ReviewsFile) -> None:
    changed(file, f"UPDATE {REVIEWS} SET verdict = 'confirmed', reviewer = 'by QGIS' WHERE site_id = 'SHN-0002'")
    changed(file, f"DELETE FROM {REVIEWS} WHERE site_id = 'SHN-0002'")
    assert [entry[0] for entry in history(file) if entry[1] == "SHN-0002"] == ["added", "changed", "deleted"]
    assert history(file)[-1][2:] == ("confirmed", None, None, "by QGIS")


def test_a_file_whose_triggers_were_dropped_gets_them_back(file: ReviewsFile) -> None:
    with closing(sqlite3.connect(file.path)) as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            if str(name).startswith(REVIEWS):
                database.execute(f"DROP TRIGGER {name}")
        database.commit()
    file.judge("SHN-0001", Verdict.UNSURE, None, "haze", None, AT)
    assert history(file)[-1][:3] == ("changed", "SHN-0001", "unsure")


def test_a_drawn_site_has_no_name_until_it_gets_one_and_keeps_it(file: ReviewsFile) -> None:
    fid = file.add_site(box(97.2, 22, 97.21, 22.01), "Nang", "seen from the road", AT)
    assert [(row.site_id, row.added, row.verdict) for row in file.rows()][-1] == (None, True, Verdict.CONFIRMED)
    file.name({fid: "SHN-0003"})
    file.name({fid: "SHN-0004"})
    assert file.rows()[-1].site_id == "SHN-0003"


def test_pond_points_are_set_moved_and_removed(file: ReviewsFile) -> None:
    fid = file.set_point(None, "SHN-0001", 97.005, 22.005, "Nang", AT)
    assert file.set_point(fid, "SHN-0001", 97.006, 22.005, "Nang", AT) == fid
    (point,) = file.points()
    assert (point.point.x, point.point.y, point.site_id, point.set_at) == (97.006, 22.005, "SHN-0001", AT)
    file.remove_point(fid)
    assert file.points() == []
    with closing(sqlite3.connect(file.path)) as database:
        kinds = database.execute(f"SELECT change FROM {HISTORY} WHERE layer = ? ORDER BY id", (POINTS,)).fetchall()
    assert kinds == [("added",), ("changed",), ("deleted",)]


def test_a_file_that_is_there_is_never_replaced(file: ReviewsFile) -> None:
    file.judge("SHN-0001", Verdict.UNSURE, None, None, None, AT)
    before = file.path.read_bytes()
    file.make({})
    assert file.path.read_bytes() == before


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (f"UPDATE {REVIEWS} SET verdict = 'maybe' WHERE fid = 1", "row 1 (SHN-0001): verdict 'maybe' is none of"),
        (f"UPDATE {REVIEWS} SET verdict = 'rejected', reason = 'swamp' WHERE fid = 1", "reason 'swamp' is none of"),
        (f"UPDATE {REVIEWS} SET reviewed_at = 'yesterday' WHERE fid = 1", "'yesterday' is no time"),
        (f"UPDATE {REVIEWS} SET geom = x'00' WHERE fid = 1", "its outline cannot be used"),
        (f"UPDATE {REVIEWS} SET geom = NULL WHERE fid = 1", "its outline cannot be used"),
    ],
)
def test_a_bad_row_is_told_in_one_line_and_kept(file: ReviewsFile, statement: str, told: str) -> None:
    changed(file, statement)
    reading = file.read()
    assert len(reading.problems) == 1
    assert told in reading.problems[0]
    assert "\n" not in reading.problems[0]
    assert [row.site_id for row in reading.reviews] == list(OUTLINES)


def test_verdicts_typed_by_hand_are_understood(file: ReviewsFile) -> None:
    changed(file, f"UPDATE {REVIEWS} SET verdict = ' Rejected', reason = 'Fish Pond ' WHERE fid = 1")
    assert (file.rows()[0].verdict, file.rows()[0].reason) == (Verdict.REJECTED, Reason.FISH_POND)
    assert not file.read().problems


def test_an_outline_whose_edges_cross_is_mended(file: ReviewsFile) -> None:
    file.add_site(Polygon([(97, 22), (97.01, 22.01), (97.01, 22), (97, 22.01)]), None, None, AT)
    assert file.rows()[-1].polygon.is_valid


def test_a_damaged_file_and_one_of_another_kind_are_told_in_one_line(file: ReviewsFile, tmp_path: Path) -> None:
    content = file.path.read_bytes()
    file.path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"damaged"):
        file.read()
    other = ReviewsFile(tmp_path / "other.gpkg")
    other.path.write_text("{}")
    with pytest.raises(InputError):
        other.read()


def test_a_file_without_the_columns_is_told(file: ReviewsFile) -> None:
    changed(file, "DROP TRIGGER reviews_added")
    changed(file, "DROP TRIGGER reviews_changed")
    changed(file, "DROP TRIGGER reviews_deleted")
    changed(file, f"ALTER TABLE {REVIEWS} DROP COLUMN verdict")
    with pytest.raises(InputError, match="no column verdict"):
        file.read()


def test_a_locked_file_is_told_in_one_line_and_can_still_be_read(
    file: ReviewsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.reviews.file.PATIENCE_S", 0.1)
    with closing(sqlite3.connect(file.path, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        with pytest.raises(InputError, match="another program"):
            file.judge("SHN-0001", Verdict.UNSURE, None, None, None, AT)
        assert len(file.rows()) == 2
        database.execute("ROLLBACK")


def test_a_file_that_nobody_else_may_read_now_is_told(file: ReviewsFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.gpkg.READ_PATIENCE_S", 0.2)
    with closing(sqlite3.connect(file.path, isolation_level=None)) as database:
        database.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Busy, match="another program is writing to it"):
            file.read()
        database.execute("ROLLBACK")


def test_a_spatial_index_that_somebody_had_made_is_kept_up(file: ReviewsFile) -> None:
    import pyogrio  # its GDAL makes the index

    frame = read_vectors(file.path, REVIEWS)
    target = file.path.with_name("indexed.gpkg")
    file.make({})
    target.write_bytes(file.path.read_bytes())
    with closing(sqlite3.connect(target)) as database:
        database.execute("CREATE VIRTUAL TABLE rtree_reviews_geom USING rtree(id, minx, maxx, miny, maxy)")
        database.execute(
            "CREATE TRIGGER rtree_reviews_geom_insert AFTER INSERT ON reviews WHEN NOT ST_IsEmpty(NEW.geom) BEGIN "
            "INSERT INTO rtree_reviews_geom VALUES(NEW.fid, ST_MinX(NEW.geom), ST_MaxX(NEW.geom), ST_MinY(NEW.geom), "
            "ST_MaxY(NEW.geom)); END"
        )
        database.commit()
    indexed = ReviewsFile(target)
    indexed.add_site(box(97.3, 22, 97.31, 22.01), None, None, AT)
    with closing(sqlite3.connect(target)) as database:
        assert database.execute("SELECT count(*) FROM rtree_reviews_geom").fetchone() == (1,)
    assert len(frame) == 2
    assert pyogrio.read_info(target, layer=REVIEWS)["features"] == 3


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from pipeline.reviews.file import ReviewsFile
from pipeline.reviews.review import Verdict

file = ReviewsFile(Path(sys.argv[1]))
for k in range(1000):
    file.judge("SHN-0002", Verdict.UNSURE, None, f"{k}", None, datetime.now(UTC))
    print(k, flush=True)
"""


def test_what_was_said_to_be_saved_survives_a_killed_writer(file: ReviewsFile) -> None:
    for _ in range(3):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(file.path)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        for _ in range(5):
            last = writer.stdout.readline().strip()
        writer.kill()
        rest = writer.stdout.read().split()
        writer.stdout.close()
        writer.wait()
        said = int((rest or [last])[-1])
        note = next(row.note for row in file.rows() if row.site_id == "SHN-0002")
        assert note is not None
        assert int(note) in (said, said + 1)


def test_many_writers_lose_nothing(file: ReviewsFile) -> None:
    def write(name: str) -> None:
        for k in range(20):
            file.judge("SHN-0001", Verdict.UNSURE, None, f"{name} {k}", name, AT)

    threads = [threading.Thread(target=write, args=(f"writer {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    notes = {entry[4] for entry in history(file)} - {None}
    assert notes == {f"writer {n} {k}" for n in range(4) for k in range(20)}


def test_a_file_that_somebody_made_by_hand_is_read_and_completed(tmp_path: Path) -> None:
    import geopandas as gpd

    rows = {"site_id": ["SHN-0001"], "verdict": ["confirmed"], "remarks": ["mine"]}
    frame = gpd.GeoDataFrame(rows, geometry=[OUTLINES["SHN-0001"]], crs="EPSG:4326")
    path = tmp_path / "reviews.gpkg"
    frame.to_file(path, layer=REVIEWS, driver="GPKG")
    file = ReviewsFile(path)
    assert [(row.site_id, row.verdict, row.note) for row in file.rows()] == [("SHN-0001", Verdict.CONFIRMED, None)]
    file.add_sites(SITES)
    file.judge("SHN-0001", Verdict.REJECTED, Reason.RIVER, None, "Nang", AT)
    file.set_point(None, "SHN-0001", 97.005, 22.005, "Nang", AT)
    assert [row.site_id for row in file.rows()] == list(OUTLINES)
    assert len(file.points()) == 1
    assert history(file)[-1][:4] == ("changed", "SHN-0001", "rejected", "river")
    assert list(read_vectors(path, REVIEWS)["remarks"])[0] == "mine"
