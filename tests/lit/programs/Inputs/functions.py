# What functions.node computes, by NumPy.
import math
import sys
import numpy as np

d, o = np.load(sys.argv[1]), np.load(sys.argv[2])
same = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
for i in range(3):
    x, M, s, p = (d[n][i] for n in ("x", "M", "s", "p"))
    ts = np.linspace(0, 1, 4)
    get = lambda n: o[n][i] if o[n].shape[:1] == (3,) and n != "unit" else o[n]
    same(get("interpolated"), np.interp(s, ts, x))
    same(get("interval"), min(int(np.searchsorted(ts, s, "right")) - 1, 2))
    same(get("outside"), [x[0], x[-1]])
    same(get("outer_product"), np.outer(x, p))
    same(get("diagonal"), np.diag(x))
    same(get("of_matrix"), np.diag(M))
    same(o["unit"].reshape(-1, 3, 3)[0], np.eye(3))
    same(get("padded"), np.pad(x, (1, 2)))
    same(get("turned"), x[::-1])
    for name, axis in (("soft", 1), ("soft_columns", 0)):
        e = np.exp(M)
        same(get(name), e / e.sum(axis, keepdims=True))
    same(get("largest"), np.argmax(x))
    same(get("lse"), np.log(np.exp(M).sum(1)))
    same(get("sums"), [x.sum(), x.mean(), x.prod(), x.max(), x.min(), np.linalg.norm(x), x @ p, M.sum()])
    same(get("run"), np.cumprod(x))
    same(o["integers"].reshape(-1, 5)[0], [3, -4, 2, 2, -3])
    sigmoid = 1 / (1 + math.exp(-s))
    same(get("elementary"), [math.exp(s), math.log(s), math.sqrt(s), math.sin(s), math.cos(s), math.tan(s), math.asin(s),
                             math.acos(s), math.atan(s), math.sinh(s), math.cosh(s), math.tanh(s), sigmoid,
                             math.log1p(math.exp(s)), s, math.expm1(-s), s, 1, math.erf(s), 1, math.log1p(s),
                             math.expm1(s), math.atan2(s, 2), math.lgamma(s + 1)])
    same(get("shaped"), np.concatenate([x, p]).reshape(2, 4).T)
print("passed")
