"""Runs `geophrase segment` from the Processing toolbox of QGIS (3.22 or newer).

Copy this file into the scripts folder of your profile (Processing toolbox, Scripts, Open the scripts folder), or choose
it with "Add script to toolbox". It calls the program `geophrase`; nothing is computed in QGIS.
"""

import os
import shutil
import subprocess

from qgis.core import (
    QgsProcessing,
    QgsProcessingAlgorithm,
    QgsProcessingException,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFile,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
    QgsProcessingParameterVectorDestination,
)


OUTLINES = {
    "as they are marked": [],
    "squared, for buildings": ["--regularize"],
    "rounded": ["--smooth"],
}


class GeophraseSegment(QgsProcessingAlgorithm):
    """Finds what a phrase refers to in a raster layer."""

    def createInstance(self):
        return GeophraseSegment()

    def name(self):
        return "geophrase_segment"

    def displayName(self):
        return "Find what a phrase refers to"

    def group(self):
        return "geophrase"

    def groupId(self):
        return "geophrase"

    def shortHelpString(self):
        return (
            "Finds in a satellite or aerial scene what phrases refer to, one phrase per line, and says where it may be "
            "wrong: polygons graduated by uncertainty, and if asked for a raster of probability and uncertainty."
        )

    def initAlgorithm(self, config=None):
        self.addParameter(QgsProcessingParameterRasterLayer("SCENE", "Scene"))
        self.addParameter(QgsProcessingParameterString("PROMPTS", "Phrases, one per line", multiLine=True))
        self.addParameter(
            QgsProcessingParameterNumber(
                "THRESHOLD", "Threshold", QgsProcessingParameterNumber.Double, 0.5, minValue=0, maxValue=0.999
            )
        )
        self.addParameter(QgsProcessingParameterString("MIN_AREA", "Smallest area (25 for m2, 40px)", "0px"))
        self.addParameter(
            QgsProcessingParameterNumber(
                "SIMPLIFY",
                "Simplify by pixels (0: not at all, else from 0.5)",
                QgsProcessingParameterNumber.Double,
                0,
                minValue=0,
                maxValue=100,
            )
        )
        self.addParameter(
            QgsProcessingParameterString("FILL_HOLES", "Fill holes up to (25 for m2, 40px)", "0px")
        )
        self.addParameter(
            QgsProcessingParameterNumber(
                "MAX_UNCERTAINTY",
                "Largest mean uncertainty (1: leave none out)",
                QgsProcessingParameterNumber.Double,
                1,
                minValue=0.001,
                maxValue=1,
            )
        )
        self.addParameter(QgsProcessingParameterEnum("OUTLINES", "Outlines", list(OUTLINES), defaultValue=0))
        self.addParameter(
            QgsProcessingParameterEnum("DEVICE", "Device", ["auto", "cpu", "cuda"], defaultValue=0)
        )
        folder = QgsProcessingParameterFile.Folder
        self.addParameter(
            QgsProcessingParameterFile("MODEL", "Model folder (empty: the one shipped)", folder, optional=True)
        )
        self.addParameter(
            # A text, since a parameter for files takes only names with a dot.
            QgsProcessingParameterString("PROGRAM", "The program geophrase (empty: the one on the PATH)", optional=True)
        )
        self.addParameter(
            QgsProcessingParameterVectorDestination("OUTPUT", "Polygons", QgsProcessing.TypeVectorPolygon)
        )
        self.addParameter(
            QgsProcessingParameterRasterDestination(
                "RASTER", "Probability and uncertainty", optional=True, createByDefault=False
            )
        )

    def processAlgorithm(self, parameters, context, feedback):
        program = self.parameterAsString(parameters, "PROGRAM", context) or shutil.which("geophrase")
        if not program:
            raise QgsProcessingException("the program geophrase is not on the PATH: name it")
        scene = self.parameterAsRasterLayer(parameters, "SCENE", context)
        text = self.parameterAsString(parameters, "PROMPTS", context)
        prompts = [line.strip() for line in text.replace("\\n", "\n").splitlines() if line.strip()]
        if not prompts:
            raise QgsProcessingException("no phrase is given")
        output = self.parameterAsOutputLayer(parameters, "OUTPUT", context)
        raster = self.parameterAsOutputLayer(parameters, "RASTER", context)
        command = [program, "segment", scene.source(), "-o", output, "--overwrite"]
        for prompt in prompts:
            command += ["--prompt=" + prompt]
        command += ["--threshold", str(self.parameterAsDouble(parameters, "THRESHOLD", context))]
        command += ["--min-area", self.parameterAsString(parameters, "MIN_AREA", context)]
        command += ["--device", ["auto", "cpu", "cuda"][self.parameterAsEnum(parameters, "DEVICE", context)]]
        command += ["--fill-holes", self.parameterAsString(parameters, "FILL_HOLES", context)]
        command += list(OUTLINES.values())[self.parameterAsEnum(parameters, "OUTLINES", context)]
        largest = self.parameterAsDouble(parameters, "MAX_UNCERTAINTY", context)
        if largest < 1:
            command += ["--max-uncertainty", str(largest)]
        simplify = self.parameterAsDouble(parameters, "SIMPLIFY", context)
        if simplify > 0:
            command += ["--simplify", str(simplify)]
        model = self.parameterAsString(parameters, "MODEL", context)
        if model:
            command += ["--model", model]
        if raster:
            command += ["--raster", raster]
        command += ["--styles", "-v"]
        feedback.pushCommandInfo(" ".join(command))
        # The phrases are arguments, never part of a shell's line.
        run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        lines = []
        while True:
            try:
                _, errors = run.communicate(timeout=0.5)
                lines = errors.splitlines()
                break
            except subprocess.TimeoutExpired:
                if feedback.isCanceled():
                    run.terminate()
        for line in lines:
            feedback.pushInfo(line)
        if feedback.isCanceled():
            raise QgsProcessingException("cancelled; nothing was written")
        if run.returncode != 0:
            raise QgsProcessingException(lines[-1] if lines else f"geophrase ended with {run.returncode}")
        found = {"OUTPUT": output}
        # With several phrases there is a raster for each, named by the phrase, and none under the plain name.
        if raster and os.path.exists(raster):
            found["RASTER"] = raster
        return found
