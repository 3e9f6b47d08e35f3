// Writes a recurrence, a solve in discrete time: the states after each step, and its adjoint.
#pragma once

#include "compiler/schedule/solving.hpp"

namespace nodec::solvers {

void write_recurrence(schedule::Builder& b, schedule::SolveTask& task);
void write_recurrence_adjoint(schedule::Builder& b, schedule::AdjointTask& task);

}  // namespace nodec::solvers
