# SPDX-License-Identifier: Apache-2.0
"""Learning rates of PyTorch's schedulers step by step, for tests/grad/test_schedule.c.

usage: schedules.py > tests/golden/schedules.txt   (torch)

Lines: `KIND RATE FIRST LAST RISING EVERY FACTOR WARMUP WARMUP_FIRST STEPS`, the settings that the
test gives ours, and the rates of all steps. A warm-up is LinearLR in front, by SequentialLR.
"""
import torch
from torch.optim import lr_scheduler as lr

STEPS = 60


def rates(rate, make, warmup, warmup_first):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], rate)
    scheduler = make(optimizer, STEPS - warmup)
    if warmup:
        start = lr.LinearLR(optimizer, warmup_first / rate, total_iters=warmup)
        scheduler = lr.SequentialLR(optimizer, [start, scheduler], [warmup])
    for step in range(STEPS):
        yield optimizer.param_groups[0]["lr"]
        optimizer.step()
        if step < STEPS - 1:
            scheduler.step()


def main():
    cases = [
        ("constant", 0.1, 0, 0, 0, 0, 0, lambda o, n: lr.ConstantLR(o, 1)),
        ("cosine", 0.4, 0, 0, 0, 0, 0, lambda o, n: lr.CosineAnnealingLR(o, n)),
        ("cosine", 0.05, 0, 0.001, 0, 0, 0, lambda o, n: lr.CosineAnnealingLR(o, n, 0.001)),
        ("step", 0.045, 0, 0, 0, 7, 0.98, lambda o, n: lr.StepLR(o, 7, 0.98)),
        ("exponential", 0.1, 0, 0, 0, 1, 0.94, lambda o, n: lr.ExponentialLR(o, 0.94)),
        ("exponential", 0.1, 0, 0, 0, 2.5, 0.9,
         lambda o, n: lr.LambdaLR(o, lambda t: 0.9 ** (t / 2.5))),
    ]
    for kind, rate, first, last, rising, every, factor, make in cases:
        for warmup, warmup_first in ((0, 0), (5, 0.01)):
            print(kind, rate, first, last, rising, every, factor, warmup, warmup_first, STEPS)
            print(*(f"{r:.15g}" for r in rates(rate, make, warmup, warmup_first)))
    for rising, div, final in ((0.3, 25, 1e4), (0.25, 10, 100)):
        rate = 0.2
        print("one_cycle", rate, rate / div, rate / div / final, rising, 0, 0, 0, 0, STEPS)
        print(*(f"{r:.15g}" for r in rates(
            rate, lambda o, n: lr.OneCycleLR(o, rate, n, pct_start=rising, div_factor=div,
                                             final_div_factor=final, cycle_momentum=False), 0, 0)))


if __name__ == "__main__":
    main()
