"""Detection limits: would we have seen it?"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

from pipeline.training.evaluate import Judged
from pipeline.training.rates import rate, words_of
from pipeline.training.truth import Case, TrueSite
from pipeline.worlds.figures import figures


def limits_table(cases: Sequence[Case], min_confidence: float) -> str:
    """Share of true sites with ponds that were found, by what they are like: would we have seen it?"""
    judged = [Judged(case, min_confidence) for case in cases]
    lines = []
    for title, classes in _limits().items():
        lines += ["", title]
        for name, belongs in classes.items():
            lines.append(f"  {name:34} {words_of(rate(judged, partial(_found_among, belongs)))}")
    return "\n".join(lines[1:])


Belongs = Callable[[TrueSite], bool]


def _limits() -> dict[str, dict[str, Belongs]]:
    """The classes of `limits_table`; edges of diameters in metres."""
    return {
        "by mean diameter of its ponds, metres (any number from 3)": _classes(
            "pond_diameter_m", (8, 10, 12, 15, 18, 22, 31)
        ),
        "by number of ponds (any size)": _classes("n_ponds", (3, 6, 10, 15, 33)),
        "by clear looks at it while it had ponds": _classes("pond_looks", (0, 1, 3, 6, 12, 31)),
        "by what most of its ponds are filled or covered with": {
            kind: partial(_is_filled, kind) for kind in figures().pond_colours
        },
    }


def _classes(what: str, edges: tuple[int, ...]) -> dict[str, Belongs]:
    """Classes from each edge up to, but not including, the next."""
    return {f"{low} to below {high}": partial(_lies, what, low, high) for low, high in pairwise(edges)}


def _lies(what: str, low: float, high: float, site: TrueSite) -> bool:
    return bool(low <= getattr(site, what) < high)


def _is_filled(kind: str, site: TrueSite) -> bool:
    return site.filling == kind


def _found_among(belongs: Belongs, judged: Judged) -> tuple[float, float]:
    return judged.hits([site for site in judged.with_ponds if belongs(site)])
