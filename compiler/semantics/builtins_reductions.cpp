// Reductions and what is made of them: sum, mean, norm, softmax, …
#include <array>
#include <limits>

#include "compiler/graph/algebra.hpp"
#include "compiler/semantics/builtins.hpp"

namespace nodec::semantics {

using graph::Element;
using graph::Reduction;

namespace {

Tensor element_count(Builtins& b, const Tensor& x, const std::vector<int>& axes) {
  Extent product(1);
  for (int axis : axes) product = product * x.shape()[static_cast<size_t>(axis)];
  return b.as_real(b.integer(product));
}

Value build_sum(Builtins& b) {
  Tensor x = b.number(0);
  return {b.sum(x, b.axes(x, true))};
}

Value build_mean(Builtins& b) {
  Tensor x = b.real(0);
  std::vector<int> axes = b.axes(x, true);
  return {b.map("div", {b.sum(x, axes), element_count(b, x, axes)})};
}

Value build_prod(Builtins& b) {
  Tensor x = b.number(0);
  return {b.reduce(x, Reduction::prod, b.axes(x, true))};
}

Value build_extremum(Builtins& b) {
  const bool max = b.name() == "max";
  if (b.count() > 1) {
    if (b.has("axis")) b.fail(Id::axis_with_several, b.span(), b.name());
    Tensor result = b.number(0);
    for (size_t i = 1; i < b.count(); ++i) result = b.map(max ? "max" : "min", {result, b.number(i)});
    return {result};
  }
  Tensor x = b.number(0);
  return {b.reduce(x, max ? Reduction::max : Reduction::min, b.axes(x, true))};
}

Value build_norm(Builtins& b) {
  Tensor x = b.real(0);
  return {b.map("sqrt", {b.sum(b.map("mul", {x, x}), b.axes(x, true))})};
}

Value build_dot(Builtins& b) {
  Tensor x = b.real(0), y = b.real(1);
  if (x.shape() != y.shape()) b.refuse_pair(Id::shapes_differ, x, 0, y, 1);
  std::string labels;
  for (int a = 0; a < x.rank(); ++a) labels += static_cast<char>('a' + a);
  return {b.contract({labels, labels}, "", {x, y})};
}

// The largest element as a constant of the differentiation, 0 where it is infinite: exp(x - shift) cannot
// overflow, and the result does not depend on it.
Tensor shift(Builtins& b, const Tensor& x, const std::vector<int>& axes) {
  Tensor largest = b.stop(b.reduce(x, Reduction::max, axes));
  Tensor finite =
      b.map("less", {b.map("abs", {largest}), b.constant(std::numeric_limits<double>::infinity())});
  return b.map("where", {finite, largest, b.constant(0)});
}

Value build_logsumexp(Builtins& b) {
  Tensor x = b.real(0);
  std::vector<int> axes = b.axes(x, true);
  Tensor m = shift(b, x, axes);
  Tensor e = b.map("exp", {b.map("sub", {x, b.keep_axes(m, x, axes)})});
  return {b.map("add", {b.map("log", {b.sum(e, axes)}), m})};
}

Value build_softmax(Builtins& b) {
  Tensor x = b.real(0);
  std::vector<int> axes = b.axes(x, false);
  Tensor e = b.map("exp", {b.map("sub", {x, b.keep_axes(shift(b, x, axes), x, axes)})});
  return {b.map("div", {e, b.keep_axes(b.sum(e, axes), x, axes)})};
}

Value build_argmax(Builtins& b) {
  Tensor x = b.number(0);
  std::vector<int> axes = b.axes(x, false);
  if (axes.size() != 1) b.fail(Id::argmax_one_axis, b.span());
  return {b.reduce(x, Reduction::argmax, axes)};
}

constexpr int any = 1 << 20;

constexpr Builtins::Row rows[] = {
    {"sum", 1, 1, "axis", build_sum, "sum(x), sum(x, axis = k) or sum(e for i in a..b)"},
    {"mean", 1, 1, "axis", build_mean, "mean(x), mean(x, axis = k) or mean(e for i in a..b)"},
    {"prod", 1, 1, "axis", build_prod, "prod(x), prod(x, axis = k) or prod(e for i in a..b)"},
    {"max", 1, any, "axis", build_extremum, "max(x), max(x, axis = k), max(a, b) or max(e for i in a..b)"},
    {"min", 1, any, "axis", build_extremum, "min(x), min(x, axis = k), min(a, b) or min(e for i in a..b)"},
    {"norm", 1, 1, "axis", build_norm, "norm(x) or norm(x, axis = k)"},
    {"dot", 2, 2, "", build_dot, "dot(a, b)"},
    {"logsumexp", 1, 1, "axis", build_logsumexp, "logsumexp(x) or logsumexp(x, axis = k)"},
    {"softmax", 1, 1, "axis", build_softmax, "softmax(x) or softmax(x, axis = k)"},
    {"argmax", 1, 1, "axis", build_argmax, "argmax(x) or argmax(x, axis = k)"},
};

}  // namespace

std::span<const Builtins::Row> Builtins::reductions() { return rows; }

}  // namespace nodec::semantics
