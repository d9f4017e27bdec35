# SPDX-License-Identifier: Apache-2.0
"""The networks of the comparison, and the files in which every runtime gets the same weights.

float: a network of the zoo with its random weights, written as TFLite and ONNX by this project; what
ncnn and MNN read is made of the ONNX by their own converters, ExecuTorch's by executorch_file.py.
int8: LiteRT's own post-training quantizer over the float TFLite file (weights one scale a channel,
activations one scale a tensor, ranges from eight pictures of noise: what counts here is that the
codes neither saturate nor die, not what they say). The ONNX file is that same file, written as QDQ
by this project: all runtimes get the same codes and scales. Its float ends are then cut off, so that
everybody reads codes and answers in codes. ExecuTorch has a quantizer of its own over the float
network, which finds other scales.
"""
import hashlib
import importlib.util
import json
import os
import subprocess
import sys

import numpy as np

NETWORKS = {"v1": "v1-1.0-224", "v2": "v2-1.0-224", "v3-large": "v3-large-1.0-224",
            "v3-small": "v3-small-1.0-224", "v4-small": "v4-small-1.0-224",
            "v4-medium": "v4-medium-1.0-224", "v1-0.25-128": "v1-0.25-128",
            "v2-0.35-96": "v2-0.35-96", "ssdlite": "v2-1.0-300+ssdlite",
            "deeplab": "v2-1.0-257+deeplab"}
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"),
                     "mobilenet-bench")
CALIBRATION = 8
HERE = os.path.dirname(os.path.abspath(__file__))
PHOTO = os.path.join(HERE, "..", "examples", "photos", "sunflower.jpg")


def command(*words, cwd=None):
    done = subprocess.run(words, capture_output=True, text=True, cwd=cwd)
    if done.returncode != 0:
        lines = (done.stderr + done.stdout).strip().splitlines()
        raise RuntimeError(lines[-1] if lines else f"{words[0]} failed ({done.returncode})")


def is_newer(path, than):
    return os.path.exists(path) and os.path.getmtime(path) >= os.path.getmtime(than)


def digest(*paths):
    made = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            made.update(file.read())
    return made.hexdigest()[:12]


def noise(shape):
    """Pictures that show a quantizer its ranges."""
    made = np.random.default_rng(1)
    return [made.uniform(-1, 1, shape).astype(np.float32) for _ in range(CALIBRATION)]


def quantize(source, target):
    from ai_edge_litert._pywrap_tensorflow_lite_calibration_wrapper import CalibrationWrapper
    from ai_edge_litert.interpreter import Interpreter
    shape = Interpreter(source).get_input_details()[0]["shape"]
    with open(source, "rb") as file:
        model = file.read()  # borrowed by the quantizer
    quantizer = CalibrationWrapper(model, [], [])
    quantizer.Prepare([shape.tolist()])
    for x in noise(shape):
        quantizer.FeedTensor([x])
    i8, i32 = np.dtype(np.int8).num, np.dtype(np.int32).num
    codes = quantizer.QuantizeModel(i8, i8, False, i8, i32, False, False)
    with open(target, "wb") as file:
        file.write(codes)


def cut_float_ends(source, target):
    """Inputs and outputs become codes; their scales are left beside the file."""
    import onnx
    model = onnx.load(source)
    graph, codes = model.graph, {}
    constants = {c.name: onnx.numpy_helper.to_array(c) for c in graph.initializer}
    kinds = {c.name: c.data_type for c in graph.initializer}
    for node in [n for n in graph.node if n.op_type == "QuantizeLinear"]:
        for x in graph.input:
            if node.input[0] == x.name:
                codes["input"] = code_of(node, constants)
                rename_reads(graph, node.output[0], x.name)
                x.type.tensor_type.elem_type = kinds[node.input[2]]
                graph.node.remove(node)
    for node in [n for n in graph.node if n.op_type == "DequantizeLinear"]:
        for y in graph.output:
            if node.output[0] == y.name:
                y.name = node.input[0]
                y.type.tensor_type.elem_type = kinds[node.input[2]]
                codes[y.name] = code_of(node, constants)
                graph.node.remove(node)
    onnx.checker.check_model(model)
    onnx.save(model, target)
    with open(target + ".json", "w") as file:
        json.dump(codes, file)


def torch_python():
    """Of the environment in which PyTorch stands."""
    python = os.path.join(CACHE, "venv-torch", "bin", "python")
    if not os.path.exists(python):
        raise RuntimeError("its files are exported from PyTorch, 5 GB: once `bench/environment.sh torch`")
    return python


def code_of(node, constants):
    scale, zero = (constants[name] for name in node.input[1:3])
    return float(scale), int(zero)


def rename_reads(graph, old, new):
    for node in graph.node:
        for i, name in enumerate(node.input):
            if name == old:
                node.input[i] = new


class Files:
    """Files of the networks, made when first asked for."""

    def __init__(self, folder, build, remake=False):
        self.folder, self.build = os.path.abspath(folder), os.path.abspath(build)
        os.makedirs(folder, exist_ok=True)
        for name in os.listdir(folder) if remake else []:
            if not name.endswith(".pte"):  # named after what they are made of
                os.remove(os.path.join(folder, name))

    def path(self, network, precision, ending):
        name = NETWORKS.get(network) or os.path.splitext(os.path.basename(network))[0]
        return os.path.join(self.folder, f"{name}-{precision}{ending}")

    def convert(self, source, target):
        command(os.path.join(self.build, "mobilenet"), "convert", source, target)

    def outside(self, network, precision):
        """A TFLite file that somebody else made: everybody else gets what we make of it."""
        whole, codes = (self.path(network, precision, e) for e in (".onnx", "-codes.onnx"))
        try:
            if not is_newer(whole, network):
                self.convert(network, whole)
        except RuntimeError as error:
            return {"tflite": network, "onnx_error": str(error), "codes": {}}
        if precision == "int8" and not is_newer(codes, whole):
            cut_float_ends(whole, codes)
        onnx = codes if precision == "int8" else whole
        return {"tflite": network, "onnx": onnx, "codes": self.codes(onnx)}

    def base(self, network, precision):
        """TFLite and ONNX; bf16 is a way to compute, so its files are the float ones."""
        precision = "int8" if precision == "int8" else "f32"
        if network not in NETWORKS:
            return self.outside(network, precision)
        tflite, onnx = (self.path(network, "f32", e) for e in (".tflite", ".onnx"))
        if not (os.path.exists(tflite) and os.path.exists(onnx)):
            writer = os.path.join(self.build, "bench", "zoo_file")
            command(writer, NETWORKS[network], tflite, onnx)
        if precision == "int8":
            source = tflite
            tflite, whole, onnx = (self.path(network, "int8", e)
                                   for e in (".tflite", ".onnx", "-codes.onnx"))
            if not (is_newer(tflite, source) and is_newer(onnx, source)):
                quantize(source, tflite)
                self.convert(tflite, whole)
                cut_float_ends(whole, onnx)
        return {"tflite": tflite, "onnx": onnx, "codes": self.codes(onnx)}

    @staticmethod
    def codes(onnx):
        if not os.path.exists(onnx + ".json"):
            return {}
        with open(onnx + ".json") as file:
            return json.load(file)

    def ncnn(self, network, precision):
        if precision == "int8":
            raise RuntimeError("its wheels bring no converter of 8-bit networks")
        source, made = self.path(network, "f32", ".onnx"), self.path(network, "f32", ".ncnn")
        if not is_newer(made + ".bin", source):
            found = importlib.util.find_spec("pnnx")  # importing it would need torch
            command(os.path.join(found.submodule_search_locations[0], "pnnx"), source, "fp16=0",
                    f"ncnnparam={made}.param", f"ncnnbin={made}.bin")
        return made

    def mnn(self, network, precision):
        precision = "int8" if precision == "int8" else "f32"
        source, made = (self.path(network, precision, ending) for ending in (".onnx", ".mnn"))
        if not is_newer(made, source):
            # The wheel's own command reports to its maker first; this is what it does then.
            command(sys.executable, "-c", "import sys, _tools; _tools.mnnconvert(sys.argv)", "-f",
                    "ONNX", "--modelFile", source, "--MNNModel", made, "--bizCode", "bench",
                    cwd=self.folder)  # it leaves a file where it runs
        return made

    def executorch(self, network, precision):
        if network not in NETWORKS:
            raise RuntimeError("executorch_file.py reads what we write of the zoo's networks")
        python, program = torch_python(), os.path.join(HERE, "executorch_file.py")
        precision = "int8" if precision == "int8" else "f32"
        source = self.path(network, "f32", ".onnx")
        name = digest(source, program, os.path.join(HERE, "requirements-torch.txt"))
        made = self.path(network, precision, f"-{name}.pte")
        if not os.path.exists(made):  # a minute of work: not again for the same network
            command(python, program, source, made + ".part", precision)
            os.rename(made + ".part", made)
        return made

    def input(self, network, precision, tflite):
        path = self.path(network, precision, ".npy")
        from ai_edge_litert.interpreter import Interpreter
        details = Interpreter(tflite).get_input_details()[0]
        if network not in NETWORKS:  # trained: what is no picture would look the same to it
            command(os.path.join(self.build, "mobilenet"), "preprocess", "-m", network, "--contract",
                    "tf", "-o", path, PHOTO)
            return path
        x = np.random.default_rng(2).uniform(-1, 1, details["shape"]).astype(np.float32)
        if details["dtype"] != np.float32:
            (scale, zero), limits = details["quantization"], np.iinfo(details["dtype"])
            x = np.clip(np.round(x / scale) + zero, limits.min, limits.max).astype(limits.dtype)
        np.save(path, x)
        return path


if __name__ == "__main__":  # networks.py FOLDER BUILD NETWORK...
    files = Files(*sys.argv[1:3])
    for network in sys.argv[3:]:
        files.base(network, "int8")
