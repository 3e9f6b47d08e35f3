"""One trajectory of the network by heyoka."""
import json

import heyoka
import numpy

from measure import arguments, least_milliseconds

given = arguments()
weights = numpy.load(given["weights"])
z0 = numpy.load(given["data"])["z0"][0]
sizes = given["sizes"]
layers = range(1, len(sizes))
flat = numpy.concatenate([weights[f"net.W{layer}"].ravel() for layer in layers] +
                         [weights[f"net.b{layer}"] for layer in layers])
variables = heyoka.make_vars("x", "y")
rates = heyoka.model.ffnn(inputs=list(variables), nn_hidden=sizes[1:-1], n_out=sizes[-1],
                          activations=[heyoka.tanh] * (len(sizes) - 2) + [lambda x: x], nn_wb=list(flat))
points = []
for tolerance in given["tolerances"]:
    integrator = heyoka.taylor_adaptive(list(zip(variables, rates)), z0, tol=tolerance, compact_mode=len(sizes) > 3)

    def solve():
        integrator.time = 0.0
        integrator.state[:] = z0
        integrator.propagate_until(1.0)

    milliseconds = least_milliseconds(solve, given["seconds"] / 4)
    points.append((integrator.state.tolist(), milliseconds))
print(json.dumps(points))
