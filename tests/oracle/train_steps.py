# SPDX-License-Identifier: Apache-2.0
"""Ten steps of training by PyTorch in double, for tests/grad/test_trainer.c.

usage: train_steps.py tests/golden/train_steps.txt   (torch, torchvision, timm)

Weights and pictures are those of train_gradients.py; a batch's targets are its classes, 0.9, the
rest spread. The network is V3-Small: through others the rounding of float grows to a tenth of the
loss in ten steps, in PyTorch's own float too. For each optimizer: `network NAME CLASSES BATCH INPUT
OPTIMIZER`, and ten lines `step LOSS NORM`: the loss before the step and the norm of all parameters
after it. Weights decay but for those of batch norms, biases and depthwise layers.
"""
import copy
import sys

import torch
import train_gradients as base

RATE, DECAY, STEPS = 0.002, 1e-3, 10


OPTIMIZERS = (
    ("sgd", lambda groups: torch.optim.SGD(groups, lr=RATE, momentum=0.9, nesterov=True)),
    ("rmsprop", lambda groups: torch.optim.RMSprop(groups, lr=RATE / 20, alpha=0.9, eps=0.01,
                                                   momentum=0.9)),
    ("adamw", lambda groups: torch.optim.AdamW(groups, lr=RATE / 20)))


def decays(parameter):
    return parameter.dim() > 1 and not (parameter.dim() == 4 and parameter.shape[1] == 1)


def train(model, size, tensor, kind, index):
    model = copy.deepcopy(model).to(kind)
    x = torch.from_numpy(base.numbers(tensor, base.BATCH * 3 * size * size)).to(kind)
    x = x.reshape(base.BATCH, 3, size, size)
    targets = torch.full((base.BATCH, base.CLASSES), 0.1 / base.CLASSES, dtype=kind)
    for i in range(base.BATCH):
        targets[i, 3 * i % base.CLASSES] += 0.9
    groups = [{"params": [p for p in model.parameters() if decays(p)], "weight_decay": DECAY},
              {"params": [p for p in model.parameters() if not decays(p)], "weight_decay": 0.0}]
    name, make = OPTIMIZERS[index]
    optimizer = make(groups)
    steps = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = -(targets * torch.log_softmax(model(x), 1)).sum(1).mean()
        loss.backward()
        optimizer.step()
        norm = torch.cat([p.detach().flatten() for p in model.parameters()]).norm()
        steps.append((loss.item(), norm.item()))
    return name, steps


def steady(model, size, index):
    """A batch whose course is the same in float and double, but for rounding (train_gradients.py)."""
    for tensor in range(base.FIRST_INPUT, base.FIRST_INPUT + 40):
        name, exact = train(model, size, tensor, torch.float64, index)
        _, rounded = train(model, size, tensor, torch.float32, index)
        if max(abs(a[0] - b[0]) / a[0] for a, b in zip(exact, rounded)) < 5e-5:
            return tensor, name, exact
    raise SystemExit("no steady batch")


def main():
    out = open(sys.argv[1], "w")
    network, model = next(n for n in base.networks() if n[0].startswith("v3-small"))
    base.prepare(model)
    size = int(network.split("@")[0].split("-")[-1])
    for index in range(3):
        tensor, name, steps = steady(model, size, index)
        print(f"network {network} {base.CLASSES} {base.BATCH} {tensor} {name}", file=out)
        for loss, norm in steps:
            print(f"step {loss:.9g} {norm:.9g}", file=out)


if __name__ == "__main__":
    main()
