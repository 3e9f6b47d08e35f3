# What derivatives_in_loops.node computes, from the Jacobian of g written by hand.
import sys
import numpy as np

data, out = np.load(sys.argv[1]), np.load(sys.argv[2])


def jacobian(v):
    return np.array([[2 * v[0] * v[1], v[0] ** 2], [np.sin(v[1]), np.cos(v[1]) * v[0]]])


for n in range(4):
    at_p = jacobian(data["p"][n])
    for i in range(3):
        J, d = jacobian(data["x"][n, i]), data["d"][n, i]
        np.testing.assert_allclose(out["divergence"][n, i], np.trace(J), rtol=1e-12)
        np.testing.assert_allclose(out["jacobians"][n, i], J, rtol=1e-12)
        np.testing.assert_allclose(out["pushed"][n, i], at_p @ d, rtol=1e-12)
        np.testing.assert_allclose(out["pulled"][n, i], d @ at_p, rtol=1e-12)
print("agrees")
