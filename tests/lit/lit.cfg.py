# lit's configuration: every test is a small program that runs the built `nodec` and matches its text.
import os
import lit.formats

config.name = "nodec"
config.test_format = lit.formats.ShTest(True)
config.suffixes = [".node", ".test"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.nodec_build, "tests", "lit")
config.excludes = ["Inputs"]

tools = config.llvm_tools
config.substitutions += [
    # Sanitizers reserve more address space than tests of hostile input allow otherwise.
    ("%sanitized", "--sanitized" if config.sanitizers else ""),
    ("%nodec", os.path.join(config.nodec_build, "nodec")),
    ("%FileCheck", os.path.join(tools, "FileCheck")),
    ("%not", os.path.join(tools, "not")),
    ("%split-file", os.path.join(tools, "split-file")),
    ("%python", "/usr/bin/python3"),
    ("%source", config.nodec_source),
    ("%examples", os.path.join(config.nodec_source, "examples")),
    ("%inputs", os.path.join(config.test_source_root, "Inputs")),
]
# Machine code that tests compile is kept with the build, not in the user's cache.
config.environment["XDG_CACHE_HOME"] = os.path.join(config.test_exec_root, "cache-of-tests")
config.environment["PATH"] = tools + os.pathsep + os.environ["PATH"]
