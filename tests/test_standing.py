"""What was published stands until clear looks speak against it."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import law
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely.geometry import Point, box

from pipeline.sites import standing
from pipeline.sites.history import EventKind, SiteStatus
from pipeline.sites.lineage import lineage_events
from pipeline.sites.names import Interval, RegisteredSite, Registry
from pipeline.sites.records import EventRecord, LookRecord, SiteRecord
from pipeline.sites.registry import read_registry, registry_text, write_registry
from pipeline.sites.standing import Change, speaks_against
from pipeline.sites.statement import Statement, renamed, with_onsets_of
from pipeline.sites.states import SiteState

some = st.frozensets(st.integers(0, law.SCENES - 1), max_size=6)
runs = st.builds(
    law.RunOf,
    model=st.sampled_from(law.MODELS),
    first=st.integers(0, law.SCENES - 1),
    last=st.integers(1, law.SCENES),
    missing=some,
    failing=some,
    limit=st.sampled_from([0, 1, 2, 99]),
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(place=st.integers(0, 400), sequence=st.lists(runs, min_size=2, max_size=6))
def test_what_is_said_of_a_site_changes_only_by_new_clear_looks_at_it(place: int, sequence: list[law.RunOf]) -> None:
    assert law.broken_by(place, sequence) is None


def test_sequences_say_something_that_could_change() -> None:
    found = [law.said(seed) for seed in (0, 3, 5, 29)]
    assert sum(sites for sites, _ in found) >= 4
    assert sum(gone for _, gone in found) >= 1


change = standing._change
GUARDS = {
    "looks must be new": ("_change", lambda entry, sight, rules: Change.FREE, (0, 3, 5)),
    "looks must be of the recipe that said it, or enough": (
        "_change",
        lambda entry, sight, rules: change(
            replace(entry, basis=replace(entry.basis, recipe=rules.recipe)) if entry.basis else entry, sight, rules
        ),
        (0, 3, 5),
    ),
    "enough looks must speak against it": ("speaks_against", lambda *_: True, (29, 40, 46)),
    "all that a place concerns must be seen": ("_is_held", lambda *_: False, (0, 1, 2)),
    "a name that stands is given to no other place": ("_rests", lambda entry: True, (55, 186)),
}
"""What holds the law, each with what is left without it, and places where that is seen first."""


@pytest.mark.parametrize("guard", GUARDS)
def test_without_any_one_guard_the_law_breaks(guard: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, without, seeds = GUARDS[guard]
    assert not any(law.broken_by(seed) for seed in seeds[:1])
    monkeypatch.setattr(standing, name, without)
    assert any(law.broken_by(seed) for seed in (*seeds, *range(300)))


GROUND = box(99, 21, 99.002, 21.002)
HERE = Point(99.001, 21.001)


def said(
    days: list[date], ponds: tuple[date | None, date] | None, last_seen: date, status: SiteStatus = SiteStatus.CONFIRMED
) -> Statement:
    """A statement that rests on looks on some days."""
    after, by = ponds or (None, None)
    site = SiteRecord(
        site_id="SHN-0001", status=status, confidence=0.9, ground_after=None, ground_by=days[0], ponds_after=after,
        ponds_by=by, last_seen=last_seen, last_clear=days[-1], clear_looks=len(days), pond_area_m2=900.0,
        pond_area_low_m2=600.0, pond_area_high_m2=1200.0, ground_area_m2=30_000.0, verdict=None, reviewed_on=None,
        simulated=False, source="folder", model="third", run_id="r1", polygon=GROUND,
    )  # fmt: skip
    looks = tuple(
        LookRecord(
            site_id="SHN-0001", day=day, overpass=f"{day:%Y%m%d}-S2A", share_seen=1.0, pond_area_m2=900.0,
            pond_area_low_m2=600.0, pond_area_high_m2=1200.0, ground_area_m2=30_000.0, state=SiteState.PONDS,
            ponds_present=True, ground_present=True, point=HERE,
        )
        for day in days
    )  # fmt: skip
    events = [event(EventKind.APPEARED, None, days[0])]
    events += [event(EventKind.PONDS_BUILT, after, by)] if by else []
    events += [event(EventKind.IDLE, last_seen, days[-1])] if status is not SiteStatus.CONFIRMED else []
    return Statement(site, (), looks, tuple(events))


def event(kind: EventKind, after: date | None, by: date) -> EventRecord:
    return EventRecord(site_id="SHN-0001", kind=kind, after=after, by=by, evidence="x", point=HERE)


MONTHS = [date(2025, month, 10) for month in range(1, 13)]


@pytest.mark.parametrize(
    ("clear", "enough"),
    [
        (MONTHS[:3], False),  # before it was said to have ponds
        (MONTHS[3:5], False),  # two are not three
        (MONTHS[3:6], True),
        (MONTHS[8:], False),  # only later than it was last seen: it may have ended
        ([MONTHS[3], *MONTHS[9:]], False),
        ([*MONTHS[3:6], *MONTHS[9:]], True),
    ],
    ids=["before", "two", "three", "later", "one and later", "three and later"],
)
def test_a_site_is_withdrawn_only_by_enough_looks_in_the_time_it_was_said_to_have_ponds(
    clear: list[date], enough: bool
) -> None:
    confirmed = said(MONTHS[:8], (MONTHS[2], MONTHS[3]), MONTHS[7])
    assert speaks_against(confirmed, clear, 3) is enough


def test_a_candidate_of_two_looks_is_withdrawn_by_a_third() -> None:
    candidate = said(MONTHS[3:5], (None, MONTHS[3]), MONTHS[4])
    assert not speaks_against(candidate, MONTHS[3:5], 3)
    assert speaks_against(candidate, MONTHS[3:6], 3)


def test_looks_after_a_site_went_idle_do_not_speak_against_its_ponds() -> None:
    idle = said(MONTHS[:8], (MONTHS[2], MONTHS[3]), MONTHS[5], SiteStatus.IDLE)
    assert idle.had_ponds() == (MONTHS[3], MONTHS[5])
    assert not speaks_against(idle, [MONTHS[3], MONTHS[4], *MONTHS[6:]], 3)
    assert speaks_against(idle, MONTHS[3:6], 3)


def test_an_onset_is_not_forgotten_because_later_looks_begin_after_it() -> None:
    earlier = said(MONTHS[:8], (MONTHS[2], MONTHS[3]), MONTHS[7])
    later = said(MONTHS[9:], (None, MONTHS[9]), MONTHS[11])
    kept = with_onsets_of(later, earlier)
    assert (kept.site.ponds_after, kept.site.ponds_by) == (MONTHS[2], MONTHS[3])
    assert (kept.site.ground_after, kept.site.ground_by) == (None, MONTHS[0])
    assert [(one.kind, one.by) for one in kept.events] == [
        (EventKind.APPEARED, MONTHS[0]), (EventKind.PONDS_BUILT, MONTHS[3]),
    ]  # fmt: skip
    assert kept.site.last_seen == MONTHS[11]


def test_an_onset_that_looks_speak_about_is_theirs() -> None:
    earlier = said(MONTHS[:8], (MONTHS[2], MONTHS[3]), MONTHS[7])
    sharper = said(MONTHS, (MONTHS[4], MONTHS[5]), MONTHS[11])
    assert with_onsets_of(sharper, earlier) == replace(sharper, site=sharper.site)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=5), st.booleans())
def test_a_statement_comes_back_from_the_registry_as_it_was_published(gaps: list[int], built: bool) -> None:
    days = [date(2025, 1, 3) + timedelta(days=sum(gaps[: k + 1])) for k in range(len(gaps))]
    statement = renamed(said(days, (None, days[-1]) if built else None, days[-1]), "SHN-0042")
    registry, (name,) = Registry("SHN").with_ids([box(500_000, 2_400_000, 500_200, 2_400_200)], law.GRID, 150.0)
    basis = standing.Basis("recipe", "judgement", "around", ("20250103-S2A:0", "20250203-S2A:1"))
    entry = replace(registry.entries[0], statement=renamed(statement, name), basis=basis)
    back = read_text(Registry("SHN", (entry,)))
    assert (back.statement, back.basis) == (entry.statement, entry.basis)


def read_text(registry: Registry) -> standing.RegisteredSite:
    """The one entry of a registry, written and read."""
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "registry.json")
        path.write_text("".join(registry_text(registry)))
        return read_registry(path).entries[0]


SEEN = ("20250110-S2A:11111111", "20250210-S2B:22222222", "20250310-S2A:33333333")


@pytest.mark.parametrize(
    ("now", "screened", "late"),
    [
        (SEEN, False, ""),
        ((*SEEN, "20250410-S2A:44444444"), False, ""),  # a later one
        ((*SEEN, "20250220-S2A:44444444", "20250410-S2A:5"), False, "20250220-S2A"),
        ((*SEEN, "20250310-S2B:44444444"), False, "20250310-S2B"),  # another satellite on the last day
        ((SEEN[0], "20250210-S2B:99999999", SEEN[2]), False, "20250210-S2B"),  # processed anew
        ((SEEN[0], "20250210-S2B:99999999", SEEN[2]), True, ""),  # or only looked at more closely
        ((*SEEN, "20250220-S2A:44444444"), True, "20250220-S2A"),
        (SEEN[:1], False, ""),
    ],
)
def test_which_overpasses_were_seen_late(now: tuple[str, ...], screened: bool, late: str) -> None:
    assert standing._late(SEEN, now, screened) == late


def test_a_state_with_a_reason_is_a_revision_and_survives_the_file(tmp_path: Path) -> None:
    site = said(MONTHS[:4], (MONTHS[1], MONTHS[2]), MONTHS[3])
    first = standing.state_of(site.site, MONTHS[4])
    later = replace(first, on=MONTHS[5], ponds=Interval(None, MONTHS[1]), because="20250115-S2A", run_id="r2")
    entry = RegisteredSite("SHN-0001", GROUND, published=(first, later), statement=site)
    registry = Registry(
        "SHN", (entry, replace(entry, site_id="SHN-0002", published=(first, replace(later, because=""))))
    )
    write_registry(tmp_path / "registry.json", registry)
    again = read_registry(tmp_path / "registry.json", "SHN")
    assert [each.published for each in again.entries] == [each.published for each in registry.entries]
    (revised,) = lineage_events(again.entries[0], again)
    assert (revised.kind, revised.after, revised.by) == (EventKind.REVISED, MONTHS[4], MONTHS[5])
    assert revised.evidence == "run r1, run r2; seen late: 20250115-S2A"
    assert not list(lineage_events(again.entries[1], again))
