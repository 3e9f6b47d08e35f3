// A model's parameters as the runtime's vector, and as arrays by path.
#pragma once

#include <vector>

#include "compiler/embed/data.hpp"
#include "runtime/parameters.hpp"

namespace nodec::embed {

// Offsets in order of declaration, without gaps: the layout that every compiled function of the model reads.
runtime::ParameterLayout parameter_layout(const semantics::Model& model);

// The vector of values; every parameter must be there (Model::check_weights).
Result<std::vector<double>> parameter_values(const semantics::Model& model, const Arrays& weights);
Arrays parameter_arrays(const runtime::ParameterLayout& layout, const std::vector<double>& values);

}  // namespace nodec::embed
