import sys
import numpy as np

r = np.random.default_rng(4)
x = r.normal(size=(3, 5, 2))
x[0, 1, 0] = x[1, 3, 1] = np.nan
np.savez(sys.argv[1], t=np.cumsum(0.2 + r.random((3, 5)), axis=1), x=x)
