"""Checks a body of LaTeX as far as that goes without typesetting it: braces, environments, scripts, rows."""
import re
import sys

text = open(sys.argv[1], encoding="utf-8").read()
body = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
assert body.isascii(), sorted(c for c in set(body) if ord(c) > 127)
depth = 0
for brace in re.findall(r"(?<!\\)[{}]", body):
    depth += 1 if brace == "{" else -1
    assert depth >= 0
assert depth == 0
open_ones = []
for what, name in re.findall(r"\\(begin|end)\{([a-z*]+)\}", body):
    if what == "begin":
        open_ones.append(name)
    else:
        assert open_ones.pop() == name
assert not open_ones
assert body.count("\\left") - body.count("\\leftarrow") == body.count("\\right") - body.count("\\rightarrow")
assert body.count("$") % 2 == 0
# A second script of one kind at the same place is an error of LaTeX.
script = r"(?:\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}|\\?\w)"
assert not re.search(rf"\^{script}\^|_{script}_", body)
align = body[body.index("\\begin{align*}") : body.index("\\end{align*}")]
inside = r"\\begin\{(cases|pmatrix)\}((?!\\begin).)*?\\end\{\1\}"
while re.search(inside, align):
    align = re.sub(inside, "", align)
rows = re.sub(r"\\intertext\{.*\}\n", "", align).split("\\\\\n")
assert all(row.count("&") in (1, 3) for row in rows), [row for row in rows if row.count("&") not in (1, 3)]
print("balanced")
