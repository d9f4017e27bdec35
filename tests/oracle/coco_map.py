# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/coco_map.txt: random boxes and detections with what pycocotools scores them.
Coordinates are sixteenths, exact in float and as corners or as width and height; scores are eighths
in some sets, so that many are equal; some boxes are crowds, some pictures have more detections of
one class than count.

usage: coco_map.py > tests/golden/coco_map.txt     (needs pycocotools, numpy)
"""
import contextlib
import importlib.metadata
import io
import random

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def sixteenth(r, low, high):
    return r.randrange(low * 16, high * 16) / 16


def random_box(r, size):
    w, h = sixteenth(r, 1, size // 2), sixteenth(r, 1, size // 2)
    return [sixteenth(r, 0, size), sixteenth(r, 0, size), w, h]


def near(r, box, by):
    """A box moved and stretched by some sixteenths; now and then exactly the same."""
    if r.random() < 0.15:
        return list(box)
    x, y, w, h = (v + r.randint(-by * 16, by * 16) / 16 for v in box)
    return [x, y, max(w, 1 / 16), max(h, 1 / 16)]


def score(r, kind):
    return r.randint(0, 8) / 8 if kind == "ties" else float(np.float32(r.random()))


def make(seed, pictures, classes, most, kind):
    r = random.Random(seed)
    boxes, found = [], []
    for picture in range(pictures):
        for _ in range(r.randint(0, most)):
            box, c = random_box(r, 64), r.randrange(classes)
            crowd = int(kind == "crowds" and r.random() < 0.3)
            big = kind == "areas" and r.random() < 0.2
            area = 2e10 if big else box[2] * box[3]
            boxes.append((picture, c, crowd, area, box))
            for _ in range(r.choice([0, 1, 1, 2, 5 if crowd else 1])):
                found.append((picture, c, score(r, kind), near(r, box, 6)))
        for _ in range(r.randint(0, most)):
            found.append((picture, r.randrange(classes), score(r, kind), random_box(r, 64)))
        if kind == "many" and picture % 3 == 0:
            for _ in range(130):
                found.append((picture, 0, score(r, kind), random_box(r, 64)))
    return boxes, found


def evaluate(pictures, classes, boxes, found):
    truth = COCO()
    truth.dataset = {
        "info": {},
        "images": [{"id": i + 1} for i in range(pictures)],
        "categories": [{"id": c + 1} for c in range(classes)],
        "annotations": [
            {"id": i + 1, "image_id": p + 1, "category_id": c + 1, "iscrowd": crowd, "area": area,
             "bbox": box} for i, (p, c, crowd, area, box) in enumerate(boxes)],
    }
    truth.createIndex()
    result = truth.loadRes([{"image_id": p + 1, "category_id": c + 1, "score": s, "bbox": box}
                            for p, c, s, box in found])
    run = COCOeval(truth, result, "bbox")
    run.evaluate()
    run.accumulate()
    run.summarize()
    precision = run.eval["precision"][:, :, :, 0, 2]  # [thresholds, recalls, classes]
    each = []
    for c in range(classes):
        p = precision[:, :, c]
        each.append((p.mean(), p[0].mean()) if (p > -1).all() else (-1.0, -1.0))
    return run.stats[0], run.stats[1], each


def main():
    print(f"# pycocotools {importlib.metadata.version('pycocotools')}. A set: pictures classes boxes "
          "detections; boxes: picture class crowd area x y w h;")
    print("# detections: picture class score x y w h; then map map50, and for each class ap ap50.")
    cases = [(1, 12, 3, 6, "plain"), (2, 12, 3, 6, "ties"), (3, 10, 2, 5, "crowds"),
             (4, 7, 2, 5, "many"), (5, 8, 2, 6, "areas"), (6, 1, 1, 1, "plain"),
             (7, 15, 6, 3, "crowds"), (8, 9, 12, 2, "ties"), (9, 4, 1, 25, "crowds")]
    for seed, pictures, classes, most, kind in cases:
        boxes, found = make(seed, pictures, classes, most, kind)
        with contextlib.redirect_stdout(io.StringIO()):
            total, total50, each = evaluate(pictures, classes, boxes, found)
        print("set", pictures, classes, len(boxes), len(found))
        for p, c, crowd, area, box in boxes:
            print(p, c, crowd, repr(area), *box)
        for p, c, s, box in found:
            print(p, c, repr(s), *box)
        print(repr(float(total)), repr(float(total50)))
        for ap, ap50 in each:
            print(repr(float(ap)), repr(float(ap50)))


main()
