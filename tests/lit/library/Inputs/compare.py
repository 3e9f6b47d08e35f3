"""Whether a shared object gives the bits of `nodec eval` and `nodec grad` on the same data.

usage: compare.py NODEC MODEL.node STEM DATA.npz|none [--shared A,B] [options of nodec]
"""
import re
import subprocess
import sys

import numpy as np

from called import Library

nodec, model, stem, data_file, *options = sys.argv[1:]
shared = []
if "--shared" in options:
    at = options.index("--shared")
    shared = options[at + 1].split(",")
    del options[at:at + 2]
data = dict(np.load(data_file)) if data_file != "none" else {}
given = ["--data", data_file] if data else []
subprocess.run([nodec, model, "compile", "-o", stem, "--emit=header,shared", "--quiet", *options] +
               (["--shared", ",".join(shared)] if shared else []), check=True)
library = Library(stem)

members = [name for _, name, _ in library.members(library.name + "_inputs")]
axes = {name: value.shape for name, value in data.items()}
samples = next((value.shape[0] for name, value in data.items() if name not in shared), 1)
inputs = {"samples": samples}
for name in members:
    if name == "parameters":
        inputs[name] = library.weights()
    elif name in data:
        inputs[name] = data[name]
for _, name, comment in library.members(library.name + "_inputs"):
    if name not in data and (comment or "").startswith("length "):
        # From the first array that has it as an axis.
        for _, other, text in library.members(library.name + "_inputs"):
            extents = (text or "").split(",")[0].strip("[]").split("][")
            if name in extents and other in data:
                inputs[name] = int(data[other].shape[extents.index(name)])

compared = 0
for verb, function in (("eval", "solve"), ("grad", "gradient")):
    if f"{library.name}_{function}(" not in library.text:
        continue
    out = f"{stem}.{verb}.npz"
    done = subprocess.run([nodec, model, verb, *given, "--out", out, "--quiet", *options], stderr=subprocess.PIPE, text=True)
    code, results, failure = library.call(function, inputs)
    again = library.call(function, inputs, shift=8)[1]
    expected = {k.removeprefix("param:").removeprefix("data:"): v for k, v in np.load(out).items()}
    if "parameters" in results:
        for path, offset in zip(re.findall(r"_AT_\w+ \d+ /\* (\S+?): ", library.text),
                                re.findall(r"_AT_\w+ (\d+) /\*", library.text)):
            if path in expected:
                size = expected[path].size
                results[path] = results["parameters"][int(offset):int(offset) + size].reshape(expected[path].shape)
                again[path] = again["parameters"][int(offset):int(offset) + size].reshape(expected[path].shape)
    if verb == "eval" and "loss" in expected and "sample_loss" in results:
        expected["sample_loss"] = expected.pop("loss")
    for name, value in expected.items():
        value = np.asarray(value, library.real)
        found = results[name] if name in results else None
        if found is None:
            print(f"{function}: no result {name}")
            continue
        found = np.broadcast_to(found, value.shape) if found.size < value.size else found.reshape(value.shape)
        same = found.tobytes() == value.tobytes() or np.array_equal(found, value, equal_nan=True)
        compared += 1
        if not same:
            print(f"{function}: {name} differs by {np.nanmax(np.abs(found - value))}")
        if results[name].tobytes() != again[name].tobytes():
            print(f"{function}: {name} differs from call to call")
    print(f"{function}: {code}, status {done.returncode}, failed {failure.failed}, first {failure.sample}")
print(f"{compared} arrays compared, {samples} samples")
