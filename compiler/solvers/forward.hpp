// Writes a solve: every lane steps from its own t0 to its own last observation time.
#pragma once

#include "compiler/schedule/solving.hpp"

namespace nodec::solvers {

void write_forward(schedule::Builder& b, schedule::SolveTask& task);

}  // namespace nodec::solvers
