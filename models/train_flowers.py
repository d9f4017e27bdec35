#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the default model: MobileNet V1, width 0.25, 128 x 128, five kinds of flowers, from random weights.

This is PyTorch until the trainer in C replaces it; the product needs neither PyTorch nor Python. The recipe is fixed
(seeds, split, schedule) and nothing is chosen by the held-back photos: the last averaged weights are the model.

    train_flowers.py train  PHOTOS WORK     PHOTOS/<class>/*.jpg -> WORK/flowers.pt (resumes from WORK/checkpoint.pt)
    train_flowers.py report PHOTOS WORK     accuracy and confusion table on the held-back photos

models/export_flowers.py writes WORK/flowers.pt as the files that ship.
"""
import argparse
import copy
import math
import pathlib
import random
import time

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

LABELS = ["daisy", "dandelion", "roses", "sunflowers", "tulips"]
SIZE = 128
WIDTH = 0.25
BATCH_NORM_EPS = 1e-3  # TensorFlow's, which every published V1 uses
# (stride, output channels at width 1) of the 13 depthwise-separable blocks.
BLOCKS = [(1, 64), (2, 128), (1, 128), (2, 256), (1, 256), (2, 512), (1, 512), (1, 512), (1, 512), (1, 512),
          (1, 512), (2, 1024), (1, 1024)]

SEED = 20261125
TEST_SHARE, WATCH_SHARE = 0.15, 0.04  # held back for good; watched while training, never trained on
EPOCHS, WARMUP_EPOCHS, SMALL_EPOCHS = 150, 4, 130
SMALL_SIZE = 96  # the first epochs see smaller pictures: the same lessons at half the cost
BATCH, PEAK_RATE, WEIGHT_DECAY = 48, 3e-3, 0.05
LABEL_SMOOTHING, MIXUP_ALPHA, MIXUP_SHARE, ERASE_SHARE = 0.1, 0.2, 0.4, 0.2
AVERAGE_DECAY = 0.998


# ---- the network -------------------------------------------------------------------------------------------------

def scaled(depth):
    """Channels at our width: plain truncation, never below 8, as in the published V1."""
    return max(int(depth * WIDTH), 8)


class ConvUnit(nn.Module):
    """Convolution, batch norm, ReLU6; a 3 x 3 pads as TensorFlow's SAME does on even inputs."""

    def __init__(self, inputs, outputs, kernel, stride, groups):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=BATCH_NORM_EPS)
        self.stride = stride
        # left, right, top, bottom: SAME puts the odd row and column of stride 2 after the picture, not before.
        self.pad = (0, 0, 0, 0) if kernel == 1 else (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1)

    def forward(self, x):
        if any(self.pad):
            x = F.pad(x, self.pad)
        return F.relu6(self.norm(self.conv(x)), inplace=True)


class MobileNetV1(nn.Module):
    def __init__(self, classes):
        super().__init__()
        channels = scaled(32)
        units = [ConvUnit(3, channels, 3, 2, 1)]
        for stride, depth in BLOCKS:
            units.append(ConvUnit(channels, channels, 3, stride, channels))
            units.append(ConvUnit(channels, scaled(depth), 1, 1, 1))
            channels = scaled(depth)
        self.units = nn.Sequential(*units)
        self.classifier = nn.Linear(channels, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
        nn.init.normal_(self.classifier.weight, std=0.01)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, x):
        return self.classifier(self.units(x).mean((2, 3)))


# ---- the photos --------------------------------------------------------------------------------------------------

def gradient_hash(image):
    """64 bits that near-duplicates share: does brightness fall from each cell of a 9 x 8 miniature to the next."""
    cells = np.asarray(image.convert("L").resize((9, 8), Image.BILINEAR), np.int16)
    return (cells[:, 1:] > cells[:, :-1]).reshape(-1)


def duplicate_groups(images):
    """Group number of each photo; photos whose hashes differ in at most 6 of 64 bits share a group."""
    hashes = np.stack([gradient_hash(image) for image in images]).astype(np.float32) * 2 - 1
    group = np.arange(len(images))
    for a, b in np.argwhere(hashes @ hashes.T >= 64 - 2 * 6):
        if group[a] != group[b]:
            group[group == max(group[a], group[b])] = min(group[a], group[b])
    return group


def load(folder):
    """Decoded photos, class numbers and names, in the order of the file names."""
    images, classes, names = [], [], []
    for number, label in enumerate(LABELS):
        for path in sorted((pathlib.Path(folder) / label).glob("*.jpg")):
            images.append(Image.open(path).convert("RGB"))
            classes.append(number)
            names.append(f"{label}/{path.name}")
    return images, np.array(classes), names


def split(images, classes):
    """Indices (train, watch, test): TEST_SHARE and WATCH_SHARE of every class, duplicates on one side."""
    rng = np.random.default_rng(SEED)
    group = duplicate_groups(images)
    side = {}
    for label in range(len(LABELS)):
        members = np.flatnonzero(classes == label)
        filled, wanted = 0, len(members)
        for photo in rng.permutation(members):
            if group[photo] in side:
                continue
            share = filled / wanted
            side[group[photo]] = 2 if share < TEST_SHARE else 1 if share < TEST_SHARE + WATCH_SHARE else 0
            filled += int(np.sum(group[members] == group[photo]))
    where = np.array([side[g] for g in group])
    return [np.flatnonzero(where == part) for part in range(3)]


def central_square(image):
    """The product's own preprocessing: the central square of 0.875 of the short side, Pillow's bilinear."""
    edge = int(0.875 * min(image.size) + 0.5)
    left, top = (image.width - edge) // 2, (image.height - edge) // 2
    return np.asarray(image.resize((SIZE, SIZE), Image.BILINEAR, (left, top, left + edge, top + edge)))


def random_crop(image, size, rng):
    """A random part (35 to 100 % of the area, aspect 3:4 to 4:3) scaled to size x size, mirrored half the time."""
    area = image.width * image.height
    for _ in range(10):
        part = area * rng.uniform(0.35, 1.0)
        aspect = math.exp(rng.uniform(math.log(3 / 4), math.log(4 / 3)))
        width, height = math.sqrt(part * aspect), math.sqrt(part / aspect)
        if width <= image.width and height <= image.height:
            break
    else:
        width = height = min(image.size)
    left, top = rng.uniform(0, image.width - width), rng.uniform(0, image.height - height)
    box = (left, top, min(left + width, image.width), min(top + height, image.height))
    pixels = np.asarray(image.resize((size, size), Image.BILINEAR, box))
    return pixels[:, ::-1] if rng.random() < 0.5 else pixels


def to_tensor(pixels):
    """[n, h, w, 3] uint8 -> [n, 3, h, w] in -1..1, in the memory order the CPU kernels like."""
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float().div(127.5).sub(1)


def jitter(batch):
    """Brightness, contrast and saturation of each picture by up to 35 %, and sometimes a gray patch."""
    n, _, height, width = batch.shape
    amount = lambda: torch.empty(n, 1, 1, 1).uniform_(0.65, 1.35)
    batch = (batch + 1) * amount() - 1
    middle = batch.mean((1, 2, 3), keepdim=True)
    batch = (batch - middle) * amount() + middle
    gray = batch.mean(1, keepdim=True)
    batch = ((batch - gray) * amount() + gray).clamp(-1, 1)
    for picture in np.flatnonzero(torch.rand(n).numpy() < ERASE_SHARE):
        tall, wide = (int(edge * random.uniform(0.15, 0.4)) for edge in (height, width))
        top, left = random.randrange(height - tall), random.randrange(width - wide)
        batch[picture, :, top:top + tall, left:left + wide] = 0
    return batch


# ---- training ----------------------------------------------------------------------------------------------------

def batches(images, chosen, classes, size, order):
    """Batches of (augmented pictures, class weights) in the given order; mixes some of them in pairs."""
    for first in range(0, len(order) - BATCH + 1, BATCH):
        photos = chosen[order[first:first + BATCH]]
        pixels = np.stack([random_crop(images[photo], size, random) for photo in photos])
        batch = jitter(to_tensor(pixels))
        target = F.one_hot(torch.from_numpy(classes[photos]), len(LABELS)).float()
        if random.random() < MIXUP_SHARE:
            share = np.random.beta(MIXUP_ALPHA, MIXUP_ALPHA)
            batch = share * batch + (1 - share) * batch.flip(0)
            target = share * target + (1 - share) * target.flip(0)
        yield batch.contiguous(memory_format=torch.channels_last), target


def optimizer_of(model):
    """Weights of ordinary convolutions decay; depthwise filters, batch norm and biases do not."""
    decayed = [module.weight for module in model.modules()
               if isinstance(module, nn.Linear) or isinstance(module, nn.Conv2d) and module.groups == 1]
    known = {id(weight) for weight in decayed}
    others = [weight for weight in model.parameters() if id(weight) not in known]
    return torch.optim.AdamW([{"params": decayed, "weight_decay": WEIGHT_DECAY},
                              {"params": others, "weight_decay": 0.0}], lr=PEAK_RATE)


def rate_at(progress):
    """Learning rate at a progress in epochs: linear warm-up, then one half cosine to zero."""
    if progress < WARMUP_EPOCHS:
        return PEAK_RATE * progress / WARMUP_EPOCHS
    return PEAK_RATE * 0.5 * (1 + math.cos(math.pi * (progress - WARMUP_EPOCHS) / (EPOCHS - WARMUP_EPOCHS)))


def average_into(average, model, steps):
    decay = min(AVERAGE_DECAY, (1 + steps) / (10 + steps))
    with torch.no_grad():
        for kept, new in zip(average.state_dict().values(), model.state_dict().values()):
            if kept.dtype.is_floating_point:
                kept.mul_(decay).add_(new, alpha=1 - decay)


def predict(model, images, chosen):
    model.eval()
    with torch.no_grad():
        return np.concatenate([model(to_tensor(np.stack([central_square(images[photo]) for photo in part]))).numpy()
                               for part in np.array_split(chosen, max(1, len(chosen) // 64))])


def train(photos, work):
    random.seed(SEED)
    np.random.seed(SEED)
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    work.mkdir(parents=True, exist_ok=True)
    images, classes, _ = load(photos)
    chosen, watched, held_back = split(images, classes)
    print(f"{len(chosen)} photos to train on, {len(watched)} watched, {len(held_back)} held back", flush=True)
    model = MobileNetV1(len(LABELS)).to(memory_format=torch.channels_last)
    average = copy.deepcopy(model)
    optimizer = optimizer_of(model)
    first, steps = 0, 0
    checkpoint = work / "checkpoint.pt"
    if checkpoint.exists():
        saved = torch.load(checkpoint)
        model.load_state_dict(saved["model"])
        average.load_state_dict(saved["average"])
        optimizer.load_state_dict(saved["optimizer"])
        first, steps = saved["epoch"], saved["steps"]
        random.setstate(saved["random"])
        np.random.set_state(saved["numpy"])
        torch.set_rng_state(saved["torch"])
    per_epoch = len(chosen) // BATCH
    for epoch in range(first, EPOCHS):
        model.train()
        start, total = time.time(), 0.0
        size = SMALL_SIZE if epoch < SMALL_EPOCHS else SIZE
        for number, (batch, target) in enumerate(batches(images, chosen, classes, size,
                                                         np.random.permutation(len(chosen)))):
            for part in optimizer.param_groups:
                part["lr"] = rate_at(epoch + number / per_epoch)
            loss = F.cross_entropy(model(batch), target, label_smoothing=LABEL_SMOOTHING)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            steps += 1
            average_into(average, model, steps)
            total += loss.item()
        right = np.mean(predict(average, images, watched).argmax(1) == classes[watched])
        print(f"epoch {epoch + 1:3} loss {total / per_epoch:.3f} watched {100 * right:.1f} % "
              f"{time.time() - start:.0f} s", flush=True)
        torch.save({"model": model.state_dict(), "average": average.state_dict(),
                    "optimizer": optimizer.state_dict(), "epoch": epoch + 1, "steps": steps,
                    "random": random.getstate(), "numpy": np.random.get_state(),
                    "torch": torch.get_rng_state()}, checkpoint)
    torch.save(average.state_dict(), work / "flowers.pt")


def report(photos, work):
    torch.set_num_threads(1)
    images, classes, _ = load(photos)
    chosen, watched, held_back = split(images, classes)
    model = MobileNetV1(len(LABELS))
    model.load_state_dict(torch.load(work / "flowers.pt"))
    guess = predict(model, images, held_back).argmax(1)
    table = np.zeros((len(LABELS), len(LABELS)), int)
    np.add.at(table, (classes[held_back], guess), 1)
    print(f"train {len(chosen)}, watched {len(watched)}, held back {len(held_back)} photos")
    print(f"held-back accuracy {100 * np.trace(table) / table.sum():.1f} % ({np.trace(table)} of {table.sum()})")
    for label, row in zip(LABELS, table):
        print(f"{label:>12} " + " ".join(f"{count:4}" for count in row))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["train", "report"])
    parser.add_argument("photos", type=pathlib.Path)
    parser.add_argument("work", type=pathlib.Path)
    arguments = parser.parse_args()
    {"train": train, "report": report}[arguments.action](arguments.photos, arguments.work)


if __name__ == "__main__":
    main()
