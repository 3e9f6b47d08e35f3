"""Whether two tables of numbers have the same columns, and values that agree to a tolerance."""
import csv
import sys

one, two = (list(csv.DictReader(open(path))) for path in sys.argv[1:3])
assert len(one) == len(two) and one[0].keys() == two[0].keys()
for row, other in zip(one, two):
    for name in row:
        assert abs(float(row[name]) - float(other[name])) <= float(sys.argv[3]), (name, row, other)
