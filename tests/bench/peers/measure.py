"""Runs nodec and the peers on files of inputs, each peer in a process of its own, all on the same cores."""
import importlib.metadata
import json
import os
import pathlib
import subprocess
import sys
import time

import numpy

here = pathlib.Path(__file__).resolve().parent


class Context:
    def __init__(self, build, threads, seconds, quick):
        self.nodec = build / "nodec"
        self.threads, self.seconds, self.quick = threads, seconds, quick
        self.folder = build / "peers" / "inputs"
        self.folder.mkdir(exist_ok=True)
        self.build = build
        self.missing = {}  # peer: why

    def versions(self):
        found = {"nodec": subprocess.run([self.nodec, "--version"], capture_output=True, text=True).stdout.split()[-1]}
        for name in ("torch", "torchdiffeq", "jax", "diffrax", "heyoka", "pydiffsol", "casadi"):
            try:
                found[name] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                pass
        return found

    def command(self, words):
        """Pinned to as many cores as threads are used."""
        return ["taskset", "-c", f"0-{self.threads - 1}", *map(str, words)]

    def variables(self):
        out = dict(os.environ)
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            out[name] = str(self.threads)
        if self.threads == 1:
            out["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
        out["JAX_PLATFORMS"] = "cpu"
        return out

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def write_arrays(self, name, arrays):
        path = self.folder / name
        numpy.savez(path, **arrays)
        return path

    def nodec_words(self, model, verb, words, precision):
        return [self.nodec, model, verb, "--threads", self.threads, "--precision", precision, *words]

    def bench(self, model, words=(), precision="f32", share=1):
        """What `nodec bench --json` says of the (first) model, measured for that share of the usual time."""
        words = ["--seconds", share * self.seconds, "--json", "--quiet", *words]
        done = subprocess.run(self.command(self.nodec_words(model, "bench", words, precision)), capture_output=True,
                              text=True)
        if not done.stdout:
            raise RuntimeError(done.stderr)
        return json.loads(done.stdout)["models"][0]

    def evaluate(self, model, words, precision="f32"):
        """The outputs of `nodec eval`, by name."""
        out = self.folder / "outputs.npz"
        words = ["--out", out, "--quiet", *words]
        subprocess.run(self.command(self.nodec_words(model, "eval", words, precision)), check=True, capture_output=True)
        return dict(numpy.load(out))

    def initial_weights(self, model):
        """A file of the model's initial parameters in f32, the peers' precision."""
        path = self.folder / f"{model.stem}.initial.npz"
        subprocess.run([self.nodec, model, "init", "--out", path, "--quiet"], check=True, stdout=subprocess.DEVNULL)
        numpy.savez(path, **{name: array.astype(numpy.float32) for name, array in numpy.load(path).items()})
        return path

    def loss(self, model, data, weights):
        words = self.nodec_words(model, "eval", ["--data", data, "--weights", weights, "--json"], "f32")
        return json.loads(subprocess.run(self.command(words), capture_output=True, text=True, check=True).stdout)["loss"]

    def once(self, **arguments):
        """The arguments of a peer's script that ends after its first result."""
        return json.dumps({**arguments, "threads": self.threads, "seconds": None}, default=str)

    def peer(self, script, **arguments):
        """What peers/SCRIPT prints as JSON, or None where it cannot run. Tells why it cannot, once."""
        arguments = {**arguments, "out": self.folder / "peer.npz", "threads": self.threads, "seconds": self.seconds}
        words = self.command([sys.executable, here / script, json.dumps(arguments, default=str)])
        done = subprocess.run(words, capture_output=True, text=True, env=self.variables())
        if done.returncode != 0:
            last = done.stderr.strip().splitlines()[-1:] or [f"status {done.returncode}"]
            self.missing.setdefault(script, last[0])
            return None
        return json.loads(done.stdout.splitlines()[-1])


    def outputs(self):
        """Arrays that the last peer wrote."""
        return dict(numpy.load(self.folder / "peer.npz"))


def arguments():
    """Those of a peer's script."""
    return json.loads(sys.argv[1])


def least_milliseconds(run, seconds, fewest=3):
    """The least time of repeated runs, after two that warm up: on one thread the processor time of the process, as `nodec bench`
    takes it, on several wall time. Without seconds: the first result ends the process."""
    clock = time.process_time if arguments()["threads"] == 1 else time.perf_counter
    run()
    if seconds is None:
        sys.exit()
    run()
    best, start, count = float("inf"), time.perf_counter(), 0
    while count < fewest or time.perf_counter() - start < seconds:
        before = clock()
        run()
        best = min(best, clock() - before)
        count += 1
    return 1e3 * best


def relative_error(found, reference):
    """Root mean square over all elements, relative to that of the reference."""
    found, reference = numpy.asarray(found, float), numpy.asarray(reference, float)
    return float(numpy.sqrt(numpy.mean((found - reference) ** 2) / numpy.mean(reference**2)))
