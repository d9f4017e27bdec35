# SPDX-License-Identifier: Apache-2.0
"""8-bit ONNX files that `mobilenet convert` makes of TFLite files, in onnxruntime.

usage: onnx_codes.py COMMAND FOLDER_OF_PICTURES MODEL.tflite...
       (packages: ai-edge-litert 2, onnx 1.23, onnxruntime 1.32, pillow, numpy)

LiteRT's reference kernels give the codes of every tensor, which are ours to the bit. Two tables:
alone: each operator of the file, from those codes: by how much and how often its own codes differ.
       What differs is rounding (LiteRT rounds twice, ONNX once): 1 at most, and an error otherwise.
whole: the codes of the output over eight pictures, of onnxruntime without and with optimization,
       and of LiteRT's own fast kernels (XNNPACK), which round once too.
"""
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from onnx import numpy_helper
from PIL import Image

NONE = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
ALL = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
PICTURES = 8


def session(model, level):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    options.log_severity_level = 3
    data = model if isinstance(model, str) else model.SerializeToString()
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def litert(path, kind, keep=False):
    it = Interpreter(path, experimental_op_resolver_type=kind,
                     experimental_preserve_all_tensors=keep)
    it.allocate_tensors()
    return it


def invoke(it, x):
    it.set_tensor(it.get_input_details()[0]["index"], x)
    it.invoke()
    return it


def first(array):
    return np.ascontiguousarray(array.transpose(0, 3, 1, 2)) if array.ndim == 4 else array


def last(array):
    return array.transpose(0, 2, 3, 1) if array.ndim == 4 else array


def pictures(it, folder):
    kinds = (".jpg", ".jpeg", ".png")
    paths = sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in kinds)
    detail = it.get_input_details()[0]
    height, width = detail["shape"][1:3]
    for path in paths[::max(1, len(paths) // PICTURES)][:PICTURES]:
        x = np.asarray(Image.open(path).convert("RGB").resize((width, height)))[None]
        yield (x.astype(int) - 128).astype(np.int8) if detail["dtype"] == np.int8 else x


def real(it, x):
    scale, zero = it.get_input_details()[0]["quantization"]
    return first((x.astype(np.int32) - zero).astype(np.float32) * np.float32(scale))


def match(model, it):
    """Tensors of codes of both files, in order: the same scale, zero point and, where known, name."""
    numbers = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    theirs = [d for op in it._get_ops_details() for d in op["outputs"]]
    details = {d["index"]: d for d in it.get_tensor_details()}
    theirs = [it.get_input_details()[0]["index"], *theirs]
    pairs, at = {}, 0
    for node in model.graph.node:
        if node.op_type != "QuantizeLinear":
            continue
        name, wanted = node.output[0], (float(numbers[node.input[1]]), int(numbers[node.input[2]]))
        for k in range(at, len(theirs)):
            d = details[theirs[k]]
            named = name.startswith("/value/") or d["name"] == name
            if named and (float(np.float32(d["quantization"][0])), d["quantization"][1]) == wanted:
                pairs[name], at = theirs[k], k + 1
                break
        else:
            sys.exit(f"{name}: LiteRT has no such tensor")
    return pairs


def cut(model, pairs):
    """Every tensor of codes becomes an input, and an output of another name."""
    graph, types, kinds = model.graph, {}, {}
    numbers = {i.name: i.data_type for i in graph.initializer}
    makers = {o: n for n in graph.node for o in n.output}
    for node in graph.node:
        if node.op_type == "QuantizeLinear":
            maker = makers.get(node.input[0])
            while maker is not None and maker.op_type in ("Relu", "Clip"):
                maker = makers[maker.input[0]]
            types[node.output[0]] = numbers[node.input[2]]
            kinds[node.output[0]] = maker.op_type if maker else "input"
            node.output[0] += "/cut"
    del graph.output[:]
    for name in pairs:
        info = onnx.helper.make_tensor_value_info
        graph.output.append(info(f"{name}/cut", types[name], None))
        graph.input.append(info(name, types[name], None))
    return kinds


def alone(model, it, x):
    pairs = match(model, it)
    kinds = cut(model, pairs)
    feed = {name: first(it.get_tensor(index)) for name, index in pairs.items()}
    shown = session(model, NONE)
    feed[model.graph.input[0].name] = real(it, x)
    found, rows = shown.run(None, feed), {}
    for name, codes in zip(pairs, found):
        off = np.abs(codes.astype(int) - feed[name].astype(int))
        rows.setdefault(kinds[name], []).append((off.max(), (off > 0).mean()))
    worst = 0
    for kind, row in sorted(rows.items()):
        most, share = max(r[0] for r in row), np.mean([r[1] for r in row])
        print(f"  alone {kind:18} {len(row):3} times, off by at most {most}, {share:.3%} of codes")
        worst = max(worst, most)
    return worst


def to_codes(it, array):
    detail = it.get_output_details()[0]
    scale, zero = detail["quantization"]
    limits = np.iinfo(detail["dtype"])
    if scale == 0:
        return array.astype(np.int64)
    return np.clip(np.rint(array / np.float64(scale) + zero), limits.min, limits.max)


def whole(path, it, folder, written):
    fast = litert(path, OpResolverType.BUILTIN)
    runs = {"onnxruntime, plain": session(written, NONE),
            "onnxruntime, optimized": session(written, ALL)}
    off = {name: [] for name in [*runs, "LiteRT, XNNPACK"]}
    detail = it.get_output_details()[0]["index"]
    for x in pictures(it, folder):
        ours = invoke(it, x).get_tensor(detail).astype(int)
        for name, run in runs.items():
            found = last(run.run(None, {run.get_inputs()[0].name: real(it, x)})[0])
            off[name].append(np.abs(to_codes(it, found.reshape(ours.shape)) - ours))
        found = invoke(fast, x).get_tensor(fast.get_output_details()[0]["index"])
        off["LiteRT, XNNPACK"].append(np.abs(found.astype(int) - ours))
    for name, list_ in off.items():
        largest = sorted(int(o.max()) for o in list_)
        print(f"  whole {name:22} off by at most {largest}, {np.mean([o > 0 for o in list_]):.3%}")


def main():
    command, folder, worst = sys.argv[1], sys.argv[2], 0
    for path in sys.argv[3:]:
        print(Path(path).name)
        with tempfile.TemporaryDirectory() as place:
            written = f"{place}/written.onnx"
            subprocess.run([command, "convert", path, written], check=True,
                           stdout=subprocess.DEVNULL)
            onnx.checker.check_model(written)
            it = litert(path, OpResolverType.BUILTIN_REF, keep=True)
            x = next(pictures(it, folder))
            worst = max(worst, alone(onnx.load(written), invoke(it, x), x))
            whole(path, it, folder, written)
    return int(worst > 1)


if __name__ == "__main__":
    sys.exit(main())
