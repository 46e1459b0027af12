"""Writes a miniature RRSIS-D with the traps of the real one, by the packages that the real one was made with.

    python make_rrsisd.py ../fixtures/rrsisd     (needs numpy and pycocotools)

Prints the foreground of each mask as the published loader counts it: all masks added up, where the sum is 1.
"""

import json
import pathlib
import pickle
import sys

import numpy as np
from pycocotools import mask as coco

SIDE = 800
LONG = "the " + " ".join(f"very{n}" for n in range(37)) + " long ship"

# id, picture id, file name, split, raw phrase
REFS = [
    (1, 11, "00001.jpg", "train", "The Ship on the left"),
    (2, 12, "00002", "train", "two tanks that overlap"),
    (3, 13, "00003.jpg", "val", "a vehicle that nobody marked"),
    (4, 14, "00004.jpg", "test", "the airport"),
    (5, 15, "00005.jpg", "test", LONG),
    (6, 16, "00006.jpg", "val", "the bridge of a picture that is lost"),
]


def box(top, left, bottom, right):
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[top:bottom, left:right] = 1
    return mask


def disc(row, col, radius):
    rows, cols = np.ogrid[:SIDE, :SIDE]
    return ((rows - row) ** 2 + (cols - col) ** 2 <= radius**2).astype(np.uint8)


MASKS = {
    1: [disc(100, 200, 37)],
    2: [box(10, 10, 50, 60), box(30, 40, 80, 90)],
    3: [box(0, 0, 0, 0)],
    4: [disc(799, 799, 250)],
    5: [box(0, 0, 800, 1)],
    6: [box(5, 5, 6, 6)],
}


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    refs = [
        {
            "ref_id": ref, "ann_id": ref, "image_id": image, "sent_ids": [ref], "file_name": name, "category_id": ref % 3,
            "split": split,
            "sentences": [{"tokens": raw.lower().split(), "raw": raw, "sent": raw.lower(), "sent_id": ref}],
        }
        for ref, image, name, split, raw in REFS
    ]
    for protocol in range(6):
        (out / f"refs_protocol{protocol}.p").write_bytes(pickle.dumps(refs, protocol))
    annotations = []
    for ref, masks in MASKS.items():
        runs = [coco.encode(np.asfortranarray(mask)) for mask in masks]
        x1, y1, x2, y2 = 1.0, 2.0, 30.0, 40.0
        annotations.append({
            "id": ref, "image_id": 10 + ref, "bbox": [x1, y1, x2, y2], "categories_id": ref % 3, "area": 1131.0,
            "segmentation": [{"size": run["size"], "counts": run["counts"].decode()} for run in runs],
        })
        decoded = [coco.decode({"size": run["size"], "counts": run["counts"]}).astype(np.int32) for run in runs]
        print(ref, int((sum(decoded) == 1).sum()))
    instances = {
        "images": [{"file_name": name, "height": SIDE, "width": SIDE, "id": image} for _, image, name, _, _ in REFS],
        "annotations": annotations,
        "categories": [{"supercategory": "none", "id": n, "name": name} for n, name in enumerate(["ship", "dam", "airport"])],
    }
    (out / "instances.json").write_text(json.dumps(instances))


main()
