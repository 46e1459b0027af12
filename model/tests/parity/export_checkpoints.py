"""Checkpoints as training programs leave them: weights among other things, in a zip and in the old layout.

A ConvNeXt of one block a stage under Facebook's names, beside a running average, an optimizer, a scheduler and the
arguments of the run; every value of the weights is its place in its tensor over 64, every value of the average is 9.
"""

import argparse
from collections import OrderedDict

import torch

import fixture

CHANNELS = [4, 8, 16, 32]


def convnext(value):
    state = OrderedDict()

    def put(name, *shape):
        state[name] = value(shape).to(torch.float16)

    for stage, width in enumerate(CHANNELS):
        if stage == 0:
            put("downsample_layers.0.0.weight", width, 3, 4, 4)
            put("downsample_layers.0.0.bias", width)
            put("downsample_layers.0.1.weight", width)
            put("downsample_layers.0.1.bias", width)
        else:
            before = CHANNELS[stage - 1]
            put(f"downsample_layers.{stage}.0.weight", before)
            put(f"downsample_layers.{stage}.0.bias", before)
            put(f"downsample_layers.{stage}.1.weight", width, before, 2, 2)
            put(f"downsample_layers.{stage}.1.bias", width)
        at = f"stages.{stage}.0"
        put(f"{at}.gamma", width)
        put(f"{at}.dwconv.weight", width, 1, 7, 7)
        put(f"{at}.dwconv.bias", width)
        put(f"{at}.norm.weight", width)
        put(f"{at}.norm.bias", width)
        put(f"{at}.pwconv1.weight", 4 * width, width)
        put(f"{at}.pwconv1.bias", 4 * width)
        put(f"{at}.pwconv2.weight", width, 4 * width)
        put(f"{at}.pwconv2.bias", width)
    put("norm.weight", CHANNELS[-1])
    put("norm.bias", CHANNELS[-1])
    put("head.weight", 5, CHANNELS[-1])
    put("head.bias", 5)
    return state


def count(shape):
    size = torch.Size(shape).numel()
    return (torch.arange(size) % 1024).reshape(shape) / 64


def checkpoint():
    return {
        "model": convnext(count),
        "model_ema": OrderedDict((name, torch.full_like(value, 9)[:1]) for name, value in convnext(count).items()),
        "optimizer": {"state": {0: {"step": 7, "exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 0.1, "params": [0]}]},
        "lr_scheduler": {"last_epoch": 3, "_step_count": 4, "best": None},
        "epoch": 3,
        "args": argparse.Namespace(model="convnext_tiny", lr=4e-3, distributed=False, input_size=[224, 224]),
    }


if __name__ == "__main__":
    torch.save(checkpoint(), fixture.FOLDER / "checkpoint_zip.pth")
    torch.save(checkpoint(), fixture.FOLDER / "checkpoint_old.pth", _use_new_zipfile_serialization=False)
