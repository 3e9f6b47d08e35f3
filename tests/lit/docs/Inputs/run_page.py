"""Does what a reader of a page does: saves each ```node block under the name before it, and runs each ```sh block, in order."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

nodec, page, folder = sys.argv[1:4]
shutil.rmtree(folder, ignore_errors=True)
os.makedirs(folder)
environment = dict(os.environ, PATH=os.path.dirname(nodec) + os.pathsep + os.environ["PATH"])
text = pathlib.Path(page).read_text()
files, commands, name = 0, 0, None
for found in re.finditer(r"`(\w+\.node)`:\n|^```(node|sh)\n(.*?)^```$", text, re.M | re.S):
    if found[1]:
        name = found[1]
    elif found[2] == "node":
        assert name, f"{page}: a block without a name:\n{found[3]}"
        pathlib.Path(folder, name).write_text(found[3])
        files, name = files + 1, None
    else:
        done = subprocess.run(["sh", "-e"], input=found[3], cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{page}: {found[3]}{done.stdout}{done.stderr}"
        print(done.stdout + done.stderr)
        commands += found[3].count("nodec ")
print(files, "files,", commands, "commands")
