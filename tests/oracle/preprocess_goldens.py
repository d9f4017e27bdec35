# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/preprocess.txt: hashes of input tensors made with Pillow and numpy by the
rules of docs/preprocessing.md. resize_then_crop is written as torchvision writes it
(transforms/functional.py: resize, center_crop), Python's round included; --torchvision compares it
with the installed torchvision itself, --one-call the default fit with one call of an older Pillow.

usage: preprocess_goldens.py > tests/golden/preprocess.txt     (needs pillow, opencv,
numpy)
"""
import math
import sys

import cv2
import numpy as np
import PIL
from PIL import Image

MASK = 0xFFFFFFFF


def picture(width, height, seed):
    state, out = seed, bytearray()
    for _ in range(width * height * 3):
        state ^= (state << 13) & MASK
        state ^= state >> 17
        state ^= (state << 5) & MASK
        out.append(state >> 24)
    return Image.frombytes("RGB", (width, height), bytes(out))


def fnv(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def resize(image, size, method):
    if method == "opencv":
        return Image.fromarray(cv2.resize(np.asarray(image), size, interpolation=cv2.INTER_LINEAR))
    return image.resize(size, method)


def crop_then_resize(image, height, width, method, fraction):
    """Pillow's resize(box=...) with columns first, which one call does up to Pillow 12 and two calls,
    one for each direction, do in every version."""
    w, h = image.size
    if w * height > h * width:
        cw, ch = h * width / height, float(h)
    else:
        cw, ch = float(w), w * height / width
    cw, ch = cw * fraction, ch * fraction
    if method == "opencv":
        cw, ch = (min(int(max(1, math.floor(v + 0.5))), s) for v, s in zip((cw, ch), (w, h)))
        x, y = (w - cw) // 2, (h - ch) // 2
        return resize(image.crop((x, y, x + cw, y + ch)), (width, height), method)
    columns = image.resize((width, h), method, box=((w - cw) / 2, 0, (w + cw) / 2, h))
    return columns.resize((width, height), method, box=(0, (h - ch) / 2, width, (h + ch) / 2))


def resize_then_crop(image, height, width, method, short_side):
    w, h = image.size
    short, long = (w, h) if w <= h else (h, w)
    new_short, new_long = short_side, int(short_side * long / short)
    size = (new_short, new_long) if w <= h else (new_long, new_short)
    image = resize(image, size, method)
    w, h = image.size
    if width > w or height > h:
        left = (width - w) // 2 if width > w else 0
        top = (height - h) // 2 if height > h else 0
        padded = Image.new("RGB", (max(w, width), max(h, height)))
        padded.paste(image, (left, top))
        image = padded
        w, h = image.size
    top = int(round((h - height) / 2.0))
    left = int(round((w - width) / 2.0))
    return image.crop((left, top, left + width, top + height))


def letterbox(image, height, width, method, pad):
    w, h = image.size
    nw, nh = width, height
    if w * height > h * width:
        nh = max(1, (2 * h * width + w) // (2 * w))
    else:
        nw = max(1, (2 * w * height + h) // (2 * h))
    out = Image.new("RGB", (width, height), (pad, pad, pad))
    out.paste(resize(image, (nw, nh), method), ((width - nw) // 2, (height - nh) // 2))
    return out


def tensor(image, order, kind):
    if order == "gray":
        pixels = np.asarray(image.convert("L"))[..., None]
    else:
        pixels = np.asarray(image)[..., ::-1 if order == "bgr" else 1]
    channels = pixels.shape[-1]
    if kind == "u8":
        return pixels.astype(np.uint8)
    if kind == "minus128":
        return (pixels.astype(np.int32) - 128).astype(np.int8)
    scale = np.array([1 / (0.229 * 255), 1 / (0.224 * 255), 1 / (0.225 * 255)])[:channels]
    offset = np.array([-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225])[:channels]
    real = pixels.astype(np.float64) * scale + offset
    if kind == "f32":
        return real.astype("<f4")
    tensor_scale = float(np.float32(0.02))
    if kind == "affine_u8":
        return np.clip(np.floor(real / tensor_scale + 110 + 0.5), 0, 255).astype(np.uint8)
    return np.clip(np.floor(real / tensor_scale - 20 + 0.5), -128, 127).astype(np.int8)


FITS = {"crop_then_resize": (crop_then_resize, 0.875), "whole": (crop_then_resize, 1.0),
        "resize_then_crop": (resize_then_crop, 40), "resize_small": (resize_then_crop, 20),
        "stretch": (lambda i, h, w, m, _: resize(i, (w, h), m), 0), "letterbox": (letterbox, 114)}
METHODS = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC, "opencv": "opencv"}
ORDERS, KINDS = ("rgb", "bgr", "gray"), ("u8", "minus128", "f32", "affine_u8", "affine_i8")
PICTURES = [(64, 48), (48, 64), (50, 50), (33, 47), (101, 40), (40, 101), (7, 90), (90, 7), (1, 1),
            (257, 191), (32, 32), (45, 35)]
TARGETS = [(32, 32), (31, 33), (24, 40), (40, 24), (1, 1)]


def compare_with_one_call():
    """With a Pillow up to 12: its resize(box=...) is what crop_then_resize does in two calls."""
    for w in range(20, 80, 3):
        for h in range(20, 80, 7):
            image, c = picture(w, h, w * 100 + h), min(w, h) * 0.875
            box = ((w - c) / 2, (h - c) / 2, (w + c) / 2, (h + c) / 2)
            for side in (1, 16, 32, 61):
                theirs = image.resize((side, side), Image.BILINEAR, box=box)
                ours = crop_then_resize(image, side, side, Image.BILINEAR, 0.875)
                assert np.array_equal(np.asarray(theirs), np.asarray(ours)), (w, h, side)
    print("equal to one call of Pillow", PIL.__version__)


def compare_with_torchvision():
    from torchvision import transforms
    for w in range(20, 80, 3):
        for h in range(20, 80, 7):
            image = picture(w, h, w * 100 + h)
            for height, width in TARGETS:
                theirs = transforms.CenterCrop((height, width))(
                    transforms.Resize(40, Image.BILINEAR)(image))
                ours = resize_then_crop(image, height, width, Image.BILINEAR, 40)
                assert np.array_equal(np.asarray(theirs), np.asarray(ours)), (w, h, height, width)
    print("equal to torchvision")


def main():
    if "--torchvision" in sys.argv:
        compare_with_torchvision()
        return
    if "--one-call" in sys.argv:
        compare_with_one_call()
        return
    print(f"# Pillow {PIL.__version__}: fit method order kind in_width in_height out_height "
          "out_width seed fnv1a64")
    count = 0
    for w, h in PICTURES:
        for height, width in TARGETS:
            for name, (fit, argument) in FITS.items():
                method = ("bicubic", "bilinear", "bilinear", "opencv", "bilinear")[count % 5]
                order, kind = ORDERS[count % 3], KINDS[count % 7 % 5]
                seed = 1000 + count
                image = fit(picture(w, h, seed), height, width, METHODS[method], argument)
                data = np.ascontiguousarray(tensor(image, order, kind)).tobytes()
                print(name, method, order, kind, w, h, height, width, seed, f"{fnv(data):016x}")
                count += 1


main()
