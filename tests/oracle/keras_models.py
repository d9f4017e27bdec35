#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A small network as Keras exports it: batch left open, shape arithmetic, hard-swish in pieces.

    python3 tests/oracle/keras_models.py models tests/golden/keras     needs tensorflow
    python3 tests/oracle/keras_models.py outputs tests/golden/keras    needs ai-edge-litert

`models` writes float, f16, dynamic-range and int8 files of one network and an int8 one of a network
with dilations, which the converter writes as SPACE_TO_BATCH_ND; `outputs` runs them with LiteRT's reference kernels on a fixed input (two pictures' worth of a counting sequence) and writes
what they give. tests/golden/test_keras.c compares.
"""
import os
import sys

import numpy as np

KINDS = ["float", "f16", "dynamic", "int8", "atrous"]
INT8 = ["int8", "atrous"]


def pixels():
    """The input: element i is (i * 37 mod 256), mapped to -1..1."""
    codes = (np.arange(24 * 20 * 3, dtype=np.int64) * 37 % 256).reshape(1, 24, 20, 3)
    return codes, (codes / 127.5 - 1).astype(np.float32)


def network(tf):
    layers = tf.keras.layers

    def hard_swish(x):
        return x * tf.keras.ops.relu6(x + 3) * (1 / 6)

    x = inputs = tf.keras.Input((24, 20, 3))
    x = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(x)
    x = hard_swish(layers.BatchNormalization()(x))
    skip = x
    x = layers.ZeroPadding2D(((1, 1), (1, 1)))(x)
    x = layers.DepthwiseConv2D(3, use_bias=False)(x)
    x = layers.ReLU(6)(layers.BatchNormalization()(x))
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = layers.Conv2D(8, 1, activation="relu")(gate)
    gate = layers.Conv2D(16, 1)(gate)
    x = x * (tf.keras.ops.relu6(gate + 3) * (1 / 6))
    x = layers.Conv2D(16, 1)(x) + skip
    x = layers.Conv2D(64, 1, activation="relu")(x)
    x = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = layers.Conv2D(40, 1)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(32)(x)
    return tf.keras.Model(inputs, layers.Softmax()(layers.Reshape((8, 4))(x)))


def atrous(tf):
    layers = tf.keras.layers
    x = inputs = tf.keras.Input((24, 20, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.DepthwiseConv2D(3, padding="same", dilation_rate=2, use_bias=False)(x)
    x = layers.ReLU(6)(layers.BatchNormalization()(x))
    x = layers.Conv2D(12, 3, padding="same", dilation_rate=3, activation="relu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return tf.keras.Model(inputs, layers.Dense(32)(x))


def write_models(folder):
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf

    tf.keras.utils.set_random_seed(5)
    models = dict.fromkeys(KINDS[:4], network(tf)) | {"atrous": atrous(tf)}
    samples = np.random.default_rng(0).uniform(-1, 1, (16, 1, 24, 20, 3)).astype(np.float32)
    for kind in KINDS:
        converter = tf.lite.TFLiteConverter.from_keras_model(models[kind])
        if kind != "float":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if kind == "f16":
            converter.target_spec.supported_types = [tf.float16]
        if kind in INT8:
            converter.representative_dataset = lambda: ([s] for s in samples)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = tf.int8
        with open(os.path.join(folder, f"{kind}.tflite"), "wb") as file:
            file.write(converter.convert())


def write_outputs(folder):
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    codes, reals = pixels()
    for kind in KINDS:
        interpreter = Interpreter(os.path.join(folder, f"{kind}.tflite"),
                                  experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
        interpreter.allocate_tensors()
        x = (codes - 128).astype(np.int8) if kind in INT8 else reals
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
        interpreter.invoke()
        y = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        y.tofile(os.path.join(folder, f"{kind}.out"))
        print(kind, y.shape, y.dtype, [d["op_name"] for d in interpreter._get_ops_details()])


if __name__ == "__main__":
    {"models": write_models, "outputs": write_outputs}[sys.argv[1]](sys.argv[2])
