"""nodec, its manual page -> how many verbs and options of --help the page lacks."""
import re
import subprocess
import sys

nodec, page = sys.argv[1], open(sys.argv[2]).read().replace("\\-", "-")


def help_of(*words):
    return subprocess.run([nodec, *words, "--help"], capture_output=True, text=True, check=True).stdout


verbs = re.findall(r"^  (\w+) ", help_of().split("Subcommands:")[1].split("\n\n")[0], re.M)
missing = [verb for verb in verbs if f"\n.SS {verb}\n" not in page]
assert len(verbs) >= 10
for verb in verbs:
    options = set(re.findall(r"^  +(--[\w-]+|-D)\b", help_of(verb), re.M)) - {"--help"}
    assert len(options) >= 10 or verb == "completion"
    missing += [f"{verb} {option}" for option in options if not re.search(rf'^\.B[I]? "?{option}\b', page, re.M)]
print(f"{len(missing)} missing", *missing)
