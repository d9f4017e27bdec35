# SPDX-License-Identifier: Apache-2.0
"""torchvision's networks with seeded random weights, exported by torch, in onnxruntime and here.

usage: onnx_torch_exports.py export FOLDER       (torch 1.13, torchvision 0.14)
       onnx_torch_exports.py compare FOLDER COMMAND   (onnxruntime 1.32, numpy)

compare prints the largest difference of each output as a part of its largest value.
"""
import subprocess
import sys
import tempfile
from pathlib import Path


def networks():
    import torch
    from torchvision import models
    from torchvision.models import detection, segmentation

    class Out(torch.nn.Module):
        def __init__(self, model):
            super().__init__()
            self.model = model

        def forward(self, x):
            return self.model(x)["out"]

    class Heads(torch.nn.Module):
        def __init__(self):
            super().__init__()
            whole = detection.ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None)
            self.backbone, self.head = whole.backbone, whole.head

        def forward(self, x):
            heads = self.head(list(self.backbone(x).values()))
            return heads["bbox_regression"], heads["cls_logits"]

    plain = {"weights": None, "weights_backbone": None}
    yield "mobilenet_v2", models.mobilenet_v2(), (97, 161)
    yield "mobilenet_v3_large", models.mobilenet_v3_large(), (224, 225)
    yield "mobilenet_v3_small", models.mobilenet_v3_small(), (33, 47)
    yield "lraspp", Out(segmentation.lraspp_mobilenet_v3_large(**plain)), (97, 161)
    yield "deeplabv3", Out(segmentation.deeplabv3_mobilenet_v3_large(**plain)), (97, 161)
    yield "ssdlite320", Heads(), (320, 320)


def randomize(model):
    import torch
    generator = torch.Generator().manual_seed(3)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            count = module.running_mean.shape
            module.running_mean.copy_(torch.randn(count, generator=generator) * 0.1)
            module.running_var.copy_(torch.rand(count, generator=generator) + 0.5)
            module.weight.data.copy_(torch.rand(count, generator=generator) + 0.5)
            module.bias.data.copy_(torch.randn(count, generator=generator) * 0.1)


def export(folder):
    import torch
    torch.manual_seed(1)
    for name, model, size in networks():
        randomize(model.eval())
        x = torch.randn(1, 3, *size)
        for opset in (11, 14, 16):
            for dims in (None, {"x": {0: "n", 2: "h", 3: "w"}}):
                path = folder / f"{name}_{opset}{'_open' if dims else ''}.onnx"
                torch.onnx.export(model, x, path, opset_version=opset, input_names=["x"],
                                  dynamic_axes=dims)
        torch.onnx.export(model, x, folder / f"{name}_norms.onnx", opset_version=13,
                          input_names=["x"], training=torch.onnx.TrainingMode.PRESERVE,
                          do_constant_folding=False)


def compare(path, command, shape):
    import numpy as np
    import onnxruntime
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    to_last = lambda a: np.ascontiguousarray(a.transpose(0, 2, 3, 1)) if a.ndim == 4 else a
    with tempfile.TemporaryDirectory() as out:
        np.save(f"{out}/in.npy", to_last(x))
        subprocess.run([command, "run", "-m", path, "-i", f"{out}/in.npy", "-o", f"{out}/out"],
                       check=True)
        ours = [np.load(file) for file in Path(f"{out}/out").glob("*.npy")]
    for theirs in map(to_last, session.run(None, {"x": x})):
        errors = [np.abs(a - theirs).max() for a in ours if a.shape == theirs.shape]
        print(f"{path.name} {shape}: {min(errors) / np.abs(theirs).max():.2e}")


def main():
    folder = Path(sys.argv[2])
    if sys.argv[1] == "export":
        return export(folder)
    import onnxruntime
    for path in sorted(folder.glob("*.onnx")):
        shape = onnxruntime.InferenceSession(str(path)).get_inputs()[0].shape
        open_size = any(isinstance(dim, str) for dim in shape)
        sizes = [(1, 3, 224, 224), (2, 3, 97, 161), (1, 3, 65, 33)] if open_size else [tuple(shape)]
        for size in sizes:
            compare(path, sys.argv[3], size)


if __name__ == "__main__":
    main()
