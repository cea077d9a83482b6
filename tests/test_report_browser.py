"""The page in a real browser, at the width of a phone and of a desk, by keyboard, without scripts, and on paper."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from browser import SHIFT, Browser, Page, browser, needs_chromium
from editions import album, edition, statement

from pipeline.pictures.album import View
from pipeline.report.page import write_report
from pipeline.sites.history import SiteStatus

pytestmark = needs_chromium
PHONE, DESK = (390, 844), (1280, 900)
MANY = [statement(number, began=1 + number % 15) for number in range(1, 41)]
FEW = MANY[:3]
HOSTILE = "<script>document.title='broken'</script><img src=x onerror=\"document.title='broken'\">"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages of many sites, of few, of none, and of hostile texts."""
    folder = tmp_path_factory.mktemp("pages")
    albums = {one.site.site_id: album(one, 64) for one in MANY}
    rejected = statement(
        50, status=SiteStatus.REJECTED, verdict="rejected", verdict_reason="paddy", reviewed_on=date(2025, 7, 1)
    )
    hostile = replace(FEW[0], site=replace(FEW[0].site, earlier_dates=HOSTILE, source=HOSTILE))
    area = replace(edition().aoi, title=HOSTILE)
    missing = replace(albums["HLS-0001"], missing=HOSTILE)
    pages = {
        "many": (edition(*MANY, rejected, simulated=True), albums, "made up"),
        "few": (edition(*FEW), albums, None),
        "none": (edition(), {}, None),
        "hostile": (edition(hostile, aoi=area), {"HLS-0001": missing}, HOSTILE),
    }
    for name, (one, shown, notice) in pages.items():
        write_report(folder / f"{name}.html", one, shown, notice)
    return {name: folder / f"{name}.html" for name in pages}


def opened(chromium: Browser, path: Path, size: tuple[int, int] = DESK) -> Page:
    page = chromium.tab()
    page.viewport(*size, phone=size == PHONE)
    page.media("", prefers_reduced_motion="reduce")
    page.goto(path)
    return page


def show(page: Page, site_id: str) -> None:
    """Scroll to a site that is open, and wait for its pictures."""
    page.middle(f"#{site_id} .stage")
    page.wait(f"document.querySelector('#{site_id} img.left').naturalWidth === 64")


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("name", ["many", "few", "none", "hostile"])
def test_it_fits_asks_for_nothing_and_has_no_errors(
    name: str, size: tuple[int, int], chromium: Browser, files: dict[str, Path]
) -> None:
    page = opened(chromium, files[name], size)
    page.js("document.querySelectorAll('details').forEach((details) => (details.open = true))")
    assert page.js("document.documentElement.scrollWidth") <= size[0]
    wide = page.js(
        "[...document.querySelectorAll('main *')].filter((e) => !e.closest('.sideways, #movable') && e.offsetParent"
        " && e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML.slice(0, 80))"
    )
    assert wide == []
    assert page.outside() == []
    assert page.errors == []
    assert [asked.url for asked in page.requests if not asked.url.startswith("data:")] == [files[name].as_uri()]
    assert page.js("document.title") != "broken"


def test_a_request_would_be_seen_and_is_refused(chromium: Browser, files: dict[str, Path], tmp_path: Path) -> None:
    """That the tests find none means something: pages that ask are caught, by the policy and by the watch."""
    text = files["few"].read_text()
    asks = '<img src="http://127.0.0.1:9/seen.png"><script>document.title = "ran"</script></main>'
    (tmp_path / "asks.html").write_text(text.replace("</main>", asks))
    page = opened(chromium, tmp_path / "asks.html")
    page.wait("document.readyState === 'complete'")
    page.pump(0.3)
    assert page.js("document.title") != "ran"
    assert any("Content Security Policy" in error for error in page.errors)
    policy = re.search('<meta http-equiv="Content-Security-Policy"[^>]*>', text)[0]
    (tmp_path / "free.html").write_text(text.replace(policy, "").replace("</main>", asks))
    assert opened(chromium, tmp_path / "free.html").outside() == ["http://127.0.0.1:9/seen.png"]


def test_the_headline_is_right(chromium: Browser, files: dict[str, Path]) -> None:
    page = opened(chromium, files["many"])
    assert page.text("#short .lead") == (
        "40 suspected leach-pond sites are listed for Hills, from satellite imagery of January 2024 to June 2025."
    )
    assert "1 more was rejected" in page.text("#short")
    assert page.text(".banner").upper().startswith("SIMULATED")
    assert "No suspected leach-pond site was found in Hills" in opened(chromium, files["none"]).text("#short")


def test_hostile_texts_are_read_as_they_are(chromium: Browser, files: dict[str, Path]) -> None:
    page = opened(chromium, files["hostile"])
    assert page.text("h1") == f"Suspected leach-pond sites in {HOSTILE}"
    assert HOSTILE in page.text(".shown .note")


def test_the_slider_works_by_keyboard_and_by_mouse(chromium: Browser, files: dict[str, Path]) -> None:
    page = opened(chromium, files["few"])
    show(page, "HLS-0001")
    clip = "document.querySelector('#HLS-0001 .before').style.clipPath"
    page.middle("#HLS-0001 .slider")
    page.js("document.querySelector('#HLS-0001 .slider').focus()")
    assert page.js(clip) == "inset(0px 50% 0px 0px)"
    page.press("ArrowLeft")
    assert page.js(clip) == "inset(0px 51% 0px 0px)"
    page.press("End")
    assert page.js(clip) == "inset(0px 0% 0px 0px)"
    value = page.js("document.querySelector('#HLS-0001 .slider').getAttribute('aria-valuetext')")
    assert re.fullmatch(r"100% Before, \d+ \w+ 2024, the rest Latest, \d+ June 2025", value)
    x, y = page.middle("#HLS-0001 .stage")
    page.drag((x, y), (x - 100, y))
    page.wait("Math.abs(document.querySelector('#HLS-0001 .slider').value - 30) < 8")
    page.js("document.querySelector('#HLS-0001 .slider').focus()")
    page.press("Tab", SHIFT)
    assert page.js("document.activeElement.name") == "view-HLS-0001"


def test_other_colours_and_looks_can_be_chosen(chromium: Browser, files: dict[str, Path]) -> None:
    page = opened(chromium, files["few"])
    show(page, "HLS-0001")
    first = page.js("document.querySelector('#HLS-0001 img.right').src")
    page.js("document.querySelector('#HLS-0001 input[type=radio]').focus()")
    page.press("ArrowRight")
    shown = page.js("document.querySelector('#HLS-0001 img.right').src")
    assert shown != first
    assert page.js("document.querySelector('#HLS-0001 img.right').alt").lower().startswith(View.SWIR)
    assert page.text("#HLS-0001 .compare").count("forest is green") == 1
    assert "As an eye would see it" not in page.text("#HLS-0001 .compare")
    page.middle("#HLS-0001 .pick-right")
    page.js("document.querySelector('#HLS-0001 .pick-right').focus()")
    page.press("ArrowUp")
    assert page.js("document.querySelector('#HLS-0001 img.right').src") != shown
    assert page.text("#HLS-0001 .right-more").startswith("First seen, ")
    assert page.text("#HLS-0001 .after .when").startswith("First seen, ")


def test_the_table_sorts_by_keyboard_and_says_how(chromium: Browser, files: dict[str, Path]) -> None:
    page = opened(chromium, files["many"])
    column = "[...document.querySelectorAll('table.sortable tbody tr')].map((row) => Number(row.cells[2].dataset.key))"
    page.js("document.querySelectorAll('table.sortable button')[2].focus()")
    page.press("Enter")
    areas = page.js(column)
    assert areas == sorted(areas)
    assert len(set(areas)) > 30
    assert page.js("document.querySelectorAll('table.sortable th')[2].getAttribute('aria-sort')") == "ascending"
    page.press(" ")
    assert page.js(column) == sorted(areas, reverse=True)
    assert page.js("[...document.querySelectorAll('[aria-sort]')].map((head) => head.ariaSort)") == ["descending"]


def test_what_is_not_known_comes_last_either_way(chromium: Browser, tmp_path: Path) -> None:
    one = edition(statement(1, confidence=None, added=True), *MANY[1:4])
    write_report(tmp_path / "report.html", one, {})
    page = opened(chromium, tmp_path / "report.html")
    for _ in range(2):
        page.click("table.sortable th:nth-child(5) button")
        assert page.js("document.querySelector('table.sortable tbody').rows[3].cells[0].dataset.key") == "HLS-0001"


def test_a_site_opens_from_the_table_from_the_map_and_from_its_address(
    chromium: Browser, files: dict[str, Path]
) -> None:
    page = opened(chromium, files["many"])
    is_open = "document.getElementById('{}').open"
    assert not page.js("document.querySelector('details.site[open]')")
    page.js("document.querySelector('a[href=\"#HLS-0030\"]').focus()")
    page.press("Enter")
    page.wait(is_open.format("HLS-0030"))
    show(page, "HLS-0030")
    assert page.js("document.querySelector('#HLS-0030 .chart svg').getAttribute('aria-label')").startswith("HLS-0030")
    page.wait("document.activeElement.closest('details')?.id === 'HLS-0030'")
    page.click_at(*page.middle("#movable path.mark.new:last-of-type"))
    page.wait("document.querySelectorAll('details.site[open]').length === 2")
    page.goto(f"{files['many'].as_uri()}#HLS-0007")
    page.reload()
    page.wait(is_open.format("HLS-0007"))
    page.click("#HLS-0007 .to-map")
    page.wait("document.activeElement.id === 'movable'")
    page.wait("document.querySelector('.leaflet-tooltip')?.textContent === 'HLS-0007'")


def test_everything_can_be_reached_by_keyboard_and_the_focus_is_seen(chromium: Browser, files: dict[str, Path]) -> None:
    page = opened(chromium, files["few"])
    wanted = page.js(
        "[...document.querySelectorAll('a[href], button, input, select, summary, [tabindex=\"0\"]')]"
        ".filter((e) => e.checkVisibility() && !(e.type === 'radio' && !e.checked)).length"
    )
    seen = set()
    for _ in range(wanted + 2):
        page.press("Tab")
        seen.add(page.js("[...document.querySelectorAll('*')].indexOf(document.activeElement)"))
        assert page.js("document.activeElement === document.body || getComputedStyle(document.activeElement).outlineStyle") in (
            "solid", "auto", True,
        )  # fmt: skip
    assert len(seen) >= wanted
    page.goto(files["few"])
    page.press("Tab")
    assert page.js("document.activeElement.className") == "skip"
    page.press("Enter")
    assert page.js("document.activeElement.id") == "main"


def test_without_scripts_the_headline_the_table_and_the_facts_are_there(
    chromium: Browser, files: dict[str, Path]
) -> None:
    page = chromium.tab()
    page.scripts(allowed=False)
    page.viewport(*PHONE, phone=True)
    page.goto(files["few"])
    page.scripts(allowed=True)  # only so that the test may ask
    text = page.text()
    for words in ("3 suspected leach-pond sites", "Without JavaScript this page", "Latitude, longitude", "How to cite"):
        assert words in text
    assert page.js("document.querySelector('.drawn-map').checkVisibility()")
    assert not page.js("document.querySelector('.compare').checkVisibility()")
    assert "Choose a column's heading" not in text


def test_it_prints_with_the_pictures_of_the_first_sites(
    chromium: Browser, files: dict[str, Path], tmp_path: Path
) -> None:
    page = opened(chromium, files["many"])
    page.pdf(tmp_path / "report.pdf")
    content = (tmp_path / "report.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", content)) > 20
    assert content.count(b"/Subtype /Image") >= 2 * 40  # before and latest of every site
    assert page.js("document.querySelectorAll('details.site[open]').length") == 0  # as it was
    assert page.outside() == []
    page.media("print")
    assert not page.js("document.querySelector('#movable').checkVisibility()")
    assert page.js("document.querySelector('.drawn-map').checkVisibility()")


def test_only_pictures_that_somebody_opens_are_decoded(chromium: Browser, files: dict[str, Path]) -> None:
    page = opened(chromium, files["many"])
    page.pump(0.2)
    assert page.js("[...document.images].filter((image) => image.src).length") == 0
    page.js("document.getElementById('HLS-0001').open = true")
    show(page, "HLS-0001")
    assert page.js("[...document.images].filter((image) => image.src).length") == 2
