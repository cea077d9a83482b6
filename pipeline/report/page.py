"""`report.html`: one page that needs nothing else, made from an edition and the pictures of its sites.

The page may ask for nothing: its policy allows no address at all, and only the scripts that it was written with.
Pictures and charts of sites lie in it as JSON, which a browser does not look into; the script of the page shows those
of a site when a person opens it. So hundreds of sites open at once, and without a script all text is still there.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pipeline
from pipeline import atomic
from pipeline.export.edition import Edition
from pipeline.pictures.album import Album, View
from pipeline.report import evidence
from pipeline.report.bars import bars_svg
from pipeline.report.mapping import map_svg, mark_of, report_map
from pipeline.report.summary import RECENT_MONTHS, recent_months, standing_and_rejected, summarised
from pipeline.report.timeline import counts, undated
from pipeline.sites.statement import Statement
from pipeline.words import ENGLISH, Words, words_in

Albums = Callable[[str], Album | None] | Mapping[str, Album]
"""The album of each site by id, one at a time: they are large."""
BAR_WIDTHS = (1000.0, 350.0)
"""Of the drawing of counts: for a desk and for a phone, on which small print cannot be read."""
OPEN_SITES = 6
"""With no more sites than this, the evidence of each stands open from the start."""
PRINTED_SITES = 60
"""The first sites, whose pictures are printed too."""


def write_report(
    path: Path, edition: Edition, albums: Albums, notice: str | None = None, language: str = ENGLISH
) -> None:
    """Write the page; `notice`: what stands at the top of one made from simulated input, None = its own words.

    Raises as `atomic.write_text`, and as `words_in` for a language that there is not.
    """
    atomic.write_text(path, report_html(edition, albums, notice, language))


def report_html(edition: Edition, albums: Albums, notice: str | None = None, language: str = ENGLISH) -> Iterator[str]:
    """The page in parts, one site's pictures at a time."""
    words = words_in(language)
    album_of = albums if callable(albums) else albums.get
    simulated = edition.provenance.simulated
    drawn = report_map(edition)
    scripts = [text_of("leaflet", "leaflet.js"), text_of("template", "page.js")]
    summary = summarised(edition)
    months = counts(edition)
    place = edition.aoi.title
    context = {
        "words": words,
        "policy": policy(scripts),
        "styles": [text_of("leaflet", "leaflet.css"), text_of("template", "page.css")],
        "scripts": scripts,
        "simulated": simulated,
        "notice": notice,
        "title": words("report.title", place=place),
        "place": place,
        "period": period(edition.months, words),
        "summary": summary,
        "recent_months": RECENT_MONTHS,
        "map": map_svg(drawn, words("report.map.alt", place=place, n=summary.sites), words),
        "months": months,
        "bars": [bars_svg(months, width, words) for width in BAR_WIDTHS] if months else [],
        "undated": undated(edition.statements),
        "rows": [evidence.row(site, summary.recent, words) for site in standing_and_rejected(edition)[0]],
        "sites": _sites(edition, album_of, words),
        "all_open": summary.sites <= OPEN_SITES,
        "printed": PRINTED_SITES,
        "views": [(words.of("view", view), words.of("view_means", view)) for view in View],
        "gone": [(event.site_id, evidence.told(event, words)) for event in evidence.gone(edition)],
        "rejected": standing_and_rejected(edition)[1],
        "data": json_text({"map": drawn.data(), "words": words.under("report.script")}),
        "version": pipeline.__version__,
        "edition": edition,
        "years": years(edition.months),
    }
    parts: Iterator[str] = _template().generate(context)
    return parts


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class SiteView:
    """One site as the page shows it."""

    site_id: str
    """Its id."""
    mark: str
    """How it is marked on the map."""
    marks: tuple[str, ...]
    """Notes to its name."""
    began: str
    """When its ponds began, in words."""
    facts: list[tuple[str, str]]
    """What is said of it."""
    events: list[str]
    """What happened to it."""
    missing: str | None
    """Why there are no pictures, or not all."""
    side: str | None
    """How much ground its pictures show; None = there are none."""
    labels: list[str]
    """What each look is."""
    pictured: str
    """Its pictures and its chart, as JSON."""
    left: int
    """The look that is shown on the left first."""
    right: int
    """The look that is shown on the right first."""
    has_chart: bool
    """Whether there is a chart."""


def _sites(edition: Edition, album_of: Callable[[str], Album | None], words: Words) -> Iterator[SiteView]:
    """The sites that stand, one after the other as the page is written."""
    recent = recent_months(edition.months)
    standing = {site.site_id for site in standing_and_rejected(edition)[0]}
    for statement in edition.statements:
        if statement.site.site_id in standing:
            site_id = statement.site.site_id
            yield _site_view(statement, album_of(site_id), recent, edition.first_published.get(site_id), words)


def _site_view(
    statement: Statement, album: Album | None, recent: tuple[str, str] | None, listed: date | None, words: Words
) -> SiteView:
    site = statement.site
    pictured = evidence.pictured(statement, album, words)
    return SiteView(
        site_id=site.site_id,
        mark=mark_of(site, recent),
        marks=evidence.marks(site, recent, words),
        began=words("report.site.began_when", when=evidence.began(site, words)),
        facts=list(evidence.facts(site, listed, words)),
        events=[evidence.told(event, words) for event in statement.events],
        missing=album.missing if album else words("report.site.no_album"),
        side=evidence.side(album, words) if album and album.frames else None,
        labels=[frame["label"] for frame in pictured["frames"]],
        pictured=json_text(pictured),
        left=pictured["left"],
        right=pictured["right"],
        has_chart=bool(pictured["chart"]),
    )


def period(months: tuple[str, ...], words: Words) -> str | None:
    """The months covered in words; None = none are."""
    if not months:
        return None
    first, last = words.month(months[0]), words.month(months[-1])
    return first if first == last else words("report.period", first=first, last=last)


def years(months: tuple[str, ...]) -> str:
    """The years covered, as notices of Copernicus ask for."""
    found = sorted({month[:4] for month in months})
    return "–".join(found[:: max(len(found) - 1, 1)])


def text_of(folder: str, name: str) -> str:
    """A file that travels with the report."""
    return files(__package__).joinpath(folder, name).read_text("utf-8")


def policy(scripts: list[str]) -> str:
    """What the page may load: pictures that it carries, and its own scripts by their hashes; nothing from anywhere."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in scripts
    )
    return (
        f"default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src {hashes}; "
        "base-uri 'none'; form-action 'none'"
    )


def json_text(content: Any) -> str:
    """JSON that can stand inside a script element, whatever is in it."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


@lru_cache(maxsize=1)
def _template() -> Any:
    from jinja2 import DictLoader, Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=DictLoader({"page.html": text_of("template", "page.html")}),
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["ours"] = Markup  # our own scripts, styles and drawings, whose texts are escaped
    return environment.get_template("page.html")
