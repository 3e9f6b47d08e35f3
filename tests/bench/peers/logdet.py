"""Exact log-determinants of continuous flows, forward and gradient, against diffrax (exact trace and its estimate)."""
import numpy

from peers.networks import weights
from peers.table import row

MODEL = """
field flow {{
  state z: real[{d}]
  param W1: real[64, {d}] = 0, b1: real[64] = 0
  param W2: real[64, 64] = 0, b2: real[64] = 0
  param W3: real[{d}, 64] = 0, b3: real[{d}] = 0
  z' = W3 @ tanh(W2 @ tanh(W1 @ z + b1) + b2) + b3
}}
model density {{
  data x: real[{d}]
  let (z, ld) = solve flow(z = x) from 1 to 0 with logdet by dopri5(rtol = 1e-5, atol = 1e-5)
  output ld
  loss sum(z^2) / 2 - ld
}}
"""
GOALS = {(2, "forward"): 2, (16, "forward"): 7, (64, "forward"): 40, (2, "gradient"): 10, (16, "gradient"): 10,
         (64, "gradient"): 10}


def run(context):
    rows = []
    batch = 256 if context.quick else 1024
    for d in (2, 16) if context.quick else (2, 16, 64):
        generator = numpy.random.default_rng(2)
        model = context.write(f"flow{d}.node", MODEL.format(d=d))
        arrays = {name.replace("net.", "flow."): array for name, array in weights((d, 64, 64, d), 1, generator).items()}
        given = context.write_arrays(f"flow{d}.weights.npz", arrays)
        data = context.write_arrays(f"flow{d}.npz", {"x": generator.standard_normal((batch, d)).astype(numpy.float32)})
        own = context.bench(model, ["--data", data, "--weights", given])
        for peer, times in (context.peer("diffrax_logdet.py", data=data, weights=given) or {}).items():
            for kind, milliseconds in times.items():
                rows.append(row("logdet", f"D = {d} batch {batch} {kind}", peer, milliseconds, own[f"{kind}_least_ms"],
                                GOALS[d, kind] if peer == "diffrax exact" else 1))
    return rows
