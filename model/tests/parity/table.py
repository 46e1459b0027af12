"""Writes docs/parity.md from the rows that the tests leave: layer, reference, tolerance, measured error."""

import platform
import sys
from importlib.metadata import version
from pathlib import Path

TOLERANCE = "1e-4"
PACKAGES = ("torch", "torchvision", "timm", "transformers", "efficientnet-lite-pytorch")
COMMITTED = Path(__file__).resolve().parent.parent / "fixtures"
HEAD = """# Parity with PyTorch

What our layers, losses and models differ by from references that nobody here wrote, in f32 on the processor. Written by
`make parity`; how it is made and how to read a failure is in [model/tests/parity](../model/tests/parity/README.md), which
equation is shown by which row in [the model's chapter](model.md#equation-by-equation).

An error is the largest difference of any value, relative to the largest value of the reference's tensor; a row shows the
worst of its tensors. Gradients are those of all inputs and parameters of a layer, for whole models those of the total
loss. Where a gradient is zero in exact arithmetic (the bias of an attention's keys), the difference counts relative to a
hundredth of the layer's largest gradient. "PyTorch recipe" is `model/tests/parity/recipe.py`, written from the paper on
the modules of PyTorch, timm and transformers.

Measured with {packages}, on {processor}.
"""


def rows(path):
    found = {}
    for line in path.read_text().splitlines():
        name, *columns = line.split("\t")
        found[name] = columns
    return found


def number(text):
    return f"{float(text):.1e}".replace("e-0", "e-") if text else "–"


def table(chosen):
    lines = ["| layer | reference | tolerance | error of values | error of gradients | fixture |", "|---|---|---|---|---|---|"]
    notes = ""
    for name, (layer, reference, value, gradient, loose, rounding) in sorted(chosen.items(), key=lambda entry: entry[1][:2]):
        tolerance = TOLERANCE
        if loose:
            tolerance += f"; gradients {float(loose):.0e}".replace("e-0", "e-")
            notes += f"\n\nSo deep, f32 rounds: PyTorch's own gradients of `{name}` in f32 are {number(rounding)} from those in f64."
        lines.append(f"| {layer} | {reference} | {tolerance} | {number(value)} | {number(gradient)} | `{name}` |")
    return "\n".join(lines) + notes


def processor():
    names = [line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
             if line.startswith("model name")] if Path("/proc/cpuinfo").exists() else []
    return names[0] if names else platform.machine()


def main(path, out):
    found = rows(path)
    small = {name: row for name, row in found.items() if (COMMITTED / f"{name}.safetensors").exists()}
    full = {name: row for name, row in found.items() if name not in small}
    missing = {path.stem for path in COMMITTED.glob("*.safetensors")} - small.keys()
    if missing or len(full) < 7:
        raise SystemExit(f"not everything was compared: missing {sorted(missing)}, {len(full)} of 7 full-size fixtures")
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    text = HEAD.format(packages=packages, processor=processor())
    text += f"\n## Layers, losses and reduced models, in `make test`\n\n{table(small)}\n"
    text += f"\n## Full size, in `make parity`\n\n{table(full)}\n"
    out.write_text(text)
    print(f"{out}: {len(small) + len(full)} rows")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
