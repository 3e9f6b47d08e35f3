"""A training step's gradient of the spiral (2-50-2 on z³, 20 windows of 10 times) against torchdiffeq and diffrax."""
import numpy

from peers.table import row

MODEL = """
field spiral {
  state z: real[2]
  param W1: real[50, 2] ~ normal(0, 0.1), b1: real[50] = 0
  param W2: real[2, 50] ~ normal(0, 0.1), b2: real[2] = 0
  z' = W2 @ tanh(W1 @ z^3 + b1) + b2
}
model fit {
  dim T
  data t: real[T], y: real[T, 2]
  let z = solve spiral(z = y[0]) at t by dopri5(rtol = 1e-6, atol = 1e-8)
  loss mean(abs(z - y))
}
"""
GOALS = {"torchdiffeq backprop": 200, "diffrax": 13}


def windows(generator):
    """20 windows of 10 times along the true curve z' = z³ A."""
    matrix = numpy.array([[-0.1, 2.0], [-2.0, -0.1]])
    times = numpy.linspace(0, 25, 1000)
    curve = numpy.empty((1000, 2))
    curve[0] = 2, 0
    for i in range(999):
        z, h = curve[i], (times[1] - times[0]) / 10
        for _ in range(10):
            k1 = z**3 @ matrix
            k2 = (z + h / 2 * k1) ** 3 @ matrix
            k3 = (z + h / 2 * k2) ** 3 @ matrix
            k4 = (z + h * k3) ** 3 @ matrix
            z = z + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        curve[i + 1] = z
    starts = generator.integers(0, 990, 20)
    return {"t": times[:10].astype(numpy.float32),
            "y": numpy.stack([curve[s:s + 10] for s in starts]).astype(numpy.float32)}


def run(context):
    model = context.write("spiral.node", MODEL)
    generator = numpy.random.default_rng(0)
    data = context.write_arrays("spiral.npz", windows(generator))
    weights = context.write_arrays("spiral.weights.npz", {
        "spiral.W1": (0.1 * generator.standard_normal((50, 2))).astype(numpy.float32),
        "spiral.b1": numpy.zeros(50, numpy.float32),
        "spiral.W2": (0.1 * generator.standard_normal((2, 50))).astype(numpy.float32),
        "spiral.b2": numpy.zeros(2, numpy.float32)})
    own = context.bench(model, ["--data", data, "--weights", weights])
    rows = []
    for script in ("torchdiffeq_spiral.py", "diffrax_spiral.py"):
        for peer, milliseconds in (context.peer(script, data=data, weights=weights) or {}).items():
            rows.append(row("spiral", "gradient of a step", peer, milliseconds, own["gradient_least_ms"],
                            GOALS.get(peer)))
    return rows
