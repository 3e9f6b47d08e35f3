import sys

from called import Library

code, results, _ = Library(sys.argv[1]).call("solve", {"samples": 1, "noise_x": [[2, 4]], "noise_k": [[0.3]]})
print(code, results["y"].ravel().tolist() + results["n"].ravel().tolist())
