import sys
import numpy as np

r = np.random.default_rng(3)
cases = r.random((3, 6))
cases[0, 2] = cases[1, 0] = cases[2, 5] = np.nan
np.savez(sys.argv[1], t=np.tile(np.linspace(0.5, 6, 6), (3, 1)), cases=cases, I0=0.05 + 0.1 * r.random(3))
