"""Robertson's kinetics by diffrax, Kvaerno's fifth order method."""
import json

import diffrax
import jax
import jax.numpy as jnp

from measure import arguments, least_milliseconds

jax.config.update("jax_enable_x64", True)
given = arguments()


def rates(t, y, _):
    first, second, third = 0.04 * y[0], 1e4 * y[1] * y[2], 3e7 * y[1] ** 2
    return jnp.stack([-first + second, first - second - third, third])


@jax.jit
def solve(tolerance):
    return diffrax.diffeqsolve(diffrax.ODETerm(rates), diffrax.Kvaerno5(), 0.0, 4e4, None, jnp.array([1.0, 0, 0]),
                               max_steps=100000, stepsize_controller=diffrax.PIDController(
                                   rtol=tolerance, atol=1e-5 * tolerance)).ys[0]


points = []
for tolerance in given["tolerances"]:
    milliseconds = least_milliseconds(lambda: solve(tolerance).block_until_ready(), given["seconds"] / 4)
    points.append((solve(tolerance).tolist(), milliseconds))
print(json.dumps(points))
