#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes what train_flowers.py learned as native model files (docs/file-format.md): batch norm
folded, contract inside.

    export_flowers.py float WEIGHTS OUT.safetensors
    export_flowers.py int8 WEIGHTS PHOTOS OUT.safetensors    ranges: training photos

`mobilenet convert OUT.safetensors OUT.tflite` makes the TFLite file of either.
"""

import argparse
import json
import pathlib
import struct

import numpy as np
import torch

import train_flowers as flowers

CALIBRATION_PHOTOS = 512
INT8_INPUT = (1 / 127.5, -1)  # scale, zero point: the element is the pixel - 128
INT8_SCORES = (1 / 256, -128)  # what TFLite prescribes for a softmax


# ---- the network, folded -------------------------------------------------------------------------


def folded(unit):
    """Weights [oc][ic][kh][kw] and bias [oc] of a convolution that does the batch norm too."""
    norm, weight = unit.norm, unit.conv.weight.detach().double()
    factor = norm.weight.detach().double() / torch.sqrt(norm.running_var.double() + norm.eps)
    bias = norm.bias.detach().double() - norm.running_mean.double() * factor
    return (weight * factor[:, None, None, None]).float().numpy(), bias.float().numpy()


def layer_names():
    return ["stem"] + [
        f"block{block + 1:02}_{part}"
        for block in range(len(flowers.BLOCKS))
        for part in ("dw", "pw")
    ]


class Network:
    """Tensors and a chain of nodes in the making; a value with (scale, zero) is quantized."""

    def __init__(self, kind):
        self.kind, self.tensors, self.values, self.nodes = kind, {}, [], []
        self.last = "image"
        self.shape = [1, flowers.SIZE, flowers.SIZE, 3]

    def value(self, name, quant, kind="temp"):
        entry = {"kind": kind, "name": name, "shape": list(self.shape), "type": self.kind}
        if quant:
            entry["quant"] = {"scale": [quant[0]], "zero": [quant[1]]}
        self.values.append(entry)

    def constant(self, name, array, scales=None, axis=0):
        self.tensors[name] = np.ascontiguousarray(array)
        entry = {"kind": "const", "name": name}
        if scales is not None:
            entry["quant"] = {
                "scale": [float(scale) for scale in scales],
                "zero": [0] * len(scales),
            }
            if len(scales) > 1:
                entry["quant"]["axis"] = axis
        self.values.append(entry)

    def node(self, op, name, quant, constants=(), **attributes):
        self.value(name, quant)
        entry = {"op": op, "name": name, "in": [self.last, *constants], "out": [name]}
        if attributes:
            entry["attr"] = attributes
        self.nodes.append(entry)
        self.last = name

    def graph(self):
        return {
            "inputs": ["image"],
            "nodes": self.nodes,
            "outputs": [self.last],
            "values": self.values,
        }


def quantized_weights(weight, axis):
    """int8 weights and scales, symmetric; one for each index of the axis, or one for all (None)."""
    others = tuple(d for d in range(weight.ndim) if d != axis)
    largest = np.maximum(np.abs(weight).max(axis=others, keepdims=True), 1e-8)
    scale = (largest / 127).astype(np.float32)
    return np.clip(np.rint(weight / scale), -127, 127).astype(np.int8), scale.reshape(-1)


def add_layer(network, op, name, weight, bias, axis, ranges, **attributes):
    """A layer, its weights as the format lays them out; `axis` is that of the output channels."""
    constants = (f"{name}.weight", f"{name}.bias")
    if ranges is None:
        network.constant(constants[0], weight)
        network.constant(constants[1], bias)
    else:
        whole, scales = quantized_weights(weight, axis if op != "dense" else None)
        steps = scales * np.float32(ranges[network.last][0])
        network.constant(constants[0], whole, scales, axis)
        network.constant(
            constants[1], np.rint(bias / steps.astype(np.float64)).astype(np.int32), steps
        )
    network.node(op, name, ranges and ranges[name], constants, **attributes)


def build(model, ranges):
    """The whole network; ranges: name of each value -> (scale, zero point), or None for float."""
    network = Network("i8" if ranges else "f32")
    network.value("image", ranges and ranges["image"], "input")
    for name, unit in zip(layer_names(), model.units):
        weight, bias = folded(unit)
        kernel, depthwise = weight.shape[2], unit.conv.groups > 1
        network.shape = [1, *(-(-edge // unit.stride) for edge in network.shape[1:3]), len(bias)]
        window = {
            "kernel": [kernel] * 2,
            "stride": [unit.stride] * 2,
            "pad": "same" if kernel > 1 else [0] * 4,
        }
        if depthwise:
            add_layer(
                network,
                "dwconv2d",
                name,
                weight[:, 0].transpose(1, 2, 0),
                bias,
                2,
                ranges,
                act="relu6",
                multiplier=1,
                window=window,
            )
        else:
            add_layer(
                network,
                "conv2d",
                name,
                weight.transpose(0, 2, 3, 1),
                bias,
                0,
                ranges,
                act="relu6",
                window=window,
            )
    channels = network.shape[3]
    network.shape = [1, 1, 1, channels]
    network.node("avg_pool", "pool", ranges and ranges["pool"], **{"global": True})
    network.shape = [1, len(flowers.LABELS)]
    add_layer(
        network,
        "dense",
        "logits",
        model.classifier.weight.detach().numpy(),
        model.classifier.bias.detach().numpy(),
        0,
        ranges,
    )
    network.node("softmax", "scores", ranges and INT8_SCORES)
    return network


# ---- ranges --------------------------------------------------------------------------------------


def affine(low, high):
    """(scale, zero point) of an int8 value that covers low..high and can say 0 exactly."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = float(np.float32((high - low) / 255))
    return scale, int(np.clip(round(-128 - low / scale), -128, 127))


def measured_ranges(model, photos):
    """Ranges of every value over training photos, prepared as the product prepares them."""
    images, classes, _ = flowers.load(photos)
    chosen, _, _ = flowers.split(images, classes)
    chosen = np.random.default_rng(flowers.SEED).permutation(chosen)[:CALIBRATION_PHOTOS]
    highest = {}
    for name, unit in zip(layer_names(), model.units):

        def watch(_, __, out, name=name):
            highest[name] = max(highest.get(name, 0.0), float(out.max()))

        unit.register_forward_hook(watch)
    logits = flowers.predict(model, images, chosen)
    ranges = {name: affine(0.0, high) for name, high in highest.items()}
    ranges["image"] = INT8_INPUT
    ranges["pool"] = ranges[layer_names()[-1]]
    ranges["logits"] = affine(float(logits.min()), float(logits.max()))
    return ranges


# ---- the file ------------------------------------------------------------------------------------


def contract(quantized):
    picture = {
        "crop_fraction": 0.875,
        "fit": "crop_then_resize",
        "map": "minus128" if quantized else "affine",
        "order": "rgb",
        "resize": "pillow_bilinear",
    }
    if not quantized:
        picture.update(scale=[1 / 127.5] * 3, offset=[-1.0] * 3)
    return {
        "input": picture,
        "labels": {"names": flowers.LABELS},
        "score": "none",
        "task": "classify",
        "version": 1,
    }


def save(path, network):
    """A safetensors file: tensors by descending element size, then name; data 64-byte aligned."""
    text = lambda value: json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    header = {
        "__metadata__": {
            "mobilenet.contract": text(contract(network.kind == "i8")),
            "mobilenet.format": "1",
            "mobilenet.graph": text(network.graph()),
        }
    }
    at, order = 0, sorted(network.tensors, key=lambda name: (-network.tensors[name].itemsize, name))
    for name in order:
        tensor = network.tensors[name]
        kind = {"float32": "F32", "int32": "I32", "int8": "I8"}[tensor.dtype.name]
        header[name] = {
            "data_offsets": [at, at + tensor.nbytes],
            "dtype": kind,
            "shape": list(tensor.shape),
        }
        at += tensor.nbytes
    head = text(header).encode()
    head += b" " * (-(8 + len(head)) % 64)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(head)) + head)
        for name in order:
            file.write(network.tensors[name].tobytes())


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    actions = parser.add_subparsers(dest="action", required=True)
    for action in ("float", "int8"):
        form = actions.add_parser(action)
        form.add_argument("weights", type=pathlib.Path)
        if action == "int8":
            form.add_argument("photos", type=pathlib.Path)
        form.add_argument("out", type=pathlib.Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model = flowers.MobileNetV1(len(flowers.LABELS))
    model.load_state_dict(torch.load(arguments.weights))
    model.eval()
    ranges = measured_ranges(model, arguments.photos) if arguments.action == "int8" else None
    save(arguments.out, build(model, ranges))


if __name__ == "__main__":
    main()
