"""Stored numbers to reflectance: one case per row of the table."""

import pytest

from pipeline.errors import SceneError
from pipeline.sources.radiometry import RULES, baseline_has_boa_offset, scale_and_offset, scale_and_offset_of

C1, L2A = "sentinel-2-c1-l2a", "sentinel-2-l2a"
SAID = (0.0001, -0.1)
CASES = [
    ("earthsearch", L2A, "05.11", True, SAID, -0.0),  # the item repeats an offset that is no longer in (issue #9)
    ("earthsearch", L2A, "05.11", False, None, -0.1),
    ("earthsearch", L2A, "03.01", False, SAID, 0.0),
    ("earthsearch", C1, "05.00", None, SAID, -0.1),
    ("planetary", L2A, "04.00", None, None, -0.1),
    ("planetary", L2A, "02.14", None, None, 0.0),
    ("esa", "", "02.14", None, None, 0.0),
    ("esa", "", "05.11", None, SAID, -0.1),
    ("cdse", "sentinel-2-l2a", "05.11", None, SAID, -0.1),
    ("stac", "", None, None, (0.0001, 0.0), 0.0),
]


@pytest.mark.parametrize("case", CASES)
def test_each_row_gives_what_is_known_of_its_provider(case) -> None:
    *asked, expected = case
    assert scale_and_offset_of(*asked) == (0.0001, expected)


def test_there_is_a_case_for_each_row() -> None:
    assert len(CASES) == len(RULES)


@pytest.mark.parametrize(
    "asked",
    [("cdse", L2A, "05.11", None, None), ("esa", "", "05.11", None, None), ("stac", "", None, None, None), ("planetary", L2A, None, None, None),
     ("earthsearch", C1, "05.00", None, None)],
)  # fmt: skip
def test_where_nothing_decides_the_item_is_refused(asked) -> None:
    with pytest.raises(SceneError, match="states no scale and offset"):
        scale_and_offset_of(*asked)


def test_baselines_are_numbers_and_not_words() -> None:
    assert baseline_has_boa_offset("10.00")
    assert baseline_has_boa_offset("04.00")
    assert not baseline_has_boa_offset("02.14")
    with pytest.raises(SceneError, match="is none"):
        baseline_has_boa_offset("N0511")


@pytest.mark.parametrize(("scale", "offset"), [(0.0, 0.0), (float("nan"), 0.0), (0.0001, 5.0), (10.0, 0.0)])
def test_scales_that_can_be_no_ones_are_refused(scale: float, offset: float) -> None:
    with pytest.raises(SceneError, match="are not plausible"):
        scale_and_offset(scale, offset)
