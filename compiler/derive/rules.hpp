// The derivative of every kind of node, both ways: one row a kind.
#pragma once

#include <functional>
#include <vector>

#include "compiler/derive/derive.hpp"
#include "compiler/derive/directions.hpp"

namespace nodec::derive {

// Reverse: a node's cotangents -> contributions to its operands' cotangents.
struct Pull {
  Directions& d;
  const Node& node;
  const std::vector<Ref>& cotangents;  // one; of a tuple one for each part, null for zero
  bool gated;                          // came through `where`
  std::function<bool(Ref)> active;     // whether an operand's cotangent is wanted
  // Adds to the cotangent of the i-th operand (a tuple's part: of the tuple's part `part`). Null and zeros
  // are ignored.
  std::function<void(size_t operand, Ref contribution, int part)> give;
  Refusal& refusal;

  Ref cotangent() const { return cotangents[0]; }
  bool wants(size_t operand) const { return active(node.operands[operand]); }
};

// Forward: the operands' tangents, null for zero, not all null -> the node's, or null.
struct Push {
  Directions& d;
  const Node& node;
  const std::vector<Ref>& tangents;
  Refusal& refusal;
};

struct Rule {
  graph::Kind kind;
  void (*pull)(Pull&);
  Ref (*push)(Push&);
};

// Null for leaves.
const Rule* find_rule(graph::Kind kind);

// The row of solve (solve.cpp).
void pull_solve(Pull& p);

}  // namespace nodec::derive
