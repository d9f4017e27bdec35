# SPDX-License-Identifier: Apache-2.0
"""Training for 8 bits by PyTorch, for tests/grad/test_codes.c.

usage: fake_quant.py tests/golden/fake_quant.txt   (torch, torchvision, timm)

`tensor LOW HIGH SCALE ZERO COUNT TENSOR` and a line of codes and of gradients' masks: what
fake_quantize_per_tensor_affine makes of 1.3 times the range, and where its gradient passes.
`weights DIMS TENSOR` and a line of values: fake_quantize_per_channel_affine of a layer's weights,
dims as PyTorch has them. `network BATCH SIZE CLASSES FIRST`: a small network of every kind of layer
in training mode, with everything rounded that LiteRT's int8 operators round. Ranges begin as those
of input FIRST and move by a tenth towards those of the next one, at which values are clipped; then
the outputs times their gradients, and of each parameter the norm of its gradient and four of its
elements, computed in double. The input is one of which no value lies so near the middle of two
codes that rounding decides.
"""
import sys

import numpy as np
import torch
import train_gradients as base

SHARE = np.float32(0.1)
CASES = ((0.0, 6.0), (-1.5, 2.25), (-0.001, 0.0), (0.0, 1e-4), (-300.0, 7.0), (-0.375, 4.1))
WEIGHTS = ((5, 3, 3, 4), (7, 1, 5, 5), (6, 33))
BATCH, SIZE, CLASSES, CHANNELS, EXPANDED, SQUEEZED = 3, 5, 4, 6, 8, 4
MARGIN = 4e-4


def scale_of(low, high):
    low, high = float(np.float32(low)), float(np.float32(high))
    scale = (high - low) / 255
    return float(np.float32(scale)), int(min(max(np.rint(-128 - low / scale), -128), 127))


# ---- pieces --------------------------------------------------------------------------------------


def tensors(out):
    for index, (low, high) in enumerate(CASES):
        scale, zero = scale_of(low, high)
        middle, half = (low + high) / 2, (high - low) / 2
        numbers = base.numbers(index, 61) * np.float32(1.3 * half) + np.float32(middle)
        x = torch.from_numpy(numbers).requires_grad_()
        y = torch.fake_quantize_per_tensor_affine(x, scale, zero, -128, 127)
        y.backward(torch.ones_like(y))
        codes = np.rint(y.detach().numpy() / scale).astype(int) + zero
        print(f"tensor {low:.9g} {high:.9g} {scale:.9g} {zero} {len(codes)} {index}", file=out)
        print(" ".join(map(str, codes)), file=out)
        print(" ".join(str(int(g)) for g in x.grad), file=out)


def weights(out):
    for index, dims in enumerate(WEIGHTS):
        w = torch.from_numpy(base.numbers(100 + index, int(np.prod(dims))).reshape(dims))
        scales = w.flatten(1).abs().max(1).values / 127
        zeros = torch.zeros(dims[0], dtype=torch.int32)
        y = torch.fake_quantize_per_channel_affine(w, scales, zeros, 0, -127, 127)
        print("weights", *dims, *[0] * (4 - len(dims)), 100 + index, file=out)
        print(" ".join(f"{v:.9g}" for v in y.flatten().tolist()), file=out)


# ---- a network -----------------------------------------------------------------------------------


def straight(x, scale, zero, low, high):
    codes = torch.round(x / scale) + zero
    free = (codes >= low) & (codes <= high)
    rounded = (codes.clamp(low, high) - zero) * scale
    return torch.where(free, x, x.detach()) + (rounded - x).detach()


class Ranges:
    """Rounds values in the order in which a network computes them."""

    def __init__(self):
        self.known, self.at, self.margin = [], 0, 1.0

    def __call__(self, x):
        now = np.float32([min(x.min().item(), 0), max(x.max().item(), 0)])
        if self.at == len(self.known):
            self.known.append(now)
        else:
            old, share = self.known[self.at].astype(np.float64), float(SHARE)
            self.known[self.at] = ((1 - share) * old + share * now).astype(np.float32)
        scale, zero = scale_of(*self.known[self.at])
        self.at += 1
        steps = x.detach() / scale
        moves = steps != 0  # zeros of ReLU are exact
        distance = ((steps - torch.floor(steps)) - 0.5).abs()
        self.margin = min(self.margin, distance[moves].min().item())
        return straight(x, scale, zero, -128, 127)


class Small(torch.nn.Module):
    def __init__(self):
        super().__init__()
        conv, norm = torch.nn.Conv2d, torch.nn.BatchNorm2d
        self.stem = conv(3, CHANNELS, 3, padding=1, bias=False)
        self.stem_norm = norm(CHANNELS)
        self.expand = conv(CHANNELS, EXPANDED, 1, bias=False)
        self.expand_norm = norm(EXPANDED)
        self.depthwise = conv(EXPANDED, EXPANDED, 3, padding=1, groups=EXPANDED, bias=False)
        self.depthwise_norm = norm(EXPANDED)
        self.reduce = conv(EXPANDED, SQUEEZED, 1)
        self.restore = conv(SQUEEZED, EXPANDED, 1)
        self.project = conv(EXPANDED, CHANNELS, 1, bias=False)
        self.project_norm = norm(CHANNELS)
        self.features = conv(CHANNELS, EXPANDED, 1)
        self.logits = torch.nn.Linear(EXPANDED, CLASSES)

    def forward(self, x, rounded):
        functional = torch.nn.functional
        x = rounded(self.stem_norm(convolve(self.stem, x)))
        before = rounded(functional.hardswish(x))
        x = rounded(torch.relu(self.expand_norm(convolve(self.expand, before))))
        x = rounded(torch.relu(self.depthwise_norm(convolve(self.depthwise, x))))
        gate = rounded(x.mean((2, 3), keepdim=True))
        gate = rounded(torch.relu(convolve(self.reduce, gate)))
        gate = rounded(convolve(self.restore, gate))
        gate = rounded(functional.relu6(gate + 3))
        gate = rounded(gate * float(np.float32(1 / 6)))
        x = rounded(x * gate)
        x = rounded(self.project_norm(convolve(self.project, x)))
        x = rounded(before + x)
        x = rounded(x.mean((2, 3), keepdim=True))
        x = rounded(convolve(self.features, x))
        x = rounded(functional.hardswish(x)).flatten(1)
        return rounded(functional.linear(x, rounded_weight(self.logits), self.logits.bias))


def rounded_weight(layer):
    w = layer.weight
    scale = (w.detach().flatten(1).abs().max(1).values / 127).float().to(w.dtype)
    return straight(w, scale.reshape(-1, *[1] * (w.dim() - 1)), 0, -127, 127)


def convolve(layer, x):
    return torch.nn.functional.conv2d(x, rounded_weight(layer), layer.bias, layer.stride,
                                      layer.padding, layer.dilation, layer.groups)


def picture(tensor):
    x = base.numbers(tensor, BATCH * 3 * SIZE * SIZE)
    return torch.from_numpy(x.reshape(BATCH, 3, SIZE, SIZE)).double()


def run(first):
    model = Small()
    base.prepare(model)
    model.double()
    ranges = Ranges()
    for tensor in (first, first + 1):
        ranges.at = 0
        out = model(picture(tensor), ranges)
    seeds = torch.from_numpy(base.numbers(base.SEEDS, out.numel()).reshape(out.shape))
    total = (out * seeds.double()).sum()
    total.backward()
    return ranges.margin, total.item(), [p.grad.flatten() for p in model.parameters()]


def network(out):
    for first in range(2000, 4000, 2):
        margin, total, found = run(first)
        if margin > MARGIN:
            break
    else:
        raise SystemExit("no input with so wide a margin")
    print(f"network {BATCH} {SIZE} {CLASSES} {first}", file=out)
    print(f"output {total:.9g}", file=out)
    for gradient in found:
        picked = [gradient[gradient.numel() * i // 4].item() for i in range(4)]
        print(f"parameter {gradient.numel()} {gradient.norm().item():.9g} "
              + " ".join(f"{v:.9g}" for v in picked), file=out)


def main():
    with open(sys.argv[1], "w") as out:
        tensors(out)
        weights(out)
        network(out)


if __name__ == "__main__":
    main()
