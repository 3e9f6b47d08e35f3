"""Log-determinants by diffrax: the trace exact, by a product with the Jacobian for each state element, and estimated by one
vector (Hutchinson) a sample."""
import json

import diffrax
import jax
import jax.numpy as jnp
import numpy

from measure import arguments, least_milliseconds

given = arguments()
weights = {name[5:]: jnp.asarray(array) for name, array in numpy.load(given["weights"]).items()}
x = jnp.asarray(numpy.load(given["data"])["x"])
noise = jnp.asarray(numpy.random.default_rng(0).choice([-1.0, 1.0], x.shape).astype(numpy.float32))
size = x.shape[1]


def field(z, w):
    return w["W3"] @ jnp.tanh(w["W2"] @ jnp.tanh(w["W1"] @ z + w["b1"]) + w["b2"]) + w["b3"]


def exact(t, state, given):
    w, _ = given
    dz, pullback = jax.vjp(lambda z: field(z, w), state[0])
    (jacobian,) = jax.vmap(pullback)(jnp.eye(size))
    return dz, jnp.trace(jacobian)


def estimated(t, state, given):
    w, e = given
    dz, pullback = jax.vjp(lambda z: field(z, w), state[0])
    return dz, pullback(e)[0] @ e


def loss_by(dynamics):
    def one(x, e, w):
        return diffrax.diffeqsolve(diffrax.ODETerm(dynamics), diffrax.Dopri5(), 1.0, 0.0, None, (x, 0.0), (w, e),
                                   stepsize_controller=diffrax.PIDController(rtol=1e-5, atol=1e-5), max_steps=256).ys

    def loss(w, x):
        z, ld = jax.vmap(one, (0, 0, None))(x, noise, w)
        return jnp.mean(jnp.sum(z[:, 0] ** 2, 1) / 2 - ld[:, 0])

    return loss


out = {}
for name, dynamics in (("diffrax exact", exact), ("diffrax estimate", estimated)):
    forward = jax.jit(loss_by(dynamics))
    gradient = jax.jit(jax.value_and_grad(loss_by(dynamics)))
    out[name] = {
        "forward": least_milliseconds(lambda: forward(weights, x).block_until_ready(), given["seconds"], 2),
        "gradient": least_milliseconds(lambda: jax.block_until_ready(gradient(weights, x)), given["seconds"], 2),
    }
print(json.dumps(out))
