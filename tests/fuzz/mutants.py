"""Models and random mutants of them -> nodec: every mutant is either refused by a diagnostic or does what it says.

usage: mutants.py NODEC FOLDER... [--count N] [--seed S] [--seconds T] [--keep FOLDER]

A mutant deletes, repeats, swaps or replaces a few tokens of a model that is right. `check` must end within T seconds
with status 0 or 1; where it ends with 0, so must `derive` and `compile`, and `eval` and `grad` on random data of three samples with
0, 1 or 3. Anything else is a fault: it is named, and kept in the folder given by --keep.
"""
import argparse
import json
import math
import pathlib
import random
import re
import resource
import struct
import subprocess
import sys
import tempfile
import zipfile

TOKEN = re.compile(r"#[^\n]*|\"[^\"\n]*\"|[^\W\d]\w*|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\.\.|//|[<>=!]=|\n|[^\S\n]+|.", re.S)
WORDS = ("0 1 2 -1 3 1e300 1000000 inf pi t T z y x ( ) [ ] { } , ; = : ' ^ @ + - * / // % .. . ~ "
         "if then else for in sum mean fold from to at by solve with logdet adjoint checkpoint backsolve let return "
         "grad div jacobian concat reshape softmax max exp log where real int dim param data state input "
         "observed conv2d euler tsit5 rk4(steps=3) dopri5(rtol=1e-3) _ not and or").split()
OPERATORS = "+ - * / // % @ ^ < > <= >= == !=".split()
NUMBERS = "0 1 2 3 5 -1 0.5 1e-3 1e300 1e-300 1000000 inf".split()
MEMORY = 6 << 30


def kind_of(token):
    return ("number" if token[0].isdigit() else "operator" if token in OPERATORS else
            "name" if token[0].isalpha() or token[0] == "_" else "mark")


def mutate(text, others, chance):
    tokens = TOKEN.findall(text)
    for _ in range(chance.choice([1, 1, 1, 2, 2, 3, 5])):
        solid = [i for i, token in enumerate(tokens) if token.strip() and not token.startswith("#")]
        if len(solid) < 2:
            break
        i, j = chance.choice(solid), chance.choice(solid)
        like = [k for k in solid if kind_of(tokens[k]) == kind_of(tokens[i]) != "mark"]
        change = chance.randrange(20)
        if change < 12:  # like for like: much of it is still a model
            if kind_of(tokens[i]) == "number":
                tokens[i] = chance.choice(NUMBERS)
            elif kind_of(tokens[i]) == "operator":
                tokens[i] = chance.choice(OPERATORS)
            elif like:
                tokens[i] = tokens[chance.choice(like)]
        elif change == 12:
            del tokens[i]
        elif change == 13:
            tokens.insert(i, tokens[i])
        elif change == 14:
            tokens[i], tokens[j] = tokens[j], tokens[i]
        elif change == 15:
            tokens[i] = tokens[j]
        elif change == 16:
            tokens[i] = chance.choice(WORDS)
        elif change == 17:
            tokens.insert(i, " " + chance.choice(WORDS) + " ")
        elif change == 18:  # a statement again, or none
            lines = "".join(tokens).split("\n")
            line = chance.randrange(len(lines))
            lines[line:line + 1] = chance.choice([[], [lines[line]] * 2])
            tokens = TOKEN.findall("\n".join(lines))
        else:
            donor = TOKEN.findall(chance.choice(others))
            start = chance.randrange(len(donor))
            tokens[i:i] = donor[start:start + chance.randrange(1, 12)]
    return "".join(tokens)


def write_data(path, description, chance):
    """Random data of three samples for what `compile --json` says of a model's data; lengths are 4."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, kind in description.items():
            axes = re.search(r"\[(.*)\]", kind)
            shape = [3] + [int(axis) if axis.strip().isdigit() else 4 for axis in axes.group(1).split(",")] if axes else [3]
            size = math.prod(shape)
            values = sorted(chance.uniform(0, 3) for _ in range(size))
            if kind.startswith("int"):
                values = [float(int(value)) for value in values]
            header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {tuple(shape)}, }}".encode()
            header += b" " * (-(len(header) + 11) % 64) + b"\n"
            archive.writestr(name + ".npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header +
                             struct.pack(f"<{size}d", *values))


def limit():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run(command, seconds, sanitized):
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds,
                              preexec_fn=None if sanitized else limit)
    except subprocess.TimeoutExpired:
        return None, "", ""
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("nodec")
    arguments.add_argument("folders", nargs="+", type=pathlib.Path)
    arguments.add_argument("--count", type=int, default=200)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--seconds", type=float, default=120)
    arguments.add_argument("--keep", type=pathlib.Path)
    arguments.add_argument("--sanitized", action="store_true", help="no limit of address space")
    options = arguments.parse_args()

    texts = {}
    for file in sorted(file for folder in options.folders for file in folder.rglob("*.node")):
        if run([options.nodec, str(file), "check"], options.seconds, options.sanitized)[0] == 0:
            lines = file.read_text("utf-8", "replace").split("\n")
            texts[str(file)] = "\n".join(
                line for line in lines if not line.startswith("#"))
    names, donors = list(texts), list(texts.values())
    chance = random.Random(options.seed)
    faults, outcomes = [], {}
    with tempfile.TemporaryDirectory() as folder:
        path, data = pathlib.Path(folder) / "mutant.node", pathlib.Path(folder) / "data.npz"
        for number in range(options.count):
            origin = chance.choice(names)
            path.write_text(mutate(texts[origin], donors, chance), "utf-8")
            common = ["--data", str(data), "--threads", "1"]
            for words, allowed in [(["check"], (0, 1)), (["derive"], (0, 1)), (["compile", "--json"], (0, 1)),
                                   (["eval", "--out", folder + "/out.npz"] + common, (0, 1, 3)),
                                   (["grad", "--out", folder + "/out.npz"] + common, (0, 1, 3))]:
                status, out, err = run([options.nodec, str(path)] + words, options.seconds, options.sanitized)
                key = f"{words[0]}: {'no end' if status is None else status}"
                outcomes[key] = outcomes.get(key, 0) + 1
                if status not in allowed or "internal error" in err or (status == 1 and "error: " not in err):
                    faults.append(f"mutant {number} of {origin}: {key}: {err.strip()[:300]}")
                    if options.keep:
                        options.keep.mkdir(parents=True, exist_ok=True)
                        (options.keep / f"{options.seed}-{number}-{words[0]}.node").write_bytes(path.read_bytes())
                    break
                if status != 0 and words[0] not in ("derive", "eval"):
                    break
                if words[0] == "compile":
                    write_data(data, json.loads(out)["data"], chance)
    for fault in faults:
        print(fault)
    print(json.dumps(outcomes, sort_keys=True))
    print(f"{options.count} mutants, {len(faults)} faults")
    sys.exit(1 if faults else 0)


main()
