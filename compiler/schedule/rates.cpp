// Graph -> the rate of each node.
#include "compiler/schedule/rates.hpp"

namespace nodec::schedule {

using graph::Extent;
using graph::Kind;
using graph::Ref;

bool Rates::varies(const Extent& e) const {
  if (!ragged_ || e.is_constant()) return false;
  for (const std::string& atom : e.atoms()) {
    if (!shared_lengths_.count(atom)) return true;
  }
  return false;
}

// Whether the node's elements depend on a sample's own length, rather than only how many there are.
bool Rates::depends_on_length(Ref node) const {
  const auto any = [&](const std::vector<Extent>& shape) {
    for (const Extent& e : shape) {
      if (varies(e)) return true;
    }
    return false;
  };
  switch (node->kind) {
    case Kind::length:
      return varies(node->as<graph::Length>().extent);
    case Kind::contract:
    case Kind::reduce:
    case Kind::concat:
    case Kind::reshape:
      for (const Ref operand : node->operands) {
        if (any(operand->type.shape)) return true;
      }
      return false;
    case Kind::view:
    case Kind::place:
      for (const graph::AxisMap& axis : node->as<graph::View>().axes) {
        if (varies(axis.offset)) return true;
      }
      return any(node->operands[0]->type.shape) || any(node->type.shape);
    default:
      return false;
  }
}

void Rates::classify(std::span<const Ref> roots) {
  const std::vector<Ref> order = graph::postorder(roots);
  for (const Ref node : order) {
    const bool shared_data = node->is(Kind::data) && node->as<graph::Leaf>().shared;
    if (shared_data) {
      for (const Extent& e : node->type.shape) {
        for (const std::string& atom : e.atoms()) shared_lengths_.insert(atom);
      }
    } else if (node->is(Kind::length) && node->base != graph::Base::sample) {
      for (const std::string& atom : node->as<graph::Length>().extent.atoms()) shared_lengths_.insert(atom);
    }
  }
  for (const Ref node : order) {
    if (rates_.count(node)) continue;
    Rate rate = Rate::prologue;
    if (node->is(Kind::batch_sum)) {
      rate = Rate::epilogue;
      if (of(node->operands[0]) == Rate::epilogue && !cyclic_) cyclic_ = node;
    } else {
      bool sample = node->is(Kind::variable) || node->is(Kind::random) || node->is(Kind::solve) ||
                    node->is(Kind::adjoint) || (node->is(Kind::data) && !node->as<graph::Leaf>().shared) ||
                    depends_on_length(node);
      bool sums = false;
      for (const Ref operand : node->operands) {
        sample = sample || of(operand) == Rate::sample;
        sums = sums || of(operand) == Rate::epilogue;
      }
      if (sample && sums && !cyclic_) cyclic_ = node;
      rate = sample ? Rate::sample : sums ? Rate::epilogue : Rate::prologue;
    }
    rates_.emplace(node, rate);
  }
}

Rate Rates::of(Ref node) const {
  const auto found = rates_.find(node);
  return found == rates_.end() ? Rate::sample : found->second;
}

}  // namespace nodec::schedule
