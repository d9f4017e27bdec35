# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/miou.txt: random masks as hexadecimal pixels with what plain numpy scores
them, each class by its own set of pixels rather than through a matrix.

usage: miou.py > tests/golden/miou.txt     (needs numpy)
"""
import numpy as np


def make(rng, classes, size, ignored, used):
    truth = rng.choice(used, size).astype(np.uint8)
    prediction = np.where(rng.random(size) < 0.6, truth, rng.integers(0, classes, size))
    truth[rng.random(size) < ignored] = 255
    return truth, prediction.astype(np.uint8)


def score(classes, pairs):
    truth = np.concatenate([t for t, _ in pairs])
    prediction = np.concatenate([p for _, p in pairs])[truth != 255]
    truth = truth[truth != 255]
    each, occur, occur_truth = [], [], []
    for c in range(classes):
        either = np.sum((truth == c) | (prediction == c))
        iou = float(np.sum((truth == c) & (prediction == c)) / either) if either else 0.0
        each.append(iou)
        if either:
            occur.append(iou)
        if np.any(truth == c):
            occur_truth.append(iou)
    if not len(truth):
        return [0.0, 0.0, 0.0], each
    return [np.mean(occur), np.mean(occur_truth), np.mean(truth == prediction)], each


def main():
    print("# numpy", np.__version__, "A set: classes masks; each mask's truth and prediction; then")
    print("# miou miou_truth pixel_accuracy, and the IoU of each class.")
    rng = np.random.default_rng(5)
    cases = [(21, 4, 0.1, [0, 3, 7, 15]), (5, 3, 0.0, [0, 1, 2, 3, 4]), (2, 2, 0.5, [1]),
             (3, 1, 1.0, [0, 1]), (255, 2, 0.2, list(range(255)))]
    for classes, masks, ignored, used in cases:
        pairs = [make(rng, classes, 400, ignored, used) for _ in range(masks)]
        print("set", classes, masks)
        for truth, prediction in pairs:
            print(truth.tobytes().hex())
            print(prediction.tobytes().hex())
        total, each = score(classes, pairs)
        print(*(repr(float(v)) for v in total))
        print(*(repr(v) for v in each))


main()
