// Arrays of uniform numbers in [−1, 1), the same on every machine.
#pragma once

#include <random>
#include <utility>
#include <vector>

#include "compiler/embed/include/nodec/nodec.hpp"

namespace nodec::test {

inline Array random_array(std::vector<int64_t> shape, uint64_t seed) {
  Array a{std::move(shape), {}};
  int64_t n = 1;
  for (const int64_t e : a.shape) n *= e;
  std::mt19937_64 engine(seed);
  for (int64_t i = 0; i < n; ++i) a.values.push_back(static_cast<double>(engine() >> 11) * 0x1p-52 - 1);
  return a;
}

}  // namespace nodec::test
