"""Whether a training's report and an evaluation's JSON name the same loss, to six digits."""
import json
import re
import sys

told = float(re.search(r"lowest validation loss (\S+)", open(sys.argv[1]).read()).group(1))
found = json.load(open(sys.argv[2]))["loss"]
assert abs(told - found) <= 1e-5 * abs(found), (told, found)
