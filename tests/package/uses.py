"""What an installed nodec is tried with, from a prefix that is not the build tree."""
import os
import pathlib
import re
import shutil
import sys
import tempfile

from root import output

SOURCE = pathlib.Path(__file__).parents[2]
LIBRARIES = """\
use nn
use flows
use prob
field flow = concat_squash_flow([2, 4, 2], tanh)
model density {
  data x: real[2]
  layer scale = dense(2, 2)
  let (z, change) = solve flow(z = scale(x)) from 1 to 0 with logdet by rk4(steps = 4)
  loss -(normal_logpdf(z, 0, 1) + change)
}
"""


def expect(text, pattern):
    if not re.search(pattern, text):
        raise SystemExit(f"no {pattern!r} in:\n{text}")


def program(root, built, documents):
    """The program alone: `root.run("nodec", …)` finds it on PATH; `documents` is where its examples lie in the root."""
    home, documents = f"{root.base}/home", root.base + documents

    def nodec(*words, **options):
        return root.run("nodec", *words, **options)

    expect(nodec("--version"), r"^nodec \d+\.\d+\.\d+\n$")
    models = sorted((SOURCE / "examples").rglob("*.node"))
    for model in models:
        expect(nodec(f"{documents}/{model.relative_to(SOURCE)}", "check"), ": ok, ")

    lynx = f"{documents}/examples/lynx_hare"
    data = ["--data", f"{lynx}/pelts.csv", "--columns", "y=hare,lynx"]
    here = ["--data", f"{SOURCE}/examples/lynx_hare/pelts.csv", "--columns", "y=hare,lynx"]
    # The bits of what the build tree gives.
    gradient = nodec(f"{lynx}/model.node", "grad", *data)
    if gradient != output(built, f"{SOURCE}/examples/lynx_hare/model.node", "grad", *here):
        raise SystemExit(f"another gradient than that of the build tree:\n{gradient}")
    trained = nodec(f"{lynx}/model.node", "train", *data, "--steps", "200", "--out", f"{home}/w.safetensors")
    expect(trained, r"\b200\b")
    expect(nodec(f"{lynx}/model.node", "eval", *data, "--weights", f"{home}/w.safetensors"), r"log_rmse")
    expect(nodec(f"{lynx}/model.node", "solve", "ecosystem", "--set", "hare=30", "--set", "lynx=5", "--points", "3"), r"t,hare,lynx\n0,30,5\n0\.5,")
    expect(nodec(f"{lynx}/model.node", "derive"), "ecosystem")
    expect(nodec(f"{lynx}/model.node", "compile"), r"machine code: \d+ bytes")
    # Of what is built in, from a folder without any of it.
    (root.folder / "home" / "density.node").write_text(LIBRARIES)
    expect(nodec(f"{home}/density.node", "check"), ": ok, 1 model")

    expect(nodec("repl", f"{home}/density.node", input="dim n = 3\nsum(linspace(0, 1, n))\n"), r"= 1\.5")

    nodec(f"{lynx}/model.node", "compile", "-o", f"{home}/fit", "--emit=obj,header")
    expect((root.folder / "home" / "fit.h").read_text(), r"\bfit_gradient\b")
    # What other programs do is refused where there are none, by name.
    expect(nodec(f"{lynx}/model.node", "compile", "-o", f"{home}/fit", "--emit=shared", status=1), "needs a linker, and none of cc, .* is found")
    expect(nodec(f"{lynx}/model.node", "plot", "ecosystem", "--set", "hare=30", "--set", "lynx=5", "--out", f"{home}/p.svg", status=1), "gnuplot")
    for shell in ("bash", "zsh", "fish"):
        expect(nodec("completion", shell), r"--complete")
    expect(nodec("--complete", f"{lynx}/model.node", "solve", ""), r"^ecosystem\n$")


def completion(nodec, bash, zsh, fish):
    """The installed scripts, in those shells that are here."""
    for shell, script in (("bash", bash), ("zsh", zsh), ("fish", fish)):
        if shutil.which(shell):
            output("/usr/bin/python3", SOURCE / "tests/completion/shells.py", nodec, shell, script)
        else:
            print(f"{shell} is not here: its completion is skipped")


def library(prefix, build):
    """Programs built against the prefix, by CMake's package and by pkg-config."""
    with tempfile.TemporaryDirectory() as scratch:
        output("cmake", f"-DPREFIX={prefix}", f"-DBUILD={build}", f"-DEXAMPLES={SOURCE}/examples/embed",
               f"-DCOMPILER={os.environ.get('CXX', 'c++')}", "-P", SOURCE / "tests/embed/installed.cmake", cwd=scratch)


def manual(page):
    if shutil.which("man"):
        expect(output("man", "-l", page, env={**os.environ, "MANPAGER": "cat", "MANWIDTH": "80"}), "nodec")


if __name__ == "__main__":
    sys.exit("this is used by archive.py and debian.py")
