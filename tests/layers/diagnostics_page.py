"""The registries of messages and grammar/diagnostics.md -> what the page lacks, or says that is not so.

Every message has an entry, in the registries' order, with its wording; the files in an entry give the message: a program
alone, a table to the model above the tables.

usage: diagnostics_page.py ROOT NODEC FOLDER
"""
import json
import pathlib
import re
import subprocess
import sys

root, nodec, folder = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
faults = []

registered = []
for registry, macro in (("compiler/source/diagnostics.def", "DIAGNOSTIC"), ("runtime/errors.def", "PROBLEM")):
    text = (root / registry).read_text("utf-8")
    registered += re.findall(rf'^{macro}\((\w+), (?:\w+, )?"(.*)"\)$', text, re.M)

page = (root / "grammar/diagnostics.md").read_text("utf-8")
entries = re.findall(r"^### `(\w+)`\n(.*?)(?=^### |^## |\Z)", page, re.M | re.S)
if [name for name, _ in entries] != [name for name, _ in registered]:
    known, shown = [n for n, _ in registered], [n for n, _ in entries]
    for name in known:
        if known.count(name) != shown.count(name):
            faults.append(f"{name}: {shown.count(name)} entries for {known.count(name)} messages")
    for name in shown:
        if name not in known:
            faults.append(f"{name}: an entry for no message")
    faults = faults or ["the entries are in another order than the registries"]

folder.mkdir(parents=True, exist_ok=True)
checked = 0
for (name, wording), (_, entry) in zip(registered, entries):
    quoted = re.match(r"> (.*)\n", entry)
    if not quoted or quoted[1] != wording.replace("{}", "…"):
        faults.append(f"{name}: its wording is '{wording}'")
    for command, block in re.findall(r"^```node([^\n]*)\n(.*?)^```$", entry, re.M | re.S):
        path = folder / f"{name}.node"
        path.write_text(block)
        verb, *options = command.split() or ["check"]
        done = subprocess.run([nodec, str(path), verb, "--json", *options], capture_output=True, text=True)
        found = set(re.findall(r"\[(\w+)\]$", done.stderr, re.M))
        if done.stdout:
            found |= {d["id"] for d in json.loads(done.stdout)["diagnostics"]}
        if name not in found:
            faults.append(f"{name}: its file gives {sorted(found) or 'nothing'}")
        checked += 1

model = folder / "model.node"
model.write_text(re.search(r"^## Tables\n.*?^```node\n(.*?)^```$", page, re.M | re.S)[1])
for (name, wording), (_, entry) in zip(registered, entries):
    for options, block in re.findall(r"^```csv([^\n]*)\n(.*?)^```$", entry, re.M | re.S):
        path = folder / f"{name}.csv"
        path.write_text(block)
        done = subprocess.run([nodec, str(model), "eval", "--data", str(path), *options.split()],
                              capture_output=True, text=True)
        if not re.search(".*".join(re.escape(piece) for piece in wording.split("{}")), done.stderr):
            faults.append(f"{name}: its table gives '{done.stderr.strip()}'")
        checked += 1

print(*faults, sep="\n")
print(f"{len(entries)} entries, {checked} files checked")
sys.exit(1 if faults else 0)
