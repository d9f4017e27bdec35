#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What LiteRT's reference kernels make of our int8 files, for tests/golden/test_int8_graph.c.

usage: int8_graph.py build/tests/test_int8_graph tests/golden/int8_graph.txt   (ai-edge-litert)

A line: NETWORK, the input's tensor of the test's formula, which output, how many codes it has, their
FNV-1a, and the first ten.
"""
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

NETWORKS = (
    "v1-0.25-32",
    "v2-0.35-32",
    "v3-small-0.35-32",
    "v4-small-0.5-32",
    "v1-0.25-64+ssdlite",
    "v2-0.35-48+ssd",
    "v3-small-0.35-64+lraspp",
    "v2-0.35-64+deeplab",
    "v2-0.35-64+deeplab-aspp",
)


def numbers(tensor, count):
    """As tests/grad/numbers.h."""
    with np.errstate(over="ignore"):
        z = (np.uint64(tensor) << np.uint64(32)) + np.arange(count, dtype=np.uint64)
        z = z * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return ((z >> np.uint64(40)).astype(np.float64) / 2**23 - 1).astype(np.float32)


def scores(path, tensor):
    interpreter = Interpreter(
        str(path), experimental_op_resolver_type=OpResolverType.BUILTIN_REF, num_threads=1
    )
    interpreter.allocate_tensors()
    shape = interpreter.get_input_details()[0]["shape"]
    pixels = numbers(tensor, int(np.prod(shape))).astype(np.float64) * 128 + 128
    codes = (pixels.astype(int) - 128).astype(np.int8).reshape(shape)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], codes)
    interpreter.invoke()
    outputs = interpreter.get_output_details()
    return [interpreter.get_tensor(o["index"]).flatten() for o in outputs]


def fnv(codes):
    total = 0x811C9DC5
    for byte in codes.tobytes():
        total = (total ^ byte) * 0x01000193 & 0xFFFFFFFF
    return total


def main():
    program, golden = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder, open(golden, "w") as out:
        for network in NETWORKS:
            path = pathlib.Path(folder) / "network.tflite"
            subprocess.run([program, "write", network, path], check=True)
            for tensor in (1, 2):
                for i, codes in enumerate(scores(path, tensor)):
                    print(
                        network, tensor, i, len(codes), f"{fnv(codes):08x}", *codes[:10], file=out
                    )


if __name__ == "__main__":
    main()
