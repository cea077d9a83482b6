"""The chart of a site: areas of its ponds, with error bars, and of its cleared ground at every clear look."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from pipeline.months import first_day, last_day, month_of, months_between
from pipeline.sites.records import LookRecord
from pipeline.sites.statement import Statement
from pipeline.words import ENGLISH, M2_PER_HECTARE, Words, words_in

WIDTH = 440.0
"""All sizes here in units of the drawing."""
LEFT = 44.0
RIGHT = 14.0
TITLE_HEIGHT = 32.0
POND_HEIGHT = 120.0
GROUND_HEIGHT = 80.0
NOTE_HEIGHT = 40.0
TICKS = 3
"""About as many lines across each part."""
LABEL_WIDTH = 64.0
INK, MUTED, RULE, UNSEEN = "#1b2127", "#505c68", "#c5ccd3", "#dde2e7"
POND, GROUND = "#0b62a8", "#b84500"
FONT = "12px system-ui, 'Segoe UI', Roboto, 'Noto Sans', sans-serif"


@dataclass(frozen=True, slots=True)
class _Part:
    """One of the two parts of the chart."""

    top: float
    height: float
    highest: float
    """Of its axis, hectares."""
    step: float
    """Between its lines, hectares."""

    @property
    def base(self) -> float:
        return self.top + self.height

    def y(self, area_m2: float) -> float:
        return self.base - self.height * area_m2 / M2_PER_HECTARE / self.highest


def chart_svg(statement: Statement, language: str = ENGLISH) -> str:
    """The chart as a drawing that stands alone; `statement` has at least one look."""
    from markupsafe import escape

    words = words_in(language)
    looks = statement.looks
    x = _time_axis(looks)
    ponds = _part(TITLE_HEIGHT, POND_HEIGHT, [look.pond_area_high_m2 for look in looks])
    ground = _part(ponds.base + TITLE_HEIGHT, GROUND_HEIGHT, [look.ground_area_m2 for look in looks])
    height = ground.base + NOTE_HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:.0f} {height:.0f}" role="img" '
        f'aria-label="{escape(_label(statement, words))}" style="font:{FONT}">',
        *(rect for part in (ponds, ground) for rect in _unseen(looks, x, part)),
        *_axis(ponds, words("chart.ponds")),
        *_axis(ground, words("chart.ground")),
        *_months(looks, x, ground.base, words),
        _line([(x(look.day), ponds.y(look.pond_area_m2)) for look in looks], POND),
        _line([(x(look.day), ground.y(look.ground_area_m2)) for look in looks], GROUND),
        *_ponds(looks, x, ponds),
        *(_dot(x(look.day), ground.y(look.ground_area_m2), GROUND) for look in looks),
        f'<text x="{WIDTH - RIGHT:.1f}" y="{height - 4:.1f}" text-anchor="end" fill="{MUTED}">'
        f"{escape(words('chart.unseen'))}</text>",
        "</svg>",
    ]
    return "".join(parts)


def _label(statement: Statement, words: Words) -> str:
    """What the chart shows, for those who cannot see it."""
    looks = statement.looks
    last = looks[-1]
    days = {"first": words.day(looks[0].day), "last": words.day(last.day)}
    areas = (last.pond_area_m2, last.pond_area_low_m2, last.pond_area_high_m2, last.ground_area_m2)
    area, low, high, ground = map(words.hectares, areas)
    return " ".join(
        [
            words("chart.alt", site=statement.site.site_id, n=len(looks), **days),
            words("chart.alt_last", area=area, low=low, high=high, ground=ground),
        ]
    )


def _time_axis(looks: Sequence[LookRecord]) -> Callable[[date], float]:
    """Where a day lies: whole months, from that of the first look to that of the last."""
    start = first_day(month_of(looks[0].day))
    days = (last_day(month_of(looks[-1].day)) - start).days + 1
    return lambda day: LEFT + (WIDTH - LEFT - RIGHT) * (day - start).days / days


def _part(top: float, height: float, areas_m2: Sequence[float]) -> _Part:
    highest = max(max(areas_m2) / M2_PER_HECTARE, 0.01)
    power = 10.0 ** math.floor(math.log10(highest / TICKS))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= highest / TICKS * 0.999)
    return _Part(top, height, math.ceil(highest / step * 0.999) * step, step)


def _unseen(looks: Sequence[LookRecord], x: Callable[[date], float], part: _Part) -> Iterator[str]:
    """Months without a clear look, as columns behind everything."""
    seen = {month_of(look.day) for look in looks}
    for month in months_between(looks[0].day, looks[-1].day):
        if month not in seen:
            left, right = x(first_day(month)), x(last_day(month) + timedelta(days=1))
            yield (
                f'<rect x="{left:.1f}" y="{part.top:.1f}" width="{right - left:.1f}" height="{part.height:.1f}" '
                f'fill="{UNSEEN}"/>'
            )


def _axis(part: _Part, title: str) -> Iterator[str]:
    from markupsafe import escape

    yield f'<text x="0" y="{part.top - 14:.1f}" fill="{INK}" font-weight="600">{escape(title)}</text>'
    for k in range(round(part.highest / part.step) + 1):
        y = part.y(k * part.step * M2_PER_HECTARE)
        yield f'<path d="M{LEFT:.1f} {y:.1f}H{WIDTH - RIGHT:.1f}" stroke="{RULE}"/>'
        text = f"{k * part.step:,.6g}"
        yield f'<text x="{LEFT - 6:.1f}" y="{y + 4:.1f}" text-anchor="end" fill="{MUTED}">{text}</text>'


def _months(looks: Sequence[LookRecord], x: Callable[[date], float], base: float, words: Words) -> Iterator[str]:
    """Names of some months, as many as there is room for."""
    months = list(months_between(looks[0].day, looks[-1].day))
    wide = (WIDTH - LEFT - RIGHT) / len(months)
    every = next((n for n in (1, 2, 3, 6, 12, 24, 60) if n * wide >= LABEL_WIDTH), 120)
    for number, month in enumerate(months):
        at = x(first_day(month))
        if number % every == 0 and at + LABEL_WIDTH * 0.8 <= WIDTH:
            yield f'<path d="M{at:.1f} {base:.1f}v5" stroke="{MUTED}"/>'
            yield f'<text x="{at:.1f}" y="{base + 17:.1f}" fill="{MUTED}">{words.short_month(month)}</text>'


def _ponds(looks: Sequence[LookRecord], x: Callable[[date], float], part: _Part) -> Iterator[str]:
    for look in looks:
        at = x(look.day)
        low, high = part.y(look.pond_area_low_m2), part.y(look.pond_area_high_m2)
        if high < low:
            yield (
                f'<path d="M{at:.1f} {low:.1f}V{high:.1f}M{at - 3:.1f} {low:.1f}h6M{at - 3:.1f} {high:.1f}h6" '
                f'stroke="{POND}" stroke-width="1.5" fill="none"/>'
            )
        yield _dot(at, part.y(look.pond_area_m2), POND)


def _line(points: Sequence[tuple[float, float]], colour: str) -> str:
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return f'<path d="M{path}" fill="none" stroke="{colour}" stroke-opacity="0.45"/>'


def _dot(x: float, y: float, colour: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
