"""Runs fuzzers in turn and reports their executions; status 1 when one finds something, and says how to replay it.

usage: run.py BUILD [TARGET...] [--seconds T] [--runs N] [--corpus FOLDER] [--seed N]

BUILD is a build with -DNODEC_FUZZ=ON. T seconds are divided among the targets, most of them for text; an input that takes a minute, asks for
512 MiB at once or 1 GiB in all counts as found. With --runs each target makes N executions, however long they take. A
corpus that is kept goes on from where it was.
"""
import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TARGETS = ("parse", "format", "elaborate", "npy", "npz", "safetensors", "csv", "idx", "checkpoint", "weights")
OF_TEXT = ("parse", "format", "elaborate")


def share(target):
    """Of the time: a text takes about twenty times as long as a file of data."""
    return 4 if target in OF_TEXT else 1


def run(program, target, corpus, found, bound, seed):
    """The executions, the most seconds that one took, and what was found ("" if nothing)."""
    options = [bound, "-timeout=60", "-rss_limit_mb=1024",
               "-malloc_limit_mb=512", "-print_final_stats=1", "-reload=0", f"-seed={seed}",
               f"-artifact_prefix={found}/{target}-"]
    options += ["-max_len=4000", f"-dict={HERE / 'words.dict'}"] if target in OF_TEXT else ["-max_len=2000"]
    done = subprocess.run([program, str(corpus / target)] + options, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, errors="replace")
    stats = dict(re.findall(r"^stat::(\w+):\s+(\d+)$", done.stderr, re.M))
    problem = "" if done.returncode == 0 else done.stderr[-6000:]
    return int(stats.get("number_of_executed_units", 0)), int(stats.get("slowest_unit_time_sec", 0)), problem


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("build", type=pathlib.Path)
    arguments.add_argument("targets", nargs="*", default=TARGETS)
    arguments.add_argument("--seconds", type=float, default=60)
    arguments.add_argument("--runs", type=int)
    arguments.add_argument("--corpus", type=pathlib.Path)
    arguments.add_argument("--seed", type=int, default=0, help="0: another one every time")
    options = arguments.parse_args()
    found = (options.build / "found").resolve()
    found.mkdir(parents=True, exist_ok=True)
    faults = total = 0
    with tempfile.TemporaryDirectory() as folder:
        corpus = options.corpus or pathlib.Path(folder)
        subprocess.run([sys.executable, str(HERE / "seeds.py"), str(corpus)], check=True)
        shares = sum(share(target) for target in options.targets)
        for target in options.targets:
            bound = f"-max_total_time={max(1, round(options.seconds * share(target) / shares))}"
            if options.runs:
                bound = f"-runs={options.runs}"
            program = options.build.resolve() / "tests" / "fuzz" / f"fuzz_{target}"
            executions, slowest, problem = run(str(program), target, corpus, found, bound, options.seed)
            total += executions
            print(f"{target:12} {executions:>10} executions, the slowest {slowest} s", flush=True)
            if problem:
                faults += 1
                print(problem)
                print(f"{target}: the input lies in {found}; to run it again: {program} FILE")
    print(f"{total} executions, {faults} faults")
    sys.exit(1 if faults else 0)


main()
