"""The networks by diffrax: every sample with steps of its own (vmap), compiled, discrete adjoint by checkpoints."""
import json

import diffrax
import jax
import jax.numpy as jnp
import numpy

from measure import arguments, least_milliseconds

given = arguments()
weights = {name: jnp.asarray(array) for name, array in numpy.load(given["weights"]).items()}
z0 = jnp.asarray(numpy.load(given["data"])["z0"])
layers = given["layers"]


def field(t, z, w):
    for layer in range(1, layers + 1):
        z = w[f"net.W{layer}"] @ z + w[f"net.b{layer}"]
        if layer < layers:
            z = jnp.tanh(z)
    return z


def solve(z, w):
    return diffrax.diffeqsolve(diffrax.ODETerm(field), diffrax.Dopri5(), 0.0, 1.0, None, z, w,
                               stepsize_controller=diffrax.PIDController(rtol=1e-5, atol=1e-6), max_steps=256).ys[0]


many = jax.vmap(solve, (0, None))
forward = jax.jit(many)
gradient = jax.jit(jax.value_and_grad(lambda w, z: jnp.mean(jnp.sum(many(z, w) ** 2, 1))))
numpy.savez(given["out"], z1=numpy.asarray(forward(z0, weights)))
print(json.dumps({
    "forward": least_milliseconds(lambda: forward(z0, weights).block_until_ready(), given["seconds"]),
    "gradient": least_milliseconds(lambda: jax.block_until_ready(gradient(weights, z0)), given["seconds"]),
}))
