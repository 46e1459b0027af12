"""Numbers of numpy, scikit-learn, pycocotools, Pillow and transformers that the tests of `evaluation` and `dataset` keep.

    python -m venv .venv && .venv/bin/pip install numpy scikit-learn pycocotools pillow transformers
    .venv/bin/python evaluation.py

The data come from formulas that the tests repeat, so nothing is stored but what is printed here.
"""

import json
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from pycocotools import mask as coco
from sklearn.metrics import average_precision_score, roc_auc_score

F = np.float32


class Uniform:
    """A linear congruence of 64 bits, of which the upper 24 make a float in [0, 1)."""

    def __init__(self, state):
        self.state = state

    def __call__(self):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return F(self.state >> 40) / F(1 << 24)


def aurc(scores, events):
    """Mean over k of the error rate of the k lowest scores; ties in random order, by its expected value."""
    scores, events = np.asarray(scores, np.float64), np.asarray(events, np.float64)
    order = np.argsort(scores, kind="stable")
    scores, events = scores[order], events[order]
    _, tie = np.unique(scores, return_inverse=True)
    events = (np.bincount(tie, events) / np.bincount(tie))[tie]
    return np.mean(np.cumsum(events) / np.arange(1, len(events) + 1))


def ece(chances, events, bins=15):
    chances, events = np.asarray(chances, np.float64), np.asarray(events, np.float64)
    bin_of = np.minimum((np.asarray(chances, F) * F(bins)).astype(int), bins - 1)
    return sum(abs(chances[bin_of == b].sum() - events[bin_of == b].sum()) for b in range(bins)) / len(chances)


def doubt_numbers(scores, chances, events):
    numbers = [roc_auc_score(events, scores), average_precision_score(events, scores), aurc(scores, events)]
    return [float(number) for number in numbers + [ece(chances, events)]]


def ranks():
    for name, change in [("SKLEARN_TIES", lambda s: (np.floor(s * F(32)) + F(0.5)) / F(33)), ("SKLEARN", lambda s: s)]:
        uniform, scores, events = Uniform(5), [], []
        for _ in range(3000):
            square = (x := uniform()) * x
            score = change(square * square)
            scores.append(score)
            events.append(uniform() < score)
        numbers = [roc_auc_score(events, scores), average_precision_score(events, scores), aurc(scores, events)]
        print(name, [float(number) for number in numbers])


def records():
    """Twelve records of 24 x 31 pixels; p on a grid of 64ths, u and raw on one of 32nds, half a step from its ends."""
    uniform = Uniform(11)
    for record in range(12):
        noise = F(record) / F(24)
        p, u, raw, truth = (np.zeros((24, 31), F) for _ in range(4))
        for row in range(24):
            for col in range(31):
                a, b, c, d = uniform(), uniform(), uniform(), uniform()
                p[row, col] = (np.floor(a * F(64)) + F(0.5)) / F(64)
                flipped = b < noise * (F(1.5) - abs(a - F(0.5)) * F(2))
                truth[row, col] = ((a > F(0.5)) != flipped) and record < 11
                doubt = min(p[row, col], F(1) - p[row, col])
                u[row, col] = (np.floor((doubt + c) * F(0.5) * F(32)) + F(0.5)) / F(32)
                raw[row, col] = (np.floor(d * F(32)) + F(0.5)) / F(32)
        yield p, u, raw, truth.astype(np.uint8)


def metrics():
    threshold = F(0.5)
    ious, inter, union, pooled = [], 0, 0, []
    for p, u, raw, truth in records():
        marked = p > threshold
        i, o = int((marked & (truth > 0)).sum()), int((marked | (truth > 0)).sum())
        ious.append(i / o if o else 0.0)
        inter, union = inter + i, union + o
        # pycocotools agrees with the counting.
        encoded = [coco.encode(np.asfortranarray(m.astype(np.uint8))) for m in (marked, truth)]
        assert o == 0 or abs(coco.iou([encoded[0]], [encoded[1]], [0])[0][0] - i / o) < 1e-12
        wrong = marked != (truth > 0)
        implied = np.where(marked, F(1) - p, p)
        pooled.append((p, u, raw, np.minimum(p, F(1) - p), implied, wrong, truth))
    p, u, raw, rank, implied, wrong, truth = (np.concatenate([part.ravel() for part in parts]) for parts in zip(*pooled))
    print("IOUS", [round(v, 15) for v in ious])
    print("MIOU_OIOU", [float(np.mean(ious)), inter / union])
    print("PR", [float(np.mean([v >= bar for v in ious])) for bar in (0.5, 0.6, 0.7, 0.8, 0.9)])
    print("ERROR_RATE", float(wrong.mean()))
    print("U", doubt_numbers(u, u, wrong))
    print("RUS", doubt_numbers(raw, raw, wrong))
    print("ENTROPY", doubt_numbers(rank, implied, wrong))
    print("ECE_P", float(ece(p, truth)))


def fnv(values):
    state = 0xCBF29CE484222325
    for value in bytes(values):
        state = ((state ^ value) * 0x100000001B3) % 2**64
    return f"0x{state:016x}"


def pillow():
    for rows, cols, to_rows, to_cols in SIZES:
        r, c, band = np.mgrid[0:rows, 0:cols, 0:3]
        picture = ((r * 7 + c * 13 + band * 29 + (r * c) % 31 * 5 + ((r // 40 + c // 40) % 2) * 90) % 256).astype(np.uint8)
        mask = (((r // 3 + c // 5) % 3 == 0) | ((r * c) % 17 == 3))[:, :, 0].astype(np.uint8)
        bilinear = np.array(Image.fromarray(picture).resize((to_cols, to_rows), Image.BILINEAR))
        nearest = np.array(Image.fromarray(mask).resize((to_cols, to_rows), Image.NEAREST))
        print(f"    ([{rows}, {cols}], [{to_rows}, {to_cols}], {fnv(bilinear.tobytes())}, {fnv(nearest.tobytes())}),")


def hard_slice():
    """Ids of transformers' own BERT tokenizer, cut as the published loaders cut them."""
    from transformers import BertTokenizer

    file = Path(__file__).resolve().parents[3] / "data/models/small/tokenizer.json"
    vocabulary = json.loads(file.read_text())["model"]["vocab"]
    with tempfile.TemporaryDirectory() as folder:
        words = Path(folder) / "vocab.txt"
        words.write_text("\n".join(sorted(vocabulary, key=vocabulary.get)) + "\n")
        tokenizer = BertTokenizer(str(words), do_lower_case=True)
        for phrase in PHRASES:
            ids = tokenizer.encode(text=phrase, add_special_tokens=True)
            print("HARD_SLICE", len(ids), ids[:20])


SIZES = [
    (800, 800, 480, 480),
    (801, 800, 480, 480),
    (512, 512, 480, 480),
    (333, 517, 480, 480),
    (97, 61, 480, 480),
    (512, 700, 128, 96),
    (480, 480, 480, 480),
    (1, 1000, 3, 7),
]

PHRASES = [
    "the storage tanks",
    "The grey, rectangular warehouse on the left side of the roundabout which is closest to the airport's second runway",
    "a tennis-court located to the upper right of the swimming pool at the café",
]

if __name__ == "__main__":
    ranks()
    metrics()
    pillow()
    try:
        hard_slice()
    except ImportError as missing:
        print("hard_slice skipped:", missing)
