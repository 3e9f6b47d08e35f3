// The derivative of every kind of node, both ways: one row a kind.
#include "compiler/derive/rules.hpp"

#include <algorithm>
#include <numeric>

#include "compiler/graph/op.hpp"

namespace nodec::derive {
namespace {

using namespace graph;

bool refuse(Refusal& refusal, const std::string& what, const Node& node) {
  if (!refusal) refusal = {what, &node};
  return true;
}

// ---- map: each operand's direction times ∂op/∂operand; `where` selects instead, also for 0 · inf.

Ref derivative(Directions& d, const Node& node, size_t i, Refusal& refusal) {
  const Op& op = *node.as<Map>().op;
  if (op.derivative) return op.derivative(d.g, node.operands, &node, static_cast<int>(i));
  refuse(refusal, "derivative of " + std::string(op.name) + ": " + std::string(op.no_derivative), node);
  return nullptr;
}

bool is_where(const Node& node) { return node.as<Map>().op->name == "where"; }

// Whether a cotangent of 0 is sure to stay 0: the registry knows where an op's derivative leaves the reals.
bool derivative_finite(Directions& d, const Node& node) {
  return !node.as<Map>().op->singular &&
         std::all_of(node.operands.begin(), node.operands.end(), [&](Ref x) { return d.finite(x); });
}

void pull_map(Pull& p) {
  if (is_where(p.node)) {
    const Ref condition = p.node.operands[0];
    if (p.wants(1)) p.give(p.node.operands[1], p.d.select(condition, p.cotangent(), nullptr), 0);
    if (p.wants(2)) p.give(p.node.operands[2], p.d.select(condition, nullptr, p.cotangent()), 0);
    return;
  }
  const bool gated = p.gated && !derivative_finite(p.d, p.node);
  if (const Power power = as_power(&p.node, p.independent); power.exponent > 1) {
    p.give(power.base, p.d.times(p.cotangent(), power_derivative(p.d.g, power), gated), 0);
    return;
  }
  for (size_t i = 0; i < p.node.operands.size(); ++i) {
    if (!p.wants(i)) continue;
    const Ref local = derivative(p.d, p.node, i, p.refusal);
    if (!vanishes(local)) p.give(p.node.operands[i], p.d.times(p.cotangent(), local, gated), 0);
  }
}

Ref push_map(Push& p) {
  if (is_where(p.node)) return p.d.select(p.node.operands[0], p.tangents[1], p.tangents[2]);
  if (const Power power = as_power(&p.node, p.independent); power.exponent > 1)
    return p.d.times(p.tangent_of(power.base), power_derivative(p.d.g, power), false);
  Ref total = nullptr;
  for (size_t i = 0; i < p.tangents.size(); ++i) {
    if (!p.tangents[i]) continue;
    const Ref local = derivative(p.d, p.node, i, p.refusal);
    if (vanishes(local)) continue;
    const Ref term = p.d.times(p.tangents[i], local, false);
    total = total ? add(p.d.g, total, term) : term;
  }
  return total;
}

// ---- contract: linear in each operand. The cotangent of one is contracted with the others over the labels
// that it lacks; a label that only it has is repeated; a label that it has twice stands on the diagonal.

std::string distinct(const std::string& labels) {
  std::string result;
  for (char label : labels)
    if (result.find(label) == std::string::npos) result += label;
  return result;
}

std::vector<Extent> extents_of(const Node& node, const std::string& labels) {
  const Contract& contract = node.as<Contract>();
  std::vector<Extent> result;
  for (char label : labels)
    for (size_t i = 0; i < contract.operands.size(); ++i) {
      const size_t axis = contract.operands[i].find(label);
      if (axis == std::string::npos) continue;
      result.push_back(node.operands[i]->type.shape[axis]);
      break;
    }
  return result;
}

std::vector<int> positions(const std::string& labels, const std::string& among) {
  std::vector<int> result;
  for (char label : labels) result.push_back(static_cast<int>(among.find(label)));
  return result;
}

// Σ cotangent · others onto `wanted`, product by product in full so that a zero cotangent absorbs what is not
// finite.
Ref contract_gated(Pull& p, const std::vector<std::string>& labels, const std::vector<Ref>& others,
                   const std::string& wanted) {
  const std::string& result = p.node.as<Contract>().result;
  std::string all = result;
  for (const std::string& word : labels) all += word;
  all = distinct(all);
  std::string of_others;
  for (const std::string& word : labels) of_others += word;
  of_others = distinct(of_others);
  const std::vector<Extent> shape = extents_of(p.node, all);
  const Ref factor =
      expand(p.d.g, p.d.g.contract(labels, of_others, others), positions(of_others, all), shape);
  const Ref full = p.d.times(p.d.expand(p.cotangent(), positions(result, all), shape), factor, true);
  std::vector<std::string> word{all};
  return p.d.contract(word, wanted, {full}, 0);
}

void pull_contract(Pull& p) {
  const Contract& contract = p.node.as<Contract>();
  for (size_t i = 0; i < p.node.operands.size(); ++i) {
    if (!p.wants(i)) continue;
    const std::string& own = contract.operands[i];
    std::vector<std::string> labels;
    std::vector<Ref> others;
    bool finite = true;
    std::string available = contract.result;
    for (size_t j = 0; j < p.node.operands.size(); ++j) {
      if (j == i) continue;
      labels.push_back(contract.operands[j]);
      others.push_back(p.node.operands[j]);
      finite = finite && p.d.finite(p.node.operands[j]);
      available += contract.operands[j];
    }
    const std::string once = distinct(own);
    std::string wanted;
    for (char label : once)
      if (available.find(label) != std::string::npos) wanted += label;
    Ref contribution;
    if (p.gated && !finite) {
      contribution = contract_gated(p, labels, others, wanted);
    } else {
      labels.insert(labels.begin(), contract.result);
      others.insert(others.begin(), p.cotangent());
      contribution = p.d.contract(labels, wanted, others, 0);
    }
    if (wanted != once)
      contribution = p.d.expand(contribution, positions(wanted, once), extents_of(p.node, once));
    if (once != own) {
      View diagonal;
      for (int axis : positions(own, once)) {
        AxisMap map;
        map.terms = {{axis, 1}};
        diagonal.axes.push_back(map);
      }
      contribution = p.d.place(contribution, diagonal, p.node.operands[i]->type.shape, {});
    }
    p.give(p.node.operands[i], contribution, 0);
  }
}

Ref push_contract(Push& p) {
  const Contract& contract = p.node.as<Contract>();
  Ref total = nullptr;
  for (size_t i = 0; i < p.tangents.size(); ++i) {
    if (!p.tangents[i]) continue;
    std::vector<Ref> operands = p.node.operands;
    operands[i] = p.tangents[i];
    const Ref term = p.d.contract(contract.operands, contract.result, operands, i);
    total = total ? add(p.d.g, total, term) : term;
  }
  return total;
}

// ---- index maps: view and place, gather and scatter_add are each other's transposes.

std::vector<Ref> after_first(const Node& node) { return {node.operands.begin() + 1, node.operands.end()}; }

void pull_view(Pull& p) {
  if (p.wants(0))
    p.give(p.node.operands[0],
           p.d.place(p.cotangent(), p.node.as<View>(), p.node.operands[0]->type.shape, after_first(p.node)),
           0);
}
Ref push_view(Push& p) {
  return p.d.view(p.tangents[0], p.node.as<View>(), p.node.type.shape, after_first(p.node));
}

void pull_place(Pull& p) {
  if (p.wants(0))
    p.give(p.node.operands[0],
           p.d.view(p.cotangent(), p.node.as<View>(), p.node.operands[0]->type.shape, after_first(p.node)),
           0);
}
Ref push_place(Push& p) {
  return p.d.place(p.tangents[0], p.node.as<View>(), p.node.type.shape, after_first(p.node));
}

void pull_reshape(Pull& p) {
  if (p.wants(0)) p.give(p.node.operands[0], p.d.reshape(p.cotangent(), p.node.operands[0]->type.shape), 0);
}
Ref push_reshape(Push& p) { return p.d.reshape(p.tangents[0], p.node.type.shape); }

void pull_gather(Pull& p) {
  if (p.wants(0))
    p.give(p.node.operands[0],
           p.d.scatter_add(p.cotangent(), after_first(p.node), p.node.operands[0]->type.shape), 0);
}
Ref push_gather(Push& p) { return p.d.gather(p.tangents[0], after_first(p.node)); }

void pull_scatter_add(Pull& p) {
  if (p.wants(0)) p.give(p.node.operands[0], p.d.gather(p.cotangent(), after_first(p.node)), 0);
}
Ref push_scatter_add(Push& p) {
  return p.d.scatter_add(p.tangents[0], after_first(p.node), p.node.type.shape);
}

void pull_concat(Pull& p) {
  const int axis = p.node.as<Axis>().axis;
  Extent start = 0;
  for (size_t i = 0; i < p.node.operands.size(); ++i) {
    const Extent& extent = p.node.operands[i]->type.shape[static_cast<size_t>(axis)];
    if (p.wants(i)) p.give(p.node.operands[i], p.d.slice(p.cotangent(), axis, start, extent), 0);
    start = start + extent;
  }
}
Ref push_concat(Push& p) {
  std::vector<Ref> parts;
  for (size_t i = 0; i < p.tangents.size(); ++i)
    parts.push_back(p.tangents[i] ? p.tangents[i] : p.d.zeros(p.node.operands[i]->type));
  return p.d.concat(parts, p.node.as<Axis>().axis);
}

// ---- reduce

std::vector<int> kept_axes(const Node& node) {
  const std::vector<int>& reduced = node.as<Reduce>().axes;
  std::vector<int> kept;
  for (int axis = 0; axis < node.operands[0]->type.rank(); ++axis)
    if (std::find(reduced.begin(), reduced.end(), axis) == reduced.end()) kept.push_back(axis);
  return kept;
}

// Where x has its extreme value, and 1 / how often it does.
std::pair<Ref, Ref> ties(Graph& g, const Node& node) {
  const Ref x = node.operands[0];
  const Ref extreme = apply(g, "equal", {x, expand(g, &node, kept_axes(node), x->type.shape)});
  const Ref one = g.constant(1.0, x->type);
  const Ref count = sum(g, where(g, extreme, one, zeros(g, x->type)), node.as<Reduce>().axes);
  return {extreme, div(g, g.constant(1.0, node.type), count)};
}

// Π_{j≠i} x_j over the reduced axes, for each i: right where factors are 0, at the cost of n² products.
Ref products_of_others(Graph& g, const Node& node) {
  const Ref x = node.operands[0];
  const std::vector<int> kept = kept_axes(node);
  std::vector<int> order = kept, back(x->type.shape.size());
  order.insert(order.end(), node.as<Reduce>().axes.begin(), node.as<Reduce>().axes.end());
  for (size_t i = 0; i < order.size(); ++i) back[static_cast<size_t>(order[i])] = static_cast<int>(i);
  const Ref ordered = transpose(g, x, order);

  std::vector<Extent> rows;
  Extent n = 1;
  for (size_t i = 0; i < order.size(); ++i) {
    const Extent& extent = ordered->type.shape[i];
    if (i < kept.size())
      rows.push_back(extent);
    else
      n = n * extent;
  }
  const int last = static_cast<int>(rows.size());
  std::vector<Extent> flat = rows, square = rows;
  flat.push_back(n);
  square.push_back(n);
  square.push_back(n);
  std::vector<int> axes(rows.size());
  std::iota(axes.begin(), axes.end(), 0);
  axes.push_back(last + 1);
  const Ref factors = expand(g, g.reshape(ordered, flat), axes, square);
  const Ref index = g.iota(n);
  const Ref same =
      apply(g, "equal", {expand(g, index, {last}, square), expand(g, index, {last + 1}, square)});
  const Ref others =
      g.reduce(where(g, same, g.constant(1.0, factors->type), factors), Reduction::prod, {last + 1});
  return transpose(g, g.reshape(others, ordered->type.shape), back);
}

void pull_reduce(Pull& p) {
  if (!p.wants(0)) return;
  const std::vector<Extent>& shape = p.node.operands[0]->type.shape;
  if (p.node.as<Reduce>().reduction == Reduction::prod) {
    const Ref repeated = p.d.expand(p.cotangent(), kept_axes(p.node), shape);
    p.give(p.node.operands[0], p.d.times(repeated, products_of_others(p.d.g, p.node), p.gated), 0);
    return;
  }
  const auto [extreme, share] = ties(p.d.g, p.node);
  const Ref divided = p.d.expand(p.d.times(p.cotangent(), share, p.gated), kept_axes(p.node), shape);
  p.give(p.node.operands[0], p.d.select(extreme, divided, nullptr), 0);
}

Ref push_reduce(Push& p) {
  const std::vector<int>& axes = p.node.as<Reduce>().axes;
  if (p.node.as<Reduce>().reduction == Reduction::prod)
    return p.d.sum(p.d.times(p.tangents[0], products_of_others(p.d.g, p.node), false), axes);
  const auto [extreme, share] = ties(p.d.g, p.node);
  const Ref selected = p.d.select(extreme, p.tangents[0], nullptr);
  return selected ? p.d.times(p.d.sum(selected, axes), share, false) : nullptr;
}

// ---- across samples and tuples

void pull_batch_sum(Pull& p) { p.give(p.node.operands[0], p.cotangent(), 0); }
Ref push_batch_sum(Push& p) { return p.d.g.batch_sum(p.tangents[0]); }

void pull_part(Pull& p) { p.give(p.node.operands[0], p.cotangent(), p.node.as<Part>().index); }
Ref push_part(Push& p) {
  return p.part_tangent ? p.part_tangent(p.node.operands[0], p.node.as<Part>().index) : nullptr;
}

// Deeper products are left to the product rule, so that a long one is not walked again from each of its
// nodes.
constexpr int deepest_power = 8;

Power as_power(Ref x, const std::function<bool(Ref)>& independent, int depth) {
  if (depth == 0 || !x->is(Kind::map) || x->as<Map>().op->name != "mul" || independent(x)) return {x, 1};
  const Power left = as_power(x->operands[0], independent, depth - 1);
  const Power right = as_power(x->operands[1], independent, depth - 1);
  if (left.base != right.base) return {x, 1};
  return {left.base, left.exponent + right.exponent};
}

Ref raise(Graph& g, Ref base, int exponent) {
  if (exponent == 1) return base;
  const Ref half = raise(g, base, exponent / 2), square = mul(g, half, half);
  return exponent % 2 ? mul(g, square, base) : square;
}

constexpr Rule rules[] = {
    {Kind::map, pull_map, push_map},
    {Kind::contract, pull_contract, push_contract},
    {Kind::view, pull_view, push_view},
    {Kind::place, pull_place, push_place},
    {Kind::reshape, pull_reshape, push_reshape},
    {Kind::gather, pull_gather, push_gather},
    {Kind::scatter_add, pull_scatter_add, push_scatter_add},
    {Kind::concat, pull_concat, push_concat},
    {Kind::reduce, pull_reduce, push_reduce},
    {Kind::batch_sum, pull_batch_sum, push_batch_sum},
    {Kind::part, pull_part, push_part},
    {Kind::solve, pull_solve, push_solve},
    {Kind::adjoint, pull_adjoint, push_adjoint},
};

}  // namespace

Power as_power(Ref x, const std::function<bool(Ref)>& independent) {
  return as_power(x, independent, deepest_power);
}

Ref power_derivative(Graph& g, const Power& power) {
  return scale(g, power.exponent, raise(g, power.base, power.exponent - 1));
}

const Rule* find_rule(Kind kind) {
  for (const Rule& rule : rules)
    if (rule.kind == kind) return &rule;
  return nullptr;
}

}  // namespace nodec::derive
