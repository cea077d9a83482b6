"""What is published of sites once people have judged them, and sites that only people reported."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from pipeline.reviews.review import Reason, Review, Verdict
from pipeline.sites.history import SiteStatus
from pipeline.sites.names import Interval, RegisteredSite
from pipeline.sites.records import SiteRecord, rounded
from pipeline.sites.statement import Provenance, Statement

SHOWN = 3
"""Sites that are named in one line; the others are counted."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What people together say of one site."""

    verdict: Verdict
    """Their verdict: `UNSURE` where one confirmed it and another rejected it."""
    reason: Reason | None
    """What it is instead, if rejected."""
    on: date | None
    """Day of the latest verdict."""
    disagreed: bool = False
    """Whether they do not agree."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What is published, with verdicts."""

    statements: tuple[Statement, ...]
    """By id."""
    notes: tuple[str, ...]
    """What a person must know: verdicts on sites that no longer stand, and disagreements; one line each."""


def judgements(reviews: Iterable[Review]) -> dict[str, Judgement]:
    """What people say of each site that has a name and a verdict."""
    by_site: dict[str, list[Review]] = {}
    for review in reviews:
        if review.site_id is not None and review.verdict is not None:
            by_site.setdefault(review.site_id, []).append(review)
    return {site_id: _together(rows) for site_id, rows in by_site.items()}


def _together(rows: Sequence[Review]) -> Judgement:
    """One verdict from several: the latest, unless some confirm and some reject."""
    latest = max(rows, key=lambda row: (str(row.reviewed_at or ""), row.fid))
    days = [row.reviewed_on for row in rows if row.reviewed_on is not None]
    assert latest.verdict is not None
    if {Verdict.CONFIRMED, Verdict.REJECTED} <= {row.verdict for row in rows}:
        return Judgement(Verdict.UNSURE, None, max(days, default=None), disagreed=True)
    return Judgement(latest.verdict, latest.reason, max(days, default=None))


def judged(
    statements: Iterable[Statement],
    reviews: Sequence[Review],
    entries: Sequence[RegisteredSite],
    provenance: Provenance,
) -> Judged:
    """Statements with what people said, and with the sites that only people vouch for.

    `entries`: all names. A site that people confirmed stays, with the dates that were published last, also when the
    looks no longer support it; one that a person drew is there with its outline and no dates.
    """
    said, notes = judgements(reviews), list[str]()
    found = {each.site.site_id: _with(each, said.get(each.site.site_id)) for each in statements}
    drawn = {row.site_id: row for row in reviews if row.added and row.site_id is not None}
    for site_id, row in drawn.items():
        if site_id in found:
            found[site_id] = replace(found[site_id], site=replace(found[site_id].site, added=True))
        elif row.verdict is not Verdict.REJECTED and not row.polygon.is_empty:
            found[site_id] = _with(_bare(undated(row, provenance)), said.get(site_id))
    known = {entry.site_id: entry for entry in entries}
    gone: list[str] = []
    for site_id, judgement in said.items():
        if site_id in found:
            continue
        entry = known.get(site_id)
        if entry is None:
            gone.append(f"{site_id} (not a name of this archive)")
        elif judgement.verdict is Verdict.CONFIRMED and entry.merged_into is None and not entry.territory.is_empty:
            found[site_id] = _with(_bare(_as_published(entry, provenance)), judgement)
            notes.append(f"{site_id}: the looks no longer support it; it stays, because a reviewer confirmed it")
        else:
            gone.append(f"{site_id} ({f'part of {entry.merged_into}' if entry.merged_into else 'withdrawn'})")
    if gone:
        notes.append(f"verdicts on {_listed(gone)}: no longer published; the verdicts stay in reviews.gpkg")
    apart = [site_id for site_id, judgement in said.items() if judgement.disagreed]
    if apart:
        notes.append(f"reviewers disagree on {_listed(apart)}: published as unsure until one verdict is changed")
    return Judged(tuple(found[site_id] for site_id in sorted(found)), tuple(notes))


def undated(review: Review, provenance: Provenance) -> SiteRecord:
    """The row of a site that a person drew: where it is, and nothing that only looks can tell."""
    return _record(review.site_id or "", review.polygon, None, None, provenance, added=True)


def _as_published(entry: RegisteredSite, provenance: Provenance) -> SiteRecord:
    """The row of a site that no longer stands, with the dates that were published last."""
    dated = [state for state in entry.published if state.ground or state.ponds]
    ground, ponds = (dated[-1].ground, dated[-1].ponds) if dated else (None, None)
    return _record(entry.site_id, entry.territory, ground, ponds, provenance, added=False)


def _record(
    site_id: str,
    outline: object,
    ground: Interval | None,
    ponds: Interval | None,
    provenance: Provenance,
    added: bool,
) -> SiteRecord:
    return SiteRecord(
        site_id=site_id,
        status=SiteStatus.CANDIDATE,
        confidence=None,
        ground_after=ground.after if ground else None,
        ground_by=ground.by if ground else None,
        ponds_after=ponds.after if ponds else None,
        ponds_by=ponds.by if ponds else None,
        last_seen=None,
        last_clear=None,
        clear_looks=0,
        pond_area_m2=0.0,
        pond_area_low_m2=0.0,
        pond_area_high_m2=0.0,
        ground_area_m2=0.0,
        verdict=None,
        reviewed_on=None,
        added=added,
        simulated=provenance.simulated,
        source=provenance.source,
        model=provenance.model,
        run_id=provenance.run_id,
        polygon=rounded(outline),
    )


def _bare(site: SiteRecord) -> Statement:
    return Statement(site=site, ponds=(), looks=(), events=())


def _with(statement: Statement, judgement: Judgement | None) -> Statement:
    """A statement with what people say of its site: what they reject is rejected, what they confirm is confirmed."""
    if judgement is None:
        return statement
    status = statement.site.status
    if judgement.verdict is Verdict.REJECTED:
        status = SiteStatus.REJECTED
    elif judgement.verdict is Verdict.CONFIRMED and status is SiteStatus.CANDIDATE:
        status = SiteStatus.CONFIRMED
    site = replace(
        statement.site,
        status=status,
        verdict=judgement.verdict.value,
        verdict_reason=judgement.reason.value if judgement.reason else None,
        reviewed_on=judgement.on,
    )
    return replace(statement, site=site)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
