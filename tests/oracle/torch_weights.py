# SPDX-License-Identifier: Apache-2.0
"""State dictionaries of torchvision and timm with random weights, and what those libraries make of
them. Needs torch, torchvision, timm and safetensors.

  torch_weights.py golden           remakes tests/golden/weights (thin networks, few classes)
  torch_weights.py seeds            remakes tests/fuzz/corpus/pth: tiny files, good and bad
  torch_weights.py check MOBILENET [PART_OF_A_NAME]
                                    every network, saved as safetensors and .pth and exported to
                                    ONNX: runs each with the command MOBILENET, and prints the
                                    largest error over three input sizes as a part of the largest
                                    output, and that of PyTorch's own float; exits 1 when one of
                                    ours is above 1e-5

The limit: a float is known to 6e-8, a sum of a thousand products to a few 1e-7, and 60 layers one
after the other add such errors up to some 1e-6. 1e-5 is above that and far below what a wrong pixel,
weight or epsilon makes (1e-3 and more).
"""
import collections
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import timm
import torch
import torchvision
from safetensors.torch import save_file
from timm.models import efficientnet, mobilenetv3

SIZES = [(33, 47), (97, 161), (224, 225)]
HERE = os.path.dirname(os.path.abspath(__file__))


def picture(height, width):
    """Numbers in [-1, 1) that C makes bit for bit: test_weights.c has the same rule."""
    index = np.arange(height * width * 3, dtype=np.uint64)
    bits = (index * np.uint64(2654435761) + np.uint64(12345)) % np.uint64(1 << 32)
    values = (bits >> np.uint64(16)).astype(np.float32) / np.float32(32768) - np.float32(1)
    return values.reshape(1, height, width, 3)


def randomize(model, seed, bias=0.0):
    """Random weights, biases and scales; statistics near those of the data, but not equal. Around a
    bias of 0 half of what a norm gives is cut off, and each layer makes differences 1.2 times as
    large: in a deep network PyTorch's own roundings come near the limit. Around 1 they do not."""
    torch.manual_seed(seed)
    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    with torch.no_grad():
        for m in model.modules():
            if isinstance(m, (torch.nn.Conv2d, torch.nn.Linear)):
                fan_in = m.weight[0].numel()
                m.weight.normal_(0, (2 / fan_in) ** 0.5)
                if m.bias is not None:
                    m.bias.normal_(0, 0.3)
        for m in norms:
            m.weight.uniform_(0.6, 1.4)
            m.bias.normal_(bias, 0.3)
            m.momentum = 1.0
        model.train()
        # A detector's last maps are 1x1: only many large pictures give them statistics that do
        # not blow up rounding (torch's own float differs from double by as much otherwise).
        model(torch.randn(*((16, 3, 256, 256) if hasattr(model, "inner") else (4, 3, 96, 96))))
        for m in norms:
            m.running_mean += 0.2 * m.running_var.sqrt() * torch.randn_like(m.running_mean)
            m.running_var *= torch.empty_like(m.running_var).uniform_(0.7, 1.4)
    return model.eval()


def run(model, height, width, kind=torch.float64):
    """In double: what is left is the error of ours, not of two roundings."""
    with torch.no_grad():
        x = torch.from_numpy(picture(height, width)).to(kind).permute(0, 3, 1, 2).contiguous()
        outputs = model.to(kind)(x)
    return [o.numpy() for o in outputs] if isinstance(outputs, list) else [outputs.numpy()]


class Detector(torch.nn.Module):
    """SSDLite's encodings, before anchors and suppression."""

    outputs = ["box_encodings", "class_logits"]

    def __init__(self):
        super().__init__()
        self.inner = torchvision.models.detection.ssdlite320_mobilenet_v3_large(
            weights=None, weights_backbone=None, num_classes=7)

    def forward(self, x):
        out = self.inner.head(list(self.inner.backbone(x).values()))
        return [out["bbox_regression"], out["cls_logits"]]


class Segmenter(torch.nn.Module):
    outputs = ["logits"]

    def __init__(self, name, **more):
        super().__init__()
        self.inner = getattr(torchvision.models.segmentation, f"{name}_mobilenet_v3_large")(
            weights=None, weights_backbone=None, num_classes=5, **more)

    def forward(self, x):
        return [self.inner(x)["out"].permute(0, 2, 3, 1)]


def vision(name, width, classes):
    kind = getattr(torchvision.models, name)
    return kind(width_mult=width, num_classes=classes)


NETWORKS = {
    **{f"torchvision {n} {w}": (lambda n=n, w=w: vision(n, w, 10))
       for n in ("mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small")
       for w in (1.0, 0.75, 0.35, 1.4)},
    **{f"timm {n}": (lambda n=n: timm.create_model(n, num_classes=10))
       for n in ("mobilenetv1_100", "mobilenetv1_125",
                 "mobilenetv2_035", "mobilenetv2_050", "mobilenetv2_075", "mobilenetv2_100",
                 "mobilenetv2_140",
                 "mobilenetv3_large_075", "mobilenetv3_large_100", "mobilenetv3_small_050",
                 "mobilenetv3_small_075", "mobilenetv3_small_100",
                 "tf_mobilenetv3_large_075", "tf_mobilenetv3_large_100",
                 "tf_mobilenetv3_large_minimal_100", "tf_mobilenetv3_small_075",
                 "tf_mobilenetv3_small_100", "tf_mobilenetv3_small_minimal_100",
                 "mobilenetv4_conv_small_035", "mobilenetv4_conv_small_050",
                 "mobilenetv4_conv_small", "mobilenetv4_conv_medium", "mobilenetv4_conv_large")},
    "torchvision ssdlite320": Detector,
    "torchvision lraspp": lambda: Segmenter("lraspp"),
    "torchvision deeplabv3": lambda: Segmenter("deeplabv3"),
}


def timm_v1(width, classes):
    return efficientnet._gen_mobilenet_v1("mobilenetv1_100", width, num_classes=classes)


def timm_v3(name, width, classes, **more):
    return mobilenetv3._gen_mobilenet_v3(name, width, num_classes=classes, **more)


def timm_v4(width, classes):
    return mobilenetv3._gen_mobilenet_v4("mobilenetv4_conv_small", width, num_classes=classes)


TENSORFLOW = {"pad_type": "same", "bn_eps": 1e-3}
# file: how it is made, and the type of its weights
GOLDEN = {
    "tv_v2.safetensors": (lambda: vision("mobilenet_v2", 0.05, 5), torch.bfloat16),
    "tv_v3_large.safetensors": (lambda: vision("mobilenet_v3_large", 0.1, 5), torch.float16),
    "tv_v3_small.pth": (lambda: vision("mobilenet_v3_small", 0.05, 3), torch.float32),
    "timm_v1.safetensors": (lambda: timm_v1(0.125, 4), torch.float16),
    "timm_v3_small.safetensors": (
        lambda: timm_v3("mobilenetv3_small_100", 0.05, 4), torch.bfloat16),
    "tf_mobilenetv3_small.safetensors": (
        lambda: timm_v3("tf_mobilenetv3_small_100", 0.05, 4, **TENSORFLOW), torch.float16),
    "timm_v4_small.safetensors": (lambda: timm_v4(0.05, 3), torch.float16),
}


def golden():
    folder = os.path.join(HERE, "..", "golden", "weights")
    with open(os.path.join(folder, "expected.txt"), "w") as out:
        for seed, (name, (make, kind)) in enumerate(GOLDEN.items()):
            model = randomize(make(), 100 + seed)
            state = {k: v.to(kind) if v.is_floating_point() else v
                     for k, v in model.state_dict().items()}
            model.load_state_dict(state)
            if "v4" in name:  # counters may be there or not; this one stays below 200 KB
                state = {k: v for k, v in state.items() if "num_batches" not in k}
            if name.endswith(".pth"):  # as torch.nn.DataParallel and a training script leave it
                state = {"epoch": 3, "state_dict": {f"module.{k}": v for k, v in state.items()}}
                torch.save(state, os.path.join(folder, name))
            else:
                save_file(state, os.path.join(folder, name))
            os.chmod(os.path.join(folder, name), 0o644)
            for height, width in SIZES:
                values = run(model, height, width)[0][0]
                print(name, height, width, len(values), *(f"{v:.9g}" for v in values), file=out)


def names():
    """What torchvision's other heads are made of: too many weights for a golden, so names only."""
    heads = {"ssdlite320_mobilenet_v3_large": Detector(),
             "lraspp_mobilenet_v3_large": Segmenter("lraspp"),
             "deeplabv3_mobilenet_v3_large": Segmenter("deeplabv3", aux_loss=True)}
    with open(os.path.join(HERE, "..", "golden", "weights", "heads.txt"), "w") as out:
        for head, model in heads.items():
            for name, tensor in model.inner.state_dict().items():
                if "num_batches" not in name:
                    dims = list(tensor.shape)
                    print(head, name, len(dims), *dims, *[1] * (4 - len(dims)), file=out)


class Evil:
    def __reduce__(self):
        return os.system, ("true",)


def seeds():
    folder = os.path.join(HERE, "..", "fuzz", "corpus", "pth")
    os.makedirs(folder, exist_ok=True)
    base = torch.arange(24, dtype=torch.float32)
    plain = {"a.weight": base[:6].reshape(2, 3).clone(), "a.bias": base[6:7].half(),
             "a.num_batches_tracked": torch.tensor(7)}
    files = {
        "plain": plain,
        "ordered": collections.OrderedDict(plain),
        "checkpoint": {"epoch": 3, "loss": 0.5, "names": ["x", "y"], "state_dict": plain},
        "module": {f"module.{k}": v for k, v in plain.items()},
        "parameter": {"a": torch.nn.Parameter(base[:4].clone())},
        "shared": {"a": base[3:9].reshape(3, 2), "b": base[9:10]},
        "types": {str(t): torch.ones(3).to(t) for t in (
            torch.bfloat16, torch.int32, torch.uint8, torch.int8, torch.bool)},
        "bad_code": {"a": Evil()},
        "bad_layer": torch.nn.Conv2d(1, 1, 1),
        "bad_double": {"a": base.double()},
        "bad_stride": {"a": base.reshape(4, 6).t()},
        "bad_rank": {"a": base[:1].reshape(1, 1, 1, 1, 1)},
        "bad_empty": {"a": base[:0]},
        "bad_list": [base[:2].clone()],
        "bad_value": {"a": base[:2].clone(), "b": 7},
        "bad_key": {3: base[:2].clone()},
        "bad_nothing": {},
    }
    for name, value in files.items():
        path = os.path.join(folder, f"{name}.pth")
        torch.save(value, path)
    torch.save(plain, os.path.join(folder, "protocol_4.pth"), pickle_protocol=4)


def outputs_of(command, model, outputs, folder):
    """What the command makes of folder/in.npy, by name; those of an exported file are its own."""
    result = os.path.join(folder, "out")
    shutil.rmtree(result, ignore_errors=True)
    taps = [] if model.endswith(".onnx") else [a for o in outputs for a in ("--tap", o)]
    subprocess.run([command, "run", "-m", model, "-i", os.path.join(folder, "in.npy"), "-o", result]
                   + taps, check=True, stdout=subprocess.DEVNULL)
    return [np.load(os.path.join(result, f"{output}.npy")) for output in outputs]


class Maps(torch.nn.Module):
    """For export: maps as PyTorch has them, channels second."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        y = self.model(x)
        return [o.permute(0, 3, 1, 2) if o.dim() == 4 else o for o in y] if isinstance(
            y, list) else y


def sources(model, make, name, size, command, folder):
    """The network as files that the command opens, by kind."""
    state, (height, width) = getattr(model, "inner", model).state_dict(), size
    # Anchors are of one size, so that a detector is converted for each.
    arch = f"v3-large-1.0-{height}x{width}+ssdlite@torchvision"
    of_size = ["--arch", arch] if isinstance(model, Detector) else []
    # The folder's name tells timm's tf_ networks, whose names and shapes do not.
    place = os.path.join(folder, name.replace(" ", "_"))
    os.makedirs(place, exist_ok=True)
    for kind, save in ("safetensors", save_file), ("pth", torch.save):
        source, native = os.path.join(place, "model"), os.path.join(folder, f"{kind}.safetensors")
        save(state, source)
        subprocess.run([command, "convert", source, native] + of_size, check=True,
                       stdout=subprocess.DEVNULL)
        yield native
    exported = os.path.join(folder, "net.onnx")
    with timm.layers.set_exportable(True):
        twin = make()
    twin.load_state_dict(model.float().state_dict())
    x = torch.from_numpy(picture(height, width)).permute(0, 3, 1, 2).contiguous()
    exports = Maps(twin).eval()
    with torch.no_grad():
        exports(x)  # fixes timm's pads
    torch.onnx.export(exports, x, exported, opset_version=13,
                      input_names=["x"], output_names=getattr(model, "outputs", ["logits"]))
    yield exported


def check_size(model, make, name, size, command, folder):
    """Errors of safetensors, pth, ONNX, and of PyTorch's float."""
    outputs = getattr(model, "outputs", ["logits"])
    theirs = run(model, *size)
    largest = [np.abs(y).max() for y in theirs]

    def error(found):
        assert [y.shape for y in found] == [y.shape for y in theirs]
        return max(np.abs(a - b).max() / c for a, b, c in zip(found, theirs, largest))

    rounded = error(run(model.float(), *size, torch.float32))
    np.save(os.path.join(folder, "in.npy"), picture(*size))
    return [error(outputs_of(command, file, outputs, folder))
            for file in sources(model, make, name, size, command, folder)] + [rounded]


def check(command, only=""):
    worst = 0
    # With it timm writes SAME as pads of the size that came first, not as arithmetic on sizes.
    sys.modules["timm.layers.conv2d_same"]._USE_EXPORT_CONV = True
    print("| network | safetensors | .pth | ONNX | PyTorch's float |\n|---|---|---|---|---|")
    for seed, (name, make) in enumerate(NETWORKS.items()):
        if only not in name:
            continue
        model = randomize(make(), seed, bias=1.0)
        with tempfile.TemporaryDirectory() as folder:
            row = np.max([check_size(model, make, name, size, command, folder)
                          for size in SIZES], axis=0)
        worst = max(worst, *row[:-1])
        print(f"| {name} |", " | ".join(f"{e:.1e}" for e in row), "|", flush=True)
    return int(worst > 1e-5)


if __name__ == "__main__":
    if sys.argv[1:] == ["golden"]:
        sys.exit(golden() or names())
    if sys.argv[1:] == ["seeds"]:
        sys.exit(seeds())
    if sys.argv[1:2] == ["check"]:
        sys.exit(check(*sys.argv[2:4]))
    sys.exit(__doc__)
