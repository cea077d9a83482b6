"""Detection limits: the share of true sites that was found, by their properties; as a table and as a picture."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from itertools import pairwise
from math import inf
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

from pipeline.atomic import write_bytes
from pipeline.errors import InputError
from pipeline.evaluation.rates import RateEstimate, interval_text, rate
from pipeline.evaluation.scores import MatchedCase
from pipeline.evaluation.truth import Case, TrueSite
from pipeline.worlds.parameters import parameters

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Would we have seen it? (simulated)"
KEY = "Bars: share of the sites with ponds that were found. Lines: its 95 % interval. Numbers: found/of how many."
ACROSS = 2
"""Panels side by side."""
CAPTION = 140
"""Characters in a line of the caption."""
WIDE, HEADING, BAR = 10, 0.6, 0.24
"""Inches: width of the picture (960 screen pixels), height of a panel without its bars, and distance between bars."""
SIZE = 9
"""Font size, points."""
TEXT, FAINT, GRID = "#222222", "#595959", "#d9d9d9"
FILL, WHISKER = "#56b4e9", "#222222"
"""A light and a dark colour, distinct for colour-blind readers and in greyscale print."""


@dataclass(frozen=True, slots=True)
class DetectionLimit:
    """Share of true sites found, by classes of one property."""

    title: str
    """Name of the property."""
    classes: tuple[tuple[str, RateEstimate], ...]
    """Name of each class, and the share of its sites that was found."""
    unknown: int = 0
    """Number of sites with ponds of which the property is not known; they are in no class."""

    @property
    def known(self) -> bool:
        """False: the property is not known of any site."""
        return not self.unknown or any(share.of for _, share in self.classes)


def limits(cases: Sequence[Case], min_confidence: float) -> list[DetectionLimit]:
    """Share of true sites with ponds that were found, by property and class."""
    matched = [MatchedCase(case, min_confidence) for case in cases]
    return [_limit(matched, title, classes) for title, classes in _limits().items()]


def limits_table(found: Sequence[DetectionLimit]) -> str:
    """One line per class; of a property that is not known of any site, one line that says so."""
    lines = []
    for limit in found:
        if limit.known:
            lines += ["", limit.title, *(f"  {name:34} {interval_text(share)}" for name, share in limit.classes)]
            lines += [f"  {'not known':34} {limit.unknown}"] if limit.unknown else []
        else:
            lines += ["", f"{limit.title}: not known here"]
    return "\n".join(lines[1:])


def require_matplotlib() -> None:
    """Raise `InputError` where matplotlib is missing; checked before an evaluation, which takes long."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as cause:
        raise InputError("--picture needs matplotlib: pip install matplotlib") from cause


def write_limits_picture(path: Path, found: Sequence[DetectionLimit], caption: str) -> None:
    """Draw an SVG: a panel for each property that is known, a bar for each class, its 95 % interval as a whisker.

    The same limits give the same bytes. Raises as `require_matplotlib` and `atomic.write_bytes`.
    """
    require_matplotlib()
    from matplotlib import rc_context

    drawn, metadata = BytesIO(), {"Title": TITLE, "Date": None, "Creator": None}
    with rc_context({"svg.hashsalt": "limits", "svg.fonttype": "none"}):
        _figure([limit for limit in found if limit.known], [caption, *_left_out(found)]).savefig(
            drawn, format="svg", metadata=metadata
        )
    write_bytes(path, drawn.getvalue())


def _left_out(found: Sequence[DetectionLimit]) -> list[str]:
    """What the picture says of properties that are not known."""
    titles = [limit.title for limit in found if not limit.known]
    return [f"Left out, because not known here: {'; '.join(titles)}."] if titles else []


def _figure(found: Sequence[DetectionLimit], captions: Sequence[str]) -> "Figure":
    """The figure, made without `pyplot`, which would keep it and look for a display."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    words = [*(line for caption in captions for line in wrap(caption, CAPTION)), KEY]
    bars = [max(len(limit.classes) for limit in found[n : n + ACROSS]) for n in range(0, len(found), ACROSS)]
    head = 0.4 + 0.18 * len(words)
    high = head + sum(HEADING + BAR * count for count in bars)
    layout = ConstrainedLayoutEngine(rect=(0, 0, 1, 1 - head / high), w_pad=0.1, h_pad=0.08)
    figure = Figure((WIDE, high), layout=layout)
    left, title, below = 0.1 / WIDE, 1 - 0.1 / high, 1 - 0.35 / high
    figure.text(left, title, TITLE, va="top", weight="bold", size=11, color=TEXT)
    figure.text(
        left, below, "\n".join(words), va="top", size=SIZE, color=FAINT, linespacing=1.4, parse_math=False
    )  # fmt: skip
    panels = figure.subplots(len(bars), ACROSS, squeeze=False, height_ratios=[HEADING + BAR * n for n in bars])
    for panel in panels.flat[len(found) :]:
        panel.set_axis_off()
    for number, (panel, limit) in enumerate(zip(panels.flat, found, strict=False)):
        _draw(panel, limit, bars[number // ACROSS])
    return figure


def _draw(panel: "Axes", limit: DetectionLimit, rows: int) -> None:
    """Draw one panel, with room for so many `rows`, so that the bars of all panels are equally thick."""
    panel.set_title(limit.title, loc="left", size=SIZE, weight="bold", color=TEXT)
    panel.set(xlim=(0, 1), ylim=(rows - 0.5, -0.5))
    bottom = len(limit.classes) - 0.5
    panel.spines[:].set_visible(False)
    panel.spines.bottom.set_position(("data", bottom))  # before the ticks are set, because it resets them
    panel.set_xticks((0, 0.5, 1), ("0 %", "50 %", "100 %"), size=SIZE, color=FAINT)
    panel.set_yticks(range(len(limit.classes)), [name for name, _ in limit.classes], size=SIZE, color=TEXT)
    panel.tick_params(length=0)
    panel.vlines((0, 0.5, 1), -0.5, bottom, color=GRID, linewidth=0.8, zorder=0, clip_on=False)
    for row, (_, share) in enumerate(limit.classes):
        counts = f"{share.hits:.0f}/{share.of:.0f}" if share.of else "none"
        panel.text(1.03, row, counts, va="center_baseline", size=SIZE, color=FAINT)
        if share.of:
            panel.barh(row, share.value, height=0.62, color=FILL)
            panel.plot((share.low, share.high), (row, row), color=WHISKER, linewidth=1.5, marker="|", clip_on=False)


Belongs = Callable[[TrueSite], bool]


def _limit(matched: Sequence[MatchedCase], title: str, classes: "Classes") -> DetectionLimit:
    """The share found by one property."""
    found = tuple((name, rate(matched, partial(_found_among, belongs))) for name, belongs in classes.by_name.items())
    unknown = sum(getattr(site, classes.of) in (None, "") for one in matched for site in one.with_ponds)
    return DetectionLimit(title, found, unknown)


@dataclass(frozen=True, slots=True)
class Classes:
    """The classes of one property."""

    of: str
    """Field of `TrueSite`; None or empty = not known."""
    by_name: Mapping[str, Belongs]
    """Whether a site belongs to a class, by the class's name."""


def _limits() -> dict[str, Classes]:
    """The classes of each property; edges of diameters in metres."""
    return {
        "Mean diameter of its ponds, metres": _classes("pond_diameter_m", (8, 10, 12, 15, 18, 22, inf)),
        "Number of ponds": _classes("n_ponds", (3, 6, 10, 15, inf)),
        "Clear looks at it while it had ponds": _classes("pond_looks", (0, 1, 3, 6, 12, inf)),
        "Share of the looks that were clear": _classes("clear_share", (0, 0.2, 0.4, 0.6, 0.8, inf)),
        "What most ponds are filled or covered with": Classes(
            "filling", {kind.removeprefix("pond_"): partial(_is_filled, kind) for kind in parameters().pond_colours}
        ),
    }


def _classes(what: str, edges: tuple[float, ...]) -> Classes:
    """Classes from each edge up to, but not including, the next; the last has no upper edge."""
    names = {
        f"{low:g} and more" if high == inf else f"{low:g} to below {high:g}": partial(_lies, what, low, high)
        for low, high in pairwise(edges)
    }
    return Classes(what, names)


def _lies(what: str, low: float, high: float, site: TrueSite) -> bool:
    value = getattr(site, what)
    return value is not None and bool(low <= value < high)


def _is_filled(kind: str, site: TrueSite) -> bool:
    return site.filling == kind


def _found_among(belongs: Belongs, matched: MatchedCase) -> tuple[float, float]:
    return matched.hits([site for site in matched.with_ponds if belongs(site)])
