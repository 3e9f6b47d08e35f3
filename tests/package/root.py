"""Folders that stand for a system: one that programs run in by chroot, with glibc and nothing else, and one beside this."""
import os
import pathlib
import re
import shutil
import subprocess

GLIBC = ("ld-linux", "libc.so", "libm.so")
# Who is not root is root there.
ENTER = ([] if os.geteuid() == 0 else [shutil.which("unshare"), "-r"]) + [shutil.which("chroot", path="/usr/sbin:/usr/bin:/sbin:/bin")]


def output(*command, status=0, **options):
    command = [str(word) for word in command]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != status:
        raise SystemExit(f"{' '.join(command)}\nexit status {done.returncode}, not {status}\n{done.stdout}")
    return done.stdout


def libraries_of(program):
    """The files that the loader of this system takes, by name."""
    lines = re.findall(r"^\s*(?:(\S+) => )?(/\S+) \(0x", output("ldd", program), re.M)
    return {name or file: file for name, file in lines}


class Root:
    """Names of files begin at its folder."""
    base = ""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        for name in ("home", "tmp", "usr/bin"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)

    def bring_libraries(self, program, names=None):
        """Those of this system that a program takes, all or some, to the places that they have."""
        for name, file in libraries_of(program).items():
            if names is None or any(part in name for part in names):
                place = self.folder / file.lstrip("/")
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, place)

    def run(self, *command, status=0, input=None, **environment):
        environment = {"PATH": "/usr/bin", "HOME": "/home", **environment}
        return output(*ENTER, self.folder, *command, status=status, input=input, env=environment)


class Beside(Root):
    """For who may not chroot: nothing but PATH and HOME is another."""
    def __init__(self, folder):
        super().__init__(folder)
        self.base = str(self.folder)

    def run(self, *command, status=0, input=None, **environment):
        environment = {"PATH": f"{self.base}/usr/bin", "HOME": f"{self.base}/home", **environment}
        return output(shutil.which(command[0], path=environment["PATH"]), *command[1:], status=status, input=input, env=environment, cwd="/")
