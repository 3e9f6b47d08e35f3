// The table that makes equal nodes one: completes a node (base, free variables, height, hashes), puts
// commutative operands and contraction labels in their canonical order, and finds it or keeps it.
#pragma once

#include <deque>
#include <unordered_map>
#include <vector>

#include "compiler/graph/graph.hpp"

namespace nodec::graph {

struct Graph::Store {
  std::deque<Node> nodes;  // their addresses are stable
  std::deque<Lambda> lambdas;
  std::deque<Tableau> tableaux;
  std::unordered_multimap<uint64_t, Ref> node_table;
  std::unordered_multimap<uint64_t, const Lambda*> lambda_table;
  int next_binder = open_binder;

  // Kind, type, operands, payload and parts are given, and the base of a leaf. Nothing is simplified here.
  Ref intern(Node node);
  // Height, variables, results and base are given; the results are closed.
  const Lambda* intern(Lambda lambda);
};

// The lambdas that a node holds: a solve's field, an adjoint's pullback.
const Lambda* held_lambda(Ref node);
// Index of the first operand that stands in the frontier of the held lambda.
int first_frontier_operand(Ref node);
// Sorted union.
std::vector<int> join(const std::vector<int>& a, const std::vector<int>& b);
// Base, free variables and height as operands and payload determine them; a leaf's base stays as given.
void complete(Node& node);

}  // namespace nodec::graph
