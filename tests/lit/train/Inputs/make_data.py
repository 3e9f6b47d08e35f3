"""Writes damped rotations: make_data.py train.safetensors val.safetensors"""
import json
import math
import random
import struct
import sys


def write(path, arrays):
    header, data = {}, b""
    for name, (shape, values) in arrays.items():
        raw = struct.pack("<%dd" % len(values), *values)
        header[name] = {"dtype": "F64", "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text + data)


def rotations(samples, seed):
    chance = random.Random(seed)
    times = [0.2 * i for i in range(6)]
    y = []
    for _ in range(samples):
        a, b = chance.gauss(0, 1), chance.gauss(0, 1)
        for t in times:
            shrink = math.exp(-0.2 * t)
            y += [shrink * (a * math.cos(2 * t) + b * math.sin(2 * t)),
                  shrink * (b * math.cos(2 * t) - a * math.sin(2 * t))]
    return {"t": ([6], times), "y": ([samples, 6, 2], y)}


write(sys.argv[1], rotations(50, 0))
write(sys.argv[2], rotations(20, 1))
