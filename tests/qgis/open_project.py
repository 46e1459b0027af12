"""Opens what geophrase wrote in a real QGIS, without a screen, and draws it.

    python3 open_project.py PROJECT PICTURE EXPECTED.json

EXPECTED.json: {"crs": "EPSG:32633", "vectors": {"LAYER SOURCE": features}, "rasters": ["FILE"], "prompts": ["PHRASE"],
"project_layers": 9}, the layers that must open on their own and find their style by themselves. Exits with 1 and a line per fault.
"""

import json
import os
import sys

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from qgis.core import (  # noqa: E402
    QgsApplication,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsProject,
    QgsRasterLayer,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize  # noqa: E402
from qgis.PyQt.QtGui import QColor  # noqa: E402

faults = []
# The values of the raster of classes: name and alpha.
CLASSES = {}


def check(right, words):
    if not right:
        faults.append(words)


def check_vector(layer, name, crs, features):
    check(layer.isValid(), f"{name}: QGIS cannot open it")
    if not layer.isValid():
        return
    check(layer.crs().authid() == crs, f"{name}: CRS {layer.crs().authid()} is not {crs}")
    check(layer.featureCount() == features, f"{name}: {layer.featureCount()} features, not {features}")
    check(all(f.geometry().isGeosValid() for f in layer.getFeatures()), f"{name}: a geometry is not valid")
    renderer = layer.renderer()
    check(renderer.type() == "graduatedSymbol", f"{name}: drawn as {renderer.type()}")
    if renderer.type() == "graduatedSymbol":
        check(renderer.classAttribute() == "unc_mean", f"{name}: graduated by {renderer.classAttribute()}")
        check(len(renderer.ranges()) == 5, f"{name}: {len(renderer.ranges())} classes")
        ranges = renderer.ranges()  # symbols live no longer than their ranges
        colour = ranges[4].symbol().color().name()
        check(colour == "#f0f921", f"{name}: the most uncertain class is {colour}")


def check_raster(layer, name, crs, kind):
    check(layer.isValid(), f"{name}: QGIS cannot open it")
    if not layer.isValid():
        return
    check(layer.crs().authid() == crs, f"{name}: CRS {layer.crs().authid()} is not {crs}")
    renderer = layer.renderer()
    check(renderer.type() == kind, f"{name}: drawn as {renderer.type()}, not {kind}")
    if kind == "paletted" and renderer.type() == kind:
        found = {entry.value: (entry.label, entry.color.alpha()) for entry in renderer.classes()}
        wanted = {0: ("outside", 0), 1: ("inside", 150)} if "mask" in name else CLASSES
        check(found == wanted, f"{name}: its values are {found}, not {wanted}")
    if kind == "singlebandpseudocolor" and renderer.type() == kind:
        items = renderer.shader().rasterShaderFunction().colorRampItemList()
        check(len(items) == 6, f"{name}: {len(items)} colours")
        check(items[0].color.alpha() == 0, f"{name}: what is least is not transparent")


def draw(layers, extent, crs, path):
    settings = QgsMapSettings()
    settings.setLayers(layers)
    settings.setDestinationCrs(crs)
    settings.setExtent(extent)
    settings.setOutputSize(QSize(900, int(900 * extent.height() / extent.width())))
    settings.setBackgroundColor(QColor(255, 255, 255))
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    image = job.renderedImage()
    check(image.save(path), f"{path}: cannot be written")
    colours = {image.pixel(x, y) for x in range(0, image.width(), 7) for y in range(0, image.height(), 7)}
    check(len(colours) > 50, f"{path}: only {len(colours)} colours, so hardly a map")
    # The yellow of the most uncertain class or the violet of the surest must be somewhere.
    return image


def main():
    project_file, picture, expected_file = sys.argv[1:4]
    with open(expected_file, encoding="utf-8") as file:
        expected = json.load(file)
    CLASSES.update({0: ("none", 0)})
    CLASSES.update({number: (prompt, 200) for number, prompt in enumerate(expected["prompts"], 1)})
    application = QgsApplication([], False)
    application.initQgis()
    for source, features in expected["vectors"].items():
        layer = QgsVectorLayer(source, "on its own", "ogr")
        check_vector(layer, source, expected["crs"], features)
    for source in expected["rasters"]:
        kind = "paletted" if ".mask." in source or "classes" in source else "singlebandpseudocolor"
        check_raster(QgsRasterLayer(source, "on its own", "gdal"), source, expected["crs"], kind)
    project = QgsProject.instance()
    check(project.read(project_file), f"{project_file}: {project.error()}")
    check(project.crs().authid() == expected["crs"], f"{project_file}: its CRS is {project.crs().authid()}")
    layers = project.layerTreeRoot().layerOrder()
    check(len(layers) == expected["project_layers"], f"{project_file}: {len(layers)} layers")
    for layer in layers:
        if isinstance(layer, QgsVectorLayer):
            check_vector(layer, layer.name(), expected["crs"], layer.featureCount())
        elif layer.name() != "scene":
            kind = "paletted" if layer.name().startswith(("mask", "classes")) else "singlebandpseudocolor"
            check_raster(layer, layer.name(), expected["crs"], kind)
        else:
            check(layer.isValid(), "the scene does not open from the project")
    shown = [node.layer() for node in project.layerTreeRoot().findLayers() if node.isVisible() and node.layer()]
    scene = [layer for layer in layers if layer.name() == "scene"]
    if shown and scene:
        with_map = draw(shown, scene[0].extent(), project.crs(), picture)
        without = draw(scene, scene[0].extent(), project.crs(), picture + ".scene.png")
        os.remove(picture + ".scene.png")
        differ = sum(
            with_map.pixel(x, y) != without.pixel(x, y)
            for x in range(0, with_map.width(), 5)
            for y in range(0, with_map.height(), 5)
        )
        check(differ > 20, f"{picture}: the polygons are not to be seen")
    for fault in faults:
        print(fault, file=sys.stderr)
    application.exitQgis()
    print(f"QGIS opened {len(expected['vectors'])} vectors, {len(expected['rasters'])} rasters and {len(layers)} project layers")
    # Destructors of QGIS may crash at the end of a script; what is to be said has been said.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1 if faults else 0)


main()
