"""An installed prefix, moved to a folder with a space in its name and used through a link on PATH.

usage: moved.py BUILD
"""
import os
import sys
import tempfile

import uses
from root import Beside, output

build = os.path.abspath(sys.argv[1])
with tempfile.TemporaryDirectory() as scratch:
    system = Beside(f"{scratch}/system")
    first, prefix = f"{scratch}/first", system.folder / "opt" / "moved here"
    output("cmake", "--install", build, "--prefix", first, "--component", "program")
    prefix.parent.mkdir()
    os.rename(first, prefix)
    (system.folder / "usr/bin/nodec").symlink_to(prefix / "bin/nodec")
    uses.program(system, f"{build}/nodec", "/opt/moved here/share/doc/nodec")
    uses.manual(prefix / "share/man/man1/nodec.1")
