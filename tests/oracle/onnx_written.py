# SPDX-License-Identifier: Apache-2.0
"""ONNX files that `mobilenet convert` writes, in onnxruntime and in `mobilenet run`.

usage: onnx_written.py COMMAND MODEL...   (packages: onnx 1.23, onnxruntime 1.32, numpy)

Prints, for each model and output, the largest difference as a part of the largest value.
"""
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime


def to_last(array):
    return np.ascontiguousarray(array.transpose(0, 2, 3, 1)) if array.ndim == 4 else array


def compare(command, model, folder):
    written, inputs, outputs = folder / "written.onnx", folder / "in.npy", folder / "out"
    subprocess.run([command, "convert", model, written], check=True, stdout=subprocess.DEVNULL)
    onnx.checker.check_model(str(written))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(written), options,
                                           providers=["CPUExecutionProvider"])
    name, shape = session.get_inputs()[0].name, session.get_inputs()[0].shape
    x = np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)
    np.save(inputs, to_last(x))
    subprocess.run([command, "run", "-m", written, "-i", inputs, "-o", outputs], check=True)
    ours = [np.load(path) for path in outputs.glob("*.npy")]
    for theirs in map(to_last, session.run(None, {name: x})):
        errors = [np.abs(a - theirs).max() for a in ours if a.shape == theirs.shape]
        print(f"{Path(model).name}: {min(errors) / np.abs(theirs).max():.2e}")


def main():
    for model in sys.argv[2:]:
        with tempfile.TemporaryDirectory() as folder:
            compare(sys.argv[1], model, Path(folder))


if __name__ == "__main__":
    main()
