// Writes the discrete adjoint of a recorded solve: the gradient of the numbers that were computed.
#pragma once

#include "compiler/schedule/solving.hpp"

namespace nodec::solvers {

void write_adjoint(schedule::Builder& b, schedule::AdjointTask& task);

}  // namespace nodec::solvers
