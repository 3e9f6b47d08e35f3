// The extents of arrays to the lengths that explain them.
#pragma once

#include <string>
#include <vector>

#include "runtime/binding.hpp"

namespace nodec::runtime {

// An axis of an array says: `extent` is `value`.
struct LengthEquation {
  const Extent* extent;
  std::string array;
  int64_t axis;
  int64_t value;
};

// Solves for every name in `names`. `known` are given beforehand (and win). Each equation is used to find a
// length that occurs in it once and linearly, when it is the only unknown one, or to verify the lengths found
// before.
Result<Lengths> solve_lengths(const std::string& file, const std::vector<LengthEquation>& equations,
                              Lengths known, const std::vector<std::string>& names,
                              const BindOptions& options);

}  // namespace nodec::runtime
