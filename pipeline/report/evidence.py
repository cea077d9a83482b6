"""The evidence of a site as the page shows it: its facts in words, and its pictures and chart for the page's script."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from pipeline.export.edition import Edition
from pipeline.pictures.album import Album, Frame, Role, View
from pipeline.pictures.chart import chart_svg
from pipeline.report.summary import Age, age, onset
from pipeline.reviews.review import Verdict
from pipeline.sites.history import EventKind, SiteStatus
from pipeline.sites.records import EventRecord, SiteRecord
from pipeline.sites.statement import Statement
from pipeline.words import Words, hectares

VIEWS = tuple(View)
ONSETS = frozenset({EventKind.APPEARED, EventKind.PONDS_BUILT})
ENDS = frozenset({EventKind.MERGED, EventKind.WITHDRAWN})
"""What makes a site one that is not listed any more."""
WEBP = "data:image/webp;base64,"


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One site in the table: what is read, and what it is sorted by."""

    site_id: str
    """Its id."""
    began: str
    """When its ponds began."""
    began_key: str
    """The first look with them, or nothing."""
    area: str
    """Pond area in hectares; empty where there is none."""
    area_range: str
    """Its interval; empty where there is none."""
    ground: str
    """Cleared ground in hectares; empty where there is none."""
    confidence: str
    """As a percentage; empty where there is none."""
    status: str
    """In words."""
    last_seen: str
    """Day."""
    last_seen_key: str
    """Day, to sort by."""
    review: str
    """The verdict in words."""
    site: SiteRecord
    """The site itself: numbers to sort by."""
    marks: tuple[str, ...]
    """Notes to its name, such as `new`."""


def row(site: SiteRecord, recent: tuple[str, str] | None, words: Words) -> Row:
    """A site in the table."""
    measured = site.pond_area_high_m2 > 0
    low, high = hectares(site.pond_area_low_m2), hectares(site.pond_area_high_m2)
    return Row(
        site_id=site.site_id,
        began=began(site, words),
        began_key=site.ponds_by.isoformat() if site.ponds_by else "",
        area=hectares(site.pond_area_m2) if measured else "",
        area_range=words("report.table.range", low=low, high=high) if measured else "",
        ground=hectares(site.ground_area_m2) if site.ground_area_m2 > 0 else "",
        confidence=words.percent(site.confidence) if site.confidence is not None else "",
        status=status(site, words),
        last_seen=words.short_day(site.last_seen) if site.last_seen else "",
        last_seen_key=site.last_seen.isoformat() if site.last_seen else "",
        review=words.of("verdict", site.verdict or "none"),
        site=site,
        marks=marks(site, recent, words),
    )


def began(site: SiteRecord, words: Words) -> str:
    """When its ponds began, in words."""
    if site.ponds_by or not site.ground_by:
        return words.between(site.ponds_after, site.ponds_by)
    return words("report.table.ground_only")


def marks(site: SiteRecord, recent: tuple[str, str] | None, words: Words) -> tuple[str, ...]:
    """What stands beside the name of a site wherever it stands."""
    when = age(site, recent)
    found = [
        words("report.site.new") if when == Age.NEW else None,
        words("report.site.maybe_new") if when == Age.MAYBE_NEW and onset(site)[0] is not None else None,
        words("report.site.added") if site.added else None,
        words("report.site.simulated") if site.simulated else None,
    ]
    return tuple(mark for mark in found if mark)


def status(site: SiteRecord, words: Words, explained: bool = False) -> str:
    """The status in words. One that rests on a verdict says so, and nothing of looks that may never have been."""
    if site.status == SiteStatus.CONFIRMED and site.verdict == Verdict.CONFIRMED:
        return words.of("verdict", site.verdict)
    word = words.of("status", site.status)
    return f"{word}: {words.of('status_means', site.status)}" if explained else word


def facts(site: SiteRecord, listed: date | None, words: Words) -> Iterator[tuple[str, str]]:
    """What is said of a site, as names and values; `listed`: the day on which it was first published."""
    point = site.polygon.representative_point()
    unknown = words("report.site.unknown")
    yield words("report.site.position"), f"{point.y:.5f}, {point.x:.5f}"
    yield words("report.site.status"), status(site, words, explained=True)
    yield words("report.site.began"), began(site, words)
    yield words("report.site.cleared"), words.between(site.ground_after, site.ground_by)
    yield words("report.site.last_seen"), words.day(site.last_seen) if site.last_seen else unknown
    yield words("report.site.last_clear"), words.day(site.last_clear) if site.last_clear else unknown
    yield words("report.site.looks"), f"{site.clear_looks:,}"
    yield words("report.site.ponds"), _pond_area(site, words)
    yield words("report.site.ground"), words.hectares(site.ground_area_m2) if site.ground_area_m2 > 0 else unknown
    yield words("report.site.confidence"), _confidence(site, words)
    yield words("report.site.review"), review(site, words)
    if listed:
        yield words("report.site.listed"), words.day(listed)
    if site.parent:
        yield words("report.site.parent"), site.parent
    if site.earlier_dates:
        yield words("report.site.earlier"), site.earlier_dates
    if site.stale_since:
        yield words("report.site.stale"), words("report.site.stale_why", day=words.day(site.stale_since))


def review(site: SiteRecord, words: Words) -> str:
    """The verdict in words, without a name."""
    verdict = words.of("verdict", site.verdict or "none")
    if site.reviewed_on is None:
        return verdict
    day = words.day(site.reviewed_on)
    if site.verdict == Verdict.REJECTED and site.verdict_reason:
        return words("report.site.instead", verdict=verdict, day=day, reason=words.of("reason", site.verdict_reason))
    return words("report.site.reviewed", verdict=verdict, day=day)


def told(event: EventRecord, words: Words) -> str:
    """What happened, and when. Only an onset without an earlier day was there at the first clear look."""
    if event.after is None and event.kind not in ONSETS:
        when = words("dates.by", by=words.short_day(event.by))
    else:
        when = words.between(event.after, event.by)
    return words("report.site.event", what=words.of("event", event.kind), when=when)


def gone(edition: Edition) -> list[EventRecord]:
    """The last thing that happened to each site that was listed before and is not any more, by id."""
    listed = {site.site_id for site in edition.sites}
    ends = {event.site_id: event for event in edition.events if event.kind in ENDS and event.site_id not in listed}
    return [ends[site_id] for site_id in sorted(ends)]


def pictured(statement: Statement, album: Album | None, words: Words) -> dict[str, Any]:
    """The pictures and the chart of a site, for the script of the page, which shows them when they are asked for."""
    frames = album.frames if album else ()
    return {
        "chart": chart_svg(statement) if statement.looks else "",
        "frames": [_frame(frame, album.side_m, statement, words) for frame in frames] if album else [],
        "left": next((k for k, frame in enumerate(frames) if frame.role == Role.BEFORE), 0),
        "right": next((k for k, frame in enumerate(frames) if frame.role == Role.LATEST), max(len(frames) - 1, 0)),
    }


def side(album: Album, words: Words) -> str:
    """How much ground its pictures show from side to side."""
    return words("report.map.kilometres", n=f"{album.side_m / 1000:.2g}")


def _frame(frame: Frame, side_m: float, statement: Statement, words: Words) -> dict[str, Any]:
    what = words.of("report.state", _state(statement, frame.day))
    extent = words("report.map.kilometres", n=f"{side_m / 1000:.2g}")
    day, role = words.day(frame.day), words.of("role", frame.role)
    names = {view: words.of("view", view) for view in frame.images}
    return {
        "label": words("report.site.frame", role=role, day=day),
        "more": words(
            "report.site.frame_more",
            role=role, day=day, clear=words.percent(frame.clear_share), overpass=frame.overpass,
        ),
        "alts": [
            words("report.site.alt", view=names[view], day=day, what=what, side=extent) if view in names else ""
            for view in VIEWS
        ],
        "images": [
            WEBP + base64.b64encode(frame.images[view]).decode() if view in frame.images else "" for view in VIEWS
        ],
    }  # fmt: skip


def _state(statement: Statement, day: date) -> str:
    """What the site was at the look of a day, as a word."""
    found = [look.state.word for look in statement.looks if look.day == day]
    return found[-1] if found else "unknown"


def _pond_area(site: SiteRecord, words: Words) -> str:
    if not site.pond_area_high_m2 > 0:
        return words("report.site.unknown")
    area, high = words.hectares(site.pond_area_m2), words.hectares(site.pond_area_high_m2)
    low = hectares(site.pond_area_low_m2)
    return words("report.site.ponds_range", area=area, low=low, high=high)


def _confidence(site: SiteRecord, words: Words) -> str:
    if site.confidence is None:
        return words("report.site.confidence_none")
    return words("report.site.confidence_of", percent=words.percent(site.confidence))
