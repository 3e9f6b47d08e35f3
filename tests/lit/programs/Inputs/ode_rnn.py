# The scan of ode_rnn.node, by many small steps of the classical Runge-Kutta method.
import sys
import numpy as np

data, out = np.load(sys.argv[1]), np.load(sys.argv[2])
U = out["U"][0] if out["U"].ndim == 3 else out["U"]
A = out["A"][0] if out["A"].ndim == 3 else out["A"]


def solve(z, t0, t1, steps=400):
    f = lambda t, z: np.tanh(A @ z + np.sin(t))
    h = (t1 - t0) / steps
    for i in range(steps):
        t = t0 + i * h
        a = f(t, z)
        b = f(t + h / 2, z + h / 2 * a)
        c = f(t + h / 2, z + h / 2 * b)
        z = z + h / 6 * (a + 2 * b + 2 * c + f(t + h, z + h * c))
    return z


for n, T in enumerate(data["T"]):
    s = data["h0"][n]
    for i in range(1, T):
        s = np.tanh(U @ data["y"][n, i] + solve(s, data["t"][n, i - 1], data["t"][n, i]))
        np.testing.assert_allclose(out["s"][n, i - 1], s, rtol=1e-8)
    assert np.isnan(out["s"][n, max(T - 1, 0):]).all()
    if T == 1:
        np.testing.assert_array_equal(out["h"][n], data["h0"][n])
print("agrees")
