"""Robertson's kinetics by diffsol's BDF, compiled from its own language."""
import json

import numpy
import pydiffsol

from measure import arguments, least_milliseconds

given = arguments()
TEXT = """
in_i { k1 = 0.04 }
u_i { x = 1, y = 0, z = 0 }
F_i { -k1 * x + 1e4 * y * z, k1 * x - 1e4 * y * z - 3e7 * y * y, 3e7 * y * y }
"""
points = []
for tolerance in given["tolerances"]:
    ode = pydiffsol.Ode(TEXT, matrix_type=pydiffsol.nalgebra_dense, scalar_type=pydiffsol.f64, ode_solver=pydiffsol.bdf)
    ode.rtol, ode.atol = tolerance, 1e-5 * tolerance
    parameters, times = numpy.array([0.04]), numpy.array([4e4])
    milliseconds = least_milliseconds(lambda: ode.solve_dense(parameters, times), given["seconds"] / 4)
    solution = ode.solve_dense(parameters, times)
    points.append((solution.ys[:, -1].tolist(), milliseconds))
print(json.dumps(points))
