"""Checks and compiles every ```node block of a page, and evaluates the models that need no data."""
import json
import pathlib
import re
import subprocess
import sys

nodec, page, folder = sys.argv[1:4]
blocks = re.findall(r"^```node\n(.*?)^```$", pathlib.Path(page).read_text(), re.M | re.S)
assert blocks
for number, block in enumerate(blocks):
    path = pathlib.Path(f"{folder}.{number}.node")
    path.write_text(block)

    def run(*arguments):
        done = subprocess.run([nodec, str(path), *arguments], capture_output=True, text=True)
        assert done.returncode == 0, f"{page}, block {number + 1}: {' '.join(arguments)}\n{done.stderr}"
        return done.stdout

    run("check")
    for model in re.findall(r"^model (\w+)", block, re.M):
        report = json.loads(run("compile", "--json", "--model", model))
        if not report["data"]:
            run("eval", "--samples", "3", "--model", model)
print(len(blocks), "blocks")
