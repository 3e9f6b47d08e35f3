"""A data file that is made shorter while training reads it -> a message and status 1, not a signal.

usage: shrunk_file.py NODEC
"""
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import time

MODEL = """model m {
  data x: real[64]
  param W: real[64] = 0
  loss (sum(W * x) - 1)^2
  train { optimizer = sgd(lr = 1e-3), batch = 16, steps = 100000000 }
}
"""
SAMPLES = 1 << 19  # 128 MiB of zeros, which take no room on the disk

with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    (folder / "m.node").write_text(MODEL)
    data = folder / "x.npy"
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({SAMPLES}, 64), }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    data.write_bytes(b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header)
    os.truncate(data, 10 + len(header) + SAMPLES * 64 * 4)
    log = folder / "log.csv"
    run = subprocess.Popen([sys.argv[1], str(folder / "m.node"), "train", "--data", str(data), "--precision", "f32", "--no-cache",
                            "--out", str(folder / "w.safetensors"), "--log", str(log)], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        while run.poll() is None and not (log.exists() and log.stat().st_size > 200):
            time.sleep(0.01)
        os.truncate(data, 4096)
        err = run.communicate(timeout=300)[1].decode()
    finally:
        run.kill()
    told = "became shorter while it was read" in err
    print(f"status {run.returncode}: {err.strip()[-300:]}")
    sys.exit(0 if run.returncode == 1 and told else 1)
