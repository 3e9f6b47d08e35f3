"""Minimax fits of compiler/graph/elementary_*.cpp: prints coefficients (ascending) and largest weighted errors.

Polynomials by Remez' algorithm, tanh's rational function by the same on the equation multiplied by its denominator.
Takes a minute; needs mpmath.
"""
from mpmath import (asin, atan, atanh, cos, erf, erfc, exp, expm1, log, loggamma, lu_solve, matrix, mp, mpf, nstr, pi,
                    sin, sqrt, tanh)

mp.dps = 70


def remez(function, weight, low, high, degree, rounds=12):
    """Coefficients c minimizing max |weight(x) (function(x) - sum c_i x^i)| on [low, high]."""
    low, high, n = mpf(low), mpf(high), degree + 2
    points = [(low + high) / 2 - (high - low) / 2 * cos(pi * i / (n - 1)) for i in range(n)]
    for _ in range(rounds):
        system, right = matrix(n, n), matrix(n, 1)
        for i, x in enumerate(points):
            for j in range(degree + 1):
                system[i, j] = x**j
            system[i, degree + 1] = (-1) ** i / weight(x)
            right[i] = function(x)
        solution = lu_solve(system, right)
        c = [solution[j] for j in range(degree + 1)]

        def error(x):
            return weight(x) * (function(x) - sum(a * x**j for j, a in enumerate(c)))

        # Extrema between sign changes, from a fine grid refined by parabolas.
        m = 60 * n
        grid = [(low + high) / 2 - (high - low) / 2 * cos(pi * i / m) for i in range(m + 1)]
        values = [error(x) for x in grid]
        best = []
        for x, v in zip(grid, values):
            if best and (v > 0) == (best[-1][1] > 0):
                if abs(v) > abs(best[-1][1]):
                    best[-1] = (x, v)
            else:
                best.append((x, v))
        while len(best) > n:
            best.pop(0 if abs(best[0][1]) < abs(best[-1][1]) else -1)
        if len(best) < n:
            break
        points = [x for x, _ in best]
        largest, least = max(abs(v) for _, v in best), min(abs(v) for _, v in best)
        if largest < least * mpf("1.001"):
            break
    return c, max(abs(v) for v in values)


def show(name, fit):
    c, error = fit
    print(f"// {name}: 2^{nstr(log(error, 2), 4)}")
    print("{" + ", ".join(nstr(a, 20) for a in c) + "}")


half_ln2 = log(2) / 2 * mpf("1.0005")
tiny = mpf(10) ** -25


def exp_tail(r):  # (e^r - 1 - r) / r^2
    return (expm1(r) - r) / r**2 if abs(r) > tiny else mpf(1) / 2 + r / 6


def atanh_tail(z):  # (2 atanh s - 2 s) / s^3, z = s^2
    s = sqrt(z)
    return 2 * (atanh(s) - s) / s**3 if z > tiny else mpf(2) / 3 + z * 2 / 5


def atanh_tail2(z):  # (atanh(s) / s - 1 - z / 3) / z^2
    s = sqrt(z)
    return (atanh(s) / s - 1 - z / 3) / z**2 if z > tiny else mpf(1) / 5 + z / 7


def sin_tail(z):  # (sin r - r) / r^3
    r = sqrt(z)
    return (sin(r) - r) / r**3 if z > tiny else -mpf(1) / 6 + z / 120


def cos_tail(z):  # (cos r - 1 + z / 2) / z^2
    r = sqrt(z)
    return (cos(r) - 1 + z / 2) / z**2 if z > tiny else mpf(1) / 24 - z / 720


def atan_tail(z):  # (atan t - t) / t^3
    t = sqrt(z)
    return (atan(t) - t) / t**3 if z > tiny else -mpf(1) / 3 + z / 5


def asin_tail(z):  # (asin t - t) / t^3
    t = sqrt(z)
    return (asin(t) - t) / t**3 if z > tiny else mpf(1) / 6 + z * 3 / 40


def erf_ratio(z):  # erf(x) / x
    x = sqrt(z)
    return erf(x) / x if z > tiny else 2 / sqrt(pi) * (1 - z / 3)


def erf_argument(t):
    return 2 * (1 + t) / (1 - t)


def scaled_erfc(t):  # erfc(x) e^(x^2), t = (x - 2) / (x + 2)
    return erfc(erf_argument(t)) * exp(erf_argument(t) ** 2)


def lgamma_ratio(y):  # log Gamma(1 + y) / (y (y - 1))
    y = min(max(mpf(y), tiny), 1 - tiny)
    return loggamma(1 + y) / (y * (y - 1))


def tanh_fit(n, m, high):
    """p, q of degrees n, m in z = y^2, p(0) = q(0) = 1, minimizing the relative error of y p / q to tanh y."""
    count, level, q = n + m + 1, mpf(0), [mpf(1)]

    def target(z):
        return tanh(sqrt(z)) / sqrt(z)

    low = mpf("0.05")
    points = [(low + (high - low) * (1 - cos(pi * i / (count - 1))) / 2) ** 2 for i in range(count)]
    for _ in range(40):
        for _ in range(40):
            system, right = matrix(count, count), matrix(count, 1)
            for k, z in enumerate(points):
                sign = (-1) ** k
                wanted = target(z) * (1 + sign * level)
                weight = sign * target(z) * sum(a * z**j for j, a in enumerate(q))
                for j in range(1, n + 1):
                    system[k, j - 1] = z**j
                for j in range(1, m + 1):
                    system[k, n + j - 1] = -wanted * z**j
                system[k, count - 1] = -weight
                right[k] = wanted - 1 - level * weight
            solution = lu_solve(system, right)
            p = [mpf(1)] + [solution[j] for j in range(n)]
            q = [mpf(1)] + [solution[n + j] for j in range(m)]
            change, level = abs(solution[count - 1] - level), solution[count - 1]
            if change < abs(level) / 10**6:
                break
        best = []
        for i in range(1, 200 * count + 1):
            z = (high * (1 - cos(pi * i / (200 * count))) / 2) ** 2
            ratio = sum(a * z**j for j, a in enumerate(p)) / sum(a * z**j for j, a in enumerate(q))
            error = ratio / target(z) - 1
            if best and (error > 0) == (best[-1][1] > 0):
                best[-1] = max(best[-1], (z, error), key=lambda pair: abs(pair[1]))
            else:
                best.append((z, error))
        while len(best) > count:
            best.pop(0 if abs(best[0][1]) < abs(best[-1][1]) else -1)
        largest, least = max(abs(e) for _, e in best), min(abs(e) for _, e in best)
        points = [z for z, _ in best]
        if largest < least * mpf("1.01"):
            break
    return p, q, largest


if __name__ == "__main__":
    z_log = ((sqrt(2) - 1) / (sqrt(2) + 1)) ** 2 * mpf("1.0001")
    z_trig = (pi / 4) ** 2 * mpf("1.001")
    z_atan = (sqrt(2) - 1) ** 2 * mpf("1.0001")
    for bits in (32, 64):
        wide = bits == 64
        print(f"// ---- f{bits}")
        show("exp", remez(exp_tail, lambda r: r**2 + tiny, -half_ln2, half_ln2, 9 if wide else 4))
        show("expm1", remez(exp_tail, lambda r: abs(r) + mpf("0.01"), -half_ln2, half_ln2, 10 if wide else 5))
        show("log", remez(atanh_tail, lambda z: z / 2 + tiny, 0, z_log, 6 if wide else 3))
        show("pow", remez(atanh_tail2, lambda z: mpf(1), 0, z_log, 7 if wide else 2))
        show("sin", remez(sin_tail, lambda z: z + tiny, 0, z_trig, 5 if wide else 2))
        show("cos", remez(cos_tail, lambda z: z**2 + tiny, 0, z_trig, 5 if wide else 2))
        show("atan", remez(atan_tail, lambda z: z + tiny, 0, z_atan, 10 if wide else 3))
        show("asin", remez(asin_tail, lambda z: z + tiny, 0, mpf(1) / 4, 11 if wide else 4))
        show("erf small", remez(erf_ratio, lambda z: 1 / erf_ratio(z), 0, 1, 11 if wide else 6))
        show("erf large", remez(scaled_erfc, lambda t: exp(-(erf_argument(t) ** 2)), mpf(-1) / 3,
                                mpf(1) / 2 if wide else mpf(1) / 3, 12 if wide else 4))
        show("lgamma", remez(lgamma_ratio, lambda y: 1 / lgamma_ratio(y), 0, 1, 22 if wide else 10))
    p, q, error = tanh_fit(3, 3, mpf("4.51"))
    print(f"// tanh: 2^{nstr(log(error, 2), 4)}")
    print("{" + ", ".join(nstr(2 * a / mpf(4) ** (i + 1) / 2, 12) for i, a in enumerate(p[1:])) + "}")
    print("{" + ", ".join(nstr(a / mpf(4) ** (i + 1), 12) for i, a in enumerate(q[1:])) + "}")
