"""The spiral's gradient by torchdiffeq, backpropagation and adjoint."""
import json

import numpy
import torch
import torchdiffeq

from measure import arguments, least_milliseconds

given = arguments()
torch.set_num_threads(given["threads"])
data = {name: torch.from_numpy(array) for name, array in numpy.load(given["data"]).items()}
weights = {name[7:]: torch.from_numpy(array) for name, array in numpy.load(given["weights"]).items()}


class Spiral(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.net = torch.nn.Sequential(torch.nn.Linear(2, 50), torch.nn.Tanh(), torch.nn.Linear(50, 2))
        self.net[0].weight.data, self.net[0].bias.data = weights["W1"], weights["b1"]
        self.net[2].weight.data, self.net[2].bias.data = weights["W2"], weights["b2"]

    def forward(self, t, z):
        return self.net(z**3)


field = Spiral()
y = data["y"].transpose(0, 1)


def gradient(odeint):
    field.zero_grad()
    z = odeint(field, y[0], data["t"], rtol=1e-6, atol=1e-8, method="dopri5")
    (z - y).abs().mean().backward()


print(json.dumps({
    "torchdiffeq backprop": least_milliseconds(lambda: gradient(torchdiffeq.odeint), given["seconds"]),
    "torchdiffeq adjoint": least_milliseconds(lambda: gradient(torchdiffeq.odeint_adjoint), given["seconds"]),
}))
