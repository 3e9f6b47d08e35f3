"""A release archive -> whether it runs where there is glibc 2.36 and nothing else, from any folder.

usage: archive.py ARCHIVE BUILD
"""
import os
import pathlib
import re
import shutil
import sys
import tempfile

import uses
from root import GLIBC, Root, output

GLIBC_AT_MOST, LIBSTDCXX_AT_MOST = (2, 36), (3, 4, 30)
OF_THE_SYSTEM = {"libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2"}
OF_CXX_PROGRAMS = {"libstdc++.so.6", "libgcc_s.so.1"}


def check_object(file, prefix):
    """What the loader will look for."""
    headers, symbols = output("objdump", "-p", file), output("objdump", "-T", file)
    needed = set(re.findall(r"^\s+NEEDED\s+(\S+)", headers, re.M))
    allowed = set(OF_THE_SYSTEM)
    if file.parent != prefix / "bin":
        allowed |= OF_CXX_PROGRAMS | {own.name for own in (prefix / "lib" / "nodec").glob("*")}
    problems = [f"needs {name}" for name in needed - allowed]
    for name, most in (("GLIBC", GLIBC_AT_MOST), ("GLIBCXX", LIBSTDCXX_AT_MOST)):
        versions = {tuple(map(int, v.split("."))) for v in re.findall(rf"\b{name}_([\d.]+)\b", headers + symbols)}
        if versions and max(versions) > most:
            problems.append(f"needs {name}_{'.'.join(map(str, max(versions)))}")
    problems += [f"looks in {path}" for path in re.findall(r"^\s+(?:RUNPATH|RPATH)\s+(\S+)", headers, re.M) if not path.startswith("$ORIGIN")]
    return [f"{file.relative_to(prefix)} {problem}" for problem in sorted(problems)]


def main():
    archive, build = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    built = f"{build}/nodec"
    with tempfile.TemporaryDirectory() as scratch:
        root = Root(f"{scratch}/root")
        # Unpacked in one place and moved to another, whose name has a space.
        first, prefix = root.folder / "opt", root.folder / "opt" / "moved here"
        first.mkdir()
        output("tar", "-xf", archive, "-C", first)
        (top,) = first.iterdir()
        top.rename(prefix)

        objects = [f for f in prefix.rglob("*") if f.is_file() and not f.is_symlink() and f.open("rb").read(4) == b"\x7fELF"]
        if prefix / "bin/nodec" not in objects or (prefix / "lib/libnodec.so").resolve() not in objects:
            raise SystemExit(f"program and library are expected, not {objects}")
        problems = [p for file in objects for p in check_object(file, prefix)]
        for file in prefix.rglob("*"):
            if file.is_file() and build.encode() in file.read_bytes():
                problems.append(f"{file.relative_to(prefix)} names the build tree")
        # Code of the build is for every x86-64; what is compiled for this processor is compiled when it runs.
        commands = pathlib.Path(build, "compile_commands.json").read_text()
        problems += [f"compiled with {flag}" for flag in set(re.findall(r"\s(-m(?:arch|cpu|avx|fma|sse)\S*)", commands))]
        if problems:
            raise SystemExit("\n".join(problems))

        # By a link on PATH.
        (root.folder / "usr/bin/nodec").symlink_to("/opt/moved here/bin/nodec")
        root.bring_libraries(prefix / "bin/nodec", GLIBC)
        uses.program(root, built, "/opt/moved here/share/doc/nodec")
        share = prefix / "share"
        uses.manual(share / "man/man1/nodec.1")
        uses.completion(prefix / "bin/nodec", share / "bash-completion/completions/nodec",
                        share / "zsh/site-functions/_nodec", share / "fish/vendor_completions.d/nodec.fish")

        # A program that embeds the library, where the libraries of C++ programs are, and none else.
        uses.library(prefix, build)
        example = f"{scratch}/short"
        output("c++", "-std=c++20", "-O1", f"-I{prefix}/include", "-I/usr/include/eigen3", uses.SOURCE / "examples/embed/short.cpp",
               f"-L{prefix}/lib", "-lnodec", f"-Wl,-rpath,{prefix}/lib", "-o", example)
        root.bring_libraries(example, GLIBC + ("libstdc++", "libgcc_s"))
        shutil.copy(example, root.folder / "usr/bin/short")
        shutil.copy(uses.SOURCE / "examples/embed/oscillator.node", root.folder / "home")
        root.run("short", "/home/oscillator.node", LD_LIBRARY_PATH="/opt/moved here/lib")
    print(f"{os.path.basename(archive)} {os.stat(archive).st_size / 1e6:.1f} MB: runs where there is glibc alone")


main()
