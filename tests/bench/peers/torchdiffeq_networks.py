"""The networks by torchdiffeq: one step size for the whole batch; gradients by backpropagation and by its adjoint."""
import json

import numpy
import torch
import torchdiffeq

from measure import arguments, least_milliseconds

given = arguments()
torch.set_num_threads(given["threads"])
arrays = numpy.load(given["weights"])
z0 = torch.from_numpy(numpy.load(given["data"])["z0"])
times = torch.tensor([0.0, 1.0])


class Field(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.ModuleList()
        for layer in range(1, given["layers"] + 1):
            matrix = torch.from_numpy(arrays[f"net.W{layer}"])
            linear = torch.nn.Linear(matrix.shape[1], matrix.shape[0])
            linear.weight.data, linear.bias.data = matrix, torch.from_numpy(arrays[f"net.b{layer}"])
            self.layers.append(linear)

    def forward(self, t, z):
        for linear in self.layers[:-1]:
            z = torch.tanh(linear(z))
        return self.layers[-1](z)


field = Field()


def forward():
    with torch.no_grad():
        return torchdiffeq.odeint(field, z0, times, rtol=1e-5, atol=1e-6, method="dopri5")[-1]


def gradient(odeint):
    field.zero_grad()
    z1 = odeint(field, z0, times, rtol=1e-5, atol=1e-6, method="dopri5")[-1]
    (z1**2).sum(1).mean().backward()


numpy.savez(given["out"], z1=forward().numpy())
print(json.dumps({
    "forward": least_milliseconds(forward, given["seconds"]),
    "backprop": least_milliseconds(lambda: gradient(torchdiffeq.odeint), given["seconds"]),
    "adjoint": least_milliseconds(lambda: gradient(torchdiffeq.odeint_adjoint), given["seconds"]),
}))
