"""Text that is wrong on a grand scale -> nodec: a diagnostic in seconds and bounded memory, never a crash.

usage: hostile_text.py NODEC [--size BYTES] [--depth N] [--seconds T] [--sanitized]
"""
import argparse
import pathlib
import random
import resource
import subprocess
import sys
import tempfile

MEMORY = 4 << 30
WORDS = ("field model param state data let solve from to at by with fold scan for in if then else { } ( ) [ ] , ; : = ~ "
         "+ - * / ^ @ ' x y z 1 2.5 1e-3 \"a\" fn dim const return output loss train metric use layer apply").split()


def cases(size, depth):
    """name -> text (bytes or str), and whether `check` accepts it."""
    chance = random.Random(1)
    field = "field f { state z: real; z' = -z }\n"

    def model(text):
        return field + "model m { data x: real; output q = " + text + " }"

    def nested(left, right="", middle="1"):
        return "const a = " + left * depth + middle + right * depth

    yield "random bytes", chance.randbytes(size), False
    yield "random characters in one line", bytes(chance.choices(range(32, 127), k=size)), False
    yield "random words in one line", " ".join(chance.choices(WORDS, k=size // 4)), False
    yield "random words in many lines", " ".join(chance.choices(WORDS + ["\n"] * 10, k=size // 4)), False
    yield "zero bytes", b"\0" * size, False
    yield "one long comment", "#" + "a" * size, True
    yield "one long name", "const b = " + "a" * size + "\nconst " + "a" * size + "b = 1", False
    yield "a string that ends nowhere", 'use "' + "a" * size, False
    yield "many unknown names", "\n".join(f"const a{i} = missing{i}" for i in range(depth // 4)), False
    yield "many declarations", "\n".join(f"const a{i} = {i}" for i in range(depth // 4)), True
    yield "a byte that is not UTF-8", b"const a = 1\nconst b\xff = 2", False
    yield "a byte order mark", b"\xef\xbb\xbfconst a = 1\n", True
    yield "carriage returns", b"field f { state z: real\r\n z' = z }\r\n", True
    yield "UTF-16", "const a = 1".encode("utf-16"), False

    for name, left, right in [("brackets", "[", "]"), ("parentheses", "(", ")"), ("open parentheses", "(", ""),
                              ("ifs", "if 1 < 2 then ", " else 2"), ("else ifs", "if 1 < 2 then 1 else ", ""),
                              ("minuses", "-", ""), ("calls", "exp(", ")"), ("tuples", "(1, ", ")"),
                              ("comprehensions", "[", " for i in 0..1]"), ("sums", "sum(", " for i in 0..1)"),
                              ("folds", "fold h from ", " for i in 0..1 { return h }"),
                              ("bodies of folds", "fold h from 1 for i in 0..1 { return ", " }"),
                              ("pluses", "", "+1"), ("powers", "", "^1"), ("indices", "", "[0]"), ("members", "", ".c"),
                              ("products", "", "@[1,2]"), ("calls of calls", "", "(1)")]:
        yield "nested " + name, nested(left, right), False
    yield "nested blocks", "field f " + "{" * depth, False
    yield "nested solves", field + "model m { output a = " + "solve f(z = " * depth + "1" + ") from 0 to 1" * depth + "}", False
    yield "nested targets", "model m { let " + "(" * depth + "a" + ")" * depth + " = 1 }", False
    yield "a long chain of names", "\n".join(f"const a{i} = a{i + 1}" for i in range(depth // 4)), False
    yield "many primes", "field f { state z: real; z" + "'" * depth + " = 1 }", False
    yield "functions that double", "fn f0(x) = x\n" + "\n".join(f"fn f{i}(x) = f{i - 1}(f{i - 1}(x))" for i in range(1, 60)) + \
        "\nconst a = f59(1)", False
    yield "an array that doubles", model("fold h from [x] for i in 0..40 { return concat(h, h) }"), False
    yield "a function of itself", "fn f(g: fn, x) = g(g, x)\nconst a = f(f, 1)", False
    yield "a layer of itself", "layer l(n: dim) { layer a = l(n - 1); apply(x) = a(x) }\nlayer q = l(5)\n", False

    yield "a number beyond double precision", "const a = 1e999", False
    yield "an integer beyond 64 bits", "dim H = 99999999999999999999", False
    yield "a product of dimensions beyond 64 bits", "dim H = 4611686018427387904\nmodel m { param W: real[H, H] = 0; output q = sum(W) }", False
    yield "a parameter beyond 2^31", "model m { param W: real[100000, 100000] = 0; output q = W[0, 0] }", False
    yield "a range beyond 2^31", model("sum(sin(x * i) for i in 0..1000000000000)"), False
    yield "a choice from a range", "const a = [i for i in 0..2000000000 if i < 5]", False
    yield "an unrolled loop without end", model("fold h from x for i in 0..1000000000000 { return concat(h, x)[0] }"), None
    yield "a device", 'use "/dev/zero"', False


def limit():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("nodec")
    arguments.add_argument("--size", type=int, default=10_000_000)
    arguments.add_argument("--depth", type=int, default=100_000)
    arguments.add_argument("--seconds", type=float, default=20)
    arguments.add_argument("--sanitized", action="store_true", help="no limit of address space")
    options = arguments.parse_args()
    faults = count = 0
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "hostile.node"
        for name, text, accepted in cases(options.size, options.depth):
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
            count += 1
            try:
                done = subprocess.run([options.nodec, "check", str(path)], capture_output=True, timeout=options.seconds,
                                      preexec_fn=None if options.sanitized else limit)
                status, told = done.returncode, b": error: " in done.stderr and b"internal error" not in done.stderr
            except subprocess.TimeoutExpired:
                status, told = "no end", False
            good = status == 0 if accepted else status == 1 and told
            if accepted is None:
                good = status == 0 or (status == 1 and told)
            if not good:
                faults += 1
                print(f"{name}: status {status}")
    print(f"{count} texts, {faults} faults")
    sys.exit(1 if faults else 0)


main()
