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
import time

MEMORY = 4 << 30
LITTLE_MEMORY = 512 << 20  # for texts of a few thousand bytes
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


def expanding():
    """name -> text of a few thousand bytes that asks for much more: refused by a count of work, in little memory."""
    field = "field f { state z: real; z' = -z }\n"

    def model(text, before=""):
        return field + "model m { data x: real, y: real[8]; " + before + "output q = " + text + " }"

    def chain(first, step, count):
        return first + "\n" + "\n".join(step.format(i=i, j=i - 1) for i in range(1, count)) + "\n"

    yield "nested grads", model("grad(" * 40 + "exp(x) * x" + ", x)" * 40)
    yield "nested grads of a network", model("grad(" * 40 + "sum(tanh(W @ (W @ y * x) * x))" + ", x)" * 40, "param W: real[8, 8] = 0; ")
    yield "nested jacobians", model("jacobian(" * 12 + "tanh(y * sum(y))" + ", y)" * 12)
    yield "nested products with a Jacobian", model("jvp(" * 40 + "tanh(y * sum(y))" + ", y, y)" * 40)
    yield "functions that differentiate", chain("fn f0(x: real) = sin(x) * x", "fn f{i}(x: real) = grad(f{j}(x), x) * f{j}(x)", 40) + \
        "model m { data x: real; output q = f39(x) }"
    yield "functions that double", chain("fn f0(x) = x * x", "fn f{i}(x) = f{j}(f{j}(x) + {i})", 60) + "model m { data x: real; output q = f59(x) }"
    yield "a function of many calls", chain("fn f0(x) = x", "fn f{i}(x) = " + " + ".join(["f{j}(x + {i})"] * 30), 20) + "model m { data x: real; output q = f19(x) }"
    doubling = chain("layer l0(n: dim) { param W: real[n] = 0; apply(x) = W * x }",
                     "layer l{i}(n: dim) {{ layer a = l{j}(n); layer b = l{j}(n); apply(x) = a(b(x)) }}", 40)
    yield "layers that double", doubling + "layer all = l39(2)\nmodel m { data x: real[2]; output q = all(x) }"
    yield "layers that double, in a field", doubling + "field g { state z: real[2]; layer all = l39(2); z' = all(z) }\n"
    yield "fields that double", chain("field g0(n: dim) { state z: real[n]; param W: real[n] = 0; z' = W * z }",
                                      "field g{i}(n: dim) {{ state z: real[n]; field a = g{j}(n); field b = g{j}(n); z' = a(z = z) + b(z = z) }}", 40) + \
        "field all = g39(2)\n"
    yield "very many instances", "layer l(n: dim) { param W: real[n] = 0; apply(x) = W * x }\nlayer all[k] = l(2) for k in 0..100000000\n"
    yield "very many instances of many", "layer l(n: dim) { param W: real[n] = 0; apply(x) = W * x }\n" \
        "layer m(n: dim) { layer a[k] = l(n) for k in 0..1000; apply(x) = a[0](x) }\nlayer all[k] = m(2) for k in 0..1000\n"
    yield "an unrolled loop", model("fold h from [x] for i in 0..3000 { return concat(h, [x]) }")
    yield "unrolled loops in each other", model("sum(fold h from [x] for i in 0..1000 { return concat(h, fold k from [x] for j in 0..1000 { return concat(k, h) }) })")
    yield "choices from long ranges", "\n".join(f"const a{i} = [j for j in 0..1000000 if j > {i}]" for i in range(100))
    yield "long tables", "\n".join(f"const a{i} = sum([j * {i} for j in 0..1000000 if j % 2 == 0])" for i in range(100))
    yield "long lists of times", field + "model m { " + "\n".join(
        f"output q{i} = solve f(z = 1) at linspace(0, {i + 1}, 1000000)" for i in range(40)) + " }"
    yield "a long sum", model(" + ".join(f"sin(x * {i})" for i in range(1000)))
    yield "a large stack", model("[[[[sin(x * i * j * k * l) for i in 0..200] for j in 0..200] for k in 0..200] for l in 0..200]")
    yield "many large products", model("sum(" + " @ ".join(["ones(10000, 10000)"] * 100) + ")")


def limit():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def limit_to_little():
    resource.setrlimit(resource.RLIMIT_DATA, (LITTLE_MEMORY, LITTLE_MEMORY))
    limit()


def run(words, seconds, limits):
    """The exit status, or what went wrong, and what was said."""
    try:
        done = subprocess.run(words, capture_output=True, timeout=seconds, preexec_fn=limits)
    except subprocess.TimeoutExpired:
        return "no end", b""
    err = done.stderr
    if b"internal error" in err or b"not enough memory" in err or (done.returncode == 1 and b"error: " not in err):
        return err[:300], err
    return done.returncode, err


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("nodec")
    arguments.add_argument("--size", type=int, default=10_000_000)
    arguments.add_argument("--depth", type=int, default=100_000)
    arguments.add_argument("--seconds", type=float, default=120)
    arguments.add_argument("--sanitized", action="store_true", help="no limit of address space")
    arguments.add_argument("--only", default="", help="texts with this in their name, and their times")
    options = arguments.parse_args()
    faults = count = 0

    def take(name, text, verbs, good, limits):
        nonlocal faults, count
        if options.only not in name:
            return
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        count += 1
        for verb in verbs:
            start = time.monotonic()
            status, err = run([options.nodec, verb, str(path), "--no-cache"], options.seconds, None if options.sanitized else limits)
            if options.only:
                print(f"{name}: {verb}: status {status}, {time.monotonic() - start:.1f} s, {err[:150]}")
            if status not in good:
                faults += 1
                print(f"{name}: {verb}: status {status}")
                break
            if status != 0:
                break

    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "hostile.node"
        for name, text, accepted in cases(options.size, options.depth):
            take(name, text, ["check"], (0, 1) if accepted is None else (0,) if accepted else (1,), limit)
        for name, text in expanding():
            take(name, text, ["check"] if options.sanitized else ["check", "compile"], (0, 1), limit_to_little)
    print(f"{count} texts, {faults} faults")
    sys.exit(1 if faults else 0)


main()
