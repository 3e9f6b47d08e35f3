// Writes the adjoint of a solve as the augmented equation solved backward, from one observed state to the one
// before.
#pragma once

#include "compiler/schedule/solving.hpp"

namespace nodec::solvers {

void write_backsolve(schedule::Builder& b, schedule::AdjointTask& task);

}  // namespace nodec::solvers
