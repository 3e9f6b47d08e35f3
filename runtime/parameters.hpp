// The parameter vector of a compiled model: which value lies where.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace nodec::runtime {

// The open interval in which a parameter is kept; either end may be infinite.
struct Interval {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool unbounded() const {
    return low == -std::numeric_limits<double>::infinity() && high == std::numeric_limits<double>::infinity();
  }
};

struct Parameter {
  std::string path;  // flow.net.hidden.0.W
  std::vector<int64_t> shape;
  int64_t offset = 0, size = 1;
  Interval interval;
};
using ParameterLayout = std::vector<Parameter>;

// The end of the last parameter.
inline int64_t parameter_count(const ParameterLayout& layout) {
  int64_t end = 0;
  for (const Parameter& parameter : layout)
    end = end > parameter.offset + parameter.size ? end : parameter.offset + parameter.size;
  return end;
}

}  // namespace nodec::runtime
