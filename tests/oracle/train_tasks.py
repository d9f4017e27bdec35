# SPDX-License-Identifier: Apache-2.0
"""A step of training a detector and a segmenter by PyTorch in double, for
tests/grad/test_task_steps.c.

usage: train_tasks.py tests/golden/train_tasks.txt   (torch, torchvision, timm)

Weights and pictures are those of train_gradients.py; boxes and masks come from the same formula,
which the test knows too. For each network `network NAME CLASSES BATCH INPUT`; `loss`, and the largest
norm of a gradient; for each parameter its elements, the norm of its gradient and four elements of it.
The detector's loss is torchvision's own (SSD.compute_loss: boxes and mined classes).
"""
import copy
import sys

import torch
import torchvision
import train_gradients as base
from torch.nn import functional as F
from torchvision.models import segmentation
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import box_iou

SIZE = 128
BOXES = (3, 0, 2, 1)
MASK_TENSOR, BOX_TENSOR, LABEL_TENSOR = 1500, 1600, 1700
VOID = 3


def numbers(tensor, *shape):
    count = 1
    for side in shape:
        count *= side
    return torch.from_numpy(base.numbers(tensor, count)).double().reshape(shape)


def whole(tensor, count, *shape):
    """0 to count - 1."""
    return ((numbers(tensor, *shape) + 1) / 2 * count).floor().long()


def targets():
    for picture, count in enumerate(BOXES):
        places = (numbers(BOX_TENSOR + picture, count, 4) + 1) / 2
        start = places[:, :2] * 64
        boxes = torch.cat([start, start + 16 + places[:, 2:] * 48], 1)
        yield {"boxes": boxes,
               "labels": whole(LABEL_TENSOR + picture, base.CLASSES - 1, count) + 1}


class Detector(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.model = torchvision.models.detection.ssdlite320_mobilenet_v3_large(
            weights=None, weights_backbone=None, num_classes=base.CLASSES)

    def ordered(self):
        """Map by map, boxes first, as our graph has them."""
        head, found = self.model.head, list(self.model.backbone.parameters())
        for box, name in zip(head.regression_head.module_list,
                             head.classification_head.module_list):
            found += list(box.parameters()) + list(name.parameters())
        return found

    def loss(self, x):
        maps = list(self.model.backbone(x).values())
        said = self.model.head(maps)
        anchors = self.model.anchor_generator(ImageList(x, [(SIZE, SIZE)] * len(x)), maps)
        anchors = [a.to(x.dtype) for a in anchors]
        wanted, matches = [], []
        for target, anchor in zip(targets(), anchors):
            target = {k: v.to(x.dtype) if k == "boxes" else v for k, v in target.items()}
            none = torch.full((len(anchor),), -1, dtype=torch.int64)
            overlaps = box_iou(target["boxes"], anchor)
            matches.append(self.model.proposal_matcher(overlaps) if len(overlaps) else none)
            wanted.append(target)
        return sum(self.model.compute_loss(wanted, said, anchors, matches).values())


class Segmenter(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.model = segmentation.lraspp_mobilenet_v3_large(
            weights=None, weights_backbone=None, num_classes=base.CLASSES)

    def ordered(self):
        return base.parameters(self.model)

    def loss(self, x):
        labels = whole(MASK_TENSOR, base.CLASSES + 1, len(x), SIZE, SIZE)
        labels[labels == base.CLASSES] = 255
        labels[labels == VOID] = 255
        return F.cross_entropy(self.model(x)["out"], labels, ignore_index=255)


def prepare(model):
    model.train()
    for tensor, parameter in enumerate(model.ordered()):
        base.fill(parameter, tensor)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.weight.data += 1
            module.momentum = 0.1


def step(model, tensor, kind, shake=0):
    model = copy.deepcopy(model).to(kind)
    x = torch.from_numpy(base.numbers(tensor, base.BATCH * 3 * SIZE * SIZE)).to(kind)
    x = x * (1 + shake * numbers(99, len(x)).to(kind))
    loss = model.loss(x.reshape(base.BATCH, 3, SIZE, SIZE))
    loss.backward()
    return loss.item(), [p.grad.flatten().double() for p in model.ordered()]


def steady(model):
    """A batch whose gradients are the same in float and double, and for a picture that is a little
    other, but for rounding (train_gradients.py)."""
    for tensor in range(base.FIRST_INPUT, base.FIRST_INPUT + 400):
        exact = step(model, tensor, torch.float64)
        largest = max(g.norm().item() for g in exact[1])
        others = [step(model, tensor, torch.float32)[1]]
        others += [step(model, tensor, torch.float64, shake)[1] for shake in (3e-7, -3e-7, 1e-6)]
        errors = [((a - b).norm() / a.norm()).item() for other in others
                  for a, b in zip(exact[1], other) if a.norm() > 1e-6 * largest]
        if max(errors) < 5e-5:
            return tensor, exact
    raise SystemExit("no batch without a corner")


def main():
    out = open(sys.argv[1], "w")
    for name, model in ((f"v3-large-1.0-{SIZE}+ssdlite@torchvision", Detector()),
                        (f"v3-large-1.0-{SIZE}+lraspp@torchvision", Segmenter())):
        prepare(model)
        tensor, (loss, gradients) = steady(model)
        largest = max(g.norm().item() for g in gradients)
        print(f"network {name} {base.CLASSES} {base.BATCH} {tensor}", file=out)
        print(f"loss {loss:.9g} {largest:.9g}", file=out)
        for g in gradients:
            picked = [g[g.numel() * i // 4].item() for i in range(4)]
            print(f"parameter {g.numel()} {g.norm().item():.9g} "
                  + " ".join(f"{v:.9g}" for v in picked), file=out)


if __name__ == "__main__":
    main()
