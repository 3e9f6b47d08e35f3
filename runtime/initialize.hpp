// The initial values of parameters: a function of the seed and the parameter's path alone, alike on every
// machine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/error.hpp"
#include "runtime/parameters.hpp"

namespace nodec::runtime {

enum class InitialKind : uint8_t {
  value,
  normal,
  uniform,
  glorot_uniform,
  glorot_normal,
  kaiming_uniform,
  orthogonal
};

// A weight of shape [m, n, k…] takes n·Πk numbers to m·Πk: fan_in and fan_out; a vector's are both its size.
//   value           `values`: one number, or one for each element
//   normal          mean a, standard deviation b
//   uniform         [a, b)
//   glorot_uniform  ± √(6 / (fan_in + fan_out)); glorot_normal: deviation √(2 / (fan_in + fan_out))  (Glorot,
//   Bengio 2010) kaiming_uniform ± √(6 / fan_in)  (He et al. 2015) orthogonal      rows (or columns, if
//   fewer) of [m, n·Πk] orthonormal, distributed uniformly (Haar)
struct Initial {
  InitialKind kind = InitialKind::value;
  std::vector<double> values = {0};
  double a = 0, b = 1;
};

// Values by the layout's offsets; `initials` in its order. A value outside its parameter's interval is an
// error.
Result<std::vector<double>> initialize(const ParameterLayout& layout, const std::vector<Initial>& initials,
                                       uint64_t seed);

}  // namespace nodec::runtime
