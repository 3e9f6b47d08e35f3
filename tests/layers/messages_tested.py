"""The registries of messages and the tests -> the messages that no test expects.

usage: messages_tested.py ROOT
"""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
tests = "\n".join(file.read_text("utf-8", "replace") for file in sorted((root / "tests").rglob("*"))
                  if file.suffix in (".node", ".test", ".cpp", ".hpp", ".sh"))
named = {name for pair in re.findall(r"\[(\w+)\]|(?:Id|Problem)::(\w+)", tests) for name in pair if name}
quoted = re.sub(r'"\s*\n\s*"', "", tests)  # a text that goes on over the lines of a string


# What no test can bring about in bounded memory.
UNTESTABLE = {"out_of_memory", "format_limit"}


def is_tested(name, wording):
    """By its name, or by the longest piece of the wording between its arguments."""
    return name in named | UNTESTABLE or max(wording.split("{}"), key=len) in quoted


missing = 0
for registry, macro in (("compiler/source/diagnostics.def", "DIAGNOSTIC"), ("runtime/errors.def", "PROBLEM")):
    text = (root / registry).read_text("utf-8")
    for name, wording in re.findall(rf'^{macro}\((\w+), (?:\w+, )?"(.*)"\)$', text, re.M):
        if not is_tested(name, wording):
            missing += 1
            print(f"{registry}: no test expects '{name}'")
print("every message has a test" if missing == 0 else f"{missing} messages have no test")
sys.exit(1 if missing else 0)
