#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Training beside PyTorch: steps of the same network from the same weights on the same batch, in
turns: forward, loss, all gradients, update.

    python3 bench/train_peers.py                                  # everything: `make bench-train` does this
    python3 bench/train_peers.py --case v2-1.0-32 --threads 1 --peers torch

As in peers.py each framework is a process of its own, stopped while it is not its turn. `torch` is
the PyTorch of this Python, `torch-compile` the same through torch.compile, `torch-debian` that of
the system's Python. The losses of the first three steps are compared with ours. Ratio: the best
other's median over ours; above 1 we are faster. Memory: most that was resident during the steps,
libraries included.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

import numpy as np

import chart
import peers

HERE = os.path.dirname(os.path.abspath(__file__))
CASES = {"v2-1.0-32": ("v2-1.0-32@torchvision", 128), "v2-1.0-224": ("v2-1.0-224@torchvision", 16),
         "v1-0.25-128": ("v1-0.25-128@timm", 32), "v3-small-1.0-224": ("v3-small-1.0-224@torchvision", 16)}
EPSILON = {"v3": 1e-3}  # of batch norms, torchvision's; else PyTorch's 1e-5
PEERS = ("torch", "torch-compile", "torch-debian")
# Most difference of a right loss, of it: before the first step it is the forward pass alone; from step to
# step the rounding of float grows, in PyTorch's own float against double as well.
WRONG = (1e-5, 2e-3, 2e-2)


class Worker(peers.Worker):
    def __init__(self, command, threads):
        self.times, self.error, self.version, self.losses, self.peak_mb = [], None, "", [], 0.0
        self.log = tempfile.TemporaryFile("w+")
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads))
        environment.pop("OPENBLAS_CORETYPE", None)
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.log, text=True, env=environment)
        ready = self.reply()
        if ready:
            self.version, self.losses = ready["version"], ready["losses"]
            self.clear_peak()
        self.pause()

    def clear_peak(self):
        with open(f"/proc/{self.process.pid}/clear_refs", "w") as file:
            file.write("5")

    def close(self):
        if not self.error:
            with open(f"/proc/{self.process.pid}/status") as file:
                self.peak_mb = next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM"))
        super().close()


def command_of(name, job, args):
    if name == "ours":
        return [os.path.join(args.build, "bench", "train_bench"), job["network"], str(job["batch"]),
                str(job["threads"]), job["pixels"], job["weights"], args.clock]
    python = args.debian if name == "torch-debian" else sys.executable
    return [python, os.path.join(HERE, "train_torch.py"), json.dumps(dict(job, clock=args.clock, compile=name == "torch-compile"))]


def make_job(case, threads, folder):
    network, batch = CASES[case]
    size = int(case.split("-")[-1])
    job = {"network": network, "batch": batch, "threads": threads, "size": size,
           "epsilon": EPSILON.get(case[:2], 1e-5), "pixels": os.path.join(folder, "pixels"),
           "weights": os.path.join(folder, "weights")}
    np.random.default_rng(1).uniform(-1, 1, batch * size * size * 3).astype(np.float32).tofile(job["pixels"])
    return job


def apart(ours, theirs):
    return [abs(a - b) / abs(a) for a, b in zip(ours, theirs)]


def measure(case, threads, args):
    with tempfile.TemporaryDirectory() as folder:
        job = make_job(case, threads, folder)
        workers = {}
        for name in ["ours"] + args.peers:
            workers[name] = Worker(command_of(name, job, args), threads)
        if workers["ours"].error:
            raise SystemExit(f"ours: {workers['ours'].error}")
        for worker in workers.values():
            worker.turn(2)
        runs = {name: max(1, round(args.turn / statistics.median(worker.times)))
                for name, worker in workers.items() if worker.times}
        for worker in workers.values():
            worker.times = []
        for _ in range(args.rounds):
            for name, worker in workers.items():
                worker.turn(runs.get(name, 1))
        for worker in workers.values():
            worker.close()
    return [row(case, job, name, worker, workers["ours"]) for name, worker in workers.items()]


def row(case, job, name, worker, ours):
    made = {"network": case, "batch": job["batch"], "precision": f"{job['threads']} thread" + "s" * (job["threads"] > 1),
            "threads": job["threads"], "engine": name, "version": worker.version, "error": worker.error}
    if worker.error:
        return made
    median, error = statistics.median(worker.times), apart(ours.losses, worker.losses)
    return dict(made, median_ms=median, min_ms=min(worker.times), runs=len(worker.times),
                images_per_s=job["batch"] / median * 1e3, peak_mb=worker.peak_mb, difference=error,
                same=all(a <= b for a, b in zip(error, WRONG)))


def best(rows, key, least):
    found = [r[key] for r in rows if r["engine"] != "ours" and not r["error"] and r["same"]]
    return (min if least else max)(found) if found else None


def line_of(rows, args):
    ours = rows[0]
    cells = [f"{r['images_per_s']:#.4g}" + ("" if r["same"] else " !") if not r["error"] else "-" for r in rows]
    others, memory = best(rows, "images_per_s", False), best(rows, "peak_mb", True)
    ratio = f"{ours['images_per_s'] / others:.2f}" if others else "-"
    cells += [ratio, f"{ours['peak_mb']:.0f}", f"{memory:.0f}" if memory else "-"]
    return [f"{ours['network']}, {ours['batch']}", str(ours["threads"])] + cells


def print_table(lines):
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)))


def notes(rows):
    versions = {r["engine"]: r["version"] for r in rows if r["version"]}
    yield ", ".join(f"{name} {text}" for name, text in versions.items())
    worst = [max(step) for step in zip(*(r["difference"] for r in rows if not r["error"]))]
    yield "losses of the first three steps differ by at most " + ", ".join(f"{w:.1e}" for w in worst) + " of them"
    for r in rows:
        if r["error"]:
            yield f"{r['engine']}, {r['network']}, {r['threads']} threads: {r['error']}"


def markdown(lines):
    head, rest = lines[0], lines[1:]
    return "\n".join(["| " + " | ".join(head) + " |", "|---" * len(head) + "|"] +
                     ["| " + " | ".join(line) + " |" for line in rest]) + "\n"


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--case", default=",".join(CASES), help="comma-separated; all")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--turn", type=float, default=500, help="milliseconds of a turn (500)")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall",
                        help="cpu: of the process, for one thread on a machine with other work")
    parser.add_argument("--build", default=os.path.join(os.path.dirname(HERE), "build"))
    parser.add_argument("--debian", default="/usr/bin/python3", help="the Python of torch-debian")
    parser.add_argument("--json", help="also write one JSON object a line here")
    parser.add_argument("--markdown", help="also write the table in Markdown here")
    parser.add_argument("--svg", help="also draw the bar chart here")
    args = parser.parse_args()
    args.peers = [name for name in args.peers.split(",") if name]
    for name in args.peers:
        if name not in PEERS:
            parser.error(f"no {name}; there are {', '.join(PEERS)}")
    return args


def main():
    args = parse()
    rows = []
    lines = [["network, batch", "threads"] + [chart.NAMES[name] for name in ["ours"] + args.peers] +
             ["ours / best", "MB", "least other MB"]]
    for threads in map(int, args.threads.split(",")):
        for case in args.case.split(","):
            made = measure(case, threads, args)
            rows += made
            lines.append(line_of(made, args))
            print(" ".join(lines[-1]), file=sys.stderr, flush=True)
    print("images/s\n")
    print_table(lines)
    print("\n" + "\n".join(notes(rows)))
    if args.svg:
        chart.write(rows, args.svg, None, "median_ms", "Median time of a training step over ours: longer is slower")
    if args.markdown:
        with open(args.markdown, "w") as file:
            file.write(markdown(lines))
    if args.json:
        with open(args.json, "w") as file:
            file.writelines(json.dumps(r) + "\n" for r in rows)


if __name__ == "__main__":
    main()
