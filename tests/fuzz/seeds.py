"""The repository's programs, and small files of data made here -> a corpus to begin with, a folder a target.

usage: seeds.py FOLDER
"""
import gzip
import io
import json
import pathlib
import struct
import sys
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
LONGEST_TEXT = 700  # of a program: mutations of long ones are slow and seldom reach far


def programs():
    for folder in ("examples", "stdlib", "tests/lit"):
        for file in sorted((ROOT / folder).rglob("*.node")):
            data = file.read_bytes()
            if len(data) <= LONGEST_TEXT:
                yield "-".join(file.relative_to(ROOT).parts), data


def npy(descr, shape, data, order=False, version=1):
    header = f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}".encode()
    width = 2 if version == 1 else 4
    header += b" " * (-(len(header) + 9 + width) % 64) + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + len(header).to_bytes(width, "little") + header + data


def npz(arrays, method):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in arrays.items():
            archive.writestr(zipfile.ZipInfo(name + ".npy"), data, method)
    return out.getvalue()


def safetensors(arrays, **extra):
    """name -> (type, shape, bytes); `extra` are entries of the header as they are."""
    header, data = dict(extra), b""
    for name, (kind, shape, content) in arrays.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def idx(code, shape, data):
    return bytes([0, 0, code, len(shape)]) + b"".join(struct.pack(">I", n) for n in shape) + data


def reals(*values):
    return struct.pack(f"<{len(values)}d", *values)


ELEMENTS = {"<f2": 2, "<f4": 4, "<f8": 8, "|i1": 1, "<i2": 2, "<i4": 4, "<i8": 8, "|u1": 1, "<u2": 2, "<u4": 4, "<u8": 8,
            "|b1": 1, ">f4": 4, ">f8": 8, ">i4": 4}
ARRAYS = {
    "t": npy("<f8", (4,), reals(0, 1, 2, 3)),
    "y": npy("<f8", (4, 2), reals(*range(8))),
    "k": npy("<i8", (4,), struct.pack("<4q", 0, 1, 2, 3)),
    "A": npy("<f4", (2, 2), struct.pack("<4f", 1, 2, 3, 4), order=True),
    "x": npy(">f8", (4, 5), struct.pack(">20d", *range(20))),
    "T": npy("<i4", (4,), struct.pack("<4i", 4, 3, 2, 1)),
    "empty": npy("<f8", (0, 3), b""),
    "scalar": npy("<f8", (), reals(5)),
}
TENSORS = {"t": ("F64", [4], reals(0, 1, 2, 3)), "y": ("F64", [4, 2], reals(*range(8))), "k": ("I64", [], bytes(8)),
           "A": ("F32", [2, 2], bytes(16)), "x": ("F16", [3], bytes(6)), "h": ("BF16", [2], b"\x80\x3f\xc0\x7f"),
           "b": ("BOOL", [3], b"\0\1\2"), "e": ("U8", [0], b"")}
WEIGHTS = {"W": ("F64", [2, 2], reals(1, 2, 3, 4)), "flow.net.hidden.0.b": ("F32", [2], bytes(8)),
           "α": ("F64", [], reals(0.5)), "empty": ("F64", [0], b"")}
TRAITS = json.dumps([["the seed", "7", False], ["the training data", "0123456789abcdef", True]]).encode()


def seeds():
    for name, data in programs():
        for target in ("parse", "format", "elaborate"):
            yield target, name, data
    for kind, width in ELEMENTS.items():
        for order in (False, True):
            yield "npy", f"{kind[1:]}-{order}-{ord(kind[0])}", npy(kind, (2, 3), bytes(range(6 * width)), order)
    for version in (2, 3):
        yield "npy", f"version-{version}", npy("<f8", (2,), reals(1, 2), version=version)
    for name, data in ARRAYS.items():
        yield "npy", name, data
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        yield "npz", f"all-{method}", npz(ARRAYS, method)
        for name, data in ARRAYS.items():
            yield "npz", f"{name}-{method}", npz({name: data}, method)
    yield "npz", "none", npz({}, zipfile.ZIP_STORED)
    for name, content in TENSORS.items():
        yield "safetensors", name, safetensors({name: content})
    yield "safetensors", "all", safetensors(TENSORS, __metadata__={"format": "pt"})
    yield "csv", "plain", b"t,y[0],y[1],k\n0,1,2,0\n1,2.5e-3,,1\n2,nan,inf,-3\n"
    yield "csv", "series", b"series,t,\"y[0]\",\"y[1]\"\r\na,0,1,2\r\na,1,2,3\r\n\"b \"\"c\",0,1,2\r\n"
    yield "csv", "columns", b"t=a,y=b,c\na,b,c\n1,2,3\n"
    yield "csv", "matrix", b"\xef\xbb\xbfA[0; 0],A[0, 1],\"A[0, 0]\",\"A[1, 0]\",\"A[1, 1]\"\n1,2,3,4,5\n"
    for code, width in {8: 1, 9: 1, 11: 2, 12: 4, 13: 4, 14: 8}.items():
        plain = idx(code, (2, 3), bytes(range(6 * width)))
        yield "idx", f"plain-{code}", plain
        yield "idx", f"gzip-{code}", gzip.compress(plain, mtime=0)
    yield "idx", "members", gzip.compress(idx(8, (4,), b"ab"), mtime=0) + gzip.compress(b"cd", mtime=0)
    state = {"traits": ("U8", [len(TRAITS)], TRAITS), "fit/steps": ("I64", [1], bytes(8)),
             "fit/first": ("F64", [2], bytes(16))}
    yield "checkpoint", "whole", safetensors(state)
    yield "checkpoint", "no-traits", safetensors({"fit/steps": ("I64", [1], bytes(8))})
    yield "weights", "safetensors", b"\0" + safetensors(WEIGHTS)
    arrays = {"W": npy("<f8", (2, 2), reals(1, 2, 3, 4)), "α": npy("<f4", (), struct.pack("<f", 0.5)),
              "flow.net.hidden.0.b": npy("<f8", (2,), reals(1, 2)), "empty": npy("<f8", (0,), b"")}
    yield "weights", "npz", b"\1" + npz(arrays, zipfile.ZIP_STORED)


def main():
    for target, name, data in seeds():
        folder = pathlib.Path(sys.argv[1]) / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name.replace("/", "-")).write_bytes(data)


main()
