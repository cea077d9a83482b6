"""The driver of Chromium notes what a page does, so that a test that finds nothing wrong means something."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import SHIFT, Browser, Failed, Page, browser, needs_chromium

pytestmark = needs_chromium
PAGE = """<!doctype html><title>t</title><input id=text><button id=add onclick="added()">add</button><p id=count>0</p>
<script>
let count = 0, keys = [];
function added() { document.getElementById("count").textContent = ++count; }
addEventListener("keydown", (event) => keys.push((event.shiftKey ? "Shift+" : "") + event.key + "/" + event.code));
</script>"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture
def page(chromium: Browser, tmp_path: Path) -> Page:
    (tmp_path / "page.html").write_text(PAGE)
    return chromium.open(tmp_path / "page.html")


def test_keys_clicks_and_text_arrive_as_a_persons(page: Page) -> None:
    page.click("#add")
    page.press("Enter")  # the button has the focus
    assert page.text("#count") == "2"
    page.click("#text")
    page.type("Möng 7?")
    assert page.js("document.getElementById('text').value") == "Möng 7?"
    page.press("Tab", SHIFT)
    assert page.js("keys.at(-1)") == "Shift+Tab/Tab"
    assert page.wait("count === 2")
    with pytest.raises(Failed, match="not on the page"):
        page.click("#none")
    with pytest.raises(Failed, match="not true"):
        page.wait("count > 5", seconds=0.2)
    with pytest.raises(Failed, match="ReferenceError"):
        page.js("nothing")


def test_requests_and_errors_are_noted(page: Page) -> None:
    assert page.outside() == []
    assert page.errors == []
    page.js("void (new Image().src = 'http://127.0.0.1:9/x.png')")
    page.js("void fetch('http://127.0.0.1:9/y').catch(() => 0)")
    page.js("console.error('said')")
    page.js("void setTimeout(() => { throw new Error('thrown'); })")
    assert page.outside() == ["http://127.0.0.1:9/x.png", "http://127.0.0.1:9/y"]
    assert any("said" in text for text in page.errors)
    assert any("thrown" in text for text in page.errors)


def test_sizes_pictures_and_prints(page: Page, tmp_path: Path) -> None:
    page.viewport(390, 800, phone=True)
    assert page.js("innerWidth") >= 390
    page.screenshot(tmp_path / "shot.png")
    assert (tmp_path / "shot.png").read_bytes().startswith(b"\x89PNG")
    page.pdf(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
    page.media("print")
    assert page.js("matchMedia('print').matches")
    page.media("", prefers_color_scheme="dark")
    assert page.js("matchMedia('(prefers-color-scheme: dark)').matches")


def test_questions_are_noted_and_answered_with_yes(page: Page) -> None:
    assert page.js("confirm('sure?')") is True
    assert page.dialogs == ["sure?"]


def test_it_can_be_killed(tmp_path: Path) -> None:
    with browser(tmp_path) as running:
        running.open("about:blank")
        running.kill()
        assert running.process.returncode == -9
