# SPDX-License-Identifier: Apache-2.0
"""Prints tests/golden/anchors.txt: the boxes of torchvision's DefaultBoxGenerator, and those of
TensorFlow's formulas (object_detection: create_ssd_anchors, tile_anchors, and the way back from
corners) in numpy float32. Every case has the FNV-1a hash of all its floats, and rows to look at.

usage: anchors.py > tests/golden/anchors.txt     (needs torch, torchvision, numpy)
"""
import numpy as np
import torch
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator

F = np.float32


def tensorflow(maps, height, width, lo, hi):
    ratios = [1.0, 2.0, 0.5, 3.0, 0.3333]
    scales = [lo + (hi - lo) * i / (len(maps) - 1) for i in range(len(maps))] + [1.0]
    shorter = F(min(height, width))
    base = shorter / F(height), shorter / F(width)
    boxes = []
    for m, (rows, columns) in enumerate(maps):
        specs = [(scales[m], r) for r in ratios] + [(np.sqrt(scales[m] * scales[m + 1]), 1.0)]
        if m == 0:
            specs = [(0.1, 1.0), (scales[m], 2.0), (scales[m], 0.5)]
        size = np.array([s for s, _ in specs], F)
        root = np.sqrt(np.array([r for _, r in specs], F))
        extent = np.stack([size / root * base[0], size * root * base[1]], -1)
        stride = F(1) / F(rows), F(1) / F(columns)
        y = np.arange(rows, dtype=F) * stride[0] + F(0.5) * stride[0]
        x = np.arange(columns, dtype=F) * stride[1] + F(0.5) * stride[1]
        centre = np.stack(np.meshgrid(y, x, indexing="ij"), -1).reshape(-1, 1, 2)
        low, high = centre - F(0.5) * extent, centre + F(0.5) * extent
        back = high - low
        boxes.append(np.concatenate([low + back / F(2), back], -1).reshape(-1, 4))
    return np.concatenate(boxes)


def torchvision(maps, height, width, lo, hi):
    generator = DefaultBoxGenerator([[2, 3]] * len(maps), min_ratio=lo, max_ratio=hi)
    boxes = generator._grid_default_boxes([list(m) for m in maps], [height, width])
    return boxes.numpy()[:, [1, 0, 3, 2]]


def fnv(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def main():
    square = [(n, n) for n in (19, 10, 5, 3, 2, 1)]
    ssdlite = [(n, n) for n in (20, 10, 5, 3, 2, 1)]
    odd = [(15, 20), (8, 10), (4, 5), (2, 3), (1, 2), (1, 1)]
    print("# SPDX-License-Identifier: Apache-2.0")
    print(f"# Made by tests/oracle/anchors.py with torch {torch.__version__}, numpy {np.__version__}")
    for name, rule in ("tf", tensorflow), ("torch", torchvision):
        for maps, picture, lo, hi in (square, (300, 300), 0.2, 0.95), (ssdlite, (320, 320), 0.2, 0.95), (
            odd, (240, 320), 0.2, 0.95), (odd[:3], (333, 111), 0.15, 0.9):
            boxes = rule(maps, *picture, lo, hi).astype("<f4")
            sizes = " ".join(f"{h} {w}" for h, w in maps)
            print(f"case {name} {picture[0]} {picture[1]} {lo} {hi} {len(maps)} {sizes}"
                  f" {len(boxes)} {fnv(boxes.tobytes()):016x}")
            for row in list(range(7)) + [len(boxes) // 2, len(boxes) - 6, len(boxes) - 1]:
                print(f"row {row} " + " ".join(f"{v:.9g}" for v in boxes[row]))


main()
