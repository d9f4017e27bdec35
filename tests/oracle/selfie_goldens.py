#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/selfie.txt: soft masks of MediaPipe's selfie segmentation.

LiteRT lacks the network's last layer, a transposed convolution with a bias: its reference kernels run
what is before it, numpy adds the layer and the sigmoid, in double. A line: picture, then 64 samples
index:value from where the mask is neither 0 nor 1, evenly over the picture.

usage: selfie_goldens.py ASSETS
Needs ai-edge-litert as pinned in tests/oracle.txt, numpy; to be rerun only when that pin moves.
"""

import pathlib
import sys

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

OUT = pathlib.Path(__file__).resolve().parent.parent / "golden" / "selfie.txt"
SAMPLES = 64


def before_custom(content):
    """The network up to its custom layer, and that layer's inputs as outputs."""
    graph = schema.ModelT.InitFromPackedBuf(content, 0)
    main = graph.subgraphs[0]
    custom = [code.customCode is not None for code in graph.operatorCodes]
    at = next(i for i, op in enumerate(main.operators) if custom[op.opcodeIndex])
    main.outputs, main.operators = main.operators[at].inputs, main.operators[:at]
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(graph.Pack(builder), b"TFL3")
    interpreter = Interpreter(model_content=bytes(builder.Output()),
                              experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    return interpreter, main.outputs


def mask_of(interpreter, last, picture):
    array = picture[None].astype(np.float32) / np.float32(255)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], array)
    interpreter.invoke()
    x, weights, bias = (interpreter.get_tensor(tensor).astype(np.float64) for tensor in last)
    out = np.empty((2 * x.shape[1], 2 * x.shape[2]))  # each pixel becomes 2 x 2, without overlap
    for row in range(2):
        for column in range(2):
            out[row::2, column::2] = x[0] @ weights[0, row, column] + bias[0]
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-out))


def main():
    assets = pathlib.Path(sys.argv[1])
    content = (assets / "models" / "segment" / "selfie_segmentation.tflite").read_bytes()
    interpreter, last = before_custom(content)
    pictures = np.fromfile(assets / "golden" / "segment" / "in_256_selfie.u8", np.uint8)
    lines = ["# Written by tests/oracle/selfie_goldens.py, which says what this is."]
    for i, picture in enumerate(pictures.reshape(-1, 256, 256, 3)):
        mask = mask_of(interpreter, last, picture).ravel()
        soft = np.flatnonzero((mask > 0.001) & (mask < 0.999))
        chosen = soft[np.arange(SAMPLES) * soft.size // SAMPLES]
        lines.append(" ".join([str(i)] + [f"{at}:{mask[at]:.9g}" for at in chosen]))
    OUT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
