"""What the exporters share: random weights that make every layer matter, and the layout of a fixture file.

A fixture holds weights under `weights.`, inputs under `input.` and the reference's outputs under `output.`. Where
gradients are compared, `slope.X` is what output X is multiplied with before everything is summed to the scalar that is
differentiated, and `gradient.` repeats the names of `weights.` and `input.`. Integers and truth values are stored as f32,
because our reader keeps floats only.
"""

import json
import os
import warnings
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file

COMMITTED = Path(__file__).resolve().parent.parent / "fixtures"
# Where fixtures are written: the folder of the repository, unless `regenerate.py` names another.
FOLDER = Path(os.environ.get("PARITY_FIXTURES", COMMITTED))
LIMIT_BYTES = 1 << 20

# One thread sums in one order, so that the numbers come out the same again. transformers talks too much.
torch.set_num_threads(1)
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
warnings.filterwarnings("ignore", message="You'd better set embed_dim")


def uniform(generator, shape, low, high):
    return torch.rand(shape, generator=generator) * (high - low) + low


def randomize(module, seed):
    """Gives every parameter and statistic a value that would be missed if it were left out."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in list(module.named_parameters()) + list(module.named_buffers()):
            if not value.is_floating_point():
                continue
            if name.endswith("running_var"):
                value.copy_(uniform(generator, value.shape, 0.5, 1.5))
            elif value.dim() >= 2 and value.numel() > value.shape[0]:
                fan_in = value.numel() / value.shape[0]
                value.copy_(uniform(generator, value.shape, -1.0, 1.0) * (3.0 / fan_in) ** 0.5 * 1.2)
            elif name.endswith(("weight", "gamma", "layer_scale")):
                value.copy_(uniform(generator, value.shape, 0.5, 1.5))
            else:
                value.copy_(uniform(generator, value.shape, -0.3, 0.3))
    return module.eval()


def normal(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def image(seed, rows, cols):
    """One RGB picture on the scale 0 to 255, smooth enough to have structure and noisy enough to have detail."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand((1, 3, 5, 5), generator=generator) * 255
    smooth = torch.nn.functional.interpolate(coarse, (rows, cols), mode="bilinear", align_corners=True)
    noise = torch.rand((1, 3, rows, cols), generator=generator) * 60 - 30
    return (smooth + noise).clamp(0, 255).round()


def padding(lengths, words):
    """The paper's mask: one where a token is ignored."""
    return torch.arange(words)[None, :] >= torch.tensor(lengths)[:, None]


def slopes(outputs, seed):
    """For each output a random tensor of its shape, so that no two of its values pull alike."""
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(value.shape, generator=generator) for name, value in outputs.items()}


def differentiate(outputs, seed):
    """Sums every output times its slope, and differentiates the sum."""
    chosen = slopes(outputs, seed)
    sum((outputs[name] * slope).sum() for name, slope in chosen.items()).backward()
    return chosen


def write(name, about, weights, inputs, outputs, facts=None, slope=None, gradient=None, limit=LIMIT_BYTES):
    """Writes one fixture and refuses one that is too large for the repository.

    `about` is what the layer is called in the table of results, and what it is compared with.
    """
    facts = {"layer": about[0], "reference": about[1], **(facts or {})}
    groups = {"weights": weights, "input": inputs, "output": outputs, "slope": slope or {}, "gradient": gradient or {}}
    tensors = {}
    for prefix, group in groups.items():
        for key, value in group.items():
            if value.is_floating_point() or prefix != "weights":
                tensors[f"{prefix}.{key}"] = value.detach().float().contiguous().clone()
    path = FOLDER / f"{name}.safetensors"
    path.parent.mkdir(exist_ok=True, parents=True)
    save_file(tensors, path, metadata={"facts": json.dumps(facts, sort_keys=True)})
    path.chmod(0o644)
    size = path.stat().st_size
    if limit and size > limit:
        raise SystemExit(f"{path} has {size} bytes; a fixture may have {limit}")
    print(f"{path.name}: {size} bytes")
