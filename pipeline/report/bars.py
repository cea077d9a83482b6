"""The counts of sites as bars, month by month: what is sure, what is perhaps, and how much was seen."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.report.timeline import MonthCount
from pipeline.words import Words

LEFT = 38.0
"""Room for the numbers of the axis; all sizes here in units of the drawing."""
TOP = 10.0
COUNT_HEIGHT = 170.0
GAP = 20.0
"""Between the bars of counts and those of what was seen."""
SEEN_HEIGHT = 36.0
BOTTOM = 26.0
TICKS = 4
"""About as many lines across."""
LABEL_WIDTH = 62.0
"""Room that the name of a month takes."""
STEPS = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class _Axes:
    width: float
    months: int
    top: int
    """Highest count on the axis."""

    @property
    def step(self) -> float:
        return (self.width - LEFT) / self.months

    @property
    def base(self) -> float:
        return TOP + COUNT_HEIGHT

    @property
    def seen_base(self) -> float:
        return self.base + GAP + SEEN_HEIGHT

    @property
    def height(self) -> float:
        return self.seen_base + BOTTOM

    def x(self, number: int) -> float:
        return LEFT + number * self.step

    def y(self, count: float) -> float:
        return self.base - COUNT_HEIGHT * count / self.top


def bars_svg(counts: Sequence[MonthCount], width: float, words: Words) -> str:
    """The bars as a drawing `width` wide, of at least one month; colours are those of the page."""
    from markupsafe import escape

    axes = _Axes(width, len(counts), ticks(max(count.possibly for count in counts))[-1])
    first, last = counts[0], counts[-1]
    label = words(
        "report.time.alt",
        first=words.month(first.month), first_low=first.surely, first_high=first.possibly,
        last=words.month(last.month), low=last.surely, high=last.possibly,
    )  # fmt: skip
    parts = [
        f'<svg class="bars" viewBox="0 0 {width:.0f} {axes.height:.0f}" role="img" aria-label="{escape(label)}" '
        'xmlns="http://www.w3.org/2000/svg">',
        *_unseen(counts, axes),
        *_lines(axes),
        *_bars(counts, axes),
        *_names(counts, axes, words),
        "</svg>",
    ]
    return "".join(parts)


def ticks(highest: int) -> list[int]:
    """Round numbers from 0 to at least the highest count."""
    rough = max(highest, 1) / TICKS
    power = 10 ** max(math.floor(math.log10(rough)), 0) if rough > 1 else 1
    step = next((factor * power for factor in STEPS if factor * power >= rough), 10 * power)
    return list(range(0, max(highest, 1) + step, step))


def _unseen(counts: Sequence[MonthCount], axes: _Axes) -> Iterator[str]:
    """Months in which nothing was seen, as columns behind everything."""
    for number, count in enumerate(counts):
        if not count.seen:
            yield _rect("unseen", axes.x(number), TOP, axes.step, axes.seen_base - TOP)


def _lines(axes: _Axes) -> Iterator[str]:
    for value in ticks(axes.top):
        if value <= axes.top:
            y = axes.y(value)
            yield f'<path class="line" d="M{LEFT:.1f} {y:.1f}H{axes.width:.1f}"/>'
            yield f'<text x="{LEFT - 5:.1f}" y="{y + 4:.1f}" text-anchor="end">{value:,}</text>'
    for share in (0, 1):
        y = axes.seen_base - SEEN_HEIGHT * share
        yield f'<path class="line" d="M{LEFT:.1f} {y:.1f}H{axes.width:.1f}"/>'
        yield f'<text x="{LEFT - 5:.1f}" y="{y + 4:.1f}" text-anchor="end">{share:.0%}</text>'


def _bars(counts: Sequence[MonthCount], axes: _Axes) -> Iterator[str]:
    wide = axes.step * 0.8
    for number, count in enumerate(counts):
        x = axes.x(number) + axes.step * 0.1
        if count.surely:
            yield _rect("surely", x, axes.y(count.surely), wide, axes.base - axes.y(count.surely))
        if count.possibly > count.surely:
            low, high = axes.y(count.surely), axes.y(count.possibly)
            yield _rect("possibly", x, high, wide, low - high)
        if count.seen:
            yield _rect("seen", x, axes.seen_base - SEEN_HEIGHT * count.seen, wide, SEEN_HEIGHT * count.seen)


def _names(counts: Sequence[MonthCount], axes: _Axes, words: Words) -> Iterator[str]:
    """Names of some months, as many as there is room for: Januaries where the time is long."""
    every = next((n for n in (1, 2, 3, 6, 12, 24, 60) if n * axes.step >= LABEL_WIDTH), 120)
    for number, count in enumerate(counts):
        if (int(count.month[:4]) * 12 + int(count.month[5:]) - 1) % every:
            continue
        x = axes.x(number)
        yield f'<path class="line" d="M{x:.1f} {axes.seen_base:.1f}v5"/>'
        if x + LABEL_WIDTH <= axes.width + 8:
            yield f'<text x="{x:.1f}" y="{axes.seen_base + 18:.1f}">{words.short_month(count.month)}</text>'


def _rect(kind: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'
