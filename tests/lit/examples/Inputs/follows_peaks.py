"""Whether fitted curves have their two largest local maxima within a year of the data's, within a quarter of the height."""
import csv
import sys


def columns(path):
    rows = list(csv.DictReader(open(path)))
    return {name: [float(row[name]) for row in rows] for name in rows[0]}


def peaks(x):
    inner = [i for i in range(1, len(x) - 1) if x[i - 1] < x[i] >= x[i + 1]]
    return sorted(sorted(inner, key=lambda i: x[i])[-2:])


data, fitted = columns(sys.argv[1]), columns(sys.argv[2])
for species in ("hare", "lynx"):
    for seen, found in zip(peaks(data[species]), peaks(fitted[species]), strict=True):
        assert abs(seen - found) <= 1, (species, seen, found)
        ratio = fitted[species][found] / data[species][seen]
        assert 0.8 < ratio < 1.25, (species, seen, ratio)
