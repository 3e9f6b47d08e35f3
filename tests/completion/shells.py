"""A shell with nodec's completion, driven through a terminal -> what TAB fills in and lists.

usage: shells.py NODEC SHELL [SCRIPT]: the script of an installed nodec is left for the shell to find, where it looks for
such; without it, what nodec prints is read
"""
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

MODEL = """\
dim H = 3
field decay {
  state z: real
  input strength: real
  z' = -strength * z
}
field growth { state w: real; w' = w }
model first_fit {
  data t: real[1], y: real[1]
  let z = solve decay(z = 1, strength = 1) at t by rk4(steps = 4)
  loss mean((z - y)^2)
}
model second_fit {
  data t: real[1], y: real[1]
  let w = solve growth(w = 1) at t by rk4(steps = 4)
  loss mean((w - y)^2)
}
"""

# What is typed before TAB, and the words that the line has then.
FILLED = [
    (r"nodec deca", ["nodec", "decay.node"]),
    (r"nodec decay.node tra", ["nodec", "decay.node", "train"]),
    (r"nodec grad dec", ["nodec", "grad", "decay.node"]),
    (r"nodec decay.node compile --time", ["nodec", "decay.node", "compile", "--time-passes"]),
    (r"nodec decay.node compile --emit gr", ["nodec", "decay.node", "compile", "--emit", "graph"]),
    (r"nodec decay.node compile --emit=gr", ["nodec", "decay.node", "compile", "--emit=graph"]),
    (r"nodec decay.node compile --emit-after sch", ["nodec", "decay.node", "compile", "--emit-after", "schedule"]),
    (r"nodec decay.node eval --precision f6", ["nodec", "decay.node", "eval", "--precision", "f64"]),
    (r"nodec decay.node eval --target c", ["nodec", "decay.node", "eval", "--target", "cpu"]),
    (r"nodec decay.node eval --method dopr", ["nodec", "decay.node", "eval", "--method", "dopri5"]),
    (r"nodec decay.node compile --emit=obj,hea", ["nodec", "decay.node", "compile", "--emit=obj,header"]),
    (r"nodec decay.node compile --emit obj --cpu x86-64-v4", ["nodec", "decay.node", "compile", "--emit", "obj", "--cpu", "x86-64-v4"]),
    (r"nodec decay.node solve gr", ["nodec", "decay.node", "solve", "growth"]),
    (r"nodec solve decay.node gr", ["nodec", "solve", "decay.node", "growth"]),
    (r"nodec decay.node eval --model sec", ["nodec", "decay.node", "eval", "--model", "second_fit"]),
    (r"nodec decay.node eval --model=sec", ["nodec", "decay.node", "eval", "--model=second_fit"]),
    (r"nodec decay.node train --model first_fit,sec", ["nodec", "decay.node", "train", "--model", "first_fit,second_fit"]),
    (r"nodec decay.node solve decay --set str", ["nodec", "decay.node", "solve", "decay", "--set", "strength="]),
    (r"nodec decay.node eval -D H", ["nodec", "decay.node", "eval", "-D", "H="]),
    (r"nodec decay.node train --data pel", ["nodec", "decay.node", "train", "--data", "pelts.csv"]),
    (r"nodec decay.node train --data=pel", ["nodec", "decay.node", "train", "--data=pelts.csv"]),
    (r"nodec decay.node train --data t=pel", ["nodec", "decay.node", "train", "--data", "t=pelts.csv"]),
    (r"nodec decay.node train --data t=a.npy,y=pel", ["nodec", "decay.node", "train", "--data", "t=a.npy,y=pelts.csv"]),
    (r"nodec decay.node train --data wit", ["nodec", "decay.node", "train", "--data", "with space.csv"]),
    (r"nodec odd", ["nodec", "odd name.node"]),
    (r"nodec odd\ name.node solve ro", ["nodec", "odd name.node", "solve", "rotation"]),
    (r"nodec 'odd name.node' solve ro", ["nodec", "odd name.node", "solve", "rotation"]),
    (r"nodec ~/hom", ["nodec", "HOME/home.node"]),
    (r"nodec ~/home.node solve de", ["nodec", "HOME/home.node", "solve", "decay"]),
    (r"nodec completion fi", ["nodec", "completion", "fish"]),
    (r"nodec --vers", ["nodec", "--version"]),
    # A file whose ending tells nothing, where no other is.
    (r"nodec decay.node train --data ima", ["nodec", "decay.node", "train", "--data", "images-ubyte.gz"]),
    # What no option of the verb is, and what names nothing.
    (r"nodec decay.node check --lear", ["nodec", "decay.node", "check", "--lear"]),
    # A file that parses has names, whatever it means; one that does not has none.
    (r"nodec wrong.node solve de", ["nodec", "wrong.node", "solve", "decay"]),
    (r"nodec broken.node solve de", ["nodec", "broken.node", "solve", "de"]),
    (r"nodec absent.node solve de", ["nodec", "absent.node", "solve", "de"]),
    # A hostile name is never run.
    (r"nodec '$(touch ran).node' solve de", ["nodec", "$(touch ran).node", "solve", "de"]),
]

# What TAB lists, with what it means.
LISTED = [
    ("nodec decay.node g", [r"grad\b.*the loss and its gradient", r"gradcheck\b.*compare every gradient"]),
    ("nodec decay.node train --val", [r"--val\b.*validation data", r"--val-interval\b.*steps between"]),
    ("nodec decay.node solve ", [r"\bdecay\b", r"\bgrowth\b"]),
]

LOADER_OF_BASH = "/usr/share/bash-completion/bash_completion"

START = {
    "bash": ["--norc", "--noprofile", "-i"],
    "zsh": ["-f", "-i"],
    "fish": ["--no-config", "-i"],
}


class Terminal:
    def __init__(self, shell, folder, environment):
        self.process, self.side = pty.fork()
        if self.process == 0:
            os.chdir(folder)
            os.execvpe(shell, [shell, *START[shell]], environment)
        self.text = ""

    def read(self, pattern, seconds=30):
        """What comes up to a match."""
        end = time.monotonic() + seconds
        while True:
            found = re.search(pattern, self.text, re.S)
            if found:
                before, self.text = self.text[:found.end()], self.text[found.end():]
                return before
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.side], [], [], left)[0]:
                raise AssertionError(f"no {pattern!r} in {self.text!r}")
            chunk = os.read(self.side, 65536).decode("utf-8", "replace")
            self.text += re.sub(r"\x1b(\[[0-9;?>=]*[A-Za-z]|[()][A-Z0-9]|\].*?(\x07|\x1b\\)|[=>])", "", chunk)

    def quiet(self, seconds=0.3):
        """What comes until nothing does for so long."""
        while select.select([self.side], [], [], seconds)[0]:
            chunk = os.read(self.side, 65536).decode("utf-8", "replace")
            self.text += re.sub(r"\x1b(\[[0-9;?>=]*[A-Za-z]|[()][A-Z0-9]|\].*?(\x07|\x1b\\)|[=>])", "", chunk)
        text, self.text = self.text, ""
        return text

    def type(self, text):
        os.write(self.side, text.encode())


def main():
    nodec, shell = os.path.abspath(sys.argv[1]), sys.argv[2]
    if not shutil.which(shell):
        print(f"{shell} is not here: skipped")
        return 77
    with tempfile.TemporaryDirectory() as scratch:
        folder, home = pathlib.Path(scratch) / "work", pathlib.Path(scratch) / "home"
        for f in (folder, home, folder / "bin"):
            f.mkdir()
        (folder / "bin" / "nodec").symlink_to(nodec)
        for name in ("decay.node", "../home/home.node"):
            (folder / name).write_text(MODEL)
        (folder / "odd name.node").write_text(MODEL.replace("growth", "rotation"))
        (folder / "wrong.node").write_text(MODEL.replace("-strength", "nothing"))
        (folder / "broken.node").write_text("field decay {")
        for name in ("pelts.csv", "pelts.txt", "with space.csv", "decay.txt", "a.npy", "images-ubyte.gz"):
            (folder / name).write_text("")
        installed = len(sys.argv) > 3
        if installed:
            script = os.path.abspath(sys.argv[3])
        else:
            script = str(folder / "bin" / f"{shell}-script")
            pathlib.Path(script).write_bytes(subprocess.run([nodec, "completion", shell], check=True, capture_output=True).stdout)
        environment = {**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}", "HOME": str(home), "TERM": "xterm",
                       "LC_ALL": "C.UTF-8", "HISTFILE": "", "COLUMNS": "120", "PS1": "ready> ", "XDG_DATA_HOME": str(home),
                       "XDG_CONFIG_HOME": str(home)}
        if installed:
            environment["XDG_DATA_DIRS"] = str(pathlib.Path(script).parents[2])
        failures = check(shell, str(folder), script, installed, environment, str(home))
        if (folder / "ran").exists():
            failures.append("a name was run")
        print(*failures, f"{shell}: {len(FILLED) + len(LISTED)} lines, {len(failures)} failures", sep="\n")
        return 1 if failures else 0


def check(shell, folder, script, installed, environment, home):
    terminal = Terminal(shell, folder, environment)
    ready = "echo re''ady-$((40 + 2))\r" if shell != "fish" else "echo re''ady-(math 40 + 2)\r"
    terminal.type("stty rows 50 cols 150\r")
    read = f"source '{script}'\r"
    if shell == "bash" and installed and os.path.exists(LOADER_OF_BASH):
        read = f"source {LOADER_OF_BASH}\r"
    if shell == "zsh":
        # Installed functions are found by their folder.
        folders = f"fpath=('{pathlib.Path(script).parent}' $fpath); " if installed else ""
        terminal.type(f"PROMPT='> '; {folders}autoload -Uz compinit; compinit -u -D; LISTMAX=0\r")
        read = "" if installed else read
    if shell == "fish":
        terminal.type("function fish_prompt; echo '> '; end; set -g fish_autosuggestion_enabled 0\r")
    terminal.type(read + ready)
    terminal.read("ready-42")
    failures = []
    for typed, words in FILLED:
        words = [w.replace("HOME", home) for w in words]
        terminal.quiet(0.02)
        terminal.type(typed + "\t")
        terminal.quiet(0.03)
        # The line becomes the arguments of a command that shows them.
        terminal.type("\x01printf '<%s>' st''art \x05 end\r")
        shown = terminal.read("<start>.*<end>")
        shown = re.findall(r"<(.*?)>", shown[shown.index("<start>"):], re.S)[1:-1]
        if shown != words:
            failures.append(f"{typed!r}: {shown} instead of {words}")
    for typed, patterns in LISTED:
        terminal.quiet(0.02)
        terminal.type(typed)
        shown = terminal.quiet(0.1)
        for _ in range(10):
            terminal.type("\t")
            shown += terminal.quiet(0.3)
            if all(re.search(pattern, shown) for pattern in patterns):
                break
        # A list that is open takes the first of these to itself.
        for _ in range(3):
            terminal.type("\x03")
            terminal.quiet(0.1)
        for pattern in patterns:
            if not re.search(pattern, shown):
                failures.append(f"{typed!r}: no {pattern!r} in {shown!r}")
    terminal.type("\x03exit\r")
    return failures


sys.exit(main())
