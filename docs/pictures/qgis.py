"""Takes `qgis.png`: the project of `make detect AOI=shan` in QGIS, zoomed to one simulated place, with the review form.

Run from the checkout where QGIS is installed, after `make detect AOI=shan`:

    xvfb-run -s "-screen 0 1400x820x24" qgis --nologo --noplugins --noversioncheck --code docs/pictures/qgis.py \
        --project out/shan/shan.qgz

The latest clear simulated scene is laid below in natural colours; everything else is as the project opens.
"""

import os
from pathlib import Path

from PIL import Image
from qgis.core import (
    QgsContrastEnhancement,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsFeatureRequest,
    QgsMultiBandColorRenderer,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
)
from qgis.PyQt.QtCore import Qt, QTimer
from qgis.PyQt.QtGui import QColor, QImage, QPainter
from qgis.PyQt.QtWidgets import QDockWidget, QToolBar
from qgis.utils import iface

OUT = Path(QgsProject.instance().homePath() or "out/shan")
SCENE = OUT / "simulated" / "20250220T041103_w02.tif"
PLACE = (99.2410, 21.7425, 99.2570, 21.7620)
"""West, south, east, north of what is shown, degrees."""
SITE = "SHN-0004"
"""The site in the form."""
BRIGHT = 0.22
"""Reflectance drawn as white."""
WINDOW, FORM, GAP = (900, 775), (820, 775), 6
"""Sizes of the map's window and of the form, and the space between them, pixels."""
WIDTH, COLOURS = 1240, 112
"""Of the picture, pixels and number."""
PICTURE = "docs/pictures/qgis.png"


def scene() -> QgsRasterLayer:
    """The scene below, in natural colours."""
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
    """Lay the scene below, zoom, and open the form of a site."""
    global form
    project, canvas = QgsProject.instance(), iface.mapCanvas()
    below = scene()
    project.addMapLayer(below, False)
    project.layerTreeRoot().addLayer(below)
    project.layerTreeRoot().findLayer(below.id()).setExpanded(False)
    project.layerTreeRoot().findGroup("Where").setExpanded(False)
    for bar in iface.mainWindow().findChildren(QToolBar):
        bar.setVisible(False)
    for dock in iface.mainWindow().findChildren(QDockWidget):
        dock.setVisible(dock.windowTitle() == "Layers")
        if dock.windowTitle() == "Layers":
            iface.mainWindow().resizeDocks([dock], [250], Qt.Horizontal)
    lonlat = QgsCoordinateReferenceSystem("EPSG:4326")
    canvas.setExtent(QgsCoordinateTransform(lonlat, project.crs(), project).transformBoundingBox(QgsRectangle(*PLACE)))
    canvas.refresh()
    reviews = project.mapLayer("leachwatch_reviews")
    iface.setActiveLayer(reviews)
    reviews.startEditing()
    wanted = QgsFeatureRequest().setFilterExpression(f"\"site_id\" = '{SITE}'")
    form = iface.getFeatureForm(reviews, next(reviews.getFeatures(wanted)))
    form.resize(*FORM)
    form.show()
    QTimer.singleShot(5000, take)


def take() -> None:
    """Put the window and the form side by side, and leave. Few colours make the file small: see `COLOURS`."""
    window, beside = iface.mainWindow().grab().toImage(), form.grab().toImage()
    picture = QImage(window.width() + beside.width() + GAP, max(window.height(), beside.height()), QImage.Format_RGB32)
    picture.fill(QColor(255, 255, 255))
    painter = QPainter(picture)
    painter.drawImage(0, 0, window)
    painter.drawImage(window.width() + GAP, 0, beside)
    painter.end()
    picture.save(PICTURE)
    whole = Image.open(PICTURE).convert("RGB")
    small = whole.resize((WIDTH, whole.height * WIDTH // whole.width), Image.Resampling.LANCZOS)
    small.quantize(COLOURS, kmeans=2, dither=Image.Dither.NONE).save(PICTURE, optimize=True)
    os._exit(0)  # an open form would ask


iface.mainWindow().resize(*WINDOW)
QTimer.singleShot(4000, show)
