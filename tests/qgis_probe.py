"""Opens outputs in a real QGIS and prints what it finds, as JSON. Run by QGIS's own Python, not by ours."""

import json
import os
import sys

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
from qgis.core import QgsApplication, QgsMapRendererParallelJob, QgsMapSettings, QgsVectorLayer
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor


def layer(source):
    # as the desktop does it: the constructor alone would reset the temporal settings
    options = QgsVectorLayer.LayerOptions()
    options.loadDefaultStyle = False
    found = QgsVectorLayer(source, "probe", "ogr", options)
    found.loadDefaultStyle()
    return found


def facts(found):
    time = found.temporalProperties()
    return {
        "valid": found.isValid(),
        "rows": found.featureCount(),
        "crs": found.crs().authid(),
        "renderer": found.renderer().type(),
        "labels": found.labelsEnabled(),
        "temporal": time.isActive(),
        "start": time.startField(),
        "start_type": found.fields().field(time.startField()).typeName() if time.startField() else "",
        "tip": bool(found.mapTipTemplate()),
    }


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
    result[source.rsplit("/", 1)[-1]] = facts(opened)
    if picture:
        render(opened, picture)
    del opened
print(json.dumps(result))
sys.stdout.flush()
os._exit(0)  # QGIS 3.22 may crash while it takes itself apart
