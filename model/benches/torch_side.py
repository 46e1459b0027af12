"""PyTorch's side of benches/torch.rs: does a piece of work once for each line it reads, and answers with seconds by
the clock and of the processors.

Run by `make bench-torch`, which sets up the Python of model/tests/parity. The models are those of the parity tests: timm's
ConvNeXt and `recipe.py`; the EfficientNet-Lite is that of `torch_towers.py`, whose batch norms are folded as ours are. Text
features are given, as `segment` computes them once a run and training once a phrase. Weights are random.
"""

import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE), str(HERE.parent / "tests" / "parity")]

import torch
from torch.utils.flop_counter import FlopCounterMode

import export_convnext
import export_full
import losses
import recipe
import torch_towers

# The presets of `model/src/config.rs`, dropout off.
SMALL = {**export_full.BASE, "width": 128, "hidden": 256, "image_layers": 1, "layers": 2, "fine_width": 64,
         "refinement_hidden": 32, "presence": True}
WORDS = 20


def base():
    vision = export_convnext.TimmPyramid(*export_full.SIZES, 1)
    return vision, recipe.Decoder(export_full.BASE, export_full.SIZES[1], 768), 768


def small():
    return torch_towers.Lite0(), recipe.Decoder(SMALL, (24, 40, 112, 320), 384), 384


class Model:
    def __init__(self, build):
        self.vision, self.decoder, self.text_width = build()

    def phrases(self, count):
        return torch.randn(count, WORDS, self.text_width), torch.zeros(count, WORDS, dtype=torch.bool)

    def forward(self, images, repeats=1):
        """Every image with `repeats` phrases."""
        side = images.shape[-1]
        tokens, lateral, sizes = self.decoder.encode(self.vision(images))
        tokens, lateral = (part.repeat_interleave(repeats, 0) for part in (tokens, lateral))
        words, ignored = self.phrases(len(tokens))
        return self.decoder.decode(tokens, lateral, sizes, words, ignored, (side, side))


def forward(model, side):
    images = torch.rand(1, 3, side, side) * 255

    def work():
        with torch.no_grad():
            model.forward(images)

    return work


def step(model, side, batch, repeats, vision_only=False):
    """Forward, loss, backward and AdamW; or, of the vision tower alone, forward and backward."""
    images = torch.rand(batch, 3, side, side) * 255
    truth = (torch.rand(batch * repeats, 1, side, side) < 0.1).float()
    trained = list(model.vision.parameters()) + list(model.decoder.parameters())
    adam = torch.optim.AdamW(trained, lr=1e-5)

    def work():
        adam.zero_grad()
        if vision_only:
            sum(level.float().sum() for level in model.vision(images)).backward()
            return
        stages = {name: value.float() for name, value in model.forward(images, repeats).items()}
        losses.total(stages, truth).backward()
        adam.step()

    return work


def product(side):
    left, right = torch.rand(side, side), torch.rand(side, side)
    return lambda: left @ right


MODELS = {}


def model(build):
    if build not in MODELS:
        MODELS[build] = Model(build)
    return MODELS[build]


def prepare(name):
    """`name` of benches/torch.rs, with sizes behind it."""
    kind, *numbers = name.split()
    numbers = [int(number) for number in numbers]
    match kind:
        case "product":
            return product(*numbers)
        case "base-forward":
            return forward(model(base), *numbers)
        case "small-forward":
            return forward(model(small), *numbers)
        case "small-step":
            return step(model(small), *numbers)
        case "small-vision-step":
            return step(model(small), *numbers, vision_only=True)
    raise SystemExit(f"unknown work: {name}")


def main():
    torch.set_num_threads(int(sys.argv[1]))
    prepared = {}
    for line in sys.stdin:
        precision, name = line.strip().split(maxsplit=1)
        if name not in prepared:
            prepared[name] = prepare(name)
        work = prepared[name]
        if precision == "flops":
            with FlopCounterMode(display=False) as counter:
                work()
            answer = counter.get_total_flops()
        else:
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
                start, before = time.perf_counter(), time.process_time()
                work()
                answer = f"{time.perf_counter() - start} {time.process_time() - before}"
        print(answer, flush=True)


if __name__ == "__main__":
    main()
