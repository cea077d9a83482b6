"""Being told: what a message says, and that none is lost and none is doubled."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from scenes import QUIET
from shapely.geometry import Point, box

from pipeline.alerts.message import (
    MOST_LISTED,
    SIMULATED,
    Bar,
    Message,
    MessageKind,
    News,
    blind_message,
    failed_message,
    message_of,
    progress_message,
    told_by,
)
from pipeline.alerts.outbox import KEPT, SENT, Delivery, Outbox
from pipeline.alerts.send import TWICE, NotSent, Target, deliver, ping, targets
from pipeline.config import Places
from pipeline.errors import InputError
from pipeline.sites.history import EventKind, SiteStatus
from pipeline.sites.records import EventRecord, SiteRecord

NOW = datetime(2026, 11, 6, 2, 30, tzinfo=UTC)
ALL = Bar()


def site(number: int, confidence: float = 0.9, **facts: object) -> SiteRecord:
    known: dict[str, object] = {
        "site_id": f"SHN-{number:04d}", "status": SiteStatus.CONFIRMED, "confidence": confidence,
        "ground_after": date(2026, 7, 2), "ground_by": date(2026, 8, 1), "ponds_after": date(2026, 8, 14),
        "ponds_by": date(2026, 10, 3), "last_seen": None, "last_clear": None, "clear_looks": 4, "pond_area_m2": 900.0,
        "pond_area_low_m2": 600.0, "pond_area_high_m2": 1200.0, "ground_area_m2": 30_000.0, "verdict": None,
        "reviewed_on": None, "simulated": False, "source": "folder", "model": "third", "run_id": "r",
        "polygon": box(99.12341, 21.34561, 99.12361, 21.34581),
    }  # fmt: skip
    return SiteRecord(**(known | facts))


def event(number: int, kind: EventKind, by: date = date(2026, 10, 3), evidence: str = "x") -> EventRecord:
    after = date(2026, 8, 14)
    return EventRecord(
        site_id=f"SHN-{number:04d}", kind=kind, after=after, by=by, evidence=evidence, point=Point(99, 21)
    )


def news(*sites: SiteRecord, events: tuple[EventRecord, ...] = (), **facts: object) -> News:
    known: dict[str, object] = {
        "place": "Shan State", "months": "2026-10", "seen_share": 0.62, "looks": 1234, "area_km2": 154_583.0,
        "sites": sites, "events": events, "simulated": False, "link": "/data/out/shan/",
    }  # fmt: skip
    return News(**(known | facts))


def test_a_new_site_is_told_with_dates_confidence_and_about_where() -> None:
    said = message_of(news(site(1), site(2, 0.97)), {}, ALL, Places.AREA)
    assert said.kind is MessageKind.NEWS
    assert said.title == "leachwatch: Shan State, 2026-10: 2 new suspected sites"
    lines = said.text.splitlines()
    assert lines[3].startswith("  SHN-0002  confidence 0.97, confirmed; ponds after 2026-08-14, by 2026-10-03; near")
    assert lines[4].endswith("near 21.3° N, 99.1° E")
    assert "Seen in 2026-10: 62 % of 154,583 km²" in said.text
    assert "Nothing here says who owns" in said.text


@pytest.mark.parametrize(
    ("places", "there", "absent"),
    [
        (Places.NONE, "by 2026-10-03\n", "°"),
        (Places.AREA, "21.3° N", "21.34"),
        (Places.EXACT, "at 21.34571, 99.12351", "°"),
    ],
)
def test_places_are_as_exact_as_was_asked_for(places: Places, there: str, absent: str) -> None:
    said = message_of(news(site(1)), {}, ALL, places).text
    assert there in said
    assert absent not in said


def test_what_was_told_is_not_told_again_and_what_happened_since_is() -> None:
    first = news(site(1), events=(event(1, EventKind.APPEARED), event(1, EventKind.PONDS_BUILT)))
    told = told_by(first.sites, first.events)
    quiet = message_of(first, told, ALL, Places.AREA)
    assert (quiet.kind, quiet.title) == (MessageKind.HEARTBEAT, "leachwatch: Shan State, 2026-10: nothing new")
    later = news(site(1), events=(*first.events, event(1, EventKind.IDLE), event(1, EventKind.REVISED, evidence="run a, run b; seen late: 20260814-S2A")))  # fmt: skip
    said = message_of(later, told, ALL, Places.AREA)
    assert "2 changes at known ones" in said.title
    assert "  SHN-0001  idle, after 2026-08-14, by 2026-10-03\n" in said.text
    assert "revised, after 2026-08-14, by 2026-10-03; because of overpasses seen late: 20260814-S2A" in said.text
    gone = news(events=(*first.events, event(1, EventKind.WITHDRAWN)))
    assert "SHN-0001  withdrawn (no longer reported)" in message_of(gone, told, ALL, Places.AREA).text


def test_an_onset_that_is_dated_anew_is_no_new_event() -> None:
    first = news(site(1), events=(event(1, EventKind.PONDS_BUILT),))
    again = news(site(1), events=(event(1, EventKind.PONDS_BUILT, date(2026, 9, 9)),))
    assert message_of(again, told_by(first.sites, first.events), ALL, Places.AREA).kind is MessageKind.HEARTBEAT


def test_a_budget_cuts_the_list_and_counts_what_it_left_out() -> None:
    bar = Bar(confidence=0.95, reason="at most 10 % of a list may be false")
    said = message_of(news(site(1, 0.9), site(2, 0.97)), {}, bar, Places.AREA).text
    assert "SHN-0002" in said
    assert "SHN-0001" not in said
    assert "1 more site in sites.geojson, not listed: at most 10 % of a list may be false" in said
    none = message_of(news(site(1, 0.99)), {}, Bar(confidence=None, reason="no list keeps to it"), Places.AREA).text
    assert "SHN-0001" not in none
    assert "1 more site" in none


def test_a_long_list_is_cut_by_confidence() -> None:
    said = message_of(news(*(site(k, k / 1000) for k in range(1, 101))), {}, ALL, Places.AREA).text
    assert said.count("confidence") == MOST_LISTED
    assert "SHN-0100" in said
    assert f"… and {100 - MOST_LISTED} more" in said


def test_the_same_told_has_the_same_id_and_more_to_tell_another() -> None:
    one, two = news(site(1)), news(site(1), site(2))
    told = told_by(one.sites, one.events)
    assert message_of(one, {}, ALL, Places.AREA).id == message_of(one, told, ALL, Places.AREA).id
    assert message_of(two, told, ALL, Places.AREA).id != message_of(one, {}, ALL, Places.AREA).id


def test_loud_ones_say_so_and_simulated_ones_as_well() -> None:
    simulated = news(site(1), simulated=True)
    blind = blind_message(simulated, "no clear pixel in 4 looks")
    failed = failed_message("Shan State", "2026-10", "the disk is full", "Free some space.", "6-2026w45", True)
    progress = progress_message(simulated, 25, 75, 10.0, "2026-11-07")
    for said in (blind, failed, progress, message_of(simulated, {}, ALL, Places.AREA)):
        assert said.title.startswith("[SIMULATED] ")
        assert SIMULATED in said.text
    assert "BLIND" in blind.title
    assert "FAILED" in failed.title
    assert "25% of the looks are there, 75 are left, about 8 hours" in progress.text


def message(number: int, kind: MessageKind = MessageKind.NEWS) -> Message:
    return Message(f"2026-{number:02d}-published", kind, f"title {number}", f"text {number}")


class Ear:
    """Somebody who hears, or does not."""

    def __init__(self, name: str = "ear", deaf: bool = False) -> None:
        self.heard: list[tuple[str, str, bool]] = []
        self.name, self.deaf = name, deaf

    def hear(self, title: str, text: str, loud: bool) -> None:
        if self.deaf:
            raise NotSent("test: not reached")
        self.heard.append((title, text, loud))

    @property
    def target(self) -> Target:
        return Target(self.name, "test", self.hear)


def test_each_message_arrives_once_in_order(tmp_path: Path) -> None:
    outbox, ear = Outbox(tmp_path / "box"), Ear()
    assert outbox.add(message(1), {"A": {}}, NOW) is not None
    assert outbox.add(message(1), {"A": {}}, NOW) is None
    assert deliver(outbox, [ear.target], QUIET) == []
    assert deliver(outbox, [ear.target], QUIET) == []
    outbox.add(message(2, MessageKind.HEARTBEAT), {"A": {}, "B": {}}, NOW)
    outbox.add(message(3, MessageKind.BLIND), None, NOW)
    assert deliver(outbox, [ear.target], QUIET) == []
    assert [title for title, _, _ in ear.heard] == ["title 1", "title 3 (and 1 more)"]
    assert ear.heard[1][1] == "text 2\n\ntext 3\n\n[2026-02-published, 2026-03-published]"
    assert [loud for _, _, loud in ear.heard] == [False, True]
    assert outbox.told() == {"A": {}, "B": {}}


def test_what_did_not_arrive_waits_for_its_target_alone(tmp_path: Path) -> None:
    outbox, hears, deaf = Outbox(tmp_path / "box"), Ear("a"), Ear("b", deaf=True)
    outbox.add(message(1), {}, NOW)
    wrong = deliver(outbox, [hears.target, deaf.target], QUIET)
    assert wrong == ["address 2 of 2: test: not reached; 1 messages wait for the next scan"]
    outbox.add(message(2), {}, NOW)
    deaf.deaf = False
    assert deliver(outbox, [hears.target, deaf.target], QUIET) == []
    assert [len(hears.heard), len(deaf.heard)] == [2, 1]
    assert deaf.heard[0][1].startswith("text 1\n\ntext 2")
    assert TWICE not in deaf.heard[0][1]  # it was refused, so it cannot have arrived
    assert outbox.open() == []


def test_whoever_is_added_later_gets_no_old_messages(tmp_path: Path) -> None:
    outbox, first, late = Outbox(tmp_path / "box"), Ear("a"), Ear("b")
    outbox.add(message(1), {}, NOW)
    deliver(outbox, [], QUIET)  # nobody asked: it was printed
    deliver(outbox, [first.target], QUIET)
    outbox.add(message(2), {}, NOW)
    deliver(outbox, [first.target], QUIET)
    outbox.add(message(3), {}, NOW)
    deliver(outbox, [first.target, late.target], QUIET)
    assert [len(first.heard), len(late.heard)] == [2, 1]


def test_a_message_that_may_have_arrived_is_sent_again_and_says_so(tmp_path: Path) -> None:
    """The process was killed between the answer and the line that records it."""
    outbox, ear = Outbox(tmp_path / "box"), Ear()
    letter = outbox.add(message(1), {}, NOW)
    assert letter is not None
    outbox.record(Delivery.TRIED, "ear", [letter])
    deliver(outbox, [ear.target], QUIET)
    assert ear.heard[0][1].startswith(TWICE)
    assert "[2026-01-published]" in ear.heard[0][1]


def test_old_messages_go_and_what_was_told_stays(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "box")
    for k in range(KEPT + 20):
        told = {"A": {"x": k}} if k < 3 else None
        outbox.add(replace(message(1), id=f"m{k}"), told, NOW)
        deliver(outbox, [], QUIET)
    assert len(outbox.letters()) == KEPT + 1
    assert outbox.told() == {"A": {"x": 2}}
    assert outbox.add(replace(message(1), id="m0"), None, NOW) is None  # known, though it is gone


def test_a_damaged_message_is_set_apart_and_what_it_told_is_told_again(tmp_path: Path) -> None:
    outbox, ear = Outbox(tmp_path / "box"), Ear()
    outbox.add(message(1), {"A": {}}, NOW)
    deliver(outbox, [ear.target], QUIET)
    outbox.add(message(2), {"A": {}, "B": {}}, NOW)
    (path,) = outbox.folder.glob("000002-*.json")
    path.write_bytes(path.read_bytes()[:40])
    assert outbox.damaged() == [path]
    assert outbox.told() == {"A": {}}
    letter = outbox.add(message(2), {"A": {}, "B": {}}, NOW)
    assert letter is not None
    assert letter.number == 3
    (outbox.folder / SENT).write_bytes(b"\n00000000 {}\n\nrubbish\n" + (outbox.folder / SENT).read_bytes())
    assert deliver(outbox, [ear.target], QUIET) == []
    assert len(ear.heard) == 2


@contextmanager
def web(code: int = 200) -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """A server on loopback that hears."""
    heard: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append((self.path, self.rfile.read(int(self.headers.get("Content-Length") or 0))))
            self.send_response(code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}", heard
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_apprise_sends_to_a_webhook_and_its_address_is_nowhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("apprise")
    outbox = Outbox(tmp_path / "box")
    outbox.add(message(1), {}, NOW)
    with web() as (address, heard):
        to = targets({"LEACHWATCH_ALERTS": f"json://user:the-secret@{address}/hook"})
        assert deliver(outbox, to, QUIET) == []
    ((path, body),) = heard
    assert path == "/hook"
    said = json.loads(body)
    assert (said["title"], said["message"]) == ("title 1", "text 1\n\n[2026-01-published]")
    assert "the-secret" not in repr(to)
    assert not any(b"the-secret" in file.read_bytes() for file in outbox.folder.iterdir())
    assert "the-secret" not in "".join(capsys.readouterr())


def test_a_webhook_that_refuses_is_told_without_its_secret(tmp_path: Path) -> None:
    pytest.importorskip("apprise")
    outbox = Outbox(tmp_path / "box")
    outbox.add(message(1), {}, NOW)
    with web(403) as (address, _):
        (wrong,) = deliver(outbox, targets({"LEACHWATCH_ALERTS": f"json://user:the-secret@{address}/"}), QUIET)
    assert wrong.startswith("address 1 of 1: json: refused")
    assert "the-secret" not in wrong
    assert len(outbox.open()) == 1


def test_an_address_that_nobody_knows_is_told_by_its_number() -> None:
    pytest.importorskip("apprise")
    with pytest.raises(InputError, match="address 2 is none that Apprise knows") as raised:
        targets({"LEACHWATCH_ALERTS": "json://localhost/ nonsense://the-secret"})
    assert "the-secret" not in str(raised.value)


def test_a_sign_of_life_says_whether_it_went_well() -> None:
    with web() as (address, heard):
        for well in (True, False):
            assert ping(well, {"LEACHWATCH_PING": f"http://{address}/the-secret"}) is None
    assert [path for path, _ in heard] == ["/the-secret", "/the-secret/fail"]
    with web(500) as (address, _):
        assert ping(True, {"LEACHWATCH_PING": f"http://{address}/the-secret"}) == "LEACHWATCH_PING: answered 500"
    gone = ping(True, {"LEACHWATCH_PING": f"http://{address}/the-secret"})
    assert gone is not None
    assert "the-secret" not in gone
    assert (
        ping(True, {"LEACHWATCH_PING": "http://example.org/x"}) == "LEACHWATCH_PING: only https addresses are asked for"
    )
    assert ping(True, {}) is None
