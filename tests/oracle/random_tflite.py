#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random small networks of tests/golden/random_net.h under LiteRT's reference kernels.

usage: random_tflite.py PROGRAM goldens COUNT      writes tests/golden/random_nets.txt for seeds 1..COUNT
       random_tflite.py PROGRAM sweep FIRST COUNT  compares our outputs with LiteRT's, seed by seed

PROGRAM is the built test_random_nets, which writes the files (needs ai-edge-litert as pinned in
tests/oracle.txt, numpy).
"""
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden" / "random_nets.txt"
TYPES = {"uint8": "u8", "int8": "i8", "int32": "i32", "int64": "i64", "float32": "f32"}
SAMPLES = 32


def fnv1a(data):
    value = 14695981039346656037
    for byte in data:
        value = ((value ^ byte) * 1099511628211) & (2**64 - 1)
    return value


def reference(folder, seed):
    interpreter = Interpreter(str(folder / f"{seed}.tflite"),
                              experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    given = interpreter.get_input_details()[0]
    data = np.fromfile(folder / f"{seed}.in", given["dtype"]).reshape(given["shape"])
    interpreter.set_tensor(given["index"], data)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def golden_line(seed, output):
    head = f"{seed} {TYPES[str(output.dtype)]} {output.nbytes}"
    if output.dtype != np.float32:
        return f"{head} {fnv1a(output.tobytes()):016x}"
    flat = output.ravel()
    samples = min(SAMPLES, flat.size)
    chosen = [flat[i * flat.size // samples] for i in range(samples)]
    return " ".join([head, f"{np.abs(flat).max():.9g}"] + [f"{x:.9g}" for x in chosen])


def write(program, folder, first, count):
    subprocess.run([program, "write", str(folder), str(first), str(count)], check=True,
                   stdout=subprocess.DEVNULL)


def goldens(program, folder, count):
    write(program, folder, 1, count)
    with open(GOLDEN, "w") as file:
        file.write("# What LiteRT's reference kernels give for the networks of random_net.h "
                   "(tests/oracle/random_tflite.py).\n# seed, type, bytes; FNV-1a of the bytes, or "
                   "the largest magnitude and evenly chosen elements\n")
        for seed in range(1, count + 1):
            file.write(golden_line(seed, reference(folder, seed)) + "\n")


def differs(wanted, got):
    """None when equal, else what the difference is."""
    if wanted.dtype != np.float32:
        wrong = np.flatnonzero(wanted.ravel() != got)
        if not wrong.size:
            return None
        i = wrong[0]
        return f"{wrong.size} of {got.size} differ, first at {i}: {got[i]}, expected {wanted.ravel()[i]}"
    error = np.abs(wanted.ravel() - got).max() / max(np.abs(wanted).max(), 1e-30)
    return None if error <= 1e-5 else f"off by {error:g} of the largest magnitude"


def sweep(program, folder, first, count):
    write(program, folder, first, count)
    bad = 0
    for seed in range(first, first + count):
        try:
            wanted = reference(folder, seed)
        except RuntimeError as problem:
            bad += 1
            print(f"seed {seed}: {problem}")
            continue
        got = np.fromfile(folder / f"{seed}.out", wanted.dtype)
        problem = differs(wanted, got) if got.size == wanted.size else f"{got.size} elements"
        if problem:
            bad += 1
            print(f"seed {seed} {wanted.dtype} {wanted.shape}: {problem}")
    print(f"{count} networks, {bad} differ")
    return bad


def main():
    program, mode, *numbers = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        if mode == "goldens":
            goldens(program, pathlib.Path(folder), int(numbers[0]))
        else:
            sys.exit(sweep(program, pathlib.Path(folder), *map(int, numbers)) > 0)


if __name__ == "__main__":
    main()
