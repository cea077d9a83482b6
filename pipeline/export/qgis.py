"""Styles with which the outputs open in QGIS: colours, labels, names for people, and time.

They are the files `styles/*.qml`. QGIS is no dependency, so they are edited as text, or saved from QGIS and trimmed:

- Each symbol property stands there as <Option> and as the older <prop>: QGIS from 3.14 on then reads them.
- Colours are those of Okabe and Ito, which colour-blind people can tell apart.
- A site also has a dot inside: at the scale of a state it is smaller than a pixel of the screen. From near the dot is
  left out, and so is the ring of its verdict: the outlines say it, and nothing lies over the ponds.
- Looks, events and points of a site lie close together: they are drawn from near only.
- Coverage is one area of thin lines, without the edges of cells, where nothing was seen: in the latest month, or in
  the one that the clock shows. What was seen is left blank, so a state is not buried under its cells.
- Labels have a weight: without one QGIS takes the thinnest letters there are. None is drawn over another.
- Pictures are looked for in the folder `pictures` beside the file that a layer comes from, wherever that lies.
- What a person typed is escaped before it is shown as HTML.
- Reviews are signed and dated when a verdict changes. What it was is read from a second, hidden layer of the project,
  which shows what is saved; without it, in `reviews.gpkg` alone, each change of a judged row counts as one.
- QGIS knows local time only, so the fields of UTC are computed from seconds since 1970. A whole number of days is added
  to a noon, which no change of clocks can move to another day.
"""

from importlib.resources import files
from pathlib import Path

from pipeline import atomic


def style(layer: str) -> str:
    """The default style of a layer of `sites.gpkg` or `reviews.gpkg`.

    `coverage_geojson` is that of `coverage.geojson`; `outline` and `places` are those of `context.geojson`.
    """
    return files(__package__).joinpath("styles", f"{layer}.qml").read_text("utf-8")


def write_sites_qml(path: Path) -> None:
    """Write the style that QGIS takes up with `sites.geojson`. Raises as `atomic.write_text`."""
    atomic.write_text(path, style("sites"))


def write_coverage_qml(path: Path) -> None:
    """Write the style that QGIS takes up with `coverage.geojson`. Raises as `atomic.write_text`."""
    atomic.write_text(path, style("coverage_geojson"))
