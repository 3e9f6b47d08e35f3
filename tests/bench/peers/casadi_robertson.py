"""Robertson's kinetics by CVODES through casadi."""
import json

import casadi

from measure import arguments, least_milliseconds

given = arguments()
y = casadi.SX.sym("y", 3)
first, second, third = 0.04 * y[0], 1e4 * y[1] * y[2], 3e7 * y[1] ** 2
problem = {"x": y, "ode": casadi.vertcat(-first + second, first - second - third, third)}
points = []
for tolerance in given["tolerances"]:
    solver = casadi.integrator("solver", "cvodes", problem, 0, 4e4, {
        "reltol": tolerance, "abstol": 1e-5 * tolerance, "max_num_steps": 100000})
    milliseconds = least_milliseconds(lambda: solver(x0=[1, 0, 0]), given["seconds"] / 4)
    points.append((solver(x0=[1, 0, 0])["xf"].full().ravel().tolist(), milliseconds))
print(json.dumps(points))
