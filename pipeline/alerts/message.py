"""Messages: what is told of a scan, in words, and what was told so far.

A message is made from the difference between what was told last and what is published now. So a scan that was killed
after it had published tells the same as one that was not.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pipeline.config import Places
from pipeline.digest import sha256_of
from pipeline.sites.records import EventRecord, SiteRecord

MOST_LISTED = 25
"""New sites that a message lists, those of highest confidence first; and as many other events."""
ID_DIGITS = 8
"""Of a digest, in the id of a message."""
SIMULATED = "SIMULATED: nothing in this message says anything about any real place."

Told = Mapping[str, Mapping[str, int]]
"""What was told so far: for each site that was ever told of, its number of events by kind."""


class MessageKind(StrEnum):
    """What a message is about; the title says the loud ones in capitals."""

    NEWS = "news"
    """There are new sites, or something happened to known ones."""
    HEARTBEAT = "heartbeat"
    """Nothing new: what was seen."""
    BLIND = "blind"
    """Nothing could be seen."""
    PROGRESS = "progress"
    """A first scan is under way."""
    FAILED = "failed"
    """A scan failed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """Which new sites are listed."""

    confidence: float | None = 0.0
    """Least confidence; None = none may be listed."""
    reason: str = ""
    """What this keeps to, in one sentence; empty = all are listed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class News:
    """What there is to tell of a step of a scan."""

    place: str
    """Title of the AOI."""
    months: str
    """The months, as in `Step.name`."""
    seen_share: float
    """Share of the AOI seen at least once in the last of them, 0 to 1."""
    seen_ever: float = 0.0
    """Share of the AOI seen at least once in any month, 0 to 1."""
    looks: int
    """Looks that show what was searched."""
    area_km2: float
    """Area of the AOI."""
    sites: tuple[SiteRecord, ...]
    """What stands now."""
    events: tuple[EventRecord, ...]
    """All events of sites of the AOI, also of those that stand no longer."""
    missing: int = 0
    """Looks that failed."""
    simulated: bool
    link: str
    """Where people find the products: an address or a folder."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message, ready to be sent."""

    id: str
    """Short; the same for the same thing told, however often it is made."""
    kind: MessageKind
    title: str
    """One line."""
    text: str
    """Plain text, several lines."""


def told_by(sites: Iterable[SiteRecord], events: Iterable[EventRecord]) -> dict[str, dict[str, int]]:
    """What is told once these sites and events are."""
    counts: dict[str, Counter[str]] = {site.site_id: Counter() for site in sites}
    for event in events:
        counts.setdefault(event.site_id, Counter())[event.kind.value] += 1
    return {name: dict(sorted(count.items())) for name, count in sorted(counts.items())}


def new_sites(news: News, told: Told) -> list[SiteRecord]:
    """Sites that were never told of, the surest first; not those that a person added, who knows of them."""
    fresh = (site for site in news.sites if site.site_id not in told and not site.added)
    return sorted(fresh, key=lambda site: (-confidence_of(site), site.site_id))


def confidence_of(site: SiteRecord) -> float:
    """The confidence of a site that the detector found, 0 to 1; 0 for one that only a person reported."""
    return 0.0 if site.confidence is None else site.confidence


def message_of(news: News, told: Told, bar: Bar, places: Places) -> Message:
    """The message about a published step: what is new, or that nothing is, and how much was seen."""
    fresh = new_sites(news, told)
    listed = [site for site in fresh if bar.confidence is not None and confidence_of(site) >= bar.confidence]
    happened = _happened(news, told)
    told_of = [
        *([f"{_count(len(fresh), 'new suspected site')}"] if fresh else []),
        *([f"{_count(len(happened), 'change')} at known ones"] if happened else []),
    ]
    kind = MessageKind.NEWS if told_of else MessageKind.HEARTBEAT
    what = ", ".join(told_of) or "nothing new"
    lines = [
        f"{news.place}, {news.months}: {what}.",
        *_new(listed, fresh, bar, places),
        *_changes(happened, {site.site_id for site in news.sites}),
        "",
        *_seen(news),
        f"Standing now: {_by_status(news.sites)}.",
        *_ending(news, bool(fresh)),
    ]
    # By what is told once it is: the same months are told again only where there is more to tell.
    after = sha256_of(told_by(news.sites, news.events))[:ID_DIGITS]
    return Message(f"{news.months}-published-{after}", kind, _title(news, what), "\n".join(lines))


def blind_message(news: News, reason: str) -> Message:
    """The message about months of which nothing was seen."""
    what = "BLIND, nothing could be seen"
    lines = [
        f"{news.place}, {news.months}: {reason}.",
        "Nothing was seen, so nothing is known of these months: no site was added, changed or taken back.",
        f"Standing as before: {_by_status(news.sites)}.",
        *_ending(news, False),
    ]
    return Message(f"{news.months}-blind", MessageKind.BLIND, _title(news, what), "\n".join(lines))


def progress_message(news: News, done: int, left: int, rate_h: float, on: str) -> Message:
    """The message about a first scan that goes on. `rate_h`: looks per hour; `on`: the day, by which it is known."""
    share = done / max(1, done + left)
    hours = f", about {left / rate_h:,.0f} hours of work" if rate_h > 0 else ""
    lines = [
        f"{news.place}, {news.months}: {share:.0%} of the looks are there, {left:,} are left{hours}.",
        "It goes on by itself, and may be stopped at any time: what was done is kept.",
        f"So far: {_by_status(news.sites)}. All are told when the first scan is done.",
        *_ending(news, False),
    ]
    return Message(
        f"{news.months}-progress-{on}",
        MessageKind.PROGRESS,
        _title(news, f"first scan, {share:.0%} done"),
        "\n".join(lines),
    )


def failed_message(place: str, months: str, reason: str, advice: str, key: str, simulated: bool) -> Message:
    """The message about a scan that failed. `key`: by which the same failure is told once."""
    lines = [
        f"{place}, {months}: the scan FAILED.",
        reason,
        advice,
        "What was published before stands. Until this is mended, silence means nothing.",
        *([SIMULATED] if simulated else []),
    ]
    title = f"leachwatch: {place}, {months}: scan FAILED"
    return Message(f"{months}-failed-{key}", MessageKind.FAILED, _marked(title, simulated), "\n".join(lines))


def _title(news: News, what: str) -> str:
    return _marked(f"leachwatch: {news.place}, {news.months}: {what}", news.simulated)


def _marked(title: str, simulated: bool) -> str:
    return f"[SIMULATED] {title}" if simulated else title


def _new(listed: Sequence[SiteRecord], fresh: Sequence[SiteRecord], bar: Bar, places: Places) -> Iterator[str]:
    if listed:
        yield ""
        yield "New suspected leach-pond sites, the surest first:"
    for site in listed[:MOST_LISTED]:
        dates = _interval("ponds", site.ponds_after, site.ponds_by) or _interval(
            "cleared ground", site.ground_after, site.ground_by
        )
        sure = f"confidence {confidence_of(site):.2f}, {site.status.value}"
        yield f"  {site.site_id}  {sure}; {dates}{_place(site, places)}"
    if len(listed) > MOST_LISTED:
        yield f"  … and {len(listed) - MOST_LISTED} more, in sites.geojson"
    if len(fresh) > len(listed):
        yield f"  {_count(len(fresh) - len(listed), 'more site')} in sites.geojson, not listed: {bar.reason}"


def _interval(what: str, after: object, by: object) -> str:
    if by is None:
        return ""
    return f"{what} after {after}, by {by}" if after is not None else f"{what} by {by}, already there at the first look"


def _place(site: SiteRecord, places: Places) -> str:
    """Where a site is, as exactly as was asked for."""
    point = site.polygon.representative_point()
    match places:
        case Places.NONE:
            return ""
        case Places.AREA:
            return f"; near {abs(point.y):.1f}° {'NS'[point.y < 0]}, {abs(point.x):.1f}° {'EW'[point.x < 0]}"
        case Places.EXACT:
            return f"; at {point.y:.5f}, {point.x:.5f}"


def _happened(news: News, told: Told) -> list[EventRecord]:
    """Events of known sites that were not told, latest first."""
    found: list[EventRecord] = []
    before = {name: Counter(dict(counts)) for name, counts in told.items()}
    for event in news.events:
        if event.site_id in before:
            if before[event.site_id][event.kind.value] > 0:
                before[event.site_id][event.kind.value] -= 1
            else:
                found.append(event)
    return sorted(found, key=lambda event: (event.by, event.site_id, event.kind), reverse=True)


def _changes(happened: Sequence[EventRecord], standing: set[str]) -> Iterator[str]:
    if happened:
        yield ""
        yield "At known sites:"
    for event in happened[:MOST_LISTED]:
        when = f"after {event.after}, by {event.by}" if event.after else f"by {event.by}"
        gone = "" if event.site_id in standing else " (no longer reported)"
        yield f"  {event.site_id}  {event.kind.value}{gone}, {when}{_because(event)}"
    if len(happened) > MOST_LISTED:
        yield f"  … and {len(happened) - MOST_LISTED} more, in layer events of sites.gpkg"


def _because(event: EventRecord) -> str:
    _, late, overpasses = event.evidence.partition("; seen late: ")
    return f"; because of overpasses seen late: {overpasses}" if late else ""


def _seen(news: News) -> Iterator[str]:
    last = news.months.rpartition(" ")[2]
    ever = "" if last == news.months else f"{_percent(news.seen_ever)} of it in any month. "
    yield (
        f"Seen in {last}: {_percent(news.seen_share)} of {news.area_km2:,.0f} km²; {ever}"
        f"Of what was not seen nothing is known; coverage.geojson says where. ({news.looks:,} looks)"
    )
    if news.missing:
        yield f"{_count(news.missing, 'look')} failed and could not be used; manifest.json lists them, with reasons."


def _by_status(sites: Sequence[SiteRecord]) -> str:
    counts = Counter(site.status.value for site in sites)
    words = ", ".join(f"{n} {status}" for status, n in sorted(counts.items()))
    return f"{_count(len(sites), 'suspected site')} ({words})" if sites else "no suspected sites"


def _ending(news: News, found: bool) -> Iterator[str]:
    yield f"Files: {news.link}"
    if found:
        yield (
            "A suspected site is a place to look at. Nothing here says who owns, runs or controls a place. "
            "Locations can hurt people: think before you pass them on."
        )
    if news.simulated:
        yield SIMULATED


def _percent(share: float) -> str:
    return "nothing" if share == 0 else "less than 1 %" if share < 0.01 else f"{100 * share:.0f} %"


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"
