# SPDX-License-Identifier: Apache-2.0
"""The same service as train_bench.c by PyTorch, for train_peers.py: channels last, all gradients
and an update of SGD with momentum, eager or through torch.compile.

usage: train_torch.py JOB, a JSON object of train_peers.py
"""
import json
import sys
import time

import numpy as np
import torch
import torchvision
from torch import nn

CLASSES, FIRST_STEPS = 10, 3


def v1(width):
    """Howard et al., "MobileNets" (2017), table 1; neither torchvision nor Debian has it."""
    def layers(in_channels, out_channels, stride, groups=1, kernel=3):
        return [nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=False),
                nn.BatchNorm2d(out_channels), nn.ReLU6(inplace=True)]
    channels = int(32 * width)
    found = layers(3, channels, 2)
    for out, stride in [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)] + [(512, 1)] * 5 + \
                       [(1024, 2), (1024, 1)]:
        found += layers(channels, channels, stride, channels)
        found += layers(channels, int(out * width), 1, kernel=1)
        channels = int(out * width)
    return nn.Sequential(*found, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, CLASSES))


NETWORKS = {"v1-0.25": lambda: v1(0.25),
            "v2-1.0": lambda: torchvision.models.mobilenet_v2(num_classes=CLASSES, dropout=0.0),
            "v3-small-1.0": lambda: torchvision.models.mobilenet_v3_small(num_classes=CLASSES, dropout=0.0)}


def put_weights(model, path):
    """Of train_bench: [oc][kh][kw][ic], depthwise ones [kh][kw][c]."""
    numbers = np.fromfile(path, np.float32)
    at = 0
    with torch.no_grad():
        for p in model.parameters():
            piece = numbers[at:at + p.numel()]
            at += p.numel()
            if p.dim() == 4 and p.shape[1] == 1 and p.shape[0] > 1:
                piece = piece.reshape(*p.shape[2:], p.shape[0]).transpose(2, 0, 1)[:, None]
            elif p.dim() == 4:
                piece = piece.reshape(p.shape[0], *p.shape[2:], p.shape[1]).transpose(0, 3, 1, 2)
            p.copy_(torch.from_numpy(np.ascontiguousarray(piece).reshape(p.shape)))
    if at != numbers.size:
        raise RuntimeError(f"{numbers.size} weights for a network of {at}")


class Steps:
    def __init__(self, job):
        torch.set_num_threads(job["threads"])
        self.model = next(make for name, make in NETWORKS.items() if job["network"].startswith(name))()
        for module in self.model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum, module.eps = 0.1, job["epsilon"]
        put_weights(self.model, job["weights"])
        self.model.train().to(memory_format=torch.channels_last)
        size = job["size"]
        pixels = torch.from_numpy(np.fromfile(job["pixels"], np.float32)).reshape(-1, size, size, 3)
        self.x = pixels.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
        self.labels = torch.arange(self.x.shape[0]) % CLASSES
        self.loss = torch.compile(self.loss_of) if job["compile"] else self.loss_of
        self.optimizer = self.make_optimizer()

    def make_optimizer(self):
        try:
            return torch.optim.SGD(self.model.parameters(), lr=0.01, momentum=0.9, fused=True)
        except (TypeError, RuntimeError):  # not in every version
            return torch.optim.SGD(self.model.parameters(), lr=0.01, momentum=0.9)

    def loss_of(self, x, labels):
        return nn.functional.cross_entropy(self.model(x), labels)

    def step(self):
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(self.x, self.labels)
        loss.backward()
        self.optimizer.step()
        return loss.item()


def main():
    job = json.loads(sys.argv[1])
    clock = time.process_time if job["clock"] == "cpu" else time.perf_counter
    steps = Steps(job)
    losses = [steps.step() for _ in range(FIRST_STEPS)]
    print(json.dumps({"version": torch.__version__, "losses": losses}), flush=True)
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            begin = clock()
            steps.step()
            times.append((clock() - begin) * 1e3)
        print(json.dumps(times), flush=True)


if __name__ == "__main__":
    main()
