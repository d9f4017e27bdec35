# SPDX-License-Identifier: Apache-2.0
"""TensorFlow's networks and heads, wired here as in the papers and in slim, computed by TensorFlow in
double, at sizes whose halves are odd: SAME padding, atrous layers, corner-aligned enlargement.

usage: tf_networks.py COMMAND ZOO_FILE [PART_OF_A_NAME]     (packages: tensorflow-cpu 2.21, numpy)

Each network has random weights, and statistics near those of the data but not equal. Norms are
around 1: around 0, half of what they give is cut off, and each layer makes differences 1.2 times as
large, TensorFlow's own roundings (1e-4 in a detector) like ours. It goes to
COMMAND (`mobilenet`) in two ways: as a native file, which ZOO_FILE (build/bench/zoo_file) writes and
whose weights are replaced, and as the TFLite file that TensorFlow's converter makes of the function
below. Prints the largest error of both as a part of the largest output, over three sizes; exits 1
when one is above 1e-5.
"""
import json
import os
import subprocess
import sys
import tempfile
import zlib

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import tensorflow as tf  # noqa: E402

SIZES = [(33, 47), (97, 161), (224, 225)]
CALIBRATION = (16, 192, 192, 3)
RELU, RELU6, LINEAR = tf.nn.relu, tf.nn.relu6, (lambda x: x)


def hard_swish(x):
    return x * tf.nn.relu6(x + 3) * (1 / 6)


def divisible(x):
    new = max(8, int(x + 4) // 8 * 8)
    return new + 8 if new < 0.9 * x else new


class Net:
    """Layers by name. `seed`: makes the weights on the way, in float; else they are there."""

    def __init__(self, weights, kind, epsilon=1e-3, seed=None):
        self.weights, self.kind, self.epsilon = weights, kind, epsilon
        self.random = np.random.default_rng(seed) if seed is not None else None
        self.stride, self.rate, self.limit = 1, 1, 32

    def weight(self, name, make=None):
        if self.random is not None and name not in self.weights:
            self.weights[name] = np.asarray(make(), np.float32)
        return tf.constant(self.weights[name].astype(self.kind))

    def norm(self, x, name):
        def moments():
            """A detector's last maps are of a pixel and hardly vary from picture to picture: dividing
            by so small a deviation would enlarge every rounding, so that means count there."""
            y = x.numpy().astype(np.float64)
            mean, square = y.mean((0, 1, 2)), np.square(y).mean((0, 1, 2))
            return mean, square if name.startswith(("extra", "map")) else square - mean**2 + 1e-3

        r, channels = self.random, x.shape[-1]
        gamma = self.weight(f"{name}.bn.gamma", lambda: r.uniform(0.6, 1.4, channels))
        beta = self.weight(f"{name}.bn.beta", lambda: r.normal(1, 0.3, channels))
        mean = self.weight(f"{name}.bn.mean", lambda: moments()[0] + 0.2 * np.sqrt(
            moments()[1]) * r.normal(0, 1, channels))
        variance = self.weight(f"{name}.bn.variance",
                               lambda: moments()[1] * r.uniform(0.7, 1.4, channels))
        return (x - mean) * (gamma / tf.sqrt(variance + self.epsilon)) + beta

    def filters(self, x, name, kernel, out, bias):
        shape, ins = (out, kernel, kernel, x.shape[-1]), kernel * kernel * x.shape[-1]
        w = self.weight(f"{name}.weight", lambda: self.random.normal(0, (2 / ins)**0.5, shape))
        b = self.weight(f"{name}.bias", lambda: self.random.normal(0, 0.3, out)) if bias else None
        return tf.transpose(w, (1, 2, 3, 0)), b

    def conv(self, x, name, kernel, stride, out, act):
        w, _ = self.filters(x, name, kernel, out, False)
        self.stride *= stride
        return act(self.norm(tf.nn.conv2d(x, w, stride, "SAME"), name))

    def bias_conv(self, x, name, out, act=LINEAR):
        w, b = self.filters(x, name, 1, out, True)
        return act(tf.nn.conv2d(x, w, 1, "SAME") + b)

    def depthwise(self, x, name, kernel, stride, act):
        rate = self.rate
        if stride > 1 and self.stride >= self.limit:  # atrous, from the next layer on
            self.rate *= stride
            stride = 1
        self.stride *= stride
        shape = (kernel, kernel, x.shape[-1])
        w = self.weight(f"{name}.weight",
                        lambda: self.random.normal(0, (2 / kernel**2)**0.5, shape))
        x = tf.nn.depthwise_conv2d(x, w[..., None], (1, stride, stride, 1), "SAME",
                                   dilations=(rate, rate))
        return act(self.norm(x, name))

    def squeeze_excite(self, x, name, squeeze):
        gate = tf.reduce_mean(x, (1, 2), keepdims=True)
        gate = self.bias_conv(gate, f"{name}.reduce", squeeze, RELU)
        gate = self.bias_conv(gate, f"{name}.expand", x.shape[-1])
        return x * (tf.nn.relu6(gate + 3) * (1 / 6))

    def dense(self, x, name, out):
        shape = (out, x.shape[-1])
        w = self.weight(f"{name}.weight", lambda: self.random.normal(0, shape[1]**-0.5, shape))
        b = self.weight(f"{name}.bias", lambda: self.random.normal(0, 0.3, out))
        return tf.linalg.matmul(x, w, transpose_b=True) + b


# ---- Bodies: (features, maps that heads take) ----------------------------------------------------

def v1(net, x, width, lowest):
    depth = lambda c: max(int(c * width), lowest)
    maps = {}
    x = net.conv(x, "stem", 3, 2, depth(32), RELU6)
    strides = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1]
    outs = [64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024]
    for i, (stride, out) in enumerate(zip(strides, outs), 1):
        x = net.depthwise(x, f"block{i}.depthwise", 3, stride, RELU6)
        x = net.conv(x, f"block{i}.pointwise", 1, 1, depth(out), RELU6)
        if i == 11:
            maps["middle"] = x
    return x, maps


def inverted(net, x, name, kernel, expanded, out, stride, act, squeeze=0):
    start = x
    if expanded != x.shape[-1]:
        x = net.conv(x, f"{name}.expand", 1, 1, expanded, act)
    inner = x
    x = net.depthwise(x, f"{name}.depthwise", kernel, stride, act)
    if squeeze:
        x = net.squeeze_excite(x, f"{name}.se", squeeze)
    x = net.conv(x, f"{name}.project", 1, 1, out, LINEAR)
    return (x + start if stride == 1 and start.shape[-1] == out else x), inner


def v2(net, x, width, head):
    whole = "deeplab" in head and width != 1
    depth = (lambda c: int(c * width + 0.5)) if whole else (
        lambda c: max(divisible(c * width), 16 if "ssd" in head else 8))
    maps, index = {}, 0
    x = net.conv(x, "stem", 3, 2, depth(32), RELU6)
    for t, c, n, s in [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
                       (6, 160, 3, 2), (6, 320, 1, 1)]:
        for k in range(n):
            index += 1
            expanded = x.shape[-1] if t == 1 else divisible(x.shape[-1] * t)
            x, inner = inverted(net, x, f"block{index}", 3, expanded, depth(c), s if k == 0 else 1,
                                RELU6)
            if index == 14:
                maps["middle"] = inner
    if "deeplab" in head:
        return x, maps
    return net.conv(x, "head", 1, 1, divisible(1280 * (width if "ssd" in head else max(width, 1))),
                    RELU6), maps


LARGE = [(3, 16, 16, 0, 0, 1), (3, 64, 24, 0, 0, 2), (3, 72, 24, 0, 0, 1), (5, 72, 40, 1, 0, 2),
         (5, 120, 40, 1, 0, 1), (5, 120, 40, 1, 0, 1), (3, 240, 80, 0, 1, 2), (3, 200, 80, 0, 1, 1),
         (3, 184, 80, 0, 1, 1), (3, 184, 80, 0, 1, 1), (3, 480, 112, 1, 1, 1),
         (3, 672, 112, 1, 1, 1), (5, 672, 160, 1, 1, 2), (5, 960, 160, 1, 1, 1),
         (5, 960, 160, 1, 1, 1)]
SMALL = [(3, 16, 16, 1, 0, 2), (3, 72, 24, 0, 0, 2), (3, 88, 24, 0, 0, 1), (5, 96, 40, 1, 1, 2),
         (5, 240, 40, 1, 1, 1), (5, 240, 40, 1, 1, 1), (5, 120, 48, 1, 1, 1), (5, 144, 48, 1, 1, 1),
         (5, 288, 96, 1, 1, 2), (5, 576, 96, 1, 1, 1), (5, 576, 96, 1, 1, 1)]


def v3(net, x, large, minimal, head):
    """At width 1. A detector halves the channels from stride 32 on."""
    ssd, swish = "ssd" in head, RELU if minimal else hard_swish
    rows, maps = LARGE if large else SMALL, {}
    x = net.conv(x, "stem", 3, 2, 16, swish)
    last = 13 if large else 9
    for i, (kernel, expanded, out, se, hs, stride) in enumerate(rows, 1):
        if ssd and i > last:
            expanded //= 2
        if ssd and i >= last:
            out //= 2
        squeeze = divisible(expanded // 4) if se and not minimal else 0
        x, inner = inverted(net, x, f"block{i}", 3 if minimal else kernel, expanded, out, stride,
                            swish if hs else RELU, squeeze)
        if i == last:
            maps["middle"] = inner
        if i == (4 if large else 2):  # the first of stride 8, as torchvision's LR-ASPP takes it
            maps["low"] = x
    return net.conv(x, "head", 1, 1, (960 if large else 576) // (2 if ssd else 1), swish), maps


def v4_small(net, x):
    x = net.conv(x, "stem", 3, 2, 32, RELU)
    for i, (kernel, stride, out) in enumerate([(3, 2, 32), (1, 1, 32), (3, 2, 96), (1, 1, 64)], 1):
        x = net.conv(x, f"block{i}", kernel, stride, out, RELU)
    rows = [(5, 5, 2, 3, 96)] + [(0, 3, 1, 2, 96)] * 4 + [
        (3, 0, 1, 4, 96), (3, 3, 2, 6, 128), (5, 5, 1, 4, 128), (0, 5, 1, 4, 128), (0, 5, 1, 3, 128),
        (0, 3, 1, 4, 128), (0, 3, 1, 4, 128)]
    for i, (start, middle, stride, expansion, out) in enumerate(rows, 5):
        before, expanded = x, divisible(x.shape[-1] * expansion)
        if start:
            x = net.depthwise(x, f"block{i}.start", start, 1 if middle else stride, LINEAR)
        x = net.conv(x, f"block{i}.expand", 1, 1, expanded, RELU)
        if middle:
            x = net.depthwise(x, f"block{i}.middle", middle, stride, RELU)
        x = net.conv(x, f"block{i}.project", 1, 1, out, LINEAR)
        if stride == 1 and before.shape[-1] == out:
            x = x + before
    return net.conv(x, "head", 1, 1, 960, RELU), {}


# ---- Heads ---------------------------------------------------------------------------------------

def classifier(net, x, family, classes=1000):
    x = tf.reduce_mean(x, (1, 2), keepdims=True)
    if family.startswith("v3"):
        wide = 1280 if "large" in family else 1024
        x = net.bias_conv(x, "features", wide, RELU if "min" in family else hard_swish)
    if family.startswith("v4"):
        x = net.conv(x, "features", 1, 1, 1280, RELU)
    return [net.dense(tf.squeeze(x, (1, 2)), "logits", classes)]


def ssd(net, x, middle, width, lite, classes=91):
    depth = lambda c: max(int(c * width), 16)
    net.limit = 1 << 20
    maps = [middle, x]
    for i, channels in enumerate([512, 256, 256, 128], 1):
        x = net.conv(x, f"extra{i}.reduce", 1, 1, depth(channels // 2), RELU6)
        if lite:
            x = net.depthwise(x, f"extra{i}.depthwise", 3, 2, RELU6)
        x = net.conv(x, f"extra{i}.project", 1 if lite else 3, 1 if lite else 2, depth(channels),
                     RELU6)
        maps.append(x)
    outputs = []
    for kind, columns in ("box", 4), ("class", classes):
        rows = []
        for i, features in enumerate(maps, 1):
            if lite:
                features = net.depthwise(features, f"map{i}.{kind}.depthwise", 3, 1, RELU6)
            found = net.bias_conv(features, f"map{i}.{kind}", (3 if i == 1 else 6) * columns)
            rows.append(tf.reshape(found, (found.shape[0], -1, columns)))
        outputs.append(tf.concat(rows, 1))
    return outputs


def enlarge(net, x, size):
    """TensorFlow's operator gives float32 of whatever; between corners of the map."""
    small = tf.cast(x, tf.float32)
    big = tf.compat.v1.image.resize_bilinear(small, size, align_corners=True)
    return tf.cast(big, net.kind)


def deeplab(net, x, size, aspp, classes=21):
    net.epsilon, features = 1e-5, x
    image = tf.reduce_mean(x, (1, 2), keepdims=True)
    image = net.conv(image, "aspp.image", 1, 1, 256, RELU)
    parts = [enlarge(net, image, x.shape[1:3]), net.conv(x, "aspp.point", 1, 1, 256, RELU)]
    for i in range(1, 4 if aspp else 1):
        net.rate = 6 * 16 // net.limit * i
        y = net.depthwise(features, f"aspp.atrous{i}.depthwise", 3, 1, RELU)
        parts.append(net.conv(y, f"aspp.atrous{i}.pointwise", 1, 1, 256, RELU))
    x = net.conv(tf.concat(parts, 3), "aspp.project", 1, 1, 256, RELU)
    return [enlarge(net, net.bias_conv(x, "aspp.classify", classes), size)]


def lraspp(net, x, low, size, classes=21):
    net.epsilon = 1e-5
    w, _ = net.filters(x, "lraspp.gate", 1, 128, False)
    gate = tf.sigmoid(tf.nn.conv2d(tf.reduce_mean(x, (1, 2), keepdims=True), w, 1, "SAME"))
    x = net.conv(x, "lraspp.project", 1, 1, 128, RELU) * gate
    x = net.bias_conv(enlarge(net, x, low.shape[1:3]), "lraspp.high", classes)
    return [enlarge(net, x + net.bias_conv(low, "lraspp.low", classes), size)]


NETWORKS = ["v1-1.0", "v1-0.25", "v2-1.0", "v2-0.35", "v2-1.4", "v3-large-1.0", "v3-small-1.0",
            "v3-large-min-1.0", "v3-small-min-1.0", "v4-small-1.0", "v1-1.0+ssd", "v1-0.5+ssdlite",
            "v2-1.0+ssdlite", "v2-1.0+ssd", "v3-large-1.0+ssdlite", "v3-small-1.0+ssdlite",
            "v2-1.0+deeplab", "v2-0.5+deeplab", "v2-1.0+deeplab-aspp", "v2-1.0+deeplab-aspp-os8",
            "v3-large-1.0+lraspp", "v3-small-1.0+lraspp"]


def compute(net, name, x):
    base, _, head = name.partition("+")
    head, _, output_stride = head.partition("-os")
    family, _, width = base.rpartition("-")
    width, size = float(width), x.shape[1:3]
    if "deeplab" in head or head == "lraspp":
        net.limit = int(output_stride or 16)
    if family == "v1":
        x, maps = v1(net, x, width, 16 if head else 8)
    elif family == "v2":
        x, maps = v2(net, x, width, head)
    elif family == "v4-small":
        x, maps = v4_small(net, x)
    else:
        x, maps = v3(net, x, "large" in family, "min" in family, head)
    if head.startswith("ssd"):
        return ssd(net, x, maps["middle"], width, head == "ssdlite")
    if head.startswith("deeplab"):
        return deeplab(net, x, size, head == "deeplab-aspp")
    if head == "lraspp":
        return lraspp(net, x, maps["low"], size)
    return classifier(net, x, family)


# ---- To the command and back ---------------------------------------------------------------------

def replace_weights(path, weights):
    """Of a native file: a header's length, the header, tensors. Those of float are all replaced."""
    with open(path, "rb") as file:
        data = bytearray(file.read())
    begin = 8 + int.from_bytes(data[:8], "little")
    header, used = json.loads(data[8:begin]), set()
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        if name not in weights and name.startswith(("detector", "anchors")):
            continue
        new = np.ascontiguousarray(weights[name].reshape(entry["shape"]), "<f4").tobytes()
        low, high = entry["data_offsets"]
        assert len(new) == high - low, name
        data[begin + low:begin + high] = new
        used.add(name)
    assert used == set(weights), set(weights) ^ used
    with open(path, "wb") as file:
        file.write(data)


def run(command, model, x, folder, taps):
    np.save(f"{folder}/in.npy", x)
    subprocess.run([command, "run", "-m", model, "-i", f"{folder}/in.npy", "-o", f"{folder}/out"]
                   + [part for tap in taps for part in ("--tap", tap)], check=True,
                   stdout=subprocess.DEVNULL)
    return {f[:-4]: np.load(f"{folder}/out/{f}") for f in os.listdir(f"{folder}/out")}


def convert(name, weights, x, path):
    @tf.function(input_signature=[tf.TensorSpec(x.shape, tf.float32)])
    def function(x):
        return compute(Net(weights, np.float32), name, x)

    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function()], function)
    with open(path, "wb") as file:
        file.write(converter.convert())


def errors_at(name, weights, size, command, zoo_file, folder):
    height, width = size
    base, plus, head = name.partition("+")
    arch = f"{base}-{height}x{width}{plus}{head}"
    native, lite = f"{folder}/net.safetensors", f"{folder}/net.tflite"
    subprocess.run([zoo_file, arch, native], check=True)
    replace_weights(native, weights)
    x = np.random.default_rng(height).uniform(-1, 1, (1, height, width, 3)).astype(np.float32)
    expected = [y.numpy() for y in compute(Net(weights, np.float64), name, tf.constant(
        x.astype(np.float64)))]
    names = ["box_encodings", "class_logits"] if len(expected) == 2 else ["logits"]
    convert(name, weights, x, lite)
    found = run(command, native, x, folder, names)
    ours = run(command, lite, x, tempfile.mkdtemp(dir=folder), []).values()
    errors = [[], []]
    for key, y in zip(names, expected):
        largest = np.abs(y).max()
        errors[0].append(np.abs(found[key] - y).max() / largest)
        errors[1].append(min(np.abs(z - y).max() / largest for z in ours if z.shape == y.shape))
    return [max(e) for e in errors]


def pictures(seed):
    """Of many contrasts and colors."""
    random = np.random.default_rng(seed)
    count, height, width, channels = CALIBRATION
    contrast, color = random.uniform(0, 1, (count, 1, 1, 1)), (count, 1, 1, channels)
    x = random.uniform(-1, 1, CALIBRATION) * contrast + 0.5 * random.uniform(-1, 1, color)
    return tf.constant(x.astype(np.float32))


def main():
    command, zoo_file, only = sys.argv[1], sys.argv[2], "".join(sys.argv[3:4])
    worst = 0
    print("| network | native | TFLite |\n|---|---|---|")
    for name in NETWORKS:
        if only not in name:
            continue
        weights, seed = {}, zlib.crc32(name.encode())
        compute(Net(weights, np.float32, seed=seed), name, pictures(seed))
        with tempfile.TemporaryDirectory() as folder:
            found = [errors_at(name, weights, size, command, zoo_file, folder) for size in SIZES]
        row = np.max(found, axis=0)
        worst = max(worst, *row)
        print(f"| {name} | {row[0]:.1e} | {row[1]:.1e} |", flush=True)
    return int(worst > 1e-5)


if __name__ == "__main__":
    sys.exit(main())
