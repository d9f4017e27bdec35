# SPDX-License-Identifier: Apache-2.0
"""Losses and their gradients as PyTorch and torchvision compute them, for tests/grad/test_losses.c.

usage: losses.py > tests/golden/losses.txt   (torch, torchvision)

Inputs come from one formula of (tensor, index) that the test knows too; computed in double. Each
case is a line of words, then numbers: the loss, and its gradient, of SSD those rows that are not 0.
SSD's boxes are matched to torchvision's anchors; the classes of the anchors are in the file.
"""
import numpy as np
import torch
from torch.nn import functional as F
from torchvision.models.detection import _utils, anchor_utils, ssd
from torchvision.ops import box_iou, sigmoid_focal_loss

SIZE, MAPS = 64, [[4, 4], [2, 2], [1, 1]]


def numbers(tensor, *shape):
    """-1 to 1 from splitmix64's finisher."""
    with np.errstate(over="ignore"):
        z = (np.uint64(tensor) << np.uint64(32)) + np.arange(np.prod(shape), dtype=np.uint64)
        z = z * np.uint64(0x9e3779b97f4a7c15) + np.uint64(0x9e3779b97f4a7c15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xbf58476d1ce4e5b9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94d049bb133111eb)
        z ^= z >> np.uint64(31)
    return torch.from_numpy(((z >> np.uint64(40)).astype(np.float64) / 2**23 - 1).reshape(shape))


def whole(tensor, count, shape):
    """0 to count - 1."""
    return ((numbers(tensor, *shape) + 1) / 2 * count).floor().long()


def leaf(values):
    return values.clone().requires_grad_()


def say(name, *values):
    print(*name)
    for tensor in values:
        print(*(f"{v:.12g}" for v in tensor.detach().flatten().tolist()))


def soft(weighted):
    logits = leaf(numbers(1, 6, 19) * 4)
    weights = 1 + numbers(3, 19) / 2 if weighted else None
    loss = F.cross_entropy(logits, numbers(2, 6, 19).abs(), weight=weights)
    loss.backward()
    say(("soft", 6, 19, int(weighted)), loss, logits.grad)


def labels(weighted):
    logits = leaf(numbers(4, 40, 5) * 4)
    weights = 1 + numbers(3, 5) / 2 if weighted else None
    labels = whole(5, 6, (40,))
    labels[labels == 5] = 255
    loss = F.cross_entropy(logits, labels, weight=weights, ignore_index=255)
    loss.backward()
    say(("labels", 40, 5, int(weighted)), loss, logits.grad)


def focal(alpha, gamma):
    logits = leaf(numbers(6, 30, 4) * 6)
    classes = whole(7, 6, (30,)) - 1
    there = (classes[:, None] == torch.arange(1, 5)[None]).double()
    counts = classes >= 0
    loss = sigmoid_focal_loss(logits[counts], there[counts], alpha, gamma, "sum")
    loss = loss / max(1, int((classes > 0).sum()))
    loss.backward()
    say(("focal", 30, 4, alpha, gamma), loss, logits.grad)


def corners(boxes):
    centre, size = boxes[:, :2], boxes[:, 2:]
    return torch.cat([centre - size / 2, centre + size / 2], 1)


def pictures():
    """Three pictures with 5, 0 and 2 boxes; the last one's are the same place."""
    for picture, count in enumerate((5, 0, 2)):
        places = numbers(20 + picture, count, 4)
        if picture == 2:
            places[1] = places[0]
        start = (places[:, :2] + 1) / 2 * 40
        boxes = torch.cat([start, start + 4 + (places[:, 2:] + 1) * 10], 1)
        yield {"boxes": boxes, "labels": whole(30 + picture, 4, (count,)) + 1}


def ssd_loss():
    generator = anchor_utils.DefaultBoxGenerator([[2, 3]] * 3, 0.2, 0.95)
    anchors = corners(generator._grid_default_boxes(MAPS, [SIZE, SIZE]).double()) * SIZE
    targets, matcher, matches = list(pictures()), _utils.SSDMatcher(0.5), []
    for target in targets:
        none = torch.full((len(anchors),), -1, dtype=torch.int64)
        overlaps = box_iou(target["boxes"], anchors)
        matches.append(matcher(overlaps) if len(target["boxes"]) else none)
    encodings = leaf(numbers(40, 3, len(anchors), 4) * 6)
    logits = leaf(numbers(41, 3, len(anchors), 5) * 4)

    class Model:
        box_coder = _utils.BoxCoder((10.0, 10.0, 5.0, 5.0))
        neg_to_pos_ratio = 3

    losses = ssd.SSD.compute_loss(Model, targets, {"bbox_regression": encodings,
                                                   "cls_logits": logits}, [anchors] * 3, matches)
    sum(losses.values()).backward()
    classes = [torch.where(m >= 0, t["labels"][m.clamp(min=0)] if len(t["labels"]) else m, 0)
               for m, t in zip(matches, targets)]
    say(("ssd", 3, len(anchors), 5), torch.cat(classes))
    for loss, gradient in ((losses["bbox_regression"], encodings.grad),
                           (losses["classification"], logits.grad)):
        rows = gradient.reshape(-1, gradient.shape[-1])
        rows = rows[rows.abs().sum(1) > 0]
        say(("gradient", len(rows)), loss, rows)


def main():
    for weighted in (False, True):
        soft(weighted)
        labels(weighted)
    for alpha, gamma in ((0.25, 2), (0.75, 1.5), (-1, 2)):
        focal(alpha, gamma)
    ssd_loss()


if __name__ == "__main__":
    main()
