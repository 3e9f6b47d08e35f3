// Arrays that cross the border: shapes and values, row-major.
#pragma once

#include <cstdint>
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

}  // namespace nodec
