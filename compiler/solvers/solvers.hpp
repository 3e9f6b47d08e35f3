// Time stepping, written over tile values: explicit Runge–Kutta methods from their tableau, and their
// adjoints.
//
// In: a solve's task and its field as functions to call. Out: instructions that step each lane on its own
// time, step size and observations. Never here: what a field computes, a machine's instructions, a loop over
// samples.
#pragma once

#include <memory>

#include "compiler/schedule/solving.hpp"

namespace nodec::solvers {

std::unique_ptr<schedule::SolveLowering> make_solvers();

}  // namespace nodec::solvers
