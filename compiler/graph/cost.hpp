// What evaluating expressions costs, counted on the graph.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "compiler/graph/graph.hpp"

namespace nodec::graph {

// Per evaluation of what depends on a lambda's variables; values that are computed outside it are not
// counted.
struct Cost {
  int64_t multiply_adds =
      0;                   // of contractions: the product of all labels' extents, pairwise operand by operand
  int64_t operations = 0;  // of elementwise functions and reductions: one for each element

  friend Cost operator+(const Cost& a, const Cost& b) {
    return {a.multiply_adds + b.multiply_adds, a.operations + b.operations};
  }
  friend Cost operator-(const Cost& a, const Cost& b) {
    return {a.multiply_adds - b.multiply_adds, a.operations - b.operations};
  }
};

// The cost of a node alone.
Cost cost(const Node& node, const std::map<std::string, int64_t>& lengths = {});

// The cost of a lambda's results; lengths count as given (a missing one as 1).
Cost cost(const Lambda& lambda, const std::map<std::string, int64_t>& lengths = {});

// Multiply-adds of the matrix products among the lambda's nodes, once each: contractions that sum over an
// axis of an operand of rank 2 or more, and outer products. Dot products and products of elements are none.
// Of nodes that depend on a variable from number `first` on; lengths count as above.
int64_t matrix_multiply_adds(const Lambda& lambda, int first = 0,
                             const std::map<std::string, int64_t>& lengths = {});

// By how often it is computed.
struct RatedCost {
  Cost evaluation;  // what depends on a variable: each time
  Cost sample;      // once for each sample
  Cost update;      // once for each update of the parameters
};
// The cost of what the results reach; lengths count as above.
RatedCost cost_by_rate(std::span<const Ref> results, const std::map<std::string, int64_t>& lengths = {});

}  // namespace nodec::graph
