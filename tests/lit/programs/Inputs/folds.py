# What folds.node computes, step by step.
import sys
import numpy as np

data, out = np.load(sys.argv[1]), np.load(sys.argv[2])
W, U = out["W"][0] if out["W"].ndim == 3 else out["W"], out["U"][0] if out["U"].ndim == 3 else out["U"]
for i, T in enumerate(data["T"]):
    x = data["x"][i, :T]
    h, s, p, d, q = np.zeros(3), np.zeros(3), 1.0, 0.0, np.zeros(3)
    for k in range(T):
        h = np.tanh(W @ h + U @ x[T - 1 - k])
        s = np.tanh(W @ s + U @ x[k])
        np.testing.assert_allclose(out["s"][i, k], s, rtol=1e-12)
        for j in range(2):
            p = p * 0.9 + x[k, j]
        d += np.abs(x[k] - x[k - 1]).sum() if k > 0 else 0.0
        q = 0.5 * q + np.arange(3) * x[k, 0]
    np.testing.assert_allclose(out["h"][i], h, rtol=1e-12)
    np.testing.assert_allclose(out["p"][i], p, rtol=1e-12)
    np.testing.assert_allclose(out["d"][i], d, rtol=1e-12)
    np.testing.assert_allclose(out["q"][i], q, rtol=1e-12)
    assert out["n"][i] == 2 * T
    assert np.isnan(out["s"][i, T:]).all()
print("agrees")
