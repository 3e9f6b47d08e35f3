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


subprocess.run(run(alone), check=True)


def checkpoint():
    """When the last checkpoint was written."""
    try:
        return os.stat(killed + ".checkpoint").st_mtime_ns
    except FileNotFoundError:
        return None


chance = random.Random()
kills = 0
for attempt in range(6):
    before = checkpoint()
    process = subprocess.Popen(run(killed, "--resume", "--checkpoint-seconds", "0.005"))
    # Once there is something to lose, at any moment.
    while process.poll() is None and checkpoint() == before:
        time.sleep(0.001)
    time.sleep(chance.uniform(0, 0.05))
    if process.poll() is not None:
        break
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
