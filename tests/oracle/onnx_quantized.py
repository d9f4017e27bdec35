# SPDX-License-Identifier: Apache-2.0
"""Networks that torch exported, quantized by onnxruntime, in onnxruntime and in `mobilenet run`.

usage: onnx_quantized.py COMMAND FOLDER NAME...   (packages: onnx 1.23, onnxruntime 1.32, numpy)

FOLDER/NAME.onnx is a float network (onnx_torch_exports.py makes them). Each is quantized in every
form; its output's codes over six inputs are compared with onnxruntime's, with its default graph
optimizations, asked to compute int8 in integers too (it does not by itself on x86), and without
any: how many differ by 0, 1, 2, 3 or more, how often the first class is another, and how far
onnxruntime's first and last are from each other.
"""
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

I8, U8, QDQ, QOP = QuantType.QInt8, QuantType.QUInt8, QuantFormat.QDQ, QuantFormat.QOperator
FORMS = (("QDQ u8 x i8, by channel", QDQ, U8, I8, True), ("QDQ u8 x u8", QDQ, U8, U8, False),
         ("QDQ i8 x i8, by channel", QDQ, I8, I8, True), ("QDQ i8 x i8", QDQ, I8, I8, False),
         ("QLinear u8 x i8, by channel", QOP, U8, I8, True), ("QLinear u8 x u8", QOP, U8, U8, False),
         ("QLinear i8 x i8", QOP, I8, I8, False))
INPUTS = 6


class Noise(CalibrationDataReader):
    def __init__(self, shape, count):
        numbers = np.random.default_rng(3)
        self.left = [numbers.standard_normal(shape).astype(np.float32) for _ in range(count)]

    def get_next(self):
        return {"x": self.left.pop()} if self.left else None


def session(path, level, integers=False):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    if integers:
        options.add_session_config_entry("session.qdqisint8allowed", "1")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def output_step(path):
    """The scale of the codes that the output stands for."""
    graph = onnx.load(path).graph
    last = next(n for n in graph.node if graph.output[0].name in n.output)
    scale = next(w for w in graph.initializer if w.name == last.input[1])
    return float(numpy_helper.to_array(scale))


def ours(command, path, x, folder):
    np.save(folder / "in.npy", np.ascontiguousarray(x.transpose(0, 2, 3, 1)))
    subprocess.run([command, "run", "-m", path, "-i", folder / "in.npy", "-o", folder / "out"],
                   check=True, stdout=subprocess.DEVNULL)
    out = np.load(next((folder / "out").glob("*.npy")))
    return out.transpose(0, 3, 1, 2) if out.ndim == 4 else out


def differences(a, b, step):
    codes = np.rint(np.abs(a - b) / step).astype(int)
    return [int(np.count_nonzero(codes == n)) for n in range(3)] + [int(np.count_nonzero(codes > 2))]


def compare(command, path, folder):
    levels = onnxruntime.GraphOptimizationLevel
    runs = [session(path, levels.ORT_ENABLE_ALL), session(path, levels.ORT_ENABLE_ALL, True),
            session(path, levels.ORT_DISABLE_ALL)]
    shape = runs[0].get_inputs()[0].shape
    step, totals, firsts = output_step(path), np.zeros((4, 4), int), np.zeros(3, int)
    for i in range(INPUTS):
        x = np.random.default_rng(100 + i).standard_normal(shape).astype(np.float32)
        theirs = [run.run(None, {"x": x})[0] for run in runs]
        mine = ours(command, path, x, folder)
        totals += ([differences(mine, other, step) for other in theirs] +
                   [differences(theirs[0], theirs[-1], step)])
        firsts += [np.count_nonzero(mine.argmax(1) != other.argmax(1)) for other in theirs]
    return totals, firsts


def main():
    command, source, names = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    print("network, form: ours and default | and integers | and without | default and without; "
          "other firsts")
    for name in names:
        shape = [d.dim_value for d in onnx.load(source / f"{name}.onnx").graph.input[0].type
                 .tensor_type.shape.dim]
        for form, way, activations, weights, per_channel in FORMS:
            with tempfile.TemporaryDirectory() as folder:
                plain, coded = Path(folder) / "plain.onnx", Path(folder) / "coded.onnx"
                quant_pre_process(str(source / f"{name}.onnx"), str(plain),
                                  skip_symbolic_shape=True)
                quantize_static(plain, coded, Noise(shape, 6), quant_format=way,
                                per_channel=per_channel, activation_type=activations,
                                weight_type=weights)
                totals, firsts = compare(command, coded, Path(folder))
            text = " | ".join(", ".join(map(str, row)) for row in totals.tolist())
            print(f"{name}, {form}: {text}; {firsts.tolist()}", flush=True)


if __name__ == "__main__":
    main()
