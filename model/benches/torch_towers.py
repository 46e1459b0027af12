"""The towers of benches/towers.rs in PyTorch eager f32, for comparison on the same machine.

    python3 -m venv /tmp/torch && /tmp/torch/bin/pip install torch timm==1.0.22 \
        --extra-index-url https://download.pytorch.org/whl/cpu
    /tmp/torch/bin/python model/benches/torch_towers.py [threads]

The layers are written out here, so that timm is not needed. Medians of several runs, in seconds.
"""

import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

LITE0 = [(1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320)]


class Same(nn.Conv2d):
    """A convolution that pads as TensorFlow's SAME does."""

    def forward(self, x):
        kernel, stride = self.kernel_size[0], self.stride[0]
        total = [max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in x.shape[2:]]
        if total[0] % 2 == 0 and total[1] % 2 == 0:
            return F.conv2d(x, self.weight, self.bias, stride, (total[0] // 2, total[1] // 2), 1, self.groups)
        rows, cols = total
        x = F.pad(x, (cols // 2, cols - cols // 2, rows // 2, rows - rows // 2))
        return F.conv2d(x, self.weight, self.bias, stride, 0, 1, self.groups)


class Block(nn.Module):
    def __init__(self, channels, kernel, stride, expansion, out):
        super().__init__()
        wide = channels * expansion
        self.expand = nn.Conv2d(channels, wide, 1) if expansion != 1 else None
        self.filter = Same(wide, wide, kernel, stride, groups=wide)
        self.project = nn.Conv2d(wide, out, 1)
        self.residual = stride == 1 and channels == out

    def forward(self, x):
        wide = F.relu6(self.expand(x)) if self.expand is not None else x
        narrow = self.project(F.relu6(self.filter(wide)))
        return narrow + x if self.residual else narrow


class Lite0(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = Same(3, 32, 3, 2)
        channels, blocks, ends = 32, [], []
        for group, (repeats, kernel, stride, expansion, out) in enumerate(LITE0):
            for repeat in range(repeats):
                blocks.append(Block(channels, kernel, stride if repeat == 0 else 1, expansion, out))
                channels = out
            if group in (1, 2, 4, 6):
                ends.append(len(blocks) - 1)
        self.blocks, self.ends = nn.ModuleList(blocks), ends

    def forward(self, images):
        x, levels = F.relu6(self.stem((images - 127) / 128)), []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in self.ends:
                levels.append(x)
        return levels


class ConvNextBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.filter = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.scale = nn.Parameter(torch.full((width,), 1e-6))

    def forward(self, x):
        tokens = self.norm(self.filter(x).permute(0, 2, 3, 1))
        return x + (self.narrow(F.gelu(self.widen(tokens))) * self.scale).permute(0, 3, 1, 2)


def norm_channels(norm, x):
    return norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNext(nn.Module):
    def __init__(self, depths, widths):
        super().__init__()
        before = [3, *widths[:3]]
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 4 if a == 3 else 2, 4 if a == 3 else 2) for a, b in zip(before, widths))
        self.down_norms = nn.ModuleList(nn.LayerNorm(w, eps=1e-6) for w in [widths[0], *widths[:3]])
        self.stages = nn.ModuleList(nn.Sequential(*(ConvNextBlock(w) for _ in range(d))) for d, w in zip(depths, widths))
        self.norms = nn.ModuleList(nn.LayerNorm(w, eps=1e-6) for w in widths)

    def forward(self, x):
        levels = []
        for stage in range(4):
            conv, norm = self.convs[stage], self.down_norms[stage]
            x = norm_channels(norm, conv(x)) if stage == 0 else conv(norm_channels(norm, x))
            x = self.stages[stage](x)
            levels.append(norm_channels(self.norms[stage], x))
        return levels


def median(work, runs):
    work()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def both(tower, images):
    tower.zero_grad()
    sum(level.sum() for level in tower(images)).backward()


def main():
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
    tower = Lite0()
    for batch in (3, 1):
        images = torch.rand(batch, 3, 320, 320) * 255
        with torch.no_grad():
            forward = median(lambda: tower(images), 7)
        print(f"EfficientNet-Lite0, 320 px, batch {batch}, forward: PyTorch {forward:.3f} s")
        print(f"EfficientNet-Lite0, 320 px, batch {batch}, forward and backward: PyTorch {median(lambda: both(tower, images), 7):.3f} s")
    base = ConvNext([3, 3, 27, 3], [128, 256, 512, 1024])
    images = torch.rand(1, 3, 480, 480)
    with torch.no_grad():
        print(f"ConvNeXt-B, 480 px, batch 1, forward: PyTorch {median(lambda: base(images), 3):.3f} s")


if __name__ == "__main__":
    main()
