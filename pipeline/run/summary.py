"""What a run did: for people, for the exit code, and for `manifest.json`."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pipeline.cuts.kept import KeptCuts
from pipeline.errors import CapReached, CredentialsRefused, NothingObserved, UnitsFailed
from pipeline.export.manifest import SIMULATED, Manifest
from pipeline.looks.look import Look, screened_squares
from pipeline.looks.recipe import Recipe
from pipeline.looks.store import DamagedLook
from pipeline.run.context import Run
from pipeline.sites.history import SiteStatus
from pipeline.sites.records import EventRecord, SiteRecord
from pipeline.sites.statement import Provenance, Statement
from pipeline.sources.interface import Refusal, SceneStatus, Search
from pipeline.sources.ledger import Usage

DECISIVE = (CapReached.exit_code, CredentialsRefused.exit_code)
"""Codes of failures that all later looks share, and that running again does not cure."""
MAX_LINES = 10
"""Refusals and failures shown on the terminal; all are in the manifest."""


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Summary:
    """A run that has ended."""

    context: Run
    """What was asked for."""
    provenance: Provenance
    """Run, source and model."""
    recipe: Recipe
    """How looks were made."""
    search: Search
    """Scenes that were used, and those that were not, and why."""
    looks: tuple[Look, ...]
    """All looks in the area, of any period, by the present recipe."""
    made: tuple[Look, ...]
    """Those of them that this run made."""
    asked: tuple[Look, ...]
    """The looks that show what this run searched."""
    saw: bool
    """Whether any of these shows any of the AOI clear."""
    outliers: tuple[Refusal, ...] = ()
    """Looks that were made and left out, and why."""
    failures: tuple[Refusal, ...]
    """Looks that failed, and why."""
    left: int
    """Looks that were not made yet, because the pace of the run allowed no more."""
    published: bool
    """Whether products were written; else what was published before stands, because looks are missing."""
    damaged: tuple[DamagedLook, ...]
    """Looks whose files cannot be used, found in this run or before, whether they were made again or not."""
    outdated: int
    """Looks that there are only by another recipe, and that were not made again."""
    statements: tuple[Statement, ...]
    """What stands of each site in the AOI."""
    events: tuple[EventRecord, ...] = ()
    """What happened to the sites of the AOI, also to those of which nothing stands any more."""
    seen_share: float = 0.0
    """Share of the AOI seen at least once, 0 to 1."""
    seen_in: Mapping[str, float] = field(default_factory=dict)
    """Share of the AOI seen in each month, by `YYYY-MM`, 0 to 1; months without a look are left out."""
    cuts: KeptCuts = field(default_factory=KeptCuts)
    """What came of keeping evidence."""
    notes: tuple[str, ...] = ()
    """What a person must know of verdicts, one line each."""
    months: tuple[str, ...]
    """The months covered, `YYYY-MM`."""
    usage: Mapping[str, Usage] = field(default_factory=dict)
    """What this run asked of whom."""

    @property
    def sites(self) -> list[SiteRecord]:
        """The reported sites."""
        return [statement.site for statement in self.statements]

    @property
    def waiting(self) -> int:
        """Sites that stand as last published, because the present recipe has not looked at them enough."""
        return sum(site.stale_since is not None for site in self.sites)

    @property
    def lost(self) -> tuple[DamagedLook, ...]:
        """The damaged looks, with whether their ground was looked at again."""
        return tuple(replace(each, made_again=each.is_shown(self.looks)) for each in self.damaged)

    @property
    def refused(self) -> list[Refusal]:
        """Scenes that could not be used; not those that were not needed."""
        return [refusal for refusal in self.search.refusals if refusal.status is SceneStatus.REFUSED]

    @property
    def error(self) -> str | None:
        """Why the exit code is not 0, in one line."""
        title = self.context.aoi.title
        if self.failures:
            return self._failure()
        if self.left:
            return f"{self.left} looks over {title} are left to be made; run again to go on"
        if not self.asked:
            if self.outdated:
                return None
            refused = self.refused
            why = f", first {refused[0].id}: {refused[0].reason}" if refused else ""
            return f"nothing could be observed: no usable scene over {title} ({len(refused)} refused{why})"
        if not self.saw:
            return f"nothing could be observed: no clear pixel in {len(self.asked)} looks over {title}"
        return None

    def _failure(self) -> str:
        first = max(self.failures, key=lambda failure: failure.code in DECISIVE)
        planned = len(self.failures) + self.left + len(self.asked)
        if first.code in DECISIVE:
            return f"{first.reason} ({len(self.asked)} of {planned} looks are there)"
        failed = f"{len(self.failures)} of {planned} looks failed, first {first.id}: {first.reason}"
        return f"{failed}; run again to do only those"

    @property
    def exit_code(self) -> int:
        """0, 3, 4, 5 or 6, as in the contract."""
        decisive = [failure.code for failure in self.failures if failure.code in DECISIVE]
        if decisive:
            return decisive[0]
        if self.failures:
            return UnitsFailed.exit_code
        if self.left:
            return CapReached.exit_code
        return 0 if self.error is None else NothingObserved.exit_code

    def text(self) -> str:
        """The summary a person reads at the end."""
        aoi = self.context.aoi
        made = sum(look.computed for look in self.looks)
        standing = [site for site in self.sites if site.status is not SiteStatus.REJECTED]
        with_ponds = sum(site.ponds_by is not None for site in standing)
        span = f"{self.months[0]} to {self.months[-1]}" if self.months else "no month"
        lines = [
            f"{aoi.title}: {len(standing)} suspected leach-pond sites, {with_ponds} of them with dated ponds",
            *self._judged(),
            *self._waiting(),
            f"  seen     {_percent(self.seen_share)} of {aoi.area_km2:,.0f} km² at least once, {span}; "
            f"per cell and month in coverage.geojson",
            f"  looks    {len(self.looks)} ({made} new, {len(self.looks) - made} kept from before)",
            *self._screened(),
            *(f"  fetched  {usage.text()} from {provider}" for provider, usage in self.usage.items()),
            *_notes([note for look in self.looks for note in look.notes]),
            *_listed("refused", self.refused),
            *_listed("left out", self.outliers),
            *_listed("failed", self.failures),
            *_listed("no cut", self.cuts.failures),
            *self._absent(),
            *(f"  verdict  {note}" for note in self.notes[:MAX_LINES]),
            *_listed("damaged", [Refusal(str(each.path), _told(each)) for each in self.lost]),
            f"  files    {self.context.out}/  open {aoi.name}.qgz in QGIS, report.html in a browser",
        ]
        return "\n".join([*lines, SIMULATED] if self.provenance.simulated else lines)

    def _screened(self) -> Iterator[str]:
        squares = sum(screened_squares(look) for look in self.looks)
        if squares:
            yield f"  screened {squares:,} squares of 640 m that could hold no part of a site (--no-screen: none)"

    def _judged(self) -> Iterator[str]:
        verdicts = Counter(site.verdict for site in self.sites if site.verdict is not None)
        added = sum(site.added for site in self.sites)
        if verdicts or added:
            said = [f"{count} {verdict}" for verdict, count in sorted(verdicts.items())]
            yield f"  reviewed {', '.join(said + ([f'{added} added by people'] if added else []))}"

    def _absent(self) -> Iterator[str]:
        if self.cuts.absent:
            yield (
                f"  evidence {self.cuts.absent} cuts of earlier looks are not kept yet: leachwatch cuts fetches them"
            )

    def _waiting(self) -> Iterator[str]:
        if self.waiting:
            yield (
                f"  standing {self.waiting} of them as last published: the present model and look version have not "
                "looked at their ground enough (stale_since)"
            )

    def manifest(self) -> Manifest:
        """The provenance of the run."""
        return Manifest(
            provenance=self.provenance,
            aoi=self.context.aoi,
            settings=self.context.settings,
            recipe=self.recipe,
            simulation=self.context.source.simulation,
            months=self.months,
            seen_share=self.seen_share,
            seen_in=self.seen_in,
            sites=len(self.sites),
            waiting=self.waiting,
            outdated=self.outdated,
            damaged=self.lost,
            out=self.context.out,
            looks=self.looks,
            search=self.search,
            outliers=self.outliers,
            failures=self.failures,
            cuts=self.cuts,
            notes=self.notes,
        )


def _listed(kind: str, items: Sequence[Refusal]) -> Iterator[str]:
    """Lines for the terminal, the first few in full."""
    yield from (f"  {kind:8} {item.id}: {item.reason}" for item in items[:MAX_LINES])
    if len(items) > MAX_LINES:
        yield f"  {kind:8} … {len(items) - MAX_LINES} more, all in manifest.json"


def _told(damaged: DamagedLook) -> str:
    """What became of a damaged look."""
    if damaged.made_again:
        return f"{damaged.reason}; made again"
    of = f"what {damaged.look.name} showed" if damaged.look is not None else "what it showed"
    return f"{damaged.reason}; {of} is lost until its month is asked for; what was published of it stands"


def _notes(notes: list[str]) -> Iterator[str]:
    if notes:
        yield f"  note     {notes[0]}" + (f" (… {len(notes) - 1} more, in manifest.json)" if notes[1:] else "")


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 0.001 or share == 0 else f"{100 * share:.2g}%"
