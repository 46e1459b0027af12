"""A small ConvNeXt with random weights, in the dialects of timm and torchvision."""

from functools import partial

import timm
import torch
from torchvision.models.convnext import CNBlockConfig, ConvNeXt, LayerNorm2d

import fixture

DEPTHS = (1, 1, 2, 1)
WIDTHS = (8, 16, 32, 64)
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)


def output_norms(seed):
    """The norms of the dense-prediction variant, which classifiers lack."""
    norms = torch.nn.ModuleDict({f"norm{level}": torch.nn.LayerNorm(width, eps=1e-6)
                                 for level, width in enumerate(WIDTHS)})
    return fixture.randomize(norms, seed)


def normalized(norms, level, features):
    return norms[f"norm{level}"](features.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def by_timm():
    model = timm.models.convnext.ConvNeXt(depths=DEPTHS, dims=WIDTHS, num_classes=2)
    fixture.randomize(model, 17)
    norms = output_norms(19)
    images = fixture.image(23, 64, 96)
    features = model.stem((images / 255 - MEAN) / STD)
    outputs = {}
    for level, stage in enumerate(model.stages):
        features = stage(features)
        outputs[str(level)] = normalized(norms, level, features)
    fixture.write("convnext_small_timm", {**model.state_dict(), **norms.state_dict()}, {"image": images}, outputs)


def by_torchvision():
    following = list(WIDTHS[1:]) + [None]
    blocks = [CNBlockConfig(width, after, depth) for width, after, depth in zip(WIDTHS, following, DEPTHS)]
    model = ConvNeXt(blocks, num_classes=2, norm_layer=partial(LayerNorm2d, eps=1e-6))
    fixture.randomize(model, 29)
    # A layer scale has the shape (channel, 1, 1) here, which the rule for matrices does not catch.
    with torch.no_grad():
        for name, value in model.named_parameters():
            if name.endswith("layer_scale"):
                value.copy_(torch.linspace(0.4, 1.3, value.numel()).view_as(value))
    norms = output_norms(31)
    images = fixture.image(37, 64, 64)
    features = (images / 255 - MEAN) / STD
    outputs = {}
    for index, part in enumerate(model.features):
        features = part(features)
        if index % 2 == 1:
            level = index // 2
            outputs[str(level)] = normalized(norms, level, features)
    fixture.write("convnext_small_torchvision", {**model.state_dict(), **norms.state_dict()}, {"image": images}, outputs)


if __name__ == "__main__":
    with torch.no_grad():
        by_timm()
        by_torchvision()
