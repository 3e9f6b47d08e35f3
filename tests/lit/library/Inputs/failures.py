"""Calls that fail, of the model in failures.node."""
import ctypes
import sys

import numpy as np

from called import Library

library = Library(sys.argv[1])
samples = 40
good = {"samples": samples, "T": 3, "N": 4, "parameters": library.weights(), "t": np.tile([0.0, 0.5, 1.0], (samples, 1)),
        "z0": np.linspace(0.1, 0.6, samples), "table": np.ones((samples, 4)), "k": np.arange(samples) % 4}


def call(function="gradient", room=None, steps=300, **changed):
    return library.call(function, {**good, **changed}, steps=steps, room=room)


def change(name, at, value):
    array = np.array(good[name], float)
    array[at] = value
    return {name: array}


code, right, _ = call()
print(f"good: {code}")
code, results, failure = call(**change("z0", [3, 17], 2))
print(f"blows up: {code}, sample {failure.sample}, failed {failure.failed}, state {failure.state}, t {failure.t:.2g}")
others = [n for n in range(samples) if n not in (3, 17)]
print("of the failed one NaN, of the others the same bits:",
      bool(np.isnan(results["z0"][[3, 17]]).all() and (results["z0"][others] == right["z0"][others]).all()))
print(f"loss {results['loss']}, parameters {results['parameters'][0]}")
code, results, failure = call("solve", **change("z0", 3, 2))
print(f"solve alone: {code}, sample {failure.sample}")
for what, value in (("times", [0.5, 0, 1]), ("not a time", [0, float("nan"), 1])):
    code, _, failure = call(**change("t", 1, value))
    print(f"{what}: {code}, sample {failure.sample}")

low, high = 0, call()[2] and library.room
whole = high
while low < high:
    middle = (low + high) // 2
    low, high = (low, middle) if call(room=middle)[0] == "OK" else (middle + 1, high)
steady = all(call(room=room)[0] == "WORKSPACE_TOO_SMALL" for room in range(0, low, max(1, low // 50)))
same = all(call(room=room)[1]["parameters"].tobytes() == right["parameters"].tobytes() for room in (low, low + 100, 2 * whole))
print(f"too small below {low} bytes of {whole}, and OK from there: {steady and same}")

print("integer above:", call(**change("k", 39, 4))[0])
print("not whole:", call(**change("k", 0, 0.5))[0])
print("NaN:", call(**change("k", 20, float("nan")))[0])
print("samples below 0:", call(samples=-1, room=1 << 20)[0])
print("length too small:", call(T=1, room=1 << 20)[0])
print("null input:", call(z0=None)[0])
run = library.code.m_gradient
run.argtypes = [ctypes.c_void_p] * 3 + [ctypes.c_size_t, ctypes.c_void_p]
memory = np.zeros(1 << 16, np.uint8)
given = library.structure("m_inputs", {k: v if isinstance(v, int) else np.array(v, float) for k, v in good.items()})
into = library.structure("m_gradient_results", {k: np.array(v) for k, v in right.items()})
size = library.code.m_gradient_workspace
size.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
print("null inputs, results, workspace:", run(None, ctypes.byref(into), memory.ctypes.data, 1 << 16, None),
      run(ctypes.byref(given), None, memory.ctypes.data, 1 << 16, None), run(ctypes.byref(given), ctypes.byref(into), None, 0, None),
      size(None, 10))
code, results, _ = call(samples=0)
print(f"no samples: {code}, loss {results['loss']}")
