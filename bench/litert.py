#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ours and LiteRT (XNNPACK) side by side: same file, same input, same process, runs interleaved.

    python3 bench/litert.py --library build/libmobilenet.so [--threads 1] [--rounds 50] MODEL.tflite ...

Prints one line a model: medians in milliseconds, the ratio of medians (ours / LiteRT; below 1 we are
faster), and whether the outputs agree: LiteRT's XNNPACK rounds integers differently from its
reference kernels, so a few codes may differ there. Needs the Python packages ai-edge-litert, numpy.
"""
import argparse
import ctypes
import os
import statistics
import time

import numpy as np
from ai_edge_litert.interpreter import Interpreter


class PlanOptions(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("batch", ctypes.c_int32), ("height", ctypes.c_int32),
                ("width", ctypes.c_int32), ("threads", ctypes.c_int32), ("isa", ctypes.c_char_p),
                ("keep_all", ctypes.c_int32), ("max_image_width", ctypes.c_int32),
                ("max_image_height", ctypes.c_int32)]


class SessionOptions(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("threads", ctypes.c_void_p),
                ("memory", ctypes.c_void_p), ("memory_bytes", ctypes.c_size_t)]


class Error(ctypes.Structure):
    _fields_ = [("status", ctypes.c_int), ("where", ctypes.c_char * 96), ("text", ctypes.c_char * 384)]


class Ours:
    """The library through its C interface; `run` is one mn_session_run."""

    def __init__(self, library, path, threads):
        self.lib = ctypes.CDLL(library)
        for name in ("mn_session_input", "mn_session_output"):
            getattr(self.lib, name).restype = ctypes.c_void_p
        self.error = Error()
        self.model, self.plan = ctypes.c_void_p(), ctypes.c_void_p()
        self.session, self.pool = ctypes.c_void_p(), ctypes.c_void_p()
        options = PlanOptions(struct_size=ctypes.sizeof(PlanOptions), threads=threads)
        self.call("mn_model_open", ctypes.byref(self.model), path.encode(), None)
        self.call("mn_plan_new", ctypes.byref(self.plan), self.model, ctypes.byref(options))
        self.call("mn_threads_new", ctypes.byref(self.pool), threads)
        used = SessionOptions(struct_size=ctypes.sizeof(SessionOptions), threads=self.pool)
        self.call("mn_session_new", ctypes.byref(self.session), self.plan, ctypes.byref(used))

    def call(self, name, *args):
        if getattr(self.lib, name)(*args, ctypes.byref(self.error)) != 0:
            raise RuntimeError(self.error.text.decode())

    def run(self, x):
        ctypes.memmove(self.lib.mn_session_input(self.session, 0), x.ctypes.data, x.nbytes)
        start = time.perf_counter()
        self.lib.mn_session_run(self.session, ctypes.byref(self.error))
        return time.perf_counter() - start

    def output(self, like):
        y = np.empty_like(like)
        ctypes.memmove(y.ctypes.data, self.lib.mn_session_output(self.session, 0), y.nbytes)
        return y


class LiteRT:
    def __init__(self, path, threads):
        self.interpreter = Interpreter(path, num_threads=threads)
        self.interpreter.allocate_tensors()
        self.input = self.interpreter.get_input_details()[0]
        self.index = self.interpreter.get_output_details()[0]["index"]

    def run(self, x):
        self.interpreter.set_tensor(self.input["index"], x)
        start = time.perf_counter()
        self.interpreter.invoke()
        return time.perf_counter() - start

    def output(self):
        return self.interpreter.get_tensor(self.index)


def random_input(details):
    pixels = np.random.default_rng(1).integers(0, 256, details["shape"])
    if details["dtype"] == np.float32:
        return (pixels / 127.5 - 1).astype(np.float32)
    return (pixels + np.iinfo(details["dtype"]).min).astype(details["dtype"])


def agreement(ours, theirs):
    if ours.dtype == np.float32:
        return f"largest difference {np.abs(ours - theirs).max():.1e}"
    steps = np.abs(ours.astype(int) - theirs.astype(int))
    same = "same top class" if ours.argmax() == theirs.argmax() else "another top class"
    return f"{np.count_nonzero(steps)} of {steps.size} codes differ, at most {steps.max()}; {same}"


def compare(path, args):
    ours, theirs = Ours(args.library, path, args.threads), LiteRT(path, args.threads)
    x = random_input(theirs.input)
    for _ in range(5):
        ours.run(x), theirs.run(x)
    times = [(ours.run(x), theirs.run(x)) for _ in range(args.rounds)]
    a = statistics.median(t[0] for t in times) * 1e3
    b = statistics.median(t[1] for t in times) * 1e3
    print(f"{os.path.basename(path):48} {a:8.3f} {b:8.3f} {a / b:6.2f}  "
          f"{agreement(ours.output(theirs.output()), theirs.output())}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--library", default="build/libmobilenet.so")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("models", nargs="+")
    args = parser.parse_args()
    print(f"{'model':48} {'ours ms':>8} {'LiteRT ms':>8} {'ratio':>6}  outputs ({args.threads} thread)")
    for path in args.models:
        compare(path, args)


if __name__ == "__main__":
    main()
