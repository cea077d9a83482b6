"""Hard-negative mining: what is taken for ponds is shown more often, within bounds, and sites keep their share."""

import numpy as np
import pytest

from pipeline.training.chips import SITE, chip_kinds
from pipeline.training.mining import MAX_WEIGHT, MIN_WEIGHT, Mining


def learned(false: dict[str, float], steps: int = 3) -> Mining:
    mining = Mining.fresh()
    kinds = np.array([chip_kinds().index(name) for name in false], np.uint8)
    told = np.array([np.full((4, 4), share) for share in false.values()], np.float32)
    for _ in range(steps):
        mining.update(kinds, told, np.zeros_like(told), np.ones_like(told))
    return mining


def test_what_is_taken_for_ponds_is_drawn_more_often() -> None:
    mining = learned({"fish_ponds": 0.2, "quarry": 0.01, "anywhere": 0.05})
    weights = mining.weights()
    assert (
        weights[chip_kinds().index("fish_ponds")]
        > weights[chip_kinds().index("anywhere")]
        > weights[chip_kinds().index("quarry")]
    )
    kinds = np.repeat(np.array([chip_kinds().index("fish_ponds"), chip_kinds().index("quarry")], np.uint8), 100)
    sample = kinds[mining.sample(kinds, 2000, np.random.default_rng(1))]
    ratio = (sample == kinds[0]).sum() / (sample == kinds[-1]).sum()
    assert ratio == pytest.approx(weights[kinds[0]] / weights[kinds[-1]], rel=0.3)


def test_nothing_is_forgotten_and_sites_keep_their_weight() -> None:
    weights = learned({SITE: 0.9, "fish_ponds": 0.9, "quarry": 1e-6}).weights()
    assert weights[chip_kinds().index(SITE)] == 1
    assert MIN_WEIGHT <= weights.min() <= weights.max() <= MAX_WEIGHT


def test_only_false_ponds_on_seen_ground_count_as_hard() -> None:
    mining, kind = Mining.fresh(), np.array([1], np.uint8)
    told = np.full((1, 2, 2), 0.5, np.float32)
    mining.update(kind, told, told, np.ones_like(told))
    mining.update(kind, told, np.zeros_like(told), np.zeros_like(told))
    assert mining.false[1] == 0
