"""Writes an .npz of one array, three numbers, one of whose bytes has changed."""
import struct
import sys
import zipfile

header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }"
header += b" " * (-(len(header) + 11) % 64) + b"\n"
values = struct.pack("<3d", 1, 2, 3)
with zipfile.ZipFile(sys.argv[1], "w") as archive:
    archive.writestr("x.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + values)
with open(sys.argv[1], "rb") as file:
    text = file.read()
with open(sys.argv[1], "wb") as file:
    file.write(text.replace(values, struct.pack("<3d", 1, 2, 4)))
