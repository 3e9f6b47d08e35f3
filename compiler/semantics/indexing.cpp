// Indices and slices: affine ones become index maps of a view, the others a gather.
#include <algorithm>

#include "compiler/graph/algebra.hpp"
#include "compiler/graph/evaluate.hpp"
#include "compiler/semantics/elaborator.hpp"

namespace nodec::semantics {

using graph::AxisMap;
using graph::Element;
using graph::View;

namespace {

// Whether an extent is known to be ≥ 0 (true), < 0 (false), or neither whatever the lengths.
std::optional<bool> not_negative(const Extent& e) {
  if (e.is_constant()) return e.value() >= 0;
  bool all_up = true;
  for (const auto& [monomial, coefficient] : e.terms()) all_up = all_up && coefficient >= 0;
  if (all_up) return true;
  return std::nullopt;
}

}  // namespace

Value Elaborator::index(const syntax::Index& index, Span span, Scope& scope) {
  Value object = evaluate(*index.object, scope);
  auto constant_position = [&](size_t count, const char* what) {
    if (index.items.size() != 1 || index.items[0].slice) fail(Id::one_index, span, what);
    if (const Tensor k = tensor(*index.items[0].lo, scope); !k.loops.empty()) throw TakesSteps{k.loops};
    int64_t k = constant_integer(*index.items[0].lo, scope, std::string("the index of ") + what);
    const int64_t n = static_cast<int64_t>(count);
    if (k < 0) k += n;
    if (k < 0 || k >= n) {
      fail(Id::index_out_of_range, index.items[0].span, std::to_string(k), std::to_string(n));
    }
    return static_cast<size_t>(k);
  };
  if (auto* array = object.as<Value::ArrayValue>()) {
    return array->instances[constant_position(array->instances.size(), "an array of instances")];
  }
  if (auto* list = object.as<DimList>()) {
    return {integer(list->dims[constant_position(list->dims.size(), "a list of dimensions")])};
  }
  return {index_tensor(as_tensor(object, index.object->span), index.object->span, index.items, span, scope)};
}

Affine Elaborator::extreme(const Affine& x, bool largest) const {
  Affine result = x;
  for (const auto& [loop, coefficient] : x.loops) {
    if ((coefficient > 0) == largest) {
      result.offset = result.offset + Extent(coefficient) * (loop_extents_[loop] - Extent(1));
    }
  }
  result.loops.clear();
  return result;
}

bool Elaborator::fits(const Extent& slack, Span at, const std::string& what, const Extent& n) {
  const std::optional<bool> known = not_negative(slack);
  if (known == true) return true;
  if (!guards_.empty()) return false;
  if (known == false) fail(Id::index_out_of_range, at, what, n.text());
  if (model_) model_->requirements.push_back({slack, what, n, at});
  return true;
}

// Where a condition keeps an index inside and both are known, every case is tried now.
void Elaborator::check_guarded(const Tensor& k, const Extent& n, Span at) {
  const std::vector<Span> two{at, at};
  Tensor outside = elementwise("or",
                               {elementwise("less", {k, integer(Extent(0) - n)}, two, at, "an index"),
                                elementwise("greater_equal", {k, integer(n)}, two, at, "an index")},
                               two, at, "an index");
  for (const Tensor& guard : guards_) outside = elementwise("and", {outside, guard}, two, at, "an index");
  const auto& shape = outside.ref->type.shape;
  const bool sized = std::all_of(shape.begin(), shape.end(), [](const Extent& e) { return e.is_constant(); });
  if (!sized || outside.ref->base != graph::Base::constant || !outside.ref->free.empty()) return;
  const std::optional<std::vector<double>> known = known_values(outside.ref, at);
  if (!known) return;
  for (double bad : *known) {
    if (bad != 0) fail(Id::index_out_of_range, at, extreme(*k.affine, true).offset.text(), n.text());
  }
}

Tensor Elaborator::from_end(const Tensor& k, const Extent& n, Span at) {
  const std::vector<Span> three(3, at);
  return elementwise("where",
                     {elementwise("less", {k, integer(0)}, three, at, "an index"),
                      elementwise("add", {k, integer(n)}, three, at, "an index"), k},
                     three, at, "an index");
}

Tensor Elaborator::index_operand(const Expr& expr, Scope& scope) {
  Tensor k = tensor(expr, scope);
  if (k.element() != Element::integer) fail(Id::index_not_integer, expr.span, k.type().text());
  return k;
}

Elaborator::IndexedAxis Elaborator::index_axis(const syntax::IndexItem& item, const Extent& n, Scope& scope) {
  IndexedAxis axis;
  axis.span = item.span;
  axis.vanishes = true;
  Tensor k = index_operand(*item.lo, scope);
  axis.loops = k.loops;
  if (k.rank() > 1) unsupported("an index of several axes", item.span);
  if (k.rank() == 1) {
    axis.vanishes = false;
    axis.length = k.shape()[0];
    axis.gathered = from_end(k, n, item.span);
    const std::optional<std::vector<double>> known =
        n.is_constant() ? known_values(k.ref, item.span) : std::nullopt;
    for (size_t i = 0; known && i < known->size(); ++i) {
      const auto at = static_cast<int64_t>((*known)[i]);
      if (at < -n.value() || at >= n.value())
        fail(Id::index_out_of_range, item.span, std::to_string(at), n.text());
    }
    return axis;
  }
  if (!k.affine) {
    axis.gathered = from_end(k, n, item.span);
    return axis;
  }
  axis.start = *k.affine;
  if (k.integer() && *k.integer() < 0) axis.start = axis.start + Affine{n, {}, {}};
  if (!axis.start.opaque.empty()) return axis;
  const Extent least = extreme(axis.start, false).offset, most = extreme(axis.start, true).offset;
  const Extent room = n - Extent(1) - most;
  if (axis.start.loops.empty()) {
    const std::string text = k.affine->offset.text();
    const bool low = fits(least, item.span, text, n), high = fits(room, item.span, text, n);
    axis.fill = !low || !high;
  } else if (not_negative(least) != true) {
    // Negative indices count from the end, also those that a loop runs through.
    if (guards_.empty() && not_negative(least + n) == false) {
      fail(Id::index_out_of_range, item.span, least.text(), n.text());
    }
    fits(room, item.span, most.text(), n);
    axis.gathered = from_end(k, n, item.span);
  } else {
    axis.fill = !fits(room, item.span, most.text(), n);
  }
  if (!guards_.empty()) check_guarded(k, n, item.span);
  return axis;
}

Elaborator::IndexedAxis Elaborator::slice_axis(const syntax::IndexItem& item, const Extent& n, Scope& scope) {
  IndexedAxis axis;
  axis.span = item.span;
  auto bound = [&](const syntax::ExprPtr& expr, const Extent& missing) {
    if (!expr) return Affine{missing, {}, {}};
    Tensor k = index_operand(*expr, scope);
    if (k.rank() != 0) fail(Id::not_a_scalar, expr->span, "the end of a slice", k.type().text());
    if (!k.affine) unsupported("a slice whose bounds are no linear function of the loops", expr->span);
    axis.loops = union_of(axis.loops, k.loops);
    return k.integer() && *k.integer() < 0 ? *k.affine + Affine{n, {}, {}} : *k.affine;
  };
  const Affine from = bound(item.lo, Extent(0)), to = bound(item.hi, n);
  const Affine length = to - from;
  if (!length.fixed()) fail(Id::slice_length, item.span);
  if (not_negative(length.offset) == false) fail(Id::slice_backward, item.span, length.offset.text());
  axis.start = from;
  axis.length = length.offset;
  if (!from.opaque.empty()) return axis;
  const std::string text = from.offset.text() + ":" + to.offset.text();
  const bool low = fits(extreme(from, false).offset, item.span, text, n);
  const bool high = fits(n - extreme(to, true).offset, item.span, text, n);
  axis.fill = !low || !high;
  return axis;
}

Tensor Elaborator::index_tensor(const Tensor& x, Span x_span, const std::vector<syntax::IndexItem>& items,
                                Span span, Scope& scope) {
  const std::vector<Extent> shape = x.shape();
  if (static_cast<int>(items.size()) > x.rank()) {
    diagnostics_.report(Id::too_many_indices, span, items.size(), x.type().text())
        .note(x_span, "this is " + x.type().text());
    throw Abandon{};
  }
  std::vector<IndexedAxis> axes;
  std::vector<int> loops = x.loops;
  for (size_t a = 0; a < shape.size(); ++a) {
    if (a >= items.size()) {
      IndexedAxis whole;
      whole.length = shape[a];
      whole.span = span;
      axes.push_back(whole);
      continue;
    }
    axes.push_back(items[a].slice ? slice_axis(items[a], shape[a], scope)
                                  : index_axis(items[a], shape[a], scope));
    loops = union_of(loops, axes.back().loops);
  }
  const bool gathers =
      std::any_of(axes.begin(), axes.end(), [](const IndexedAxis& a) { return a.gathered.has_value(); });
  const auto arrays =
      std::count_if(axes.begin(), axes.end(), [](const IndexedAxis& a) { return a.gathered && !a.vanishes; });
  if (arrays > 1) unsupported("an index of two arrays", span);
  if (gathers && in_field_) remark(Id::gather_in_field, span);
  return gathers ? gather_axes(x, axes, loops) : view_axes(x, axes, loops, span);
}

std::vector<Extent> Elaborator::kept_extents(const std::vector<IndexedAxis>& axes) {
  std::vector<Extent> result;
  for (const IndexedAxis& axis : axes) {
    if (!axis.vanishes) result.push_back(axis.length);
  }
  return result;
}

Tensor Elaborator::gather_axes(const Tensor& x, const std::vector<IndexedAxis>& axes,
                               const std::vector<int>& loops) {
  const std::vector<Extent> kept = kept_extents(axes);
  std::vector<Ref> indices;
  for (int loop : x.loops) {
    Tensor counter{g_.iota(loop_extents_[loop]), {loop}, std::nullopt};
    indices.push_back(fit(counter, loops, kept));
  }
  size_t own = 0;
  for (const IndexedAxis& axis : axes) {
    Tensor k = axis.gathered ? *axis.gathered : from_affine(axis.start);
    if (!axis.vanishes) {
      // The position along the kept axis, counted from the slice's start.
      std::vector<Extent> along(kept.size() - own, Extent(1));
      along[0] = axis.length;
      if (axis.gathered) {
        k = reshape(k, along);
      } else {
        Tensor counter{g_.reshape(g_.iota(axis.length), along), {}, std::nullopt};
        k = elementwise("add", {k, counter}, {axis.span, axis.span}, axis.span, "an index");
      }
      ++own;
    }
    indices.push_back(fit(k, loops, kept));
  }
  return tensor_of(g_.gather(x.ref, indices), loops);
}

Tensor Elaborator::view_axes(const Tensor& x, const std::vector<IndexedAxis>& axes,
                             const std::vector<int>& loops, Span span) {
  auto position = [&](int loop) {
    return static_cast<int>(std::lower_bound(loops.begin(), loops.end(), loop) - loops.begin());
  };
  View map;
  map.place = files_.place(span);
  std::vector<Ref> offsets;
  bool sure = true;  // the numbers of steps that are taken do not leave the array
  for (int loop : x.loops) map.axes.push_back({Extent(0), {{position(loop), 1}}, 0});
  int own = static_cast<int>(loops.size());
  for (size_t a = 0; a < axes.size(); ++a) {
    const IndexedAxis& axis = axes[a];
    map.fill = map.fill || axis.fill;
    AxisMap place{axis.start.offset, {}, 0};
    for (const auto& [loop, coefficient] : axis.start.loops)
      place.terms.emplace_back(position(loop), coefficient);
    if (!axis.vanishes) place.terms.emplace_back(own++, 1);
    if (!axis.start.opaque.empty()) {
      Affine offset{place.offset, {}, axis.start.opaque};
      place.offset = Extent(0);
      Tensor k = from_affine(offset);
      const auto bounds = bounds_of(axis.start);
      const Extent reach = axis.vanishes ? Extent(1) : axis.length;
      if (axis.vanishes && axis.start.loops.empty() && !(bounds && not_negative(bounds->first) == true))
        k = from_end(k, x.shape()[a], axis.span);
      const bool steps = std::all_of(offset.opaque.begin(), offset.opaque.end(),
                                     [&](const auto& term) { return step_numbers_.contains(term.first); });
      sure = sure && steps && bounds && not_negative(bounds->first) == true &&
             not_negative(x.shape()[a] - reach - bounds->second) == true;
      offsets.push_back(k.ref);
      place.dynamic = static_cast<int>(offsets.size());
    }
    map.axes.push_back(std::move(place));
  }
  // No test then, nor where a shorter sample of a batch takes no step.
  if (!offsets.empty() && (sure || !guards_.empty())) map.fill = true;
  std::vector<Extent> full = extents(loops);
  const std::vector<Extent> kept = kept_extents(axes);
  full.insert(full.end(), kept.begin(), kept.end());
  return tensor_of(g_.view(x.ref, map, full, offsets), loops);
}

std::optional<std::pair<Extent, Extent>> Elaborator::bounds_of(const Affine& index) const {
  const Affine least = extreme(index, false), most = extreme(index, true);
  std::pair<Extent, Extent> result{least.offset, most.offset};
  for (const auto& [ref, coefficient] : index.opaque) {
    auto known = integer_bounds_.find(ref);
    if (known == integer_bounds_.end()) return std::nullopt;
    const Extent low = known->second.first, high = known->second.second - Extent(1);
    result.first = result.first + (coefficient > 0 ? low : high) * Extent(coefficient);
    result.second = result.second + (coefficient > 0 ? high : low) * Extent(coefficient);
  }
  return result;
}

}  // namespace nodec::semantics
