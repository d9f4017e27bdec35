#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ours and the other runtimes side by side: the same network, weights and input, in turns.

    python3 bench/peers.py                                        # everything: `make bench` does this
    python3 bench/peers.py --network v2 --precision int8 --threads 1 --peers litert,openvino
    python3 bench/peers.py --precision bf16                       # beside it also ours in f32
    python3 bench/peers.py --cpu avx2                             # all as on a CPU without AVX-512

Each runtime lives in a process of its own, stopped by a signal while it is not its turn, so that
no waiting thread of one takes time from another. A turn is one run that warms the caches and as
many timed ones as fill --turn milliseconds; turns go round, so that a slow minute of the machine
meets everybody. Outputs are compared with ours in the same run. Ratio: the best other median over
ours; above 1 we are faster. A runtime that cannot run a network is named with its reason.
"""
import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile

import numpy as np

import chart
import networks
import table
from engines import ENGINES
from networks import NETWORKS, Files

HERE = os.path.dirname(os.path.abspath(__file__))
# Most error of a right answer, root mean square over the deviation of ours: float sums in another
# order, and 8-bit roundings that differ by one code in every layer of a network.
WRONG = {"f32": 1e-3, "int8": 0.5, "bf16": 0.25}
OURS = ("ours", "ours-f32")
NO_BF16 = {"litert": "its interpreter has no option for bf16",
           "onnxruntime": "its option for products in bf16 is for ARM, and not in the wheels for x86",
           "executorch": "its XNNPACK takes bf16 in fully connected layers alone"}


def environment(job):
    """With --cpu every CPUID of a runtime is answered by bench/as_cpu.c."""
    if not job["cpu"]:
        return None
    return dict(os.environ, MOBILENET_AS_CPU=job["cpu"], LD_PRELOAD=job["as_cpu"])


class Worker:
    """One runtime with one network loaded; `error` says why there is none."""

    def __init__(self, job):
        self.times, self.error, self.version = [], None, ""
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([job.get("python", sys.executable),
                                         os.path.join(HERE, "engines.py"), json.dumps(job)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.log, text=True, env=environment(job))
        ready = self.reply()
        self.version = ready["version"] if ready else ""
        self.pause()

    def reply(self):
        for line in self.process.stdout:
            try:
                return json.loads(line)
            except ValueError:
                continue  # chatter of a library
        code = self.process.wait()
        self.log.seek(0)
        lines = [line.strip() for line in self.log if line.strip()]
        self.error = f"ended by signal {-code}" if code < 0 else lines[-1] if lines else f"exit {code}"
        return None

    def pause(self):
        if not self.error:
            self.process.send_signal(signal.SIGSTOP)

    def turn(self, runs):
        if self.error:
            return
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.write(f"{runs}\n")
        self.process.stdin.flush()
        times = self.reply()
        if times:
            self.times += times
            self.pause()

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close(), self.process.stdout.close(), self.log.close()


class Absent:
    """A runtime that has no file of this network, with the reason."""

    def __init__(self, error):
        self.times, self.error, self.version = [], error, ""

    def turn(self, runs):
        pass

    def close(self):
        pass


def start(name, network, job, files):
    if job["precision"] == "bf16" and name in NO_BF16:
        return Absent(NO_BF16[name])
    try:
        if name == "ncnn":
            job = dict(job, ncnn=files.ncnn(*network))
        if name == "mnn":
            job = dict(job, mnn=files.mnn(*network))
        if name == "executorch":
            job = dict(job, executorch=files.executorch(*network), python=networks.torch_python())
        return Worker(job)
    except Exception as error:  # whatever a converter says is the reason that is printed
        return Absent(str(error).splitlines()[0])


def difference(ours, theirs):
    """Root mean square of the error over the deviation of ours; None where shapes differ."""
    worst = 0.0
    for a, b in zip(ours, theirs):
        if a.size != b.size:
            return None
        error = float(np.sqrt(np.mean(np.square(a.ravel() - b.ravel(), dtype=np.float64))))
        worst = max(worst, error / (float(a.std()) or 1.0))
    return worst if len(ours) == len(theirs) else None


def outputs_of(path):
    with np.load(path) as arrays:
        return [arrays[name] for name in arrays.files]


def measure(network, precision, threads, args, files):
    job = files.base(network, precision)
    job.update(precision=precision, threads=threads, library=args.library, isa=args.isa,
               clock=args.clock, cpu=args.cpu, as_cpu=args.as_cpu,
               input=files.input(network, precision, job["tflite"]))
    workers = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in engines_of(precision, args):
            outputs = os.path.join(folder, name + ".npz")
            workers[name] = start(name, (network, precision),
                                  dict(job, engine=name, outputs=outputs), files)
        if workers["ours"].error:
            raise SystemExit(f"ours: {workers['ours'].error}")
        wanted = outputs_of(os.path.join(folder, "ours.npz"))
        found = {name: difference(wanted, outputs_of(os.path.join(folder, name + ".npz")))
                 for name, worker in workers.items() if not worker.error}
    for worker in workers.values():
        worker.turn(2)
    runs = {name: max(2, round(args.turn / statistics.median(worker.times)))
            for name, worker in workers.items() if worker.times}
    for worker in workers.values():
        worker.times = []
    for _ in range(args.rounds):
        for name, worker in workers.items():
            worker.turn(runs.get(name, 2))
    for worker in workers.values():
        worker.close()
    return [row(network, precision, threads, name, worker, found.get(name))
            for name, worker in workers.items()]


def row(network, precision, threads, name, worker, error):
    made = {"network": network, "precision": precision, "threads": threads, "engine": name,
            "version": worker.version, "error": worker.error}
    if worker.error:
        return made
    times = sorted(worker.times)
    return dict(made, median_ms=statistics.median(times), min_ms=times[0],
                p95_ms=times[int(len(times) * 0.95)], runs=len(times), difference=error,
                same=error is not None and error <= WRONG[precision])


def engines_of(precision, args):
    """Beside bf16 stands what it saves."""
    return ["ours"] + ["ours-f32"] * (precision == "bf16") + args.peers


def cell(made, statistic):
    if made["error"]:
        return "-"
    return f"{made[statistic]:.3f}" + ("" if made["same"] else "!")


def best_ratio(rows, statistic):
    others = [r[statistic] / rows[0][statistic] for r in rows
              if r["engine"] not in OURS and not r["error"] and r["same"]]
    return min(others) if others else None


def print_row(rows, statistic):
    ratio = best_ratio(rows, statistic)
    head = f"{os.path.basename(rows[0]['network'])[:22]:22} {rows[0]['precision']:5} {rows[0]['threads']:2}"
    apart = max((r["difference"] or 0 for r in rows if not r["error"]), default=0)
    print(head + "".join(f"{cell(r, statistic):>12}" for r in rows) +
          (f"{ratio:8.2f}" if ratio else f"{'':8}") + f"  {apart:.1e}", flush=True)


def print_notes(rows):
    versions = {r["engine"]: r["version"] for r in rows if r["version"]}
    print("\n" + ", ".join(f"{name} {text}" for name, text in versions.items()))
    for r in rows:
        where = f"{r['engine']}, {r['network']} {r['precision']}, {r['threads']} threads"
        if r["error"]:
            print(f"{where}: {r['error']}")
        elif not r["same"]:
            print(f"{where}: its outputs differ from ours"
                  + (f" by {r['difference']:.2g} of their deviation" if r["difference"] else " in shape"))


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--network", default=",".join(NETWORKS), help="comma-separated names, or .tflite files; all")
    parser.add_argument("--precision", default="f32,int8,bf16")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--peers", default=",".join(name for name in ENGINES if name not in OURS))
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--turn", type=float, default=30, help="milliseconds of a turn (30)")
    parser.add_argument("--build", default=os.path.join(os.path.dirname(HERE), "build"))
    parser.add_argument("--isa", help="highest instruction set of ours")
    parser.add_argument("--cpu", choices=("avx2", "avxvnni", "avx512"),
                        help="all runtimes as on a CPU without AVX-512 (and AVX-VNNI), or with it but without tiles")
    parser.add_argument("--files", default=os.path.join(networks.CACHE, "files"))
    parser.add_argument("--remake", action="store_true", help="write the networks' files anew")
    parser.add_argument("--best", action="store_true",
                        help="show the best times, not medians: on a machine with other work on it")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall",
                        help="cpu: of the process, for one thread on a machine with other work")
    parser.add_argument("--json", help="also write one JSON object a line here")
    parser.add_argument("--markdown", help="also write the tables in Markdown here")
    parser.add_argument("--svg", help="also draw the bar chart of the first thread count here")
    args = parser.parse_args()
    args.library = os.path.join(os.path.abspath(args.build), "libmobilenet.so")
    args.as_cpu = os.path.join(os.path.abspath(args.build), "bench", "libas_cpu.so")
    if args.cpu and not os.path.exists(args.as_cpu):
        parser.error(f"no {args.as_cpu}: `make bench` makes it, on x86 Linux")
    args.peers = [name for name in args.peers.split(",") if name]
    for name in args.peers:
        if name not in ENGINES or name in OURS:
            parser.error(f"no runtime {name}; there are "
                         + ", ".join(name for name in ENGINES if name not in OURS))
    for name in args.network.split(","):
        if name not in NETWORKS and not name.endswith(".tflite"):
            parser.error(f"no network {name}; there are {', '.join(NETWORKS)}")
    return args


def main():
    args = parse()
    files = Files(args.files, args.build, args.remake)
    statistic = "min_ms" if args.best else "median_ms"
    print(f"{statistic.replace('_', ' ')}; ratio = best other / ours; ! = outputs differ; last column: largest difference\n")
    rows = []
    for precision in args.precision.split(","):
        columns = "".join(f"{name:>12}" for name in engines_of(precision, args))
        print(f"{'network':22} {'':5} {'th':>2}{columns}{'ratio':>8}  differ")
        for threads in map(int, args.threads.split(",")):
            for network in args.network.split(","):
                made = measure(network, precision, threads, args, files)
                print_row(made, statistic)
                rows += made
    print_notes(rows)
    if args.svg:
        chart.write(rows, args.svg, rows[0]["threads"], statistic)
    if args.markdown:
        with open(args.markdown, "w") as file:
            file.write(table.tables(rows, statistic))
    if args.json:
        with open(args.json, "w") as file:
            file.writelines(json.dumps(r) + "\n" for r in rows)


if __name__ == "__main__":
    main()
