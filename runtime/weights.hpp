// A file of weights to the parameter vector and back.
#pragma once

#include <string>
#include <vector>

#include "runtime/arrays.hpp"
#include "runtime/parameters.hpp"

namespace nodec::runtime {

struct Weights {
  std::vector<double>
      values;       // by ParameterLayout's offsets: the values that the user sees, not the unconstrained ones
  Errors warnings;  // names that the model does not have
};

// A missing parameter, a wrong shape, a value that is not finite or not inside its interval is an error: one
// for each parameter.
Result<Weights> load_weights(const std::string& file, const Arrays& arrays, const ParameterLayout& layout);
Result<Weights> read_weights(const std::string& path, const ParameterLayout& layout);

// The parameters as arrays by path, in f32 or f64.
Arrays store_weights(const std::vector<double>& values, const ParameterLayout& layout, bool double_precision);
Result<Done> write_weights(const std::string& path, const std::vector<double>& values,
                           const ParameterLayout& layout, bool double_precision);

}  // namespace nodec::runtime
