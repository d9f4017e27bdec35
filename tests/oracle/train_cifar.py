# SPDX-License-Identifier: Apache-2.0
"""CIFAR-10 by PyTorch: V2 for 32 x 32 pixels (`@cifar`) from nothing, by the recipe `cifar`, which
docs/training.md compares with.

usage: train_cifar.py CIFAR LOG.jsonl [--width 1.0] [--epochs 30] [--seed 1] [--threads 1]
       CIFAR has {train,val}/CLASS/*.jpg (torch with torchvision, pillow)

One JSON line an epoch; LOG.jsonl.pt is the checkpoint that it goes on from.
"""
import argparse
import json
import os
import pathlib
import time

import numpy as np
import torch
from PIL import Image
from torch import nn

BATCH = 128
ROWS = ((1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


def divisible(channels):
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


def layer(inputs, outputs, kernel=1, stride=1, groups=1, act=True):
    made = [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*made, nn.ReLU(inplace=True)) if act else nn.Sequential(*made)


class Block(nn.Module):
    def __init__(self, inputs, outputs, expansion, stride):
        super().__init__()
        inner = inputs if expansion == 1 else divisible(inputs * expansion)
        self.body = nn.Sequential(layer(inputs, inner), layer(inner, inner, 3, stride, inner),
                                  layer(inner, outputs, act=False))
        self.sums = stride == 1
        self.shortcut = layer(inputs, outputs, act=False) if self.sums and inputs != outputs else nn.Identity()

    def forward(self, x):
        return self.body(x) + self.shortcut(x) if self.sums else self.body(x)


def network(width):
    channels = divisible(32 * width)
    layers = [layer(3, channels, 3)]
    for expansion, out, repeats, stride in ROWS:
        for n in range(repeats):
            layers.append(Block(channels, divisible(out * width), expansion, stride if n == 0 else 1))
            channels = divisible(out * width)
    last = divisible(1280 * max(width, 1))
    model = nn.Sequential(*layers, layer(channels, last), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(last, 10))
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_in")
    nn.init.normal_(model[-1].weight, 0, 0.01)
    nn.init.zeros_(model[-1].bias)
    return model.to(memory_format=torch.channels_last)


def load(folder):
    """Pictures [n, 3, 32, 32] as bytes and classes, in the order of names."""
    cached = pathlib.Path(f"{folder}.npz")
    if not cached.exists():
        pixels, labels = [], []
        for number, name in enumerate(sorted(os.listdir(folder))):
            for path in sorted((folder / name).iterdir()):
                pixels.append(np.asarray(Image.open(path).convert("RGB")).transpose(2, 0, 1))
                labels.append(number)
        np.savez(cached, pixels=np.stack(pixels), labels=np.array(labels))
    kept = np.load(cached)
    return torch.from_numpy(kept["pixels"]), torch.from_numpy(kept["labels"])


def mapped(pixels):
    return pixels.float().div(127.5).sub(1).contiguous(memory_format=torch.channels_last)


def augmented(pixels):
    """4 black pixels around, a random part of 32 x 32, half of them mirrored."""
    n = pixels.shape[0]
    padded = nn.functional.pad(pixels, (4, 4, 4, 4))
    top, left = (torch.randint(0, 9, (n, 1, 1)) for _ in range(2))
    columns = torch.arange(32).view(1, 1, 32) + left
    mirrored = torch.rand(n, 1, 1) < 0.5
    columns = torch.where(mirrored, columns.flip(2), columns)
    rows = torch.arange(32).view(1, 32, 1) + top
    return padded.permute(0, 2, 3, 1)[torch.arange(n).view(n, 1, 1), rows, columns].permute(0, 3, 1, 2)


def share_right(model, pixels, labels):
    model.eval()
    right = 0
    with torch.no_grad():
        for i in range(0, len(labels), 500):
            right += (model(mapped(pixels[i:i + 500])).argmax(1) == labels[i:i + 500]).sum().item()
    model.train()
    return right / len(labels)


class Run:
    def __init__(self, args):
        self.pixels, self.labels = load(args.cifar / "train")
        self.held = load(args.cifar / "val")
        self.model = network(args.width)
        self.steps = len(self.labels) // BATCH
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4, fused=True)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, 0.1, total_steps=args.epochs * self.steps, cycle_momentum=False)
        cross_entropy = nn.CrossEntropyLoss()
        self.forward = torch.compile(lambda x, y: (lambda scores: (scores, cross_entropy(scores, y)))(self.model(x)))
        self.done, self.kept = 0, pathlib.Path(f"{args.log}.pt")
        if self.kept.exists():
            self.resume(torch.load(self.kept))

    def parts(self):
        return {"model": self.model, "optimizer": self.optimizer, "schedule": self.schedule}

    def resume(self, saved):
        for name, part in self.parts().items():
            part.load_state_dict(saved[name])
        torch.set_rng_state(saved["random"])
        self.done = saved["done"]

    def save(self):
        states = {name: part.state_dict() for name, part in self.parts().items()}
        torch.save(dict(states, random=torch.get_rng_state(), done=self.done), self.kept)

    def epoch(self):
        begin, cpu, total, right = time.time(), time.process_time(), 0.0, 0
        order = torch.randperm(len(self.labels))
        for s in range(self.steps):
            items = order[s * BATCH:(s + 1) * BATCH]
            scores, loss = self.forward(mapped(augmented(self.pixels[items])), self.labels[items])
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
            self.schedule.step()
            total += loss.item()
            right += (scores.argmax(1) == self.labels[items]).sum().item()
        self.done += 1
        return {"epoch": self.done, "loss": total / self.steps, "top1": right / self.steps / BATCH,
                "wall_s": time.time() - begin, "cpu_s": time.process_time() - cpu,
                "eval_top1": share_right(self.model, *self.held)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cifar", type=pathlib.Path)
    parser.add_argument("log")
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    run = Run(args)
    while run.done < args.epochs:
        line = run.epoch()
        run.save()
        with open(args.log, "a") as out:
            out.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
