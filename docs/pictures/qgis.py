"""Takes `qgis.png`: the products of `make detect AOI=shan` as QGIS shows them, zoomed to one simulated place.

Run from the checkout where QGIS is installed, after `make detect AOI=shan`:

    xvfb-run -s "-screen 0 1100x680x24" qgis --nologo --noplugins --noversioncheck --code docs/pictures/qgis.py

The latest clear simulated scene is laid below in natural colours; everything else opens with its own style.
"""

from pathlib import Path

from qgis.core import (
    QgsContrastEnhancement,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsMultiBandColorRenderer,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QTimer
from qgis.PyQt.QtWidgets import QDockWidget
from qgis.utils import iface

OUT = Path("out/shan")
SCENE = OUT / "simulated" / "20250220T041103_w02.tif"
PLACE = (99.234, 21.739, 99.262, 21.761)
"""West, south, east, north of what is shown, degrees."""
LAYERS = ("sites", "ponds")
"""Of `sites.gpkg`, bottom to top."""
BRIGHT = 0.22
"""Reflectance drawn as white."""


def layer(name: str) -> QgsVectorLayer:
    """A layer of the GeoPackage with its default style."""
    options = QgsVectorLayer.LayerOptions()
    options.loadDefaultStyle = False
    found = QgsVectorLayer(f"{OUT / 'sites.gpkg'}|layername={name}", name, "ogr", options)
    found.loadDefaultStyle()
    found.temporalProperties().setIsActive(False)  # all months at once
    return found


def scene() -> QgsRasterLayer:
    """The scene in natural colours."""
    raster = QgsRasterLayer(str(SCENE), "scene of " + SCENE.name[:8])
    renderer = QgsMultiBandColorRenderer(raster.dataProvider(), 3, 2, 1)
    for band, put in ((3, renderer.setRedContrastEnhancement), (2, renderer.setGreenContrastEnhancement),
                      (1, renderer.setBlueContrastEnhancement)):  # fmt: skip
        stretch = QgsContrastEnhancement(raster.dataProvider().dataType(band))
        stretch.setMinimumValue(0.0)
        stretch.setMaximumValue(BRIGHT)
        stretch.setContrastEnhancementAlgorithm(QgsContrastEnhancement.StretchToMinimumMaximum)
        put(stretch)
    raster.setRenderer(renderer)
    return raster


def show() -> None:
    """Lay the layers out and zoom."""
    project = QgsProject.instance()
    for each in (scene(), *map(layer, LAYERS)):
        project.addMapLayer(each)
    for dock in iface.mainWindow().findChildren(QDockWidget):
        dock.setVisible(dock.windowTitle() == "Layers")
    QTimer.singleShot(3000, zoom)


def zoom() -> None:
    """Zoom to the place; QGIS zooms to the first layer by itself when it has drawn it."""
    project, canvas = QgsProject.instance(), iface.mapCanvas()
    lonlat, metric = (QgsCoordinateReferenceSystem(name) for name in ("EPSG:4326", "EPSG:32647"))
    project.setCrs(metric)
    canvas.setExtent(QgsCoordinateTransform(lonlat, metric, project).transformBoundingBox(QgsRectangle(*PLACE)))
    canvas.refresh()
    QTimer.singleShot(5000, take)


def take() -> None:
    """Take the picture and leave."""
    iface.mainWindow().grab().save("docs/pictures/qgis.png")
    QgsProject.instance().setDirty(False)
    iface.actionExit().trigger()


iface.mainWindow().resize(1100, 680)
QTimer.singleShot(3000, show)
