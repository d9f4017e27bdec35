# SPDX-License-Identifier: Apache-2.0
"""torchvision's SSDLite from its state dictionary, to its last detection. Needs torch, torchvision,
timm, Pillow and safetensors.

  torch_detections.py MOBILENET   saves the detector with random weights, runs it with the command
                                  MOBILENET and compares a random 320 x 320 picture's detections
                                  with torchvision's in double: as many, the same classes in the
                                  same order, boxes within 0.01 pixels, scores within 1e-5, heads
                                  within 1e-5 of their largest; else exits 1
"""
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from torchvision.models import detection

from torch_weights import picture

NONE = {"weights": None, "weights_backbone": None}
DETECTORS = {
    "ssdlite320": lambda: detection.ssdlite320_mobilenet_v3_large(**NONE),
    "ssdlite320 of 4 classes": lambda: detection.ssdlite320_mobilenet_v3_large(num_classes=4,
                                                                               **NONE),
}


def heads(model, x):
    """All of a detector that has weights: box encodings, class logits."""
    found = model.head(list(model.backbone(x).values()))
    return found["bbox_regression"], found["cls_logits"]


def randomize(model, seed, run):
    """As torch_weights.py does, with `run` for the pass that finds the statistics. Deep channels
    of a random network hardly vary around large means; a norm by their deviation alone enlarges
    rounding errors (torch's own in float too, beyond 1e-4), so that the mean counts as well."""
    torch.manual_seed(seed)
    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    with torch.no_grad():
        for m in model.modules():
            if isinstance(m, torch.nn.Conv2d):
                m.weight.normal_(0, (2 / m.weight[0].numel()) ** 0.5)
                if m.bias is not None:
                    m.bias.normal_(0, 0.3)
        for m in norms:
            m.weight.uniform_(0.6, 1.4)
            m.bias.normal_(0, 0.3)
            m.momentum = 1.0
        model.train()
        run(torch.randn(4, 3, 128, 128))
        for m in norms:
            m.running_mean += 0.2 * m.running_var.sqrt() * torch.randn_like(m.running_mean)
            m.running_var *= torch.empty_like(m.running_var).uniform_(0.7, 1.4)
            m.running_var += 4 * m.running_mean ** 2
    return model.eval()


def save(model, path, zipped):
    if zipped:
        torch.save(model.state_dict(), path)
    else:
        save_file(model.state_dict(), path)


def head_errors(command, folder, model, source):
    values = picture(320, 320)
    np.save(os.path.join(folder, "in.npy"), values)
    subprocess.run([command, "run", "-m", source, "-i", os.path.join(folder, "in.npy"), "-o",
                    folder, "--tap", "box_encodings", "--tap", "class_logits"], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with torch.no_grad():
        x = torch.from_numpy(values).double().permute(0, 3, 1, 2).contiguous()
        expected = heads(model, x)
    for name, theirs in zip(("box_encodings", "class_logits"), expected):
        ours = np.load(os.path.join(folder, f"{name}.npy"))
        yield np.abs(ours - theirs.numpy()).max() / np.abs(theirs.numpy()).max()


def detect(command, source, photo):
    text = subprocess.run([command, "detect", "-m", source, "--min-score", "0", "--json", photo],
                          check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    found = json.loads(text)["detections"]
    return [np.array([d[key] for d in found]) for key in ("box", "score", "class")]


def check_detector(command, folder, name, seed):
    model = DETECTORS[name]()
    model = randomize(model, seed, lambda x: heads(model, x))
    source, photo = os.path.join(folder, "model"), os.path.join(folder, "in.png")
    save(model, source, seed % 2)
    coarse = np.random.default_rng(seed).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((320, 320)).save(photo)
    pixels = np.asarray(Image.open(photo))
    model = model.double()
    with torch.no_grad():
        theirs = model([torch.from_numpy(pixels / 255.0).permute(2, 0, 1)])[0]
    errors = list(head_errors(command, folder, model, source))
    boxes, scores, classes = detect(command, source, photo)
    if len(scores) != len(theirs["scores"]):
        print(f"{name:28} {len(scores)} detections, expected {len(theirs['scores'])}")
        return True
    same = np.array_equal(classes + 1, theirs["labels"].numpy())
    box_error = np.abs(boxes - theirs["boxes"].numpy()).max()
    score_error = np.abs(scores - theirs["scores"].numpy()).max()
    print(f"{name:28}", *(f"{e:.1e}" for e in errors), f"{len(scores)} detections, boxes",
          f"{box_error:.1e} scores {score_error:.1e} classes {'same' if same else 'differ'}",
          flush=True)
    return not same or box_error > 0.01 or score_error > 1e-5 or max(errors) > 1e-5


def main(command):
    failed = False
    for seed, name in enumerate(DETECTORS):
        with tempfile.TemporaryDirectory() as folder:
            failed |= check_detector(command, folder, name, seed)
    return failed


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(bool(main(sys.argv[1])))
