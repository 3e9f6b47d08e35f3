// Wishes -> the order in which nodes are written.
#include "compiler/schedule/tensors.hpp"

namespace nodec::schedule {

using graph::Element;
using graph::Ref;
using NodeKind = graph::Kind;

Tensors::Tensors(ProgramWriter& writer, FunctionId function, const Role& role, Structured structured)
    : writer_(writer), role_(role), structured_(std::move(structured)), b_(writer.program(), function) {}

void Tensors::store(Ref node, const Location& to) { wishes_.push_back({Wish::What::store, node, to}); }
void Tensors::keep_at(Ref node, const Location& at) { wishes_.push_back({Wish::What::keep, node, at}); }
void Tensors::output(Ref node, const Location& to) { wishes_.push_back({Wish::What::output, node, to}); }
void Tensors::deposit(Ref node, const Location& to) { wishes_.push_back({Wish::What::deposit, node, to}); }

Location Tensors::keep(Ref node) {
  if (const auto found = located_.find(node); found != located_.end()) return found->second;
  const Location to = scratch("value", node->type);
  store(node, to);
  return to;
}

Location Tensors::scratch(const std::string& name, const graph::Type& type) {
  const Kind kind = type.element == Element::integer ? Kind::integer : Kind::real;
  // An index that is out of range is clamped to the first element, also where a length is 0.
  const graph::Extent size = type.size();
  graph::Extent spare = size.is_constant() ? 0 : 1;
  for (const graph::Extent& e : type.shape) {
    if (e.is_constant()) spare = spare * e;
  }
  const BufferId id = b_.buffer({.name = name.empty() ? "v" : name,
                                 .kind = kind,
                                 .lanes = !role_.uniform,
                                 .storage = role_.storage,
                                 .size = size + spare});
  return {id, 0, row_major(type.shape)};
}

Location Tensors::location(Ref node) const {
  std::vector<Ref> chain;
  Location at;
  for (;; node = node->operands[0]) {
    if (const auto found = located_.find(node); found != located_.end()) {
      at = found->second;
      break;
    }
    if (node->is(NodeKind::part)) {
      const auto found = located_parts_.find({node->operands[0], node->as<graph::Part>().index});
      if (found == located_parts_.end()) return {};
      at = found->second;
      break;
    }
    if (!affine(node)) {
      at = writer_.leaf(node);
      if (at.buffer == none) return {};
      break;
    }
    chain.push_back(node);
  }
  for (auto link = chain.rbegin(); link != chain.rend(); ++link) {
    if ((*link)->is(NodeKind::view)) {
      at = look((*link)->as<graph::View>(), (*link)->type.rank(), at);
    } else {
      if (!packed_from(at, (*link)->operands[0]->type.shape, 0)) return {};
      at.strides = row_major((*link)->type.shape);
    }
  }
  return at;
}

const Location* Tensors::deposit_of(Ref adjoint, int part) const {
  const auto found = part_deposits_.find({adjoint, part});
  return found == part_deposits_.end() ? nullptr : &found->second;
}

void Tensors::write() {
  plan();
  std::vector<Ref> wanted;
  for (const Wish& wish : wishes_) {
    for (const Ref node : roots(wish)) wanted.push_back(node);
  }
  for (const Ref node : order(wanted)) {
    if (node->is(NodeKind::solve) || node->is(NodeKind::adjoint)) {
      if (!structured_) {
        writer_.refuse("a solve cannot be computed before the samples");
      } else if (!located_parts_.count({node, 0})) {
        structured_(*this, node);
      }
      continue;
    }
    if (!leaf(node)) {
      if ((node->is(NodeKind::view) || node->is(NodeKind::place)) && node->operands.size() > 1)
        check_offsets(node);
      if (node->is(NodeKind::gather)) check_indices(node);
    }
    if (const auto planned = planned_.find(node); planned != planned_.end()) {
      store_into(node, planned->second);
      locate(node, planned->second);
    }
  }
  for (const Wish& wish : wishes_) {
    switch (wish.what) {
      case Wish::What::store:
        store_into(wish.node, wish.to);
        break;
      case Wish::What::keep:
        break;
      case Wish::What::output:
        store_output(wish);
        break;
      default:
        write_deposit(wish);
        break;
    }
  }
  if (role_.storage == Storage::uniform) {
    for (const Wish& wish : wishes_) located_.emplace(wish.node, wish.to);
  }
  wishes_.clear();
  planned_.clear();
  uses_.clear();
  users_.clear();
  forced_.clear();
}

}  // namespace nodec::schedule
