# SPDX-License-Identifier: Apache-2.0
"""Fifty steps of each optimizer as its library takes them, for tests/grad/test_optimizer.c.

usage: optimizer_steps.py torch > tests/golden/optimizer_torch.txt     (torch)
       optimizer_steps.py tensorflow > tests/golden/optimizer_tf.txt   (tensorflow)

Weights and gradients come from one formula of (tensor, index) that the test knows too; the rate
falls from step to step. Computed in double. Lines: `optimizer KIND MOMENTUM NESTEROV DECAY BETA1
BETA2 EPSILON WEIGHT_DECAY RATE`, with the settings that the test gives ours, and then the weights
after the last step; `average DECAY WARM_UP` and averages; `norm MOST` with the norm of three arrays
and what they are multiplied by.
"""
import sys

import numpy as np

COUNT, STEPS, WEIGHTS = 37, 50, 1000


def numbers(tensor, count):
    """-1 to 1 from splitmix64's finisher."""
    with np.errstate(over="ignore"):
        z = (np.uint64(tensor) << np.uint64(32)) + np.arange(count, dtype=np.uint64)
        z = z * np.uint64(0x9e3779b97f4a7c15) + np.uint64(0x9e3779b97f4a7c15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xbf58476d1ce4e5b9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94d049bb133111eb)
        z ^= z >> np.uint64(31)
    return ((z >> np.uint64(40)).astype(np.float64) / 2**23 - 1).astype(np.float32)


def gradient(step):
    """Of five magnitudes, 1/64 to 4, so that epsilons matter to some and not to others."""
    scale = np.float32(4.0) ** (np.arange(COUNT) % 5 - 3).astype(np.float32)
    return (numbers(step, COUNT) * scale).astype(np.float64)


def rate_at(rate, step):
    return rate * (1 - (step - 1) / 100)


def say(words, values):
    print(*words)
    print(*(f"{v:.12g}" for v in values))


def torch_steps(make, rate):
    import torch
    w = torch.nn.Parameter(torch.from_numpy(numbers(WEIGHTS, COUNT).astype(np.float64)))
    optimizer = make([w])
    for step in range(1, STEPS + 1):
        optimizer.param_groups[0]["lr"] = rate_at(rate, step)
        w.grad = torch.from_numpy(gradient(step))
        optimizer.step()
    return w.detach().numpy()


def torch_optimizers():
    import torch
    for momentum, nesterov, decay in ((0, False, 0), (0.9, False, 4e-5), (0.9, True, 5e-4)):
        say(("optimizer", "sgd", momentum, int(nesterov), 0, 0, 0, 0, decay, 0.05),
            torch_steps(lambda p: torch.optim.SGD(p, 0.05, momentum=momentum, nesterov=nesterov,
                                                  weight_decay=decay), 0.05))
    for momentum, alpha, epsilon, decay in ((0, 0.99, 1e-8, 0), (0.9, 0.9, 0.0316, 1e-5)):
        say(("optimizer", "rmsprop_torch", momentum, 0, alpha, 0, 0, epsilon, decay, 0.01),
            torch_steps(lambda p: torch.optim.RMSprop(p, 0.01, alpha=alpha, momentum=momentum,
                                                      eps=epsilon, weight_decay=decay), 0.01))
    for beta1, beta2, epsilon, decay in ((0.9, 0.999, 1e-8, 0.05), (0.6, 0.99, 1e-3, 0)):
        say(("optimizer", "adamw", 0, 0, 0, beta1, beta2, epsilon, decay, 0.004),
            torch_steps(lambda p: torch.optim.AdamW(p, 0.004, betas=(beta1, beta2), eps=epsilon,
                                                    weight_decay=decay), 0.004))


def torch_norms():
    import torch
    for most in (0.5, 1000):
        arrays = [torch.nn.Parameter(torch.zeros(n, dtype=torch.float64)) for n in (1, 100, 3000)]
        for tensor, array in enumerate(arrays):
            array.grad = torch.from_numpy(numbers(tensor, array.numel()).astype(np.float64))
        first = arrays[0].grad[0].item()
        norm = torch.nn.utils.clip_grad_norm_(arrays, most).item()
        say(("norm", most), (norm, arrays[0].grad[0].item() / first))


def tensorflow_steps(momentum, decay, epsilon, weight_decay, rate):
    import tensorflow as tf
    w = tf.Variable(numbers(WEIGHTS, COUNT).astype(np.float64))
    now = tf.Variable(0.0, dtype=tf.float64)
    optimizer = tf.compat.v1.train.RMSPropOptimizer(lambda: now, decay, momentum, epsilon)
    for step in range(1, STEPS + 1):
        now.assign(rate_at(rate, step))
        # slim's l2_regularizer: weight_decay * sum(w * w) / 2 is part of the loss
        optimizer.apply_gradients([(gradient(step) + weight_decay * w, w)])
    return w.numpy()


def tensorflow_averages(decay, warm_up):
    import tensorflow as tf
    w = tf.Variable(numbers(WEIGHTS, COUNT).astype(np.float64))
    count = tf.Variable(0)
    average = tf.train.ExponentialMovingAverage(decay, count if warm_up else None)
    average.apply([w])
    w.assign(numbers(WEIGHTS, COUNT).astype(np.float64))
    for step in range(1, STEPS + 1):
        count.assign(step)
        w.assign(gradient(step))
        average.apply([w])
    return average.average(w).numpy()


def main():
    if sys.argv[1] == "torch":
        torch_optimizers()
        torch_norms()
        return
    for momentum, decay, epsilon, weight_decay in ((0, 0.9, 1.0, 0), (0.9, 0.9, 1.0, 4e-5),
                                                   (0.9, 0.9, 0.002, 1e-5)):
        say(("optimizer", "rmsprop_tf", momentum, 0, decay, 0, 0, epsilon, weight_decay, 0.045),
            tensorflow_steps(momentum, decay, epsilon, weight_decay, 0.045))
    for warm_up in (False, True):
        say(("average", 0.9, int(warm_up)), tensorflow_averages(0.9, warm_up))


if __name__ == "__main__":
    main()
