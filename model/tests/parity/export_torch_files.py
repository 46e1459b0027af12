"""The same tensors in both layouts of PyTorch's files: views in another order, an offset, halves, counters, nesting."""

from collections import OrderedDict

import torch

import fixture


def state():
    base = torch.arange(24, dtype=torch.float32)
    tied = torch.nn.Parameter(torch.tensor([0.5, -0.5]))
    return OrderedDict(
        # As a channels-last weight is kept: shape (2, 3, 4), the first dimension fastest.
        turned=base.reshape(4, 3, 2).permute(2, 1, 0),
        # The second half of a shared storage, every other value.
        part=base[12::2],
        half=torch.tensor([1.5, -2.25], dtype=torch.float16),
        brain=torch.tensor([3.0], dtype=torch.bfloat16),
        double=torch.tensor(7.0, dtype=torch.float64),
        count=torch.tensor(9, dtype=torch.int64),
        nested={"parameter": tied, "again": tied},
    )


if __name__ == "__main__":
    torch.save(state(), fixture.FOLDER / "torch_old.pth", _use_new_zipfile_serialization=False)
    torch.save(state(), fixture.FOLDER / "torch_zip.pth")
