"""Opens a project in a real QGIS, uses it as a person would, and prints what it finds, as JSON. Run by QGIS's Python.

Usage: qgis_project.py PROJECT [FOLDER FOR MAPS] [edit] [internet]
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
from qgis.core import (
    QgsApplication,
    QgsCoordinateTransform,
    QgsDateTimeRange,
    QgsExpression,
    QgsExpressionContext,
    QgsExpressionContextUtils,
    QgsGeometry,
    QgsMapLayer,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsPointXY,
    QgsProject,
    QgsVectorLayer,
    QgsVectorLayerUtils,
)
from qgis.PyQt.QtCore import QDateTime, QSize, Qt
from qgis.PyQt.QtGui import QColor

SIZE = QSize(900, 640)


def plain(value):
    """A value as JSON has it; the NULL of QGIS is none."""
    if hasattr(value, "toString"):
        return value.toString(Qt.ISODate)
    return None if hasattr(value, "isNull") else value


def row(layer, feature):
    return {name: plain(value) for name, value in zip(feature.fields().names(), feature.attributes(), strict=True)}


def widgets(layer):
    form = layer.editFormConfig()
    found = {}
    for index, field in enumerate(layer.fields()):
        setup = layer.editorWidgetSetup(index)
        pairs = setup.config().get("map", [])
        found[field.name()] = {
            "type": setup.type(),
            "values": [value for pair in pairs for value in pair.values()],
            "labels": [label for pair in pairs for label in pair],
            "multiline": setup.config().get("IsMultiline", False),
            "read_only": form.readOnly(index),
            "name": layer.attributeDisplayName(index),
        }
    return found


def tips(layer):
    context = QgsExpressionContext(QgsExpressionContextUtils.globalProjectLayerScopes(layer))
    found = []
    for feature in layer.getFeatures():
        context.setFeature(feature)
        found.append(QgsExpression.replaceExpressionText(layer.mapTipTemplate(), context))
    return found


def facts(layer):
    node = project.layerTreeRoot().findLayer(layer.id())
    told = {
        "name": layer.name(),
        "valid": layer.isValid(),
        "shown": node.isVisible(),
        "provider": layer.dataProvider().name(),
        "source": layer.source(),
        "private": bool(layer.flags() & QgsMapLayer.Private),
        "temporal": layer.temporalProperties().isActive(),
    }
    if isinstance(layer, QgsVectorLayer):
        told |= {
            "rows": layer.featureCount(),
            "renderer": layer.renderer().type(),
            "read_only": layer.readOnly(),
            "labels": layer.labelsEnabled(),
            "widgets": widgets(layer),
            "tips": tips(layer) if layer.featureCount() < 100 else [],
            "values": [row(layer, feature) for feature in layer.getFeatures()] if layer.featureCount() < 100 else [],
        }
    return told


def settings(extent, layers, when=None):
    frame = QgsMapSettings()
    frame.setLayers(layers)
    frame.setOutputSize(SIZE)
    frame.setDestinationCrs(project.crs())
    frame.setExtent(extent)
    frame.setBackgroundColor(QColor(255, 255, 255))
    frame.setFlag(QgsMapSettings.DrawLabeling, True)
    frame.setFlag(QgsMapSettings.Antialiasing, True)
    if when:
        begin, end = (QDateTime.fromString(text, Qt.ISODate) for text in when)
        frame.setIsTemporal(True)
        frame.setTemporalRange(QgsDateTimeRange(begin, end, True, False))
    context = QgsExpressionContext()
    context.appendScope(QgsExpressionContextUtils.globalScope())
    context.appendScope(QgsExpressionContextUtils.projectScope(project))
    context.appendScope(QgsExpressionContextUtils.mapSettingsScope(frame))
    frame.setExpressionContext(context)
    return frame


def drawn(frame, path=None):
    """The picture of a map, and how much of it is not white."""
    job = QgsMapRendererParallelJob(frame)
    job.start()
    job.waitForFinished()
    picture = job.renderedImage()
    if path:
        picture.save(str(path))
    colours = [
        picture.pixelColor(x, y).getRgb()[:3] for x in range(0, SIZE.width(), 3) for y in range(0, SIZE.height(), 3)
    ]
    return {"ink": round(1 - colours.count((255, 255, 255)) / len(colours), 4)}


def maps(folder):
    """Maps at the scales of an AOI, a township and a site, and of coverage alone in three months."""
    shown = project.layerTreeRoot().checkedLayers()
    to_map = QgsCoordinateTransform(project.mapLayer("leachwatch_outline").crs(), project.crs(), project)
    whole = to_map.transformBoundingBox(project.mapLayer("leachwatch_outline").extent())
    whole.scale(1.08)
    found = {"aoi": drawn(settings(whole, shown), folder / "aoi.png")}
    site = to_map.transformBoundingBox(
        next(project.mapLayer("leachwatch_sites").getFeatures()).geometry().boundingBox()
    )
    for name, scale in (("township", 150_000), ("site", 10_000)):
        frame = settings(site, shown)
        site.scale(scale / frame.scale())
        found[name] = drawn(settings(site, shown), folder / f"{name}.png")
    ground = [project.mapLayer("leachwatch_coverage")]
    found["latest"] = drawn(settings(whole, ground), folder / "latest.png")
    span = project.timeSettings().temporalRange()
    for name, begin in (("first month", span.begin()), ("last month", span.end().addDays(1).addMonths(-1))):
        when = (begin.toString(Qt.ISODate), begin.addMonths(1).toString(Qt.ISODate))
        found[name] = drawn(settings(whole, ground, when), folder / f"{name}.png")
    return found


def internet():
    """Tick what comes from the internet, and draw it."""
    layer = project.mapLayer("leachwatch_openstreetmap")
    project.layerTreeRoot().findLayer(layer.id()).setItemVisibilityChecked(True)
    extent = QgsCoordinateTransform(
        project.mapLayer("leachwatch_outline").crs(), project.crs(), project
    ).transformBoundingBox(project.mapLayer("leachwatch_outline").extent())
    drawn(settings(extent, project.layerTreeRoot().checkedLayers()))


def edit():
    """What the form fills in by itself, change by change; each is saved, and read from the file again."""
    layer = project.mapLayer("leachwatch_reviews")
    QgsExpressionContextUtils.setProjectVariable(project, "leachwatch_reviewer", "Nang")
    number = next(iter(layer.getFeatures())).id()
    found = {}

    def change(step, **values):
        layer.startEditing()
        changes = {layer.fields().indexOf(name): value for name, value in values.items()}
        layer.changeAttributeValues(number, changes, {})
        assert layer.commitChanges(), layer.commitErrors()
        found[step] = row(layer, layer.getFeature(number))

    change("note without verdict", note="far from any road")
    change("rejected", verdict="rejected", reason="paddy")
    layer.startEditing()
    layer.changeAttributeValue(
        number,
        layer.fields().indexOf("reviewed_at"),
        QDateTime.fromString("2025-01-02T03:04:05", Qt.ISODate),
        None,
        True,
    )
    layer.commitChanges()
    QgsExpressionContextUtils.setProjectVariable(project, "leachwatch_reviewer", "Sai")
    change("note", note="seen again")
    change("confirmed", verdict="confirmed")
    change("signed by hand", verdict="unsure", reviewer="somebody else")
    change("undone", verdict=None)
    layer.startEditing()
    drawn_by_hand = QgsGeometry.fromWkt("MULTIPOLYGON(((99.3 20.3, 99.31 20.3, 99.31 20.31, 99.3 20.3)))")
    new = QgsVectorLayerUtils.createFeature(layer, drawn_by_hand, {}, layer.createExpressionContext())
    layer.addFeature(new)
    assert layer.commitChanges(), layer.commitErrors()
    found["drawn"] = [row(layer, each) for each in layer.getFeatures()][-1]
    points = project.mapLayer("leachwatch_pond_points")
    points.startEditing()
    middle = next(project.mapLayer("leachwatch_sites").getFeatures()).geometry().pointOnSurface().asPoint()
    for here in (middle, QgsPointXY(middle.x() + 0.02, middle.y())):
        points.addFeature(
            QgsVectorLayerUtils.createFeature(
                points, QgsGeometry.fromPointXY(here), {}, points.createExpressionContext()
            )
        )
    assert points.commitChanges(), points.commitErrors()
    found["points"] = [row(points, each) for each in points.getFeatures()][-2:]
    return found


application = QgsApplication([], False)
application.initQgis()
project = QgsProject.instance()
opened = project.read(sys.argv[1])
time = project.timeSettings()
result = {
    "opened": opened,
    "error": project.error(),
    "title": project.title(),
    "crs": project.crs().authid(),
    "begin": time.temporalRange().begin().toString(Qt.ISODate),
    "end": time.temporalRange().end().toString(Qt.ISODate),
    "step": [time.timeStep(), int(time.timeStepUnit())],
    "navigation": project.readNumEntry("TemporalControllerWidget", "/NavigationMode", -1)[0],
    "warning": project.readEntry("TitleLabel", "/Label")[0]
    if project.readBoolEntry("TitleLabel", "/Enabled")[0]
    else "",
    "groups": [group.name() for group in project.layerTreeRoot().findGroups()],
    "order": [layer.id() for layer in project.layerTreeRoot().layerOrder()],
    "layers": {layer.id(): facts(layer) for layer in project.mapLayers().values()},
}
if len(sys.argv) > 2:
    result["maps"] = maps(Path(sys.argv[2]))
if "edit" in sys.argv[3:]:
    result["edit"] = edit()
if "internet" in sys.argv[3:]:
    internet()
print(json.dumps(result, default=str))
sys.stdout.flush()
os._exit(0)  # QGIS 3.22 may crash while it takes itself apart
