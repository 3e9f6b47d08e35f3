"""Reads the reports of `derive` and of `compile` and says what agrees."""
import json
import sys

derived, compiled = (json.load(open(path)) for path in sys.argv[1:3])
field, same = derived["fields"][0], compiled["fields"][0]
print(derived["model"] + ":", field["name"])
print(*[f"{name} {type}" for name, type in field["states"].items()])
counts = ("multiply_adds", "operations")
print("as compile says:", *[part for part in ("field", "vjp") if all(field[part][c] == same[part][c] for c in counts)])
for part in ("field", "trace", "vjp", "adjoint"):
    for rate in (field[part], field[part]["sample"], field[part]["update"]):
        assert all(isinstance(rate[c], int) and rate[c] >= 0 for c in counts), part
assert field["adjoint"]["multiply_adds"] >= field["vjp"]["multiply_adds"] > field["field"]["multiply_adds"]
assert field["trace"]["naive_multiply_adds"] > field["trace"]["multiply_adds"]
assert derived["diagnostics"] == []
print("jacobian:", field["jacobian"])
if field["text"].startswith("field flow") and "\\begin{align*}" in field["latex"]:
    print("text and latex")
