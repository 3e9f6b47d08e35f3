"""A shared object of `nodec compile` and its header -> its functions, called with numpy arrays."""
import ctypes
import re

import numpy as np


class Library:
    def __init__(self, stem):
        self.text = open(stem + ".h", encoding="utf-8").read()
        self.code = ctypes.CDLL(stem + ".so")
        self.name = re.search(r"struct (\w+)_inputs \{", self.text).group(1)
        real = re.search(r"Reals are (\w+)\.", self.text).group(1)
        self.real = np.float64 if real == "double" else np.float32
        self.codes = {int(n): name for name, n in re.findall(rf"#define {self.name.upper()}_([A-Z_]+) (\d)(?: /\*|\n)", self.text)
                      if name != "PARAMETERS" and not name.startswith("AT_")}

    def members(self, struct):
        """(type, name, comment) of each."""
        body = re.search(r"struct %s \{\n(.*?)\};" % struct, self.text, re.S).group(1)
        return [re.match(r"\s*(.*?)(\w+);(?: /\* (.*) \*/)?", line).groups() for line in body.splitlines()]

    def weights(self):
        count = int(re.search(r"_PARAMETERS (\d+)", self.text).group(1))
        kind = ctypes.c_double if self.real == np.float64 else ctypes.c_float
        return np.array((kind * count).in_dll(self.code, self.name + "_weights"), self.real)

    def structure(self, name, values):
        fields, given = [], []
        for kind, member, _ in self.members(name):
            whole = kind.startswith("ptrdiff_t")
            fields.append((member, ctypes.c_ssize_t if whole else ctypes.c_void_p))
            value = values[member]
            given.append(value if whole or value is None else value.ctypes.data)
        made = type(name, (ctypes.Structure,), {"_fields_": fields})(*given)
        made.kept = values
        return made

    def results(self, function, inputs):
        """Arrays of the shapes that the header tells."""
        out = {}
        for _, member, comment in self.members(f"{self.name}_{function}_results"):
            shape = []
            for extent in re.findall(r"\[([^\]]*)\]", comment.split(",")[0]):
                extent = re.sub(rf"{self.name.upper()}_PARAMETERS", str(len(inputs.get("parameters", ()))), extent)
                shape.append(max(0, eval(extent, {}, {k: v for k, v in inputs.items() if isinstance(v, int)})))
            out[member] = np.full(shape, 7, self.real)
        return out

    def failure(self):
        kinds = {"ptrdiff_t ": ctypes.c_ssize_t, "double ": ctypes.c_double, "int ": ctypes.c_int}
        fields = [(member, kinds[kind]) for kind, member, _ in self.members(self.name + "_failure")]
        return type("Failure", (ctypes.Structure,), {"_fields_": fields})()

    def call(self, function, inputs, steps=1000, room=None, shift=0):
        """The code's name, the results, the failure. Memory around the workspace must stay as it was."""
        inputs = {k: v if isinstance(v, int) or v is None else np.ascontiguousarray(v, self.real) for k, v in inputs.items()}
        given = self.structure(self.name + "_inputs", inputs)
        results = self.results(function, inputs)
        into = self.structure(f"{self.name}_{function}_results", results)
        size = getattr(self.code, f"{self.name}_{function}_workspace")
        size.restype, size.argtypes = ctypes.c_size_t, [ctypes.c_void_p, ctypes.c_size_t]
        room = size(ctypes.byref(given), steps) if room is None else room
        memory = np.full(room + 512, 0xA5, np.uint8)
        shift -= memory.ctypes.data % 64  # from a cache line
        failure = self.failure()
        run = getattr(self.code, f"{self.name}_{function}")
        run.argtypes = [ctypes.c_void_p] * 3 + [ctypes.c_size_t, ctypes.c_void_p]
        code = run(ctypes.byref(given), ctypes.byref(into), memory.ctypes.data + 256 + shift, room, ctypes.byref(failure))
        assert (memory[:256 + shift] == 0xA5).all() and (memory[256 + shift + room:] == 0xA5).all(), "written beside the workspace"
        self.room = room
        return self.codes[code], results, failure
