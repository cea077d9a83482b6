"""Detection limits: would we have seen it? As a table and as a picture."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from math import inf
from xml.sax.saxutils import escape

from pipeline.evaluation.rates import RateEstimate, interval_text, rate
from pipeline.evaluation.scores import MatchedCase
from pipeline.evaluation.truth import Case, TrueSite
from pipeline.worlds.parameters import parameters

PANEL, DEEP = 480, 230
"""Size of a panel of the picture, screen pixels."""
LEFT, WIDE, ROW = 150, 250, 22
"""Where its bars begin, how long the longest is, and their distance."""


@dataclass(frozen=True, slots=True)
class DetectionLimit:
    """The chance to be found, by one thing."""

    title: str
    """By what."""
    classes: tuple[tuple[str, RateEstimate], ...]
    """Name of each class, and the share of its sites that was found."""


def limits(cases: Sequence[Case], min_confidence: float) -> list[DetectionLimit]:
    """Share of true sites with ponds that were found, by what they are like."""
    judged = [MatchedCase(case, min_confidence) for case in cases]
    return [
        DetectionLimit(
            title, tuple((name, rate(judged, partial(_found_among, belongs))) for name, belongs in classes.items())
        )
        for title, classes in _limits().items()
    ]


def limits_table(found: Sequence[DetectionLimit]) -> str:
    """One line per class."""
    lines = []
    for limit in found:
        lines += ["", limit.title, *(f"  {name:34} {interval_text(share)}" for name, share in limit.classes)]
    return "\n".join(lines[1:])


def limits_picture(found: Sequence[DetectionLimit], caption: str) -> str:
    """An SVG: a panel for each thing, a bar for each class, its 95 % interval as a whisker."""
    panels, height = [], 0
    for number, limit in enumerate(found):
        across, down = number % 2, number // 2
        panels.append(f'<g transform="translate({across * PANEL},{46 + down * DEEP})">{_panel(limit)}</g>')
        height = 46 + (down + 1) * DEEP
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * PANEL}" height="{height}" font-family="sans-serif" '
        f'font-size="12" fill="#222"><rect width="100%" height="100%" fill="#fff"/>'
    )
    title = '<text x="10" y="18" font-size="14" font-weight="bold">Would we have seen it? (simulated)</text>'
    return f'{head}{title}<text x="10" y="36" fill="#666">{escape(caption)}</text>{"".join(panels)}</svg>\n'


def _panel(limit: DetectionLimit) -> str:
    drawn = [f'<text x="10" y="16" font-weight="bold">{escape(limit.title)}</text>']
    for tick in (0, 0.5, 1):
        x = LEFT + tick * WIDE
        bottom = 26 + ROW * len(limit.classes)
        drawn.append(f'<path d="M{x:.0f} 24V{bottom}" stroke="#ddd"/>')
        drawn.append(f'<text x="{x:.0f}" y="{bottom + 13}" text-anchor="middle" fill="#666">{tick:.0%}</text>')
    for row, (name, share) in enumerate(limit.classes):
        y = 26 + ROW * row
        drawn.append(f'<text x="{LEFT - 6}" y="{y + 14}" text-anchor="end">{escape(name)}</text>')
        if not share.of:
            drawn.append(f'<text x="{LEFT + 4}" y="{y + 14}" fill="#999">none</text>')
            continue
        low, high, value = (LEFT + WIDE * at for at in (share.low, share.high, share.value))
        drawn.append(f'<rect x="{LEFT}" y="{y + 3}" width="{max(value - LEFT, 1):.1f}" height="13" fill="#0072b2"/>')
        drawn.append(f'<path d="M{low:.1f} {y + 9.5}H{high:.1f}" stroke="#d55e00" stroke-width="2"/>')
        drawn.append(f'<text x="{LEFT + WIDE + 8}" y="{y + 14}" fill="#666">{share.hits:.0f}/{share.of:.0f}</text>')
    return "".join(drawn)


Belongs = Callable[[TrueSite], bool]


def _limits() -> dict[str, dict[str, Belongs]]:
    """The classes that are told apart; edges of diameters in metres."""
    return {
        "Mean diameter of its ponds, metres": _classes("pond_diameter_m", (8, 10, 12, 15, 18, 22, inf)),
        "Number of ponds": _classes("n_ponds", (3, 6, 10, 15, inf)),
        "Clear looks at it while it had ponds": _classes("pond_looks", (0, 1, 3, 6, 12, inf)),
        "Share of the looks that were clear": _classes("clear_share", (0, 0.2, 0.4, 0.6, 0.8, inf)),
        "What most ponds are filled or covered with": {
            kind.removeprefix("pond_"): partial(_is_filled, kind) for kind in parameters().pond_colours
        },
    }


def _classes(what: str, edges: tuple[float, ...]) -> dict[str, Belongs]:
    """Classes from each edge up to, but not including, the next; the last has no upper edge."""
    return {
        f"{low:g} and more" if high == inf else f"{low:g} to below {high:g}": partial(_lies, what, low, high)
        for low, high in pairwise(edges)
    }


def _lies(what: str, low: float, high: float, site: TrueSite) -> bool:
    return bool(low <= getattr(site, what) < high)


def _is_filled(kind: str, site: TrueSite) -> bool:
    return site.filling == kind


def _found_among(belongs: Belongs, judged: MatchedCase) -> tuple[float, float]:
    return judged.hits([site for site in judged.with_ponds if belongs(site)])
