"""Edits `reviews.gpkg` in the real QGIS as it is told, line by line; run by the Python that QGIS belongs to.

Lines: `begin`, `change <site_id> <verdict> <note>`, `commit`, `quit`. Each is answered by `ok` or by `failed <why>`.
"""

import sys

from qgis.core import QgsApplication, QgsFeatureRequest, QgsVectorLayer


def main(path: str) -> None:
    application = QgsApplication([], False)
    application.initQgis()
    layer = QgsVectorLayer(f"{path}|layername=reviews", "reviews", "ogr")
    assert layer.isValid()
    print("ok", flush=True)
    for line in sys.stdin:
        word, *rest = line.rstrip("\n").split(" ", 3)
        if word == "begin":
            done = layer.isEditable() or layer.startEditing()
        elif word == "change":
            site, verdict, note = rest
            (row,) = layer.getFeatures(QgsFeatureRequest().setFilterExpression(f"\"site_id\" = '{site}'"))
            fields = layer.fields()
            done = all(
                layer.changeAttributeValue(row.id(), fields.indexOf(name), value)
                for name, value in (("verdict", verdict), ("note", note), ("reviewer", "QGIS"))
            )
        elif word == "commit":
            done = layer.commitChanges()
        else:
            break
        print("ok" if done else f"failed {layer.commitErrors()}", flush=True)
    del layer
    application.exitQgis()


main(sys.argv[1])
