#!/usr/bin/env python3
"""How the cost of a solve grows: runs `nodec bench` over one size after the other, fits exponents, draws them.

usage: scaling.py BUILD [--seconds X] [--sweep NAME,…] [--out PICTURE] [--json FILE]

Times are least ones, on one thread but where threads are the size. An exponent is the slope of the logarithms over the
upper half of a sweep. Pictures need gnuplot.
"""
import argparse
import json
import math
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from peers import table  # noqa: E402

# name: (what its axis says, values, how the model and the command differ from the usual one)
SWEEPS = {
    "batch": ("batch", [4**k for k in range(9)], lambda n: {"batch": n}),
    "D": ("elements of the state D", [2**k for k in range(1, 10)], lambda n: {"d": n}),
    "H": ("width of the layers H", [2**k for k in range(4, 11)], lambda n: {"h": n, "batch": 64}),
    "layers": ("hidden layers", [1, 2, 4, 8, 16], lambda n: {"layers": n}),
    "observations": ("observations", [4**k for k in range(1, 7)], lambda n: {"observations": n, "batch": 64}),
    "tolerance": ("1 / tolerance", [10.0**k for k in range(2, 12)], lambda n: {"tolerance": 1 / n, "precision": "f64"}),
    "threads": ("threads", list(range(1, (os.cpu_count() or 1) + 1)), lambda n: {"threads": n, "batch": 16384}),
}
USUAL = {"d": 2, "h": 64, "layers": 2, "batch": 1024, "observations": 0, "tolerance": 1e-5, "precision": "f32", "threads": 1}


def model_text(d, h, layers, observations):
    sizes = [d] + [h] * layers + [d]
    inner, parameters = "z", []
    for n, (columns, rows) in enumerate(zip(sizes, sizes[1:]), start=1):
        parameters.append(f"  param W{n}: real[{rows}, {columns}] ~ normal(0, {1.5 * columns**-0.5}), b{n}: real[{rows}] = 0")
        inner = f"W{n} @ {inner} + b{n}" if n == len(sizes) - 1 else f"tanh(W{n} @ {inner} + b{n})"
    solve = "at t" if observations else "from 0 to 1"
    times = "\n  dim T\n  data t: real[T]" if observations else ""
    newline = "\n"
    return f"""field net {{
  state z: real[{d}]
{newline.join(parameters)}
  z' = {inner}
}}
model m {{{times}
  data z0: real[{d}]
  let z = solve net(z = z0) {solve} by dopri5
  loss mean(z^2)
}}
"""


def measure(build, seconds, changes):
    at = {**USUAL, **changes}
    file = build / "scaling.node"
    file.write_text(model_text(at["d"], at["h"], at["layers"], at["observations"]))
    words = [build / "nodec", file, "bench", "--json", "--quiet", "--seconds", seconds, "--batch", at["batch"],
             "--precision", at["precision"], "--threads", at["threads"], "--rtol", at["tolerance"], "--atol", at["tolerance"]]
    if at["observations"]:
        words += ["-D", f"T={at['observations']}"]
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True)
    if not done.stdout:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)["models"][0]


def exponent(points):
    """The slope of the logarithms over the upper half."""
    upper = points[len(points) // 2:] if len(points) > 3 else points
    logs = [(math.log(x), math.log(y)) for x, y in upper]
    mean_x, mean_y = (sum(column) / len(logs) for column in zip(*logs))
    return (sum((x - mean_x) * (y - mean_y) for x, y in logs) / sum((x - mean_x) ** 2 for x, _ in logs))


def draw(sweeps, picture):
    panels = [name for name in sweeps if len(sweeps[name]["forward"]) > 1]
    columns = min(4, len(panels))
    rows = -(-len(panels) // columns)
    terminal = "pngcairo" if picture.suffix == ".png" else "svg"
    lines = [f"set terminal {terminal} size {330 * columns},{270 * rows} font 'sans,11' background rgb 'white'",
             f"set output '{picture}'", "set logscale xy", "set key at graph 0.5, 1.06 center bottom horizontal samplen 1 width -1", "set grid",
             "set format '10^{%T}'", "set ylabel 'ms' offset 1", "set tmargin 4", f"set multiplot layout {rows},{columns}"]
    for number, name in enumerate(panels):
        curves = {kind: sweeps[name][kind] for kind in ("forward", "gradient", "compile")}
        parts = []
        for color, (kind, points) in enumerate(curves.items(), start=1):
            lines.append(f"$d{number}_{color} << end")
            lines += [f"{x} {y}" for x, y in points]
            lines.append("end")
            title = f"{kind} {exponent(points):.2f}"
            parts.append(f"$d{number}_{color} with linespoints lc {color} pt 7 ps 0.5 title '{title}'")
        span = points[-1][0] / points[0][0]
        few = "(" + ", ".join(f"{x:g}" for x, _ in points) + ")"
        lines.append("set xtics 1000" if span > 1e6 else f"set xtics {few}" if span < 50 else "set xtics autofreq")
        lines.append("set format x '%g'" if span < 50 else "set format x '10^{%T}'")
        lines.append(f"set xrange [{points[0][0] / 1.1}:{points[-1][0] * 1.1}]")
        lines.append(f"set xlabel '{SWEEPS[name][0]}'")
        lines.append("plot " + ", ".join(parts))
    subprocess.run(["gnuplot"], input="\n".join(lines) + "\n", text=True, check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--seconds", type=float, default=0.3, help="each measurement (default 0.3)")
    parser.add_argument("--sweep", default=",".join(SWEEPS), help="which sizes, by commas: " + " ".join(SWEEPS))
    parser.add_argument("--out", type=pathlib.Path, help="the picture, .svg or .png")
    parser.add_argument("--json", type=pathlib.Path, help="the measurements")
    given = parser.parse_args()
    build = given.build.resolve()
    sweeps = {}
    print(table.machine(1))
    print(f"{'size':14}{'from … to':>16}{'forward':>10}{'gradient':>10}{'compile':>10}   exponents; ms of the last, "
          "share of the peak")
    for name in given.sweep.split(","):
        _, values, changes = SWEEPS[name]
        reports = [measure(build, given.seconds, changes(value)) for value in values]
        sweeps[name] = {kind: [(value, report[key]) for value, report in zip(values, reports)] for kind, key in
                        (("forward", "forward_least_ms"), ("gradient", "gradient_least_ms"), ("compile", "compile_ms"))}
        sweeps[name]["peak"] = [(value, report["forward_peak"], report["gradient_peak"])
                                for value, report in zip(values, reports)]
        found = [exponent(sweeps[name][kind]) if len(values) > 1 else float("nan")
                 for kind in ("forward", "gradient", "compile")]
        last = reports[-1]
        print(f"{name:14}{f'{values[0]:g} … {values[-1]:g}':>16}" + "".join(f"{e:10.2f}" for e in found) +
              f"   {last['forward_least_ms']:.3g} and {last['gradient_least_ms']:.3g} ms, "
              f"{100 * last['forward_peak']:.0f} and {100 * (last['gradient_peak'] or 0):.0f} %", flush=True)
    if given.json:
        given.json.write_text(json.dumps({"machine": table.machine(1), "sweeps": sweeps}, indent=1) + "\n")
    if given.out:
        draw(sweeps, given.out.resolve())


if __name__ == "__main__":
    main()
