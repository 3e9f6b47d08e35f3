"""Interrupts a long training run once it has begun, twice, the second time resumed: interrupt.py STEM NODEC …"""
import os
import signal
import subprocess
import sys
import time

stem, command = sys.argv[1], sys.argv[2:]
for number in (signal.SIGINT, signal.SIGTERM):
    log = stem + ".csv"
    rows = os.path.getsize(log) if os.path.exists(log) else 0
    process = subprocess.Popen(
        command + ["--out", stem + ".npz", "--log", log, "--resume", "--checkpoint-seconds", "0.05"],
        stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not (os.path.exists(log) and os.path.getsize(log) > rows + 1000):
        time.sleep(0.01)
    process.send_signal(number)
    said = process.communicate(timeout=300)[1]
    print(number.name, process.returncode if process.returncode >= 0 else "killed")
    print(said, end="")
    assert os.path.getsize(stem + ".npz") > 0
