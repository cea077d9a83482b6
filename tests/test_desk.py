"""Which site comes next at the desk, and what is written and taken back there."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from desk_world import DAMAGED, album, centre_m, desk_on, edition, shan
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point

from pipeline.desk.commands import AddSite, Judge, NotPossible, OnMap, OnPicture, RemovePoint, Seen, SetPoint, Undo
from pipeline.desk.order import latest, order
from pipeline.desk.place import ADDED_RADIUS_M, on_ground, on_picture
from pipeline.desk.session import JudgedMeanwhile, Session, judged_share
from pipeline.errors import UnitsFailed
from pipeline.grid import LONLAT, reprojected
from pipeline.pictures.album import View
from pipeline.reviews.review import Reason, Review, Verdict
from pipeline.sites.records import SiteRecord

NOW = datetime(2026, 11, 29, 10, tzinfo=UTC)
NOTHING = Seen(verdict=None, reason=None, note=None)
SITES = edition(12).sites


def review(site_id: str, verdict: Verdict | None, fid: int = 1, at: datetime | None = NOW) -> Review:
    return Review(
        fid=fid, site_id=site_id, verdict=verdict, reason=None, note=None, reviewer=None, reviewed_at=at, added=False,
        polygon=SITES[0].polygon,
    )  # fmt: skip


def alike(*confidences: float | None) -> list[SiteRecord]:
    """Sites that are the same but for how sure the model is of them."""
    return [replace(SITES[0], site_id=f"SHN-{k:04d}", confidence=p) for k, p in enumerate(confidences, start=1)]


def test_the_first_is_the_least_sure() -> None:
    assert order(alike(0.95, 0.52, 0.1), [])[0] == "SHN-0002"


def test_of_two_as_unsure_the_one_unlike_what_was_judged_comes_first() -> None:
    judged, like, unlike = alike(0.9, 0.5, 0.5)
    unlike = replace(unlike, site_id="SHN-0009", pond_area_m2=like.pond_area_m2 * 30)
    like = replace(like, pond_area_m2=like.pond_area_m2 * 1.1)
    assert order([judged, like, unlike], [review("SHN-0001", Verdict.CONFIRMED)])[0] == "SHN-0009"
    assert order([judged, like], [review("SHN-0001", Verdict.CONFIRMED)]) == ["SHN-0002", "SHN-0001"]


def test_a_twin_of_the_first_waits() -> None:
    one, twin, other = alike(0.5, 0.5, 0.6)
    other = replace(other, pond_area_m2=one.pond_area_m2 * 30)
    assert order([one, twin, other], []) == ["SHN-0001", "SHN-0003", "SHN-0002"]


def test_unjudged_then_judged_then_added_then_unsure() -> None:
    open_, judged, added, unsure, rejected = alike(0.99, 0.5, None, 0.5, 0.4)
    said = [
        review("SHN-0002", Verdict.CONFIRMED),
        review("SHN-0004", Verdict.UNSURE),
        review("SHN-0005", Verdict.REJECTED),
        review("SHN-0007", Verdict.CONFIRMED),
    ]
    found = order([unsure, added, judged, rejected, open_], said)
    assert found[0] == "SHN-0001"
    assert set(found[1:3]) == {"SHN-0002", "SHN-0005"}
    assert found[3:] == ["SHN-0003", "SHN-0004"]


@given(st.permutations(SITES), st.sets(st.integers(0, 11)))
def test_the_order_holds_each_site_once_and_does_not_depend_on_that_of_the_rows(
    sites: list[SiteRecord], judged: set[int]
) -> None:
    said = [review(SITES[k].site_id, Verdict.CONFIRMED, k) for k in sorted(judged)]
    found = order(sites, said)
    assert sorted(found) == sorted(site.site_id for site in SITES)
    assert found == order(SITES, said)
    assert set(found[: 12 - len(judged)]).isdisjoint({SITES[k].site_id for k in judged})


def test_no_sites_have_no_order() -> None:
    assert order([], []) == []


def test_the_latest_verdict_counts() -> None:
    rows = [
        review("A", Verdict.CONFIRMED, 1, NOW),
        review("A", Verdict.REJECTED, 2, NOW.replace(hour=9)),
        review("A", None, 3, NOW.replace(hour=11)),
        review("B", None, 4, None),
    ]
    assert {name: row.fid for name, row in latest(rows).items()} == {"A": 1, "B": 4}
    assert judged_share(rows, ["A", "B", "C"]) == (1, 3)


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(desk_on(tmp_path / "reviews.gpkg", 4))


def judge(
    site: str, verdict: Verdict | None, reason: Reason | None = None, seen: Seen = NOTHING, note: str | None = None
) -> Judge:  # fmt: skip
    return Judge(do="judge", site=site, verdict=verdict, reason=reason, note=note, seen=seen)


def said(session: Session, site: str = "SHN-0001") -> tuple[Verdict | None, Reason | None, str | None]:
    row = latest(session.desk.storage.read().reviews)[site]
    return row.verdict, row.reason, row.note


def test_a_verdict_is_written_and_taken_back_step_by_step(session: Session) -> None:
    answer = session.act(judge("SHN-0001", Verdict.REJECTED, Reason.PADDY, note="square"))
    assert answer["review"]["reviewer"] == "Nang"
    assert (answer["saved"], answer["undo"]) == (True, 1)
    assert said(session) == (Verdict.REJECTED, Reason.PADDY, "square")
    before = Seen(verdict=Verdict.REJECTED, reason=Reason.PADDY, note="square")
    session.act(judge("SHN-0001", Verdict.UNSURE, seen=before))
    session.act(judge("SHN-0002", Verdict.CONFIRMED))
    assert session.judged == 3
    assert session.act(Undo(do="undo"))["key"] == "SHN-0002"
    assert said(session, "SHN-0002") == (None, None, None)
    assert said(session) == (Verdict.UNSURE, None, None)
    session.act(Undo(do="undo"))
    assert said(session) == (Verdict.REJECTED, Reason.PADDY, "square")
    session.act(Undo(do="undo"))
    assert said(session) == (None, None, None)
    assert session.judged == 0
    with pytest.raises(NotPossible, match="nothing to take back"):
        session.act(Undo(do="undo"))


def test_what_somebody_else_said_meanwhile_is_not_replaced(session: Session) -> None:
    other = session.desk.storage
    other.judge("SHN-0001", Verdict.CONFIRMED, None, "seen on the ground", "Aye", NOW)
    with pytest.raises(JudgedMeanwhile, match="SHN-0001: somebody judged it meanwhile"):
        session.act(judge("SHN-0001", Verdict.REJECTED, Reason.CLOUD))
    assert said(session) == (Verdict.CONFIRMED, None, "seen on the ground")
    seen = Seen(verdict=Verdict.CONFIRMED, reason=None, note="seen on the ground")
    session.act(judge("SHN-0001", Verdict.REJECTED, Reason.CLOUD, seen))
    assert said(session)[0] is Verdict.REJECTED
    other.judge("SHN-0001", Verdict.UNSURE, None, None, "Aye", NOW)
    with pytest.raises(JudgedMeanwhile, match="not taken back"):
        session.act(Undo(do="undo"))
    assert said(session)[0] is Verdict.UNSURE


def test_the_same_verdict_of_another_person_is_written_with_the_name(session: Session) -> None:
    session.desk.storage.judge("SHN-0001", Verdict.CONFIRMED, None, None, "Aye", NOW)
    session.act(judge("SHN-0001", Verdict.CONFIRMED, seen=Seen(verdict=Verdict.CONFIRMED, reason=None, note=None)))
    assert latest(session.desk.storage.read().reviews)["SHN-0001"].reviewer == "Nang"


def test_a_colleagues_row_stays_when_both_are_in_the_file(session: Session) -> None:
    file = session.desk.storage
    file.judge("SHN-0001", Verdict.CONFIRMED, None, "seen", "Aye", NOW.replace(hour=8))
    mine = replace(
        review("SHN-0001", Verdict.REJECTED), reviewer="Nang", reason=Reason.PADDY, reviewed_at=NOW.replace(hour=9)
    )
    file.insert(mine)
    (other,) = session.details("SHN-0001")["others"]
    assert (other["verdict"], other["reviewer"]) == ("confirmed", "Aye")
    seen = Seen(verdict=Verdict.REJECTED, reason=Reason.PADDY, note=None)

    def both() -> list[tuple[str | None, str | None, str | None, datetime | None]]:
        rows = [row for row in file.read().reviews if row.site_id == "SHN-0001"]
        return [(row.reviewer, row.verdict, row.note, row.reviewed_at) for row in rows]

    before = both()
    session.act(judge("SHN-0001", Verdict.UNSURE, seen=seen))
    assert both()[0] == before[0]
    assert both()[1][:2] == ("Nang", "unsure")
    session.act(Undo(do="undo"))
    assert both() == before


def test_a_command_whose_answer_was_lost_can_be_sent_again(session: Session) -> None:
    for command in (
        judge("SHN-0001", Verdict.CONFIRMED),
        SetPoint(do="set_point", site="SHN-0001", where=OnPicture(site="SHN-0001", xy=[(0.25, 0.75)])),
        AddSite(do="add_site", where=OnPicture(site="SHN-0001", xy=[(0.1, 0.1)]), note="missed"),
    ):
        first, second = session.act(command), session.act(command)
        assert (first["key"], first["undo"]) == (second["key"], second["undo"])
    reading = session.desk.storage.read()
    assert (len(reading.points), len(reading.reviews)) == (1, 5)


def test_a_pond_point_is_set_moved_removed_and_all_that_taken_back(session: Session) -> None:
    def places() -> list[tuple[float, float]]:
        return [(round(one.point.x, 6), round(one.point.y, 6)) for one in session.desk.storage.read().points]

    set_ = SetPoint(do="set_point", site="SHN-0001", where=OnPicture(site="SHN-0001", xy=[(0.5, 0.5)]))
    (point,) = session.act(set_)["points"]
    assert point["xy"] == [0.5, 0.5]
    middle = reprojected(Point(centre_m(1)), shan().grid.crs, LONLAT)
    assert places() == [(pytest.approx(middle.x, abs=1e-6), pytest.approx(middle.y, abs=1e-6))]
    session.act(
        SetPoint(do="set_point", site="SHN-0001", fid=point["fid"], where=OnMap(lonlat=[(97.0, 22.0)]))
    )  # fmt: skip
    assert places() == [(97.0, 22.0)]
    session.act(RemovePoint(do="remove_point", fid=point["fid"]))
    assert places() == []
    session.act(Undo(do="undo"))
    assert places() == [(97.0, 22.0)]
    with pytest.raises(NotPossible, match="is gone"):
        session.act(RemovePoint(do="remove_point", fid=99))


def test_a_moved_point_goes_back(session: Session) -> None:
    set_ = SetPoint(do="set_point", site="SHN-0001", where=OnMap(lonlat=[(97.0, 22.0)]))
    (point,) = session.act(set_)["points"]
    session.act(SetPoint(do="set_point", site="SHN-0001", fid=point["fid"], where=OnMap(lonlat=[(97.5, 22.5)])))
    (back,) = session.act(Undo(do="undo"))["points"]
    assert back["at"] == [97.0, 22.0]
    assert session.act(Undo(do="undo"))["points"] == []


def test_a_site_is_added_by_a_place_or_an_outline_and_taken_back(session: Session) -> None:
    answer = session.act(AddSite(do="add_site", where=OnPicture(site="SHN-0001", xy=[(0.25, 0.25)]), note="new"))
    key = answer["key"]
    (row,) = [row for row in session.desk.storage.read().reviews if row.added]
    assert (row.site_id, row.note, row.reviewer, key) == (None, "new", "Nang", f"added-{row.fid}")
    ground = reprojected(row.polygon, LONLAT, shan().grid.crs)
    x, y = centre_m(1)
    assert ground.centroid.distance(Point(x - 320, y + 320)) < 1
    assert ground.area == pytest.approx(3.14 * ADDED_RADIUS_M**2, rel=0.02)
    assert session.knows(key)
    assert key == session.overview()["order"][-1]
    drawn = session.desk.storage.read().reviews[-1]
    assert drawn.first == session.album("SHN-0001").frames[-1].day  # nothing is taught of the years before
    outline = AddSite(do="add_site", where=OnMap(lonlat=[(97.0, 22.0), (97.01, 22.0), (97.0, 22.01)]))
    other = session.act(outline)["key"]
    assert other != key
    seen = max(site.last_clear for site in session.desk.edition.sites)
    assert session.desk.storage.read().reviews[-1].first == seen
    session.act(Undo(do="undo"))
    assert not session.knows(other)
    with pytest.raises(NotPossible, match="SHN-0001 is there already"):
        session.act(AddSite(do="add_site", where=OnPicture(site="SHN-0001", xy=[(0.5, 0.5)])))
    with pytest.raises(NotPossible, match="without a name until the next run"):
        session.act(judge(key, Verdict.CONFIRMED))
    session.act(Undo(do="undo"))
    assert not [row for row in session.desk.storage.read().reviews if row.added]


@given(st.floats(0, 1), st.floats(0, 1))
def test_places_on_pictures_and_on_the_ground_are_the_same(x: float, y: float) -> None:
    east, north = centre_m(2)
    bounds = east - 640, north - 640, east + 640, north + 640
    (place,) = on_ground([(x, y)], bounds, shan().grid.crs)
    back = on_picture(Point(place), bounds, shan().grid.crs)
    assert back[0][0] == pytest.approx([x, y], abs=1e-4)


def test_a_damaged_cut_is_told_and_the_site_can_be_judged(session: Session) -> None:
    details = session.details(DAMAGED)
    assert "damaged cut" in details["album"]["missing"]
    assert details["album"]["frames"] == []
    assert len(details["looks"]) == 9
    assert session.act(judge(DAMAGED, Verdict.CONFIRMED))["saved"]
    with pytest.raises(NotPossible, match="draw on the map"):
        session.act(SetPoint(do="set_point", site=DAMAGED, where=OnPicture(site=DAMAGED, xy=[(0.5, 0.5)])))


def test_a_cut_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    def failing(_: str) -> None:
        raise UnitsFailed("archive/cuts/x.tif: damaged")

    session = Session(replace(desk_on(tmp_path / "reviews.gpkg", 1), albums=failing))
    assert session.details("SHN-0001")["album"]["missing"] == "archive/cuts/x.tif: damaged"
    assert session.picture("SHN-0001", 0, View.NATURAL) is None


def test_albums_are_developed_once(tmp_path: Path) -> None:
    made: list[str] = []

    def counted(site_id: str) -> object:
        made.append(site_id)
        return album(site_id)

    session = Session(replace(desk_on(tmp_path / "reviews.gpkg", 1), albums=counted))
    for _ in range(3):
        session.details("SHN-0001")
        assert session.picture("SHN-0001", 1, View.SWIR)
    assert made == ["SHN-0001"]


def test_a_verdict_on_a_site_that_is_no_longer_reported_is_told(session: Session) -> None:
    session.desk.storage.add_sites([replace(SITES[0], site_id="SHN-0077")])
    session.desk.storage.judge("SHN-0077", Verdict.CONFIRMED, None, None, None, NOW)
    assert session.overview()["gone"] == ["SHN-0077"]
    assert said(session, "SHN-0077")[0] is Verdict.CONFIRMED


def test_rows_that_could_not_be_understood_are_told(session: Session, tmp_path: Path) -> None:
    import sqlite3

    with sqlite3.connect(tmp_path / "reviews.gpkg") as database:
        database.execute("UPDATE reviews SET verdict = 'yes!' WHERE site_id = 'SHN-0002'")
    (problem,) = session.overview()["problems"]
    assert "SHN-0002" in problem
    assert "yes!" in problem


def test_everything_shown_is_json(session: Session) -> None:
    for content in (session.overview(), session.details("SHN-0001"), session.act(judge("SHN-0001", Verdict.CONFIRMED))):
        json.dumps(content, allow_nan=False)


def test_the_order_of_five_thousand_sites_takes_no_time() -> None:
    import time

    sites = [
        replace(SITES[k % 12], site_id=f"SHN-{k:05d}", confidence=(k % 97) / 97, pond_area_m2=k) for k in range(5000)
    ]
    begun = time.monotonic()
    assert len(order(sites, [])) == 5000
    assert time.monotonic() - begun < 20
