"""Compiles and runs the peers in C++: SUNDIALS and Boost.odeint."""
import json
import subprocess

import numpy

from peers import systems
from peers.measure import here

LIBRARIES = {"sundials": ["-lsundials_cvode", "-lsundials_arkode", "-lsundials_nvecserial", "-lm"], "odeint": []}


def native(context, program, method, system, tolerance, u0, counts):
    """The final states of the checked trajectories, and milliseconds by how many are solved; None where it does not build."""
    if program in context.missing:
        return None
    binary = context.folder / program
    source = here / f"{program}_ensembles.cpp"
    if not binary.exists() or binary.stat().st_mtime < source.stat().st_mtime:
        done = subprocess.run(["c++", "-O3", "-march=native", "-std=c++17", source, "-o", binary, *LIBRARIES[program]],
                              capture_output=True, text=True)
        if done.returncode != 0:
            errors = [line for line in done.stderr.splitlines() if "error" in line]
            context.missing[program] = (errors or ["it does not compile"])[0]
            return None
    inputs, outputs = context.folder / "native.in", context.folder / "native.out"
    u0.tofile(inputs)
    words = [binary, system, method, repr(tolerance), systems.SYSTEMS[system]["end"], inputs, outputs, systems.CHECKED,
             context.seconds / 4, *counts]
    done = subprocess.run(context.command(words), capture_output=True, text=True)
    if done.returncode != 0:
        context.missing.setdefault(f"{program} {method}", done.stderr.strip()[-200:] or f"status {done.returncode}")
        return None
    times = {int(count): milliseconds for count, milliseconds in json.loads(done.stdout).items()}
    return numpy.fromfile(outputs).reshape(systems.CHECKED, -1), times
