#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Moves every buffer of a TFLite file behind its flatbuffer, as newer converters do for large
models, and lets LiteRT load the result. Made tests/fuzz/corpus/tflite/outside_i8.tflite from
tiny_i8.tflite beside it.

usage: tflite_outside_buffers.py FROM.tflite TO.tflite
"""
import sys

import flatbuffers
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter


def main():
    source, target = sys.argv[1:]
    with open(source, "rb") as file:
        model = schema.ModelT.InitFromPackedBuf(file.read(), 0)
    contents = [b"" if b.data is None else bytes(b.data) for b in model.buffers]

    def pack(offsets):
        for buffer, content, offset in zip(model.buffers, contents, offsets):
            buffer.data, buffer.offset, buffer.size = None, offset, len(content)
        builder = flatbuffers.Builder(1024)
        builder.ForceDefaults(True)  # so that the length does not depend on the offsets
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    at = len(pack([1] * len(contents)))
    tail, offsets = b"", []
    for content in contents:
        padding = -at % 16 if content else 0
        tail += bytes(padding) + content
        offsets.append(at + padding if content else 0)
        at += padding + len(content)
    with open(target, "wb") as file:
        file.write(pack(offsets) + tail)
    Interpreter(target).allocate_tensors()


if __name__ == "__main__":
    main()
