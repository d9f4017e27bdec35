# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/tasks/: what LiteRT's reference kernels give for the detectors and segmenters.

Of an integer tensor a 64-bit FNV-1a hash is kept, of a float one every STEP-th element. The
pictures are those of models_goldens.py.

usage: task_goldens.py ASSETS
Reads ASSETS/models/{detect,segment}/*.tflite. Needs ai-edge-litert as pinned in tests/oracle.txt,
numpy, pillow; to be rerun only when that pin moves.
"""

import pathlib
import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from PIL import Image

from models_goldens import GOLDEN as MODELS, fnv1a, picture

GOLDEN = MODELS.parent / "tasks"
CASES = ["random-1", "constant-0", "constant-255", "columns-5", "photo", "photo-negative"]
STEP = 997
# Model: the tensors that are compared, inner ones among them.
TENSORS = {
    "detect/coco_ssd_mobilenet_v1_1.0_quant_2018_06_29": [
        "Squeeze",
        "convert_scores",
        "TFLite_Detection_PostProcess",
        "TFLite_Detection_PostProcess:1",
        "TFLite_Detection_PostProcess:2",
        "TFLite_Detection_PostProcess:3",
    ],
    "detect/object_detection_ssd_mobilenetv2_oidv4_fp16": [
        "raw_outputs/box_encodings",
        "raw_outputs/class_predictions",
    ],
    "segment/deeplabv3_mnv2_pascal_quant": ["ResizeBilinear_1", "ArgMax"],
    "segment/deeplabv3_257_mv_float": ["ResizeBilinear_3"],
}


def main():
    assets = pathlib.Path(sys.argv[1])
    GOLDEN.mkdir(parents=True, exist_ok=True)
    photo = np.asarray(Image.open(MODELS / "photo.ppm"))
    lines = ["# Written by tests/oracle/task_goldens.py: model, case, tensor, hash or its floats."]
    samples, taken = [], 0
    for model, names in TENSORS.items():
        interpreter = Interpreter(
            str(assets / "models" / (model + ".tflite")),
            experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
            num_threads=1,
            experimental_preserve_all_tensors=True,
        )
        interpreter.allocate_tensors()
        source = interpreter.get_input_details()[0]
        index = {tensor["name"]: tensor["index"] for tensor in interpreter.get_tensor_details()}
        for case in CASES:
            pixels = picture(case, int(source["shape"][1]), photo, assets)
            if source["dtype"] == np.float32:
                pixels = pixels.astype(np.float32) / np.float32(127.5) - np.float32(1)
            interpreter.set_tensor(source["index"], pixels[None])
            interpreter.invoke()
            for name in names:
                out = interpreter.get_tensor(index[name])
                if out.dtype == np.float32:
                    kept = out.ravel()[:: STEP if out.size > 4096 else 1]
                    lines.append(f"{model} {case} {name} float {taken} {len(kept)}")
                    samples.append(kept)
                    taken += len(kept)
                else:
                    lines.append(f"{model} {case} {name} {fnv1a(out.tobytes()):016x} 0 0")
        print(model, flush=True)
    np.concatenate(samples).astype("<f4").tofile(GOLDEN / "tasks.f32")
    (GOLDEN / "tasks.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
