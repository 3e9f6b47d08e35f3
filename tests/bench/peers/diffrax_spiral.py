"""The spiral's gradient by diffrax, every window with steps of its own."""
import json

import diffrax
import jax
import jax.numpy as jnp
import numpy

from measure import arguments, least_milliseconds

given = arguments()
data = {name: jnp.asarray(array) for name, array in numpy.load(given["data"]).items()}
weights = {name[7:]: jnp.asarray(array) for name, array in numpy.load(given["weights"]).items()}


def solve(z, w):
    term = diffrax.ODETerm(lambda t, z, w: w["W2"] @ jnp.tanh(w["W1"] @ z**3 + w["b1"]) + w["b2"])
    return diffrax.diffeqsolve(term, diffrax.Dopri5(), data["t"][0], data["t"][-1], None, z, w,
                               saveat=diffrax.SaveAt(ts=data["t"]),
                               stepsize_controller=diffrax.PIDController(rtol=1e-6, atol=1e-8), max_steps=256).ys


gradient = jax.jit(jax.value_and_grad(
    lambda w, y: jnp.mean(jnp.abs(jax.vmap(solve, (0, None))(y[:, 0], w) - y))))
print(json.dumps({"diffrax": least_milliseconds(lambda: jax.block_until_ready(gradient(weights, data["y"])),
                                                given["seconds"])}))
