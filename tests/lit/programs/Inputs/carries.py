# What carries.node computes, step by step.
import sys
import numpy as np

data, out, tolerance = np.load(sys.argv[1]), np.load(sys.argv[2]), float(sys.argv[3])
a = [0.1, 0.2, 0.3]
for i, T in enumerate(data["T"]):
    s = 0.0
    for j in range(T):
        s += (a[data["n"][i]] if j % 2 == 0 else 1.0) * data["x"][i, j]
    np.testing.assert_allclose(out["s"][i], s, rtol=tolerance, atol=tolerance)
    assert out["k"][i] == 2 * T
print("passed")
