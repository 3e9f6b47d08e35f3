"""Kills a training run at random moments and resumes it: the weights must be those of a run left alone.

kill_and_resume.py FOLDER NODEC ARGUMENT…
"""
import os
import random
import signal
import subprocess
import sys
import time

folder, command = sys.argv[1], sys.argv[2:]
alone, killed = os.path.join(folder, "alone"), os.path.join(folder, "killed")


def run(stem, *more):
    log = stem + ".csv"
    return command + ["--out", stem + ".npz", "--log", log, "--quiet", *more]


began = time.monotonic()
subprocess.run(run(alone), check=True)
whole = time.monotonic() - began

chance = random.Random()
kills = 0
for attempt in range(6):
    process = subprocess.Popen(run(killed, "--resume", "--checkpoint-seconds", "0.005"))
    try:
        # In the later part of the run, where there is something to lose.
        process.wait(timeout=whole * chance.uniform(0.3, 1.0))
        break
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
subprocess.run(run(killed, "--resume"), check=True)


def contents(stem, ending):
    with open(stem + ending, "rb") as file:
        return file.read()


for ending in (".npz", ".last.npz"):
    if os.path.exists(alone + ending):
        assert contents(alone, ending) == contents(killed, ending), ending + " differs"


def steps(stem):
    """The log without the clock's column."""
    return [line.rsplit(b",", 1)[0] for line in contents(stem, ".csv").split(b"\n")]


assert steps(alone) == steps(killed), "the logs differ"
assert kills > 0, "the run was too short to be killed"
print("the same bits")
