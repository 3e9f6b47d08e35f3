"""Formats every `.node` file below some folders, as it stands and with its white space disturbed.

usage: format_all.py NODEC SCRATCH [--canonical FOLDER]... [--times N] FOLDER...

Each result must hold the file's characters but white space and semicolons, its comments in their order, and be
formatted already. Files below a canonical folder must be formatted as they stand. Prints the number of files.
"""
import argparse
import pathlib
import random
import re
import subprocess

arguments = argparse.ArgumentParser()
arguments.add_argument("nodec")
arguments.add_argument("scratch", type=pathlib.Path)
arguments.add_argument("--canonical", action="append", default=[], type=pathlib.Path)
arguments.add_argument("--times", default=1, type=int, help="how often each file is disturbed")
arguments.add_argument("folders", nargs="*", type=pathlib.Path)
arguments = arguments.parse_intermixed_args()
arguments.scratch.mkdir(parents=True, exist_ok=True)

PIECES = re.compile(r'"[^"\r\n]*"|#[^\n]*|\s+|[=<>!]=|.', re.S)


def content(text):
    """The characters of the code, and the comments."""
    pieces = [p for p in PIECES.findall(text.removeprefix("\ufeff")) if not p.isspace()]
    code = "".join(p for p in pieces if not p.startswith("#")).replace(";", "")
    return code, [p.rstrip() for p in pieces if p.startswith("#")]


def disturbed(text, chance):
    """The same program: spaces multiplied or moved, lines pushed to the right, blank lines doubled."""
    out = []
    for piece in PIECES.findall(text):
        if piece.isspace() and "\n" in piece:
            piece = " " * chance.randrange(3) + "\n" * (piece.count("\n") * chance.choice([1, 1, 2]))
            piece += " " * chance.choice([0, 1, 2, 7])
        elif piece.isspace():
            piece = " " * chance.choice([1, 1, 1, 2, 5])
        elif piece in list("=,()[]{}+*~:") and chance.random() < 0.3:
            piece = chance.choice([" ", ""]) + piece if piece in list(",)]}") else piece + chance.choice([" ", ""])
        out.append(piece)
    return "".join(out)


def formatted(text, where):
    path = arguments.scratch / "text.node"
    path.write_text(text)
    done = subprocess.run([arguments.nodec, str(path), "fmt", "--stdout"], capture_output=True, text=True)
    assert done.returncode in (0, 1), f"{where}: {done.stderr}"
    assert "internal error" not in done.stderr, f"{where}: {done.stderr}\n{text}"
    return done.stdout if done.returncode == 0 else None


def verified(text, where):
    result = formatted(text, where)
    if result is None:
        return None
    assert content(result) == content(text), f"{where}: the content has changed\n{result}"
    assert formatted(result, where) == result, f"{where}: formatted again it changes\n{result}"
    assert not re.search(r"[ \t\r]\n|\n\n\n|^\n|\n\n$", result), f"{where}: white space that nobody needs\n{result}"
    return result


done, refused = 0, 0
for folder in arguments.canonical + arguments.folders:
    for path in sorted(folder.rglob("*.node")):
        text = path.read_bytes().decode(errors="surrogateescape")
        if not text.isprintable() and "\udc80" <= max(text) <= "\udcff":
            continue  # no text at all
        result = verified(text, path)
        if result is None:
            refused += 1
            continue
        done += 1
        if folder in arguments.canonical:
            assert result == text, f"{path} is not in the canonical layout"
        chance = random.Random(path.name)
        for _ in range(arguments.times):
            assert verified(disturbed(text, chance), path) is not None, path
assert done > 10 * refused
print(done, "files")
