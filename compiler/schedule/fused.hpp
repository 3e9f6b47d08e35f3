// Sums with a product that are one multiply-add, rounded once.
//
// Which sums these are follows from the graph alone: a value is rounded alike wherever it is computed, and
// whether or not the product lies in memory there.
#pragma once

#include <optional>
#include <vector>

#include "compiler/graph/graph.hpp"
#include "compiler/schedule/rates.hpp"

namespace nodec::schedule {

// ±first·second ± rest
struct Fused {
  graph::Ref first, second, rest;
  bool negative_product = false, negative_rest = false;
};

std::optional<Fused> fused(graph::Ref node, const Rates& rates);

// What a node is computed from.
std::vector<graph::Ref> operands_of(graph::Ref node, const Rates& rates);

}  // namespace nodec::schedule
