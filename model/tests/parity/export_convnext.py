"""ConvNeXt with random weights, in the dialects of timm and torchvision, and the small ones of the repository."""

from functools import partial

import timm
import torch
from torch import nn
from torchvision.models.convnext import CNBlockConfig, ConvNeXt, LayerNorm2d

import fixture

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)


class Pyramid(nn.Module):
    """A classifier's trunk with the norms of the dense-prediction variant, which classifiers lack."""

    def __init__(self, trunk, widths, seed):
        super().__init__()
        self.trunk = fixture.randomize(trunk, seed)
        norms = {f"norm{level}": nn.LayerNorm(width, eps=1e-6) for level, width in enumerate(widths)}
        self.norms = fixture.randomize(nn.ModuleDict(norms), seed + 2)

    def foreign(self):
        """Parameters under the names of the trunk's package, classifier included."""
        return {**dict(self.trunk.named_parameters()), **dict(self.norms.named_parameters())}

    def normalized(self, level, features):
        return self.norms[f"norm{level}"](features.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class TimmPyramid(Pyramid):
    def __init__(self, depths, widths, seed):
        super().__init__(timm.models.convnext.ConvNeXt(depths=depths, dims=widths, num_classes=2), widths, seed)

    def forward(self, images):
        features = self.trunk.stem((images / 255 - MEAN) / STD)
        levels = []
        for level, stage in enumerate(self.trunk.stages):
            features = stage(features)
            levels.append(self.normalized(level, features))
        return levels


class TorchvisionPyramid(Pyramid):
    def __init__(self, depths, widths, seed):
        following = list(widths[1:]) + [None]
        blocks = [CNBlockConfig(width, after, depth) for width, after, depth in zip(widths, following, depths)]
        super().__init__(ConvNeXt(blocks, num_classes=2, norm_layer=partial(LayerNorm2d, eps=1e-6)), widths, seed)
        # A layer scale has the shape (channel, 1, 1) here, which the rule for matrices does not catch.
        with torch.no_grad():
            for name, value in self.trunk.named_parameters():
                if name.endswith("layer_scale"):
                    value.copy_(torch.linspace(0.4, 1.3, value.numel()).view_as(value))

    def forward(self, images):
        features = (images / 255 - MEAN) / STD
        levels = []
        for index, part in enumerate(self.trunk.features):
            features = part(features)
            if index % 2 == 1:
                levels.append(self.normalized(index // 2, features))
        return levels


def named(levels):
    return {str(level): features for level, features in enumerate(levels)}


def export(name, layer, reference, pyramid, images, limit=fixture.LIMIT_BYTES):
    with torch.no_grad():
        outputs = named(pyramid(images))
    fixture.write(name, (layer, reference), pyramid.foreign(), {"image": images}, outputs, limit=limit)


if __name__ == "__main__":
    sizes = ((1, 1, 2, 1), (8, 16, 32, 64))
    layer = "ConvNeXt, depths 1 1 2 1, 8 to 64 channels"
    export("convnext_small_timm", layer, "timm", TimmPyramid(*sizes, 17), fixture.image(23, 64, 96))
    export("convnext_small_torchvision", layer, "torchvision", TorchvisionPyramid(*sizes, 29), fixture.image(37, 64, 64))
