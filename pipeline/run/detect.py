"""Detection: from an AOI to dated sites with names, in files. One function per step.

search → looks → evidence, coverage, sites → what is published of each → files
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from functools import partial

from pipeline.cuts.kept import KeptCuts
from pipeline.digest import sha256_of
from pipeline.evidence.cells import CellFiles, EvidenceCache
from pipeline.export.coverage import coverage_records
from pipeline.export.edition import Edition
from pipeline.export.publication import MANIFEST, REVIEWS, Stage, complete, months_published, roll_back
from pipeline.grid import Window
from pipeline.locks import PATIENCE_S, locked
from pipeline.looks.look import Look
from pipeline.months import month_of, months_between
from pipeline.reviews.file import ReviewsFile
from pipeline.run.clock import clock_warnings
from pipeline.run.context import Run
from pipeline.run.cuts import keep_cuts
from pipeline.run.derive import Derived, derive
from pipeline.run.edition import Naming, Seen, drawn_by, edition_of, lies_in, standing, with_names
from pipeline.run.journal import Journal
from pipeline.run.looks import LookPlan, MadeLooks, any_clear, looks_near, looks_now, make_looks, plan_looks
from pipeline.run.pictures import darkroom
from pipeline.run.price import outdated_text
from pipeline.run.publish import publish_edition, write_rows
from pipeline.run.remake import remake
from pipeline.run.spare import closer_in, closer_tasks, ground_with_ponds, known_ground, spared
from pipeline.run.summary import Summary
from pipeline.sites.names import Registry
from pipeline.sites.registry import read_registry
from pipeline.sites.standing import Publication, Rules, Said, publish
from pipeline.sites.statement import Provenance, Statement, statement_of
from pipeline.sources.interface import Refusal, Search

ROUNDS = 12
"""Most rounds of closer looks in a run; two or three are usual, and what is left is looked at by the next run."""
ABSENT = (
    "overpasses in which ground near ponds was screened out cannot be looked at again: their scenes are no longer "
    "listed; dates there are wider"
)
"""What is told of them."""
RUN_ID_DIGITS = 12
"""Of the hash of what a run was made from."""


def detect(context: Run) -> Summary:
    """Find and date the sites of an AOI and write the files of the contract.

    Looks that are in the archive are not made again, whichever AOI or period they were made for. Raises `InputError`
    for what the user can correct; scenes and looks that fail are in the summary and in `manifest.json`.
    """
    with locked(context.out / MANIFEST, str(context.out)) as hold:
        registry = _registry(context)
        reviews = ReviewsFile(context.out / REVIEWS).read()  # one that cannot be read is told before anything is done
        for warning in clock_warnings(context.today, registry, context.archive.folder):
            context.progress.note(f"note: {warning}")
        planned = plan_looks(context)
        if planned.outdated:
            context.progress.note(outdated_text(context, planned))
        tasks = (*planned.missing, *(planned.outdated if context.remakes else ()))
        ground = known_ground(registry, context.aoi) if context.screens else set()
        journal = Journal.of(context, planned)
        made = make_looks(context, planned, spared(context, tasks, _spared_ground(context, planned, ground, journal)))
        if context.pace.whole and (made.failures or made.left):
            return _kept(context, planned, made)
        derived, looks, made = _closer(context, planned, [*planned.kept, *made.looks], ground, made, journal)
        derived, looks, made = _mended(context, planned, derived, looks, made)
        if context.pace.whole and made.failures:
            return _kept(context, planned, made)
        cuts = keep_cuts(context, planned, derived, registry, drawn_by(reviews))
        with locked(context.archive.registry, str(context.archive.folder), PATIENCE_S) as names:
            now = looks_now(context, looks)
            if len(now) > len(looks):  # another AOI was looked at meanwhile: what it published must not be undone
                derived = _derived(context, now)
            hold.check()
            names.check()
            summary = _published(context, planned, made, derived, cuts)
        journal.close()
        return summary


def _spared_ground(context: Run, planned: LookPlan, ground: set[Window], journal: Journal) -> set[Window]:
    """Squares that are not screened out in the first looks: known ground, and where kept looks lately showed ponds."""
    if not context.screens:
        return set()
    if journal.decisions.spared is None:
        journal.spare(sorted(ground | ground_with_ponds(planned.kept)))
    return set(journal.decisions.spared or ())


def _closer(
    context: Run, planned: LookPlan, looks: list[Look], ground: set[Window], first: MadeLooks, journal: Journal
) -> tuple[Derived, list[Look], MadeLooks]:
    """What some looks say once nothing is screened out where a site may be; all looks, and failures of both kinds.

    Each round of closer looks may show more ponds, and so ask for more; and so may looks of other runs.
    """
    known = len(journal.decisions.rounds)
    derived = _derived(context, looks) if not known else None
    for k in range(known - 1 if known else 0, ROUNDS if context.screens else 0):
        if k >= known:
            assert derived is not None
            wanted = closer_in(derived, ground, context.settings.evidence)
            if not wanted:
                break
            journal.begin(wanted)
        tasks, absent = closer_tasks(context, planned, looks, journal.decisions.rounds[k])
        if absent:
            context.progress.note(f"note: {absent} {ABSENT}")
        made = make_looks(context, planned, tasks, "Looking closer") if tasks else MadeLooks()
        now = looks_now(context, [*looks, *made.looks])
        first = first.joined(made)
        nothing_new = len(now) == len(looks) and derived is not None
        looks = now
        if nothing_new:
            break
        derived = _derived(context, looks)
        if made.failures or absent:
            break  # the same would be asked for again
    return derived or _derived(context, looks), looks, first


def _mended(
    context: Run, planned: LookPlan, derived: Derived, looks: list[Look], made: MadeLooks
) -> tuple[Derived, list[Look], MadeLooks]:
    """What the looks say once those that are damaged were made again, where that can be."""
    damaged = (*planned.store.damaged, *derived.damaged)
    sound = [look for look in looks if planned.store.holds(look)] if damaged else looks
    again = remake(context, planned, damaged, sound) if damaged else MadeLooks()
    if not again.looks:
        return derived, sound, made.joined(again)
    looks = [*sound, *again.looks]
    return replace(_derived(context, looks), damaged=derived.damaged), looks, made.joined(again)


def recover(context: Run) -> None:
    """Complete what an interrupted run had published, and remove what it had not."""
    with locked(context.archive.registry, str(context.archive.folder), PATIENCE_S):
        told = complete(context.archive)
        roll_back(context.out)
    if told:
        context.progress.note(f"note: {told}")


def _registry(context: Run) -> Registry:
    """All names, after what an interrupted run left is in order."""
    recover(context)
    return read_registry(context.archive.registry, context.aoi.prefix)


def _derived(context: Run, looks: Iterable[Look]) -> Derived:
    settings, aoi = context.settings, context.aoi
    cache = EvidenceCache(CellFiles(context.maker.folder / "cells"), settings.evidence)
    near = looks_near(aoi, looks, settings.coverage.cell_px)
    return derive(aoi, near, cache, settings, context.calibration, context.progress)


def _kept(context: Run, planned: LookPlan, made: MadeLooks) -> Summary:
    """What stays as it was published, because looks are missing: they are in the archive as far as they were made."""
    registry = read_registry(context.archive.registry, context.aoi.prefix)
    entries = [entry for entry in registry.entries if lies_in(entry, context.aoi)]
    looks = (*planned.kept, *made.looks)
    provenance = _provenance(context, planned, looks, made.failures)
    statements = standing(entries, {})
    return _summary(context, planned, made, provenance, looks, statements, published=False)


def _published(context: Run, planned: LookPlan, made: MadeLooks, derived: Derived, cuts: KeptCuts) -> Summary:
    """Name the sites, publish what may be said of them, and sum up; to be called under the lock of the registry."""
    complete(context.archive)
    registry = read_registry(context.archive.registry, context.aoi.prefix)
    provenance = _provenance(context, planned, derived.looks, made.failures)
    reviews = ReviewsFile(context.out / REVIEWS).read()
    publication = _publication(context, registry, derived, provenance)
    naming = with_names(publication.registry, reviews, context.aoi.grid)
    edition, notes = _edition(context, planned, derived, naming, publication.stale, provenance)
    summary = replace(
        _summary(context, planned, made, provenance, derived.looks, edition.statements, published=True),
        events=edition.events,
        outliers=derived.outliers,
        damaged=(*planned.store.damaged, *derived.damaged),
        seen_share=edition.seen_share,
        seen_in=edition.seen_in,
        cuts=cuts,
        notes=notes,
    )
    _export(summary, edition, naming, derived.looks)
    return summary


def _edition(
    context: Run,
    planned: LookPlan,
    derived: Derived,
    naming: Naming,
    waiting: Collection[str],
    provenance: Provenance,
) -> tuple[Edition, tuple[str, ...]]:
    """What is published of the AOI, and what a person must know of the verdicts; `waiting`: sites that are stale."""
    aoi, registry = context.aoi, naming.registry
    months = _months(context, planned.search, derived.looks)
    stale = {
        entry.site_id: entry.statement.site.last_clear
        for entry in registry.entries
        if entry.statement is not None and entry.site_id in waiting
    }
    return edition_of(
        aoi,
        registry,
        stale,
        naming.reviews,
        provenance,
        context.recipe.model_sha256,
        Seen(months=months, by_month=derived.seen_in(aoi), ever=derived.seen_share(aoi)),
        partial(coverage_records, aoi, context.settings.coverage.cell_px, months, derived.coverage),
    )


def _summary(
    context: Run,
    planned: LookPlan,
    made: MadeLooks,
    provenance: Provenance,
    looks: tuple[Look, ...],
    statements: Sequence[Statement],
    published: bool,
) -> Summary:
    asked = (*planned.asked, *made.looks)
    return Summary(
        context=context,
        provenance=provenance,
        recipe=planned.maker.recipe,
        search=planned.search,
        looks=looks,
        made=made.looks,
        asked=asked,
        saw=any_clear(context.aoi, asked),
        failures=made.failures,
        left=made.left,
        published=published,
        damaged=tuple(planned.store.damaged),
        outdated=0 if context.remakes else len(planned.outdated),
        statements=tuple(statements),
        months=_months(context, planned.search, looks),
        usage=context.budget.spent() if context.budget is not None else {},
    )


def _publication(context: Run, registry: Registry, derived: Derived, provenance: Provenance) -> Publication:
    """What is published of each site in the AOI: what the looks say now, where they are enough to say it."""
    grid, settings = context.aoi.grid, context.settings
    said = [
        Said(item.site.polygon_m, statement_of("", item, grid, settings, provenance))
        for item in derived.sites
        if item.confidence >= settings.sites.min_confidence
    ]
    rules = Rules(
        recipe=context.recipe.digest,
        judgement=context.judgement,
        confirm_looks=settings.sites.confirm_looks,
        min_share_seen=settings.history.min_share_seen,
        link_m=settings.sites.link_m,
        screened=context.screens,
    )
    known = [entry.site_id for entry in registry.entries if entry.statement and lies_in(entry, context.aoi)]
    return publish(registry, said, known, derived.archive, grid, rules, context.today, provenance.run_id)


def _export(summary: Summary, edition: Edition, naming: Naming, looks: Iterable[Look]) -> None:
    """Write every file of the contract, publish them as one, and add rows for new sites to the reviewer's file."""
    context = summary.context
    stage = Stage(context.out, context.archive)
    room = darkroom(context.archive, context.aoi.grid, looks)
    publish_edition(stage, edition, naming.registry, room, summary.manifest().content, {}, context.progress)
    write_rows(context.out, edition, naming, context.progress)


def _months(context: Run, search: Search, looks: Iterable[Look]) -> tuple[str, ...]:
    """The months that were ever asked for, seen or not, and those of all looks."""
    period, asked = context.period, [scene.time_utc.date() for scene in search.scenes]
    first, last = period.first or min(asked, default=None), period.last or max(asked, default=None)
    months = {month_of(look.day) for look in looks} | months_published(context.out)
    return tuple(sorted(months | set(months_between(first, last) if first and last else ())))


def _provenance(
    context: Run, planned: LookPlan, looks: Iterable[Look], failures: tuple[Refusal, ...]
) -> Provenance:  # fmt: skip
    """Where the rows come from; the same inputs give the same run id, wherever they lie."""
    scenes = sorted(list(scene.acquisition.identity) for scene in planned.search.scenes)
    # What the looks show, not how they were cut: a scan month by month cuts them otherwise than one run over all.
    seen = sorted({(look.overpass, *one.identity) for look in looks for one in look.acquisitions})
    failed = [failure.id for failure in failures]
    parts = [context.aoi.digest, context.recipe.digest, context.judgement, context.screens, scenes, seen, failed]
    simulated = bool(context.source.simulation)
    return Provenance(context.source.name, simulated, context.model.card.name, sha256_of(parts)[:RUN_ID_DIGITS])
