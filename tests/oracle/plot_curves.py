# SPDX-License-Identifier: Apache-2.0
"""The curves of two trainings in one picture: top-1 of what is held back after every epoch.

usage: plot_curves.py OUT.svg NAME=LINES.jsonl NAME=LINES.jsonl   (`train --json`, train_cifar.py)
"""
import json
import sys

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 640, 320, 44, 16, 16, 36
COLOURS = ("#1b6ca8", "#d1603d")


def curve(path):
    with open(path) as lines:
        return [100 * json.loads(line)["eval_top1"] for line in lines]


def text(x, y, words, anchor="middle", colour="#444"):
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" fill="{colour}">{words}</text>'


def draw(curves):
    epochs = max(len(points) for _, points in curves)
    low = min(min(points) for _, points in curves) // 10 * 10
    high = max(max(points) for _, points in curves) // 10 * 10 + 10

    def across(epoch):
        return LEFT + (WIDTH - LEFT - RIGHT) * (epoch - 1) / max(epochs - 1, 1)

    def down(percent):
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - percent) / (high - low)

    yield (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
           'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="#fff"/>')
    for percent in range(int(low), int(high) + 1, 10):
        yield f'<path d="M{LEFT} {down(percent):.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
        yield text(LEFT - 6, down(percent) + 4, f"{percent} %", "end")
    for epoch in [1] + list(range(5, epochs + 1, 5)):
        yield text(across(epoch), HEIGHT - BOTTOM + 16, epoch)
    yield text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4, "epoch")
    for number, (name, points) in enumerate(curves):
        way = " ".join(f"{across(i + 1):.1f},{down(p):.1f}" for i, p in enumerate(points))
        yield f'<polyline points="{way}" fill="none" stroke="{COLOURS[number]}" stroke-width="2"/>'
        label = f"{name}: {points[-1]:.2f} %"
        yield text(WIDTH - RIGHT - 8, HEIGHT - BOTTOM - 28 + 16 * number, label, "end", COLOURS[number])
    yield "</svg>"


def main():
    target, *given = sys.argv[1:]
    curves = [(name, curve(path)) for name, path in (words.split("=", 1) for words in given)]
    with open(target, "w") as out:
        out.write("\n".join(draw(curves)) + "\n")


if __name__ == "__main__":
    main()
