# SPDX-License-Identifier: Apache-2.0
"""Gradients of whole networks in training mode: PyTorch's, for tests/grad/test_gradients.c.

usage: train_gradients.py tests/golden/train_gradients.txt   (torch, torchvision, timm)

Weights, input and the gradients of the outputs come from one formula of (tensor, index), which the
test knows too, so that the file holds results only. In it: `network NAME CLASSES BATCH INPUT`;
`output`, the sum of outputs times their gradients, and the largest norm of a gradient; for each
parameter, in the network's order, its elements, the norm of its gradient and four elements of it;
for each running mean and variance its norm. Indices are PyTorch's.
"""
import copy
import sys

import numpy as np
import timm
import torch
import torchvision
from timm.models import efficientnet
from torchvision.models import mobilenetv3, segmentation

BATCH, CLASSES = 4, 10
SEEDS, FIRST_INPUT = 1000, 1001


def numbers(tensor, count):
    """-1 to 1 from splitmix64's finisher."""
    with np.errstate(over="ignore"):
        z = (np.uint64(tensor) << np.uint64(32)) + np.arange(count, dtype=np.uint64)
        z = z * np.uint64(0x9e3779b97f4a7c15) + np.uint64(0x9e3779b97f4a7c15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xbf58476d1ce4e5b9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94d049bb133111eb)
        z ^= z >> np.uint64(31)
    return ((z >> np.uint64(40)).astype(np.float64) / 2**23 - 1).astype(np.float32)


def v3_small(width):
    setting, last = mobilenetv3._mobilenet_v3_conf("mobilenet_v3_small", width_mult=width)
    return mobilenetv3.MobileNetV3(setting, last, num_classes=CLASSES)


class Segmenter(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x)["out"]


def networks():
    yield "v2-0.25-64@torchvision", torchvision.models.mobilenet_v2(width_mult=0.25,
                                                                   num_classes=CLASSES)
    yield "v3-small-0.35-64@torchvision", v3_small(0.35)
    yield "v1-0.25-64@timm", efficientnet._gen_mobilenet_v1("mobilenetv1_100", 0.25,
                                                           num_classes=CLASSES)
    plain = {"weights": None, "weights_backbone": None, "num_classes": CLASSES}
    yield "v3-large-1.0-64+lraspp@torchvision", Segmenter(
        segmentation.lraspp_mobilenet_v3_large(**plain))
    yield "v3-large-1.0-64+deeplab@torchvision", Segmenter(
        segmentation.deeplabv3_mobilenet_v3_large(**plain))
    yield "v4-small-0.5-64@timm", timm.create_model("mobilenetv4_conv_small_050",
                                                    num_classes=CLASSES)


def parameters(model):
    """In the order of our graph, which computes the gate of LR-ASPP first and its low features last."""
    found = list(model.named_parameters())
    order = ["classifier.scale", "classifier.cbr", "classifier.high", "classifier.low"]
    if not any("classifier.cbr" in name for name, _ in found):
        return [p for _, p in found]
    head = [[p for name, p in found if part in name] for part in order]
    return [p for name, p in found if "classifier." not in name] + sum(head, [])


def fill(parameter, tensor):
    values = numbers(tensor, parameter.numel()).reshape(parameter.shape)
    if parameter.dim() > 1:
        values = values * np.float32((6 / (parameter.numel() / parameter.shape[0])) ** 0.5)
    else:
        values = values * np.float32(0.3)
    parameter.data.copy_(torch.from_numpy(values))


def prepare(model):
    model.train()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    for tensor, parameter in enumerate(parameters(model)):
        fill(parameter, tensor)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.weight.data += 1
            module.momentum = 0.1


def gradients(model, size, tensor, kind, nudge=0.0):
    """The weighted output and all gradients, computed in `kind`, of a copy of the model; of pixels
    that are moved by `nudge` at most."""
    model = copy.deepcopy(model).to(kind)
    x = numbers(tensor, BATCH * 3 * size * size).reshape(BATCH, 3, size, size)
    moved = numbers(tensor + 7000, x.size).reshape(x.shape).astype(np.float64) * nudge
    out = model(torch.from_numpy(x.astype(np.float64) + moved).to(kind))
    seeds = torch.from_numpy(numbers(SEEDS, out.numel()).reshape(out.shape))
    total = (out * seeds.to(kind)).sum()
    total.backward()
    return model, total.item(), [p.grad.flatten().double() for p in parameters(model)]


def steady_input(model, size):
    """An input whose gradients are the same in float and double but for rounding, and when every
    pixel moves by as much as sums in another order would do: with others a sum lies so near the
    corner of a ReLU that rounding decides, and gradients jump there."""
    for tensor in range(FIRST_INPUT, FIRST_INPUT + 400):
        exact = gradients(model, size, tensor, torch.float64)
        others = [gradients(model, size, tensor, torch.float32),
                  gradients(model, size, tensor, torch.float64, 2e-7),
                  gradients(model, size, tensor, torch.float64, -2e-7)]
        errors = [((a - b).norm() / a.norm()).item() for other in others
                  for a, b in zip(exact[2], other[2]) if a.norm() > 1e-6]
        if max(errors) < 5e-5:
            return tensor, exact
    raise SystemExit("no input without a corner")


def main():
    out = open(sys.argv[1], "w")
    for name, model in networks():
        prepare(model)
        size = int(name.split("@")[0].split("+")[0].split("-")[-1])
        tensor, (model, total, found) = steady_input(model, size)
        print(f"network {name} {CLASSES} {BATCH} {tensor}", file=out)
        largest = max(gradient.norm().item() for gradient in found)
        print(f"output {total:.9g} {largest:.9g}", file=out)
        for gradient in found:
            picked = [gradient[gradient.numel() * i // 4].item() for i in range(4)]
            print(f"parameter {gradient.numel()} {gradient.norm().item():.9g} "
                  + " ".join(f"{v:.9g}" for v in picked), file=out)
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                print(f"running {module.running_mean.norm().item():.9g} "
                      f"{module.running_var.norm().item():.9g}", file=out)


if __name__ == "__main__":
    main()
