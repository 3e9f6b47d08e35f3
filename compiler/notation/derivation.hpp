// A field -> its Jacobian, trace and adjoint dynamics as mathematics, with what each costs.
#pragma once

#include <string>
#include <vector>

#include "compiler/graph/cost.hpp"
#include "compiler/graph/graph.hpp"

namespace nodec::notation {

using graph::Ref;

struct Quantity {
  std::string name;  // as the text has it: z, net.hidden[0].W
  Ref node;
};
// A right-hand side over open variables.
struct Field {
  std::string name;
  std::string place;  // "file:line"
  Ref time;
  std::vector<Quantity> states;  // variables of the binder of `time`
  std::vector<Ref> derivatives;
  std::vector<Quantity> parameters, inputs;
  bool logdet = false;  // its trace is solved with it
  int64_t probes = 0;   // by which it is estimated, 0: it is exact
  std::string solved;   // "by dopri5", "" when no solve is known
  std::string adjoint;  // "checkpoint", "backsolve", "" when no solve is known
};

struct Derivation {
  // Costs by rate: of the field; what the trace, or its estimate, adds to it; of the vjp, with what it needs
  // of the field; of the field and its vjp together. naive: what D products with Jᵀ add to the field,
  // multiply–adds of an evaluation.
  graph::RatedCost field, trace, estimate, vjp, adjoint;
  int64_t naive = 0;
  std::string jacobian, text, latex;
  std::string refusal;  // why it has no derivative, "" if it has one
};

// all: no line is left out.
Derivation derive(graph::Graph& g, const Field& field, bool all);

}  // namespace nodec::notation
