// The report of `eval`.
#pragma once

#include "compiler/driver/arguments.hpp"

namespace nodec::driver {

// Loss, metrics and what the solves cost, on standard output.
void print_evaluation(const Evaluation& e, int64_t samples);

}  // namespace nodec::driver
