"""Makes all committed fixtures again and asserts that they are the same; `--update` puts the new ones in their place.

Weights and inputs must be equal to the bit. Outputs and gradients may differ by the order in which a processor sums:
by 1e-5 of the largest value, a tenth of what the tests allow.
"""

import argparse
import contextlib
import os
import runpy
import shutil
import sys
import tempfile
from pathlib import Path

import torch
from safetensors import safe_open

HERE = Path(__file__).resolve().parent
COMMITTED = HERE.parent / "fixtures"
EXPORTERS = ("convnext", "bert", "efficientnet_lite", "checkpoints", "torch_files", "layers", "losses", "whole")
ROUNDING = 1e-5
TOTAL_BYTES = 8 << 20


def files(folder):
    """Those that are made here; other tests keep folders of their own beside them."""
    return {path.name: path for path in folder.iterdir() if path.suffix in (".safetensors", ".pth")}


def tensors(path):
    if path.suffix == ".pth":
        # The arguments of a run are a plain object beside its weights.
        with torch.serialization.safe_globals([argparse.Namespace]):
            return flat(torch.load(path, weights_only=True)), None
    with safe_open(path, "pt") as file:
        return {key: file.get_tensor(key) for key in file.keys()}, file.metadata()


def flat(state, prefix=""):
    """The tensors of nested dictionaries; an optimizer's numbers and the like are left out."""
    found = {}
    for key, value in state.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{key}.")
        elif isinstance(value, torch.Tensor):
            found[f"{prefix}{key}"] = value.detach()
    return found


def difference(old, new):
    """What differs between two files, or nothing."""
    (old, old_facts), (new, new_facts) = tensors(old), tensors(new)
    if old_facts != new_facts:
        return "the facts differ"
    if old.keys() != new.keys():
        return f"names differ: {sorted(old.keys() ^ new.keys())[:4]}"
    # A gradient that is zero in exact arithmetic is rounding noise, so gradients share the largest as their scale.
    largest = max((value.abs().max().item() for key, value in old.items() if key.startswith("gradient.")), default=0.0)
    for key, value in old.items():
        if value.shape != new[key].shape or value.dtype != new[key].dtype:
            return f"{key} has another shape or type"
        computed = key.startswith(("output.", "gradient."))
        scale = max(value.abs().max().item(), 1e-2 * largest if key.startswith("gradient.") else 0.0)
        error = (value.double() - new[key].double()).abs().max().item()
        if error > (ROUNDING * scale if computed else 0.0):
            return f"{key} differs by {error:.1e} where the largest value is {scale:.1e}"
    return None


def main():
    update = sys.argv[1:] == ["--update"]
    with tempfile.TemporaryDirectory() as folder:
        # Read by `fixture`, which the exporters import.
        os.environ["PARITY_FIXTURES"] = folder
        for exporter in EXPORTERS:
            with contextlib.redirect_stdout(None):
                runpy.run_path(str(HERE / f"export_{exporter}.py"), run_name="__main__")
        made, kept = files(Path(folder)), files(COMMITTED)
        if update:
            for name in kept.keys() - made.keys():
                kept[name].unlink()
            # A file that differs by rounding only stays as it is.
            changed = [name for name in made if name not in kept or difference(kept[name], made[name])]
            for name in changed:
                shutil.copy(made[name], COMMITTED / name)
        elif made.keys() != kept.keys():
            raise SystemExit(f"only one side has {sorted(made.keys() ^ kept.keys())}; `regenerate.py --update` replaces all")
        else:
            wrong = {name: reason for name in made if (reason := difference(kept[name], made[name]))}
            if wrong:
                raise SystemExit("\n".join(f"{name}: {reason}" for name, reason in sorted(wrong.items())))
        size = sum(path.stat().st_size for path in files(COMMITTED).values())
        if size > TOTAL_BYTES:
            raise SystemExit(f"the fixtures have {size} bytes together; they may have {TOTAL_BYTES}")
        print(f"{len(made)} fixtures, {size / 1e6:.1f} MB: {'updated' if update else 'the same when made again'}")


if __name__ == "__main__":
    main()
