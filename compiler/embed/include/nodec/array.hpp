// Arrays that cross the border: shapes and values, row-major; and how many of them make one vector.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

namespace nodec {

// A dense array of doubles; integers are held exactly up to 2^53.
struct Array {
  std::vector<int64_t> shape;  // empty for a scalar
  std::vector<double> values;  // the product of `shape`, row-major
};

// By name, in order of the name.
using Arrays = std::map<std::string, Array>;

// A parameter's place in the vector of all parameters, and the open interval that it is declared in.
struct Slot {
  std::string path = {};
  std::vector<int64_t> shape = {};
  int64_t offset = 0, size = 1;
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();
};

}  // namespace nodec
