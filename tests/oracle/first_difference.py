# SPDX-License-Identifier: Apache-2.0
"""Names the first layer in which `mobilenet` and LiteRT's reference kernels differ on one input.

usage: first_difference.py MOBILENET MODEL.tflite IN.npy [--isa NAME] [--tolerance T]

IN.npy has the model's own input shape and type. Every inner tensor that both keep is compared in
order of execution: integers must be equal, floats within T (default 1e-5) of the layer's largest
magnitude. Tensors that `mobilenet` has fused away are counted and skipped. Exit 1 when a layer
differs. Needs ai-edge-litert as pinned in tests/oracle.txt.
"""

import argparse
import json
import subprocess
import sys
import tempfile

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType


def reference_tensors(model, array):
    """[(tensor name, operator, array)] of every operator's outputs, in order of execution."""
    interpreter = Interpreter(
        model,
        num_threads=1,
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], array)
    interpreter.invoke()
    names = {detail["index"]: detail["name"] for detail in interpreter.get_tensor_details()}
    return [
        (names[index], op["op_name"], interpreter.get_tensor(index))
        for op in interpreter._get_ops_details()
        for index in op["outputs"]
    ]


def our_tensor(arguments, name, folder):
    """The inner tensor of that name, or None when this build of the network has no such tensor."""
    command = [
        arguments.mobilenet,
        "run",
        "--json",
        "-m",
        arguments.model,
        "-i",
        arguments.input,
        "-o",
        folder,
        "--tap",
        name,
    ] + (["--isa", arguments.isa] if arguments.isa else [])
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode != 0:
        return None
    outputs = [output for line in run.stdout.splitlines() for output in json.loads(line)["outputs"]]
    return next((np.load(output["file"]) for output in outputs if output["name"] == name), None)


def differs(expected, got, tolerance):
    """How many elements differ, and the largest difference."""
    gap = np.abs(got.astype(np.float64) - expected.astype(np.float64))
    limit = tolerance * np.abs(expected).max() if expected.dtype.kind == "f" else 0
    return int(np.sum(~(gap <= limit))), float(gap.max())


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("mobilenet")
    parser.add_argument("model")
    parser.add_argument("input")
    parser.add_argument("--isa")
    parser.add_argument("--tolerance", type=float, default=1e-5)
    arguments = parser.parse_args()
    compared, absent = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        for name, op, expected in reference_tensors(arguments.model, np.load(arguments.input)):
            got = our_tensor(arguments, name, folder)
            if got is None or got.size != expected.size:
                absent += 1
                continue
            compared += 1
            wrong, largest = differs(expected.reshape(-1), got.reshape(-1), arguments.tolerance)
            if wrong:
                place = int(np.flatnonzero(expected.reshape(-1) != got.reshape(-1))[0])
                print(
                    f"{name} ({op}, {'x'.join(map(str, expected.shape))}): "
                    f"{wrong} of {expected.size} elements differ "
                    f"by up to {largest:g}; the first at {place}: {got.reshape(-1)[place]} for "
                    f"{expected.reshape(-1)[place]}"
                )
                sys.exit(1)
    print(f"{compared} tensors agree, {absent} are not kept by mobilenet")


if __name__ == "__main__":
    main()
