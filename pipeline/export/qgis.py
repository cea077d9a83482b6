"""Styles with which the outputs open in QGIS: colours, labels, names for people, and time.

They are the files `styles/*.qml`. QGIS is no dependency, so they are edited as text, or saved from QGIS and trimmed:

- Each symbol property stands there as <Option> and as the older <prop>: QGIS from 3.14 on then reads them.
- Colours are those of Okabe and Ito, which colour-blind people can tell apart.
- A site also has a dot inside: at the scale of a state it is smaller than a pixel of the screen.
- Looks and events of a site lie on one point: they are drawn only when nearer than 1 : 150,000.
- Coverage is faint, since without time all months lie over each other.
- Labels have a weight: without one QGIS takes the thinnest letters there are.
"""

from importlib.resources import files
from pathlib import Path

from pipeline import atomic


def style(layer: str) -> str:
    """The default style of a layer of `sites.gpkg`; `coverage_geojson` is that of `coverage.geojson`."""
    return files(__package__).joinpath("styles", f"{layer}.qml").read_text("utf-8")


def write_sites_qml(path: Path) -> None:
    """Write the style that QGIS takes up with `sites.geojson`. Raises as `atomic.write_text`."""
    atomic.write_text(path, style("sites"))


def write_coverage_qml(path: Path) -> None:
    """Write the style that QGIS takes up with `coverage.geojson`. Raises as `atomic.write_text`."""
    atomic.write_text(path, style("coverage_geojson"))
