"""`public.html`: one page that stands on its own, works offline and asks nobody for anything."""

import base64
import hashlib
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path

from pipeline import __version__, atomic
from pipeline.export.edition import Edition
from pipeline.export.manifest import SIMULATED
from pipeline.months import month_of
from pipeline.public.chart import chart, class_words
from pipeline.public.files import limits, method
from pipeline.public.globe import Cell
from pipeline.public.rules import FEW, Rules
from pipeline.public.style import CSS
from pipeline.public.tally import HIGH, MEDIUM, Count, Tally
from pipeline.words import Words

HEADS = ("cell", "sites", "confirmed", "confidence", "activity", "pond_area", "first_seen")
AMOUNTS = frozenset({"sites", "confirmed"})
"""Columns of numbers."""


def write_page(path: Path, counted: Tally, edition: Edition, rules: Rules, words: Words) -> None:
    """Write the page; raises as `atomic.write_text`."""
    title = words("public.title")
    if counted.title is not None:
        title = words("products.in_area", area=counted.title, what=title)
    page = ET.Element("html", lang=words.language)
    _head(ET.SubElement(page, "head"), title)
    body = ET.SubElement(ET.SubElement(page, "body"), "main")
    if edition.provenance.simulated:
        _put(body, "p", SIMULATED, **{"class": "simulated"})
    _put(body, "h1", title)
    _headline(body, counted, edition, rules, words)
    _map(body, counted, words)
    _table(body, counted, words)
    _put(body, "h2", words("public.how"))
    _list(body, [*method(rules, words), words("public.used", version=__version__)])
    _put(body, "h2", words("public.not_said"))
    _list(body, limits(words))
    _citation(body, edition, rules, words)
    atomic.write_text(path, f"<!doctype html>\n{ET.tostring(page, encoding='unicode', method='html')}\n")


def _head(head: ET.Element, title: str) -> None:
    allowed = base64.b64encode(hashlib.sha256(CSS.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{allowed}'; base-uri 'none'; form-action 'none'"
    ET.SubElement(head, "meta", charset="utf-8")
    ET.SubElement(head, "meta", {"http-equiv": "Content-Security-Policy", "content": policy})
    ET.SubElement(head, "meta", name="viewport", content="width=device-width, initial-scale=1")
    ET.SubElement(head, "meta", name="referrer", content="no-referrer")
    _put(head, "title", title)
    _put(head, "style", CSS)


def _headline(body: ET.Element, counted: Tally, edition: Edition, rules: Rules, words: Words) -> None:
    """How many, how sure, how much was seen, and what is held back."""
    everything = counted.all_sites
    _put(body, "p", words("public.intro", km=rules.cell_km))
    figures = ET.SubElement(body, "ul", {"class": "figures"})
    for key, number in (
        ("sites", everything.sites),
        ("confirmed", everything.confirmed_by_reviewer),
        ("high", everything.confidence_high),
        ("active", everything.active),
        ("cells", len(counted.cells)),
    ):
        figure = ET.SubElement(figures, "li")
        mark = _put(figure, "b", f"{number:,}")
        mark.tail = words.of("public_figure", key)
    said = [words("public.seen", percent=words.percent(edition.seen_share))]
    if edition.months:
        first, last = words.month(edition.months[0]), words.month(edition.months[-1])
        said.append(words("public.period", first=first, last=last))
    _put(body, "p", " ".join(said))
    back = counted.held_back
    held = words("public.held_back", n=back) if back is not None else words("public.few_held_back", n=FEW)
    _put(body, "p", f"{words('public.known_before', month=words.month(month_of(rules.released_before)))} {held}")
    if counted.elsewhere:
        _put(body, "p", words("public.elsewhere", n=counted.elsewhere))


def _map(body: ET.Element, counted: Tally, words: Words) -> None:
    _put(body, "h2", words("public.where"))
    drawing = chart(counted, words)
    if drawing is None:
        _put(body, "p", words("public.no_map"))
        return
    figure = ET.SubElement(body, "figure")
    figure.append(drawing)
    caption = ET.SubElement(figure, "figcaption")
    keys = ET.SubElement(caption, "ul", {"class": "legend"})
    _put(keys, "li", words("public.legend"))
    for number, numbers in class_words():
        _key(keys, f"swatch c{number}", numbers)
    if counted.searched:
        _key(keys, "swatch ground", words("public.legend_searched"))
    _put(caption, "p", words("public.map_means"), **{"class": "small"})


def _key(keys: ET.Element, style: str, text: str) -> None:
    mark = ET.SubElement(ET.SubElement(keys, "li"), "span", {"class": style})
    mark.tail = text


def _table(body: ET.Element, counted: Tally, words: Words) -> None:
    """Cells with most sites first."""
    if not counted.cells:
        return
    _put(body, "h2", words("public.by_cell"))
    box = ET.SubElement(body, "div", {"class": "scroll", "tabindex": "0", "role": "region"})
    box.set("aria-label", words("public.by_cell"))
    table = ET.SubElement(box, "table")
    row = ET.SubElement(ET.SubElement(table, "thead"), "tr")
    for head in HEADS:
        _put(row, "th", words.of("public_head", head), scope="col", **_kind(head))
    rows = ET.SubElement(table, "tbody")
    for cell, count in sorted(counted.cells, key=lambda each: (-each[1].sites, each[0])):
        row = ET.SubElement(rows, "tr")
        _put(row, "th", place(cell), scope="row")
        for head, text in zip(HEADS[1:], _cells(count, words), strict=True):
            _put(row, "td", text, **_kind(head))
    note = words("public.classes", high=words.percent(HIGH), medium=words.percent(MEDIUM))
    _put(body, "p", note, **{"class": "small"})


def _kind(head: str) -> dict[str, str]:
    return {"class": "amount"} if head in AMOUNTS else {}


def _cells(count: Count, words: Words) -> Iterable[str]:
    yield str(count.sites)
    yield str(count.confirmed_by_reviewer)
    numbers = (
        ("high", count.confidence_high), ("medium", count.confidence_medium), ("low", count.confidence_low),
        ("by_person", count.reported_by_person),
    )  # fmt: skip
    yield ", ".join(words(f"public_confidence.{key}", n=n) for key, n in numbers if n)
    states = (("active", count.active), ("gone", count.idle_or_ended))
    yield ", ".join(words(f"public_activity.{key}", n=n) for key, n in states if n)
    yield words.of("pond_area", count.pond_area.name.lower())
    yield _quarters(count, words)


def _quarters(count: Count, words: Words) -> str:
    if count.first_seen_from is None or count.first_seen_to is None:
        return words("public.not_known")
    if count.first_seen_from == count.first_seen_to:
        return count.first_seen_from
    return words("public.from_to", first=count.first_seen_from, last=count.first_seen_to)


def place(cell: Cell) -> str:
    """Where a cell lies, such as 22.14–22.22° N, 98.55–98.65° E."""
    west, south, east, north = cell.bounds
    return f"{_between(south, north, 'N', 'S')}, {_between(west, east, 'E', 'W')}"


def _between(low: float, high: float, positive: str, negative: str) -> str:
    ends = sorted((abs(low), abs(high)))
    return f"{ends[0]:.2f}–{ends[1]:.2f}° {positive if low >= 0 else negative}"


def _list(body: ET.Element, lines: Iterable[str]) -> None:
    items = ET.SubElement(body, "ul")
    for line in lines:
        _put(items, "li", line)


def _citation(body: ET.Element, edition: Edition, rules: Rules, words: Words) -> None:
    _put(body, "h2", words("public.cite"))
    month = words.month(month_of(rules.today))
    _put(body, "p", words("public.citation", version=__version__, km=rules.cell_km, month=month))
    if edition.provenance.simulated:
        _put(body, "p", words("public.cite_simulated"))
    elif edition.months:
        _put(body, "p", words("public.copernicus", first=edition.months[0][:4], last=edition.months[-1][:4]))


def _put(parent: ET.Element, tag: str, text: str, **attributes: str) -> ET.Element:
    child = ET.SubElement(parent, tag, attributes)
    child.text = text
    return child
