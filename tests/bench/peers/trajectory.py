"""One trajectory of z' = mlp(z) in f64 from 0 to 1, at equal errors: hand-written C++ (dopri5) and heyoka (Taylor)."""
import json
import subprocess

import numpy
import scipy.integrate

from peers.measure import here, relative_error
from peers.networks import model_text, weights
from peers.systems import at_error
from peers.table import row

GOALS = {"C++": 1 / 1.1, "heyoka": 1}


def field(arrays, layers, z):
    for layer in range(1, layers + 1):
        z = arrays[f"net.W{layer}"] @ z + arrays[f"net.b{layer}"]
        z = numpy.tanh(z) if layer < layers else z
    return z


def by_hand(context, sizes, arrays, z0, tolerances):
    """Points (states, milliseconds) of trajectory.cpp."""
    binary, inputs = context.folder / "trajectory", context.folder / "trajectory.in"
    built = subprocess.run(["c++", "-Ofast", "-march=native", "-std=c++17", f"-DSIZES={','.join(map(str, sizes))}",
                            here / "trajectory.cpp", "-o", binary], capture_output=True, text=True)
    if built.returncode != 0:
        context.missing["C++"] = (built.stderr.strip().splitlines() or ["it does not compile"])[-1]
        return
    layers = range(1, len(sizes))
    numpy.concatenate([z0] + [arrays[f"net.{kind}{layer}"].ravel() for layer in layers for kind in "Wb"]).tofile(inputs)
    for tolerance in tolerances:
        done = subprocess.run(context.command([binary, inputs, repr(tolerance)]), capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)
        yield found["z"], found["milliseconds"]


def run(context):
    rows = []
    tolerances = [10.0**-k for k in range(2, 13, 2 if context.quick else 1)]
    for sizes in ((2, 50, 2), (2, 64, 64, 2)):
        generator = numpy.random.default_rng(4)
        arrays = {name: array.astype(float) for name, array in weights(sizes, 3, generator).items()}
        z0 = generator.standard_normal(2)
        layers = len(sizes) - 1
        reference = scipy.integrate.solve_ivp(lambda t, z: field(arrays, layers, z), (0, 1), z0, "DOP853", rtol=1e-13,
                                              atol=1e-14).y[:, -1]
        name = "-".join(map(str, sizes))
        model = context.write(f"one{name}.node", model_text(sizes))
        data = context.write_arrays("one.npz", {"z0": z0[None]})
        given = context.write_arrays("one.weights.npz", arrays)
        points = {"nodec": [], "C++": [], "heyoka": []}
        for method in ("dopri5", "tsit5", "dop853"):
            for tolerance in tolerances:
                words = ["--data", data, "--weights", given, "--method", method, "--rtol", tolerance, "--atol", tolerance]
                error = relative_error(context.evaluate(model, words, "f64")["z1"], reference)
                points["nodec"].append((error, context.bench(model, words, "f64", 0.25)["forward_least_ms"]))
        for state, milliseconds in by_hand(context, sizes, arrays, z0, tolerances):
            points["C++"].append((relative_error(state, reference), milliseconds))
        for state, milliseconds in context.peer("heyoka_trajectory.py", data=data, weights=given, sizes=sizes,
                                                tolerances=tolerances) or []:
            points["heyoka"].append((relative_error(state, reference), milliseconds))
        for exponent in (3, 6, 10):
            own = at_error(points["nodec"], 10.0**-exponent)
            for peer in ("C++", "heyoka"):
                theirs = at_error(points[peer], 10.0**-exponent)
                if own and theirs:
                    rows.append(row("trajectory", f"{name}, error 1e-{exponent}", peer, theirs, own, GOALS[peer]))
    return rows
