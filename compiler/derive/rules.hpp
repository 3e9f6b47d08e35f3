// The derivative of every kind of node, both ways: one row a kind.
#pragma once

#include <functional>
#include <vector>

#include "compiler/derive/derive.hpp"
#include "compiler/derive/directions.hpp"

namespace nodec::derive {

// Reverse: a node's cotangents -> contributions to those of what it is made of.
struct Pull {
  Directions& d;
  const Node& node;
  const std::vector<Ref>& cotangents;    // one; of a tuple one for each part, null for zero
  bool gated;                            // came through `where`
  std::function<bool(Ref)> active;       // whether a node's cotangent is wanted
  std::function<bool(Ref)> independent;  // whether a node is one of those differentiated with respect to
  // Adds to the cotangent of a node below (a tuple's part: of the tuple's part `part`). Null and zeros are
  // ignored.
  std::function<void(Ref below, Ref contribution, int part)> give;
  Refusal& refusal;

  Ref cotangent() const { return cotangents[0]; }
  bool wants(size_t operand) const { return active(node.operands[operand]); }
};

// Forward: the operands' tangents, null for zero, not all null -> the node's, or null.
struct Push {
  Directions& d;
  const Node& node;
  const std::vector<Ref>& tangents;
  std::function<bool(Ref)> independent;
  std::function<Ref(Ref)> tangent_of;  // of any node below
  Refusal& refusal;
  // A tuple's tangents, null for zero, are given part by part instead of by the rule's result.
  std::vector<Ref>* parts = nullptr;
  std::function<Ref(Ref tuple, int part)> part_tangent = {};
};

// A product of one factor with itself, as `^` with an integer constant is written: its derivative is
// exponent · base^(exponent − 1), not a sum over the factors. exponent 1: no such product. A power does not
// reach through a node that is independent.
struct Power {
  Ref base;
  int exponent;
};
Power as_power(Ref x, const std::function<bool(Ref)>& independent);
Ref power_derivative(Graph& g, const Power& power);

struct Rule {
  graph::Kind kind;
  void (*pull)(Pull&);
  Ref (*push)(Push&);
};

// Null for leaves.
const Rule* find_rule(graph::Kind kind);

// The rows of solve and adjoint (solve.cpp, second_order.cpp). One direction at a time.
void pull_solve(Pull& p);
Ref push_solve(Push& p);
void pull_adjoint(Pull& p);
Ref push_adjoint(Push& p);

// The adjoint of a solve, with cotangents of its parts (null for zero), that gives those of the frontier
// operands with these indices too.
Ref make_adjoint(Graph& g, Ref solve, const std::vector<int>& frontier, const std::vector<Ref>& cotangents,
                 Refusal& refusal);
// A solve of twice the states: tangents follow, on the steps of the primal alone. tangents: of each operand.
Ref extend_by_tangents(Graph& g, const Node& solve, const std::vector<Ref>& tangents, Refusal& refusal);

}  // namespace nodec::derive
