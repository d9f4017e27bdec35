# SPDX-License-Identifier: Apache-2.0
"""CamVid by PyTorch: V3-Small LR-ASPP from nothing, by the recipe that docs/training.md compares.

usage: train_camvid.py CAMVID EPOCHS SEED   (torch, torchvision, pillow; CAMVID has train,
trainannot, val, valannot)

192 x 256, batches of 8, mirrored at random, AdamW 3e-3 with a cosine after one epoch of warm-up,
decay 0.01 but not of vectors and depthwise weights, gradients clipped at 5; class 11 says nothing.
After every epoch the mIoU over val at the photos' size.
"""
import math
import os
import sys
import time

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F
from torchvision.models import mobilenetv3
from torchvision.models.segmentation.lraspp import _lraspp_mobilenetv3

CLASSES, VOID, SIZE, BATCH, RATE = 11, 11, (192, 256), 8, 3e-3
MEAN, DEVIATION = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


def pixels(path):
    image = Image.open(path).convert("RGB").resize(SIZE[::-1], Image.BILINEAR)
    values = torch.from_numpy(np.array(image)).float() / 255
    return ((values - MEAN) / DEVIATION).permute(2, 0, 1)


def load(folder, split, size):
    names = sorted(os.listdir(f"{folder}/{split}"))
    pictures, masks = [], []
    for name in names:
        stem = os.path.splitext(name)[0]
        pictures.append(pixels(f"{folder}/{split}/{name}"))
        mask = Image.open(f"{folder}/{split}annot/{stem}.png")
        mask = mask.resize(size[::-1], Image.NEAREST) if size else mask
        masks.append(torch.from_numpy(np.array(mask)))
    return torch.stack(pictures), torch.stack(masks).long()


def miou(model, pictures, masks):
    confusion = torch.zeros(CLASSES * CLASSES)
    model.eval()
    with torch.no_grad():
        for picture, mask in zip(pictures, masks):
            scores = model(picture[None])["out"]
            scores = F.interpolate(scores, mask.shape, mode="bilinear", align_corners=False)
            found, counts = scores.argmax(1)[0], mask != VOID
            confusion += torch.bincount(mask[counts] * CLASSES + found[counts],
                                        minlength=CLASSES * CLASSES)
    model.train()
    table = confusion.reshape(CLASSES, CLASSES)
    union = table.sum(0) + table.sum(1) - table.diag()
    return (table.diag()[union > 0] / union[union > 0]).mean().item()


def rate_at(step, steps, warm):
    if step < warm:
        return RATE * step / warm
    return RATE * (math.cos(math.pi * (step - warm) / (steps - warm)) + 1) / 2


def main():
    folder, epochs = sys.argv[1], int(sys.argv[2])
    torch.manual_seed(int(sys.argv[3]))
    torch.set_num_threads(1)
    pictures, masks = load(folder, "train", SIZE)
    held = load(folder, "val", None)
    model = _lraspp_mobilenetv3(mobilenetv3.mobilenet_v3_small(dilated=True), CLASSES).train()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 0.1
    decays = [p.dim() == 4 and p.shape[1] > 1 for p in model.parameters()]
    whole = [p for p, yes in zip(model.parameters(), decays) if yes]
    others = [p for p, yes in zip(model.parameters(), decays) if not yes]
    optimizer = torch.optim.AdamW([{"params": whole, "weight_decay": 0.01},
                                   {"params": others, "weight_decay": 0.0}], lr=RATE)
    batches = len(pictures) // BATCH
    for epoch in range(epochs):
        order, total, begin = torch.randperm(len(pictures)), 0, time.time()
        for b in range(batches):
            for group in optimizer.param_groups:
                group["lr"] = rate_at(epoch * batches + b, epochs * batches, batches)
            at = order[b * BATCH:(b + 1) * BATCH]
            x, y, flip = pictures[at], masks[at], torch.rand(BATCH) < 0.5
            x[flip], y[flip] = x[flip].flip(3), y[flip].flip(2)
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x)["out"], y, ignore_index=VOID)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 5)
            optimizer.step()
            total += loss.item()
        spent = time.time() - begin
        print(f"epoch {epoch + 1}  loss {total / batches:.4f}  mIoU {miou(model, *held):.4f}  "
              f"{batches * BATCH / spent:.1f} images/s", flush=True)


if __name__ == "__main__":
    main()
