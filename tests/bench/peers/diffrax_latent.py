"""The latent ODE by diffrax, every series with steps of its own."""
import json

import diffrax
import jax
import jax.numpy as jnp
import numpy

from measure import arguments, least_milliseconds

given = arguments()
data = {name: jnp.asarray(array) for name, array in numpy.load(given["data"]).items()}
weights = {name: jnp.asarray(array) for name, array in numpy.load(given["weights"]).items()}
times = data["t"]


def dense(w, path, inputs):
    return inputs @ w[path + ".W"].T + w[path + ".b"]


def dynamics(t, z, w):
    z = jax.nn.elu(dense(w, "dynamics.net.hidden.0", z))
    z = jax.nn.elu(dense(w, "dynamics.net.hidden.1", z))
    return dense(w, "dynamics.net.out", z)


def loss_of_one(w, x, e):
    def cell(h, x):
        both = jnp.concatenate([x, h])
        reset = jax.nn.sigmoid(dense(w, "latent.cell.reset", both))
        update = jax.nn.sigmoid(dense(w, "latent.cell.update", both))
        candidate = jnp.tanh(dense(w, "latent.cell.candidate", jnp.concatenate([x, reset * h])))
        return update * h + (1 - update) * candidate, None

    h, _ = jax.lax.scan(cell, jnp.zeros(25), x[::-1])
    q = dense(w, "latent.head", h)
    m, s = q[:4], jnp.exp(q[4:])
    z = diffrax.diffeqsolve(diffrax.ODETerm(dynamics), diffrax.Dopri5(), times[0], times[-1], None, m + s * e, w,
                            saveat=diffrax.SaveAt(ts=times), max_steps=256,
                            stepsize_controller=diffrax.PIDController(rtol=1e-4, atol=1e-4)).ys
    found = dense(w, "dec.out", jax.nn.relu(dense(w, "dec.hidden.0", z)))
    return jnp.sum((x - found) ** 2) / 0.18 + 0.5 * jnp.sum(m**2 + s**2 - 1 - 2 * jnp.log(s))


gradient = jax.jit(jax.value_and_grad(
    lambda w: jnp.mean(jax.vmap(loss_of_one, (None, 0, 0))(w, data["x"], data["e"]))))
print(json.dumps({"loss": float(gradient(weights)[0]),
                  "diffrax": least_milliseconds(lambda: jax.block_until_ready(gradient(weights)), given["seconds"])}))
