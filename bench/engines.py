# SPDX-License-Identifier: Apache-2.0
"""Every runtime behind the same four calls: version, fill, run, outputs. Each is asked for in the
way that its own manual gives for the least latency, and only its run is timed: inputs are copied
before it, outputs read after it.

Run as a program it serves one network to peers.py: a process of its own for each runtime, because
their thread pools wait actively and their OpenMP libraries do not mix, and because one that
crashes must not take the others with it.
"""
import json
import sys
import time

import numpy as np

from ours import BF16, Ours, to_real


def channels_first(x):
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2)) if x.ndim == 4 else x


def channels_last(x):
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)) if x.ndim == 4 else x


def onnx_of(job):
    if "onnx_error" in job:
        raise RuntimeError(job["onnx_error"])
    return job["onnx"]


class Mobilenet(Ours):
    def __init__(self, job):
        super().__init__(job["library"], job["tflite"], job["threads"], job.get("isa"),
                         BF16 if job["precision"] == "bf16" else 0)


class MobilenetF32(Mobilenet):
    """What bf16 is worth: the same network in f32."""

    def __init__(self, job):
        super().__init__(dict(job, precision="f32"))


class LiteRT:
    def __init__(self, job):
        from ai_edge_litert.interpreter import Interpreter
        self.interpreter = Interpreter(job["tflite"], num_threads=job["threads"])
        self.interpreter.allocate_tensors()
        self.input = self.interpreter.get_input_details()[0]["index"]
        self.run = self.interpreter.invoke

    def version(self):
        from importlib.metadata import version
        return version("ai-edge-litert")

    def fill(self, x):
        self.interpreter.set_tensor(self.input, x)

    def outputs(self):
        return [to_real(self.interpreter.get_tensor(d["index"]), *d["quantization"])
                for d in self.interpreter.get_output_details()]


class OnnxRuntime:
    def __init__(self, job):
        import onnxruntime
        self.onnxruntime, self.job = onnxruntime, job
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = job["threads"]
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(onnx_of(job), options,
                                                    providers=["CPUExecutionProvider"])
        self.binding = self.session.io_binding()
        self.names = [y.name for y in self.session.get_outputs()]
        for name in self.names:
            self.binding.bind_output(name)

    def version(self):
        return self.onnxruntime.__version__

    def fill(self, x):
        if not hasattr(self, "x"):
            self.x = self.onnxruntime.OrtValue.ortvalue_from_numpy(channels_first(x))
            self.binding.bind_ortvalue_input(self.session.get_inputs()[0].name, self.x)

    def run(self):
        self.session.run_with_iobinding(self.binding)

    def outputs(self):
        return [channels_last(to_real(y, *self.job["codes"].get(name, (0, 0))))
                for name, y in zip(self.names, self.binding.copy_outputs_to_cpu())]


class OpenVINO:
    def __init__(self, job):
        import openvino
        self.openvino, self.job = openvino, job
        core = openvino.Core()
        # Of QDQ ONNX it computes most layers in float; the TFLite file of the same codes in 8 bits.
        self.from_tflite = job["precision"] == "int8"
        source = job["tflite"] if self.from_tflite else onnx_of(job)
        precision = "bf16" if job["precision"] == "bf16" else "f32"
        self.compiled = core.compile_model(source, "CPU", {
            "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": "1", "INFERENCE_PRECISION_HINT": precision,
            "INFERENCE_NUM_THREADS": str(job["threads"])})
        self.request = self.compiled.create_infer_request()

    def version(self):
        return self.openvino.__version__.split("-")[0]

    def fill(self, x):
        if not hasattr(self, "x"):
            self.x = x if self.from_tflite else channels_first(x)
            self.request.set_input_tensor(self.openvino.Tensor(self.x, shared_memory=True))

    def run(self):
        self.request.infer(share_outputs=True)

    def outputs(self):
        found = [to_real(self.request.get_output_tensor(i).data,
                         *self.job["codes"].get(port.any_name, (0, 0)))
                 for i, port in enumerate(self.compiled.outputs)]
        return found if self.from_tflite else list(map(channels_last, found))


class Ncnn:
    def __init__(self, job):
        import ncnn
        self.ncnn = ncnn
        self.net = ncnn.Net()
        options = self.net.opt
        options.num_threads = job["threads"]
        options.use_fp16_packed = options.use_fp16_storage = options.use_fp16_arithmetic = False
        options.use_bf16_storage = job["precision"] == "bf16"
        if self.net.load_param(job["ncnn"] + ".param") or self.net.load_model(job["ncnn"] + ".bin"):
            raise RuntimeError("the network does not load")

    def version(self):
        return self.ncnn.__version__

    def fill(self, x):
        if not hasattr(self, "x"):
            self.pixels = channels_first(x)[0]  # borrowed by the Mat
            self.x = self.ncnn.Mat(self.pixels)

    def run(self):
        with self.net.create_extractor() as extractor:
            extractor.input(self.net.input_names()[0], self.x)
            self.last = [extractor.extract(name)[1] for name in self.net.output_names()]

    def outputs(self):
        return [channels_last(np.array(y)[None]) for y in self.last]


class Mnn:
    def __init__(self, job):
        import MNN
        self.MNN, self.codes = MNN, job["codes"]
        self.interpreter = MNN.Interpreter(job["mnn"])
        self.session = self.interpreter.createSession({
            "backend": "CPU", "numThread": job["threads"],
            "precision": "low" if job["precision"] == "bf16" else "high"})

    def version(self):
        return self.MNN.version()

    def fill(self, x):
        tensor, x = self.interpreter.getSessionInput(self.session), channels_first(x)
        if x.dtype != np.float32:  # its files keep their float ends
            x = to_real(x, *self.codes["input"])
        tensor.copyFrom(
            self.MNN.Tensor(x.shape, self.MNN.Halide_Type_Float, x, self.MNN.Tensor_DimensionType_Caffe))

    def run(self):
        self.interpreter.runSession(self.session)

    def outputs(self):
        found = []
        for tensor in self.interpreter.getSessionOutputAll(self.session).values():
            shape = tensor.getShape()
            host = self.MNN.Tensor(shape, self.MNN.Halide_Type_Float, np.zeros(shape, np.float32),
                                   self.MNN.Tensor_DimensionType_Caffe)
            tensor.copyToHostTensor(host)
            found.append(channels_last(np.array(host.getNumpyData()).reshape(shape)))
        return found


class ExecuTorch:
    """XNNPACK behind another runtime. Its files keep their float ends."""

    def __init__(self, job):
        import torch
        from executorch.extension.pybindings import portable_lib
        self.torch, self.codes = torch, job["codes"]
        portable_lib._unsafe_reset_threadpool(job["threads"])  # the only way to say it from Python
        self.program = portable_lib._load_program(job["executorch"])
        self.method = self.program.load_method("forward")
        self.run = self.method.execute

    def version(self):
        from importlib.metadata import version
        return f"{version('executorch')} (PyTorch {self.torch.__version__.split('+')[0]})"

    def fill(self, x):
        if not hasattr(self, "x"):
            x = x if x.dtype == np.float32 else to_real(x, *self.codes["input"])
            self.x = self.torch.from_numpy(x).permute(0, 3, 1, 2)  # channels last, as exported
        self.method.set_inputs([self.x])

    def outputs(self):
        return [channels_last(y.numpy().copy()) for y in self.method.get_outputs(clone_outputs=False)]


ENGINES = {"ours": Mobilenet, "ours-f32": MobilenetF32, "litert": LiteRT, "onnxruntime": OnnxRuntime, "openvino": OpenVINO,
           "ncnn": Ncnn, "mnn": Mnn, "executorch": ExecuTorch}


CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def turn(engine, x, runs, clock):
    """Milliseconds of each of `runs` runs, after one that warms the caches."""
    times = []
    for _ in range(runs + 1):
        engine.fill(x)
        start = clock()
        engine.run()
        times.append((clock() - start) * 1e3)
    return times[1:]


def serve(job):
    x = np.load(job["input"])
    engine, clock = ENGINES[job["engine"]](job), CLOCKS[job["clock"]]
    say = lambda reply: print(json.dumps(reply), file=sys.__stdout__, flush=True)
    turn(engine, x, 3, clock)
    np.savez(job["outputs"], *engine.outputs())
    say({"version": engine.version()})
    for line in sys.stdin:
        say(turn(engine, x, int(line), clock))


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]))
