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
};

// The cost of a node alone.
Cost cost(const Node& node, const std::map<std::string, int64_t>& lengths = {});

// The cost of a lambda's results; lengths count as given (a missing one as 1).
Cost cost(const Lambda& lambda, const std::map<std::string, int64_t>& lengths = {});

}  // namespace nodec::graph
