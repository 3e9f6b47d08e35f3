"""The systems of the ensembles: equations for each program, initial states, references, and times at equal errors."""
import numpy
import scipy.integrate

CHECKED = 200  # trajectories whose error is taken

SYSTEMS = {
    "lorenz": {"end": 1.0, "size": 3, "equations": "x' = 10 * (y - x); y' = x * (28 - z) - y; z' = x * y - 8 / 3 * z"},
    "van_der_pol": {"end": 10.0, "size": 2, "equations": "x' = y; y' = 2 * (1 - x^2) * y - x"},
}


def right_hand_side(name, t, u):
    """For arrays of any library."""
    if name == "lorenz":
        return 10 * (u[1] - u[0]), u[0] * (28 - u[2]) - u[1], u[0] * u[1] - 8 / 3 * u[2]
    return u[1], 2 * (1 - u[0] ** 2) * u[1] - u[0]


def initial_states(name, count):
    generator = numpy.random.default_rng(5)
    size = SYSTEMS[name]["size"]
    center = numpy.array([1.0, 1.0, 20.0]) if name == "lorenz" else numpy.array([1.0, 0.0])
    return center + generator.standard_normal((count, size))


def references(name, u0):
    return numpy.array([scipy.integrate.solve_ivp(lambda t, u: right_hand_side(name, t, u), (0, SYSTEMS[name]["end"]), u,
                                                  "DOP853", rtol=1e-13, atol=1e-13).y[:, -1] for u in u0])


def node_text(name):
    system = SYSTEMS[name]
    states = ["x", "y", "z"][:system["size"]]
    given = ", ".join(f"{s} = u0[{i}]" for i, s in enumerate(states))
    lines = "\n".join("  " + equation for equation in system["equations"].split("; "))
    return f"""field {name} {{
  state {", ".join(s + ": real" for s in states)}
{lines}
}}
model ensemble {{
  data u0: real[{system["size"]}]
  let ({", ".join(states)}) = solve {name}({given}) from 0 to {system["end"]} by dopri5(rtol = 1e-6, atol = 1e-6)
  output u = [{", ".join(states)}]
}}
"""


def at_error(points, error):
    """The time at which points (error, milliseconds) reach an error, between two of them on logarithmic scales; None where
    they do not. Only points that no faster one beats count."""
    best = []
    for e, milliseconds in sorted(points, key=lambda p: p[1]):
        if numpy.isfinite(e) and e > 0 and (not best or e < best[-1][0]):
            best.append((e, milliseconds))
    if not best or best[-1][0] > error:
        return None
    if best[0][0] <= error:
        return best[0][1]
    for (e0, m0), (e1, m1) in zip(best, best[1:]):
        if e1 <= error <= e0:
            share = (numpy.log(e0) - numpy.log(error)) / (numpy.log(e0) - numpy.log(e1))
            return float(numpy.exp(numpy.log(m0) + share * (numpy.log(m1) - numpy.log(m0))))
    return None
