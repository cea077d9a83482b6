"""Opens outputs in a real QGIS and prints what it finds, as JSON. Run by QGIS's own Python, not by ours."""

import json
import os
import sys

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
from qgis.core import (
    QgsApplication,
    QgsDateTimeRange,
    QgsFeatureRequest,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsVectorLayer,
    QgsVectorLayerTemporalContext,
)
from qgis.PyQt.QtCore import QDateTime, QSize, Qt
from qgis.PyQt.QtGui import QColor


def layer(source):
    # as the desktop does it: the constructor alone would reset the temporal settings
    options = QgsVectorLayer.LayerOptions()
    options.loadDefaultStyle = False
    found = QgsVectorLayer(source, "probe", "ogr", options)
    found.loadDefaultStyle()
    return found


def facts(found):
    time, renderer = found.temporalProperties(), found.renderer()
    return {
        "valid": found.isValid(),
        "rows": found.featureCount(),
        "crs": found.crs().authid(),
        "renderer": renderer.type(),
        "values": [entry.value() for entry in renderer.categories()] if renderer.type() == "categorizedSymbol" else [],
        "labels": found.labelsEnabled(),
        "temporal": time.isActive(),
        "start": time.startField(),
        "start_type": found.fields().field(time.startField()).typeName() if time.startField() else "",
        "tip": bool(found.mapTipTemplate()),
        "widgets": {field.name(): found.editorWidgetSetup(k).type() for k, field in enumerate(found.fields())},
    }


def months_shown(found, begin, end):
    """The months of coverage that QGIS shows in a time range, as the temporal controller asks for them."""
    frame = QgsDateTimeRange(
        QDateTime.fromString(begin, Qt.ISODate), QDateTime.fromString(end, Qt.ISODate), True, False
    )
    context = QgsVectorLayerTemporalContext()
    context.setLayer(found)
    request = QgsFeatureRequest().setFilterExpression(found.temporalProperties().createFilterString(context, frame))
    return sorted(feature["month"] for feature in found.getFeatures(request))


def render(found, path):
    frame = QgsMapSettings()
    frame.setLayers([found])
    frame.setOutputSize(QSize(800, 600))
    frame.setDestinationCrs(found.crs())
    extent = found.extent()
    extent.scale(1.3)
    frame.setExtent(extent)
    frame.setBackgroundColor(QColor(238, 243, 236))
    frame.setFlag(QgsMapSettings.DrawLabeling, True)
    job = QgsMapRendererParallelJob(frame)
    job.start()
    job.waitForFinished()
    job.renderedImage().save(path)


application = QgsApplication([], False)
application.initQgis()
result = {}
for argument in sys.argv[1:]:
    source, _, picture = argument.partition("=>")
    opened = layer(source)
    result[source.rsplit("/", 1)[-1]] = told = facts(opened)
    if "coverage" in source:
        told["february"] = months_shown(opened, "2024-02-01T00:00:00", "2024-03-01T00:00:00")
        told["its last hour"] = months_shown(opened, "2024-02-29T23:00:00", "2024-02-29T23:59:59")
    if picture:
        render(opened, picture)
    del opened
print(json.dumps(result))
sys.stdout.flush()
os._exit(0)  # QGIS 3.22 may crash while it takes itself apart
