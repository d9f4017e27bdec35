# SPDX-License-Identifier: Apache-2.0
"""A float twin of an 8-bit network: the same layers, weights and biases as real numbers.

    dequantized.py IN.safetensors OUT.safetensors    native files, as `mobilenet convert` writes them

Published float networks of every family are hard to come by, quantized ones are not. What a twin
computes is not rounded to codes between layers and is clamped by activations only, so it is about
as accurate as the file it was made of; docs/numerics.md compares f32 and bf16 on such twins.
Needs numpy, safetensors.
"""

import json
import sys

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file


def real(codes, quant):
    """scale * (code - zero), one scale or one for each index of an axis."""
    scale, zero = np.array(quant["scale"]), np.array(quant.get("zero", 0))
    shape = [1] * codes.ndim
    if scale.size > 1:
        shape[quant.get("axis", 0)] = scale.size
        scale = scale.reshape(shape)
        zero = zero.reshape(shape) if zero.size > 1 else zero
    return (scale * (codes.astype(np.float64) - zero)).astype(np.float32)


def implied(value):
    """The activation that codes imply: none below 0, none above 6."""
    if "quant" not in value or value["type"] not in ("u8", "i8"):
        return "none"
    quant = value["quant"]
    if quant.get("zero", [0])[0] != (0 if value["type"] == "u8" else -128):
        return "none"
    return "relu6" if abs(quant["scale"][0] * 255 - 6) < 0.06 else "relu"


def main(source, target):
    with safe_open(source, "numpy") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    graph = json.loads(metadata["mobilenet.graph"])
    same = {}  # what quantize and dequantize give is what they take
    for node in graph["nodes"]:
        if node["op"] in ("quantize", "dequantize"):
            same[node["out"][0]] = same.get(node["in"][0], node["in"][0])
        node["in"] = [same.get(name, name) for name in node["in"]]
    graph["nodes"] = [n for n in graph["nodes"] if n["op"] not in ("quantize", "dequantize")]
    graph["outputs"] = [same.get(name, name) for name in graph["outputs"]]
    graph["values"] = [v for v in graph["values"] if v["name"] not in same]
    graph.pop("arithmetic", None)
    values = {value["name"]: value for value in graph["values"]}
    for node in graph["nodes"]:
        if node.get("attr", {}).get("act") == "none":
            node["attr"]["act"] = implied(values[node["out"][0]])
    for value in graph["values"]:
        quant = value.pop("quant", None)
        if value["kind"] != "const":
            value["type"] = "f32"
        elif quant:
            tensors[value["name"]] = real(tensors[value["name"]], quant)
    metadata = {"mobilenet.format": "1", "mobilenet.graph": json.dumps(graph)}
    save_file(tensors, target, metadata=metadata)


if __name__ == "__main__":
    main(*sys.argv[1:])
