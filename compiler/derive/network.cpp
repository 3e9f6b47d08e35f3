// ∂e/∂x carried through an expression as a sum of products.
#include "compiler/derive/network.hpp"

#include <algorithm>

#include "compiler/derive/pass.hpp"
#include "compiler/derive/rules.hpp"
#include "compiler/graph/op.hpp"

namespace nodec::derive {

using namespace graph;

namespace {

// Each index is an offset and at most one index of the other side.
bool moves_indices(const View& view) {
  return std::all_of(view.axes.begin(), view.axes.end(), [](const AxisMap& axis) {
    return !axis.dynamic && axis.terms.size() <= 1 && (axis.terms.empty() || axis.terms[0].second == 1);
  });
}

}  // namespace

Network::Network(Graph& g, Ref x, Choices choices, Refusal& refusal)
    : g_(g), x_(x), choices_(choices), directions_(g, x->type.shape), refusal_(refusal) {}

Terms Network::derive(Ref e) {
  for (Ref node : active_nodes({e}, {x_})) {
    if (refusal_) return {};
    Terms terms;
    if (node == x_) {
      terms = start();
    } else if (!push(*node, terms)) {
      terms = whole(push_by_rule(*node));
    }
    longest_ = std::max(longest_, terms.size());
    // A product of many factors takes long to order.
    const bool long_product =
        std::any_of(terms.begin(), terms.end(), [](const Term& t) { return t.words() >= most_factors; });
    if (terms.size() > choices_.most_terms || long_product) terms = whole(multiply_out(terms, *node));
    if (!terms.empty()) terms_[node] = std::move(terms);
  }
  return of(e);
}

const Terms& Network::of(Ref node) const {
  static const Terms none;
  const auto at = terms_.find(node);
  return at == terms_.end() ? none : at->second;
}

Terms Network::too_many_axes() const {
  refusal_ = {"a whole derivative by a tensor of so many axes (52 in all)", x_};
  return {};
}

Terms Network::start() const {
  Term term;
  for (const Extent& extent : x_->type.shape) {
    Index index{};
    if (!term.fresh(extent, index)) return too_many_axes();
    term.with.push_back(index);
  }
  term.axes = term.with;
  return {std::move(term)};
}

// A tensor with x's axes before the node's, as a single factor.
Terms Network::whole(Ref direction) const {
  if (vanishes(direction)) return {};
  Term term;
  term.factors = {direction};
  term.indices.emplace_back();
  for (size_t axis = 0; axis < direction->type.shape.size(); ++axis) {
    Index index{};
    if (!term.fresh(direction->type.shape[axis], index)) return too_many_axes();
    term.indices[0].push_back(index);
    (axis < x_->type.shape.size() ? term.with : term.axes).push_back(index);
  }
  return {std::move(term)};
}

Ref Network::multiply_out(const Terms& terms, const Node& node) {
  return terms.empty() ? nullptr : assemble(terms, node, false);
}

Ref Network::assemble(const Terms& terms, const Node& node, bool x_last) {
  Ref total = nullptr;
  for (const Term& term : terms) {
    const Ref value = assemble(term, node, x_last);
    if (!vanishes(value)) total = total ? add(g_, total, value) : value;
  }
  return total;
}

Ref Network::assemble(Term term, const Node& node, bool x_last) {
  std::vector<Index> wanted = x_last ? term.axes : term.with;
  const std::vector<Index>& last = x_last ? term.with : term.axes;
  wanted.insert(wanted.end(), last.begin(), last.end());
  std::vector<Extent> shape = x_last ? node.type.shape : x_->type.shape;
  const std::vector<Extent>& rest = x_last ? x_->type.shape : node.type.shape;
  shape.insert(shape.end(), rest.begin(), rest.end());

  std::string once;
  for (const Index& index : wanted)
    if (once.find(index.label) == std::string::npos) once += index.label;
  // A label that stands more than once is zero off its diagonal, one of a part of an axis beside it.
  View view;
  bool all = once.size() == wanted.size();
  for (size_t k = 0; k < wanted.size(); ++k) {
    const Range& range = term.ranges.at(wanted[k].label);
    AxisMap axis;
    axis.offset = range.begin + wanted[k].shift;
    axis.terms = {{static_cast<int>(once.find(wanted[k].label)), 1}};
    view.axes.push_back(axis);
    all = all && range.extent == shape[k];
  }
  const Ref value = contract_term(g_, std::move(term), once, choices_.ties);
  return all || !value ? value : g_.place(value, view, shape);
}

Ref Network::push_by_rule(const Node& node) {
  std::vector<Ref> tangents;
  for (Ref operand : node.operands) tangents.push_back(multiply_out(of(operand), *operand));
  const Rule* rule = find_rule(node.kind);
  if (!rule || std::all_of(tangents.begin(), tangents.end(), [](Ref t) { return !t; })) return nullptr;
  Push push{directions_,
            node,
            tangents,
            [x = x_](Ref other) { return other == x; },
            [&](Ref below) { return multiply_out(of(below), *below); },
            refusal_};
  return rule->push(push);
}

bool Network::push(const Node& node, Terms& result) {
  switch (node.kind) {
    case Kind::map:
      return node.as<Map>().op->name == "where" ? push_where(node, result) : push_map(node, result);
    case Kind::contract:
      return push_contract(node, result);
    case Kind::view:
      return push_view(node, result);
    case Kind::place:
      return push_place(node, result);
    case Kind::reshape:
      return push_reshape(node, result);
    case Kind::concat:
      push_concat(node, result);
      return true;
    default:
      return false;
  }
}

bool Network::push_map(const Node& node, Terms& result) {
  const Op& op = *node.as<Map>().op;
  if (!op.derivative) return false;
  const auto is_x = [x = x_](Ref other) { return other == x; };
  if (const Power power = as_power(&node, is_x); power.exponent > 1) {
    multiply(of(power.base), power_derivative(g_, power), result);
    return true;
  }
  for (size_t i = 0; i < node.operands.size(); ++i) {
    const Terms& terms = of(node.operands[i]);
    if (!terms.empty()) multiply(terms, op.derivative(g_, node.operands, &node, static_cast<int>(i)), result);
  }
  return true;
}

// A condition selects as a factor of 1 and 0, and in the factors that may not be finite, which 0 would not
// hide.
bool Network::push_where(const Node& node, Terms& result) {
  const Ref condition = node.operands[0], one = g_.constant(1.0, node.type), zero = zeros(g_, node.type);
  for (size_t i = 1; i < node.operands.size(); ++i) {
    const auto selected = [&](Ref x) {
      return i == 1 ? where(g_, condition, x, zero) : where(g_, condition, zero, x);
    };
    for (Term term : of(node.operands[i])) {
      bool hidden = false;
      for (size_t f = 0; f < term.factors.size(); ++f) {
        if (directions_.finite(term.factors[f])) continue;
        if (term.indices[f] != term.axes) return false;
        term.factors[f] = selected(term.factors[f]);
        hidden = true;
      }
      if (hidden)
        result.push_back(std::move(term));
      else
        multiply({std::move(term)}, selected(one), result);
    }
  }
  return true;
}

void Network::multiply(const Terms& terms, Ref local, Terms& result) {
  if (vanishes(local)) return;
  std::vector<Ref> factors;
  double coefficient = 1;
  const std::function<void(Ref)> collect = [&](Ref factor) {
    if (factor->is(Kind::map) && factor->as<Map>().op->name == "mul") {
      collect(factor->operands[0]);
      collect(factor->operands[1]);
    } else if (factor->is(Kind::map) && factor->as<Map>().op->name == "neg") {
      coefficient = -coefficient;
      collect(factor->operands[0]);
    } else if (factor->is(Kind::constant) && factor->as<Constant>().values.size() == 1) {
      coefficient *= factor->as<Constant>().values[0];
    } else {
      factors.push_back(factor);
    }
  };
  collect(local);
  for (Term term : terms) {
    term.coefficient *= coefficient;
    if (term.coefficient == 0) continue;  // the product of tiny numbers
    for (Ref factor : factors) {
      term.factors.push_back(factor);
      term.indices.push_back(factor->type.scalar() ? std::vector<Index>{} : term.axes);
    }
    result.push_back(std::move(term));
  }
}

bool Network::push_contract(const Node& node, Terms& result) {
  for (size_t i = 0; i < node.operands.size(); ++i) {
    if (of(node.operands[i]).empty()) continue;
    Product product{node.as<Contract>().operands, node.operands, node.as<Contract>().result};
    if (node.operands[i] != x_) separate(g_, product, i);
    if (!push_product(product, i, result)) return false;
  }
  return true;
}

bool Network::push_product(const Product& product, size_t i, Terms& result) {
  for (Term term : of(product.operands[i])) {
    // A label that stands twice closes two axes. What `names` gives stays right: identify keeps the first
    // label.
    std::map<char, size_t> first;
    Left left = Left::some;
    for (size_t axis = 0; axis < product.labels[i].size() && left == Left::some; ++axis) {
      const auto [at, added] = first.emplace(product.labels[i][axis], axis);
      if (!added) left = identify(term, term.axes[at->second], term.axes[axis]);
    }
    if (left == Left::unknown) return false;
    if (left == Left::nothing) continue;
    std::map<char, Index> names;
    for (const auto& [label, axis] : first) names[label] = term.axes[axis];
    for (size_t j = 0; j < product.operands.size(); ++j) {
      if (j == i) continue;
      std::vector<Index> word;
      for (size_t axis = 0; axis < product.labels[j].size(); ++axis) {
        const char label = product.labels[j][axis];
        if (!names.count(label)) {
          Index index{};
          if (!term.fresh(product.operands[j]->type.shape[axis], index)) return false;
          names[label] = index;
        }
        word.push_back(names.at(label));
      }
      term.factors.push_back(product.operands[j]);
      term.indices.push_back(std::move(word));
    }
    term.axes.clear();
    for (char label : product.result) term.axes.push_back(names.at(label));
    result.push_back(std::move(term));
  }
  return true;
}

// A slice, transposition, repetition, diagonal or padding.
bool Network::push_view(const Node& node, Terms& result) {
  const View& view = node.as<View>();
  if (!moves_indices(view)) return false;
  const std::vector<Extent>& shape = node.type.shape;
  for (Term term : of(node.operands[0])) {
    std::vector<int> source(shape.size(), -1);  // the axis of `from` that an axis of the result is of
    Left left = Left::some;
    for (size_t axis = 0; axis < view.axes.size() && left == Left::some; ++axis) {
      const AxisMap& map = view.axes[axis];
      Index& index = term.axes[axis];
      index.shift = index.shift - map.offset;
      if (map.terms.empty()) {
        left = restrict_to(term, index, 1);
        continue;
      }
      const size_t to = static_cast<size_t>(map.terms[0].first);
      left = restrict_to(term, index, shape[to]);
      if (left != Left::some) break;
      if (source[to] < 0)
        source[to] = static_cast<int>(axis);
      else
        left = identify(term, term.axes[static_cast<size_t>(source[to])], index);
    }
    if (left == Left::unknown) return false;
    if (left == Left::nothing) continue;
    std::vector<Index> axes;
    for (size_t to = 0; to < shape.size(); ++to) {
      Index index{};
      if (source[to] >= 0)
        index = term.axes[static_cast<size_t>(source[to])];
      else if (!term.fresh(shape[to], index))
        return false;
      axes.push_back(index);
    }
    term.axes = std::move(axes);
    result.push_back(std::move(term));
  }
  return true;
}

// The transpose of such a view.
bool Network::push_place(const Node& node, Terms& result) {
  const View& view = node.as<View>();
  if (!moves_indices(view)) return false;
  for (Term term : of(node.operands[0])) {
    std::vector<Index> axes;
    Left left = Left::some;
    for (size_t axis = 0; axis < view.axes.size() && left == Left::some; ++axis) {
      const AxisMap& map = view.axes[axis];
      Index index{};
      if (map.terms.empty()) {
        if (!term.fresh(1, index)) return false;
      } else {
        index = term.axes[static_cast<size_t>(map.terms[0].first)];
      }
      index.shift = index.shift + map.offset;
      left = restrict_to(term, index, node.type.shape[axis]);
      axes.push_back(index);
    }
    if (left == Left::unknown) return false;
    if (left == Left::nothing) continue;
    term.axes = std::move(axes);
    result.push_back(std::move(term));
  }
  return true;
}

bool Network::push_reshape(const Node& node, Terms& result) {
  const std::optional<std::vector<AxisGroup>> groups = groups_of(node);
  if (!groups) return false;
  for (Term term : of(node.operands[0])) {
    std::vector<Index> axes(node.type.shape.size());
    for (const AxisGroup& group : *groups) {
      if (group.from.size() == 1 && group.to.size() == 1) {
        axes[group.to[0]] = term.axes[group.from[0]];
      } else if (group.from.empty()) {
        if (!term.fresh(1, axes[group.to[0]])) return false;
      } else if (group.from.size() == 1) {
        std::vector<Extent> extents;
        for (const size_t axis : group.to) extents.push_back(node.type.shape[axis]);
        std::vector<Index> indices;
        if (!split(g_, term, term.axes[group.from[0]], extents, indices)) return false;
        for (size_t k = 0; k < group.to.size(); ++k) axes[group.to[k]] = indices[k];
      } else {
        return false;
      }
    }
    term.axes = std::move(axes);
    result.push_back(std::move(term));
  }
  return true;
}

void Network::push_concat(const Node& node, Terms& result) {
  const size_t axis = static_cast<size_t>(node.as<Axis>().axis);
  Extent start = 0;
  for (Ref part : node.operands) {
    for (Term term : of(part)) {
      term.axes[axis].shift = term.axes[axis].shift + start;
      result.push_back(std::move(term));
    }
    start = start + part->type.shape[axis];
  }
}

}  // namespace nodec::derive
