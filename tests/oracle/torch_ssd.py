#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Goldens of torchvision's SSD post-processing (models/detection/ssd.py, postprocess_detections).

Random heads for a 64 x 64 picture with six maps: encodings and logits, and what torchvision makes
of them. Many scores are equal in value only by chance; a few encodings are huge, so that the limit
on sizes and the clipping are met. Usage: torch_ssd.py OUT.bin (needs torch and torchvision).

File: int32 anchors, classes (background included), most; then per scene float32 encodings
[anchors][4], logits [anchors][classes], int32 count, float32 boxes [count][4] in pixels, scores
[count], int32 labels [count].
"""
import struct
import sys

import torch
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.ssd import SSD

SIDE, CLASSES, SCENES, MOST = 64, 6, 4, 40


class Backbone(torch.nn.Module):
    out_channels = [1] * 6

    def forward(self, x):
        return {}


def detector(generator):
    return SSD(Backbone(), generator, (SIDE, SIDE), CLASSES, head=torch.nn.Identity(),
               score_thresh=0.05, nms_thresh=0.55, detections_per_img=MOST, topk_candidates=20)


def scene(seed, anchors, post):
    torch.manual_seed(seed)
    encodings = torch.randn(len(anchors), 4) * 2
    encodings[::17, 2:] *= 12
    logits = torch.randn(len(anchors), CLASSES) * 2
    found = post.postprocess_detections(
        {"bbox_regression": encodings[None], "cls_logits": logits[None]}, [anchors],
        [(SIDE, SIDE)])[0]
    return encodings, logits, found


def main():
    generator = DefaultBoxGenerator([[2, 3]] * 6, min_ratio=0.2, max_ratio=0.95)
    maps = [torch.zeros(1, 1, n, n) for n in (4, 2, 1, 1, 1, 1)]
    anchors = generator(ImageList(torch.zeros(1, 3, SIDE, SIDE), [(SIDE, SIDE)]), maps)[0]
    post = detector(generator)
    with open(sys.argv[1], "wb") as out:
        out.write(struct.pack("<4i", len(anchors), CLASSES, MOST, SCENES))
        for seed in range(SCENES):
            encodings, logits, found = scene(seed, anchors, post)
            out.write(encodings.numpy().astype("<f4").tobytes())
            out.write(logits.numpy().astype("<f4").tobytes())
            out.write(struct.pack("<i", len(found["scores"])))
            out.write(found["boxes"].numpy().astype("<f4").tobytes())
            out.write(found["scores"].numpy().astype("<f4").tobytes())
            out.write(found["labels"].numpy().astype("<i4").tobytes())


if __name__ == "__main__":
    main()
