// Chooses what is left for the pullback (see activations.hpp).
//
// Candidates are the operands, free of cotangents, of what depends on these. One that is cheap to make of
// other candidates goes; one that only moves elements gives way to what it moves. In lanes that are not
// pulled, values of another lane stand for theirs, so that what is computed anew of a candidate and of the
// lane's own inputs may not be singular: such candidates stay.
#include "compiler/schedule/activations.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "compiler/graph/op.hpp"
#include "compiler/schedule/fused.hpp"

namespace nodec::schedule {

using graph::Element;
using graph::Ref;
using NodeKind = graph::Kind;

namespace {

constexpr int cheap = 4;  // elementary operations, an element

class Choice {
 public:
  Choice(const graph::Lambda& field, const graph::Lambda& pullback, std::span<const Ref> captured,
         const Rates& rates)
      : pullback_(pullback),
        inputs_(static_cast<int>(field.variables.size())),
        captured_(captured.begin(), captured.end()),
        rates_(rates),
        order_(graph::postorder(pullback.results)) {
    for (const Ref node : graph::postorder(field.results)) note_sum(node);
    for (const Ref node : order_) {
      note_sum(node);
      bool cotangent = is_variable(node) && node->as<graph::Variable>().index >= inputs_;
      for (const Ref operand : node->operands) cotangent = cotangent || cotangents_.contains(operand);
      if (cotangent) cotangents_.insert(node);
      const bool singular = node->is(NodeKind::map) && node->as<graph::Map>().op->singular;
      if (singular) reads_singularly_.insert(node->operands.begin(), node->operands.end());
    }
  }

  std::vector<Ref> made() {
    for (const Ref node : order_) {
      if (!cotangents_.contains(node)) continue;
      for (const Ref operand : node->operands) propose(operand);
    }
    std::vector<Ref> chosen;
    for (const Ref node : order_)
      if (candidates_.contains(node)) chosen.push_back(node);
    // The latest first: what it is made of is still there.
    for (auto node = chosen.rbegin(); node != chosen.rend(); ++node) {
      if (reads_singularly_.contains(*node) || !elementwise(*node)) continue;
      candidates_.erase(*node);
      if (!made_of_candidates(*node, cheap)) candidates_.insert(*node);
    }
    std::erase_if(chosen, [&](Ref node) { return !candidates_.contains(node); });
    return chosen;
  }

 private:
  bool is_variable(Ref node) const {
    return node->is(NodeKind::variable) && node->as<graph::Variable>().binder == pullback_.height;
  }
  bool varies(Ref node) const {
    return std::binary_search(node->free.begin(), node->free.end(), pullback_.height);
  }
  // A product that is added to something is computed with it by one kernel.
  void note_sum(Ref node) {
    if (node->is(NodeKind::map) && node->as<graph::Map>().op->name == "add")
      added_.insert(node->operands.begin(), node->operands.end());
  }
  static bool elementwise(Ref node) {
    return node->is(NodeKind::map) && !node->as<graph::Map>().op->singular &&
           node->as<graph::Map>().op->cost <= cheap;
  }
  // Shows, moves or repeats elements, or multiplies them without a sum.
  static bool rearranges(Ref node) {
    switch (node->kind) {
      case NodeKind::view:
      case NodeKind::reshape:
      case NodeKind::concat:
      case NodeKind::place:
        return true;
      case NodeKind::contract: {
        const graph::Contract& c = node->as<graph::Contract>();
        return std::all_of(c.operands.begin(), c.operands.end(), [&](const std::string& labels) {
          return std::all_of(labels.begin(), labels.end(),
                             [&](char label) { return c.result.find(label) != std::string::npos; });
        });
      }
      default:
        return false;
    }
  }

  void propose(Ref node) {
    if (!varies(node) || is_variable(node) || cotangents_.contains(node) || !proposed_.insert(node).second)
      return;
    const bool real = node->type.element == Element::real && node->type.size().is_constant();
    if (real && !rearranges(node)) {
      const bool fused = node->is(NodeKind::contract) && added_.contains(node);
      if (!fused && available(node)) candidates_.insert(node);
      return;
    }
    if (node->is(NodeKind::solve) || node->is(NodeKind::adjoint)) return;
    for (const Ref operand : node->operands) propose(operand);
  }

  // Whether an evaluation of the field can compute it: all that it captures is captured by the field too.
  bool available(Ref node) {
    if (const auto known = available_.find(node); known != available_.end()) return known->second;
    bool yes = true;
    if (!varies(node)) {
      const bool shared = rates_.of(node) != Rate::sample;
      yes = shared || captured_.contains(node) || node->is(NodeKind::constant);
    } else if (node->is(NodeKind::solve) || node->is(NodeKind::adjoint) || node->is(NodeKind::part)) {
      yes = false;
    } else {
      for (const Ref operand : node->operands) yes = yes && available(operand);
    }
    return available_[node] = yes;
  }

  bool made_of_candidates(Ref node, int budget) {
    if (!varies(node) || is_variable(node) || candidates_.contains(node)) return true;
    if (elementwise(node)) {
      budget -= node->as<graph::Map>().op->cost;
    } else if (!node->is(NodeKind::view) && !node->is(NodeKind::reshape)) {
      return false;
    }
    const std::vector<Ref> operands = operands_of(node, rates_);
    return budget >= 0 && std::all_of(operands.begin(), operands.end(),
                                      [&](Ref operand) { return made_of_candidates(operand, budget); });
  }

  const graph::Lambda& pullback_;
  const int inputs_;  // variables of the field: time and states
  const std::unordered_set<Ref> captured_;
  const Rates& rates_;
  const std::vector<Ref> order_;
  std::unordered_set<Ref> cotangents_;        // what depends on them
  std::unordered_set<Ref> reads_singularly_;  // operands of singular operations
  std::unordered_set<Ref> added_;             // operands of sums
  std::unordered_set<Ref> candidates_, proposed_;
  std::unordered_map<Ref, bool> available_;
};

}  // namespace

std::vector<Ref> activations(const graph::Lambda& field, const graph::Lambda& pullback,
                             std::span<const Ref> captured, const Rates& rates) {
  if (field.height != pullback.height) return {};
  return Choice(field, pullback, captured, rates).made();
}

}  // namespace nodec::schedule
