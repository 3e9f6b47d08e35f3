// A model's outputs -> panels of a picture.
#pragma once

#include <vector>

#include "compiler/driver/panels.hpp"

namespace nodec::driver {

// Of arguments.sample along time beside the data; where no output runs along anything, the densities of all
// samples. The exit status, after printing what is wrong.
int add_model(const Arguments& arguments, const Model& model, const Arrays& weights, const Dataset& data,
              std::vector<Panel>& panels, std::vector<SampleFailure>& failures);

}  // namespace nodec::driver
