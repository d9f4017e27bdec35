# SPDX-License-Identifier: Apache-2.0
"""Many random single-operator cases in the form of op_goldens.py, for a wider check than the
committed goldens: random scales, zero points and sizes. The result is large and is not committed.
Usage: op_sweep.py <folder> <seed> <rounds>; then run test_ops built with MN_TEST_DIR at the folder
whose golden/ops this is."""
import sys

import numpy as np
from ai_edge_litert import schema_py_generated as schema

import op_goldens as g
from tflite_model import Tensor

rng = g.rng


def scale(lo=0.001, hi=2.0):
    return np.float32(np.exp(rng.uniform(np.log(lo), np.log(hi))))


def zero(type):
    lo, hi = g.LIMITS[type]
    return int(rng.choice([lo, hi, rng.integers(lo, hi + 1), (lo + hi + 1) // 2]))


def all_codes(type, s, z):
    return g.feed(type, (16, 16), s, z, "all")


def tables(i, type):
    low = g.LIMITS[type][0]
    name = f"{type}_{i}"
    s = scale(0.0005, 0.5)
    x = all_codes(type, s, zero(type))
    g.case(name, "logistic", "LOGISTIC", None, None, [x], Tensor(type, (16, 16), 1 / 256, low))
    g.case(name, "hard_swish", "HARD_SWISH", None, None, [x],
           Tensor(type, (16, 16), s * scale(0.01, 4), zero(type)))
    so, zo = s * scale(0.1, 10), zero(type)
    operator = ["RELU", "RELU6", "RELU_N1_TO_1"][i % 3]
    g.case(name, "relu", operator, None, None, [x], Tensor(type, (16, 16), so, zo), [i % 3 + 1])
    to = ["u8", "i8"][i % 2]
    g.case(name, "quantize", "QUANTIZE", "QuantizeOptions", schema.QuantizeOptionsT(), [x],
           Tensor(to, (16, 16), so, zero(to)))
    f = g.feed("f32", (256,), spread=float(s) * 80)
    g.case(name + "_f32", "quantize", "QUANTIZE", "QuantizeOptions", schema.QuantizeOptionsT(), [f],
           Tensor(type, (256,), s, zero(type)))
    g.case(name, "dequantize", "DEQUANTIZE", "DequantizeOptions", schema.DequantizeOptionsT(), [x],
           Tensor("f32", (16, 16)))
    options = schema.SoftmaxOptionsT()
    options.beta = float(rng.choice([1.0, 1.0, 0.5, 2.0]))
    kind = rng.choice(["all", "random"])
    y = g.feed(type, (2, 256), scale(0.002, 3.0), 0, kind)
    g.case(name, "softmax", "SOFTMAX", "SoftmaxOptions", options, [y],
           Tensor(type, (2, 256), 1 / 256, low), real=options.beta)


def pairs(i, type):
    shift = 128 if type == "u8" else 0
    s = (scale(0.005, 1), scale(0.005, 1))
    z = [zero(type) - shift for _ in range(3)]
    for ours in ("add", "sub", "mul"):
        natural = s[0] * s[1] * 128 if ours == "mul" else max(s)
        so = float(natural) * float(scale(0.3, 3))
        g.binary(f"{type}_{i}", ours, type, (3, 200), (3, 200), i % 4, (*s, so), z)
    if type == "u8":
        options = schema.ConcatenationOptionsT()
        options.axis, options.fusedActivationFunction = 1, 0
        g.case(f"{type}_{i}", "concat", "CONCATENATION", "ConcatenationOptions", options,
               [all_codes(type, s[0], zero(type)), all_codes(type, s[1], zero(type))],
               Tensor(type, (16, 32), s[0] * scale(0.2, 5), zero(type)), [1])


def maps(i, type):
    h, w, c = (int(v) for v in rng.integers(1, 12, 3))
    k = (int(rng.integers(1, h + 1)), int(rng.integers(1, w + 1)))
    s = tuple(int(v) for v in rng.integers(1, 4, 2))
    g.pool(f"{type}_{i}", "avg_pool", type, (1, h, w, c), k, s, bool(i % 2), i % 4, scale=scale())
    g.pool(f"{type}_{i}", "max_pool", type, (1, h, w, c), k, s, bool(i % 2), i % 4, scale=scale())
    shift = 128 if type == "u8" else 0
    s = scale()
    g.mean(f"{type}_{i}", type, (1, h, w, 30), (1, 2), bool(i % 2), (s, s * scale(0.2, 5)),
           (zero(type) - shift, zero(type) - shift))
    size = [int(v) for v in rng.integers(1, 30, 2)]
    corners, half = [(0, 0), (1, 0), (0, 1)][i % 3]
    for ours, operator, name in (
            ("resize_bilinear", "RESIZE_BILINEAR", "ResizeBilinearOptions"),
            ("resize_nearest", "RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighborOptions")):
        options = getattr(schema, name + "T")()
        options.alignCorners, options.halfPixelCenters = bool(corners), bool(half)
        g.case(f"{type}_{i}", ours, operator, name, options, [g.feed(type, (1, h, w, c), 0.1, 0)],
               Tensor(type, (1, *size, c), 0.1, 0), [corners, half, *size],
               extra=[g.constant_i32(size)])


def layers(i, type):
    per_channel = type == "i8" and i % 2 == 0
    h, w, ic, oc = (int(v) for v in rng.integers(1, 14, 4))
    k = tuple(int(v) for v in rng.integers(1, 4, 2))
    s, d = tuple(int(v) for v in rng.integers(1, 3, 2)), (1, 1)
    if i % 3 == 0:
        s, d = (1, 1), tuple(int(v) for v in rng.integers(1, 3, 2))
    gain = float(scale(0.05, 20))
    p = dict(s=s, d=d, act=i % 4, per_channel=per_channel, gain=gain)
    g.conv(f"{type}_{i}", type, (1, h, w, ic), oc, k, **p)
    g.depthwise(f"{type}_{i}", type, (1, h, w, ic), int(rng.integers(1, 4)), k, **p)
    g.dense(f"{type}_{i}", type, (h, w * ic), oc, i % 4, per_channel, gain=gain)


def main():
    folder, rounds = sys.argv[1], int(sys.argv[3])
    for i in range(rounds):
        for type in ("u8", "i8"):
            for part in (tables, pairs, maps, layers):
                part(i, type)
    g.write(folder)


if __name__ == "__main__":
    main()
