#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the default model from random weights: MobileNet V1, width 0.25, 128 x 128, five flowers.

This is PyTorch until the trainer in C replaces it; the product needs neither PyTorch nor Python.
The recipe is fixed (seeds, split, schedule) and nothing is chosen by the held-back photos: the last
averaged weights are the model.

    train_flowers.py train PHOTOS WORK      PHOTOS/<class>/*.jpg -> WORK/flowers.pt; can be resumed
    train_flowers.py report PHOTOS WORK     accuracy and confusion table on the held-back photos
    train_flowers.py held-back PHOTOS WORK  copies these to WORK/held-back/, for mobilenet eval

models/export_flowers.py writes WORK/flowers.pt as the files that ship.
"""

import argparse
import copy
import dataclasses
import math
import pathlib
import random
import shutil
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
BLOCKS = [
    (1, 64),
    (2, 128),
    (1, 128),
    (2, 256),
    (1, 256),
    (2, 512),
    (1, 512),
    (1, 512),
    (1, 512),
    (1, 512),
    (1, 512),
    (2, 1024),
    (1, 1024),
]

SEED = 20261125
TEST_SHARE, WATCH_SHARE = 0.15, 0.04  # held back for good; watched while training, never trained on
SMALL_SIZE = 96  # some epochs see smaller pictures: the same lessons at half the cost
BATCH, WARMUP_EPOCHS, WEIGHT_DECAY, LABEL_SMOOTHING, MIXUP_ALPHA = 48, 4, 0.05, 0.1, 0.2
AVERAGE_DECAY = 0.998


@dataclasses.dataclass(frozen=True)
class Phase:
    """A warm-up and half a cosine of the rate, from the averaged weights of the phase before."""

    epochs: int
    small_epochs: int  # of these, the first so many at SMALL_SIZE
    peak_rate: float
    least_area: float  # of the picture, in a random crop
    jitter: float  # brightness, contrast and saturation change by at most this share
    mixup_share: float  # of the batches
    erase_share: float  # of the pictures


# First strong augmentation and mostly small pictures, then gentler and at full size.
PHASES = [
    Phase(
        epochs=150,
        small_epochs=130,
        peak_rate=3e-3,
        least_area=0.35,
        jitter=0.35,
        mixup_share=0.4,
        erase_share=0.2,
    ),
    Phase(
        epochs=70,
        small_epochs=0,
        peak_rate=1.5e-3,
        least_area=0.5,
        jitter=0.25,
        mixup_share=0.1,
        erase_share=0.1,
    ),
]


# ---- the network ---------------------------------------------------------------------------------


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
        # left, right, top, bottom: SAME puts the odd row and column of stride 2 after the picture.
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


# ---- the photos ----------------------------------------------------------------------------------


def gradient_hash(image):
    """64 bits that near-duplicates share: where a 9 x 8 miniature brightens from left to right."""
    cells = np.asarray(image.convert("L").resize((9, 8), Image.BILINEAR), np.int16)
    return (cells[:, 1:] > cells[:, :-1]).reshape(-1)


def duplicate_groups(images):
    """Group number of each photo; hashes that differ in at most 6 of 64 bits share a group."""
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
    """Indices (train, watch, test): the shares of every class, duplicates on one side."""
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
            side[group[photo]] = (
                2 if share < TEST_SHARE else 1 if share < TEST_SHARE + WATCH_SHARE else 0
            )
            filled += int(np.sum(group[members] == group[photo]))
    where = np.array([side[g] for g in group])
    return [np.flatnonzero(where == part) for part in range(3)]


def central_square(image):
    """The product's own preprocessing: the central square of 0.875 of the short side.

    Two calls pin the order of the passes, columns first; Pillow 13 changed it for tall pictures.
    """
    edge = 0.875 * min(image.size)
    left, top = (image.width - edge) / 2, (image.height - edge) / 2
    narrow = image.resize(
        (SIZE, image.height), Image.BILINEAR, (left, 0, left + edge, image.height)
    )
    return np.asarray(narrow.resize((SIZE, SIZE), Image.BILINEAR, (0, top, SIZE, top + edge)))


def random_crop(image, size, least_area, rng):
    """A random part (aspect 3:4 to 4:3) scaled to size x size, mirrored half the time."""
    area = image.width * image.height
    for _ in range(10):
        part = area * rng.uniform(least_area, 1.0)
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
    return (
        torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float().div(127.5).sub(1)
    )


def jitter(batch, phase):
    """Changes brightness, contrast and saturation of each picture and puts a gray patch on some."""
    n, _, height, width = batch.shape
    amount = lambda: torch.empty(n, 1, 1, 1).uniform_(1 - phase.jitter, 1 + phase.jitter)
    batch = (batch + 1) * amount() - 1
    middle = batch.mean((1, 2, 3), keepdim=True)
    batch = (batch - middle) * amount() + middle
    gray = batch.mean(1, keepdim=True)
    batch = ((batch - gray) * amount() + gray).clamp(-1, 1)
    for picture in np.flatnonzero(torch.rand(n).numpy() < phase.erase_share):
        tall, wide = (int(edge * random.uniform(0.15, 0.4)) for edge in (height, width))
        top, left = random.randrange(height - tall), random.randrange(width - wide)
        batch[picture, :, top : top + tall, left : left + wide] = 0
    return batch


# ---- training ------------------------------------------------------------------------------------


def batches(images, chosen, classes, size, phase):
    """Batches of (augmented pictures, class weights) in random order; some mixed in pairs."""
    order = np.random.permutation(len(chosen))
    for first in range(0, len(order) - BATCH + 1, BATCH):
        photos = chosen[order[first : first + BATCH]]
        pixels = np.stack(
            [random_crop(images[photo], size, phase.least_area, random) for photo in photos]
        )
        batch = jitter(to_tensor(pixels), phase)
        target = F.one_hot(torch.from_numpy(classes[photos]), len(LABELS)).float()
        if random.random() < phase.mixup_share:
            share = np.random.beta(MIXUP_ALPHA, MIXUP_ALPHA)
            batch = share * batch + (1 - share) * batch.flip(0)
            target = share * target + (1 - share) * target.flip(0)
        yield batch.contiguous(memory_format=torch.channels_last), target


def optimizer_of(model):
    """Weights of ordinary convolutions decay; depthwise filters, batch norm and biases do not."""
    decayed = [
        module.weight
        for module in model.modules()
        if isinstance(module, nn.Linear) or isinstance(module, nn.Conv2d) and module.groups == 1
    ]
    known = {id(weight) for weight in decayed}
    others = [weight for weight in model.parameters() if id(weight) not in known]
    return torch.optim.AdamW(
        [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": others, "weight_decay": 0.0}]
    )


def rate_at(phase, progress):
    """Learning rate at a progress in epochs: linear warm-up, then one half cosine to zero."""
    if progress < WARMUP_EPOCHS:
        return phase.peak_rate * progress / WARMUP_EPOCHS
    done = (progress - WARMUP_EPOCHS) / (phase.epochs - WARMUP_EPOCHS)
    return phase.peak_rate * 0.5 * (1 + math.cos(math.pi * done))


def average_into(average, model, steps):
    decay = min(AVERAGE_DECAY, (1 + steps) / (10 + steps))
    with torch.no_grad():
        for kept, new in zip(average.state_dict().values(), model.state_dict().values()):
            if kept.dtype.is_floating_point:
                kept.mul_(decay).add_(new, alpha=1 - decay)


def predict(model, images, chosen):
    model.eval()
    with torch.no_grad():
        return np.concatenate(
            [
                model(
                    to_tensor(np.stack([central_square(images[photo]) for photo in part]))
                ).numpy()
                for part in np.array_split(chosen, max(1, len(chosen) // 64))
            ]
        )


class Run:
    """Everything that training changes, so that a run can stop after any epoch and go on later."""

    def __init__(self):
        self.model = MobileNetV1(len(LABELS)).to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.model)
        self.optimizer = optimizer_of(self.model)
        self.phase, self.epoch, self.steps = 0, 0, 0

    def next_phase(self):
        self.model.load_state_dict(self.average.state_dict())
        self.optimizer = optimizer_of(self.model)
        self.phase, self.epoch = self.phase + 1, 0

    def save(self, path):
        torch.save(
            {
                "model": self.model.state_dict(),
                "average": self.average.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "phase": self.phase,
                "epoch": self.epoch,
                "steps": self.steps,
                "random": random.getstate(),
                "numpy": np.random.get_state(),
                "torch": torch.get_rng_state(),
            },
            path,
        )

    def restore(self, path):
        saved = torch.load(path)
        self.model.load_state_dict(saved["model"])
        self.average.load_state_dict(saved["average"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.phase, self.epoch, self.steps = saved["phase"], saved["epoch"], saved["steps"]
        random.setstate(saved["random"])
        np.random.set_state(saved["numpy"])
        torch.set_rng_state(saved["torch"])


def train_epoch(run, phase, images, chosen, classes):
    """One pass over the photos; the mean loss."""
    run.model.train()
    size = SMALL_SIZE if run.epoch < phase.small_epochs else SIZE
    total, per_epoch = 0.0, len(chosen) // BATCH
    for number, (batch, target) in enumerate(batches(images, chosen, classes, size, phase)):
        for part in run.optimizer.param_groups:
            part["lr"] = rate_at(phase, run.epoch + number / per_epoch)
        loss = F.cross_entropy(run.model(batch), target, label_smoothing=LABEL_SMOOTHING)
        run.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        run.optimizer.step()
        run.steps += 1
        average_into(run.average, run.model, run.steps)
        total += loss.item()
    run.epoch += 1
    return total / per_epoch


def train(photos, work):
    random.seed(SEED)
    np.random.seed(SEED)
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    work.mkdir(parents=True, exist_ok=True)
    images, classes, _ = load(photos)
    chosen, watched, held_back = split(images, classes)
    print(
        f"{len(chosen)} photos to train on, {len(watched)} watched, {len(held_back)} held back",
        flush=True,
    )
    run, checkpoint = Run(), work / "checkpoint.pt"
    if checkpoint.exists():
        run.restore(checkpoint)
    while True:
        phase = PHASES[run.phase]
        while run.epoch < phase.epochs:
            start = time.time()
            loss = train_epoch(run, phase, images, chosen, classes)
            right = np.mean(predict(run.average, images, watched).argmax(1) == classes[watched])
            print(
                f"phase {run.phase + 1} epoch {run.epoch:3} loss {loss:.3f} "
                f"watched {100 * right:.1f} % "
                f"{time.time() - start:.0f} s",
                flush=True,
            )
            run.save(checkpoint)
        if run.phase + 1 == len(PHASES):
            break
        run.next_phase()
    torch.save(run.average.state_dict(), work / "flowers.pt")


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
    print(
        f"held-back accuracy {100 * np.trace(table) / table.sum():.1f} % "
        f"({np.trace(table)} of {table.sum()})"
    )
    for label, row in zip(LABELS, table):
        print(f"{label:>12} " + " ".join(f"{count:4}" for count in row))


def copy_held_back(photos, work):
    images, classes, names = load(photos)
    for photo in split(images, classes)[2]:
        target = work / "held-back" / names[photo]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(photos / names[photo], target)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", choices=["train", "report", "held-back"])
    parser.add_argument("photos", type=pathlib.Path)
    parser.add_argument("work", type=pathlib.Path)
    arguments = parser.parse_args()
    actions = {"train": train, "report": report, "held-back": copy_held_back}
    actions[arguments.action](arguments.photos, arguments.work)


if __name__ == "__main__":
    main()
