#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The JSON lines of peers.py as Markdown tables, one a precision and thread count:
python3 bench/table.py RESULTS.jsonl [best]

Milliseconds of each runtime; the last column is the best other over ours, above 1 we are faster.
A dash is a network that a runtime could not run, an exclamation mark one that it ran wrongly.
"""
import json
import sys

from chart import NAMES


def cell(made, statistic):
    if made["error"]:
        return "-"
    return f"{made[statistic]:#.3g}" + ("" if made["same"] else " !")


def ratio(rows, statistic):
    ours = next(r for r in rows if r["engine"] == "ours")[statistic]
    others = [r[statistic] / ours for r in rows
              if not r["engine"].startswith("ours") and not r["error"] and r["same"]]
    return f"**{min(others):.2f}**" if others else ""


def table(rows, statistic):
    engines = [e for e in dict.fromkeys(r["engine"] for r in rows)
               if any(r["engine"] == e and not r["error"] for r in rows)]
    lines = ["| network | " + " | ".join(NAMES[e] for e in engines) + " | best / ours |",
             "|---" * (len(engines) + 2) + "|"]
    for network in dict.fromkeys(r["network"] for r in rows):
        found = {r["engine"]: r for r in rows if r["network"] == network}
        lines.append(f"| {network} | " + " | ".join(cell(found[e], statistic) for e in engines) +
                     f" | {ratio(list(found.values()), statistic)} |")
    return "\n".join(lines)


def tables(rows, statistic="median_ms"):
    parts = []
    for key in dict.fromkeys((r["precision"], r["threads"]) for r in rows):
        chosen = [r for r in rows if (r["precision"], r["threads"]) == key]
        parts.append(f"{key[0]}, {key[1]} thread{'s' * (key[1] > 1)}\n\n{table(chosen, statistic)}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    with open(sys.argv[1]) as lines:
        print(tables([json.loads(line) for line in lines],
                     "min_ms" if "best" in sys.argv[2:] else "median_ms"))
