"""The same as control.c, by Python's ctypes and a shared object: control.py swing.so"""
import ctypes
import sys

POINTS, PARAMETERS, BYTES = 11, 1, 1 << 20
Reals = ctypes.POINTER(ctypes.c_double)


# As swing.h declares them.
class Inputs(ctypes.Structure):
    _fields_ = [("samples", ctypes.c_ssize_t), ("parameters", Reals), ("start", Reals), ("torque", Reals)]


class Gradient(ctypes.Structure):
    _fields_ = [("loss", Reals), ("parameters", Reals), ("start", Reals), ("torque", Reals)]


class Solution(ctypes.Structure):
    _fields_ = [("q", Reals), ("sample_loss", Reals), ("loss", Reals)]


def reals(*values):
    return (ctypes.c_double * len(values))(*values)


swing = ctypes.CDLL(sys.argv[1])
for function in (swing.swing_gradient, swing.swing_solve):
    function.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
workspace = ctypes.create_string_buffer(BYTES)
torque = reals(*[4] * 5 + [-4] * 6)
loss, sample_loss, angles, by_torque = reals(0), reals(0), reals(*[0] * POINTS), reals(*[0] * POINTS)
inputs = Inputs(1, (ctypes.c_double * PARAMETERS).in_dll(swing, "swing_weights"), reals(0, 0), torque)
gradient = Gradient(loss, reals(0), reals(0, 0), by_torque)
solution = Solution(angles, sample_loss, loss)

for step in range(200):
    code = swing.swing_gradient(ctypes.byref(inputs), ctypes.byref(gradient), workspace, BYTES, None)
    if code != 0:
        sys.exit(f"code {code}")
    if step == 0:
        print(f"loss {loss[0]:.17g}")
    for n in range(POINTS):
        torque[n] -= 10 * by_torque[n]
if swing.swing_solve(ctypes.byref(inputs), ctypes.byref(solution), workspace, BYTES, None) != 0:
    sys.exit("it cannot be solved")
print(f"loss {loss[0]:.17g}")
print(f"angle at the end {angles[POINTS - 1]:.17g}")
