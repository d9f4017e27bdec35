# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/resize.txt: hashes of pictures resized by Pillow, by OpenCV, and by a numpy
transcription of TensorFlow 1's legacy bilinear formula. The source pictures are made by the same
generator here and in tests/unit/test_resize.c, so none is stored.

usage: resize_goldens.py > tests/golden/resize.txt     (needs pillow, opencv, numpy)
"""
import random

import cv2
import numpy as np
import PIL
from PIL import Image

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


def pillow(image, width, height, method):
    return np.asarray(Image.fromarray(image).resize((width, height), method))


def tf1(image, width, height):
    def taps(n_in, n_out):
        at = np.arange(n_out, dtype=np.float32) * (np.float32(n_in) / np.float32(n_out))
        below = np.floor(at)
        low = np.minimum(below.astype(np.int64), n_in - 1)
        return low, np.minimum(low + 1, n_in - 1), (at - below).astype(np.float32)

    x0, x1, fx = taps(image.shape[1], width)
    y0, y1, fy = taps(image.shape[0], height)
    real = image.astype(np.float32)
    rows = real[:, x0] + (real[:, x1] - real[:, x0]) * fx[None, :, None]
    out = rows[y0] + (rows[y1] - rows[y0]) * fy[:, None, None]
    assert out.dtype == np.float32
    return np.clip(np.floor(out + np.float32(0.5)), 0, 255).astype(np.uint8)


METHODS = {
    "pillow-bilinear": lambda i, w, h: pillow(i, w, h, Image.BILINEAR),
    "pillow-bicubic": lambda i, w, h: pillow(i, w, h, Image.BICUBIC),
    "tf1-bilinear": tf1,
    "opencv-linear": lambda i, w, h: cv2.resize(i, (w, h), interpolation=cv2.INTER_LINEAR),
}

FIXED = [(1, 1, 1, 1), (1, 1, 7, 5), (7, 5, 1, 1), (1, 9, 3, 3), (9, 1, 4, 4), (2, 2, 3, 3),
         (17, 13, 17, 13), (17, 13, 17, 5), (17, 13, 5, 13), (32, 24, 16, 12), (32, 24, 64, 48),
         (33, 25, 16, 12), (640, 3, 5, 3), (3, 640, 3, 5), (257, 2, 256, 2), (300, 7, 2, 21),
         (64, 64, 56, 56), (73, 41, 64, 36), (1000, 1, 3, 1), (5, 4, 200, 90)]


def main():
    rng = random.Random(2)
    pairs = list(FIXED)
    while len(pairs) < 120:
        pairs.append(tuple(max(1, int(2 ** rng.uniform(0, 7.2))) for _ in range(4)))
    print(f"# Pillow {PIL.__version__}, OpenCV {cv2.__version__}: "
          "method in_width in_height out_width out_height seed kind fnv1a64")
    for index, (w, h, out_w, out_h) in enumerate(pairs):
        seed, kind = 12345 + index * 7919, index % 3
        image = picture(w, h, seed, kind)
        for name, method in METHODS.items():
            out = method(image, out_w, out_h)
            print(name, w, h, out_w, out_h, seed, kind, f"{fnv(out.tobytes()):016x}")


main()
