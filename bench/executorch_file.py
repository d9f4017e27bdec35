#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A network for ExecuTorch: python3 bench/executorch_file.py NETWORK.onnx OUT.pte f32|int8

Its files are exported from PyTorch, so the float ONNX file that we wrote becomes a PyTorch module
first: the operators that our writer uses for the zoo, each as torch.nn.functional has it. Then as
its manual says: export, partition for XNNPACK. The input is channels last, which is what XNNPACK
computes in. int8 is its own quantizer, with ranges from the noise that LiteRT's gets: own scales.
"""
import sys

import numpy as np
import onnx
import torch
from torch.nn import functional

from networks import noise


def same_pads(size, kernel, stride):
    """Left and right, as SAME_UPPER: what is odd goes to the right."""
    pads = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return pads // 2, pads - pads // 2


def conv(x, weights, bias=None, strides=(1, 1), pads=None, dilations=(1, 1), group=1, auto_pad=None,
         kernel_shape=None):
    if auto_pad == b"SAME_UPPER":
        top, bottom = same_pads(x.shape[2], kernel_shape[0], strides[0])
        left, right = same_pads(x.shape[3], kernel_shape[1], strides[1])
    else:
        top, left, bottom, right = pads
    if (top, left) != (bottom, right):  # PyTorch's layers pad alike at both ends
        x, top, left = functional.pad(x, (left, right, top, bottom)), 0, 0
    return functional.conv2d(x, weights, bias, strides, (top, left), dilations, group)


def reshape(x, shape):
    return torch.reshape(x, [n or x.shape[i] for i, n in enumerate(shape)])  # 0: as it is


def resize(x, _, __, sizes, mode=None, coordinate_transformation_mode=None):
    return functional.interpolate(x, sizes[2:], mode="bilinear",
                                  align_corners=coordinate_transformation_mode == b"align_corners")


OPERATORS = {
    "Add": torch.add,
    "Clip": lambda x, low, high: torch.clamp(x, float(low), float(high)),
    "Concat": lambda *parts, axis: torch.cat(parts, axis),
    "Conv": conv,
    "Flatten": lambda x: torch.flatten(x, 1),
    "Gemm": lambda x, weights, bias, transB: functional.linear(x, weights, bias),
    "GlobalAveragePool": lambda x: x.mean((2, 3), keepdim=True),
    "HardSigmoid": lambda x, alpha, beta: functional.hardsigmoid(x),
    "HardSwish": functional.hardswish,
    "Mul": torch.mul,
    "Relu": functional.relu,
    "Reshape": reshape,
    "Resize": resize,
    "Transpose": lambda x, perm: torch.permute(x, perm),
}


class Network(torch.nn.Module):
    """The graph of an ONNX file; floats are parameters, sizes and limits Python's numbers."""

    def __init__(self, path):
        super().__init__()
        graph = onnx.load(path).graph
        self.weights, self.index, self.numbers = torch.nn.ParameterList(), {}, {"": None}
        for constant in graph.initializer:
            value = onnx.numpy_helper.to_array(constant)
            if value.dtype == np.float32 and value.ndim:
                self.index[constant.name] = len(self.weights)
                self.weights.append(torch.nn.Parameter(torch.from_numpy(value.copy())))
            else:
                self.numbers[constant.name] = value.tolist()
        self.steps = [(node.op_type, list(node.input), node.output[0],
                       {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute})
                      for node in graph.node]
        self.input, self.outputs = graph.input[0].name, [y.name for y in graph.output]
        self.shape = [d.dim_value for d in graph.input[0].type.tensor_type.shape.dim]
        unknown = {step[0] for step in self.steps} - OPERATORS.keys()
        if unknown:
            raise SystemExit(f"executorch_file.py knows no {', '.join(sorted(unknown))}")

    def forward(self, x):
        values = dict(self.numbers, **{self.input: x})
        values.update({name: self.weights[i] for name, i in self.index.items()})
        for kind, inputs, output, attributes in self.steps:
            values[output] = OPERATORS[kind](*(values[name] for name in inputs), **attributes)
        return tuple(values[name] for name in self.outputs)


def channels_last(x):
    return x.contiguous(memory_format=torch.channels_last)


def quantized(module, shape):
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
        XNNPACKQuantizer, get_symmetric_quantization_config)
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
    rule = get_symmetric_quantization_config(is_per_channel=True)
    prepared = prepare_pt2e(module, XNNPACKQuantizer().set_global(rule))
    for x in noise([shape[0], *shape[2:], shape[1]]):
        prepared(channels_last(torch.from_numpy(x.transpose(0, 3, 1, 2))))
    return convert_pt2e(prepared)


def main(source, target, precision):
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower
    network = Network(source).eval()
    example = (channels_last(torch.zeros(network.shape)),)
    exported = torch.export.export(network, example)
    if precision == "int8":
        exported = torch.export.export(quantized(exported.module(), network.shape), example)
    lowered = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])
    with open(target, "wb") as file:
        file.write(lowered.to_executorch().buffer)


if __name__ == "__main__":
    with torch.no_grad():
        main(*sys.argv[1:])
