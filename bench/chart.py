#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The JSON lines of peers.py as a bar chart: python3 bench/chart.py RESULTS.jsonl OUT.svg [THREADS [best]]

One panel a precision, one group of bars a network: each runtime's time over ours, so that networks
of 0.3 and of 20 ms can be read on one scale; the milliseconds stand at the bars. A bar that a
runtime lacks is one that it could not run, or whose outputs were wrong.
"""
import json
import sys

COLORS = {"ours": "#1257b8", "ours-f32": "#8fb3e6", "litert": "#e07b00", "onnxruntime": "#7a8793", "openvino": "#5b3fa0",
          "ncnn": "#1d8a6b", "mnn": "#c23b54", "executorch": "#a08330",
          "torch": "#e07b00", "torch-compile": "#c23b54", "torch-debian": "#7a8793"}
NAMES = {"ours": "mobilenet", "ours-f32": "mobilenet f32", "litert": "LiteRT", "onnxruntime": "ONNX Runtime",
         "openvino": "OpenVINO", "ncnn": "ncnn", "mnn": "MNN", "executorch": "ExecuTorch",
         "torch": "PyTorch", "torch-compile": "torch.compile", "torch-debian": "Debian's PyTorch"}
STATISTICS = {"median_ms": "Median", "min_ms": "Best"}
LEFT, TOP, PANEL, GAP, BAR, SPACE, MOST = 96, 78, 330, 44, 9, 10, 2.5


def text(x, y, words, size=11, anchor="start", fill="#333", weight="normal"):
    halo = "" if fill == "#fff" else ' stroke="#fff" stroke-width="2" paint-order="stroke"'
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" '
            f'fill="{fill}" font-weight="{weight}"{halo}>{words}</text>')


def bars_of(rows, statistic):
    """Engines of one network and precision, ours first, that gave a right answer."""
    ours = next(r for r in rows if r["engine"] == "ours")[statistic]
    return [(r["engine"], r[statistic], r[statistic] / ours)
            for r in rows if not r["error"] and r["same"]]


def draw_bar(x, y, engine, ms, ratio):
    length = min(ratio, MOST) / MOST * PANEL
    words = f"{ms:.2f} ms" if ms < 10 else f"{ms:.1f} ms"
    if ratio > MOST:
        words = f"{ratio:.1f} times, {words}"
    inside = length > PANEL - 60
    return (f'<rect x="{x}" y="{y}" width="{length:.1f}" height="{BAR - 1}" '
            f'fill="{COLORS[engine]}"/>' +
            text(x + length + (-3 if inside else 3), y + BAR - 2, words, 8,
                 "end" if inside else "start", "#fff" if inside else "#555"))


def draw_axis(x, height):
    parts = []
    for tick in (0.5, 1, 1.5, 2, 2.5):
        at = x + tick / MOST * PANEL
        parts.append(f'<line x1="{at:.1f}" y1="{TOP - 6}" x2="{at:.1f}" y2="{height - 14}" '
                     f'stroke="{"#1257b8" if tick == 1 else "#ddd"}"/>')
        parts.append(text(at, TOP - 10, f"{tick:g}", 9, "middle", "#777"))
    return parts


def draw_legend(engines):
    parts, x = [], LEFT
    for engine in engines:
        parts.append(f'<rect x="{x}" y="32" width="10" height="10" fill="{COLORS[engine]}"/>')
        parts.append(text(x + 14, 41, NAMES[engine]))
        x += 30 + 7 * len(NAMES[engine])
    return parts


def chart(rows, threads, statistic, title=None):
    rows = [r for r in rows if threads in (None, r["threads"])]
    title = title or (f"{STATISTICS[statistic]} time of a run over ours, {threads} "
                      f"thread{'s' * (threads > 1)}: longer is slower")
    precisions, networks, engines = (list(dict.fromkeys(r[key] for r in rows))
                                     for key in ("precision", "network", "engine"))
    engines = [e for e in engines if any(r["engine"] == e and not r["error"] for r in rows)]
    group = len(engines) * BAR + SPACE
    width = LEFT + len(precisions) * (PANEL + GAP)
    height = TOP + len(networks) * group + 20
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
             f'viewBox="0 0 {width} {height}" font-family="sans-serif">',
             f'<rect width="{width}" height="{height}" fill="#fff"/>',
             text(LEFT, 20, title, 14, weight="bold")]
    parts += draw_legend(engines)
    for i, precision in enumerate(precisions):
        x = LEFT + i * (PANEL + GAP)
        parts += draw_axis(x, height) + [text(x, TOP - 10, precision, 12, weight="bold")]
        for j, network in enumerate(networks):
            y = TOP + j * group
            if i == 0:
                parts.append(text(LEFT - 6, y + (group - SPACE) / 2 + 4, network, 11, "end"))
            found = [r for r in rows if (r["precision"], r["network"]) == (precision, network)]
            for k, bar in enumerate(bars_of(found, statistic) if found else []):
                parts.append(draw_bar(x, y + k * BAR, *bar))
    return "\n".join(parts + ["</svg>", ""])


def write(rows, path, threads=1, statistic="median_ms", title=None):
    with open(path, "w") as file:
        file.write(chart(rows, threads, statistic, title))


if __name__ == "__main__":
    with open(sys.argv[1]) as lines:
        write([json.loads(line) for line in lines], sys.argv[2],
              int(sys.argv[3]) if len(sys.argv) > 3 else 1,
              "min_ms" if "best" in sys.argv[4:] else "median_ms")
