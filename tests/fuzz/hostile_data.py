"""Files of data and weights that claim or ask for too much -> nodec: a diagnostic, in bounded memory.

usage: hostile_data.py NODEC [--scale X] [--sanitized]

Each case is a model, a command, and what the message must say. The address space is limited to 2 GiB, so what asks for
more has to be told.
"""
import argparse
import gzip
import io
import json
import pathlib
import resource
import struct
import subprocess
import sys
import tempfile
import zipfile

MEMORY = 2 << 30
SECONDS = 300  # against what never ends; a loaded machine is slow
ROW = "model m { data x: real[3]; param W: real[3] = 1; output q = sum(W * x); loss sum(W * x)^2; train { optimizer = sgd(lr = 1e-3), steps = 2 } }\n"
HUGE_PARAMETER = "model m { data x: real[3]; param W: real[30000, 30000] = 0; output q = W[0, 0] * x; loss sum(W[0, 0] * x); train { optimizer = adam(lr = 1e-3), steps = 2 } }\n"
RANDOM_PARAMETER = HUGE_PARAMETER.replace("= 0;", "~ normal(0, 1);")
MEMORY_TOLD = ("not enough memory",)


def npy(descr, shape, data):
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header + data


def npz(entries):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, chunks in entries.items():
            with archive.open(name + ".npy", "w", force_zip64=True) as entry:
                for chunk in chunks:
                    entry.write(chunk)
    return out.getvalue()


def safetensors(header, data=b""):
    return struct.pack("<Q", len(header)) + header + data


def zeros(count):
    """`count` zero bytes in pieces."""
    piece = bytes(1 << 20)
    return [piece] * (count >> 20) + [bytes(count & ((1 << 20) - 1))]


def squeezed(prefix, count):
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as stream:
        stream.write(prefix)
        for chunk in zeros(count):
            stream.write(chunk)
    return out.getvalue()


def names(count, wanted):
    """So many names of nothing beside the one that the model wants."""
    entry = '{"dtype":"F64","shape":[0],"data_offsets":[24,24]}'
    first = f'"{wanted}":{{"dtype":"F64","shape":[3],"data_offsets":[0,24]}}'
    text = "{" + first + "," + ",".join(f'"net.hidden.{i}.W":{entry}' for i in range(count)) + "}"
    return safetensors(text.encode(), struct.pack("<3d", 1, 2, 3))


def cases(scale):
    """name, model, words of the command ({data} is the file), suffix and bytes of the file, status, what is said."""
    huge = int((1 << 30) * scale)
    data = ["eval", "--data", "{data}"]
    yield "an array that claims 2^40 elements", ROW, data, ".npy", npy("<f8", (1 << 40,), b""), 1, ("x",)
    yield "an array that claims 2^30 elements", ROW, data, ".npz", npz({"x": [npy("<f8", (1 << 30,), bytes(8))]}), 1, ("ends too early",)
    yield "an archive that inflates to much", ROW, data, ".npz", npz({"x": [npy("<f8", (huge // 24, 3), b"")] + zeros(huge // 24 * 24)}), None, MEMORY_TOLD
    archive = bytearray(npz({"x": [npy("<f8", (3,), bytes(24))]}))
    at = archive.rfind(b"PK\x01\x02") + 24
    archive[at:at + 4] = struct.pack("<I", 0xfffffffe)
    yield "an entry that claims 4 GB", ROW, data, ".npz", bytes(archive), 1, ("does not decompress to its size",)
    yield "images that inflate to much", ROW, ["eval", "--data", "x={data}"], "-idx3-ubyte", squeezed(
        bytes([0, 0, 8, 2]) + struct.pack(">2I", huge // 3, 3), huge // 3 * 3), None, MEMORY_TOLD
    yield "images that go on", ROW, ["eval", "--data", "x={data}"], "-idx3-ubyte", squeezed(
        bytes([0, 0, 8, 2]) + struct.pack(">2I", 1, 3), huge), 1, ("bytes follow its data",)
    yield "images that claim 2^31 bytes", ROW, ["eval", "--data", "x={data}"], "-idx3-ubyte", gzip.compress(
        bytes([0, 0, 8, 2]) + struct.pack(">2I", 1 << 30, 2)), 1, ("ends too early",)
    yield "a header of 2^62 bytes", ROW, data, ".safetensors", struct.pack("<Q", 1 << 62), 1, ("too long",)
    depth = int(20_000_000 * scale)
    yield "a header nested deeply", ROW, data, ".safetensors", safetensors(b"[" * depth), 1, ("header",)
    yield "an entry nested deeply", ROW, data, ".safetensors", safetensors(
        b'{"x":' + b"[" * depth + b"]" * depth + b"}"), 1, ("array 'x'",)
    many = int(1_000_000 * scale)
    yield "weights of very many names", ROW, ["eval", "--data", "{row}", "--weights", "{data}"], ".safetensors", names(many, "m.W"), 0, ("more",)
    yield "data of very many names", ROW, data, ".safetensors", names(many, "x"), 0, ("more",)
    yield "a table of very many columns", ROW, data, ".csv", (
        ",".join(f"c{i}" for i in range(many)) + "\n" + ",".join("1" for _ in range(many)) + "\n").encode(), 1, ("array 'x' is missing",)
    yield "a table of very many rows", ROW, data, ".csv", b'"x[0]","x[1]","x[2]"\n' + b"1,2,3\n" * many, 0, ()
    yield "a table of one long cell", ROW, data, ".csv", b'"' + b"a" * int(200_000_000 * scale), 1, ("not closed",)
    series = int(40_000 * scale)
    yield "series of very different lengths", "model m { dim T; data x: real[T]; output q = sum(x) }", data, ".csv", (
        "series,x\n" + "".join(f"{i},1\n" for i in range(series)) + "0,1\n" * series).encode(), None, MEMORY_TOLD
    for verb in (["init", "--out", "{out}.safetensors"], ["eval", "--data", "{row}"], ["grad", "--data", "{row}", "--out", "{out}.npz"],
                 ["train", "--data", "{row}", "--out", "{out}.safetensors"]):
        yield f"{verb[0]} of 9e8 parameters", HUGE_PARAMETER, verb, "", b"", 1, MEMORY_TOLD
    yield "init of 9e8 random parameters", RANDOM_PARAMETER, ["init", "--out", "{out}.safetensors"], "", b"", 1, MEMORY_TOLD
    yield "compile with 9e8 parameters", HUGE_PARAMETER, ["compile"], "", b"", None, MEMORY_TOLD
    yield "data of 9e8 elements", "model m { data x: real[30000, 30000]; output q = sum(x) }", data, ".npz", npz(
        {"x": [npy("<f8", (1, 3), bytes(24))]}), 1, ("expected shape",)
    yield "an output of 9e8 elements", "model m { data x: real[3]; output q = [[x[0] * i * j for i in 0..30000] for j in 0..30000] }", [
        "eval", "--data", "{row}", "--out", "{out}.npz"], "", b"", 1, MEMORY_TOLD


def limit():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("nodec")
    arguments.add_argument("--scale", type=float, default=1)
    arguments.add_argument("--only", default="")
    arguments.add_argument("--sanitized", action="store_true", help="no limit of address space")
    options = arguments.parse_args()
    faults = count = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        row, out, model = folder / "row.npz", folder / "out", folder / "hostile.node"
        row.write_bytes(npz({"x": [npy("<f8", (1, 3), bytes(24))]}))
        for name, text, words, suffix, content, wanted, said in cases(options.scale):
            asks_for_memory = said == MEMORY_TOLD
            if options.only not in name or (options.sanitized and asks_for_memory):
                continue
            count += 1
            model.write_text(text)
            data = folder / ("x" + suffix)
            data.write_bytes(content)
            words = [word.format(data=data, row=row, out=out) for word in words]
            usage = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            try:
                done = subprocess.run([options.nodec, str(model)] + words + ["--threads", "1", "--no-cache"], capture_output=True,
                                      timeout=SECONDS, preexec_fn=None if options.sanitized else limit)
                status, err = done.returncode, done.stderr.decode("utf-8", "replace")
            except subprocess.TimeoutExpired:
                status, err = "no end", ""
            # None: done, or an error that says what was too large.
            told = all(word in err for word in said)
            good = (status == 0 or (status == 1 and told)) if wanted is None else status == wanted and told
            if not good or "internal error" in err or len(err) > 20_000:
                faults += 1
                print(f"{name}: status {status}, {len(err)} characters: {err.strip()[:300]}")
            if options.only:
                print(f"{name}: {status} {resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - usage:.1f} s {err[:200]}")
            data.unlink()
    print(f"{count} files, {faults} faults")
    sys.exit(1 if faults else 0)


main()
