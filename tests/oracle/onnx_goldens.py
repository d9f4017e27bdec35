# SPDX-License-Identifier: Apache-2.0
"""Small networks as ONNX files, with what onnxruntime computes, for tests/golden/test_onnx.c.

usage: onnx_goldens.py TESTS_FOLDER   (packages: onnx 1.23, onnxruntime 1.32, numpy)

golden/onnx/NAME.onnx and NAME_HxWxB.f32: the input and the output of one run at height H, width W
and batch B, maps in the order n, h, w, c. fuzz/corpus/onnx/bad_*.onnx: files to be refused.
"""
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

rng = np.random.default_rng(20)


class Net:
    """A graph under construction: op() adds a node and gives its output's name."""

    def __init__(self, opset, shape, input_name="input", kind=TensorProto.FLOAT):
        self.opset, self.nodes, self.weights = opset, [], []
        self.input = helper.make_tensor_value_info(input_name, kind, shape)

    def const(self, array, name=None):
        name = name or f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def rand(self, *shape, scale=0.5):
        return self.const((rng.standard_normal(shape) * scale).astype(np.float32))

    def op(self, kind, *inputs, name=None, **attributes):
        out = name or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [out], name=out, **attributes))
        return out

    def conv(self, x, oc, ic, k=3, groups=1, bias=True, **attributes):
        inputs = [x, self.rand(oc, ic // groups, k, k)] + ([self.rand(oc)] if bias else [])
        attributes.setdefault("kernel_shape", [k, k])
        return self.op("Conv", *inputs, group=groups, **attributes)

    def norm(self, x, c):
        positive = lambda: self.const((rng.random(c) + 0.5).astype(np.float32))
        return self.op("BatchNormalization", x, positive(), self.rand(c), self.rand(c), positive(),
                       epsilon=1e-3)

    def split(self, x, count, *inputs, **attributes):
        outs = [f"split_{len(self.nodes)}_{i}" for i in range(count)]
        self.nodes.append(helper.make_node("Split", [x, *inputs], outs, name=outs[0], **attributes))
        return outs

    def model(self, outputs, kind=TensorProto.FLOAT):
        infos = [helper.make_tensor_value_info(o, kind, None) for o in outputs]
        graph = helper.make_graph(self.nodes, "net", [self.input], infos, self.weights)
        opset = [helper.make_opsetid("", self.opset)]
        return helper.make_model(graph, opset_imports=opset, ir_version=8, producer_name="golden")


def torch_like():
    """As torch exports MobileNetV3: folded and unfolded norms, squeeze-and-excitation."""
    n = Net(14, ["batch", 3, 16, 20])
    x = n.op("HardSwish", n.norm(n.conv("input", 8, 3, bias=False, strides=[2, 2],
                                        pads=[1, 1, 1, 1]), 8))
    block = n.op("Relu", n.conv(x, 8, 8, groups=8, pads=[1, 1, 1, 1]))
    gate = n.op("Relu", n.conv(n.op("GlobalAveragePool", block), 4, 8, k=1))
    gate = n.op("HardSigmoid", n.conv(gate, 8, 4, k=1), alpha=1 / 6)
    block = n.norm(n.conv(n.op("Mul", gate, block), 8, 8, k=1), 8)
    x = n.op("Add", x, block)
    x = n.conv(x, 12, 8, k=1)
    x = n.op("Mul", x, n.op("HardSigmoid", x, alpha=1 / 6))
    x = n.op("Flatten", n.op("GlobalAveragePool", x), axis=1)
    x = n.op("Gemm", x, n.rand(10, 12), n.rand(10), transB=1)
    x = n.op("Identity", n.op("Dropout", x))
    return n.model([n.op("Gemm", x, n.rand(7, 10), n.rand(7), transB=1, name="output")])


def paddle_like():
    """As Paddle exports it: open sizes, hard-swish in pieces, constants as nodes, a computed shape.
    """
    n = Net(9, ["n", 3, "h", "w"], "x")

    def const(array):
        return n.op("Constant", value=numpy_helper.from_array(np.asarray(array)))

    def swish(x):
        gate = n.op("Clip", n.op("Add", x, const(np.float32(3))), min=0.0, max=6.0)
        return n.op("Div", n.op("Mul", x, gate), const(np.float32(6)))

    x = swish(n.norm(n.conv("x", 6, 3, bias=False, strides=[2, 1], pads=[1, 1, 1, 1]), 6))
    gate = n.op("HardSigmoid", n.conv(n.op("GlobalAveragePool", x), 6, 6, k=1), alpha=0.2, beta=0.5)
    x = n.op("Mul", x, gate)
    x = n.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2], pads=[0, 0, 0, 0])
    x = n.op("GlobalAveragePool", x)
    shape = n.op("Cast", n.op("Shape", x), to=TensorProto.INT32)
    batch = n.op("Cast", n.op("Slice", shape, axes=[0], starts=[0], ends=[1]), to=TensorProto.INT64)
    rest = n.op("Cast", const(np.array([6], np.int32)), to=TensorProto.INT64)
    x = n.op("Reshape", x, n.op("Concat", batch, rest, axis=0))
    x = n.op("Add", n.op("MatMul", x, n.rand(6, 4)), n.rand(4))
    return n.model([n.op("Softmax", x, axis=1, name="softmax")])


def flat_map():
    """A map of 2 x 3 flattened into fully connected layers, and clips with inputs."""
    n = Net(11, [1, 3, 9, 13])
    x = n.conv("input", 5, 3, strides=[2, 2], pads=[0, 1, 1, 0])
    x = n.op("Clip", x, n.const(np.float32(0)), n.const(np.float32(6)))
    x = n.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = n.op("Relu", n.op("Flatten", x))
    x = n.op("Gemm", x, n.rand(30, 6), n.rand(6), alpha=0.5, beta=2.0)
    return n.model([n.op("Sigmoid", x, name="output")])


def flat_matmul():
    n = Net(13, [1, 2, 6, 4])
    x = n.conv("input", 3, 2, strides=[2, 2], auto_pad="SAME_UPPER")
    x = n.op("Reshape", x, n.const(np.array([1, -1], np.int64)))
    return n.model([n.op("Gemm", x, n.rand(5, 18), transB=1, name="output")])


def tf_like():
    """As exporters from TensorFlow write: NHWC at the ends, SAME, depthwise with a multiplier."""
    n = Net(13, ["n", 17, 14, 3])
    x = n.op("Transpose", "input", perm=[0, 3, 1, 2])
    x = n.op("Relu", n.conv(x, 4, 3, strides=[2, 2], auto_pad="SAME_UPPER"))
    x = n.conv(x, 8, 4, groups=4, bias=False, dilations=[2, 2], pads=[1, 2, 2, 0])
    x = n.op("Clip", x, n.const(np.float32(-1)), n.const(np.float32(1)))
    x = n.op("ReduceMean", x, axes=[2, 3], keepdims=0)
    x = n.op("Add", n.op("MatMul", x, n.rand(8, 5)), n.rand(5))
    return n.model([n.op("Softmax", x, name="output")])


def odds_and_ends():
    n = Net(18, [1, 4, 10, 11])
    pads = n.const(np.array([0, 0, 1, 2, 0, 0, 3, 0], np.int64))
    x = n.op("Pad", "input", pads, n.const(np.float32(0)))
    a = n.op("AveragePool", x, kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1])
    b = n.op("Sub", n.op("Mul", a, n.rand(1, 4, 1, 1)), n.rand(4, 1, 1))
    c = n.op("Div", n.op("Clip", a, n.const(np.float32(0)), n.const(np.float32(1))),
             n.const(np.float32(3)))
    x = n.op("Concat", b, n.op("Sigmoid", c), a, axis=1)
    x = n.op("Clip", n.norm(x, 12), n.const(np.float32(0)))
    x = n.op("ReduceMean", x, n.const(np.array([-1, -2], np.int64)), keepdims=1)
    x = n.op("Squeeze", x, n.const(np.array([2, 3], np.int64)))
    x = n.op("Unsqueeze", x, n.const(np.array([2, 3], np.int64)))
    x = n.conv(x, 6, 12, k=1)
    size = n.op("Shape", x)
    batch = n.op("Unsqueeze", n.op("Gather", size, n.const(np.int64(0))),
                 n.const(np.array([0], np.int64)))
    x = n.op("Reshape", x, n.op("Concat", batch, n.const(np.array([-1], np.int64)), axis=0))
    return n.model([n.op("Softmax", x, name="output")])


def map_out():
    n = Net(12, ["n", 3, "h", "w"])
    x = n.conv("input", 4, 3, strides=[2, 2], pads=[1, 1, 1, 1])
    return n.model([n.op("Relu", x, name="output")])


def resizes():
    """Every way to lay grids over each other that is read; sizes computed and constant."""
    n = Net(13, ["n", 3, "h", "w"])
    small = n.conv("input", 4, 3, strides=[3, 2], pads=[1, 1, 1, 1])
    map_size = n.op("Slice", n.op("Shape", "input"), n.const(np.array([2], np.int64)),
                    n.const(np.array([4], np.int64)), n.const(np.array([0], np.int64)))
    head = n.op("Slice", n.op("Shape", small), n.const(np.array([0], np.int64)),
                n.const(np.array([2], np.int64)), n.const(np.array([0], np.int64)))
    sizes = n.op("Concat", head, map_size, axis=0)
    ways = [("linear", "half_pixel", "floor"), ("linear", "align_corners", "floor"),
            ("linear", "asymmetric", "floor"), ("nearest", "asymmetric", "floor"),
            ("nearest", "half_pixel", "round_prefer_ceil"),
            ("nearest", "tf_half_pixel_for_nn", "floor")]
    maps = [n.op("Resize", small, "", "", sizes, mode=mode, nearest_mode=rounding,
                 coordinate_transformation_mode=transform) for mode, transform, rounding in ways]
    return n.model([n.op("Concat", *maps, axis=1, name="output")])


def factors():
    """Resizes by constant factors: one size only."""
    n = Net(11, [1, 3, 4, 5])
    twice = n.const(np.array([1, 1, 2, 2], np.float32))
    empty = n.const(np.zeros(0, np.float32))
    a = n.op("Resize", "input", empty, twice, mode="linear",
             coordinate_transformation_mode="pytorch_half_pixel")
    b = n.op("Resize", "input", empty, empty, n.const(np.array([1, 3, 8, 10], np.int64)))
    return n.model([n.op("Concat", a, b, axis=1, name="output")])


def computed_pads():
    """SAME of stride 2 as PyTorch exports F.pad by numbers from the input's shape: a list filled up
    with zeros, as a table of pairs, from last to first, transposed."""
    n = Net(13, [1, 3, 9, 14])
    number = lambda *list_: n.const(np.array(list_, np.int64))
    one = lambda value: n.const(np.array(value, np.int64))
    pads = []
    for axis in (3, 2):
        extent = n.op("Gather", n.op("Shape", "input"), one(axis))
        half = n.op("Div", n.op("Cast", extent, to=TensorProto.FLOAT), n.const(np.float32(2)))
        outputs = n.op("Cast", n.op("Ceil", half), to=TensorProto.INT64)
        reach = n.op("Add", n.op("Mul", n.op("Sub", outputs, one(1)), one(2)), one(4))
        pad = n.op("Clip", n.op("Sub", reach, extent), one(0))
        before = n.op("Div", pad, one(2))
        pads += [n.op("Unsqueeze", x, number(0)) for x in (before, n.op("Sub", pad, before))]
    listed = n.op("Concat", *pads, axis=0)
    missing = n.op("Sub", number(8), n.op("Gather", n.op("Shape", listed), number(0)))
    zeros = n.op("ConstantOfShape", missing, value=numpy_helper.from_array(np.zeros(1, np.int64)))
    table = n.op("Reshape", n.op("Concat", listed, zeros, axis=0), number(-1, 2))
    least = number(np.iinfo(np.int64).min + 1)
    turned = n.op("Slice", table, number(-1), least, number(0), number(-1))
    flat = n.op("Reshape", n.op("Transpose", turned, perm=[1, 0]), number(-1))
    padded = n.op("Pad", "input", n.op("Cast", flat, to=TensorProto.INT64), n.const(np.float32(0)))
    return n.model([n.conv(padded, 4, 3, k=4, strides=[2, 2], name="output")])


def old_upsample():
    n = Net(9, [1, 3, 4, 5])
    a = n.op("Upsample", "input", n.const(np.array([1, 1, 2, 3], np.float32)), mode="nearest")
    b = n.op("Upsample", "input", n.const(np.array([1, 1, 2, 3], np.float32)), mode="linear")
    return n.model([n.op("Concat", a, b, axis=1, name="output")])


def detector_head():
    """As torchvision's SSDLite: the channels of a map split into anchors and moved last."""
    n = Net(13, ["n", 3, "h", "w"])
    rows = []
    x = "input"
    for _ in range(2):
        x = n.conv(x, 12, 3 if x == "input" else 12, strides=[2, 2], pads=[1, 1, 1, 1])
        shape = n.op("Shape", x)
        dim = lambda i: n.op("Unsqueeze", n.op("Gather", shape, n.const(np.int64(i))),
                             n.const(np.array([0], np.int64)))
        number = lambda i: n.const(np.array([i], np.int64))
        dims = n.op("Concat", dim(0), number(-1), number(4), dim(2), dim(3), axis=0)
        y = n.op("Reshape", x, dims)
        y = n.op("Transpose", y, perm=[0, 3, 4, 1, 2])
        rows.append(n.op("Reshape", y, n.op("Concat", dim(0), number(-1), number(4), axis=0)))
    return n.model([n.op("Concat", *rows, axis=1, name="output")])


def halves(narrow):
    """Weights as float16 between casts; the golden is the same network in float."""
    n = Net(13, [1, 3, 9, 7])
    kind = np.float16 if narrow else np.float32

    def weights(*shape):
        return n.const((rng.standard_normal(shape) * 300).astype(np.float16).astype(kind))

    x = n.op("Cast", "input", to=TensorProto.FLOAT16 if narrow else TensorProto.FLOAT)
    x = n.op("Conv", x, weights(8, 3, 3, 3), weights(8), kernel_shape=[3, 3])
    x = n.op("Clip", x, n.const(kind(0)))
    x = n.op("Conv", x, weights(8, 1, 3, 3), weights(8), kernel_shape=[3, 3], group=8)
    x = n.op("Flatten", n.op("GlobalAveragePool", x))
    x = n.op("Gemm", x, weights(5, 8), weights(5), transB=1)
    return n.model([n.op("Cast", x, to=TensorProto.FLOAT, name="output")])


def to_quantize():
    """What quantized networks have: layers with and without relu, a gate, sums, concat, pools."""
    n = Net(13, [1, 3, 15, 18])
    x = n.op("Relu", n.conv("input", 8, 3, strides=[2, 2], pads=[1, 1, 1, 1]))
    y = n.op("Clip", n.conv(x, 8, 8, groups=8, pads=[1, 1, 1, 1]), n.const(np.float32(0)),
             n.const(np.float32(6)))
    gate = n.op("Relu", n.conv(n.op("GlobalAveragePool", y), 4, 8, k=1))
    gate = n.op("HardSigmoid", n.conv(gate, 8, 4, k=1), alpha=1 / 6)
    y = n.op("Add", x, n.conv(n.op("Mul", gate, y), 8, 8, k=1))
    y = n.op("Concat", y, n.conv(x, 4, 8, k=1), axis=1)
    y = n.op("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2])
    y = n.op("Flatten", n.op("GlobalAveragePool", n.conv(y, 16, 12, k=1)))
    return n.model([n.op("Gemm", y, n.rand(10, 16), n.rand(10), transB=1, name="output")])


def parts():
    """Slices that fit every size, splits, maxima, clamps without Clip."""
    n = Net(13, ["n", 4, "h", "w"])
    ints = lambda *list_: n.const(np.array(list_, np.int64))
    x = n.conv("input", 8, 4, pads=[1, 1, 1, 1])
    inner = n.op("Slice", x, ints(1, 0, 2), ints(-1, 2**63 - 1, -3), ints(2, 3, 1))
    low = n.op("Min", n.op("Max", inner, n.const(np.float32(0))), n.const(np.float32(6)))
    a, b, c = n.split(x, 3, ints(2, 3, 3), axis=1)
    y = n.op("Sum", n.op("ReduceMax", n.op("Mul", b, c), axes=[2, 3], keepdims=1),
             n.op("GlobalAveragePool", low))
    y = n.op("Concat", n.op("Mul", b, y), a, axis=1)
    first, last = n.split(y, 2, ints(4, 1), axis=1)
    last = n.op("ReduceMax", last, axes=[-1, 2], keepdims=0)
    return n.model([n.op("Mul", n.op("ReduceMean", first, axes=[2, 3], keepdims=0), last,
                         name="output")])


def old_parts():
    """As exporters before opset 10 write: slices and splits by attributes, factors of a resize
    computed from shapes."""
    n = Net(9, ["n", 3, "h", "w"])
    small = n.conv("input", 6, 3, strides=[2, 2], pads=[1, 1, 1, 1])
    a, b = n.split(small, 2, axis=1)
    c = n.op("Slice", n.conv(a, 5, 3, pads=[1, 1, 1, 1]), starts=[1], ends=[-1], axes=[1])
    size = lambda x: n.op("Cast", n.op("Slice", n.op("Shape", x), starts=[2], ends=[4], axes=[0]),
                          to=TensorProto.FLOAT)
    factors = lambda x: n.op("Concat", n.const(np.ones(2, np.float32)),
                             n.op("Div", size("input"), size(x)), axis=0)
    both = n.op("Add", b, c)
    large = n.op("Upsample", both, factors(both), mode="nearest")
    smooth = n.op("Upsample", a, factors(a), mode="linear")
    return n.model([n.op("Concat", n.conv(large, 2, 3, k=1), smooth, axis=1, name="output")])


def byte_input():
    """A picture of bytes, channels last, normalized by the network."""
    n = Net(13, ["n", 9, 7, 3], kind=TensorProto.UINT8)
    x = n.op("Transpose", n.op("Cast", "input", to=TensorProto.FLOAT), perm=[0, 3, 1, 2])
    x = n.op("Div", n.op("Sub", x, n.const(np.float32(127.5))), n.const(np.float32(64)))
    x = n.op("GlobalAveragePool", n.op("Relu", n.conv(x, 6, 3)))
    return n.model([n.op("Gemm", n.op("Flatten", x), n.rand(5, 6), n.rand(5), transB=1,
                         name="output")])


def coded_ends(weights):
    """Codes in, codes out: uint8 at both ends, whatever the network computes with."""
    n = Net(13, ["n", 3, 6, 5], kind=TensorProto.UINT8)
    code = lambda kind, zero: n.const(kind(zero))
    scales = [n.const(np.float32(s)) for s in (0.031, 0.007, 0.047)]
    zeros = [code(np.uint8, 121), code(weights, 0 if weights == np.int8 else 133),
             code(np.uint8, 97)]
    w = n.const(rng.integers(-90, 90, (4, 3, 3, 3)).astype(np.int16).astype(weights))
    x = n.op("Conv", n.op("DequantizeLinear", "input", scales[0], zeros[0]),
             n.op("DequantizeLinear", w, scales[1], zeros[1]), kernel_shape=[3, 3])
    return n.model([n.op("QuantizeLinear", x, scales[2], zeros[2], name="output")],
                   TensorProto.UINT8)


def codes_of(kind):
    """Every operator between codes that has no weights, each with scales of its own."""
    n = Net(14, [1, 8, 9, 11])
    middle = 128 if kind == np.uint8 else 0

    def code(x, step, zero=0):
        scale, zero = n.const(np.float32(step)), n.const(kind(middle + zero))
        return n.op("DequantizeLinear", n.op("QuantizeLinear", x, scale, zero), scale, zero)

    x = code("input", 0.0173, 5)
    y = code(n.op("HardSwish", x), 0.00971, -90)
    gate = code(n.op("GlobalAveragePool", y), 0.00391, -100)
    gate = code(n.op("HardSigmoid", gate, alpha=1 / 6), 0.00397, -127)
    parts = [code(n.op("Add", x, y), 0.0219, 11), code(n.op("Sub", y, x), 0.0171, -3),
             code(n.op("Mul", x, y), 0.0137, 21), code(n.op("Mul", gate, x), 0.0113, 2),
             code(n.op("Sigmoid", x), 0.00391, -128), code(n.op("Relu", x), 0.0157, -30),
             code(n.op("Clip", y, n.const(np.float32(0)), n.const(np.float32(6))), 0.0093, -128)]
    for pads in ([0, 0, 0, 0], [1, 1, 1, 1]):
        pooled = n.op("AveragePool", parts[0], kernel_shape=[3, 3], strides=[2, 2], pads=pads)
        pooled = code(pooled, 0.0139, -7)
        largest = n.op("MaxPool", parts[0], kernel_shape=[3, 3], strides=[2, 2], pads=pads)
        pooled = code(n.op("Add", pooled, code(largest, 0.0219, 11)), 0.0313, 3)
        sizes = n.const(np.array([1, 8, 9, 11], np.int64))
        parts.append(code(n.op("Resize", pooled, "", "", sizes, mode="nearest",
                               coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
                          0.0313, 3))
    return n.model([n.op("Identity", code(n.op("Concat", *parts, axis=1), 0.0211, 0),
                         name="output")])


class Pictures(CalibrationDataReader):
    def __init__(self):
        numbers = np.random.default_rng(3)
        self.left = [numbers.standard_normal((1, 3, 15, 18)).astype(np.float32) for _ in range(8)]

    def get_next(self):
        return {"input": self.left.pop()} if self.left else None


def quantized(model, way, activations, weights, per_channel):
    with tempfile.TemporaryDirectory() as folder:
        plain, coded = f"{folder}/plain.onnx", f"{folder}/coded.onnx"
        Path(plain).write_bytes(model.SerializeToString())
        quantize_static(plain, coded, Pictures(), quant_format=way, per_channel=per_channel,
                        activation_type=activations, weight_type=weights, reduce_range=per_channel,
                        extra_options={"ActivationSymmetric": activations == QuantType.QInt8})
        return onnx.load(coded)


def output_step(model):
    """The scale of the DequantizeLinear that writes the output."""
    producers = {out: n for n in model.graph.node for out in n.output}
    last = producers[model.graph.output[0].name]
    if last.op_type == "Identity":
        last = producers[last.input[0]]
    scale = next(w for w in model.graph.initializer if w.name == last.input[1])
    return numpy_helper.to_array(scale).astype("<f4").tobytes()


def write_quantized(goldens, corpus):
    """As the files' own arithmetic gives them: onnxruntime without optimization. The step of the
    output's codes is the last number of a golden. Weights of 7 bits where activations are u8 and
    weights i8: without VNNI onnxruntime's sums of such products saturate at 16 bits."""
    i8, u8 = QuantType.QInt8, QuantType.QUInt8
    model = to_quantize()
    for name, way, activations, weights, per_channel in (
            ("qdq_i8_channels", QuantFormat.QDQ, i8, i8, True),
            ("qdq_u8", QuantFormat.QDQ, u8, u8, False),
            ("qdq_u8_i8", QuantFormat.QDQ, u8, i8, False),
            ("qop_i8", QuantFormat.QOperator, i8, i8, False),
            ("qop_u8", QuantFormat.QOperator, u8, u8, False),
            ("qop_u8_channels", QuantFormat.QOperator, u8, u8, True)):
        coded = quantized(model, way, activations, weights, per_channel)
        write(goldens, name, coded, [(15, 18, 1)], 3, optimized=False)
        with open(goldens / f"{name}_15x18x1.f32", "ab") as file:
            file.write(output_step(coded))
        if name in ("qdq_u8_i8", "qop_u8_channels"):
            (corpus / f"{name}.onnx").write_bytes((goldens / f"{name}.onnx").read_bytes())


def resized_codes(kind):
    """Codes resized as integers, which QLinear files of segmenters do; without i8 weights u8 stays
    u8, so that there are some."""
    n = Net(13, [1, 3, 6, 7])
    scale, zero = n.const(np.float32(0.023)), n.const(kind(17 if kind == np.int8 else 117))
    x = n.op("QuantizeLinear", "input", scale, zero)
    for transform, sizes in (("half_pixel", [1, 3, 11, 15]), ("align_corners", [1, 3, 22, 29]),
                             ("asymmetric", [1, 3, 13, 40])):
        x = n.op("Resize", x, "", "", n.const(np.array(sizes, np.int64)), mode="linear",
                 coordinate_transformation_mode=transform)
    weights = n.op("DequantizeLinear", n.const(np.eye(3, dtype=np.int8).reshape(3, 3, 1, 1)),
                   n.const(np.float32(1)), n.const(np.int8(0)))
    x = n.op("Conv", n.op("DequantizeLinear", x, scale, zero), weights)
    return n.model([n.op("DequantizeLinear", n.op("QuantizeLinear", x, scale, zero), scale, zero,
                         name="output")])


def write_codes(goldens):
    """With onnxruntime's integer kernels where it has them: ours must give the same codes."""
    for name, kind in (("codes_i8", np.int8), ("codes_u8", np.uint8)):
        model = codes_of(kind)
        write(goldens, name, model, [(9, 11, 1)], 8)
        with open(goldens / f"{name}_9x11x1.f32", "ab") as file:
            file.write(output_step(model))


def bad_models():
    def net(build, opset=13, shape=(1, 4, 6, 6)):
        n = Net(opset, list(shape))
        return n.model([build(n)])

    yield "groups", net(lambda n: n.conv("input", 4, 4, groups=2))
    yield "operator", net(lambda n: n.op("Erf", "input"))
    yield "transpose", net(lambda n: n.op("Transpose", "input", perm=[0, 1, 3, 2]))
    yield "reshape", net(lambda n: n.op("Reshape", "input",
                                        n.const(np.array([1, 2, 12, 6], np.int64))))
    yield "flat_output", net(lambda n: n.op("Flatten", "input"))
    yield "clip", net(lambda n: n.op("Clip", "input", n.const(np.float32(0)),
                                     n.const(np.float32(2))))
    yield "opset", net(lambda n: n.op("Relu", "input"), opset=6)
    yield "unwritten", net(lambda n: n.op("Add", "input", "nobody"))
    yield "channels", net(lambda n: n.op("Relu", "input"), shape=(1, "c", 6, 6))
    yield "softmax", net(lambda n: n.op("Softmax", "input", axis=2))
    yield "double", net(lambda n: n.op("Add", "input", n.const(np.float64(1))))
    yield "cubic", net(lambda n: n.op("Resize", "input", "", "",
                                      n.const(np.array([1, 4, 12, 12], np.int64)), mode="cubic"))
    yield "five_dims", net(lambda n: n.op("Relu", n.op("Reshape", "input", n.const(
        np.array([1, 2, 2, 6, 6], np.int64)))))
    ints = lambda n, *list_: n.const(np.array(list_, np.int64))
    yield "slice_batch", net(lambda n: n.op("Slice", "input", ints(n, 0), ints(n, 1), ints(n, 0)))
    yield "slice_nothing", net(lambda n: n.op("Slice", "input", ints(n, 5), ints(n, 5), ints(n, 2)))
    yield "slice_steps", net(lambda n: n.op("Slice", "input", ints(n, 0), ints(n, 6), ints(n, 2),
                                            ints(n, 2)))
    yield "split", net(lambda n: n.split("input", 2, ints(n, 1, 2), axis=1)[0])
    yield "minimum", net(lambda n: n.op("Min", "input", n.const(np.float32(6))))
    yield "reduce", net(lambda n: n.op("ReduceMax", "input", axes=[1]))
    integers = Net(13, [1, 4, 6, 6], kind=TensorProto.INT64)
    yield "integers", integers.model([integers.op("Cast", "input", to=TensorProto.FLOAT)])
    raw = Net(13, [1, 4, 6, 6], kind=TensorProto.UINT8)
    yield "raw", raw.model([raw.op("Relu", "input")])
    yield "sized_weight", net(lambda n: n.op("Mul", "input", n.op("Cast", n.op(
        "Slice", n.op("Shape", "input"), ints(n, 2), ints(n, 3)), to=TensorProto.FLOAT)))
    yield "domain", net(lambda n: n.op("Relu", "input", domain="com.example"))
    twice = net(lambda n: n.op("Relu", n.op("Relu", "input", name="a"), name="b"))
    twice.graph.node[1].output[0] = "a"
    yield "twice", twice
    outside = net(lambda n: n.conv("input", 4, 4))
    weights = outside.graph.initializer[0]
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="../weights.bin")
    yield "outside", outside
    short = net(lambda n: n.conv("input", 4, 4))
    short.graph.initializer[0].raw_data = short.graph.initializer[0].raw_data[:-4]
    yield "short", short


def to_last(array):
    return array.transpose(0, 2, 3, 1) if array.ndim == 4 else array


def write(folder, name, model, sizes, channels, channels_last=False, optimized=True, kind=None):
    (folder / f"{name}.onnx").write_bytes(model.SerializeToString())
    options = onnxruntime.SessionOptions()
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options,
                                           providers=["CPUExecutionProvider"])
    for h, w, batch in sizes:
        # Another size than the file states: onnxruntime takes it from the shapes that it is given.
        x = rng.standard_normal((batch, channels, h, w)).astype(np.float32)
        if kind:
            x = rng.integers(0, 256, x.shape).astype(kind)
        given = to_last(x) if channels_last else x
        out = session.run(None, {session.get_inputs()[0].name: np.ascontiguousarray(given)})[0]
        plain = lambda a: a if a.dtype == np.uint8 else a.astype("<f4")
        data = [np.ascontiguousarray(to_last(plain(a))).tobytes() for a in (x, out)]
        (folder / f"{name}_{h}x{w}x{batch}.f32").write_bytes(b"".join(data))


def unpacked_floats(model):
    """The same weights as float_data, which old exporters write."""
    for weights in model.graph.initializer:
        if weights.data_type == TensorProto.FLOAT:
            numbers = numpy_helper.to_array(weights).ravel()
            weights.ClearField("raw_data")
            weights.float_data.extend(numbers.tolist())
        elif weights.data_type == TensorProto.INT64:
            numbers = numpy_helper.to_array(weights).ravel()
            weights.ClearField("raw_data")
            weights.int64_data.extend(numbers.tolist())
    return model


def weights_as_inputs(model):
    """Every initializer is listed as an input too, as files of IR version 3 must."""
    for weights in model.graph.initializer:
        model.graph.input.append(helper.make_tensor_value_info(weights.name, weights.data_type,
                                                               list(weights.dims)))
    return model


def main():
    tests = Path(sys.argv[1])
    goldens, corpus = tests / "golden/onnx", tests / "fuzz/corpus/onnx"
    goldens.mkdir(parents=True, exist_ok=True)
    corpus.mkdir(parents=True, exist_ok=True)
    write(goldens, "torch_like", torch_like(), [(16, 20, 1), (16, 20, 3)], 3)
    write(goldens, "paddle_like", paddle_like(), [(12, 20, 1), (17, 9, 2)], 3)
    write(goldens, "flat_map", flat_map(), [(9, 13, 1)], 3)
    write(goldens, "flat_matmul", weights_as_inputs(unpacked_floats(flat_matmul())), [(6, 4, 1)], 2)
    write(goldens, "tf_like", tf_like(), [(17, 14, 1), (17, 14, 2)], 3, channels_last=True)
    write(goldens, "odds_and_ends", unpacked_floats(odds_and_ends()), [(10, 11, 1)], 4)
    write(goldens, "map_out", map_out(), [(7, 8, 1)], 3)
    for name, model in bad_models():
        (corpus / f"bad_{name}.onnx").write_bytes(model.SerializeToString())
    write(goldens, "resizes", resizes(), [(9, 11, 1), (6, 7, 2)], 3)
    write(goldens, "factors", factors(), [(4, 5, 1)], 3)
    write(goldens, "old_upsample", old_upsample(), [(4, 5, 1)], 3)
    write(goldens, "detector_head", detector_head(), [(9, 14, 1), (12, 7, 2)], 3)
    state = rng.bit_generator.state
    write(goldens, "halves", halves(False), [(9, 7, 1)], 3)
    rng.bit_generator.state = state
    (goldens / "halves.onnx").write_bytes(halves(True).SerializeToString())
    write_quantized(goldens, corpus)
    outside = torch_like()
    write(goldens, "outside", outside, [(16, 20, 1)], 3)
    onnx.save_model(outside, goldens / "outside.onnx", save_as_external_data=True,
                    location="outside.weights", size_threshold=0)
    (corpus / "outside.onnx").write_bytes((goldens / "outside.onnx").read_bytes())
    for name in ("resizes", "detector_head", "halves"):
        (corpus / f"{name}.onnx").write_bytes((goldens / f"{name}.onnx").read_bytes())
    (corpus / "odds_and_ends.onnx").write_bytes((goldens / "odds_and_ends.onnx").read_bytes())
    (corpus / "paddle_like.onnx").write_bytes((goldens / "paddle_like.onnx").read_bytes())
    write_codes(goldens)
    write(goldens, "parts", parts(), [(9, 11, 1), (6, 7, 2)], 4)
    write(goldens, "old_parts", old_parts(), [(9, 11, 1), (6, 8, 2)], 3)
    write(goldens, "byte_input", byte_input(), [(9, 7, 2)], 3, channels_last=True, kind=np.uint8)
    write(goldens, "ends_u8", coded_ends(np.uint8), [(6, 5, 2)], 3, kind=np.uint8)
    write(goldens, "ends_i8", coded_ends(np.int8), [(6, 5, 2)], 3, kind=np.uint8)
    for name, kind in (("codes_resized_i8", np.int8), ("codes_resized_u8", np.uint8)):
        model = resized_codes(kind)
        write(goldens, name, model, [(6, 7, 1)], 3)
        with open(goldens / f"{name}_6x7x1.f32", "ab") as file:
            file.write(output_step(model))
    for name in ("parts", "old_parts", "byte_input", "ends_i8"):
        (corpus / f"{name}.onnx").write_bytes((goldens / f"{name}.onnx").read_bytes())
    write(goldens, "computed_pads", computed_pads(), [(9, 14, 1)], 3)
    (corpus / "computed_pads.onnx").write_bytes((goldens / "computed_pads.onnx").read_bytes())


if __name__ == "__main__":
    main()
