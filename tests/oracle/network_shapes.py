# SPDX-License-Identifier: Apache-2.0
"""Prints lines of tests/golden/network_shapes.txt: for each network and picture the shapes of all
its convolutions' outputs, sorted, with how often each occurs; layers after the pool are left
out. torchvision and timm pad symmetrically; Keras's V2 and V3 pad as TensorFlow's SAME (its V1
does so at even sizes only).

usage: network_shapes.py torch     (needs torch, torchvision, timm)
       network_shapes.py keras     (needs tensorflow)
"""
import collections
import sys

SIZES = (33, 47), (97, 161), (224, 225)


def show(arch, shapes):
    counts = collections.Counter(shapes)
    rows = " ".join(f"{h}x{w}x{c}*{counts[h, w, c]}" for h, w, c in sorted(counts, reverse=True))
    print(f"{arch} {rows}")


def torch_shapes(run, network, after_pool):
    import torch

    shapes = []
    hooks = [m.register_forward_hook(lambda m, i, o: shapes.append((*o.shape[2:], o.shape[1])))
             for name, m in network.named_modules()
             if isinstance(m, torch.nn.Conv2d) and name != after_pool]
    with torch.no_grad():
        run()
    for hook in hooks:
        hook.remove()
    return shapes


def torch_main():
    import timm
    import torch
    import train_cifar
    from torchvision import models as tv

    none = dict(weights=None, weights_backbone=None)
    networks = [
        ("v2-1.0", "torchvision", tv.mobilenet_v2()),
        ("v3-large-1.0", "torchvision", tv.mobilenet_v3_large()),
        ("v3-small-1.0", "torchvision", tv.mobilenet_v3_small()),
        ("v3-large-0.75", "timm", timm.create_model("mobilenetv3_large_075")),
        ("v1-1.0", "timm", timm.create_model("mobilenetv1_100")),
        ("v2-1.4", "timm", timm.create_model("mobilenetv2_140")),
        ("v4-small-1.0", "timm", timm.create_model("mobilenetv4_conv_small")),
        ("v4-medium-1.0", "timm", timm.create_model("mobilenetv4_conv_medium")),
        ("v4-large-1.0", "timm", timm.create_model("mobilenetv4_conv_large")),
        ("v2-1.0", "cifar", train_cifar.network(1.0)),
        ("v3-large-1.0+lraspp", "torchvision", tv.segmentation.lraspp_mobilenet_v3_large(**none)),
        ("v3-large-1.0+deeplab", "torchvision",
         tv.segmentation.deeplabv3_mobilenet_v3_large(**none)),
        ("v3-large-1.0+ssdlite", "torchvision",
         tv.detection.ssdlite320_mobilenet_v3_large(**none)),
    ]
    for name, flavour, network in networks:
        network.eval()
        base, _, head = name.partition("+")
        for h, w in SIZES:
            picture = torch.zeros(1, 3, h, w)

            def run():
                if head == "ssdlite":
                    network.head(list(network.backbone(picture).values()))
                else:
                    network(picture)

            arch = f"{base}-{h}x{w}{'+' if head else ''}{head}@{flavour}"
            show(arch, torch_shapes(run, network, "conv_head" if name[:2] in ("v3", "v4") else ""))


def keras_main():
    import keras

    apps = keras.applications
    networks = [
        ("v2-1.0", apps.MobileNetV2, {}),
        ("v2-0.35", apps.MobileNetV2, {"alpha": 0.35}),
        ("v3-large-1.0", apps.MobileNetV3Large, {}),
        ("v3-small-1.0", apps.MobileNetV3Small, {}),
        ("v3-large-min-1.0", apps.MobileNetV3Large, {"minimalistic": True}),
        ("v3-small-min-1.0", apps.MobileNetV3Small, {"minimalistic": True}),
    ]
    for name, make, options in networks:
        for h, w in SIZES:
            network = make(input_shape=(h, w, 3), weights=None, include_top=False, **options)
            shapes = []
            for layer in network.layers:
                if "Conv2D" in type(layer).__name__:
                    shapes.append(tuple(layer.output.shape[1:]))
            show(f"{name}-{h}x{w}", shapes)


print(f"# Made by tests/oracle/network_shapes.py {sys.argv[1]}")
torch_main() if sys.argv[1] == "torch" else keras_main()
