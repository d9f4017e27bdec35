# SPDX-License-Identifier: Apache-2.0
"""Single-operator TFLite models, built with the schema that ai-edge-litert ships, and their outputs
under LiteRT's built-in reference kernels."""
import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

TYPES = {
    "f32": (schema.TensorType.FLOAT32, np.float32),
    "f16": (schema.TensorType.FLOAT16, np.float16),
    "u8": (schema.TensorType.UINT8, np.uint8),
    "i8": (schema.TensorType.INT8, np.int8),
    "i32": (schema.TensorType.INT32, np.int32),
    "i64": (schema.TensorType.INT64, np.int64),
}


class Tensor:
    """A model tensor. `data` makes it a constant unless `feed`, which makes it an input. `shape_in_file`
    is LiteRT's shape where ours has fewer dims."""

    def __init__(self, type, shape, scale=None, zero=None, axis=0, data=None, feed=True,
                 shape_in_file=None, axis_in_file=None):
        self.type, self.shape, self.axis = type, tuple(shape), axis
        self.scale = None if scale is None else np.atleast_1d(np.float32(scale))
        self.zero = None if scale is None else np.broadcast_to(
            np.atleast_1d(np.int64(0 if zero is None else zero)), self.scale.shape)
        self.data = None if data is None else np.asarray(data, TYPES[type][1]).reshape(self.shape)
        self.feed = feed
        self.shape_in_file = tuple(shape if shape_in_file is None else shape_in_file)
        self.axis_in_file = axis if axis_in_file is None else axis_in_file


def _pack_tensor(model, name, tensor, constant):
    out = schema.TensorT()
    out.name = name
    out.type = TYPES[tensor.type][0]
    out.shape = list(tensor.shape_in_file)
    buffer = schema.BufferT()
    if constant:
        buffer.data = np.frombuffer(tensor.data.tobytes(), np.uint8)
    model.buffers.append(buffer)
    out.buffer = len(model.buffers) - 1
    if tensor.scale is not None:
        quant = schema.QuantizationParametersT()
        quant.scale = list(map(float, tensor.scale))
        quant.zeroPoint = list(map(int, tensor.zero))
        quant.quantizedDimension = tensor.axis_in_file
        out.quantization = quant
    return out


def build(operator, options_type, options, inputs, output):
    """The bytes of a model with one operator."""
    model = schema.ModelT()
    model.version = 3
    model.buffers = [schema.BufferT()]
    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, operator)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.version = 1
    model.operatorCodes = [code]
    graph = schema.SubGraphT()
    graph.tensors, graph.inputs, ids = [], [], []
    for i, tensor in enumerate(inputs):
        graph.tensors.append(_pack_tensor(model, f"in{i}", tensor, not tensor.feed))
        ids.append(len(graph.tensors) - 1)
        if tensor.feed:
            graph.inputs.append(ids[-1])
    graph.tensors.append(_pack_tensor(model, "out", output, False))
    graph.outputs = [len(graph.tensors) - 1]
    op = schema.OperatorT()
    op.inputs, op.outputs = ids, graph.outputs
    if options_type:
        op.builtinOptionsType = getattr(schema.BuiltinOptions, options_type)
        op.builtinOptions = options
    graph.operators = [op]
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(4096)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def run(operator, options_type, options, inputs, output):
    """The output under the reference kernels."""
    content = build(operator, options_type, options, inputs, output)
    interpreter = Interpreter(model_content=content, num_threads=1,
                              experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    feeds = [t for t in inputs if t.feed]
    for detail, tensor in zip(interpreter.get_input_details(), feeds):
        interpreter.set_tensor(detail["index"], tensor.data.reshape(tensor.shape_in_file))
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
