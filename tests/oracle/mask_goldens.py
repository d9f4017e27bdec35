# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/masks.txt: size and hash of the stored samples of the gray and palette PNG
files of tests/golden/pictures, as masks are read. Pillow spreads gray of 1, 2 and 4 bits over 0 to
255, which is undone here.

usage: mask_goldens.py tests/golden/pictures > tests/golden/masks.txt     (needs pillow, numpy)
"""
import os
import re
import sys

import numpy as np
from PIL import Image


def fnv(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def main():
    for name in sorted(os.listdir(sys.argv[1])):
        kind = re.fullmatch(r"png_(gray|palette)([1248])(_key|_alpha)?(_interlaced)?\.png", name)
        if not kind:
            continue
        samples = np.array(Image.open(os.path.join(sys.argv[1], name))).astype(np.uint8)
        if kind[1] == "gray" and kind[2] in "24":
            samples //= 255 // (2 ** int(kind[2]) - 1)
        print(name, samples.shape[1], samples.shape[0], f"{fnv(samples.tobytes()):016x}")


main()
