#!/usr/bin/python3
"""Reads every #include of the compiler and the runtime and fails where one breaks the order of layers.

Usage: include_order.py SOURCE_DIRECTORY. Prints file:line, the include and the rule; exit status 1 if any.
"""

import pathlib
import re
import sys

# What each layer may include besides itself. The order is that of compiler/README.md.
MAY_INCLUDE = {
    "source": [],
    "syntax": ["source"],
    "graph": ["source"],
    "derive": ["source", "graph"],
    "notation": ["source", "graph", "derive"],
    "semantics": ["source", "syntax", "graph", "derive"],
    "schedule": ["source", "graph", "derive"],
    "solvers": ["source", "graph", "derive", "schedule"],
    "codegen": ["source", "graph", "derive", "schedule", "solvers"],
    "jit": ["source", "graph", "derive", "schedule", "solvers", "codegen"],
    "embed": ["source", "syntax", "graph", "derive", "notation", "semantics", "schedule", "solvers", "codegen", "jit",
              "runtime"],
    "driver": ["source", "syntax", "graph", "derive", "notation", "semantics", "schedule", "solvers", "codegen", "jit", "embed",
               "runtime"],
    "runtime": [],
}
ABI_READERS = {"schedule", "solvers", "codegen", "jit"}  # runtime/abi.hpp and nothing else of the runtime
FOREIGN = {
    "antlr4-runtime": {"syntax"},
    "llvm/": {"codegen", "jit"},
    "llvm-c/": {"codegen", "jit"},
    "Eigen/": {"graph", "embed"},
    "cuda": {"runtime"},
    "CLI/": {"driver"},
    "histedit": {"driver"},
}
PUBLIC = "compiler/embed/include/nodec"


def layer_of(path):
    return path.parts[1] if path.parts[0] == "compiler" else path.parts[0]


def violations(root):
    files = [f for top in ("compiler", "runtime") for f in sorted((root / top).rglob("*.[ch]pp"))]
    if not files:
        yield f"{root}: no sources found"
    for file in files:
        path = file.relative_to(root)
        layer = layer_of(path)
        for number, line in enumerate(file.read_text().splitlines(), 1):
            match = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
            if not match:
                continue
            included = match.group(1)
            where = f"{path}:{number}: #include \"{included}\""
            for prefix, owners in FOREIGN.items():
                if included.startswith(prefix) and layer not in owners:
                    yield f"{where}: only {', '.join(sorted(owners))} may include <{prefix}…>"
            parts = pathlib.PurePosixPath(included).parts
            if parts[0] in ("compiler", "runtime") and len(parts) > 1:
                used = parts[1] if parts[0] == "compiler" else "runtime"
                abi = included == "runtime/abi.hpp" and layer in ABI_READERS
                if used != layer and used not in MAY_INCLUDE.get(layer, []) and not abi:
                    yield f"{where}: {layer} may include only {', '.join(MAY_INCLUDE.get(layer, [])) or 'itself'}"
                if str(path).startswith(PUBLIC):
                    yield f"{where}: public headers include nothing of the compiler or the runtime"


def main():
    found = list(violations(pathlib.Path(sys.argv[1])))
    print("\n".join(found) if found else "every #include keeps the order of layers")
    return 1 if found else 0


sys.exit(main())
