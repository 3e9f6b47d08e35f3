// Reverse mode: cotangents of outputs -> cotangents of what they are made of.
#include <algorithm>
#include <span>
#include <unordered_map>
#include <unordered_set>

#include "compiler/derive/pass.hpp"
#include "compiler/derive/rules.hpp"
#include "compiler/graph/op.hpp"

namespace nodec::derive {
namespace {

using namespace graph;

// Whether samples of different lengths may differ in a value that depends on nothing else of theirs.
bool follows_lengths(Ref root) {
  for (Ref node : postorder(std::span(&root, 1))) {
    const auto& shape = node->type.shape;
    if (node->is(Kind::length)) return true;
    if (std::any_of(shape.begin(), shape.end(), [](const Extent& e) { return !e.is_constant(); }))
      return true;
  }
  return false;
}

// What has flowed into a value so far, apart by where the batch is still to be summed. What is the same for
// every sample is multiplied by their number instead.
struct Sum {
  Ref direct = nullptr, per_sample = nullptr;

  void add(Graph& g, Ref contribution, bool sums_batch) {
    if (sums_batch && contribution->base != Base::sample && !follows_lengths(contribution)) {
      contribution = mul(g, contribution, g.setting("batch"));
      sums_batch = false;
    }
    Ref& sum = sums_batch ? per_sample : direct;
    sum = sum ? graph::add(g, sum, contribution) : contribution;
  }
  Ref total(Graph& g) const {
    if (!per_sample) return direct;
    const Ref summed = g.batch_sum(per_sample);
    return direct ? graph::add(g, direct, summed) : summed;
  }
};

struct Cotangent {
  std::vector<Sum> parts;  // one, or a tuple's
  bool gated = false;
};

// A value of parameter base that is as long as a sample: what samples of different lengths give it is summed
// over the batch below it, where there is one shape for all.
bool sums_below(const Node& node, Over over) {
  const auto& shape = node.type.shape;
  return over == Over::batch && node.base != Base::sample && node.parts.empty() &&
         std::any_of(shape.begin(), shape.end(), [](const Extent& e) { return !e.is_constant(); });
}

}  // namespace

std::vector<Ref> active_nodes(const std::vector<Ref>& outputs, const std::vector<Ref>& wrt) {
  const std::unordered_set<Ref> independent(wrt.begin(), wrt.end());
  std::unordered_set<Ref> active;
  std::vector<Ref> result;
  for (Ref node : postorder(outputs)) {
    bool depends = independent.count(node) > 0;
    if (node->type.element != Element::integer && node->type.element != Element::boolean)
      for (Ref operand : node->operands) depends = depends || active.count(operand) > 0;
    if (!depends) continue;
    active.insert(node);
    result.push_back(node);
  }
  return result;
}

std::vector<Ref> sweep_back(Directions& d, const std::vector<Ref>& outputs,
                            const std::vector<Ref>& cotangents, const std::vector<Ref>& wrt, Refusal& refusal,
                            Over over) {
  const std::vector<Ref> order = active_nodes(outputs, wrt);
  const std::unordered_set<Ref> active(order.begin(), order.end()), independent(wrt.begin(), wrt.end());
  std::unordered_map<Ref, Cotangent> flowed;
  const auto into = [&](Ref node) -> Cotangent& {
    Cotangent& cotangent = flowed[node];
    cotangent.parts.resize(std::max<size_t>(1, node->parts.size()));
    return cotangent;
  };
  for (size_t i = 0; i < outputs.size(); ++i)
    if (active.count(outputs[i]) && !vanishes(cotangents[i]))
      into(outputs[i]).parts[0].add(d.g, cotangents[i], false);

  std::unordered_map<Ref, Ref> found;
  for (auto at = order.rbegin(); at != order.rend() && !refusal; ++at) {
    const Ref node = *at;
    const auto entry = flowed.find(node);
    if (entry == flowed.end()) continue;
    const Cotangent& arrived = entry->second;
    if (independent.count(node)) {
      found[node] = arrived.parts[0].total(d.g);
      continue;
    }
    const bool branches = node->is(Kind::map) && node->as<Map>().op->name == "where";
    const bool gated = arrived.gated || branches;
    const auto pull = [&](const std::vector<Ref>& cotangents, bool crosses) {
      const auto give = [&](Ref below, Ref contribution, int part) {
        if (vanishes(contribution)) return;
        Cotangent& cotangent = into(below);
        cotangent.parts[static_cast<size_t>(part)].add(d.g, contribution,
                                                       crosses && below->base != Base::sample);
        cotangent.gated = cotangent.gated || gated;
      };
      Pull rule_input{d,
                      *node,
                      cotangents,
                      gated,
                      [&](Ref below) { return active.count(below) > 0; },
                      [&](Ref below) { return independent.count(below) > 0; },
                      give,
                      refusal};
      if (const Rule* rule = find_rule(node->kind)) rule->pull(rule_input);
    };
    if (sums_below(*node, over)) {
      const Sum& sum = arrived.parts[0];
      const Ref direct = sum.direct, per_sample = sum.per_sample;
      if (direct) pull({direct}, false);
      if (per_sample) pull({per_sample}, true);
    } else {
      std::vector<Ref> totals;
      for (const Sum& sum : arrived.parts) totals.push_back(sum.total(d.g));
      pull(totals, over == Over::batch && node->base == Base::sample);
    }
  }
  std::vector<Ref> results;
  for (Ref x : wrt) results.push_back(found.count(x) ? found.at(x) : nullptr);
  return results;
}

std::vector<Ref> vjp(Graph& g, const std::vector<Ref>& outputs, const std::vector<Ref>& cotangents,
                     const std::vector<Ref>& wrt, Refusal* refusal, Over over) {
  Directions one(g, {});
  std::vector<Ref> results = sweep_back(one, outputs, cotangents, wrt, *refusal, over);
  for (size_t i = 0; i < wrt.size(); ++i)
    if (!results[i]) results[i] = zeros(g, wrt[i]->type);
  return results;
}

Ref gradient(Graph& g, Ref e, Ref x, Refusal* refusal) {
  return vjp(g, {e}, {g.constant(1.0)}, {x}, refusal, Over::sample)[0];
}

}  // namespace nodec::derive
