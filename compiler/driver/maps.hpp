// Outputs of a model on a grid of values of its data -> panels: curves over a line, maps over a plane.
#pragma once

#include <vector>

#include "compiler/driver/panels.hpp"

namespace nodec::driver {

// arguments.grids says which data run over which intervals, one or two numbers in all; arguments.sets gives
// the others. Returns the exit status, after printing what is wrong.
int plot_maps(const Arguments& arguments, std::vector<Panel>& panels, std::vector<SampleFailure>& failures);

}  // namespace nodec::driver
