"""The desk in a real browser: judged by keys and by buttons, killed at any moment, and read back from reviews.gpkg."""

import os
import random
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from browser import SHIFT, Browser, Failed, Page, browser, needs_chromium
from desk_world import DAMAGED, desk_on, shan
from shapely.geometry import Point

from pipeline.desk.server import Open, opened
from pipeline.grid import LONLAT, reprojected
from pipeline.reviews import file as reviews_file
from pipeline.reviews.file import ReviewsFile
from pipeline.reviews.review import Review, Verdict
from pipeline.words import words_in

pytestmark = needs_chromium
SHOWN = "document.documentElement.dataset.shown"
SEEN = """
window.told = [];
new MutationObserver(() => told.push(document.getElementById('saved').textContent))
  .observe(document.getElementById('saved'), {childList: true, characterData: true, subtree: true});
"""
"""Notes all that the page says of saving."""
SAVED = re.compile(r"Saved: (SHN-\d+), (confirmed|unsure|rejected)(?:: ([^.]+))?\.")
SITES = 8


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Open]:
    with opened(desk_on(tmp_path / "reviews.gpkg", SITES)) as desk:
        yield desk


@pytest.fixture
def page(here: Open, chromium: Browser) -> Page:
    tab = chromium.tab()
    tab.viewport(1280, 800)
    tab.goto(here.url)
    tab.wait(SHOWN)
    return tab


def shown(page: Page) -> str:
    return str(page.js(SHOWN))


def press_and_wait(page: Page, *keys: str) -> tuple[str, str]:
    """Judge by keys; returns the site and the next one, whose picture is on the screen."""
    before = shown(page)
    for key in keys:
        page.press(key)
    page.wait(f"{SHOWN} !== '{before}'")
    return before, shown(page)


def saved(page: Page, words: str) -> None:
    page.wait(f"document.getElementById('saved').textContent.includes({words!r})")


def rows(desk: Open) -> dict[str | None, Review]:
    return {row.site_id: row for row in desk.session.desk.storage.read().reviews}


def test_sites_are_judged_by_keys_and_read_back(page: Page, here: Open) -> None:
    first, second = press_and_wait(page, "c")
    assert f"Saved: {first}, confirmed." in page.text("#saved")
    _, third = press_and_wait(page, "r", "3")
    assert f"Saved: {second}, rejected: placer gold mining." in page.text("#saved")
    press_and_wait(page, "u")
    assert "3 of 8 judged" in page.text("#done")
    assert "s per verdict" in page.text("#done")
    found = rows(here)
    assert [found[site].verdict for site in (first, second, third)] == ["confirmed", "rejected", "unsure"]
    assert found[second].reason == "placer gold"
    assert {found[site].reviewer for site in (first, second, third)} == {"Nang"}

    page.press("z")
    page.wait(f"{SHOWN} === '{third}'")
    saved(page, "taken back")
    assert rows(here)[third].verdict is None
    assert "2 of 8 judged" in page.text("#done")

    page.press("n")
    page.type("Looks like <b>terraces</b>")
    page.press("Enter")
    saved(page, f"the note on {third}")
    assert rows(here)[third].note == "Looks like <b>terraces</b>"
    assert "Looks like <b>terraces</b>" in page.text("#said")
    assert page.js("document.querySelector('#said b')") is None
    press_and_wait(page, "c")
    assert (rows(here)[third].verdict, rows(here)[third].note) == ("confirmed", "Looks like <b>terraces</b>")
    assert page.errors == []


def test_keys_step_through_looks_views_and_sites(page: Page) -> None:
    before = shown(page)
    picture = page.js("document.getElementById('right').src")
    latest = page.text("#right-caption")
    assert latest.startswith("Latest, ")
    page.press("ArrowLeft")
    page.wait(f"document.getElementById('right').src !== {picture!r}")
    assert page.text("#right-caption").startswith("Between, ")
    assert page.text("#left-caption").startswith("Before, ")
    page.press("ArrowLeft", SHIFT)
    page.wait("document.getElementById('left-caption').textContent.startsWith('Between')")
    page.press("v")
    page.wait("document.getElementById('right').alt.includes('Shortwave')")
    assert page.js("document.querySelector('#views [aria-pressed=true]').textContent") == "Shortwave infrared"
    page.press(" ")
    assert page.js("document.getElementById('slider').value") == "100"
    page.press(" ")
    assert page.js("document.getElementById('slider').value") == "0"
    outlines = "document.querySelectorAll('#overlay .site').length"
    assert page.js(outlines) == 2
    page.press("o")
    assert page.js(outlines) == 0
    page.press("j")
    page.wait(f"{SHOWN} !== '{before}'")
    page.press("PageUp")
    page.wait(f"{SHOWN} === '{before}'")
    page.press("?")
    assert "take back the last step" in page.text("dialog[open]")
    page.press("c")  # no verdict while the list of keys is open
    page.press("Escape")
    page.pump(0.3)
    assert page.js("document.querySelector('dialog[open]')") is None
    assert shown(page) == before
    assert "0 of 8 judged" in page.text("#done")


def test_a_key_that_is_held_judges_one_site(page: Page, here: Open) -> None:
    before = shown(page)
    event = {"key": "c", "code": "KeyC", "text": "c", "windowsVirtualKeyCode": 67}
    page.call("Input.dispatchKeyEvent", type="keyDown", **event)
    for _ in range(15):
        page.pump(0.05)
        page.call("Input.dispatchKeyEvent", type="keyDown", autoRepeat=True, **event)
    page.call("Input.dispatchKeyEvent", type="keyUp", **event)
    page.wait(f"{SHOWN} !== '{before}'")
    assert [name for name, row in rows(here).items() if row.verdict] == [before]


def test_ponds_are_set_moved_and_removed(page: Page, here: Open) -> None:
    def ponds() -> list[tuple[float, float]]:
        crs = shan().grid.crs
        moved = [reprojected(point.point, LONLAT, crs) for point in here.session.desk.storage.read().points]
        return [(point.x, point.y) for point in moved]

    site = shown(page)
    west, south, east, north = here.session.album(site).bounds_m
    middle = (west + east) / 2, (south + north) / 2
    page.press("p")
    page.pump(0.1)
    page.click("#stage")
    saved(page, "Saved: the pond point")
    assert Point(ponds()[0]).distance(Point(middle)) < 3
    for _ in range(4):
        page.press("ArrowRight", SHIFT)  # 4 × 8 × 5 m
    page.press("ArrowDown")
    page.press("Enter")
    page.wait("document.querySelectorAll('#overlay .point').length === 2")
    assert ponds()[1] == pytest.approx((middle[0] + 160, middle[1] - 5), abs=3)
    x, y = page.middle("#stage")
    side = page.js("document.getElementById('stage').clientWidth")
    page.drag((x, y), (x - side / 4, y))
    page.pump(0.2)
    saved(page, "Saved: the pond point")
    page.wait("document.querySelectorAll('#overlay .point').length === 2")
    until = time.monotonic() + 10
    while Point(ponds()[0]).distance(Point(middle)) < 100 and time.monotonic() < until:
        page.pump(0.1)
    assert ponds()[0] == pytest.approx((middle[0] - (east - west) / 4, middle[1]), abs=4)
    page.press("Tab")
    page.press("Delete")
    page.wait("document.querySelectorAll('#overlay .point').length === 1")
    saved(page, "is removed")
    assert len(ponds()) == 1
    page.press("Escape")
    page.press("z")
    page.wait("document.querySelectorAll('#overlay .point').length === 2")
    assert len(ponds()) == 2
    assert page.errors == []


def test_missed_sites_are_added_on_the_picture_and_on_the_map(page: Page, here: Open) -> None:
    def added() -> list[Review]:
        return [row for row in here.session.desk.storage.read().reviews if row.added]

    page.press("a")
    x, y = page.middle("#stage")
    for dx, dy in ((-150, -150), (-60, -180), (-110, -120)):
        page.click_at(x + dx, y + dy)
    page.press("Enter")
    page.type("two rows of ponds")
    page.press("Enter")
    saved(page, "Saved: your site")
    (row,) = added()
    assert (row.site_id, row.note, row.verdict) == (None, "two rows of ponds", "confirmed")
    assert len(row.polygon.geoms[0].exterior.coords) == 4
    page.press("a")
    page.click('[data-act="map-here"]')
    page.pump(0.2)
    mx, my = page.middle("#map")
    page.click_at(mx + 30, my + 30)
    page.wait("document.querySelectorAll('#map .corner').length === 1")
    page.press("Enter")
    page.press("Enter")
    page.wait("document.getElementById('at').textContent.endsWith('of 10')")
    assert len(added()) == 2
    page.press("z")
    page.wait("document.getElementById('at').textContent.endsWith('of 9')")
    assert len(added()) == 1
    page.js("document.body.focus()")
    for _ in range(9):
        page.press("j")
        page.pump(0.15)
    page.wait("document.getElementById('kind').textContent.includes('added by a person')")
    page.press("c")  # it has no name yet
    page.pump(0.3)
    assert "no pictures" in page.text("#missing")
    assert page.errors == []


def test_everything_is_also_a_button(page: Page, here: Open) -> None:
    before = shown(page)
    page.click('[data-act="reject"]')
    assert page.js("document.querySelector('[data-act=reject]').getAttribute('aria-expanded')") == "true"
    page.click("#reasons button:nth-of-type(10)")
    page.wait(f"{SHOWN} !== '{before}'")
    assert (rows(here)[before].verdict, rows(here)[before].reason) == ("rejected", "other")
    second = shown(page)
    page.click('[data-act="confirm"]')
    page.wait(f"{SHOWN} !== '{second}'")
    page.click('[data-act="undo"]')
    page.wait(f"{SHOWN} === '{second}'")
    page.click('[data-act="note"]')
    page.type("by hand")
    page.click("#noting button[type=submit]")
    saved(page, "the note on")
    assert (rows(here)[second].verdict, rows(here)[second].note) == (None, "by hand")
    page.click('[data-act="earlier"]')
    page.wait("document.getElementById('right-caption').textContent.startsWith('Between')")
    unnamed = page.js(
        "[...document.querySelectorAll('button, input, textarea')].filter((one) => one.offsetParent && "
        "!(one.textContent.trim() || one.getAttribute('aria-label') || one.labels?.length)).map((one) => one.outerHTML)"
    )
    assert unnamed == []
    alt = page.js("document.getElementById('right').alt")
    assert alt.startswith(second)
    assert alt.endswith("Natural colour")


def test_the_page_asks_nobody_but_its_own_server(page: Page, here: Open) -> None:
    press_and_wait(page, "c")
    own = here.url.rsplit("/", 2)[0]
    assert [url for url in page.outside() if not url.startswith(own)] == []
    token = here.url.split("/")[3]
    assert not [asked.url for asked in page.requests if "/api/" in asked.url and token in asked.url]


def test_a_damaged_cut_is_told_and_the_site_is_judged(page: Page, here: Open) -> None:
    while shown(page) != DAMAGED:
        before = shown(page)
        page.press("j")
        page.wait(f"{SHOWN} !== '{before}'")
    assert "damaged cut" in page.text("#missing")
    assert "ha" in page.text("#facts")
    press_and_wait(page, "c")
    assert rows(here)[DAMAGED].verdict == "confirmed"


def test_rows_that_could_not_be_understood_are_listed_on_the_page(tmp_path: Path, chromium: Browser) -> None:
    desk = desk_on(tmp_path / "reviews.gpkg", 2)
    with closing(sqlite3.connect(tmp_path / "reviews.gpkg")) as database:
        database.execute("UPDATE reviews SET verdict = '<i>yes</i>' WHERE site_id = 'SHN-0002'")
        database.commit()
    with opened(desk) as here:
        page = chromium.open(here.url)
        page.wait(SHOWN)
        assert "SHN-0002" in page.text("#problems")
        assert "<i>yes</i>" in page.text("#problems")


def test_a_locked_file_is_told_and_the_verdict_is_sent_again(
    page: Page, here: Open, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr(reviews_file, "PATIENCE_S", 0.3)
    before = shown(page)
    other = sqlite3.connect(here.session.desk.storage.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    page.press("c")
    page.wait("!document.getElementById('problem').hidden")
    assert "NOT SAVED: 1 verdict." in page.text("#problem")
    assert "QGIS" in page.text("#problem")
    assert "Saved" not in page.text("#saved")
    assert rows(here)[before].verdict is None
    other.execute("ROLLBACK")
    other.close()
    page.wait("document.getElementById('problem').hidden")
    saved(page, "that had to wait")
    assert rows(here)[before].verdict == "confirmed"


def test_what_a_colleague_said_meanwhile_is_shown_first(page: Page, here: Open) -> None:
    before = shown(page)
    here.session.desk.storage.judge(before, Verdict.UNSURE, None, "ask Aye", "Aye", here.session.desk.now())
    page.press("c")
    page.wait("!document.getElementById('problem').hidden")
    assert "somebody judged it meanwhile" in page.text("#problem")
    page.wait("document.getElementById('said').textContent.includes('Aye')")
    assert rows(here)[before].verdict == "unsure"
    press_and_wait(page, "c")
    assert (rows(here)[before].verdict, rows(here)[before].note) == ("confirmed", "ask Aye")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def program(path: Path, sites: int, port: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The desk as a process of its own, and its address."""
    root = Path(__file__).parent.parent
    process = subprocess.Popen(
        [sys.executable, str(root / "tests" / "desk_world.py"), str(path), str(sites), str(port)],
        stdout=subprocess.PIPE, text=True, cwd=root, env={**os.environ, "PYTHONPATH": str(root)},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        yield process, line.split()[-1]
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def told(page: Page) -> dict[str, tuple[str, str | None]]:
    """The last that the page said is saved, by site."""
    found = {}
    for words in page.js("window.told || []"):
        for site, verdict, reason in SAVED.findall(words):
            found[site] = (verdict, reason or None)
    return found


def kept(path: Path) -> dict[str, tuple[str | None, str | None]]:
    """What is on disk, by site, in the words of the page."""
    words = words_in()
    return {
        row.site_id: (row.verdict, words.of("reason", row.reason) if row.reason else None)
        for row in ReviewsFile(path).read().reviews
        if row.site_id
    }


def judge_at_random(page: Page, rng: random.Random, seconds: float) -> None:
    """Judge as fast as it goes for some time; a page whose server is gone is left as it is."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        key = rng.choice(["c", "u", "r"])
        page.press(key)
        if key == "r":
            page.press(rng.choice("1234567890"))
        page.pump(rng.uniform(0, 0.12))


def test_nothing_that_was_shown_as_saved_is_lost_when_the_server_is_killed(tmp_path: Path, chromium: Browser) -> None:
    path, port, rng, counts = tmp_path / "reviews.gpkg", free_port(), random.Random(17), []
    for _ in range(5):
        with program(path, 40, port) as (process, url):
            page = chromium.tab()
            page.goto(url)
            page.wait(SHOWN)
            page.js(SEEN)
            judge_at_random(page, rng, rng.uniform(0.5, 4.0))
            process.send_signal(signal.SIGKILL)
            process.wait()
            page.press("c")
            page.pump(0.5)
            said, now = told(page), kept(path)
            assert {site: now[site] for site in said} == said
            counts.append(len(said))
    assert sum(counts) > 5, counts


def test_nothing_that_was_shown_as_saved_is_lost_when_the_browser_is_killed(tmp_path: Path) -> None:
    path, rng, counts = tmp_path / "reviews.gpkg", random.Random(18), []
    with opened(desk_on(path, 40)) as desk:
        for _ in range(4):
            with browser(tmp_path) as running:
                page = running.open(desk.url)
                page.wait(SHOWN)
                page.js(SEEN)
                judge_at_random(page, rng, rng.uniform(0.5, 3.0))
                said, last = told(page), shown(page)
                page.press("c")
                running.kill()
            now = kept(path)
            if now[last] == ("confirmed", None):  # the last key was saved, and the page had no time to say so
                said[last] = now[last]
            assert {site: now[site] for site in said} == said
            counts.append(len(said))
    assert sum(counts) > 5, counts


def test_a_verdict_that_was_not_saved_is_sent_when_the_desk_is_back(tmp_path: Path, chromium: Browser) -> None:
    path, port = tmp_path / "reviews.gpkg", free_port()
    with program(path, 6, port) as (process, url):
        page = chromium.tab()
        page.goto(url)
        page.wait(SHOWN)
        site = shown(page)
        process.kill()
        process.wait()
        page.press("r")
        page.press("2")
        page.wait("!document.getElementById('problem').hidden")
        problem = page.text("#problem")
        assert problem.startswith(
            "NOT SAVED: 1 verdict. The desk does not answer; start it again: make review AOI=shan"
        )
        assert "\n" not in problem.strip()
        assert kept(path)[site] == (None, None)
    with program(path, 6, port) as (_, url):
        page.wait("document.getElementById('problem').textContent.includes('started anew')")
        again = chromium.tab()
        again.goto(url)
        again.wait("document.getElementById('saved').textContent.includes('that had to wait')")
        assert kept(path)[site] == ("rejected", "paddy field")


def test_sixty_candidates_by_keyboard(tmp_path: Path, chromium: Browser) -> None:
    """One key each, as soon as a site's picture is there; how fast is measured by `benchmarks/verdicts.py`."""
    path = tmp_path / "reviews.gpkg"
    with opened(desk_on(path, 60)) as desk:
        page = chromium.tab()
        page.viewport(1440, 900)
        page.goto(desk.url)
        page.wait(SHOWN)
        page.js(
            "window.shown = 0; new MutationObserver(() => shown++)"
            ".observe(document.documentElement, {attributes: true, attributeFilter: ['data-shown']})"
        )
        rng = random.Random(5)
        for k in range(59):
            page.press(rng.choice("cu"))
            page.wait(f"shown > {k}")
        page.press("c")
        saved(page, "All sites are judged.")
        assert [row.verdict for row in desk.session.desk.storage.read().reviews].count(None) == 0


def test_a_wrong_address_shows_no_page(here: Open, chromium: Browser) -> None:
    page = chromium.tab()
    page.goto(here.url[:-3] + "xx/")
    assert "open the whole address" in page.text()
    assert page.js("document.getElementById('verdicts')") is None


def test_another_page_in_the_browser_cannot_ask_or_write(here: Open, chromium: Browser, tmp_path: Path) -> None:
    """A page of another origin, open at the same time: it cannot read, write, frame or run the desk."""
    (tmp_path / "evil.html").write_text("<!doctype html><title>other</title><body></body>")
    page = chromium.open(tmp_path / "evil.html")
    base = here.url.rsplit("/", 2)[0]
    asked = f"fetch('{base}/api/desk', {{headers: {{'X-Leachwatch-Token': 'x'}}}})"
    for script in (
        asked,
        f"fetch('{here.url}')",
        f"fetch('{base}/api/act', {{method: 'POST', mode: 'cors', body: '{{}}'}})",
        f"fetch('{base}/api/act', {{method: 'POST', mode: 'no-cors', body: '{{}}'}})",
    ):
        with pytest.raises(Failed, match="Failed to fetch"):
            page.js(script)
    page.js(f"document.body.innerHTML = '<iframe src=\"{here.url}\"></iframe>'")
    page.pump(1)
    assert any("frame" in error.lower() or "refused" in error.lower() or "403" in error for error in page.errors)
    assert all(row.verdict is None for row in rows(here).values())
