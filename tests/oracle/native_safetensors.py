# SPDX-License-Identifier: Apache-2.0
"""Native model files and the `safetensors` package.

  native_safetensors.py write FILE   a small model, as docs/file-format.md tells a Python user to
                                     (tests/golden/native_python.safetensors)
  native_safetensors.py read FILE    checks that the package reads a file of ours, and prints it
"""
import json
import sys

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file


def write(path):
    tensors = {
        "stem.weight": (np.arange(4 * 3 * 3 * 3, dtype=np.float32) / 8).reshape(4, 3, 3, 3),
        "stem.bias": np.float32([0.5, -0.5, 1, 0]),
        "dw.weight": np.linspace(-1, 1, 36, dtype=np.float32).reshape(3, 3, 4),
        "fc.weight": np.linspace(-1, 1, 8, dtype=np.float32).reshape(2, 4),
    }

    def temp(name, shape, **more):
        return {"name": name, "kind": "temp", "type": "f32", "shape": shape, **more}

    window = {"kernel": [3, 3], "stride": [2, 2], "pad": [1, 1, 1, 1]}
    graph = {
        "inputs": ["image"],
        "outputs": ["scores", "codes"],
        "values": [{"name": "image", "kind": "input", "type": "f32", "shape": [1, 8, 8, 3]}]
        + [{"name": name, "kind": "const"} for name in tensors]
        + [
            temp("stem", [1, 4, 4, 4]), temp("dw", [1, 4, 4, 4]), temp("pool", [1, 1, 1, 4]),
            temp("flat", [1, 4]), temp("fc", [1, 2]), temp("scores", [1, 2]),
            temp("codes", [1, 2], type="u8", quant={"scale": [1 / 127.5], "zero": [127]}),
        ],
        "nodes": [
            {"op": "conv2d", "name": "stem", "in": ["image", "stem.weight", "stem.bias"],
             "out": ["stem"], "attr": {"act": "relu6", "window": window}},
            {"op": "dwconv2d", "name": "dw", "in": ["stem", "dw.weight"], "out": ["dw"],
             "attr": {"act": "relu6", "window": {"kernel": [3, 3], "pad": "same"}}},
            {"op": "avg_pool", "name": "pool", "in": ["dw"], "out": ["pool"],
             "attr": {"global": True}},
            {"op": "reshape", "name": "flat", "in": ["pool"], "out": ["flat"],
             "attr": {"shape": [0, -1]}},
            {"op": "dense", "name": "fc", "in": ["flat", "fc.weight"], "out": ["fc"]},
            {"op": "softmax", "name": "scores", "in": ["fc"], "out": ["scores"]},
            {"op": "quantize", "name": "codes", "in": ["scores"], "out": ["codes"]},
        ],
    }
    contract = {
        "version": 1, "task": "classify", "score": "none",
        "input": {"map": "affine", "scale": [1 / 127.5] * 3, "offset": [-1.0] * 3},
        "labels": {"names": ["rose", "túlipán"]},
    }
    save_file(tensors, path, metadata={
        "mobilenet.format": "1",
        "mobilenet.graph": json.dumps(graph),
        "mobilenet.contract": json.dumps(contract, ensure_ascii=True),
    })


def read(path):
    with safe_open(path, "numpy") as file:
        metadata = file.metadata()
        graph = json.loads(metadata["mobilenet.graph"])
        consts = {value["name"] for value in graph["values"] if value["kind"] == "const"}
        assert metadata["mobilenet.format"] == "1"
        assert consts == set(file.keys()), consts ^ set(file.keys())
        for name in sorted(file.keys()):
            tensor = file.get_tensor(name)
            print(name, tensor.dtype, tensor.shape, float(np.sum(tensor.astype(np.float64))))
    canonical = json.dumps(graph, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    print(len(graph["nodes"]), "nodes;", "keys sorted" if list(map(str, graph)) == sorted(graph)
          else "keys NOT sorted", "; canonical text", len(canonical), "of",
          len(metadata["mobilenet.graph"]), "bytes")


if __name__ == "__main__":
    {"write": write, "read": read}[sys.argv[1]](sys.argv[2])
