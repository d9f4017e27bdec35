# SPDX-License-Identifier: Apache-2.0
"""1000 labelled photos: `mobilenet` against Pillow and LiteRT's reference kernels.

    eval_1000.py reference ASSETS PHOTOS WORK            best classes by LiteRT -> WORK/<model>.npz
    eval_1000.py compare ASSETS PHOTOS WORK MOBILENET    the comparison, as a table

PHOTOS is the unpacked data/imagenet_sample_256.tar of the test assets (labels.tsv and photos).
`compare` asks of every photo: is the tensor of `mobilenet preprocess` Pillow's, byte for byte, and
are the best classes of `mobilenet classify` LiteRT's, in order, equal scores by lowest index? And
of every model: is the top-1 of `mobilenet eval` that of the reference?
Needs ai-edge-litert as pinned in tests/oracle.txt, numpy, pillow.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image

MODELS = [
    "vww_96_int8",
    "mobilenet_v1_0.25_128_quant",
    "mobilenet_v1_0.25_224_quant",
    "v3-small_224_1.0_uint8",
    "mobilenet_v1_0.75_192_quant",
    "v3-large-minimalistic_224_1.0_uint8",
    "mobilenet_v2_1.0_224_quant",
    "tf2_mobilenet_v2_1.0_224_ptq",
]


def photos_of(folder):
    """(file, class) of every line of labels.tsv."""
    lines = (folder / "labels.tsv").read_text().splitlines()
    return [(folder / name, int(label)) for name, label in (line.split("\t") for line in lines)]


def central_square(path, size):
    """[size][size][3]: the central square of 0.875 of the short side, its edges fractional.

    Two calls pin the order of the passes, columns first; Pillow 13 changed it for tall pictures.
    """
    image = Image.open(path).convert("RGB")
    edge = 0.875 * min(image.size)
    left, top = (image.width - edge) / 2, (image.height - edge) / 2
    narrow = image.resize(
        (size, image.height), Image.BILINEAR, (left, 0, left + edge, image.height)
    )
    return np.asarray(narrow.resize((size, size), Image.BILINEAR, (0, top, size, top + edge)))


def interpreter_of(assets, model):
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        str(assets / "models" / "classify" / f"{model}.tflite"),
        num_threads=1,
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
    )
    interpreter.allocate_tensors()
    return interpreter, interpreter.get_input_details()[0], interpreter.get_output_details()[0]


def to_input(pixels, dtype):
    return pixels if dtype == np.uint8 else (pixels.astype(np.int16) - 128).astype(np.int8)


def best_of(scores):
    """The five best classes, background excluded, equal scores by lowest index."""
    classes = scores[1:] if len(scores) == 1001 else scores
    return np.argsort(-classes.astype(np.int32), kind="stable")[:5]


def reference(assets, folder, work):
    work.mkdir(parents=True, exist_ok=True)
    for model in MODELS:
        kept = work / f"{model}.npz"
        if kept.exists():
            continue
        interpreter, source, result = interpreter_of(assets, model)
        best = []
        for path, _ in photos_of(folder):
            pixels = central_square(path, int(source["shape"][1]))
            interpreter.set_tensor(source["index"], to_input(pixels, source["dtype"])[None])
            interpreter.invoke()
            best.append(best_of(interpreter.get_tensor(result["index"])[0]))
        np.savez(
            kept, best=np.stack(best), size=source["shape"][1], signed=source["dtype"] == np.int8
        )
        print(model, flush=True)


def our_tensor_differs(mobilenet, model, path, expected, scratch):
    file = pathlib.Path(scratch) / "tensor.npy"
    subprocess.run(
        [mobilenet, "preprocess", str(path), "-m", str(model), "-o", str(file)],
        check=True,
        capture_output=True,
    )
    return not np.array_equal(np.load(file).reshape(expected.shape), expected)


def our_best(mobilenet, model, paths):
    """The best classes of every photo, by one run of `mobilenet classify`."""
    best = []
    for first in range(0, len(paths), 100):
        run = subprocess.run(
            [mobilenet, "classify", "--json", "--top", "5", "-m", str(model)]
            + [str(path) for path in paths[first : first + 100]],
            check=True,
            capture_output=True,
        )
        best += [
            [entry["class"] for entry in json.loads(line)["top"]]
            for line in run.stdout.splitlines()
        ]
    return np.array(best)


def compare(assets, folder, work, mobilenet):
    photos = photos_of(folder)
    paths, labels = [path for path, _ in photos], np.array([label for _, label in photos])
    checked = (
        {}
    )  # (size, signed): tensors that are not Pillow's; models of one input type share them
    print(
        "| model | tensors not Pillow's | photos with other best | top-1 LiteRT | top-1 mobilenet |"
    )
    print("|---|---|---|---|---|")
    for model in MODELS:
        kept = np.load(work / f"{model}.npz")
        file = assets / "models" / "classify" / f"{model}.tflite"
        key = int(kept["size"]), bool(kept["signed"])
        if key not in checked:
            dtype = np.int8 if key[1] else np.uint8
            with tempfile.TemporaryDirectory() as scratch:
                checked[key] = sum(
                    our_tensor_differs(
                        mobilenet,
                        file,
                        path,
                        to_input(central_square(path, key[0]), dtype),
                        scratch,
                    )
                    for path in paths
                )
        differing = int((our_best(mobilenet, file, paths) != kept["best"]).any(1).sum())
        top1 = ours = "-"
        if kept["best"].shape[1] == 5:
            top1 = f"{np.mean(kept['best'][:, 0] == labels):.3f}"
            run = subprocess.run(
                [mobilenet, "eval", "--json", "-m", str(file), str(folder / "labels.tsv")],
                check=True,
                capture_output=True,
            )
            ours = f"{json.loads(run.stdout.splitlines()[-1])['top1']:.3f}"
        print(f"| {model} | {checked[key]} | {differing} | {top1} | {ours} |", flush=True)


if __name__ == "__main__":
    action, *places = sys.argv[1:]
    {"reference": reference, "compare": compare}[action](
        *map(pathlib.Path, places[:3]), *places[3:]
    )
