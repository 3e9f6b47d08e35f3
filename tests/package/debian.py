"""The Debian packages -> whether dpkg installs them into a system where they run.

usage: debian.py BUILD PACKAGE…
"""
import os
import pathlib
import re
import shutil
import sys
import tempfile

import uses
from root import ENTER, Root, output


def main():
    build, packages = os.path.abspath(sys.argv[1]), [os.path.abspath(p) for p in sys.argv[2:]]
    with tempfile.TemporaryDirectory() as scratch:
        root = Root(f"{scratch}/root")
        # A system in which what they depend on is installed as it is here; dpkg refuses what is not.
        database = root.folder / "var/lib/dpkg"
        for folder in ("info", "updates", "triggers"):
            (database / folder).mkdir(parents=True)
        names = {output("dpkg-deb", "-f", p, "Package").strip() for p in packages}
        depends = ", ".join(output("dpkg-deb", "-f", p, "Depends").strip() for p in packages)
        wanted = {re.match(r"[^\s:(]+", d)[0] for d in depends.split(", ")} - names
        (database / "status").write_text("\n".join(output("dpkg-query", "-s", d) for d in sorted(wanted)))
        for name in re.findall(r"^Package: (\S+)", (database / "status").read_text(), re.M):
            for suffix in ("", ":amd64"):
                (database / "info" / f"{name}{suffix}.list").touch()
        # Its scripts run here, and register libraries there.
        (root.folder / "etc").mkdir()
        tools = pathlib.Path(scratch, "tools")
        tools.mkdir()
        (tools / "ldconfig").write_text(f'#!/bin/sh\nexec /sbin/ldconfig -r {root.folder} "$@"\n')
        (tools / "ldconfig").chmod(0o755)
        output(*ENTER[:-1], "dpkg", f"--root={root.folder}", "--force-not-root", "--force-script-chrootless",
               "--log=/dev/null", "-i", *packages, env={**os.environ, "PATH": f"{tools}:/usr/sbin:/usr/bin:/sbin:/bin"})
        if "libnodec.so" not in output("/sbin/ldconfig", "-p", "-C", root.folder / "etc/ld.so.cache"):
            raise SystemExit("the library is not registered")
        for name in names:
            documents = root.folder / "usr/share/doc" / name
            for file in ("copyright", "changelog.gz"):
                if not (documents / file).is_file():
                    raise SystemExit(f"{name} has no {file}")

        prefix, share = root.folder / "usr", root.folder / "usr/share"
        root.bring_libraries(prefix / "bin/nodec")
        uses.program(root, f"{build}/nodec", "/usr/share/doc/nodec")
        uses.manual(share / "man/man1/nodec.1.gz")
        uses.completion(prefix / "bin/nodec", share / "bash-completion/completions/nodec",
                        share / "zsh/vendor-completions/_nodec", share / "fish/vendor_completions.d/nodec.fish")
        uses.library(prefix, build)
    # By Debian's own checker, where it is.
    if shutil.which("lintian"):
        complaints = output("lintian", "--fail-on", "error,warning", *packages)
        print(complaints, end="")
    else:
        print("lintian is not here: skipped")
    sizes = ", ".join(f"{os.path.basename(p)} {os.stat(p).st_size / 1e6:.1f} MB" for p in packages)
    print(f"{sizes}: installed and run")


main()
