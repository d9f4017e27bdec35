#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every int8 tensor of one of our models, and its outputs, against LiteRT's reference kernels on the
TFLite file that is made of it, for photos.

usage: int8_layers.py build/mobilenet MODEL.safetensors PHOTO...   (ai-edge-litert)

Prints how many codes differ (0 is expected), and how far floats behind them are off at most.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType


def call(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def compare(tool, model, photo, interpreter, folder):
    """Tensors, codes, codes that differ, and the largest distance of floats."""
    details = {d["name"]: d for d in interpreter.get_tensor_details()}
    layers = json.loads(call(tool, "info", "-m", model, "--json"))["layers"]
    call(tool, "preprocess", "-m", model, photo, "-o", folder / "in.npy")
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.load(folder / "in.npy"))
    interpreter.invoke()
    names = [layer["name"] for layer in layers if layer["name"] in details]
    taps = [word for name in names for word in ("--tap", name)]
    files = ("-i", folder / "in.npy", "-o", folder / "out")
    said = json.loads(call(tool, "run", "-m", model, *files, "--json", *taps))
    tensors = codes = differ = 0
    apart = 0.0
    for output in said["outputs"]:
        if output["name"] not in details:
            continue
        ours = np.load(output["file"]).flatten()
        theirs = interpreter.get_tensor(details[output["name"]]["index"]).flatten()
        if ours.dtype == np.int8:
            tensors, codes = tensors + 1, codes + ours.size
            differ += int((ours != theirs).sum())
        else:
            apart = max(apart, float(np.abs(ours.astype(float) - theirs).max()))
    return tensors, codes, differ, apart


def main():
    tool, model, *photos = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        call(tool, "convert", model, folder / "model.tflite")
        interpreter = Interpreter(
            str(folder / "model.tflite"),
            experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
            num_threads=1,
            experimental_preserve_all_tensors=True,
        )
        interpreter.allocate_tensors()
        found = [compare(tool, model, photo, interpreter, folder) for photo in photos]
    tensors, codes, differ, apart = (list(column) for column in zip(*found))
    print(
        f"{len(photos)} photos, {max(tensors)} int8 tensors, {sum(codes)} codes, "
        f"{sum(differ)} differ; floats are off by {max(apart):.2g} at most"
    )


if __name__ == "__main__":
    main()
