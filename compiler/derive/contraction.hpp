// A product of tensors over shared labels -> contractions of two at a time, in the cheapest order.
#pragma once

#include <string>
#include <vector>

#include "compiler/graph/graph.hpp"

namespace nodec::derive {

// Σ over the labels that `result` lacks of Π factors. The order minimizes multiplications per evaluation:
// what depends on parameters alone is computed once per update and costs next to nothing,
// so that the trace of W2 σ(W1 z) becomes Σ_h σ'_h K_h with K_h = Σ_d W2[d,h] W1[h,d]. Exact, by dynamic
// programming over subsets; at most `most_factors` factors.
constexpr size_t most_factors = 12;
// Which of two orders of equal cost: one of them may compute what the field has already.
enum class Ties : uint8_t { first, last };
graph::Ref contract_in_order(graph::Graph& g, const std::vector<std::string>& labels,
                             const std::string& result, const std::vector<graph::Ref>& factors,
                             Ties ties = Ties::first);

// What the values that `roots` reach and `known` do not would cost: multiply-adds and elementwise operations
// of an evaluation, what is computed less often by its share.
double price(const std::vector<graph::Ref>& roots, const std::vector<graph::Ref>& known);

}  // namespace nodec::derive
