# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/augment.txt: hashes of pictures changed by torchvision's functions of 8-bit
tensors and by Pillow's. The source pictures are made by the same generator here and in
tests/golden/test_augment.c, so none is stored.

usage: augment_goldens.py > tests/golden/augment.txt     (needs torch, torchvision, pillow)
"""
import numpy as np
import PIL
import torch
import torchvision
from PIL import Image, ImageOps
from torchvision.transforms import functional as F
from torchvision.transforms import functional_tensor as T
from torchvision.transforms.autoaugment import RandAugment, _apply_op


MASK = 0xFFFFFFFF


def picture(width, height, seed, kind):
    """kind 0: random bytes; 1: 0 or 255 (cubic overshoot saturates); 2: a ramp with some noise."""
    state, out = seed, bytearray()
    for i in range(width * height * 3):
        state ^= (state << 13) & MASK
        state ^= state >> 17
        state ^= (state << 5) & MASK
        value = state >> 24
        if kind == 1:
            value = 255 if value & 128 else 0
        elif kind == 2:
            value = (i // 3 * 5 + (value & 7)) & 255
        out.append(value)
    return np.frombuffer(bytes(out), np.uint8).reshape(height, width, 3)


def fnv(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


SIZES = [(17, 13, 1), (64, 48, 2), (5, 40, 3), (2, 2, 4), (1, 7, 5)]
RAND = ["Identity", "ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Brightness",
        "Color", "Contrast", "Sharpness", "Posterize", "Solarize", "AutoContrast", "Equalize"]
COLOURS = ("Brightness", "Color", "Contrast", "Sharpness")


def tensor(image):
    return torch.from_numpy(image.copy()).permute(2, 0, 1)


def array(t):
    return np.ascontiguousarray(t.permute(1, 2, 0).numpy())


def contrast(t, factor):
    """torchvision's, with the mean not rounded on the way."""
    gray = T.rgb_to_grayscale(t).double()
    return T._blend(t, gray.mean(dim=(-3, -2, -1), keepdim=True).float(), factor)


def hue(t, turn):
    """As torchvision since 0.15: what was gray stays as it was."""
    h, s, v = T._rgb2hsv(t.float() / 255.0).unbind(dim=-3)
    back = T._hsv2rgb(torch.stack(((h + turn) % 1.0, s, v), dim=-3))
    return back.mul(255.0 + 1.0 - 1e-3).to(torch.uint8)


def sharpness(t, factor):
    """The border stays as it was: blended with itself it may lose a level in float."""
    out = t.clone()
    out[:, 1:-1, 1:-1] = F.adjust_sharpness(t, factor)[:, 1:-1, 1:-1]
    return out


def pil(function):
    return lambda t, *a: tensor(np.asarray(function(Image.fromarray(array(t)), *a)))


def rotate(t, degrees):
    return pil(lambda i: i.rotate(degrees, Image.NEAREST, fillcolor=(9, 8, 7)))(t)


def affine(t, *m):
    return pil(lambda i: i.transform(i.size, Image.AFFINE, m, Image.NEAREST,
                                     fillcolor=(9, 8, 7)))(t)


def rand(t, op, magnitude, negative):
    """RandAugment's own step on a Pillow picture; colours on a tensor, as above. Its amounts are
    made in float32: here they are the same numbers, not rounded."""
    space = RandAugment()._augmentation_space(31, (t.shape[1], t.shape[2]))
    name = RAND[op]
    amounts, signed = space[name]
    amount = float(amounts[magnitude].item()) if amounts.ndim > 0 else 0.0
    if signed:
        exact = {"R": 30.0, "S": 0.3, "T": 150.0 / 331.0 * t.shape[2 if name[-1] == "X" else 1]}
        largest = 0.9 if name in COLOURS else exact[name[0]]
        assert abs(largest * magnitude / 30 - amount) < 1e-4
        amount = magnitude / 30 * largest
    if signed and negative:
        amount = -amount
    if name == "Contrast":
        return contrast(t, 1.0 + amount)
    if name == "Sharpness":
        return sharpness(t, 1.0 + amount)
    if name in COLOURS:
        return _apply_op(t, name, amount, F.InterpolationMode.NEAREST, None)
    return pil(lambda i: _apply_op(i, name, amount, F.InterpolationMode.NEAREST,
                                   [9, 8, 7]))(t)


OPS = {
    "brightness": (F.adjust_brightness, [(0.0,), (0.4,), (1.0,), (1.75,)]),
    "contrast": (contrast, [(0.0,), (0.4,), (1.0,), (1.75,)]),
    "saturation": (F.adjust_saturation, [(0.0,), (0.4,), (1.0,), (1.75,)]),
    "sharpness": (sharpness, [(0.0,), (0.4,), (1.0,), (1.75,)]),
    "hue": (hue, [(0.0,), (0.5,), (-0.5,), (0.1,), (-0.23,)]),
    "posterize": (pil(ImageOps.posterize), [(8,), (5,), (4,), (1,)]),
    "solarize": (pil(ImageOps.solarize), [(0,), (128,), (201,), (256,)]),
    "autocontrast": (pil(ImageOps.autocontrast), [()]),
    "equalize": (pil(ImageOps.equalize), [()]),
    "rotate": (rotate, [(0.0,), (10.0,), (-29.5,), (90.0,), (180.0,)]),
    "affine": (affine, [(1, 0, 0, 0, 1, 0), (1, 0.3, 0, 0, 1, 0), (1, 0, -3.5, -0.21, 1, 2.25),
                        (0.5, 0, 0, 0, 0.5, 0), (3, 0.1, -7, 0.2, 2, 1)]),
    "rand": (rand, [(op, m, sign) for op in range(14) for m, sign in ((0, 0), (9, 0), (9, 1),
                                                                      (17, 1), (30, 0))]),
    "flip": (F.hflip, [()]),
}


def crops():
    """A part resized, nearest for masks. Its sides are odd: of even ones a pixel's middle may fall
    between two, where Pillow's sums in float pick either."""
    for (w, h, x, y, cw, ch, ow, oh, seed) in [(64, 48, 3, 5, 41, 31, 17, 13, 1),
                                               (64, 48, 0, 0, 64, 48, 64, 48, 2),
                                               (20, 10, 7, 1, 7, 9, 31, 29, 3),
                                               (20, 10, 7, 1, 1, 1, 4, 3, 4)]:
        image = picture(w, h, seed, seed % 3)
        part = Image.fromarray(image).crop((x, y, x + cw, y + ch))
        mask = Image.fromarray(image[:, :, 0]).crop((x, y, x + cw, y + ch))
        out = np.asarray(part.resize((ow, oh), Image.BILINEAR))
        classes = np.asarray(mask.resize((ow, oh), Image.NEAREST))
        yield (w, h, x, y, cw, ch, ow, oh, seed, fnv(out.tobytes()), fnv(classes.tobytes()))


def main():
    print(f"# torchvision {torchvision.__version__}, Pillow {PIL.__version__}: width height seed "
          "kind op numbers... fnv1a64")
    for width, height, seed in SIZES:
        for kind in range(3):
            t = tensor(picture(width, height, seed * 7919, kind))
            for name, (function, amounts) in OPS.items():
                for amount in amounts:
                    if name == "rand" and kind != seed % 3:
                        continue
                    result = fnv(array(function(t, *amount)).tobytes())
                    numbers = " ".join(repr(float(a)) for a in amount)
                    print(width, height, seed * 7919, kind, name, numbers, f"{result:016x}")
    for crop in crops():
        print(*crop[:9], "crop %016x %016x" % crop[9:])


main()
