#!/usr/bin/env python3
"""nodec beside its peers, on the same inputs, weights and cores: one table of ratios, and the same as JSON.

usage: peers.py BUILD [--work NAME,…] [--threads N] [--seconds X] [--quick] [--json FILE]

BUILD is a build folder that holds `nodec`; the peers' Python environment is made in BUILD/peers. A peer that cannot be
installed, or whose headers are missing, is named and left out.
"""
import argparse
import importlib
import json
import os
import pathlib
import subprocess
import sys

here = pathlib.Path(__file__).resolve().parent
WORK = ["networks", "spiral", "logdet", "ensembles", "trajectory", "latent", "robertson", "cold_start"]
REQUIREMENTS = ["jax.txt", "torch.txt", "heyoka.txt", "pydiffsol.txt", "casadi.txt"]


def environment(build):
    """The Python of the peers' environment, made when it is not there yet, and the peers that are missing."""
    folder = build / "peers"
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    missing = []
    for name in REQUIREMENTS:
        wanted = here / "peers" / "requirements" / name
        stamp = folder / name
        if stamp.exists() and stamp.read_text() == wanted.read_text():
            continue
        print(f"installing {', '.join(wanted.read_text().split())}", file=sys.stderr)
        done = subprocess.run([python, "-m", "pip", "install", "-q", "-r", wanted], stdout=sys.stderr)
        if done.returncode == 0:
            stamp.write_text(wanted.read_text())
        else:
            missing.append(wanted.read_text().split()[0])
    return python, missing


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--work", default=",".join(WORK), help="which work items, by commas: " + " ".join(WORK))
    parser.add_argument("--threads", type=int, default=1, help="of every program (default 1, pinned to one core)")
    parser.add_argument("--seconds", type=float, default=1, help="about as long is measured each time (default 1)")
    parser.add_argument("--quick", action="store_true", help="fewer cases of each work item")
    parser.add_argument("--json", type=pathlib.Path, help="also write the rows there")
    given = parser.parse_args()
    build = given.build.resolve()
    python, missing = environment(build)
    if pathlib.Path(sys.prefix).resolve() != (build / "peers").resolve():
        os.execv(python, [python, __file__, *sys.argv[1:]])

    from peers import measure, table
    context = measure.Context(build, given.threads, given.seconds, given.quick)
    rows = []
    print(table.machine(given.threads))
    print("versions: " + ", ".join(f"{name} {version}" for name, version in context.versions().items()))
    if missing:
        print("not installed: " + ", ".join(missing))
    for name in given.work.split(","):
        rows += importlib.import_module("peers." + name).run(context)
        print(table.text(rows, name), flush=True)
    for peer, why in sorted(context.missing.items()):
        print(f"left out: {peer}: {why}")
    if given.json:
        given.json.write_text(json.dumps({"machine": table.machine(given.threads), "versions": context.versions(),
                                          "left_out": context.missing, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
