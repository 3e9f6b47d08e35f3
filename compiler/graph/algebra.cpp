// NumPy's terms over the graph's few families of nodes: broadcasts and slices are views, sums are
// contractions.
#include "compiler/graph/algebra.hpp"

#include <algorithm>
#include <numeric>

#include "compiler/graph/op.hpp"

namespace nodec::graph {
namespace {

// Distinct labels for `count` axes.
std::string labels(int count, int first = 0) {
  std::string text;
  for (int i = 0; i < count; ++i) text += static_cast<char>('A' + first + i);
  return text;
}

std::vector<Element> elements_of(const std::vector<Ref>& operands) {
  std::vector<Element> found;
  for (Ref operand : operands) found.push_back(operand->type.element);
  return found;
}

// Each axis of x read whole.
View identity(Ref x) {
  View view;
  for (int axis = 0; axis < x->type.rank(); ++axis) view.axes.push_back({0, {{axis, 1}}, 0});
  return view;
}

}  // namespace

bool broadcast_shapes(const std::vector<Extent>& a, const std::vector<Extent>& b,
                      std::vector<Extent>& result) {
  const auto& longer = a.size() >= b.size() ? a : b;
  const auto& shorter = a.size() >= b.size() ? b : a;
  result = longer;
  size_t lead = longer.size() - shorter.size();
  for (size_t i = 0; i < shorter.size(); ++i) {
    Extent& extent = result[lead + i];
    if (extent == Extent(1)) extent = shorter[i];
    if (extent != shorter[i] && shorter[i] != Extent(1)) return false;
  }
  return true;
}

Ref broadcast(Graph& g, Ref x, const std::vector<Extent>& shape) {
  std::vector<int> axes(x->type.rank());
  std::iota(axes.begin(), axes.end(), static_cast<int>(shape.size()) - x->type.rank());
  return expand(g, x, axes, shape);
}

Ref expand(Graph& g, Ref x, const std::vector<int>& axes, const std::vector<Extent>& shape) {
  View view;
  for (size_t i = 0; i < axes.size(); ++i) {
    view.axes.emplace_back();
    if (x->type.shape[i] == shape[axes[i]]) view.axes.back().terms = {{axes[i], 1}};
  }
  return g.view(x, view, shape);
}

const Op* resolve(std::string_view name, std::vector<Element>& operands) {
  Element result;
  const Op* op = find_op(name);
  const Op* of_integers = find_op("integer_" + std::string(name));
  auto fits = [&](const Op* candidate) {
    return candidate != nullptr && candidate->arity == static_cast<int>(operands.size()) &&
           candidate->elements(operands, result);
  };
  // As they are; as integers; integers as reals; conditions as numbers.
  if (fits(op)) return op;
  if (fits(of_integers)) return of_integers;
  std::vector<Element> given = operands;
  std::replace(operands.begin(), operands.end(), Element::integer, Element::real);
  if (fits(op)) return op;
  operands = given;
  std::replace(operands.begin(), operands.end(), Element::boolean, Element::integer);
  if (fits(of_integers)) return of_integers;
  std::replace(operands.begin(), operands.end(), Element::integer, Element::real);
  if (fits(op)) return op;
  operands = given;
  return nullptr;
}

Ref apply(Graph& g, std::string_view name, std::vector<Ref> operands) {
  std::vector<Element> wanted = elements_of(operands);
  const Op& resolved = *resolve(name, wanted);
  std::vector<Extent> shape;
  for (Ref operand : operands) broadcast_shapes(shape, operand->type.shape, shape);
  for (size_t i = 0; i < operands.size(); ++i) {
    operands[i] = broadcast(g, convert(g, operands[i], wanted[i]), shape);
  }
  return g.map(resolved, std::move(operands));
}

Ref convert(Graph& g, Ref x, Element element) {
  Element from = x->type.element;
  if (from == element) return x;
  if (from == Element::boolean)
    return g.map(op(element == Element::real ? "truth_to_real" : "truth_to_integer"), {x});
  return g.map(op(element == Element::real ? "to_real" : "to_integer"), {x});
}

Ref add(Graph& g, Ref a, Ref b) { return apply(g, "add", {a, b}); }
Ref sub(Graph& g, Ref a, Ref b) { return apply(g, "sub", {a, b}); }
Ref mul(Graph& g, Ref a, Ref b) { return apply(g, "mul", {a, b}); }
Ref div(Graph& g, Ref a, Ref b) { return apply(g, "div", {a, b}); }
Ref neg(Graph& g, Ref a) { return apply(g, "neg", {a}); }
Ref scale(Graph& g, double factor, Ref a) { return mul(g, g.constant(factor), a); }
Ref zeros(Graph& g, const Type& type) { return g.constant(0, type); }
Ref to_real(Graph& g, Ref a) { return convert(g, a, Element::real); }
Ref where(Graph& g, Ref condition, Ref a, Ref b) { return apply(g, "where", {condition, a, b}); }

Ref sum(Graph& g, Ref x, const std::vector<int>& axes) {
  std::string all = labels(x->type.rank()), kept;
  for (int axis = 0; axis < x->type.rank(); ++axis) {
    if (std::find(axes.begin(), axes.end(), axis) == axes.end()) kept += all[axis];
  }
  return g.contract({all}, kept, {x});
}

Ref sum_all(Graph& g, Ref x) { return g.contract({labels(x->type.rank())}, "", {x}); }

Ref transpose(Graph& g, Ref x, const std::vector<int>& order) {
  View view;
  view.axes.resize(order.size());
  std::vector<Extent> shape;
  for (size_t axis = 0; axis < order.size(); ++axis) {
    view.axes[order[axis]].terms = {{static_cast<int>(axis), 1}};
    shape.push_back(x->type.shape[order[axis]]);
  }
  return g.view(x, view, shape);
}

Ref matmul(Graph& g, Ref a, Ref b) {
  std::string left = a->type.rank() == 1 ? "k" : "ik", right = b->type.rank() == 1 ? "k" : "kj", result;
  if (a->type.rank() == 2) result += "i";
  if (b->type.rank() == 2) result += "j";
  return g.contract({left, right}, result, {a, b});
}

Ref dot(Graph& g, Ref a, Ref b) {
  std::string all = labels(a->type.rank());
  return g.contract({all, all}, "", {a, b});
}

Ref slice(Graph& g, Ref x, int axis, const Extent& start, const Extent& extent) {
  View view = identity(x);
  view.axes[axis].offset = start;
  std::vector<Extent> shape = x->type.shape;
  shape[axis] = extent;
  return g.view(x, view, shape);
}

Ref at(Graph& g, Ref x, int axis, const Extent& index) {
  View view;
  std::vector<Extent> shape;
  for (int k = 0; k < x->type.rank(); ++k) {
    view.axes.emplace_back();
    if (k == axis) {
      view.axes.back().offset = index;
    } else {
      view.axes.back().terms = {{static_cast<int>(shape.size()), 1}};
      shape.push_back(x->type.shape[k]);
    }
  }
  return g.view(x, view, shape);
}

Ref pad(Graph& g, Ref x, int axis, const Extent& before, const Extent& after) {
  View view = identity(x);
  view.fill = true;
  view.axes[axis].offset = Extent(0) - before;
  std::vector<Extent> shape = x->type.shape;
  shape[axis] = before + shape[axis] + after;
  return g.view(x, view, shape);
}

Ref stack(Graph& g, const std::vector<Ref>& parts) {
  std::vector<Ref> rows;
  for (Ref part : parts) rows.push_back(unsqueeze(g, part, 0));
  return g.concat(rows, 0);
}

Ref unsqueeze(Graph& g, Ref x, int axis) {
  std::vector<Extent> shape = x->type.shape;
  shape.insert(shape.begin() + axis, Extent(1));
  return g.reshape(x, shape);
}

}  // namespace nodec::graph
