"""Ensembles of tiny fields in f64, work against precision: times at equal errors beside heyoka, SUNDIALS, Boost.odeint and
diffrax."""
import numpy

from peers import systems
from peers.measure import relative_error
from peers.native import native
from peers.table import row

METHODS = ("dopri5", "tsit5", "dop853")


def curves(context, name, counts, tolerances, u0, reference):
    """By program and number of trajectories: points (error, milliseconds) of all its methods and tolerances."""
    found = {}

    def add(program, count, error, milliseconds):
        found.setdefault((program, count), []).append((error, milliseconds))

    model = context.write(f"{name}.node", systems.node_text(name))
    checked = context.write_arrays(f"{name}.checked.npz", {"u0": u0[:systems.CHECKED]})
    for method in METHODS:
        for tolerance in tolerances:
            words = ["--method", method, "--rtol", tolerance, "--atol", tolerance]
            output = context.evaluate(model, ["--data", checked, *words], "f64")["u"]
            for count in counts:
                data = context.write_arrays(f"{name}.npz", {"u0": u0[:count]})
                own = context.bench(model, ["--data", data, *words], "f64", 0.25)
                add("nodec", count, relative_error(output, reference), own["forward_least_ms"])

    data = context.write_arrays(f"{name}.npz", {"u0": u0})
    given = {"system": name, "data": data, "counts": counts, "tolerances": tolerances, "checked": systems.CHECKED}
    for program in ("heyoka", "diffrax"):
        for point in context.peer(f"{program}_ensembles.py", **given) or []:
            outputs = numpy.load(point["outputs"])
            for count, milliseconds in point["times"].items():
                add(program, int(count), relative_error(outputs, reference), milliseconds)
    for program, methods in (("sundials", ("adams", "erk")), ("odeint", ("dopri5", "fehlberg78"))):
        for method in methods:
            for tolerance in tolerances:
                outputs, times = native(context, program, method, name, tolerance, u0, counts) or (None, {})
                for count, milliseconds in times.items():
                    add(program, count, relative_error(outputs, reference), milliseconds)
    return found


def run(context):
    rows = []
    counts = (1, 1000) if context.quick else (1, 1000, 10000)
    tolerances = [10.0**-k for k in (range(3, 12, 2) if context.quick else range(2, 13))]
    for name in systems.SYSTEMS:
        u0 = systems.initial_states(name, max(counts[-1], systems.CHECKED))
        reference = systems.references(name, u0[:systems.CHECKED])
        found = curves(context, name, counts, tolerances, u0, reference)
        for count in counts:
            for exponent in (3, 6, 10) if context.quick else range(3, 11):
                own = systems.at_error(found["nodec", count], 10.0**-exponent)
                for program in ("heyoka", "sundials", "odeint", "diffrax"):
                    theirs = systems.at_error(found.get((program, count), []), 10.0**-exponent)
                    if own and theirs:
                        rows.append(row("ensembles", f"{name} x {count}, error 1e-{exponent}", program, theirs, own, 1))
    return rows
