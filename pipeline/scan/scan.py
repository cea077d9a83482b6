"""A scan: the months that are due, one after the other, each published, told and recorded.

    plan what is due → look and publish → write the message → record the step → send

A scan may be cut off anywhere. A step that was not recorded is due again: it finds its looks made, publishes the
same, and writes no message that is there already. Messages that were not sent are sent by the next scan.
"""

import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline import __version__
from pipeline.alerts.message import (
    Bar,
    Message,
    MessageKind,
    News,
    Told,
    blind_message,
    failed_message,
    message_of,
    new_sites,
    progress_message,
    told_by,
)
from pipeline.alerts.outbox import Letter, Outbox
from pipeline.aoi import Aoi, Polygonal, list_aois, read_aoi
from pipeline.errors import CapReached, InputError, NothingObserved, PipelineError, UnitsFailed
from pipeline.locks import locked
from pipeline.looks.store import LookStore
from pipeline.looks.sweep import sweep_looks
from pipeline.months import first_day, last_day, month_of
from pipeline.run.context import Pace, Remake, Run
from pipeline.run.detect import detect
from pipeline.run.leftovers import sweep_leftovers
from pipeline.run.looks import looks_now
from pipeline.run.prune import prune_older
from pipeline.run.summary import Summary
from pipeline.scan.due import Step, due, earlier, last_complete
from pipeline.scan.log import Outcome, ScanLog, ScanRecord, append, read_log
from pipeline.scan.outcome import advice, outcome_of
from pipeline.sources.interface import Period
from pipeline.sources.ledger import Usage

FOCUS_KM2 = 10_000.0
"""An AOI of `aoi/` up to this size that lies in the one that is scanned is looked at first, square kilometres."""
INSIDE = 0.3
"""Share of it that must lie there: those at a border are drawn across it."""
SWEEP, SWEEP_S = "sweep.json", 60.0
"""Where the sweep of checksums notes how far it is, and how long it may take, seconds."""
HOUR_S = 3600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """How much one scan may do; None = no bound. Bytes and processing units are bounded by the budget of the run."""

    months: int | None = None
    """Steps of one month; a first scan counts as one."""
    looks: int | None = None
    hours: float | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """Which months were asked for."""

    month: str | None = None
    """This one and no other, `YYYY-MM`; None = all that are due."""
    first: str | None = None
    """None before this one; None = as far back as the settings say."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a scan of an AOI did."""

    records: tuple[ScanRecord, ...]
    """Its steps; none where no month was due."""
    left: int
    """Steps that are due and were not begun."""
    letters: tuple[Letter, ...]
    """The messages that were written."""

    @property
    def exit_code(self) -> int:
        """That of the last step that went wrong; blind months count only where no month was seen."""
        wrong = [record for record in self.records if record.outcome not in (Outcome.DONE, Outcome.BLIND)]
        if wrong:
            return wrong[-1].code or UnitsFailed.exit_code
        blind = self.records and all(record.outcome is Outcome.BLIND for record in self.records)
        return NothingObserved.exit_code if blind else CapReached.exit_code if self.left else 0

    @property
    def error(self) -> str | None:
        """Why the exit code is not 0, in one line."""
        if self.exit_code == 0:
            return None
        if self.left and all(record.outcome is Outcome.DONE for record in self.records):
            return f"{self.left} more months are due; run again to go on, or allow more"
        return next(record.reason for record in reversed(self.records) if record.reason)


def scan(context: Run, asked: Asked, bounds: Bounds, bar: Bar) -> Scanned:
    """Scan the months of an AOI that are due; messages are written, not sent.

    A step that fails ends the scan, because later months must not be published before it; it is recorded and told.
    Raises `InputError` where another scan of the AOI is at work, or where the log cannot be read.
    """
    aoi, log_file = context.aoi, context.archive.scans(context.aoi.name)
    with locked(log_file, f"{aoi.title}") as hold:
        whole = read_log(log_file).of(aoi.digest)
        log = whole.until(context.today)
        if len(log.records) < len(whole.records):
            context.progress.note("note: months that were scanned by a clock that was ahead are scanned again")
        if log.damaged:
            context.progress.note(
                f"note: {log_file}: {log.damaged} damaged lines are left out; months are scanned again"
            )
        steps, left = _steps(context, log, asked, bounds)
        if not steps:
            context.progress.note(f"{aoi.title}: no month is due; the last complete one is {_last(context)}")
        if steps:
            _sweep(context)
        work = _Work(context, bar, bounds, Outbox(context.archive.outbox(aoi.name)), time.monotonic())
        records: list[ScanRecord] = []
        for k, step in enumerate(steps):
            context.progress.note(f"{aoi.title}, {step.name} ({k + 1} of {len(steps)} steps) ...")
            record = work.step(step, ScanLog((*log.records, *records)))
            hold.check()
            append(log_file, [record])
            records.append(record)
            if not record.outcome.settles:
                left += len(steps) - k - 1
                break
        _tidy(context)
        return Scanned(tuple(records), left, tuple(work.letters))


def _sweep(context: Run) -> None:
    """Verify some kept looks; those that are damaged are set aside, and made again by the steps that follow."""
    folder, share = context.maker.folder, context.settings.scan.sweep_share
    if share > 0:
        found = sweep_looks(LookStore(folder), share, folder / SWEEP, SWEEP_S)
        for damaged in found.damaged:
            context.progress.note(f"note: {damaged.path}: a damaged look, set aside ({damaged.reason})")


def _tidy(context: Run) -> None:
    """Remove what killed runs left, and looks of recipes that are older than the settings want to keep."""
    sweep_leftovers(context.archive.folder, context.out)
    if context.settings.scan.keep_recipes > 0:
        for recipe in prune_older(context.archive.folder, context.settings.scan.keep_recipes):
            context.progress.note(f"Removed: {recipe.line()}")


def _last(context: Run) -> str:
    return last_complete(context.today, context.settings.scan.settle_days)


def _steps(context: Run, log: ScanLog, asked: Asked, bounds: Bounds) -> tuple[list[Step], int]:
    """The steps of this scan, and how many more are due."""
    last = _last(context)
    if asked.month is not None:
        if asked.month > last:
            raise InputError(f"--month {asked.month}: not complete yet; the last month that is complete is {last}")
        return [Step(asked.month, asked.month)], 0
    steps = due(log, last, asked.first, lambda: _beginning(context, last))
    most = min(bounds.months or len(steps), context.settings.scan.catch_up_months)
    return steps[:most], max(0, len(steps) - most)


def _beginning(context: Run, last: str) -> str | None:
    """The month in which a first scan begins: that of the first scene on this disk, or as the settings say."""
    if context.source.remote or context.source.paid:
        return earlier(last, context.settings.scan.first_months - 1)
    scenes = context.source.search(context.aoi, Period(None, last_day(last))).scenes
    return min((month_of(scene.time_utc.date()) for scene in scenes), default=last)


def focus_of(context: Run) -> tuple[Polygonal, ...]:
    """The ground that a first scan looks at first: the AOIs that were named, or the small ones of `aoi/` inside."""
    named = context.settings.scan.focus
    if named:
        return tuple(read_aoi(name).polygon for name in named)
    return tuple(each.polygon for each in list_aois() if _lies_inside(each, context.aoi))


def _lies_inside(small: Aoi, large: Aoi) -> bool:
    shared = small.polygon.intersection(large.polygon).area / small.polygon.area
    return small.name != large.name and small.area_km2 <= min(FOCUS_KM2, large.area_km2 / 2) and shared >= INSIDE


@dataclass(slots=True)
class _Work:
    """Does the steps of one scan."""

    context: Run
    bar: Bar
    bounds: Bounds
    outbox: Outbox
    begun: float
    """When the scan began, `time.monotonic`."""
    letters: list[Letter] = field(default_factory=list)
    """The messages that were written."""
    made: int = 0
    """Looks that were made."""
    spent: Usage = field(default_factory=Usage)
    """What was asked of providers."""

    def step(self, step: Step, log: ScanLog) -> ScanRecord:
        """Look at the months of a step, publish and write the message; returns what must be recorded."""
        started = time.monotonic()
        patient = not self._patience_is_over(step, log)
        try:
            while True:
                pace = self._pace(step, whole=patient and not step.opening)
                summary = detect(replace(self.context, period=self._period(step, log), pace=pace))
                self.made += len(summary.made)
                if summary.failures or not (step.opening and summary.left and self._may_go_on()):
                    break
                self._write(self._progress(step, summary, started), None)
        except PipelineError as cause:
            self._write(self._failure(step, cause.exit_code, str(cause)), None)
            return self._record(step, started, outcome=Outcome.FAILED, code=cause.exit_code, reason=str(cause))
        return self._ended(step, summary, started, patient)

    def _ended(self, step: Step, summary: Summary, started: float, patient: bool) -> ScanRecord:
        """Write the message about a step that was not cut short by an error; returns what must be recorded."""
        outcome, reason = outcome_of(step, summary, patient, step.last == _last(self.context))
        told, news = self.outbox.told(), self._news(step, summary)
        if reason.blind:
            self._write(blind_message(news, reason.text), None)
        elif outcome.settles:
            message = message_of(news, told, self.bar, self.context.settings.alerts.places)
            # Nothing new in months that were told before: it was scanned once more, or the scan was cut off after that.
            if message.kind is not MessageKind.HEARTBEAT or not self.outbox.tells(f"{step.name}-published"):
                self._write(message, dict(sorted({**told, **told_by(news.sites, news.events)}.items())))
        elif summary.failures:
            self._write(self._failure(step, summary.exit_code, reason.text), None)
        else:
            self._write(self._progress(step, summary, started), None)
        published = outcome.settles and not reason.blind
        before, self.spent = self.spent, sum(summary.usage.values(), Usage())
        return self._record(
            step,
            started,
            outcome=outcome,
            code=reason.code,
            reason=reason.text,
            recipe=self.context.recipe.digest,
            run_id=summary.provenance.run_id,
            looks=len(summary.asked),
            made=len(summary.made),
            left=summary.left,
            failed=len(summary.failures),
            seen_share=round(news.seen_share, 6),
            sites=dict(sorted(Counter(site.status.value for site in summary.sites).items())),
            # A scan that was cut off after it had written its message knows its new sites again.
            new=tuple(site.site_id for site in new_sites(news, self.outbox.told(f"{step.name}-published")))
            if published
            else (),
            n_bytes=self.spent.n_bytes - before.n_bytes,
            pu=round(self.spent.pu - before.pu, 3),
        )

    def _record(self, step: Step, started: float, **facts: Any) -> ScanRecord:
        context = self.context
        return ScanRecord(
            at=datetime.now(UTC).replace(microsecond=0),
            day=context.today,
            aoi=context.aoi.digest,
            first=step.first,
            last=step.last,
            source=context.source.name,
            out=str(context.out.absolute()),
            model=context.model.card.name,
            software=__version__,
            seconds=round(time.monotonic() - started, 1),
            **facts,
        )

    def _period(self, step: Step, log: ScanLog) -> Period:
        """The months of a step, and earlier ones: in which scenes may have been listed late, whose looks were lost, or
        whose looks are to be made again as looks are made now."""
        first = step.first if step.opening else earlier(step.first, self.context.settings.scan.late_months)
        begun = log.begun or step.first
        again = [self._lost(log), begun if self._differs(log) else None]
        earliest = min([max(first, begun), *(month for month in again if month)])
        return Period(first_day(min(step.first, earliest)), last_day(step.last))

    def _differs(self, log: ScanLog) -> bool:
        """Whether looks are made otherwise than by the last scan, and making all again costs nothing but time."""
        source, remake = self.context.source, self.context.remake
        free = remake is Remake.ALL or (remake is Remake.AUTO and not (source.remote or source.paid))
        return free and log.recipe not in ("", self.context.recipe.digest)

    def _lost(self, log: ScanLog) -> str | None:
        """The first month of a step that had looks of which none is left: an archive that was restored from a backup.

        None where there is none, or where making them again would have to be paid for.
        """
        if not self.context.remakes:
            return None
        there = {month_of(look.day) for look in looks_now(self.context, [])}
        steps = [record for record in log.records if record.outcome.settles and record.looks]
        return min((record.first for record in steps if not there.intersection(record.months)), default=None)

    def _patience_is_over(self, step: Step, log: ScanLog) -> bool:
        """Whether looks of the step failed for so long that it is published without them."""
        first, days = log.first_try(step.last), self.context.settings.scan.patience_days
        return first is not None and datetime.now(UTC) - first >= timedelta(days=days)

    def _pace(self, step: Step, whole: bool) -> Pace:
        until = None if self.bounds.hours is None else self.begun + self.bounds.hours * HOUR_S
        if step.opening:
            report = time.monotonic() + self.context.settings.scan.report_hours * HOUR_S
            until = report if until is None else min(report, until)
        return Pace(
            most_looks=None if self.bounds.looks is None else max(0, self.bounds.looks - self.made),
            until=until,
            first=focus_of(self.context) if step.opening else (),
            clearest_first=step.opening or self.context.source.remote,
            whole=whole,
        )

    def _may_go_on(self) -> bool:
        hours, looks = self.bounds.hours, self.bounds.looks
        in_time = hours is None or time.monotonic() < self.begun + hours * HOUR_S
        return in_time and (looks is None or self.made < looks)

    def _news(self, step: Step, summary: Summary) -> News:
        context = self.context
        return News(
            place=context.aoi.title,
            months=step.name,
            seen_share=summary.seen_in.get(step.last, 0.0),
            seen_ever=summary.seen_share,
            looks=len(summary.asked),
            area_km2=context.aoi.area_km2,
            sites=tuple(summary.sites),
            events=summary.events,
            missing=len(summary.failures),
            simulated=bool(context.source.simulation),
            link=self._link(),
        )

    def _link(self) -> str:
        link = self.context.settings.alerts.link
        return f"{link.rstrip('/')}/{self.context.aoi.name}/" if link else f"{self.context.out.absolute()}/"

    def _progress(self, step: Step, summary: Summary, since: float) -> Message:
        hours = max(1e-6, (time.monotonic() - since) / HOUR_S)
        return progress_message(
            self._news(step, summary),
            done=len(summary.asked),
            left=summary.left,
            rate_h=len(summary.made) / hours,
            on=f"{self.context.today}",
        )

    def _failure(self, step: Step, code: int, reason: str) -> Message:
        """Told once a week for each kind of failure, whatever its words."""
        year, week, _ = self.context.today.isocalendar()
        title, simulated = self.context.aoi.title, bool(self.context.source.simulation)
        return failed_message(title, step.name, reason, advice(code), f"{code}-{year}w{week:02d}", simulated)

    def _write(self, message: Message, told: Told | None) -> None:
        letter = self.outbox.add(message, told, datetime.now(UTC).replace(microsecond=0))
        if letter is not None:
            self.letters.append(letter)
