# SPDX-License-Identifier: Apache-2.0
"""Goldens of single operators: outputs of LiteRT's built-in reference kernels for random and
adversarial inputs, in tests/golden/ops/<operator>.bin, which tests/golden/test_ops.c compares with
ours. Needs the packages of tests/oracle.txt. Usage: op_goldens.py <tests/golden/ops> [seed]
(another seed gives other scales, zero points and data: for wider checks than the committed ones).

A file, little-endian: "MNOPS1\\0\\0", u32 cases; a case: text name, text operator, u8 inputs,
tensors (inputs, output), i32[20] attributes, f32 attribute; text: u8 length, bytes; tensor: u8 type,
u8 rank, i32 dims, u8 constant, i32 scales, i32 axis, f32 scale and i32 zero each,
data. Attributes are ours; test_ops.c says what each place means."""
import os
import struct
import sys

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tflite_model import TYPES, Tensor, run

OUR_TYPE = {"f32": 0, "f16": 1, "u8": 3, "i8": 4, "i32": 5, "i64": 6}
ACT_IN_FILE = {0: 0, 1: 1, 2: 3, 3: 2}  # ours: none relu relu6 relu_n1_to_1
LIMITS = {"u8": (0, 255), "i8": (-128, 127)}
rng = np.random.default_rng(int(sys.argv[2]) if len(sys.argv) > 2 else 20261125)
files = {}


def text(s):
    return struct.pack("B", len(s)) + s.encode()


def pack_tensor(tensor, data):
    out = struct.pack("BB", OUR_TYPE[tensor.type], len(tensor.shape))
    out += struct.pack(f"<{len(tensor.shape)}i", *tensor.shape)
    count = 0 if tensor.scale is None else len(tensor.scale)
    out += struct.pack("<Bii", not tensor.feed, count, tensor.axis)
    for i in range(count):
        out += struct.pack("<fi", tensor.scale[i], tensor.zero[i])
    return out + np.ascontiguousarray(data, TYPES[tensor.type][1]).tobytes()


def case(name, ours, operator, options_type, options, inputs, output, attr=(), real=0.0, extra=(),
         in_file=None):
    """Runs one case and keeps it. `extra`: inputs of LiteRT's operator that ours holds as
    attributes; `in_file`: all of its inputs, where theirs is another order."""
    inputs = [t for t in inputs if t is not None]
    result = run(operator, options_type, options, in_file or inputs + list(extra), output)
    data = pack_tensor(output, result)
    body = text(name) + text(ours) + struct.pack("B", len(inputs))
    body += b"".join(pack_tensor(t, t.data) for t in inputs) + data
    ints = list(attr) + [0] * (20 - len(attr))
    files.setdefault(ours, []).append(body + struct.pack("<20if", *ints, real))


def codes(type, shape, kind="random"):
    lo, hi = LIMITS[type]
    if kind == "random":
        data = rng.integers(lo, hi + 1, shape)
    elif kind == "low":
        data = np.full(shape, lo)
    elif kind == "high":
        data = np.full(shape, hi)
    elif kind == "edges":
        data = rng.choice([lo, hi], shape)
    else:  # every code, in order, repeated
        data = lo + np.arange(int(np.prod(shape))).reshape(shape) % 256
    return data


def feed(type, shape, scale=None, zero=None, kind="random", spread=4.0, feed=True):
    if type == "f32":
        return Tensor(type, shape, data=rng.normal(0, spread, shape), feed=feed)
    return Tensor(type, shape, scale, zero, data=codes(type, shape, kind), feed=feed)


def constant_i32(values):
    values = np.asarray(values, np.int32)
    return Tensor("i32", values.shape, data=values, feed=False)


# ---- Convolutions ----------------------------------------------------------------------------------

def window(kh, kw, sh, sw, dh, dw, same, act, multiplier=0):
    return [kh, kw, sh, sw, dh, dw, same, 0, 0, 0, 0, act, multiplier]


def out_extent(size, k, s, d, same):
    return -(-size // s) if same else (size - ((k - 1) * d + 1)) // s + 1


def weights_of(type, shape, axis, channels, per_channel, axis_in_file=None, shape_in_file=None):
    if type == "f32":
        return Tensor("f32", shape, data=rng.normal(0, 0.5, shape), feed=False,
                      shape_in_file=shape_in_file)
    scale = rng.uniform(0.002, 0.02, channels if per_channel else 1)
    zero = rng.integers(90, 160) if type == "u8" else 0
    data = rng.integers(0, 256, shape) if type == "u8" else rng.integers(-127, 128, shape)
    return Tensor(type, shape, scale, zero, axis, data, False, shape_in_file, axis_in_file)


def bias_of(type, channels, s_in, weights, large):
    if type == "f32":
        return Tensor("f32", [channels], data=rng.normal(0, 1, channels), feed=False)
    scale = np.float32(s_in) * weights.scale
    data = rng.integers(-large, large + 1, channels)
    return Tensor("i32", [channels], scale, 0, 0, data, False)


def zero_bias(type, channels, x, weights, bias):
    """What LiteRT wants where our operator has no bias."""
    if bias:
        return []
    zeros = bias_of(type, channels, 1 if type == "f32" else x.scale[0], weights, 0)
    zeros.data = np.zeros_like(zeros.data)
    return [zeros]


def layer_out(type, shape, gain):
    if type == "f32":
        return Tensor("f32", shape)
    zero = rng.integers(60, 180) - (128 if type == "i8" else 0)
    return Tensor(type, shape, rng.uniform(0.02, 0.06) * gain, zero)


def conv(name, type, in_shape, oc, k, s=(1, 1), d=(1, 1), same=True, act=0, per_channel=False,
         bias=True, gain=1.0, kind="random"):
    n, h, w, ic = in_shape
    s_in = rng.uniform(0.01, 0.05)
    x = feed(type, in_shape, s_in, rng.integers(100, 156) - (128 if type == "i8" else 0), kind)
    weights = weights_of(type, (oc, *k, ic), 0, oc, per_channel)
    b = bias_of(type, oc, x.scale[0] if type != "f32" else 1, weights, 4000) if bias else None
    out = layer_out(type, (n, out_extent(h, k[0], s[0], d[0], same),
                           out_extent(w, k[1], s[1], d[1], same), oc), gain)
    options = schema.Conv2DOptionsT()
    options.padding = 0 if same else 1
    options.strideH, options.strideW = s
    options.dilationHFactor, options.dilationWFactor = d
    options.fusedActivationFunction = ACT_IN_FILE[act]
    case(name, "conv2d", "CONV_2D", "Conv2DOptions", options, [x, weights, b], out,
         window(*k, *s, *d, same, act), extra=zero_bias(type, oc, x, weights, bias))


def depthwise(name, type, in_shape, m, k, s=(1, 1), d=(1, 1), same=True, act=0, per_channel=False,
              bias=True, gain=1.0, kind="random"):
    n, h, w, ic = in_shape
    oc = ic * m
    x = feed(type, in_shape, rng.uniform(0.01, 0.05),
             rng.integers(100, 156) - (128 if type == "i8" else 0), kind)
    weights = weights_of(type, (*k, oc), 2, oc, per_channel, 3, (1, *k, oc))
    b = bias_of(type, oc, x.scale[0] if type != "f32" else 1, weights, 2000) if bias else None
    out = layer_out(type, (n, out_extent(h, k[0], s[0], d[0], same),
                           out_extent(w, k[1], s[1], d[1], same), oc), gain * 0.4)
    options = schema.DepthwiseConv2DOptionsT()
    options.padding = 0 if same else 1
    options.strideH, options.strideW = s
    options.dilationHFactor, options.dilationWFactor = d
    options.depthMultiplier = m
    options.fusedActivationFunction = ACT_IN_FILE[act]
    case(name, "dwconv2d", "DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions", options,
         [x, weights, b], out, window(*k, *s, *d, same, act, m),
         extra=zero_bias(type, oc, x, weights, bias))


def transpose_conv(name, type, in_shape, oc, k, s, extra=(0, 0), same=True, act=0,
                   per_channel=False, bias=True, gain=1.0, kind="random"):
    """`extra`: rows and columns beyond in * stride (SAME) or the whole map (VALID), as a file may
    ask for; less than a stride, and negative with SAME."""
    n, h, w, ic = in_shape
    size = [i * t if same else (i - 1) * t + m for i, t, m in zip((h, w), s, k)]
    size = [a + b for a, b in zip(size, extra)]
    total = [max((-(-o // t) - 1) * t + m - o, 0) if same else 0 for o, t, m in zip(size, s, k)]
    before = [t // 2 for t in total]
    after = [(i - 1) * t + m - b - o for i, t, m, b, o in zip((h, w), s, k, before, size)]
    s_in = rng.uniform(0.01, 0.05)
    x = feed(type, in_shape, s_in, rng.integers(100, 156) - (128 if type == "i8" else 0), kind)
    weights = weights_of(type, (oc, *k, ic), 0, oc, per_channel)
    b = bias_of(type, oc, x.scale[0] if type != "f32" else 1, weights, 4000) if bias else None
    out = layer_out(type, (n, *size, oc), gain)
    options = schema.TransposeConvOptionsT()
    options.padding = 0 if same else 1
    options.strideH, options.strideW = s
    options.fusedActivationFunction = ACT_IN_FILE[act]
    attr = window(*k, *s, 1, 1, False, act)
    attr[7:11] = before[0], after[0], before[1], after[1]
    case(name, "transpose_conv", "TRANSPOSE_CONV", "TransposeConvOptions", options,
         [x, weights, b], out, attr, in_file=[constant_i32(out.shape), weights, x] + [b] * bias)


def space_batches():
    for type in ("f32", "u8", "i8"):
        quant = {} if type == "f32" else dict(scale=0.1, zero=100 if type == "u8" else -7)
        for i, (shape, block, pads) in enumerate([
                ((1, 5, 7, 3), (2, 3), (1, 2, 2, 3)), ((2, 4, 6, 2), (2, 2), (0, 0, 0, 0)),
                ((1, 9, 5, 1), (4, 1), (3, 0, 0, 0))]):
            n, h, w, c = shape
            rows, columns = h + pads[0] + pads[1], w + pads[2] + pads[3]
            split = (n * block[0] * block[1], rows // block[0], columns // block[1], c)
            constants = [constant_i32(block), constant_i32(np.reshape(pads, (2, 2)))]
            case(f"{type}_{i}", "space_to_batch", "SPACE_TO_BATCH_ND", "SpaceToBatchNDOptions",
                 schema.SpaceToBatchNDOptionsT(), [feed(type, shape, **quant)],
                 Tensor(type, split, **quant), [*block, *pads], extra=constants)
            case(f"{type}_{i}", "batch_to_space", "BATCH_TO_SPACE_ND", "BatchToSpaceNDOptions",
                 schema.BatchToSpaceNDOptionsT(), [feed(type, split, **quant)],
                 Tensor(type, shape, **quant), [*block, *pads], extra=constants)


def transposed():
    for type, per_channel in (("f32", False), ("u8", False), ("i8", False), ("i8", True)):
        tag = type + ("_per_channel" if per_channel else "")
        p = dict(per_channel=per_channel)
        transpose_conv(f"{tag}_2x2_s2", type, (1, 4, 5, 6), 3, (2, 2), (2, 2), **p)
        transpose_conv(f"{tag}_3x3_s2_same", type, (2, 3, 4, 5), 4, (3, 3), (2, 2), **p)
        transpose_conv(f"{tag}_4x4_s2_no_bias", type, (1, 4, 3, 3), 7, (4, 4), (2, 2), bias=False,
                       **p)
        transpose_conv(f"{tag}_3x2_s3x1_valid", type, (1, 4, 3, 4), 2, (3, 2), (3, 1), same=False,
                       **p)
        transpose_conv(f"{tag}_3x3_s2_odd", type, (1, 4, 5, 3), 2, (3, 3), (2, 2), (-1, -1), **p)
        transpose_conv(f"{tag}_1x1_s3", type, (1, 3, 2, 4), 3, (1, 1), (3, 3), **p)


def dense(name, type, in_shape, oc, act=0, per_channel=False, keep=False, bias=True, gain=1.0):
    ic = in_shape[-1]
    rows = int(np.prod(in_shape[:-1]))
    x = feed(type, in_shape, rng.uniform(0.01, 0.05),
             rng.integers(100, 156) - (128 if type == "i8" else 0))
    weights = weights_of(type, (oc, ic), 0, oc, per_channel)
    b = bias_of(type, oc, x.scale[0] if type != "f32" else 1, weights, 4000) if bias else None
    out = layer_out(type, (*in_shape[:-1], oc) if keep else (rows, oc), gain)
    options = schema.FullyConnectedOptionsT()
    options.keepNumDims = keep
    options.fusedActivationFunction = ACT_IN_FILE[act]
    case(name, "dense", "FULLY_CONNECTED", "FullyConnectedOptions", options, [x, weights, b], out,
         [act, keep])


def layers():
    for type, per_channel in (("f32", False), ("u8", False), ("i8", False), ("i8", True)):
        tag = type + ("_per_channel" if per_channel else "")
        p = dict(per_channel=per_channel)
        conv(f"{tag}_3x3_s2_same_relu6", type, (1, 9, 7, 3), 8, (3, 3), (2, 2), act=2, **p)
        conv(f"{tag}_3x3_s2_same_even", type, (2, 6, 8, 3), 5, (3, 3), (2, 2), **p)
        conv(f"{tag}_1x1", type, (1, 5, 3, 17), 19, (1, 1), act=1, **p)
        conv(f"{tag}_1x1_s2_valid", type, (1, 5, 5, 4), 3, (1, 1), (2, 2), same=False, **p)
        conv(f"{tag}_3x3_dilated", type, (1, 8, 9, 2), 4, (3, 3), d=(2, 3), **p)
        conv(f"{tag}_5x2_valid_no_bias", type, (1, 7, 6, 3), 6, (5, 2), (1, 2), same=False,
             bias=False, act=0 if type == "f32" else 3, **p)
        depthwise(f"{tag}_3x3_s1_relu6", type, (1, 7, 6, 9), 1, (3, 3), act=2, **p)
        depthwise(f"{tag}_3x3_s2", type, (2, 7, 8, 5), 1, (3, 3), (2, 2), **p)
        depthwise(f"{tag}_multiplier_2", type, (1, 5, 6, 3), 2, (3, 3), act=1, **p)
        depthwise(f"{tag}_multiplier_8_from_1", type, (1, 6, 5, 1), 8, (3, 3), (2, 1), **p)
        depthwise(f"{tag}_dilated", type, (1, 9, 9, 4), 1, (3, 3), d=(2, 2), **p)
        depthwise(f"{tag}_5x5_valid_no_bias", type, (1, 7, 9, 6), 1, (5, 5), (1, 2), same=False,
                  bias=False, **p)
        depthwise(f"{tag}_multiplier_3_dilated", type, (1, 7, 5, 2), 3, (3, 3), d=(1, 2), **p)
        dense(f"{tag}_dense", type, (3, 37), 11, **p)
        dense(f"{tag}_dense_relu6", type, (1, 20), 5, act=2, bias=False, **p)
        dense(f"{tag}_dense_keep", type, (2, 3, 10), 4, keep=True, **p)
        if type == "f32":
            continue
        for kind in ("low", "high", "edges"):
            conv(f"{tag}_{kind}", type, (1, 5, 5, 8), 4, (3, 3), kind=kind, gain=8.0, **p)
            depthwise(f"{tag}_{kind}", type, (1, 5, 5, 8), 1, (3, 3), kind=kind, gain=8.0, **p)
        conv(f"{tag}_saturating", type, (1, 4, 4, 8), 4, (3, 3), gain=0.02, **p)
        conv(f"{tag}_left_shift", type, (1, 4, 4, 1), 4, (1, 1), gain=0.001, **p)
        conv(f"{tag}_coarse", type, (1, 4, 4, 8), 6, (3, 3), gain=60.0, **p)
        depthwise(f"{tag}_saturating", type, (1, 4, 4, 8), 1, (3, 3), gain=0.02, **p)
        dense(f"{tag}_dense_saturating", type, (1, 20), 5, gain=0.02, **p)
        dense(f"{tag}_dense_rounding", type, (20, 30), 50, gain=0.7, **p)
        conv(f"{tag}_rounding", type, (1, 12, 12, 7), 12, (3, 3), gain=0.7, **p)
        depthwise(f"{tag}_rounding", type, (1, 15, 15, 12), 1, (3, 3), gain=0.7, **p)


# ---- Elementwise -----------------------------------------------------------------------------------

def binary(name, ours, type, a_shape, b_shape, act=0, scales=(0.03, 0.05, 0.08), zeros=(7, -9, 3),
           b_const=False, kind="random"):
    options = getattr(schema, {"add": "AddOptionsT", "sub": "SubOptionsT", "mul": "MulOptionsT"}[ours])()
    options.fusedActivationFunction = ACT_IN_FILE[act]
    shift = 128 if type == "u8" else 0
    a = feed(type, a_shape, scales[0], zeros[0] + shift, kind)
    b = feed(type, b_shape, scales[1], zeros[1] + shift, kind, feed=not b_const)
    shape = np.broadcast_shapes(a_shape, b_shape)
    out = Tensor(type, shape) if type == "f32" else Tensor(type, shape, scales[2], zeros[2] + shift)
    case(name, ours, ours.upper(), ours.capitalize() + "Options", options, [a, b], out, [act])


def eltwise():
    for ours in ("add", "sub", "mul"):
        out_scale = {"add": 0.08, "sub": 0.06, "mul": 0.05}[ours]
        for type in ("f32", "u8", "i8"):
            s = (0.03, 0.05, out_scale)
            binary(f"{type}_same", ours, type, (1, 5, 7, 6), (1, 5, 7, 6), 0, s)
            binary(f"{type}_relu", ours, type, (2, 3, 4, 5), (2, 3, 4, 5), 1, s)
            binary(f"{type}_relu6", ours, type, (1, 3, 4, 19), (1, 3, 4, 19), 2, s)
            binary(f"{type}_relu1", ours, type, (30,), (30,), 3, s)
            binary(f"{type}_channel", ours, type, (2, 3, 4, 5), (1, 1, 1, 5), 0, s)
            binary(f"{type}_channel_left", ours, type, (2, 1, 1, 5), (2, 3, 4, 5), 0, s)
            binary(f"{type}_vector", ours, type, (1, 3, 4, 5), (5,), 0, s, b_const=True)
            binary(f"{type}_one", ours, type, (1, 3, 4, 5), (1,), 0, s, b_const=True)
            binary(f"{type}_one_left", ours, type, (1, 1), (4, 9), 0, s)
            binary(f"{type}_map", ours, type, (1, 3, 4, 5), (1, 3, 4, 1), 0, s)
            binary(f"{type}_row_and_column", ours, type, (1, 3, 1, 4), (1, 1, 5, 4), 0, s)
        for type in ("u8", "i8"):
            for i, (s, z) in enumerate([((0.5, 0.5, 1.0), (0, 0, 0)),
                                        ((0.25, 0.125, 0.5), (-128, 127, -128)),
                                        ((0.011, 1.7, 0.9), (100, -100, 20)),
                                        ((0.02, 0.0003, 0.013), (127, 5, -90))]):
                binary(f"{type}_scales_{i}", ours, type, (7, 41), (7, 41), 0, s, z)
                binary(f"{type}_edges_{i}", ours, type, (4, 9), (4, 9), 0, s, z, kind="edges")


def unary():
    acts = {1: "RELU", 2: "RELU6", 3: "RELU_N1_TO_1"}
    for act, operator in acts.items():
        case(f"f32_{act}", "relu", operator, None, None, [feed("f32", (1, 3, 5, 7))],
             Tensor("f32", (1, 3, 5, 7)), [act])
        for type in ("u8", "i8"):
            shift = 128 if type == "u8" else 0
            for i, (si, zi, so, zo) in enumerate([(0.05, 3, 0.05, 3), (0.05, 3, 0.03, -20),
                                                  (0.1, -128, 0.11, -128), (0.013, 127, 0.02, 0)]):
                case(f"{type}_{act}_{i}", "relu", operator, None, None,
                     [feed(type, (1, 4, 8, 8), si, zi + shift, "all")],
                     Tensor(type, (1, 4, 8, 8), so, zo + shift), [act])
    special = np.array([0, -0.0, 1e-3, -1e-3, 3, -3, 6, 20, -20, 88, -88, 100, -100], np.float32)
    for ours, operator in (("logistic", "LOGISTIC"), ("hard_swish", "HARD_SWISH")):
        case("f32", ours, operator, None, None, [feed("f32", (1, 4, 4, 9))],
             Tensor("f32", (1, 4, 4, 9)))
        case("f32_special", ours, operator, None, None, [Tensor("f32", (13,), data=special)],
             Tensor("f32", (13,)))
    scales = np.concatenate([[1 / 16, 1 / 32, 0.1, 0.0235, 0.5], rng.uniform(0.001, 0.4, 15)])
    for type in ("u8", "i8"):
        low = 0 if type == "u8" else -128
        for i, scale in enumerate(scales):
            zero = low + int([128, 0, 255, 3, 200][i % 5])
            x = feed(type, (16, 16), scale, zero, "all")
            case(f"{type}_{i}", "logistic", "LOGISTIC", None, None, [x],
                 Tensor(type, (16, 16), 1 / 256, low))
            out_scale = [scale, scale * 1.3, 0.0235, scale * 0.3, scale * 2][i % 5]
            case(f"{type}_{i}", "hard_swish", "HARD_SWISH", None, None, [x],
                 Tensor(type, (16, 16), out_scale, low + int([100, 14, 128, 4][i % 4])))


def quantization():
    options = schema.QuantizeOptionsT()
    ties = (np.arange(200, dtype=np.float32) - 100) / 2
    wide = np.concatenate([ties, rng.normal(0, 60, 180), [1e6, -1e6, 0, -0.0]]).astype(np.float32)
    for type in ("u8", "i8"):
        shift = 128 if type == "u8" else 0
        for i, (s, z) in enumerate([(1.0, 0), (0.5, -128), (0.0078, 127), (0.37, -5)]):
            x = Tensor("f32", (len(wide),), data=wide)
            case(f"f32_{type}_{i}", "quantize", "QUANTIZE", "QuantizeOptions", options, [x],
                 Tensor(type, x.shape, s, z + shift))
        for to in ("u8", "i8"):
            to_shift = 128 if to == "u8" else 0
            for i, (s, z, so, zo) in enumerate([(0.1, 0, 0.1, 0), (0.5, -128, 0.25, 127),
                                                (0.02, 9, 0.035, -40), (0.3, 3, 0.6, 3)]):
                case(f"{type}_{to}_{i}", "quantize", "QUANTIZE", "QuantizeOptions", options,
                     [feed(type, (16, 16), s, z + shift, "all")],
                     Tensor(to, (16, 16), so, zo + to_shift))
        for i, (s, z) in enumerate([(0.1, 0), (1 / 256, -128), (0.0371, 17)]):
            case(f"{type}_{i}", "dequantize", "DEQUANTIZE", "DequantizeOptions",
                 schema.DequantizeOptionsT(), [feed(type, (16, 16), s, z + shift, "all")],
                 Tensor("f32", (16, 16)))
    halves = np.concatenate([np.array([0x0000, 0x8000, 0x0001, 0x83ff, 0x0400, 0x7bff, 0xfbff,
                                       0x7c00, 0xfc00, 0x3c00], np.uint16).view(np.float16),
                             rng.normal(0, 3, 90).astype(np.float16)])
    case("f16", "dequantize", "DEQUANTIZE", "DequantizeOptions", schema.DequantizeOptionsT(),
         [Tensor("f16", (10, 10), data=halves, feed=False)], Tensor("f32", (10, 10)))


# ---- Pools, means, softmax, arg-max ----------------------------------------------------------------

def pool(name, ours, type, in_shape, k, s, same, act=0, kind="random", scale=0.05, zero=10):
    options = schema.Pool2DOptionsT()
    options.padding = 0 if same else 1
    options.filterHeight, options.filterWidth = k
    options.strideH, options.strideW = s
    options.fusedActivationFunction = ACT_IN_FILE[act]
    zero = zero + (128 if type == "u8" else 0)
    n, h, w, c = in_shape
    out_shape = (n, out_extent(h, k[0], s[0], 1, same), out_extent(w, k[1], s[1], 1, same), c)
    out = Tensor(type, out_shape) if type == "f32" else Tensor(type, out_shape, scale, zero)
    operator = "AVERAGE_POOL_2D" if ours == "avg_pool" else "MAX_POOL_2D"
    is_global = k == (h, w) and not same
    case(name, ours, operator, "Pool2DOptions", options,
         [feed(type, in_shape, scale, zero, kind)], out,
         window(*k, *s, 1, 1, same, act) + [is_global])


def pools():
    for ours in ("avg_pool", "max_pool"):
        for type in ("f32", "u8", "i8"):
            pool(f"{type}_2x2", ours, type, (1, 6, 8, 5), (2, 2), (2, 2), False)
            pool(f"{type}_3x3_same", ours, type, (2, 7, 6, 3), (3, 3), (2, 2), True)
            pool(f"{type}_3x3_s1_relu6", ours, type, (1, 5, 5, 7), (3, 3), (1, 1), True, 2)
            pool(f"{type}_relu", ours, type, (1, 5, 5, 7), (2, 3), (1, 2), True, 1)
            pool(f"{type}_relu1", ours, type, (1, 5, 5, 7), (2, 2), (1, 1), False, 3)
            pool(f"{type}_global", ours, type, (2, 7, 7, 6), (7, 7), (1, 1), False)
            pool(f"{type}_edges", ours, type, (1, 8, 8, 3), (2, 2), (1, 1), False, kind="edges")


def mean(name, type, shape, axes, keep, s=(0.05, 0.02), z=(10, -20), kind="random"):
    options = schema.ReducerOptionsT()
    options.keepDims = keep
    shift = 128 if type == "u8" else 0
    out_shape = [1 if i in axes else d for i, d in enumerate(shape) if keep or i not in axes]
    x = feed(type, shape, s[0], z[0] + shift, kind)
    out = Tensor(type, out_shape) if type == "f32" else Tensor(type, out_shape, s[1], z[1] + shift)
    mask = sum(1 << a for a in axes)
    case(name, "mean", "MEAN", "ReducerOptions", options, [x], out, [mask, keep],
         extra=[constant_i32(axes)])


def means():
    for type in ("f32", "u8", "i8"):
        mean(f"{type}_map_keep", type, (2, 7, 7, 9), (1, 2), True)
        mean(f"{type}_map", type, (2, 7, 5, 9), (1, 2), False)
        mean(f"{type}_swapped", type, (1, 3, 5, 6), (2, 1), True)
        mean(f"{type}_last", type, (3, 4, 10), (2,), False)
        mean(f"{type}_last_keep", type, (2, 3, 4, 10), (3,), True)
        mean(f"{type}_first", type, (6, 5), (0,), False)
        mean(f"{type}_channels_and_rows", type, (2, 3, 4, 5), (1, 3), False)
        mean(f"{type}_all", type, (2, 3, 4, 5), (0, 1, 2, 3), True)
        if type == "f32":
            continue
        for i, (s, z) in enumerate([((0.05, 0.05), (0, 0)), ((0.5, 0.25), (-128, -128)),
                                    ((0.01, 0.9), (127, 3)), ((0.9, 0.011), (5, 60))]):
            for kind in ("random", "low", "high", "edges"):
                mean(f"{type}_scales_{i}_{kind}", type, (1, 4, 4, 20), (1, 2), True, s, z, kind)


def softmaxes():
    for i, (shape, beta, spread) in enumerate([((2, 11), 1.0, 3.0), ((1, 2, 3, 20), 0.5, 8.0),
                                               ((1, 101), 1.0, 30.0)]):
        options = schema.SoftmaxOptionsT()
        options.beta = beta
        case(f"f32_{i}", "softmax", "SOFTMAX", "SoftmaxOptions", options,
             [feed("f32", shape, spread=spread)], Tensor("f32", shape), real=beta)
    for type in ("u8", "i8"):
        low = 0 if type == "u8" else -128
        for i, (shape, scale, beta, kind) in enumerate([
                ((4, 101), 0.1, 1.0, "random"), ((2, 101), 0.016, 1.0, "random"),
                ((2, 256), 0.06, 1.0, "all"), ((1, 256), 0.3, 1.0, "all"),
                ((1, 256), 0.005, 1.0, "all"), ((3, 10), 0.1, 1.0, "edges"),
                ((1, 400), 0.2, 1.0, "low"), ((2, 3, 7), 2.5, 1.0, "random"),
                ((3, 21), 0.17, 0.5, "random"), ((1, 1001), 0.18, 1.0, "random")]):
            options = schema.SoftmaxOptionsT()
            options.beta = beta
            x = feed(type, shape, scale, low + 77, kind)
            if kind == "random":  # rows with few large values, as logits are
                x.data = (low + np.clip(rng.normal(90, 35, shape), 0, 255)).astype(x.data.dtype)
            case(f"{type}_{i}", "softmax", "SOFTMAX", "SoftmaxOptions", options, [x],
                 Tensor(type, shape, 1 / 256, low), real=beta)


def arg_maxes():
    for type in ("f32", "u8", "i8"):
        for to in ("i32", "i64"):
            options = schema.ArgMaxOptionsT()
            options.outputType = TYPES[to][0]
            for shape, axis in (((2, 3, 4, 21), 3), ((2, 7, 3), 1), ((5,), 0)):
                x = feed(type, shape, 0.1, 0)
                if type != "f32":
                    x.data = x.data // 32 * 16  # many equal maxima
                out = [d for i, d in enumerate(shape) if i != axis]
                case(f"{type}_{to}_{axis}", "arg_max", "ARG_MAX", "ArgMaxOptions", options, [x],
                     Tensor(to, out), [axis, OUR_TYPE[to]], extra=[constant_i32([axis])])


# ---- Moving and resizing ---------------------------------------------------------------------------

def moves():
    for type in ("f32", "u8", "i8"):
        quant = {} if type == "f32" else dict(scale=0.1, zero=100 if type == "u8" else -7)
        for i, (shape, pads) in enumerate([((1, 4, 5, 3), ((0, 0), (1, 2), (0, 1), (0, 0))),
                                           ((2, 2, 3, 2), ((1, 0), (0, 1), (2, 0), (1, 2))),
                                           ((3, 4), ((1, 1), (0, 3)))]):
            out_shape = [d + b + a for d, (b, a) in zip(shape, pads)]
            before = [b for b, _ in pads] + [0] * (4 - len(pads))
            after = [a for _, a in pads] + [0] * (4 - len(pads))
            case(f"{type}_{i}", "pad", "PAD", "PadOptions", schema.PadOptionsT(),
                 [feed(type, shape, **quant)], Tensor(type, out_shape, **quant), before + after,
                 extra=[constant_i32(pads)])
        for i, (shapes, axis) in enumerate([(((1, 3, 4, 5), (1, 3, 4, 2), (1, 3, 4, 7)), 3),
                                            (((2, 1, 3, 4), (2, 2, 3, 4)), 1),
                                            (((1, 2, 2, 3), (1, 2, 5, 3)), 2),
                                            (((3, 4), (2, 4)), 0), (((6,), (9,)), 0)]):
            options = schema.ConcatenationOptionsT()
            options.axis = axis
            options.fusedActivationFunction = 0
            ins = [feed(type, s, **quant) for s in shapes]
            out_shape = list(shapes[0])
            out_shape[axis] = sum(s[axis] for s in shapes)
            case(f"{type}_{i}", "concat", "CONCATENATION", "ConcatenationOptions", options, ins,
                 Tensor(type, out_shape, **quant), [axis])
        new_shape = [1, 6, -1]
        options = schema.ReshapeOptionsT()
        options.newShape = new_shape
        case(f"{type}", "reshape", "RESHAPE", "ReshapeOptions", options,
             [feed(type, (2, 3, 4, 5), **quant)], Tensor(type, (1, 6, 20), **quant),
             [3] + new_shape, extra=[constant_i32(new_shape)])
    options = schema.ConcatenationOptionsT()
    options.axis, options.fusedActivationFunction = 2, 0
    for i, (a, b, o) in enumerate([((0.1, 3), (0.2, 130), (0.15, 99)), ((0.5, 0), (1.0, 0), (1.0, 0)),
                                   ((0.02, 255), (0.07, 12), (0.05, 128))]):
        case(f"u8_scales_{i}", "concat", "CONCATENATION", "ConcatenationOptions", options,
             [feed("u8", (1, 4, 64), *a, "all"), feed("u8", (1, 4, 64), *b, "all")],
             Tensor("u8", (1, 4, 128), *o), [2])


def resizes():
    sizes = [((1, 3, 4, 2), (7, 9)), ((2, 7, 6, 3), (4, 3)), ((1, 1, 1, 5), (3, 2)),
             ((1, 5, 5, 1), (1, 1)), ((1, 4, 4, 3), (8, 8)), ((1, 9, 5, 2), (9, 5)),
             ((1, 5, 7, 2), (17, 13))]
    for ours, operator, options_name in (
            ("resize_bilinear", "RESIZE_BILINEAR", "ResizeBilinearOptions"),
            ("resize_nearest", "RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighborOptions")):
        for type in ("f32", "u8", "i8"):
            quant = {} if type == "f32" else dict(scale=0.1, zero=100 if type == "u8" else -7)
            for corners, half in ((0, 0), (1, 0), (0, 1)):
                for i, (shape, size) in enumerate(sizes):
                    options = getattr(schema, options_name + "T")()
                    options.alignCorners, options.halfPixelCenters = bool(corners), bool(half)
                    case(f"{type}_{corners}{half}_{i}", ours, operator, options_name, options,
                         [feed(type, shape, **quant)],
                         Tensor(type, (shape[0], *size, shape[3]), **quant),
                         [corners, half, *size], extra=[constant_i32(size)])


def write(folder):
    for ours, cases in sorted(files.items()):
        with open(os.path.join(folder, ours + ".bin"), "wb") as f:
            f.write(b"MNOPS1\0\0" + struct.pack("<I", len(cases)) + b"".join(cases))
        print(f"{ours}: {len(cases)} cases")


def main():
    for part in (layers, eltwise, unary, quantization, pools, means, softmaxes, arg_maxes, moves,
                 resizes, transposed, space_batches):
        part()
    write(sys.argv[1])


if __name__ == "__main__":
    main()
