// What is materialized: users are visited before operands, each passes on how often it reads.
#include <algorithm>

#include "compiler/graph/op.hpp"
#include "compiler/schedule/fused.hpp"
#include "compiler/schedule/tensors.hpp"

namespace nodec::schedule {

using graph::Element;
using graph::Extent;
using graph::Ref;
using NodeKind = graph::Kind;

namespace {
constexpr int64_t many = 1000;       // reads that repeat along an axis
constexpr int64_t most = 1'000'000;  // reads are not counted beyond
constexpr int deepest = 64;          // of inlined expressions

bool mentions(Ref node, const graph::Lambda* lambda) {
  return lambda && std::binary_search(node->free.begin(), node->free.end(), lambda->height);
}
}  // namespace

// True for a view or reshape that only renames indices.
bool Tensors::affine(Ref node) const {
  const auto varies = [&](const std::vector<Extent>& shape) {
    return !role_.uniform && std::any_of(shape.begin(), shape.end(),
                                         [&](const Extent& e) { return writer_.rates().varies(e); });
  };
  if (node->is(NodeKind::reshape)) return !varies(node->type.shape) && !varies(node->operands[0]->type.shape);
  if (!node->is(NodeKind::view)) return false;
  const graph::View& view = node->as<graph::View>();
  if (view.fill || node->operands.size() > 1) return false;
  return std::none_of(view.axes.begin(), view.axes.end(), [&](const graph::AxisMap& axis) {
    return !role_.uniform && writer_.rates().varies(axis.offset);
  });
}

bool Tensors::lanes(Ref node) const { return !role_.uniform && writer_.rates().of(node) == Rate::sample; }

std::vector<Ref> Tensors::operands_of(Ref node) const { return schedule::operands_of(node, writer_.rates()); }

int Tensors::cost(Ref node) const {
  const auto found = costs_.find(node);
  return found == costs_.end() ? 1 : found->second;
}

void Tensors::read(Ref node, int64_t times) {
  int64_t& reads = uses_[node].reads;
  reads = std::min(most, reads + times);
}

// Whether the node needs nothing that is computed here. Hoists what the prologue computes and captures what
// the surrounding function does.
bool Tensors::leaf(Ref node) {
  if (located_.count(node)) return true;
  const auto capture = [&] {
    if (!role_.inside || mentions(node, role_.inside) || !lanes(node)) return false;
    if (std::find(role_.frontier.begin(), role_.frontier.end(), node) == role_.frontier.end()) return false;
    const bool integer = node->type.element == Element::integer;
    const BufferId id = b_.buffer({.name = "captured",
                                   .kind = integer ? Kind::integer : Kind::real,
                                   .lanes = true,
                                   .storage = Storage::argument,
                                   .size = node->type.size()});
    captured_.emplace_back(node, id);
    locate(node, {id, 0, row_major(node->type.shape)});
    return true;
  };
  switch (node->kind) {
    case NodeKind::data:
    case NodeKind::random:
    case NodeKind::variable:  // of a lambda around this one
      capture();
      return true;
    case NodeKind::constant:
    case NodeKind::parameter:
    case NodeKind::setting:
    case NodeKind::length:
    case NodeKind::iota:
      return true;
    default:
      break;
  }
  if (node->is(NodeKind::part) && located_parts_.count({node->operands[0], node->as<graph::Part>().index}))
    return true;
  const bool elsewhere = !role_.uniform || role_.epilogue;
  if (elsewhere && writer_.rates().of(node) == Rate::prologue && !affine(node)) {
    locate(node, writer_.hoist(node));
    return true;
  }
  return capture();
}

std::vector<Ref> Tensors::order(const std::vector<Ref>& roots) {
  std::vector<Ref> result;
  std::unordered_set<Ref> seen;
  struct Visit {
    Ref node;
    std::vector<Ref> operands;
    size_t next = 0;
  };
  std::vector<Visit> stack;
  const auto enter = [&](Ref node) {
    if (!seen.insert(node).second) return;
    stack.push_back({node, leaf(node) ? std::vector<Ref>{} : operands_of(node)});
  };
  for (const Ref root : roots) {
    enter(root);
    while (!stack.empty()) {
      Visit& visit = stack.back();
      if (visit.next < visit.operands.size()) {
        enter(visit.operands[visit.next++]);
      } else {
        result.push_back(visit.node);
        stack.pop_back();
      }
    }
  }
  return result;
}

std::vector<Ref> Tensors::roots(const Wish& wish) const {
  switch (wish.what) {
    case Wish::What::outer:
      return wish.node->operands;
    case Wish::What::scatter:
    case Wish::What::place:
      return wish.node->operands;
    case Wish::What::part:
      return {wish.node->operands[0]};
    default:
      return {wish.node};
  }
}

void Tensors::plan() {
  std::vector<Ref> wanted;
  for (const Wish& wish : wishes_) wanted.push_back(wish.node);
  std::vector<Ref> all = order(wanted);
  for (const Ref node : wanted) ++users_[node];
  for (const Ref node : all) {
    if (leaf(node)) continue;
    for (const Ref operand : operands_of(node)) ++users_[operand];
  }
  split_deposits();
  wanted.clear();
  for (const Wish& wish : wishes_) {
    for (const Ref node : roots(wish)) wanted.push_back(node);
  }
  all = order(wanted);
  for (const Ref node : all) {
    if (node->is(NodeKind::part)) wanted_parts_.insert({node->operands[0], node->as<graph::Part>().index});
    int total = 1, depth = 0;
    if (node->is(NodeKind::map)) total = node->as<graph::Map>().op->cost;
    if (!leaf(node)) {
      for (const Ref operand : operands_of(node)) {
        total = std::min(10'000, total + (location(operand).buffer == none ? cost(operand) : 1));
        depth = std::max(depth, depths_[operand]);
      }
    }
    costs_[node] = total;
    depths_[node] = depth + 1;
    if (depth + 1 >= deepest && node->is(NodeKind::map)) {
      forced_.insert(node);
      costs_[node] = 1;
      depths_[node] = 0;
    }
  }
  for (const Wish& wish : wishes_) plan_wish(wish);
  for (auto node = all.rbegin(); node != all.rend(); ++node) plan_node(*node);
}

void Tensors::plan_wish(const Wish& wish) {
  switch (wish.what) {
    case Wish::What::store:
      return stream(wish.node);
    case Wish::What::keep:
      planned_[wish.node] = wish.to;
      forced_.insert(wish.node);
      return read(wish.node, 1);
    case Wish::What::output:
    case Wish::What::deposit:
      return read(wish.node, 1);
    case Wish::What::part:
      return;
    case Wish::What::scatter:
    case Wish::What::place:
      for (const Ref operand : wish.node->operands) read(operand, 1);
      return;
    case Wish::What::outer: {
      const Product how = outer_product(wish.node);
      const graph::Contract& contract = wish.node->as<graph::Contract>();
      for (const auto& [operand, labels] :
           {std::pair{how.first, how.kept}, std::pair{how.second, how.batch}}) {
        want_rows(wish.node->operands[operand], contract.operands[operand], how.summed + labels);
      }
      return;
    }
  }
}

// Gives the node a buffer, unless it is stored at its one user's place.
bool Tensors::materialize(Ref node, const Use& use) {
  if (!forced_.count(node) && use.streams == 1 && use.reads == 0) return false;
  if (!planned_.count(node)) planned_[node] = scratch(std::string(), node->type);
  return true;
}

// The location that the node will have, were `base` materialized.
bool Tensors::sketch(Ref node, Location& at, Ref& base) const {
  std::vector<Ref> chain;
  while (affine(node) && !located_.count(node) && !planned_.count(node)) {
    chain.push_back(node);
    node = node->operands[0];
  }
  base = node;
  at = location(node);
  if (const auto found = planned_.find(node); found != planned_.end()) at = found->second;
  if (at.buffer != none) {
    const Buffer& b = writer_.program().buffers[at.buffer];
    if (!b.lanes || b.kind != Kind::real || (b.storage != Storage::frame && b.storage != Storage::argument))
      return false;
    base = nullptr;
  } else if (node->is(NodeKind::part)) {
    const graph::Node& tuple = *node->operands[0];
    at.strides = row_major(node->type.shape);
    if (tuple.is(NodeKind::solve)) {
      Extent elements = 0;
      for (int s = 0; s < tuple.as<graph::SolveInfo>().state_count(); ++s)
        elements = elements + tuple.operands[s]->type.size();
      at.strides[0] = elements;
    }
    base = nullptr;
  } else if (!lanes(node) || node->type.element != Element::real || node->operands.empty()) {
    return false;
  } else {
    at.strides = row_major(node->type.shape);
  }
  at.buffer = 0;
  for (auto link = chain.rbegin(); link != chain.rend(); ++link) {
    if ((*link)->is(NodeKind::view)) {
      at = look((*link)->as<graph::View>(), (*link)->type.rank(), at);
    } else {
      if (!packed_from(at, (*link)->operands[0]->type.shape, 0)) return false;
      at.strides = row_major((*link)->type.shape);
    }
  }
  return true;
}

// A kernel reads the operand: the axes of `suffix` should lie without gaps. If they will not, the kernel
// copies.
void Tensors::want_rows(Ref node, const std::string& labels, const std::string& wanted) {
  Location at;
  Ref base = nullptr;
  if (labels == wanted && !role_.clear_idle && sketch(node, at, base) &&
      packed_from(at, node->type.shape, 0)) {
    if (base) forced_.insert(base);
    read(node, many);
  } else {
    read(node, 1);
  }
}

void Tensors::plan_node(Ref node) {
  Use& use = uses_[node];
  if (leaf(node)) {
    const bool copied = node->is(NodeKind::data) || node->is(NodeKind::random);
    if (forced_.count(node) || (copied && lanes(node) && !located_.count(node) && use.reads >= many)) {
      planned_[node] = scratch(std::string(), node->type);
    }
    return;
  }
  const int64_t times = use.reads + use.streams;
  switch (node->kind) {
    case NodeKind::map: {
      Ref contract = nullptr, bias = nullptr;
      if (biased(node, contract, bias)) {
        materialize(node, use);
        read(bias, 1);
        // The contract is part of this node now: its operands are read here.
        return plan_contract(contract, use);
      }
      if (times > 1 || forced_.count(node)) materialize(node, use);
      for (const Ref operand : operands_of(node)) read(operand, 1);
      return;
    }
    case NodeKind::contract: {
      if (use.reads + use.streams == 0 && !forced_.count(node)) return;  // one with its bias, planned there
      return plan_contract(node, use);
    }
    case NodeKind::view:
    case NodeKind::place:
      return plan_view(node, times);
    case NodeKind::reshape:
      if (forced_.count(node)) {
        materialize(node, use);
        return stream(node->operands[0]);
      }
      if (use.streams == 1 && use.reads == 0 && affine(node)) return stream(node->operands[0]);
      return read(node->operands[0], times);
    case NodeKind::gather:
      if (times > 1 || forced_.count(node)) materialize(node, use);
      read(node->operands[0], 2);
      for (size_t i = 1; i < node->operands.size(); ++i) read(node->operands[i], 2);
      return;
    case NodeKind::scatter_add:
      materialize(node, use);
      for (const Ref operand : node->operands) read(operand, 1);
      return;
    case NodeKind::concat:
      materialize(node, use);
      for (const Ref operand : node->operands) stream(operand);
      return;
    case NodeKind::reduce:
      materialize(node, use);
      return read(node->operands[0], 1);
    case NodeKind::part:
      if (forced_.count(node)) materialize(node, use);
      return;
    case NodeKind::solve:
    case NodeKind::adjoint:
      return plan_structured(node);
    default:
      return;
  }
}

void Tensors::plan_view(Ref node, int64_t times) {
  const bool shows = node->is(NodeKind::view);
  Use& use = uses_[node];
  bool repeats = false;
  if (shows) {
    // Injective: each axis of the result moves one axis of the source, alone.
    std::vector<int> moved(node->type.shape.size(), 0);
    for (const graph::AxisMap& map : node->as<graph::View>().axes) {
      repeats = repeats || map.terms.size() > 1;
      for (const auto& [axis, coefficient] : map.terms) ++moved[axis];
    }
    for (size_t axis = 0; axis < moved.size(); ++axis) {
      repeats = repeats || (moved[axis] == 0 && node->type.shape[axis] != Extent(1));
    }
    repeats = repeats || node->as<graph::View>().fill;
    // A run-time offset costs a test and a clamp at each read.
    if (forced_.count(node) || (node->operands.size() > 1 && times > 1)) {
      materialize(node, use);
      times = 1;
    }
  } else if (!invertible(node) || times > 1 || forced_.count(node)) {
    materialize(node, use);
    times = 1;
  } else {
    repeats = node->type.size() != node->operands[0]->type.size();
  }
  read(node->operands[0], repeats ? many * times : times);
  for (size_t i = 1; i < node->operands.size(); ++i) read(node->operands[i], 1);
}

void Tensors::plan_contract(Ref node, const Use& use) {
  const graph::Contract& contract = node->as<graph::Contract>();
  std::string all = contract.result;
  bool sums = false;
  for (const std::string& labels : contract.operands) {
    for (const char label : labels) {
      if (all.find(label) != std::string::npos) continue;
      all += label;
      sums = true;
    }
  }
  const bool kept_apart =
      uses_.count(node) && (uses_[node].reads + uses_[node].streams > 0 || forced_.count(node));
  if (const Product how = matrix_product(node); how.found) {
    if (kept_apart) materialize(node, use);
    return want_rows(node->operands[how.second], contract.operands[how.second], how.batch + how.summed);
  }
  const int64_t times = use.reads + use.streams;
  if (sums || times > 1 || forced_.count(node)) materialize(node, use);
  for (size_t i = 0; i < node->operands.size(); ++i) {
    const bool repeats = std::any_of(all.begin(), all.end(), [&](char label) {
      return contract.operands[i].find(label) == std::string::npos;
    });
    read(node->operands[i], repeats ? many : 1);
  }
}

// Operands of solves and adjoints: what they capture per sample goes into dense buffers; initial values and
// cotangents are stored where the solver wants them; times and controls are read at will.
void Tensors::plan_structured(Ref node) {
  const bool solve = node->is(NodeKind::solve);
  size_t streams_from = 0, streams_to = 0, captured = 0;
  if (solve) {
    const graph::SolveInfo& info = node->as<graph::SolveInfo>();
    streams_to = static_cast<size_t>(info.state_count());
    captured = static_cast<size_t>(info.frontier_operand());
  } else {
    streams_from = 1;
    captured = streams_to = 1 + node->operands[0]->parts.size();
  }
  for (size_t i = 0; i < node->operands.size(); ++i) {
    const Ref operand = node->operands[i];
    if (i >= captured) {
      if (lanes(operand) && !operand->is(NodeKind::length) && !located_.count(operand))
        forced_.insert(operand);
      read(operand, 1);
    } else if (i >= streams_from && i < streams_to) {
      stream(operand);
    } else if (i >= streams_to) {
      read(operand, 2);
    }
  }
}

}  // namespace nodec::schedule
