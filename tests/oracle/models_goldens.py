# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/models/: what LiteRT's reference kernels give for the asset models.

Integer outputs are kept as a 64-bit FNV-1a hash and the five best (index:value); float outputs
whole. The inputs are made by the same rules here and in tests/golden/test_models.c, so only the
photo is stored.

usage: models_goldens.py ASSETS
Reads ASSETS/models/classify/*.tflite and ASSETS/golden/classify/in_<size>.u8. Needs ai-edge-litert
as pinned in tests/oracle.txt, numpy, pillow; to be rerun only when that pin moves.
"""

import pathlib
import sys

import numpy as np
from PIL import Image
from ai_edge_litert.interpreter import Interpreter, OpResolverType

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE.parent / "golden" / "models"
PHOTO = HERE.parent.parent / "examples" / "photos" / "sunflower.jpg"
PHOTO_SIZE = 224

# Name of the model: how a byte of the picture becomes an element of its input.
FLOAT_MAPS = {"mobilenet_v1_0.25_224_float": "signed", "vww_96_float": "unit"}
CASES = [
    "random-1",
    "random-2",
    "random-3",
    "binary-4",
    "narrow-5",
    "constant-0",
    "constant-255",
    "constant-128",
    "red",
    "columns-1",
    "columns-5",
    "rows-1",
    "checker-2",
    "photo",
    "photo-negative",
    "asset-0",
    "asset-3",
    "asset-7",
]


def splitmix64(seed, count):
    """The first `count` numbers of splitmix64 from state `seed`."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.uint64(0x9E3779B97F4A7C15) * np.arange(
            1, count + 1, dtype=np.uint64
        )
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def picture(case, size, photo, assets):
    """The case's [size][size][3] uint8 picture; every rule is a function of case and size alone."""
    kind, _, number = case.partition("-")
    y, x = np.mgrid[0:size, 0:size]
    if kind in ("random", "binary", "narrow"):
        words = splitmix64(int(number), (size * size * 3 + 7) // 8)
        flat = words.astype("<u8").view(np.uint8)[: size * size * 3].reshape(size, size, 3)
        return {
            "random": flat,
            "binary": (flat >> 7) * np.uint8(255),
            "narrow": np.uint8(120) + (flat & 15),
        }[kind]
    if kind == "constant":
        return np.full((size, size, 3), int(number), np.uint8)
    if kind == "red":
        return np.broadcast_to(np.array([255, 0, 0], np.uint8), (size, size, 3))
    if kind in ("columns", "rows", "checker"):
        where = {"columns": x, "rows": y, "checker": x // int(number) + y // int(number)}[kind]
        on = (where // int(number) if kind != "checker" else where) & 1
        return np.repeat((on * 255).astype(np.uint8)[:, :, None], 3, 2)
    if kind == "photo":
        small = photo[y * PHOTO_SIZE // size, x * PHOTO_SIZE // size]
        return 255 - small if number else small
    return np.fromfile(assets / "golden" / "classify" / f"in_{size}.u8", np.uint8).reshape(
        -1, size, size, 3
    )[int(number)]


def to_input(pixels, dtype, name):
    if dtype == np.uint8:
        return pixels
    if dtype == np.int8:
        return (pixels.astype(np.int16) - 128).astype(np.int8)
    real = pixels.astype(np.float32)
    if FLOAT_MAPS[name] == "unit":
        return real / np.float32(255)
    return real / np.float32(127.5) - np.float32(1)


def fnv1a(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def main():
    assets = pathlib.Path(sys.argv[1])
    GOLDEN.mkdir(parents=True, exist_ok=True)
    square = Image.open(PHOTO).convert("RGB")
    edge = min(square.size)
    left, top = (square.width - edge) // 2, (square.height - edge) // 2
    photo = np.asarray(
        square.crop((left, top, left + edge, top + edge)).resize(
            (PHOTO_SIZE, PHOTO_SIZE), Image.BILINEAR
        )
    )
    Image.fromarray(photo).save(GOLDEN / "photo.ppm")
    lines = [
        "# Written by tests/oracle/models_goldens.py: model, case, hash of the output, best five."
    ]
    for path in sorted((assets / "models" / "classify").glob("*.tflite")):
        interpreter = Interpreter(
            str(path), experimental_op_resolver_type=OpResolverType.BUILTIN_REF, num_threads=1
        )
        interpreter.allocate_tensors()
        source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
        floats = []
        for case in CASES:
            pixels = picture(case, int(source["shape"][1]), photo, assets)
            interpreter.set_tensor(
                source["index"], to_input(pixels, source["dtype"], path.stem)[None]
            )
            interpreter.invoke()
            out = interpreter.get_tensor(result["index"])[0]
            best = np.argsort(-out.astype(np.float64), kind="stable")[:5]
            if out.dtype == np.float32:
                floats.append(out)
                lines.append(f"{path.stem} {case} - " + " ".join(str(index) for index in best))
            else:
                lines.append(
                    f"{path.stem} {case} {fnv1a(out.tobytes()):016x} "
                    + " ".join(f"{index}:{out[index]}" for index in best)
                )
        if floats:
            np.stack(floats).astype("<f4").tofile(GOLDEN / f"{path.stem}.f32")
        print(path.stem, flush=True)
    (GOLDEN / "models.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
