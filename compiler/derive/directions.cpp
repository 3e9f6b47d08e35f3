// Several tangents or cotangents carried at once: operations that are linear in them.
#include "compiler/derive/directions.hpp"

#include <numeric>

#include "compiler/graph/op.hpp"

namespace nodec::derive {

using namespace graph;

bool vanishes(Ref x) { return !x || x->is_splat(0.0); }

bool fresh_label(const std::vector<std::string>& words, char& label) {
  for (char c : std::string("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")) {
    bool taken = false;
    for (const std::string& word : words) taken = taken || word.find(c) != std::string::npos;
    if (taken) continue;
    label = c;
    return true;
  }
  return false;
}

Ref identity(Graph& g, const std::vector<Extent>& shape) {
  std::vector<Extent> twice = shape;
  twice.insert(twice.end(), shape.begin(), shape.end());
  View diagonal;
  for (size_t i = 0; i < twice.size(); ++i) {
    AxisMap axis;
    axis.terms = {{static_cast<int>(i % shape.size()), 1}};
    diagonal.axes.push_back(axis);
  }
  const Ref ones = g.constant(1.0, {shape, Element::real});
  return shape.empty() ? ones : g.place(ones, diagonal, twice);
}

std::vector<Extent> Directions::shape(const std::vector<Extent>& own) const {
  std::vector<Extent> result = lead_;
  result.insert(result.end(), own.begin(), own.end());
  return result;
}

Ref Directions::along(Ref factor) const {
  return lead_.empty() ? factor : broadcast(g, factor, shape(factor->type.shape));
}

Ref Directions::times(Ref direction, Ref factor, bool gated) {
  const Ref product = mul(g, direction, along(factor));
  if (!gated || finite(factor)) return product;
  const Ref zero = graph::zeros(g, direction->type);
  return where(g, apply(g, "equal", {direction, zero}), zero, product);
}

Ref Directions::select(Ref condition, Ref a, Ref b) {
  if (vanishes(a) && vanishes(b)) return nullptr;
  const Ref zero = graph::zeros(g, (a ? a : b)->type);
  return where(g, along(condition), a ? a : zero, b ? b : zero);
}

Ref Directions::contract(std::vector<std::string> labels, std::string result, std::vector<Ref> operands,
                         size_t which) {
  std::vector<std::string> words = labels;
  words.push_back(result);
  for (int i = lead(); i-- > 0;) {
    char label = '?';
    fresh_label(words, label);
    words.push_back({label});
    labels[which].insert(labels[which].begin(), label);
    result.insert(result.begin(), label);
  }
  return g.contract(std::move(labels), std::move(result), std::move(operands));
}

View Directions::led(View view) const {
  for (AxisMap& axis : view.axes)
    for (auto& term : axis.terms) term.first += lead();
  for (int i = lead(); i-- > 0;) {
    AxisMap axis;
    axis.terms = {{i, 1}};
    view.axes.insert(view.axes.begin(), axis);
  }
  return view;
}

Ref Directions::view(Ref direction, const View& view, const std::vector<Extent>& own,
                     const std::vector<Ref>& offsets) {
  return g.view(direction, led(view), shape(own), offsets);
}

Ref Directions::place(Ref direction, const View& view, const std::vector<Extent>& own,
                      const std::vector<Ref>& offsets) {
  return g.place(direction, led(view), shape(own), offsets);
}

Ref Directions::reshape(Ref direction, const std::vector<Extent>& own) {
  return g.reshape(direction, shape(own));
}

std::vector<Ref> Directions::led(const std::vector<Ref>& indices) const {
  if (lead_.empty() || indices.empty()) return indices;
  const std::vector<Extent> full = shape(indices[0]->type.shape);
  std::vector<Ref> result;
  for (int i = 0; i < lead(); ++i)
    result.push_back(graph::expand(g, g.iota(lead_[static_cast<size_t>(i)]), {i}, full));
  for (Ref index : indices) result.push_back(along(index));
  return result;
}

Ref Directions::gather(Ref direction, const std::vector<Ref>& indices) {
  return g.gather(direction, led(indices));
}

Ref Directions::scatter_add(Ref direction, const std::vector<Ref>& indices, const std::vector<Extent>& own) {
  return g.scatter_add(direction, led(indices), shape(own));
}

Ref Directions::concat(const std::vector<Ref>& parts, int axis) { return g.concat(parts, axis + lead()); }

Ref Directions::expand(Ref direction, const std::vector<int>& axes, const std::vector<Extent>& own) {
  std::vector<int> all(static_cast<size_t>(lead()));
  std::iota(all.begin(), all.end(), 0);
  for (int axis : axes) all.push_back(axis + lead());
  return graph::expand(g, direction, all, shape(own));
}

Ref Directions::sum(Ref direction, const std::vector<int>& axes) {
  if (axes.empty()) return direction;
  std::vector<int> shifted;
  for (int axis : axes) shifted.push_back(axis + lead());
  return graph::sum(g, direction, shifted);
}

Ref Directions::slice(Ref direction, int axis, const Extent& start, const Extent& extent) {
  return graph::slice(g, direction, axis + lead(), start, extent);
}

}  // namespace nodec::derive
