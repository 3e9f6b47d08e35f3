// Finds multiply-adds in sums (see fused.hpp).
#include "compiler/schedule/fused.hpp"

#include <string_view>

#include "compiler/graph/op.hpp"

namespace nodec::schedule {

using graph::Ref;

namespace {

bool is_op(Ref node, std::string_view name) {
  return node->is(graph::Kind::map) && node->as<graph::Map>().op->name == name;
}

}  // namespace

std::optional<Fused> fused(Ref node, const Rates& rates) {
  const bool difference = is_op(node, "sub");
  if (node->type.element != graph::Element::real || (!difference && !is_op(node, "add"))) return std::nullopt;
  // A difference of equal products is nothing, whatever is rounded (a discriminant's root depends on it).
  if (difference && is_op(node->operands[0], "mul") && is_op(node->operands[1], "mul")) return std::nullopt;
  for (const size_t i : {size_t{0}, size_t{1}}) {
    const Ref product = node->operands[i];
    // A product that changes less often than the sum is there already.
    if (!is_op(product, "mul") || product->free != node->free || rates.of(product) != Rate::sample) continue;
    return Fused{product->operands[0], product->operands[1], node->operands[1 - i], difference && i == 1,
                 difference && i == 0};
  }
  return std::nullopt;
}

std::vector<Ref> operands_of(Ref node, const Rates& rates) {
  if (const std::optional<Fused> f = fused(node, rates)) return {f->first, f->second, f->rest};
  return {node->operands.begin(), node->operands.end()};
}

}  // namespace nodec::schedule
