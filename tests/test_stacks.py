"""Years of looks at a site: gone through part by part, with the same answer and in bounded memory."""

import tracemalloc
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_cells import look_on

from pipeline.config import load
from pipeline.evidence.fuse import fuse
from pipeline.grid import Window
from pipeline.looks import stack as stack_module
from pipeline.looks.look import Look
from pipeline.looks.observe import CLEAR, NO_DATA, NO_VALUE, NOT_CLEAR, SCREENED
from pipeline.looks.stack import LongStack, LookArchive, read_stack, stacks_of
from pipeline.raster import Bytes
from pipeline.sites.confidence import AssessedSite, assess
from pipeline.sites.extract import Site, find_sites, pond_pixels

CONFIGURED = load(None)
PLACE = Window(-243_200, 51_200, 96, 96)
PONDS = np.zeros(PLACE.shape, bool)
PONDS[40:44, 40:44] = PONDS[48:51, 44:50] = True


@dataclass(frozen=True)
class Drawn:
    """Pixels of a look that are drawn when they are read."""

    number: int
    begins: int = 12

    def read(self, part: Window) -> Bytes:
        """As `LookPixels.read`."""
        rng = np.random.default_rng(self.number)
        state = rng.choice([NO_DATA, NOT_CLEAR, SCREENED, *[CLEAR] * 12], PLACE.shape).astype(np.uint8)
        if self.number % 5 == 0:
            state[:, 42:] = NOT_CLEAR
        there = self.number >= self.begins
        pond = np.where(PONDS & there, 150 + rng.integers(0, 50), rng.integers(0, 9, PLACE.shape))
        ground = np.full(PLACE.shape, 170 if there else 15)
        planes = [np.where(state == CLEAR, plane, NO_VALUE) for plane in (pond, ground)] + [state]
        return np.stack(planes).astype(np.uint8)[(slice(None), *part.within(PLACE))]


def looks(count: int) -> list[Look]:
    """Looks of which every fourth overpass has two."""
    found = []
    for number in range(count):
        day = date(2020, 1, 1) + timedelta(days=5 * (number - (number % 4 == 3)))
        look = look_on(day, f"{number}")
        object.__setattr__(look, "pixels", Drawn(number))
        object.__setattr__(look, "extent", PLACE)
        object.__setattr__(look, "windows", (PLACE,))
        found.append(look)
    return found


def dated(archive: LookArchive) -> tuple[Site, AssessedSite]:
    piece = pond_pixels(PLACE, PONDS.astype(np.float32), np.ones(PLACE.shape, bool), CONFIGURED.sites)
    (site,) = find_sites([piece], lambda window: fuse(archive.stacks(window), CONFIGURED.evidence), CONFIGURED.sites)
    return site, assess(site, archive.stacks(site.window), CONFIGURED, None)


def told(found: tuple[Site, AssessedSite]) -> tuple[object, ...]:
    site, item = found
    return (
        site.window, site.pond.tobytes(), site.ground.tobytes(), site.mean_pond_fraction, site.mean_ground,
        item.history, item.features, item.pond_area, item.look_areas,
        [(patch.first_seen, patch.pixels, patch.outline_m.wkt) for patch in item.patches],
    )  # fmt: skip


@pytest.mark.parametrize("most", [1, PLACE.area_px, 3 * PLACE.area_px, 17 * PLACE.area_px])
def test_part_by_part_says_bit_by_bit_what_all_at_once_says(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = LookArchive(looks(40), 512)
    whole = told(dated(archive))
    assert whole[5].ponds is not None
    assert any(first for first, _, _ in whole[9])
    monkeypatch.setattr(stack_module, "MOST_PIXELS", most)
    assert isinstance(archive.stacks(PLACE), LongStack)
    assert told(dated(archive)) == whole


@settings(max_examples=20)
@given(count=st.integers(0, 12), per_part=st.integers(1, 5))
def test_parts_are_the_whole_cut_in_time(count: int, per_part: int) -> None:
    everything = looks(count)
    whole = read_stack(everything, PLACE)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(stack_module, "MOST_PIXELS", per_part * PLACE.area_px)
        stacks = stacks_of(everything[::-1], PLACE)
        parts = list(stacks.parts())
        assert [part.days for part in parts] == [part.days for part in stacks.parts()]
    assert all(len(part.days) <= per_part for part in parts)
    for name in ("days", "overpasses"):
        assert tuple(item for part in parts for item in getattr(part, name)) == getattr(whole, name)
    for name in ("pond", "ground", "clear", "seen", "measured"):
        np.testing.assert_array_equal(np.concatenate([getattr(part, name) for part in parts]), getattr(whole, name))


def peak_mb(count: int) -> float:
    archive = LookArchive(looks(count), 512)
    tracemalloc.start()
    try:
        dated(archive)
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_years(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack_module, "MOST_PIXELS", 20 * PLACE.area_px)
    few, many = peak_mb(60), peak_mb(240)
    assert many < 1.25 * few
    monkeypatch.setattr(stack_module, "MOST_PIXELS", 10_000 * PLACE.area_px)
    assert peak_mb(240) > 2 * many


def test_a_stack_takes_five_bytes_a_pixel_and_look() -> None:
    everything = looks(60)
    tracemalloc.start()
    try:
        stack = read_stack(everything, PLACE)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 7 * len(stack.days) * PLACE.area_px
