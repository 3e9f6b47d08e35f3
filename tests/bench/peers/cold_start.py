"""From the start of a process to the first gradient of the spiral: nodec with and without kept machine code, torchdiffeq and
diffrax with their imports and compilation."""
import subprocess
import sys
import time

import numpy

from peers import spiral
from peers.measure import here
from peers.table import row


def seconds(context, words):
    """The least of three runs."""
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        done = subprocess.run(context.command(words), capture_output=True, text=True, env=context.variables())
        best = min(best, time.perf_counter() - start)
        if done.returncode != 0:
            context.missing.setdefault("cold start: " + str(words[1]), done.stderr.strip()[-200:])
            return None
    return best


def run(context):
    model = context.write("spiral.node", spiral.MODEL)
    data = context.write_arrays("spiral.npz", spiral.windows(numpy.random.default_rng(0)))
    weights = context.initial_weights(model)
    words = ["--data", data, "--weights", weights, "--quiet"]
    own = {"cold": seconds(context, context.nodec_words(model, "grad", [*words, "--no-cache"], "f32")),
           "machine code kept": seconds(context, context.nodec_words(model, "grad", words, "f32"))}
    rows = []
    for peer in ("torchdiffeq", "diffrax"):
        script = [sys.executable, here / f"{peer}_spiral.py", context.once(data=data, weights=weights)]
        taken = seconds(context, script)
        for name, mine in own.items():
            if taken and mine:
                rows.append(row("cold_start", name, peer, 1e3 * taken, 1e3 * mine, 40))
    return rows
