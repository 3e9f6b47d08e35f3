"""A session at a terminal of its own: keys in, what is on the screen out.

usage: terminal.py NODEC FOLDER
"""
import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time

NODEC, FOLDER = sys.argv[1], sys.argv[2]
PATIENCE = 40  # seconds: the machine may be busy
failures = []


class Session:
    def __init__(self, *arguments):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(FOLDER)
            environment = dict(os.environ, TERM="xterm", XDG_STATE_HOME=f"{FOLDER}/state", HOME=FOLDER, LC_ALL="C")
            os.execve(NODEC, [NODEC, "repl", *arguments], environment)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        self.seen = ""

    def send(self, keys):
        self.seen = ""
        os.write(self.fd, keys.encode())

    def until(self, pattern, what):
        """Reads until the screen's text matches, or the patience ends."""
        end = time.monotonic() + PATIENCE
        while not re.search(pattern, self.seen):
            ready, _, _ = select.select([self.fd], [], [], 0.1)
            if ready:
                try:
                    chunk = os.read(self.fd, 1 << 16)
                except OSError:
                    chunk = b""
                if not chunk:
                    break
                # The text, without where the cursor went.
                self.seen = re.sub(r"\r?\x1b\[\d*[GKC]", "", self.seen + chunk.decode(errors="replace"))
            if time.monotonic() > end:
                break
        good = bool(re.search(pattern, self.seen))
        if not good:
            failures.append(what)
        print(("ok: " if good else "FAILED: ") + what + ("" if good else f": {self.seen!r}"), flush=True)
        return good

    def line(self, text, pattern, what):
        self.send(text + "\n")
        self.until(pattern + r"(?s:.*)nodec> $", what)

    def status(self):
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)


s = Session()
s.until(r"nodec \d.*nodec> $".replace(".*", r"(?s:.*)"), "a greeting and a prompt")
s.line("1 + 1", r"int = 2", "an expression is shown")
s.send("field decay { state z: real\n")
s.until(r"\.\.\.> $", "an open brace asks for more")
s.line("z' = -z }", r"", "the brace is closed")
s.send("sol\t decay(\t")
s.until(r"solve decay\(z = ", "Tab completes a word and a field's state")
s.line("1) from 0 to 0", r"real = 1\s", "the completed line is run")
s.send("solve decay(z = 1) by dop\t")
s.until(r"dop\S*\s", "what several words have in common")
s.send("\t\t")
s.until(r"dop853\s+dopri5", "Tab lists what there is")
s.send("\x03")
s.until(r"\^C\s+nodec> $", "Ctrl-C drops a line")
s.line("let θ = 2", r"θ: int", "letters of other scripts, in any locale")
s.line("3 * θ", r"int = 6", "and their values")
s.line("1 +\n2", r"int = 3", "a line that cannot end goes on")
s.send("(1 +\n")
s.until(r"\.\.\.> $", "an open bracket")
s.send("\x03")
s.until(r"nodec> $", "Ctrl-C drops a statement")

s.send("solve decay(z = 1) from 0 to 1 by rk4(steps = 2000000000)\n")
time.sleep(1)
s.send("\x03")
s.until(r"interrupted\s+nodec> $", "Ctrl-C stops a solve")
s.line("θ", r"int = 2", "and the session is there")
with open(f"{FOLDER}/data.csv", "w") as out:
    out.write("t,v\n0,1\n1,3\n2,5\n")
s.line(":data data.csv", r"v: real\[3\]", "what a data file holds is told")
s.line("model line { data t: real, v: real; param a: real = 0; loss (a * t - v)^2 }", r"", "a model")
s.send(":fit line optimizer = adam(lr = 1e-4), steps = 2000000000\n")
s.until(r"step \d+/2000000000", "progress of a fit")
s.send("\x03")
s.until(r"interrupted; the parameters are those after \d+ steps(?s:.*)nodec> $", "Ctrl-C stops a fit")
s.line(":params", r"line\.a: real = [0-9.e-]+\s*\n(?s:.*)", "whose parameters are kept")
if "(initial)" in s.seen:
    failures.append("the parameters are the initial ones")
s.line(":plot linspace(0, 1, 20)", r"┤", "a picture")
s.send("\x1b[A")
s.until(r":plot linspace", "the last line comes back")
s.send("\x15\x1b[A\x1b[A")
s.until(r":params", "and the one before")
s.send("\x15field de\x1b[A")
s.until(r"field decay \{ state z: real; z' = -z \}", "a statement of two lines is remembered as one")
s.send("\x15\x04")
if s.status() != 0:
    failures.append("Ctrl-D leaves with another status than 0")

s = Session()
s.until(r"nodec> $", "a second session")
s.send("\x1b[A")
s.until(r":plot linspace", "begins with the first one's history")
s.send("\x15:quit\n")
if s.status() != 0:
    failures.append(":quit leaves with another status than 0")
mode = os.stat(f"{FOLDER}/state/nodec/history").st_mode & 0o777
if mode != 0o600:
    failures.append(f"the history is {mode:o}")
print(f"{len(failures)} failed")
sys.exit(1 if failures else 0)
