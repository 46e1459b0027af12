"""What the exporters share: random weights that make every layer matter, and the layout of a fixture file.

A fixture holds foreign weights under `weights.`, inputs under `input.` and the reference's outputs under `output.`.
Integers are stored as f32, because our reader keeps floats only.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

FOLDER = Path(__file__).resolve().parent.parent / "fixtures"
LIMIT_BYTES = 1 << 20


def randomize(module, seed):
    """Gives every parameter and statistic a value that would be missed if it were left out."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(like, low, high):
        return torch.rand(like.shape, generator=generator) * (high - low) + low

    with torch.no_grad():
        for name, value in list(module.named_parameters()) + list(module.named_buffers()):
            if not value.is_floating_point():
                continue
            if name.endswith("running_var"):
                value.copy_(uniform(value, 0.5, 1.5))
            elif value.dim() >= 2 and value.numel() > value.shape[0]:
                fan_in = value.numel() / value.shape[0]
                value.copy_(uniform(value, -1.0, 1.0) * (3.0 / fan_in) ** 0.5 * 1.2)
            elif name.endswith(("weight", "gamma", "layer_scale")):
                value.copy_(uniform(value, 0.5, 1.5))
            else:
                value.copy_(uniform(value, -0.3, 0.3))
    return module.eval()


def image(seed, rows, cols):
    """One RGB picture on the scale 0 to 255, smooth enough to have structure and noisy enough to have detail."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand((1, 3, 5, 5), generator=generator) * 255
    smooth = torch.nn.functional.interpolate(coarse, (rows, cols), mode="bilinear", align_corners=True)
    noise = torch.rand((1, 3, rows, cols), generator=generator) * 60 - 30
    return (smooth + noise).clamp(0, 255).round()


def write(name, weights, inputs, outputs, facts=None):
    """Writes one fixture and refuses one that is too large for the repository."""
    tensors = {}
    for prefix, group in (("weights.", weights), ("input.", inputs), ("output.", outputs)):
        for key, value in group.items():
            if value.is_floating_point() or prefix != "weights.":
                tensors[prefix + key] = value.detach().float().contiguous().clone()
    path = FOLDER / f"{name}.safetensors"
    path.parent.mkdir(exist_ok=True)
    save_file(tensors, path, metadata={"facts": json.dumps(facts or {})})
    path.chmod(0o644)
    size = path.stat().st_size
    if size > LIMIT_BYTES:
        raise SystemExit(f"{path} has {size} bytes; a fixture may have {LIMIT_BYTES}")
    print(f"{path.name}: {size} bytes")
