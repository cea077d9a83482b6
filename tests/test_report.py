"""The page without a browser: what it says, that it is honest, escaped, asks for nothing, and is the same each time."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest
from editions import AREA, BLIND, MONTHS, album, edition, statement

from pipeline import __version__
from pipeline.aoi import Aoi
from pipeline.errors import InputError
from pipeline.export.edition import Edition
from pipeline.report import evidence
from pipeline.report.bars import ticks
from pipeline.report.mapping import lines, report_map
from pipeline.report.page import report_html, text_of, write_report, years
from pipeline.report.summary import Age, age, recent_months, summarised
from pipeline.report.timeline import Ponds, counts, ponds_on
from pipeline.sites.history import EventKind, SiteStatus
from pipeline.sites.states import SiteState

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> </script><!--"
REJECTED = statement(
    3, status=SiteStatus.REJECTED, verdict="rejected", verdict_reason="fish pond", reviewed_on=date(2025, 7, 2)
)
ADDED = statement(
    4, confidence=None, added=True, ground_by=None, ponds_after=None, ponds_by=None, last_seen=None, last_clear=None,
    clear_looks=0, pond_area_m2=0.0, pond_area_low_m2=0.0, pond_area_high_m2=0.0, ground_area_m2=0.0,
    verdict="confirmed", reviewed_on=date(2025, 7, 1),
)  # fmt: skip
ADDED = replace(ADDED, looks=(), events=())
AREAS = {"pond_area_m2": 3900.0, "pond_area_low_m2": 2700.0, "pond_area_high_m2": 5800.0}
OLD, NEW = statement(1, began=3, **AREAS), statement(2, began=12)


class Page(HTMLParser):
    """What a page holds: its elements, and its text outside of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.scripts: list[tuple[str | None, str]] = []
        self._inside: list[str] = []
        self.feed(text)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._inside.append(tag)
            self.scripts += [(dict(attrs).get("type"), "")] if tag == "script" else []

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self.words.append(data)
        elif self._inside[-1] == "script":
            kind, text = self.scripts[-1]
            self.scripts[-1] = (kind, text + data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def held(self) -> list[dict[str, object]]:
        """What lies in it as JSON, that of sites first."""
        return [json.loads(text) for kind, text in self.scripts if kind == "application/json"]


def page(one: Edition, albums: object = None, notice: str | None = None) -> Page:
    return Page("".join(report_html(one, albums or {}, notice)))


def test_the_headline_is_right() -> None:
    """Five sites: one of old, one of late, one rejected, one drawn by a person, one that may be of late."""
    maybe = statement(5, began=6)  # built in the blind month, which the recent months begin with
    one = edition(OLD, NEW, REJECTED, ADDED, maybe)
    summary = summarised(one)
    assert (summary.sites, summary.added, summary.rejected, summary.new, summary.maybe_new) == (4, 1, 1, 1, 1)
    assert summary.recent == ("2024-07", "2025-06")
    assert summary.scored == 3
    assert summary.expected == pytest.approx(sum(s.site.confidence for s in (OLD, NEW, maybe)))
    assert (summary.confirmed, summary.unsure, summary.unreviewed) == (1, 0, 3)
    assert (summary.seen_last_month, summary.seen, summary.unseen_months) == (0.355, 0.97, (BLIND,))
    text = page(one).text
    for words in (
        "4 suspected leach-pond sites are listed for Hills, from satellite imagery of January 2024 to June 2025.",
        "1 of them was added by a person; the detector had not reported it.",
        "1 more was rejected by a reviewer and is listed apart.",
        "1 surely began in the last 12 months of imagery",
        "1 more may have: no clear look tells.",
        "That is July 2024 to June 2025.",
        f"by the model's own reckoning: {summary.expected:.1f} of 3",
        "Where they are rare, more of a list is false.",
        "Reviewers have decided on 2 sites: 1 confirmed, 1 rejected. Not decided: 3.",
        "36% of the area was seen clearly in June 2025",
        "64% was not, and nothing is said of it for that month.",
        "In 1 of 18 months nothing was seen at all.",
    ):
        assert words in text


def test_a_site_began_of_late_only_if_a_clear_look_says_so() -> None:
    recent = recent_months(MONTHS)
    assert recent == ("2024-07", "2025-06")
    dated = {"ponds_after": date(2024, 6, 30), "ponds_by": date(2024, 7, 9)}
    assert age(replace(OLD.site, **dated), recent) == Age.NEW
    assert age(replace(OLD.site, **{**dated, "ponds_after": date(2024, 6, 29)}), recent) == Age.MAYBE_NEW
    assert age(replace(OLD.site, **{**dated, "ponds_after": None}), recent) == Age.MAYBE_NEW
    assert age(replace(OLD.site, ponds_after=None, ponds_by=date(2024, 6, 30)), recent) == Age.OLDER
    ground = {"ponds_after": None, "ponds_by": None, "ground_after": date(2025, 1, 1), "ground_by": date(2025, 2, 1)}
    assert age(replace(OLD.site, **ground), recent) == Age.NEW
    assert age(ADDED.site, recent) == Age.UNDATED
    assert recent_months(("2025-05", "2025-06")) == ("2025-05", "2025-06")
    assert recent_months(()) is None
    assert age(OLD.site, None) == Age.UNDATED


def test_a_site_has_ponds_for_sure_only_between_looks_that_show_them() -> None:
    """Built between 14 April and 8 June, idle between 3 October and 6 November, seen last in December."""
    looks = [replace(OLD.looks[0], day=day, state=state) for day, state in (
        (date(2024, 4, 14), SiteState.CLEARED), (date(2024, 6, 8), SiteState.PONDS), (date(2024, 10, 3), SiteState.PONDS),
        (date(2024, 11, 6), SiteState.IDLE), (date(2024, 12, 4), SiteState.IDLE),
    )]  # fmt: skip
    site = replace(OLD.site, ponds_after=date(2024, 4, 14), ponds_by=date(2024, 6, 8))
    one = replace(OLD, site=site, looks=tuple(looks))
    found = [ponds_on(one, date(2024, month, 28)) for month in range(1, 13)]
    no, maybe, yes = Ponds.NO, Ponds.MAYBE, Ponds.YES
    assert found == [no, no, no, maybe, maybe, yes, yes, yes, yes, maybe, no, no]
    assert ponds_on(one, date(2024, 4, 14)) == no
    assert ponds_on(one, date(2024, 6, 8)) == yes
    there = replace(one, site=replace(site, ponds_after=None, ponds_by=date(2024, 6, 8)))
    assert ponds_on(there, date(2020, 1, 1)) == maybe
    assert ponds_on(ADDED, date(2025, 1, 1)) == no
    bare = replace(one, looks=())
    assert ponds_on(bare, date(2025, 1, 1)) == yes
    ended = replace(bare, site=replace(site, status=SiteStatus.ENDED, last_seen=date(2024, 9, 1)))
    assert [ponds_on(ended, date(2024, month, 28)) for month in (8, 9)] == [yes, no]


def test_months_are_counted_as_intervals_and_rejected_sites_are_not() -> None:
    found = {count.month: count for count in counts(edition(OLD, NEW, REJECTED))}
    assert list(found) == list(MONTHS)
    assert (found["2024-01"].surely, found["2024-01"].possibly) == (0, 0)
    assert (found["2024-03"].surely, found["2024-03"].possibly) == (0, 1)  # built in April, before the look there
    assert (found["2024-12"].surely, found["2024-12"].possibly) == (1, 2)
    assert (found["2025-06"].surely, found["2025-06"].possibly) == (2, 2)
    assert (found[BLIND].seen, found["2025-06"].seen) == (0.0, 0.355)
    assert counts(edition(OLD, months=())) == []


def test_bars_and_lines_stand_on_round_numbers() -> None:
    assert ticks(0) == [0, 1]
    assert ticks(6) == [0, 2, 4, 6]
    assert ticks(7) == [0, 2, 4, 6, 8]
    assert ticks(500) == [0, 200, 400, 600]
    assert lines(97.97, 99.03) == [98.0, 98.5, 99.0]


def test_what_was_seen_is_on_the_map() -> None:
    drawn = report_map(edition(OLD, NEW))
    assert drawn.seen_last.bounds == (98, 21, 99, 21.4)
    assert drawn.seen_before.bounds == pytest.approx((98, 21.4, 99, 22.1))
    assert [(mark.site_id, mark.mark) for mark in drawn.sites] == [("HLS-0001", "older"), ("HLS-0002", "new")]
    svg = page(edition(OLD, NEW)).all("circle")
    assert [circle["class"] for circle in svg] == ["mark older", "mark new"]


def test_every_site_has_its_facts_and_rejected_ones_stand_apart() -> None:
    one = edition(OLD, REJECTED, ADDED)
    found = page(one, lambda site_id: album(OLD) if site_id == "HLS-0001" else None)
    ids = [attributes["id"] for attributes in found.all("details") if attributes.get("class") == "site"]
    assert ids == ["HLS-0001", "HLS-0004"]
    assert "HLS-0003 fish pond 2 July 2025" in found.text
    assert found.text.count("HLS-0003") == 1
    assert "HLS-0004 added by a person" in found.text
    assert "none: it rests on the word of a person" in found.text
    assert "Status confirmed by a reviewer Ponds began not dated" in found.text  # of a site that no look shows
    assert "First listed 1 July 2025" in found.text
    assert "No pictures were made of this site." in found.text
    assert "0.39 ha (8 in 10 chances: 0.27 to 0.58 ha)" in found.text
    assert "1 site without dated ponds is in no bar." in found.text


def test_what_is_not_listed_any_more_is_told() -> None:
    """A site that was withdrawn, once and for all; one that is back is no such site."""
    event = replace(OLD.events[0], kind=EventKind.WITHDRAWN, after=None, by=date(2025, 6, 3))
    moved = replace(event, kind=EventKind.MERGED, site_id="HLS-0009")
    one = edition(OLD, events=(event, replace(event, site_id="HLS-0008"), moved))
    assert [(gone.site_id, gone.kind) for gone in evidence.gone(one)] == [
        ("HLS-0008", EventKind.WITHDRAWN), ("HLS-0009", EventKind.MERGED),
    ]  # fmt: skip
    text = page(one).text
    assert "HLS-0008 withdrawn: by 3 Jun 2025" in text
    assert "HLS-0009 became part of another site: by 3 Jun 2025" in text
    assert "No longer listed" not in page(edition(OLD)).text


def test_pictures_lie_beside_the_page_and_say_what_is_seen() -> None:
    found = page(edition(OLD), {"HLS-0001": album(OLD)})
    assert not any(image.get("src") for image in found.all("img"))
    pictured = found.held()[0]
    assert pictured["left"] == 0
    assert pictured["right"] == 2
    assert pictured["chart"].startswith("<svg")
    before, _, latest = pictured["frames"]
    assert base64.b64decode(before["images"][0].removeprefix("data:image/webp;base64,"))[8:12] == b"WEBP"
    assert before["alts"][0] == (
        f"Natural colour, {before['label'].removeprefix('Before, ')}: cleared ground without ponds was seen, "
        "at the middle of 1.3 km of ground, north up."
    )
    assert "ponds were seen" in latest["alts"][1]


def test_a_picture_that_is_missing_is_told() -> None:
    whole = album(OLD, missing="the cut of 3 March is damaged")
    frames = tuple(replace(frame, images=dict(list(frame.images.items())[:2])) for frame in whole.frames)
    found = page(edition(OLD), {"HLS-0001": replace(whole, frames=frames)})
    assert "the cut of 3 March is damaged" in found.text
    assert found.held()[0]["frames"][0]["images"][2] == ""
    assert "The model has not looked at this picture." in found.text


def test_what_is_simulated_says_so_at_the_top_in_print_and_on_each_site() -> None:
    found = page(edition(OLD, NEW, REJECTED, simulated=True), notice="made by the simulator")
    html = "".join(report_html(edition(OLD, simulated=True), {}))
    assert html.index('class="banner"') < html.index("<header>")
    assert '@page { @top-center { content: "SIMULATED.' in html
    assert "<title>Simulated: " in html
    assert found.text.count("simulated") >= 5  # each site twice, and the rejected one
    assert "SIMULATED data; do not cite as findings." in found.text
    assert "made by the simulator" in found.text
    assert "Copernicus" not in found.text
    real = page(edition(OLD))
    assert "imulated " not in real.text.split("How it was done")[0].replace("learnt this on simulated ground", "")
    assert "Contains modified Copernicus Sentinel data 2024–2025." in real.text


def test_no_name_of_a_reviewer_and_no_clock_is_in_it(tmp_path: Path) -> None:
    one = edition(OLD, NEW, simulated=True)
    write_report(tmp_path / "a.html", one, {"HLS-0001": album(OLD)}, "notice")
    write_report(tmp_path / "b.html", one, lambda site_id: album(OLD) if site_id == "HLS-0001" else None, "notice")
    first = (tmp_path / "a.html").read_bytes()
    assert first == (tmp_path / "b.html").read_bytes()
    for fact in (__version__, "0123456789ab", "third", "ab" * 32, AREA.digest):
        assert fact in first.decode()


def test_without_sites_it_reads_well() -> None:
    found = page(edition())
    assert "No suspected leach-pond site was found in Hills, in satellite imagery of January 2024" in found.text
    assert "This holds for the ground that was seen, and for no other." in found.text
    assert "There are no suspected sites to list." in found.text
    assert "There is no list whose truth could be judged." in found.text
    assert not found.all("details")[1:]
    assert "Evidence, site by site" not in found.text


def test_without_any_month_it_reads_well() -> None:
    found = page(edition(months=(), seen_in={}, seen_share=0.0, coverage=lambda: iter(())))
    for words in (
        "Nothing has been looked at yet.",
        "There is no month to show.",
        "No month of imagery is covered yet",
    ):
        assert words in found.text


def test_hostile_texts_are_text() -> None:
    area = Aoi("x", HOSTILE, "HLS", AREA.polygon)
    site = replace(OLD.site, site_id="HLS-0001", earlier_dates=HOSTILE, parent=HOSTILE, source=HOSTILE)
    one = edition(
        replace(OLD, site=site), aoi=area, provenance=replace(edition().provenance, source=HOSTILE, model=HOSTILE)
    )
    html = "".join(report_html(one, {"HLS-0001": album(OLD, missing=HOSTILE)}, HOSTILE))
    plain, found = page(edition(OLD), {"HLS-0001": album(OLD)}), Page(html)
    assert len(found.scripts) == len(plain.scripts)
    assert len(found.all("img")) == len(plain.all("img"))
    assert not [name for _, attributes in found.elements for name in attributes if name.startswith("on")]
    assert "alert(1)" in found.text


def test_hostile_labels_of_pictures_do_not_leave_their_script() -> None:
    frame = replace(album(OLD).frames[0], overpass=HOSTILE)
    found = page(edition(OLD), {"HLS-0001": replace(album(OLD), frames=(frame,))})
    assert HOSTILE in found.held()[0]["frames"][0]["more"]
    assert not any("alert(1)" in text for kind, text in found.scripts if kind is None)


def test_the_page_may_load_nothing_and_runs_its_own_scripts_only() -> None:
    found = page(edition(OLD), {"HLS-0001": album(OLD)})
    (policy,) = [meta["content"] for meta in found.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src 'sha256-")
    scripts = [text for kind, text in found.scripts if kind is None]
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts]
    assert re.findall(r"'sha256-([^']+)'", policy) == hashes
    assert [link["href"] for link in found.all("link")] == ["data:,"]
    assert not any("src" in script for script in found.all("script"))
    assert all(link["href"].startswith("#") for link in found.all("a"))


def test_styles_and_drawings_name_no_address() -> None:
    for name in ("page.css", "page.js"):
        assert (
            not re.search(r"url\(|https?:|//[a-z]", text_of("template", name).replace("://", ""), re.I)
            or name == "page.js"
        )
    assert "url(" not in text_of("leaflet", "leaflet.css")
    assert "sourceMappingURL" not in text_of("leaflet", "leaflet.js")


def test_headings_are_in_order_and_every_part_has_a_name() -> None:
    found = page(edition(OLD, NEW, REJECTED), {"HLS-0001": album(OLD)})
    levels = [int(tag[1]) for tag, _ in found.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))
    ids = [attributes["id"] for _, attributes in found.elements if attributes.get("id")]
    assert len(ids) == len(set(ids))
    for attribute in ("aria-labelledby",):
        assert {attrs[attribute] for _, attrs in found.elements if attribute in attrs} <= set(ids)
    assert {link["href"].removeprefix("#") for link in found.all("a")} <= set(ids)
    assert found.all("html")[0]["lang"] == "en"
    assert all(svg.get("aria-label") for svg in found.all("svg"))
    assert all("alt" in image for image in found.all("img"))


PALETTE = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", text_of("template", "page.css")))
TEXT_ON = [
    ("ink", "paper"), ("ink", "soft"), ("ink", "warn"), ("ink", "mark"), ("muted", "paper"), ("muted", "soft"),
    ("muted", "area"), ("muted", "seen-before"), ("link", "paper"), ("link", "soft"), ("paper", "ink"), ("ink", "unseen"),
]  # fmt: skip
DRAWN_ON = [
    ("new", "area"), ("older", "area"), ("over", "area"), ("new", "seen-last"), ("older", "seen-last"),
    ("over", "seen-last"), ("surely", "paper"), ("surely", "unseen"), ("seen", "paper"), ("area-edge", "paper"),
    ("focus", "paper"), ("surely", "possibly"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("above", "below", "least"), [(*pair, 4.5) for pair in TEXT_ON] + [(*pair, 3.0) for pair in DRAWN_ON]
)
def test_contrast(above: str, below: str, least: float) -> None:
    """WCAG 2.2: text 4.5, what is drawn 3."""
    light, dark = sorted((luminance(PALETTE[above]), luminance(PALETTE[below])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= least


def luminance(colour: str) -> float:
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_colours_are_named_once() -> None:
    """No colour stands outside of the palette, whose contrast is tested."""
    rest = re.sub(r":root \{.*?\n\}", "", text_of("template", "page.css"), flags=re.S)
    assert not re.findall(r"#[0-9a-f]{3,8}\b(?![^{]*\{)", rest)
    assert not re.findall(r"rgba?\(|hsl", rest)


def test_years_and_languages() -> None:
    assert [years(months) for months in ((), ("2024-05",), ("2023-12", "2024-01", "2025-01"))] == [
        "",
        "2024",
        "2023–2025",
    ]
    with pytest.raises(InputError, match="language tlh"):
        report_html(edition(), {}, language="tlh")
