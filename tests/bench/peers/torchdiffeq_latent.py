"""The latent ODE by torch and torchdiffeq: one step size for all series; backpropagation and adjoint."""
import json

import numpy
import torch
import torchdiffeq

from measure import arguments, least_milliseconds

given = arguments()
torch.set_num_threads(given["threads"])
data = {name: torch.from_numpy(array) for name, array in numpy.load(given["data"]).items()}
w = {name: torch.from_numpy(array).requires_grad_() for name, array in numpy.load(given["weights"]).items()}
times, x, e = data["t"], data["x"], data["e"]


def dense(path, inputs):
    return torch.nn.functional.linear(inputs, w[path + ".W"], w[path + ".b"])


class Dynamics(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weights = torch.nn.ParameterList([w[name] for name in w if name.startswith("dynamics")])

    def forward(self, t, z):
        z = torch.nn.functional.elu(dense("dynamics.net.hidden.0", z))
        z = torch.nn.functional.elu(dense("dynamics.net.hidden.1", z))
        return dense("dynamics.net.out", z)


for name in [name for name in w if name.startswith("dynamics")]:
    w[name] = torch.nn.Parameter(w[name].detach())
dynamics = Dynamics()


def loss_by(odeint):
    h = torch.zeros(x.shape[0], 25)
    for i in range(x.shape[1] - 1, -1, -1):
        both = torch.cat([x[:, i], h], 1)
        reset, update = torch.sigmoid(dense("latent.cell.reset", both)), torch.sigmoid(dense("latent.cell.update", both))
        candidate = torch.tanh(dense("latent.cell.candidate", torch.cat([x[:, i], reset * h], 1)))
        h = update * h + (1 - update) * candidate
    m, s = dense("latent.head", h).split(4, 1)
    s = torch.exp(s)
    z = odeint(dynamics, m + s * e, times, rtol=1e-4, atol=1e-4, method="dopri5").transpose(0, 1)
    found = dense("dec.out", torch.relu(dense("dec.hidden.0", z)))
    each = ((x - found) ** 2).sum((1, 2)) / 0.18 + 0.5 * (m**2 + s**2 - 1 - 2 * torch.log(s)).sum(1)
    return each.mean()


def gradient(odeint):
    for array in w.values():
        array.grad = None
    loss = loss_by(odeint)
    loss.backward()
    return float(loss)


print(json.dumps({
    "loss": gradient(torchdiffeq.odeint),
    "torchdiffeq backprop": least_milliseconds(lambda: gradient(torchdiffeq.odeint), given["seconds"]),
    "torchdiffeq adjoint": least_milliseconds(lambda: gradient(torchdiffeq.odeint_adjoint), given["seconds"]),
}))
