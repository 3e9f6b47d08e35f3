"""nodec -> how many verbs and options of --help are not offered, or offered without being there."""
import re
import subprocess
import sys

nodec = sys.argv[1]


def output(*words):
    return subprocess.run([nodec, *words], capture_output=True, text=True, check=True).stdout


def offered(*words):
    return {line.split("\t")[0] for line in output("--complete", *words).splitlines() if not line.startswith(":")}


verbs = set(re.findall(r"^  (\w+) ", output("--help").split("Subcommands:")[1].split("\n\n")[0], re.M))
assert len(verbs) >= 10
wrong = verbs ^ offered("")
for verb in verbs:
    options = set(re.findall(r"^  +(?:-\w,)?(--[\w-]+|-D)\b", output(verb, "--help"), re.M))
    assert options
    wrong |= {f"{verb} {option}" for option in options ^ offered(verb, "model.node", "-")}
print(f"{len(wrong)} missing", *sorted(wrong))
