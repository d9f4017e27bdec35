# SPDX-License-Identifier: Apache-2.0
"""Detectors that `mobilenet convert` writes to ONNX: what the function that defines their last
operator finds in onnxruntime, given the boxes and scores that `mobilenet run` has.

usage: onnx_detectors.py COMMAND FOLDER_OF_PICTURES MODEL...
       (packages: onnx 1.23, onnxruntime 1.32, pillow, numpy)

Prints the largest difference of boxes, classes, scores and counts over eight pictures; exits 1 when
one is above 1e-6.
"""
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper
from PIL import Image

PICTURES = 8


def heads(graph):
    """What the detector reads: outputs of the network, or the floats that their codes stand for."""
    detector = next(n for n in graph.node if n.op_type == "SsdDetect")
    return detector.input[0], detector.input[1], {o: n for n in graph.node for o in n.output}


def codes_as_floats(name, array, graph, makers):
    if not name.endswith("/real"):
        return array
    numbers = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    _, scale, zero = makers[name].input
    return (array.astype(np.int32) - int(numbers[zero])).astype(np.float32) * numbers[scale]


def pictures(folder, graph):
    _, _, height, width = (d.dim_value for d in graph.input[0].type.tensor_type.shape.dim)
    paths = sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in (".jpg", ".png"))
    for path in paths[::max(1, len(paths) // PICTURES)][:PICTURES]:
        yield np.asarray(Image.open(path).convert("RGB").resize((width, height)))[None]


def check(command, folder, model, place):
    written, tail = f"{place}/written.onnx", f"{place}/tail.onnx"
    subprocess.run([command, "convert", model, written], check=True, stdout=subprocess.DEVNULL)
    onnx.checker.check_model(written)
    graph = onnx.load(written).graph
    boxes, scores, makers = heads(graph)
    outputs = [o.name for o in graph.output]
    onnx.utils.extract_model(written, tail, [boxes, scores], outputs, check_model=False)
    session = onnxruntime.InferenceSession(tail, providers=["CPUExecutionProvider"])
    codes = boxes.endswith("/real") or scores.endswith("/real")
    taps = [n.removesuffix("/real") for n in (boxes, scores)]
    worst = np.zeros(len(outputs))
    for x in pictures(folder, graph):
        np.save(f"{place}/in.npy", x if codes else (x / 127.5 - 1).astype(np.float32))
        subprocess.run([command, "run", "-m", model, "-i", f"{place}/in.npy", "-o", f"{place}/out",
                        "--tap", taps[0], "--tap", taps[1]], check=True, stdout=subprocess.DEVNULL)
        ours = lambda name: np.load(f"{place}/out/{name.replace('/', '_').replace(':', '_')}.npy")
        found = session.run(outputs, {n: codes_as_floats(n, ours(t), graph, makers)
                                      for n, t in zip((boxes, scores), taps)})
        off = [np.abs(ours(name) - values).max() for name, values in zip(outputs, found)]
        worst = np.maximum(worst, off)
    print(Path(model).name, *(f"{w:.1e}" for w in worst))
    return worst.max()


def main():
    worst = 0
    for model in sys.argv[3:]:
        with tempfile.TemporaryDirectory() as place:
            worst = max(worst, check(sys.argv[1], sys.argv[2], model, place))
    return int(worst > 1e-6)


if __name__ == "__main__":
    sys.exit(main())
