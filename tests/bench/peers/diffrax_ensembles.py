"""Ensembles by diffrax in f64: every trajectory with steps of its own, compiled."""
import json
import pathlib

import diffrax
import jax
import jax.numpy as jnp
import numpy

from measure import arguments, least_milliseconds
from systems import SYSTEMS, right_hand_side

jax.config.update("jax_enable_x64", True)
given = arguments()
end = SYSTEMS[given["system"]]["end"]
u0 = jnp.asarray(numpy.load(given["data"])["u0"])
term = diffrax.ODETerm(lambda t, u, _: jnp.stack(right_hand_side(given["system"], t, u)))

points = []
for method in (diffrax.Tsit5, diffrax.Dopri8):
    def solve(u, tolerance):
        return diffrax.diffeqsolve(term, method(), 0.0, end, None, u, max_steps=None,
                                   stepsize_controller=diffrax.PIDController(rtol=tolerance, atol=tolerance)).ys[0]

    many = jax.jit(jax.vmap(solve, (0, None)))
    for number, tolerance in enumerate(given["tolerances"]):
        outputs = pathlib.Path(given["out"]).with_name(f"diffrax.{method.__name__}.{number}.npy")
        numpy.save(outputs, many(u0[:given["checked"]], tolerance))
        times = {}
        for count in given["counts"]:
            chosen = u0[:count]
            times[count] = least_milliseconds(lambda: many(chosen, tolerance).block_until_ready(), given["seconds"] / 4, 1)
        points.append({"outputs": str(outputs), "times": times})
print(json.dumps(points))
