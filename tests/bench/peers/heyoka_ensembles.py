"""Ensembles by heyoka: Taylor's method in vectors of trajectories, as many as its registers hold; one alone without."""
import json
import pathlib

import heyoka
import numpy

from measure import arguments, least_milliseconds
from systems import SYSTEMS, right_hand_side

given = arguments()
system = SYSTEMS[given["system"]]
u0 = numpy.load(given["data"])["u0"]
names = ["x", "y", "z"][:system["size"]]
variables = heyoka.make_vars(*names)
equations = list(zip(variables, right_hand_side(given["system"], None, variables)))
width = 4 * max(1, heyoka.recommended_simd_size() // 4)


def solve_one(integrator, u):
    integrator.time = 0.0
    integrator.state[:] = u
    integrator.propagate_until(system["end"])
    return numpy.array(integrator.state)


def solve_many(integrator, u):
    out = numpy.empty_like(u)
    for first in range(0, len(u), width):
        chosen = numpy.minimum(numpy.arange(first, first + width), len(u) - 1)
        integrator.set_time(0.0)
        integrator.state[:] = u[chosen].T
        integrator.propagate_until(system["end"])
        last = min(first + width, len(u))
        out[first:last] = integrator.state.T[:last - first]
    return out


points = []
for number, tolerance in enumerate(given["tolerances"]):
    one = heyoka.taylor_adaptive(equations, u0[0], tol=tolerance)
    many = heyoka.taylor_adaptive_batch(equations, numpy.ascontiguousarray(u0[:width].T), tol=tolerance)
    outputs = pathlib.Path(given["out"]).with_name(f"heyoka.{number}.npy")
    numpy.save(outputs, solve_many(many, u0[:given["checked"]]))
    times = {}
    for count in given["counts"]:
        run = (lambda: solve_one(one, u0[0])) if count == 1 else (lambda: solve_many(many, u0[:count]))
        times[count] = least_milliseconds(run, given["seconds"] / 4, 1)
    points.append({"outputs": str(outputs), "times": times})
print(json.dumps(points))
