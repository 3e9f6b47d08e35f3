"""Solves of z' = mlp(z) from 0 to 1 by dopri5, forward and gradient, against diffrax and torchdiffeq."""
import numpy

from peers.measure import relative_error
from peers.systems import at_error
from peers.table import row

GOALS = {"diffrax forward": 1, "diffrax gradient": 6, "torchdiffeq forward": 1, "torchdiffeq backprop": 2.5,
         "torchdiffeq adjoint": 2.5}


def model_text(sizes):
    inner = "z"
    lines = []
    for layer, (columns, rows) in enumerate(zip(sizes, sizes[1:]), start=1):
        lines.append(f"  param W{layer}: real[{rows}, {columns}] = 0, b{layer}: real[{rows}] = 0")
        inner = f"W{layer} @ {inner} + b{layer}"
        if layer < len(sizes) - 1:
            inner = f"tanh({inner})"
    parameters = "\n".join(lines)
    return f"""field net {{
  state z: real[{sizes[0]}]
{parameters}
  z' = {inner}
}}
model m {{
  data z0: real[{sizes[0]}]
  let z1 = solve net(z = z0) from 0 to 1 by dopri5(rtol = 1e-5, atol = 1e-6)
  output z1
  loss sum(z1^2)
}}
"""


def weights(sizes, gain, generator):
    """Uniform within 1/sqrt(inputs), as torch's layers begin; matrices times the gain."""
    out = {}
    for layer, (columns, rows) in enumerate(zip(sizes, sizes[1:]), start=1):
        bound = columns**-0.5
        out[f"net.W{layer}"] = gain * generator.uniform(-bound, bound, (rows, columns))
        out[f"net.b{layer}"] = generator.uniform(-bound, bound, rows)
    return {name: array.astype(numpy.float32) for name, array in out.items()}


def at_tolerances(context, model, words, reference):
    """nodec's report at the tolerances of the model, and points (error, milliseconds) at these and at others near them."""
    points, report = {"forward": [], "gradient": []}, None
    for factor in (1, 1 / 4, 4, 16):
        given = [*words, "--rtol", factor * 1e-5, "--atol", factor * 1e-6]
        own = context.bench(model, given, share=1 if factor == 1 else 0.25)
        report = report or own
        error = relative_error(context.evaluate(model, given)["z1"], reference)
        for kind in points:
            points[kind].append((error, own[f"{kind}_least_ms"]))
    return report, points


def run(context):
    rows = []
    for sizes in ((2, 64, 64, 2), (64, 128, 64)):
        name = "-".join(map(str, sizes))
        model = context.write(f"net{name}.node", model_text(sizes))
        for gain in (3,) if context.quick else (1, 3):
            generator = numpy.random.default_rng(1)
            given = context.write_arrays(f"net{name}.weights.npz", weights(sizes, gain, generator))
            for batch in (1, 64, 1024) if context.quick else (1, 64, 1024, 16384):
                z0 = generator.standard_normal((batch, sizes[0])).astype(numpy.float32)
                data = context.write_arrays(f"net{name}.data.npz", {"z0": z0})
                words = ["--data", data, "--weights", given]
                reference = context.evaluate(model, [*words, "--rtol", 1e-9, "--atol", 1e-11], "f64")["z1"]
                own, points = at_tolerances(context, model, words, reference)
                for peer in ("diffrax", "torchdiffeq"):
                    found = context.peer(f"{peer}_networks.py", data=data, weights=given, layers=len(sizes) - 1)
                    if not found:
                        continue
                    error = relative_error(context.outputs()["z1"], reference)
                    for what, milliseconds in found.items():
                        kind = "forward" if what == "forward" else "gradient"
                        equal = at_error(points[kind], error)
                        rows.append(row("networks", f"{name} x{gain} batch {batch}", f"{peer} {what}", milliseconds,
                                        own[f"{kind}_least_ms"], GOALS[f"{peer} {what}"], peer_error=error,
                                        nodec_error=points[kind][0][0], equal_ratio=equal and milliseconds / equal,
                                        note=f"{100 * own[f'{kind}_peak']:.0f} % of peak"))
    return rows
