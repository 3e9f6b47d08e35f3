# Data for densities.node, and what its models must compute: densities with 40 digits, integrals 1, known slopes.
import sys
from decimal import Decimal as D, getcontext
import numpy as np

getcontext().prec = 60
verb, stem = sys.argv[1], sys.argv[2]
r = np.random.default_rng(3)
PI = D("3.14159265358979323846264338327950288419716939937510582097494")
BERNOULLI = [D(1) / 6, D(-1) / 30, D(1) / 42, D(-1) / 30, D(5) / 66, D(-691) / 2730, D(7) / 6, D(-3617) / 510,
             D(43867) / 798, D(-174611) / 330]


def lgamma(x):  # Stirling's series after a shift by the recurrence
    shift = D(1)
    while x < 200:
        shift *= x
        x += 1
    series = sum(b / ((2 * k + 2) * (2 * k + 1) * x ** (2 * k + 1)) for k, b in enumerate(BERNOULLI))
    return (x - D("0.5")) * x.ln() - x + (2 * PI).ln() / 2 + series - shift.ln()


INF, HALF = D("-Infinity"), D("0.5")
normal = lambda x, m, s: -((x - m) / s) ** 2 / 2 - s.ln() - (2 * PI).ln() / 2
student = lambda x, n, m, s: (lgamma((n + 1) / 2) - lgamma(n / 2) - (PI * n).ln() / 2 - s.ln()
                              - (n + 1) / 2 * (1 + ((x - m) / s) ** 2 / n).ln())
laplace = lambda x, m, b: -abs(x - m) / b - (2 * b).ln()


def logistic(x, m, s):
    z = abs(x - m) / s
    return -z - s.ln() - 2 * (1 + (-z).exp()).ln()


kl = lambda m, s, n, t: (t / s).ln() + (s * s + (m - n) ** 2) / (2 * t * t) - HALF


def softplus(x):
    return max(x, D(0)) + (1 + (-abs(x)).exp()).ln()


def gaussian(v, m, covariance):
    d = v - m
    sign, logdet = np.linalg.slogdet(covariance)
    return -0.5 * (d @ np.linalg.solve(covariance, d) + logdet + 3 * np.log(2 * np.pi))


def expected(row):
    x, m, s, a, b, p = (D(float(row[n])) for n in ("x", "μ", "σ", "α", "β", "p"))
    k, logits, v, A = int(row["k"]), [D(float(l)) for l in row["logits"]], row["v"], row["A"]
    vs = [D(float(e)) for e in v]
    mean = np.array([row["μ"], row["x"], 0])
    inside = 0 <= x <= 1
    yield "normal", normal(x, m, s)
    yield "kl", kl(m, s, x, a)
    yield "multivariate", gaussian(v, mean, A @ A.T)
    yield "factor", gaussian(v, mean, A @ A.T)
    yield "laplace", laplace(x, m, s)
    yield "student_t", student(x, a, m, s)
    yield "logistic", logistic(x, m, s)
    yield "log_normal", normal(x.ln(), m, s) - x.ln() if x > 0 else INF
    yield "gamma", (a - 1) * x.ln() - b * x + a * b.ln() - lgamma(a) if x > 0 else INF
    yield "beta", (a - 1) * x.ln() + (b - 1) * (1 - x).ln() + lgamma(a + b) - lgamma(a) - lgamma(b) if inside else INF
    yield "uniform", -s.ln() if m <= x <= m + s else INF
    yield "bernoulli", p.ln() if k == 1 else (1 - p).ln() if k == 0 else INF
    yield "bernoulli_logit", -softplus(-m) if k == 1 else -softplus(m) if k == 0 else INF
    yield "categorical", logits[k] - sum(l.exp() for l in logits).ln() if 0 <= k < 3 else INF
    yield "poisson", k * a.ln() - a - lgamma(D(k + 1)) if k >= 0 else INF
    yield "of_vectors", [sum(normal(e, m, s) for e in vs), sum(laplace(e, e + 1, s) for e in vs),
                         sum(student(e, a, m, e.exp()) for e in vs), sum(-softplus(-e) for e in vs),
                         sum((i + 1) * e - e.exp() - lgamma(D(i + 2)) for i, e in enumerate(vs)),
                         sum(kl(e, s, D(0), D(1)) for e in vs)]


# x that lie inside and outside of the supports; the last rows are extreme.
def rows():
    n = 60
    d = dict(x=r.normal(size=n) * 2, μ=r.normal(size=n), σ=np.exp(r.normal(size=n)), α=np.exp(1.5 * r.normal(size=n)),
             β=np.exp(r.normal(size=n)), p=r.random(n), k=r.integers(-1, 5, n), logits=3 * r.normal(size=(n, 3)),
             v=r.normal(size=(n, 3)), A=r.normal(size=(n, 3, 3)) + 2 * np.eye(3))
    d["x"][:20] = r.random(20)
    d["α"][20:30] = 10.0 ** np.arange(1, 11)
    return d


def quadratures():
    s = np.linspace(-4, 3.1, 711)
    e, h = np.pi / 2 * np.sinh(s), s[1] - s[0]
    line = np.linspace(-30, 30, 3001)
    half = np.linspace(-5, 6, 1101)
    with np.errstate(over="ignore"):
        return dict(line=np.sinh(line), line_w=np.cosh(line) * (line[1] - line[0]), half=np.exp(half - np.exp(-half)),
                    half_w=(1 + np.exp(-half)) * np.exp(half - np.exp(-half)) * (half[1] - half[0]),
                    unit=1 / (1 + np.exp(-2 * e)), unit_w=h * np.pi / 2 * np.cosh(s) / (2 * np.cosh(e) ** 2))


if verb == "make":
    d = rows()
    extremes = {n: a[:6].copy() for n, a in d.items()}
    extremes["x"][:] = [1e150, -1e150, 700, -700, 1e-300, 1 - 2.0 ** -53]
    extremes["μ"][:] = [0, 0, 40, -40, 1000, -1000]
    extremes["α"][:] = [3, 1e3, 1e10, 0.01, 2, 2]
    extremes["p"][:] = [1e-300, 1 - 2.0 ** -53, 1e-20, 0.5, 1e-10, 1e-10]
    extremes["k"][:] = [1, 0, 0, 100000, 1, 0]
    np.savez(stem + ".values.npz", **{n: np.concatenate([d[n], extremes[n]]) for n in d})
    np.savez(stem + ".single.npz", **{n: a if n == "k" else a.astype(np.float32) for n, a in d.items()})
    np.savez(stem + ".masses.npz", **quadratures())
    np.savez(stem + ".slopes.npz", zero=0.0, large=1e160)
    np.savez(stem + ".slopes32.npz", zero=0.0, large=1e30)
    d["u"] = r.uniform(0.1, 0.9, 60)
    d["α"] = np.exp(0.5 * r.normal(size=60))
    np.savez(stem + ".gradients.npz", **{n: a[:5] for n, a in d.items() if n not in ("p", "k")})
    sys.exit()


# The error is measured against the value and against what the parameters' rounding makes of the largest term.
def compare(what, data, out, tolerance):
    worst = 0
    for i in range(len(data["x"])):
        row = {n: data[n][i] for n in data}
        for name, wanted in expected(row):
            got = np.atleast_1d(out[name][i])
            for g, w in zip(got, wanted if isinstance(wanted, list) else [wanted]):
                w, g = float(w), float(g)
                if np.isinf(w) or np.isinf(g):
                    assert w == g, (what, name, i, g, w)
                    continue
                terms = max(1, abs(w))
                if name in ("gamma", "beta"):
                    terms = max(terms, row["α"] * (abs(np.log(row["α"])) + abs(np.log(abs(row["x"])))), row["β"] * abs(row["x"]))
                if name == "poisson":
                    terms = max(terms, row["k"] * abs(np.log(max(row["k"], 1))), row["α"])
                if name in ("multivariate", "factor"):
                    terms *= np.linalg.cond(row["A"]) ** 2
                error = abs(g - w) / terms
                worst = max(worst, error)
                assert error <= tolerance, (what, name, i, g, w, error)
    print(f"{what}: ok")
    print(f"worst error {worst:.1e}")


load = lambda name: dict(np.load(f"{stem}.{name}.npz"))
compare("values", load("values"), load("values.out"), 1e-14)
compare("values in single precision", load("single"), load("single.out"), 4e-6)
np.testing.assert_allclose(load("masses.out")["mass"].ravel(), 1, rtol=1e-9)
print("masses: ok")


def check_slopes(what, L, tolerance):
    o = {n: a.ravel() for n, a in load(what + ".out").items()}
    for name, wanted in dict(normal=[-L, 0, L], student_t=[-4 / L, 0, 4 / L], student_t_curvature=[-4 / 3], logistic=[-1, 0, 1],
                             logistic_curvature=[-0.5], log_normal=[0, 0, -1], gamma=[-2, 0, -2], beta=[0, 0, 0],
                             uniform=[0.2, 0], bernoulli=[-1, 0], bernoulli_logit=[-1, -0.5, 0, 0, 0.5, 1],
                             categorical=[-1 / (1 + np.e), 1 / (1 + np.e), 0], poisson=[-1, 0]).items():
        np.testing.assert_allclose(o[name], wanted, rtol=tolerance, err_msg=name)


check_slopes("slopes", 1e160, 1e-14)
check_slopes("slopes32", 1e30, 1e-6)
print("slopes: ok")
