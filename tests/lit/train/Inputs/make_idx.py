"""Writes small IDX files, whole and damaged, into a folder."""
import gzip
import os
import struct
import sys


def idx(shape, values):
    return struct.pack(">BBBB", 0, 0, 8, len(shape)) + struct.pack(">%dI" % len(shape), *shape) + bytes(values)


def write(name, data):
    with open(os.path.join(sys.argv[1], name), "wb") as file:
        file.write(data)


images = idx([2, 2, 3], list(range(6)) + [250, 251, 252, 253, 254, 255])
write("images.gz", gzip.compress(images))
write("cut.gz", gzip.compress(images)[:30])
write("labels", idx([2], [7, 9]))
write("bad", idx([2], [7, 10]))
write("short", b"\0\0\x08\x01\0")
