"""EfficientNet-Lite by `efficientnet-lite-pytorch`: a small stack with random weights, and lite0 with its own."""

import sys
from pathlib import Path

import torch
from efficientnet_lite_pytorch import EfficientNet
from efficientnet_lite_pytorch.utils import BlockArgs, GlobalParams

import fixture


def levels(model, images, ends):
    """Outputs of the blocks that end each level."""
    features = model._swish(model._bn0(model._conv_stem((images - 127.0) / 128.0)))
    found = {}
    for index, block in enumerate(model._blocks):
        features = block(features)
        if index in ends:
            found[str(len(found))] = features
    return found


def without_classifier(model):
    skip = ("_conv_head", "_bn1", "_fc")
    return {name: value for name, value in model.state_dict().items() if not name.startswith(skip)}


def small():
    """Eight blocks with both kernels, both strides, with and without widening, on an odd and an even side."""

    def block(repeats, kernel, stride, expand, entering, leaving):
        return BlockArgs(num_repeat=repeats, kernel_size=kernel, stride=[stride], expand_ratio=expand,
                         input_filters=entering, output_filters=leaving, se_ratio=None, id_skip=True)

    # The package rounds channels to multiples of 8.
    blocks = [block(1, 3, 1, 1, 32, 8), block(2, 3, 2, 6, 8, 16), block(2, 5, 2, 6, 16, 24),
              block(2, 3, 2, 6, 24, 32), block(1, 5, 2, 6, 32, 40)]
    params = GlobalParams(width_coefficient=1.0, depth_coefficient=1.0, image_size=None, dropout_rate=0.0,
                          num_classes=2, batch_norm_momentum=0.99, batch_norm_epsilon=1e-3, drop_connect_rate=0.0,
                          depth_divisor=8, min_depth=None, relu_fn="relu6", fix_head_stem=True, local_pooling=False,
                          use_se=False)
    model = fixture.randomize(EfficientNet(blocks, params), 7)
    for name, rows, cols in (("even", 64, 96), ("odd", 75, 61)):
        images = fixture.image(11, rows, cols)
        fixture.write(f"efficientnet_lite_small_{name}", without_classifier(model), {"image": images},
                      levels(model, images, (2, 4, 6, 7)))


def lite0(weights):
    """Inputs and outputs only: the weights are fetched by `make pretrained`."""
    model = EfficientNet.from_name("efficientnet-lite0")
    state = torch.load(weights, map_location="cpu", weights_only=True)
    model.load_state_dict(state)
    # Padding that follows the picture's size, as TensorFlow's does; the default is fixed to 224 px.
    dynamic = EfficientNet.from_name("efficientnet-lite0", image_size=None)
    dynamic.load_state_dict(state)
    dynamic.eval()
    for rows, cols in ((64, 64), (96, 80)):
        images = fixture.image(13, rows, cols)
        fixture.write(f"efficientnet_lite0_{rows}x{cols}", {}, {"image": images}, levels(dynamic, images, (2, 4, 10, 15)))


if __name__ == "__main__":
    with torch.no_grad():
        small()
        if len(sys.argv) > 1:
            lite0(Path(sys.argv[1]))
