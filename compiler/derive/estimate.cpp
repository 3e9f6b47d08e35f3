// The trace of a Jacobian from random directions (Hutchinson 1990): E[εᵀ J ε] = tr J where E[ε εᵀ] = 1.
//
// The directions do not change during a solve: where the first or the last step of a derivative is a product
// with parameters, their product is the solve's frontier. Forward and reverse mode give the same number; the
// cheaper is taken.
#include <limits>

#include "compiler/derive/contraction.hpp"
#include "compiler/derive/pass.hpp"

namespace nodec::derive {
namespace {

using namespace graph;

// Σ over all elements of a · direction, where a direction that is a product of its own is multiplied out.
Ref inner(Graph& g, Ref a, Ref direction) {
  if (direction->is(Kind::contract)) {
    const auto& product = direction->as<Contract>();
    std::vector<std::string> labels = product.operands;
    std::vector<Ref> factors = direction->operands;
    labels.push_back(product.result);
    factors.push_back(a);
    if (factors.size() <= most_factors) return contract_in_order(g, labels, "", factors);
  }
  return dot(g, a, direction);
}

}  // namespace

Ref estimated_divergence(Graph& g, const std::vector<Ref>& es, const std::vector<Ref>& xs,
                         const std::vector<Ref>& probes, int64_t count, Refusal* refusal) {
  const std::vector<Extent> lead = count > 1 ? std::vector<Extent>{count} : std::vector<Extent>{};
  Ref total = nullptr;
  for (size_t i = 0; i < es.size(); ++i) {
    Directions directions(g, lead);
    const Ref pushed = sweep_forward(directions, {es[i]}, {xs[i]}, {probes[i]}, *refusal)[0];
    if (*refusal) return nullptr;
    if (!pushed) continue;
    const Ref pulled = sweep_back(directions, {es[i]}, {probes[i]}, {xs[i]}, *refusal, Over::sample)[0];
    if (*refusal) return nullptr;
    Ref best = nullptr;
    double least = std::numeric_limits<double>::infinity();
    for (const Ref direction : {pushed, pulled}) {
      const Ref sum = direction ? inner(g, probes[i], direction) : g.constant(0.0);
      const double cost = price({sum}, es);
      if (cost < least) least = cost, best = sum;
    }
    total = total ? add(g, total, best) : best;
  }
  if (!total) return g.constant(0.0);
  return mul(g, total, g.constant(1.0 / static_cast<double>(count)));
}

}  // namespace nodec::derive
