"""Status: how every AOI that is scanned stands, in a few lines, or as JSON for machines."""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from pipeline.alerts.outbox import Outbox
from pipeline.archive import Archive
from pipeline.config import Settings
from pipeline.errors import PipelineError
from pipeline.months import first_day, last_day, month_of, months_between
from pipeline.run.leftovers import prunable_bytes
from pipeline.scan.due import due, last_complete
from pipeline.scan.log import Outcome, ScanLog, ScanRecord, read_log
from pipeline.sources.budget import totals
from pipeline.sources.ledger import Usage, read_ledger
from pipeline.upkeep.schedule import Schedule, schedules

GRACE = timedelta(days=3)
"""After a month was complete; a scan that has not happened by then is missed."""
SIMULATED = re.compile(r"(.+)-simulated-([0-9a-f]{8})")
"""Name of the log of simulated scans: that of the AOI, and the id of the simulation."""
MOST_NAMED = 6
"""Months that are named one by one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AoiStatus:
    """How one AOI stands."""

    aoi: str
    """Name."""
    simulated: bool
    last_scan: datetime | None
    """When a step last ended, UTC; None = never."""
    last_month: str
    """The last month of that step; empty = none."""
    outcome: str
    """How it ended, as in `Outcome`; empty = there was none."""
    seen_share: float
    """Share of the AOI seen in that month, 0 to 1."""
    next_scan: datetime | None
    """When a schedule starts one next, UTC; None = no schedule."""
    next_month: str
    """The month that is complete next ..."""
    complete_on: date
    """... and when."""
    due: tuple[str, ...]
    """Months that are complete and not scanned; an empty log has none, because nothing says where it begins."""
    sites: Mapping[str, int]
    """Sites by status, as the last step published them."""
    out: str
    """Product folder; empty = none yet."""
    waiting: int
    """Messages that have not reached everybody."""
    wrong: tuple[str, ...]
    """What is wrong, each in one line."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """How everything in an archive stands."""

    archive: str
    aois: tuple[AoiStatus, ...]
    disk_bytes: Mapping[str, int]
    """Bytes by folder or file of the archive."""
    prunable_bytes: int
    """Bytes of looks of older recipes and of killed runs, which `leachwatch looks prune` removes."""
    free_bytes: int
    """Bytes that are free on its disk."""
    spending: Mapping[str, Usage]
    """What was asked of whom in this calendar month."""
    monthly_pu: float
    """The limit of the settings, processing units; 0 = none."""
    monthly_gb: float
    """The limit of the settings, gigabytes; 0 = none."""
    wrong: tuple[str, ...]
    """What is wrong with the archive itself."""

    @property
    def is_well(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong and not any(each.wrong for each in self.aois)

    def json(self) -> str:
        """For machines."""
        return json.dumps({**asdict(self), "well": self.is_well}, indent=1, default=str)

    def text(self) -> str:
        """For people."""
        lines = [line for each in self.aois for line in _aoi_lines(each)]
        if not self.aois:
            lines.append(
                f"No scans in {self.archive}/ yet: leachwatch scan --aoi NAME, or leachwatch schedule --aoi NAME"
            )
        used = sum(self.disk_bytes.values())
        largest = sorted(self.disk_bytes.items(), key=lambda item: -item[1])[:4]
        parts = ", ".join(f"{name} {_size(n)}" for name, n in largest if n)
        lines.append(f"{self.archive}/  {_size(used)}{f' ({parts})' if parts else ''}; {_size(self.free_bytes)} free")
        if self.prunable_bytes:
            lines.append(f"  {_size(self.prunable_bytes)} of looks of older recipes: leachwatch looks prune")
        lines += [f"  this month {usage.text()} from {name}" for name, usage in self.spending.items()]
        limits = [f"{self.monthly_pu:,g} processing units"] * (self.monthly_pu > 0)
        limits += [f"{self.monthly_gb:,g} GB"] * (self.monthly_gb > 0)
        if limits:
            lines.append(f"  limit of a month: {', '.join(limits)}")
        return "\n".join([*lines, *(f"WRONG  {line}" for line in self.wrong)])


def status_of(archive: Path, settings: Settings, now: datetime) -> Status:
    """How everything in an archive stands. What cannot be read is told as wrong."""
    wrong: list[str] = []
    try:
        planned = {each.aoi: each for each in schedules(archive)}
    except PipelineError as cause:
        planned = {}
        wrong.append(str(cause))
    files = sorted((archive / "scans").glob("*.jsonl"))
    aois = [_status(path, archive, _schedule_of(path.stem, planned), settings, now) for path in files]
    covered = {each.aoi for each in aois}
    aois += [_never(each, settings, now) for each in planned.values() if not covered & _aois(each)]
    try:
        spending = totals(entry for entry in read_ledger(archive / "ledger.jsonl") if entry.month == f"{now:%Y-%m}")
    except PipelineError as cause:
        spending = {}
        wrong.append(str(cause))
    try:
        n_bytes = prunable_bytes(archive)
    except PipelineError as cause:
        n_bytes = 0
        wrong.append(str(cause))
    return Status(
        archive=str(archive),
        aois=tuple(aois),
        disk_bytes=_sizes(archive),
        prunable_bytes=n_bytes,
        free_bytes=_free(archive),
        spending=spending,
        monthly_pu=settings.spending.monthly_pu,
        monthly_gb=settings.spending.monthly_gb,
        wrong=tuple(wrong),
    )


def _status(path: Path, archive: Path, schedule: Schedule | None, settings: Settings, now: datetime) -> AoiStatus:
    simulated = SIMULATED.fullmatch(path.stem)
    name = simulated[1] if simulated else path.stem
    place = Archive(archive, simulated[2] if simulated else "")
    try:
        log = read_log(path)
    except PipelineError as cause:
        return _empty(name, schedule, settings, now, bool(simulated), (str(cause),))
    last = log.records[-1] if log.records else None
    if last is None:
        return _empty(
            name, schedule, settings, now, bool(simulated), ("the log of its scans has no line that can be read",)
        )
    log = log.of(last.aoi).until(now.date())
    steps = due(log, last_complete(now.date(), settings.scan.settle_days), None, lambda: None)
    months = tuple(month for step in steps for month in _months(step.first, step.last))
    outbox = Outbox(place.outbox(name))
    published = next((each for each in reversed(log.records) if each.outcome.settles), last)
    return replace(
        _empty(name, schedule, settings, now, bool(simulated), tuple(_wrong(log, last, months, outbox, settings, now))),
        last_scan=last.at,
        last_month=last.last,
        outcome=last.outcome.value,
        seen_share=last.seen_share,
        due=months,
        sites=dict(published.sites),
        out=last.out,
        waiting=len(outbox.open()),
    )


def _wrong(
    log: ScanLog, last: ScanRecord, months: Sequence[str], outbox: Outbox, settings: Settings, now: datetime
) -> Iterator[str]:
    if last.outcome in (Outcome.FAILED, Outcome.UNFINISHED):
        yield f"the last scan did not end well (code {last.code}): {last.reason}"
    elif months:
        since = _complete_on(months[0], settings)
        if now.date() > since + GRACE:
            yield (
                f"a scan did not happen: {months[0]} was complete on {since}, and the last scan was on "
                f"{last.at:%Y-%m-%d}"
            )
    if log.damaged:
        yield f"{log.damaged} lines of the log of its scans are damaged; their months are scanned again"
    waiting = outbox.open()
    if waiting:
        yield f"{len(waiting)} messages have not reached everybody, the first of {waiting[0].written:%Y-%m-%d}"
    for path in outbox.damaged():
        yield f"{path}: the message is damaged; what it told is told again with the next"


def _never(schedule: Schedule, settings: Settings, now: datetime) -> AoiStatus:
    """A schedule of which nothing was scanned yet."""
    since = date.fromisoformat(schedule.since)
    late = now.date() > since + GRACE
    wrong = (f"a scan did not happen: it was scheduled on {since}, and nothing was scanned",) if late else ()
    return _empty(schedule.aoi, schedule, settings, now, False, wrong)


def _empty(
    name: str, schedule: Schedule | None, settings: Settings, now: datetime, simulated: bool, wrong: tuple[str, ...]
) -> AoiStatus:
    month = month_of(last_day(last_complete(now.date(), settings.scan.settle_days)) + timedelta(days=1))
    return AoiStatus(
        aoi=name,
        simulated=simulated,
        last_scan=None,
        last_month="",
        outcome="",
        seen_share=0.0,
        next_scan=schedule.next_start(now) if schedule else None,
        next_month=month,
        complete_on=_complete_on(month, settings),
        due=(),
        sites={},
        out="",
        waiting=0,
        wrong=wrong,
    )


def _complete_on(month: str, settings: Settings) -> date:
    """The first day on which a month counts as complete."""
    return last_day(month) + timedelta(days=1 + settings.scan.settle_days)


def _months(first: str, last: str) -> list[str]:
    return list(months_between(first_day(first), first_day(last)))


def _aois(schedule: Schedule) -> set[str]:
    """The names of the AOIs of a schedule, from its command line."""
    words = schedule.command
    chosen = words[words.index("--aoi") + 1] if "--aoi" in words[:-1] else schedule.aoi
    return {Path(each).stem for each in re.split(r"[,\s]+", chosen) if each} | {Path(chosen).stem}


def _schedule_of(stem: str, planned: Mapping[str, Schedule]) -> Schedule | None:
    simulated = SIMULATED.fullmatch(stem)
    name = simulated[1] if simulated else stem
    return next((each for each in planned.values() if name in _aois(each)), None)


def _sizes(archive: Path) -> dict[str, int]:
    """Bytes of each folder and file in an archive."""
    found: dict[str, int] = {}
    for folder, _, names in os.walk(archive):
        top = Path(folder).relative_to(archive).parts[:1]
        for name in names:
            key = top[0] if top else name
            try:
                found[key] = found.get(key, 0) + (Path(folder) / name).lstat().st_size
            except OSError:
                continue  # it went away meanwhile
    return dict(sorted(found.items()))


def _free(folder: Path) -> int:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def _aoi_lines(each: AoiStatus) -> Iterator[str]:
    yield f"{each.aoi}{'  (SIMULATED)' if each.simulated else ''}"
    if each.last_scan is not None:
        seen = f"; seen {each.seen_share:.0%} of it" if each.outcome in ("done", "incomplete", "blind") else ""
        at = f"{each.last_scan.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        yield f"  last scan   {at}, {each.last_month}: {each.outcome}{seen}"
    else:
        yield "  last scan   none yet"
    start = f"{each.next_scan:%Y-%m-%d %H:%M} UTC" if each.next_scan else "not scheduled (leachwatch schedule)"
    yield f"  next scan   {start}; {each.next_month} is complete on {each.complete_on}"
    if each.due:
        more = f" … {each.due[-1]}" if len(each.due) > MOST_NAMED else ""
        yield f"  due         {', '.join(each.due[:MOST_NAMED])}{more}"
    if each.out:
        words = ", ".join(f"{n} {status}" for status, n in each.sites.items()) or "none"
        yield f"  sites       {sum(each.sites.values())} ({words}), in {each.out}/"
    for line in each.wrong:
        yield f"  WRONG       {line}"


def _size(n_bytes: float) -> str:
    for unit in ("B", "kB", "MB"):
        if n_bytes < 1000:
            return f"{n_bytes:,.0f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:,.1f} GB"
