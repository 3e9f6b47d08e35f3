"""Robertson's stiff kinetics to t = 40000 in f64, one trajectory, at equal errors: the peers alone, as nodec has no implicit
methods yet."""
import numpy
import scipy.integrate

from peers.systems import at_error
from peers.table import row


def rates(t, y):
    first, second, third = 0.04 * y[0], 1e4 * y[1] * y[2], 3e7 * y[1] ** 2
    return [-first + second, first - second - third, third]


def run(context):
    context.missing["robertson"] = "nodec has no implicit methods yet: the peers' times stand alone"
    reference = scipy.integrate.solve_ivp(rates, (0, 4e4), [1, 0, 0], "Radau", rtol=1e-12, atol=1e-16).y[:, -1]
    rows = []
    for peer in ("pydiffsol", "casadi", "diffrax"):
        points = [(float(numpy.max(numpy.abs(numpy.asarray(y) / reference - 1))), milliseconds) for y, milliseconds in
                  context.peer(f"{peer}_robertson.py", tolerances=[10.0**-k for k in range(3, 11)]) or []]
        for exponent in (3, 5, 7):
            milliseconds = at_error(points, 10.0**-exponent)
            if milliseconds:
                rows.append(row("robertson", f"one trajectory, error 1e-{exponent}", peer, milliseconds, None, 1))
    return rows
