// Shapes: loops as leading axes, broadcasting over trailing ones, products and sums by labels.
#include "compiler/semantics/elaborator.hpp"

#include <algorithm>
#include <cmath>

#include "compiler/graph/algebra.hpp"
#include "compiler/graph/op.hpp"

namespace nodec::semantics {

using graph::AxisMap;
using graph::Element;
using graph::Kind;
using graph::View;

std::vector<Extent> Tensor::shape() const {
  return {ref->type.shape.begin() + static_cast<std::ptrdiff_t>(loops.size()), ref->type.shape.end()};
}

std::optional<int64_t> Tensor::integer() const {
  if (affine && affine->constant()) return affine->offset.value();
  return std::nullopt;
}

std::vector<int> Elaborator::union_of(const std::vector<int>& a, const std::vector<int>& b) const {
  std::vector<int> result;
  std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(result));
  return result;
}

std::vector<Extent> Elaborator::extents(const std::vector<int>& loops) const {
  std::vector<Extent> result;
  for (int loop : loops) result.push_back(loop_extents_[loop]);
  return result;
}

Ref Elaborator::fit(const Tensor& x, const std::vector<int>& loops, const std::vector<Extent>& shape) {
  if (x.loops == loops && x.shape() == shape) return x.ref;
  View map;
  for (int loop : x.loops) {
    int axis = static_cast<int>(std::lower_bound(loops.begin(), loops.end(), loop) - loops.begin());
    map.axes.push_back({Extent(0), {{axis, 1}}, 0});
  }
  std::vector<Extent> own = x.shape();
  int lead = static_cast<int>(loops.size() + shape.size() - own.size());
  for (size_t a = 0; a < own.size(); ++a) {
    AxisMap axis;
    bool repeated = own[a] == Extent(1) && shape[shape.size() - own.size() + a] != Extent(1);
    if (!repeated) axis.terms = {{lead + static_cast<int>(a), 1}};
    map.axes.push_back(axis);
  }
  std::vector<Extent> full = extents(loops);
  full.insert(full.end(), shape.begin(), shape.end());
  return g_.view(x.ref, map, full);
}

std::vector<Extent> Elaborator::broadcast(const Tensor& a, Span a_span, const Tensor& b, Span b_span, Span at,
                                          const std::string& what) {
  std::vector<Extent> result;
  if (!graph::broadcast_shapes(a.shape(), b.shape(), result)) {
    diagnostics_.report(Id::shapes_do_not_broadcast, at, what, a.type().text(), b.type().text())
        .note(a_span, "this is " + a.type().text())
        .note(b_span, "this is " + b.type().text());
    throw Abandon{};
  }
  return result;
}

void Elaborator::check_size(const Type& type, Span span) {
  if (type.rank() > most_axes) fail(Id::too_many_axes, span, type.rank(), most_axes);
  // Lengths are not known here; what is known must fit already.
  double elements = 1;
  for (const Extent& e : type.shape) {
    if (e.is_constant() && e.value() == 0) return;
  }
  for (const Extent& e : type.shape) {
    if (!e.is_constant()) continue;
    elements *= static_cast<double>(e.value());
    if (elements > static_cast<double>(largest_array)) fail(Id::array_too_large, span, type.text());
  }
}

Tensor Elaborator::tensor_of(Ref ref, std::vector<int> loops) {
  Tensor result{ref, std::move(loops), std::nullopt};
  if (ref->type.element != Element::integer || !result.ref->type.scalar()) return result;
  if (ref->is(Kind::constant)) {
    result.affine = Affine{Extent(static_cast<int64_t>(ref->as<graph::Constant>().values[0])), {}, {}};
  } else if (ref->is(Kind::length)) {
    result.affine = Affine{ref->as<graph::Length>().extent, {}, {}};
  } else {
    result.affine = Affine{Extent(0), {}, {{ref, 1}}};
  }
  return result;
}

Tensor Elaborator::number(double value) { return tensor_of(g_.constant(value)); }

Tensor Elaborator::integer(const Extent& value) { return from_affine(Affine{value, {}, {}}); }

Tensor Elaborator::from_affine(const Affine& affine) {
  std::vector<int> loops;
  for (const auto& [loop, coefficient] : affine.loops) loops.push_back(loop);
  return {affine_ref(affine), loops, affine};
}

Ref Elaborator::length(const Extent& extent) {
  for (const std::string& atom : extent.atoms()) {
    if (!shared_lengths_.contains(atom)) return g_.length(extent);
  }
  return g_.length(extent, graph::Base::parameter);
}

Ref Elaborator::affine_ref(const Affine& affine) {
  const Type integer_type{{}, Element::integer};
  Ref base = affine.offset.is_constant()
                 ? g_.constant(static_cast<double>(affine.offset.value()), integer_type)
                 : length(affine.offset);
  for (const auto& [ref, coefficient] : affine.opaque) {
    Ref term = graph::mul(g_, g_.constant(static_cast<double>(coefficient), integer_type), ref);
    base = graph::add(g_, base, term);
  }
  if (affine.loops.empty()) return base;
  std::vector<int> loops;
  for (const auto& [loop, coefficient] : affine.loops) loops.push_back(loop);
  const std::vector<Extent> shape = extents(loops);
  Ref result = graph::broadcast(g_, base, shape);
  for (const auto& [loop, coefficient] : affine.loops) {
    Tensor counter{g_.iota(loop_extents_[loop]), {loop}, std::nullopt};
    Ref factor = graph::broadcast(g_, g_.constant(static_cast<double>(coefficient), integer_type), shape);
    result = graph::add(g_, result, graph::mul(g_, factor, fit(counter, loops)));
  }
  return result;
}

Tensor Elaborator::real(const Tensor& x) {
  if (x.element() == Element::real) return x;
  return {graph::to_real(g_, x.ref), x.loops, std::nullopt};
}

Tensor Elaborator::sum(const Tensor& x, const std::vector<int>& own_axes) {
  if (own_axes.empty()) return x;
  if (x.element() == Element::integer) {
    Tensor total = sum(real(x), own_axes);
    return tensor_of(graph::apply(g_, "to_integer", {total.ref}), total.loops);
  }
  std::string labels, result;
  for (int a = 0; a < x.rank(); ++a) {
    labels += static_cast<char>('a' + a);
    if (std::find(own_axes.begin(), own_axes.end(), a) == own_axes.end()) result += labels.back();
  }
  // A sum of products is one contraction: the schedule and the trace see its factors.
  if (x.ref->is(Kind::map) && x.ref->as<graph::Map>().op->name == "mul") {
    Tensor left{x.ref->operands[0], x.loops, std::nullopt}, right{x.ref->operands[1], x.loops, std::nullopt};
    return contract({labels, labels}, result, {left, right});
  }
  return contract({labels}, result, {x});
}

Tensor Elaborator::contract(const std::vector<std::string>& labels, const std::string& result,
                            const std::vector<Tensor>& operands) {
  std::vector<int> loops;
  for (const Tensor& x : operands) loops = union_of(loops, x.loops);
  auto prefix = [&](const std::vector<int>& mine) {
    std::string text;
    for (int loop : mine) {
      text += static_cast<char>('A' + (std::lower_bound(loops.begin(), loops.end(), loop) - loops.begin()));
    }
    return text;
  };
  std::vector<std::string> full;
  std::vector<Ref> refs;
  for (size_t i = 0; i < operands.size(); ++i) {
    full.push_back(prefix(operands[i].loops) + labels[i]);
    refs.push_back(real(operands[i]).ref);
  }
  return {g_.contract(full, prefix(loops) + result, refs), loops, std::nullopt};
}

Tensor Elaborator::reshape(const Tensor& x, std::vector<Extent> shape) {
  std::vector<Extent> full = extents(x.loops);
  full.insert(full.end(), shape.begin(), shape.end());
  return {g_.reshape(x.ref, full), x.loops, std::nullopt};
}

Tensor Elaborator::view(const Tensor& x, std::vector<AxisMap> axes, std::vector<Extent> shape) {
  View map;
  const int lead = static_cast<int>(x.loops.size());
  for (int a = 0; a < lead; ++a) map.axes.push_back({Extent(0), {{a, 1}}, 0});
  for (AxisMap& axis : axes) {
    for (auto& [result_axis, coefficient] : axis.terms) result_axis += lead;
    map.axes.push_back(std::move(axis));
  }
  std::vector<Extent> full = extents(x.loops);
  full.insert(full.end(), shape.begin(), shape.end());
  return {g_.view(x.ref, map, full), x.loops, std::nullopt};
}

}  // namespace nodec::semantics
