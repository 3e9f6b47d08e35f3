// Values given by --set -> a field, solved at times.
#pragma once

#include "compiler/driver/arguments.hpp"

namespace nodec::driver {

struct SolvedField {
  Model model;    // Program::integrate's
  Arrays values;  // what it was bound to: t0, t, initial states, inputs
  Arrays weights;
  Arrays states;  // t, and every state along it
  std::vector<SampleFailure> failures;
};

// Integrates arguments.field from arguments.from to arguments.to; nothing, and `status` set, after printing
// what is wrong.
std::optional<SolvedField> integrate(const Arguments& arguments, const Program& program, int& status);

// Binds a model of Program::integrate to states, inputs and times, of which the first is the initial one.
std::optional<SolvedField> integrate(const Arguments& arguments, const Model& model, Arrays values,
                                     std::vector<double> times, Arrays weights, int& status);

}  // namespace nodec::driver
