"""The gradient of a latent ODE's training step (GRU encoder, ODE of 4-20-20-4, decoder; 64 series of 100 times) against
torchdiffeq and diffrax."""
import numpy

from peers.table import row

MODEL = """use nn
dim L = 4
field dynamics { state z: real[L]; layer net = mlp([L, 20, 20, L], elu); z' = net(z) }
layer dec = mlp([L, 20, 2], relu)
model latent {
  dim T
  data t: real[T], x: real[T, 2], e: real[L]
  layer cell = gru(2, 25)
  layer head = dense(25, 2 * L)
  let h = fold h from zeros(25) for i in 0..T { return cell(h, x[T - 1 - i]) }
  let q = head(h)
  let m = q[:L]
  let s = exp(q[L:])
  let z = solve dynamics(z = m + s * e) at t by dopri5(rtol = 1e-4, atol = 1e-4)
  let xhat = [dec(zi) for zi in z]
  loss sum((x - xhat)^2) / 0.18 + 0.5 * sum(m^2 + s^2 - 1 - 2 * log(s))
}
"""


def run(context):
    model = context.write("latent.node", MODEL)
    generator = numpy.random.default_rng(3)
    times, batch = numpy.linspace(0, 5, 100), 64
    phase, amplitude = generator.uniform(0, 6, (batch, 1)), generator.uniform(0.5, 1.5, (batch, 1))
    x = numpy.stack([amplitude * numpy.sin(times + phase), amplitude * numpy.cos(times + phase)], 2)
    arrays = {"t": times, "x": x + 0.1 * generator.standard_normal(x.shape), "e": generator.standard_normal((batch, 4))}
    data = context.write_arrays("latent.npz", {name: array.astype(numpy.float32) for name, array in arrays.items()})
    weights = context.initial_weights(model)
    own = context.bench(model, ["--data", data, "--weights", weights])
    rows = []
    for script in ("torchdiffeq_latent.py", "diffrax_latent.py"):
        found = context.peer(script, data=data, weights=weights) or {}
        loss = found.pop("loss", None)
        for peer, milliseconds in found.items():
            rows.append(row("latent", "gradient of a step", peer, milliseconds, own["gradient_least_ms"], 5,
                            note=f"loss {loss:.6g}, nodec's {context.loss(model, data, weights):.6g}"))
    return rows
