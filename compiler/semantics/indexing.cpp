// Indices and slices: affine ones become index maps of a view, the others a gather.
#include <algorithm>

#include "compiler/graph/algebra.hpp"
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

Tensor Elaborator::index_tensor(const Tensor& x, Span x_span, const std::vector<syntax::IndexItem>& items,
                                Span span, Scope& scope) {
  const std::vector<Extent> shape = x.shape();
  if (static_cast<int>(items.size()) > x.rank()) {
    diagnostics_.report(Id::too_many_indices, span, items.size(), x.type().text())
        .note(x_span, "this is " + x.type().text());
    throw Abandon{};
  }
  // One entry for each own axis: where it starts, whether it vanishes, how long it is.
  struct Axis {
    Affine start;
    std::optional<Tensor> gathered;
    bool vanishes = false;
    Extent length;
    Span span;
  };
  std::vector<Axis> axes;
  std::vector<int> loops = x.loops;
  bool gathers = false, fill = false;
  auto integer_operand = [&](const Expr& expr) {
    Tensor k = tensor(expr, scope);
    if (k.element() != Element::integer) fail(Id::index_not_integer, expr.span, k.type().text());
    if (k.rank() != 0) unsupported("indexing by an array", expr.span);
    return k;
  };
  auto require = [&](const Extent& slack, Span at, const std::string& what, const Extent& n) {
    std::optional<bool> known = not_negative(slack);
    if (known == true || (!known && !guards_.empty())) return known == true;
    if (known == false && guards_.empty()) fail(Id::index_out_of_range, at, what, n.text());
    if (!known && model_) model_->requirements.push_back({slack, what, n, at});
    return guards_.empty();
  };
  for (size_t a = 0; a < shape.size(); ++a) {
    Axis axis;
    axis.length = shape[a];
    axis.span = span;
    const Extent& n = shape[a];
    if (a < items.size()) {
      const syntax::IndexItem& item = items[a];
      axis.span = item.span;
      if (!item.slice) {
        axis.vanishes = true;
        Tensor k = integer_operand(*item.lo);
        loops = union_of(loops, k.loops);
        if (!k.affine) {
          axis.gathered = elementwise(
              "where",
              {elementwise("less", {k, integer(0)}, {item.span, item.span}, item.span, "an index"),
               elementwise("add", {k, integer(n)}, {item.span, item.span}, item.span, "an index"), k},
              {item.span, item.span, item.span}, item.span, "an index");
        } else {
          axis.start = *k.affine;
          if (k.integer() && *k.integer() < 0) axis.start = axis.start + Affine{n, {}, {}};
          Extent least = axis.start.offset, most = axis.start.offset;
          for (const auto& [loop, coefficient] : axis.start.loops) {
            (coefficient < 0 ? least : most) =
                (coefficient < 0 ? least : most) + Extent(coefficient) * (loop_extents_[loop] - Extent(1));
          }
          if (axis.start.opaque.empty()) {
            if (axis.start.loops.empty()) {
              const std::string text = k.affine->offset.text();
              if (!require(least, item.span, text, n)) fill = true;
              if (!require(n - Extent(1) - most, item.span, text, n)) fill = true;
            } else if (not_negative(least) != true) {
              // Negative indices count from the end, also those that a loop runs through.
              if (not_negative(least + n) == false && guards_.empty()) {
                fail(Id::index_out_of_range, item.span, least.text(), n.text());
              }
              axis.gathered = elementwise(
                  "where",
                  {elementwise("less", {k, integer(0)}, {item.span, item.span}, item.span, "an index"),
                   elementwise("add", {k, integer(n)}, {item.span, item.span}, item.span, "an index"), k},
                  {item.span, item.span, item.span}, item.span, "an index");
              if (not_negative(n - Extent(1) - most) == false && guards_.empty()) {
                fail(Id::index_out_of_range, item.span, most.text(), n.text());
              }
            } else if (!require(n - Extent(1) - most, item.span, most.text(), n)) {
              fill = true;
            }
          }
        }
        gathers = gathers || axis.gathered.has_value();
      } else {
        auto bound = [&](const syntax::ExprPtr& expr, const Extent& missing) {
          if (!expr) return Affine{missing, {}, {}};
          Tensor k = integer_operand(*expr);
          if (!k.affine) unsupported("a slice whose bounds are no linear function of the loops", expr->span);
          loops = union_of(loops, k.loops);
          Affine value = *k.affine;
          if (k.integer() && *k.integer() < 0) value = value + Affine{n, {}, {}};
          return value;
        };
        Affine from = bound(item.lo, Extent(0)), to = bound(item.hi, n);
        Affine length = to - from;
        if (!length.fixed()) fail(Id::slice_length, item.span);
        if (not_negative(length.offset) == false) fail(Id::slice_backward, item.span, length.offset.text());
        axis.start = from;
        axis.length = length.offset;
        Extent least = from.offset, most = to.offset;
        for (const auto& [loop, coefficient] : from.loops) {
          (coefficient < 0 ? least : most) =
              (coefficient < 0 ? least : most) + Extent(coefficient) * (loop_extents_[loop] - Extent(1));
        }
        if (from.opaque.empty()) {
          const std::string text = from.offset.text() + ":" + to.offset.text();
          if (!require(least, item.span, text, n)) fill = true;
          if (!require(n - most, item.span, text, n)) fill = true;
        }
      }
    }
    axes.push_back(std::move(axis));
  }
  std::vector<Extent> result_shape;
  for (const Axis& axis : axes) {
    if (!axis.vanishes) result_shape.push_back(axis.length);
  }
  auto position = [&](int loop) {
    return static_cast<int>(std::lower_bound(loops.begin(), loops.end(), loop) - loops.begin());
  };
  if (gathers) {
    std::vector<Ref> indices;
    for (int loop : x.loops) {
      Tensor counter{g_.iota(loop_extents_[loop]), {loop}, std::nullopt};
      indices.push_back(fit(counter, loops, result_shape));
    }
    size_t own = 0;
    for (const Axis& axis : axes) {
      Tensor k = axis.gathered ? *axis.gathered : from_affine(axis.start);
      if (!axis.vanishes) {
        // The position along the kept axis, counted from the slice's start.
        std::vector<Extent> along(result_shape.size() - own, Extent(1));
        along[0] = axis.length;
        Tensor counter{g_.reshape(g_.iota(axis.length), along), {}, std::nullopt};
        k = elementwise("add", {k, counter}, {axis.span, axis.span}, axis.span, "an index");
        ++own;
      }
      indices.push_back(fit(k, loops, result_shape));
    }
    return tensor_of(g_.gather(x.ref, indices), loops);
  }
  View map;
  map.fill = fill;
  map.place = files_.place(span);
  std::vector<Ref> offsets;
  for (int loop : x.loops) map.axes.push_back({Extent(0), {{position(loop), 1}}, 0});
  int own = static_cast<int>(loops.size());
  for (size_t a = 0; a < axes.size(); ++a) {
    const Axis& axis = axes[a];
    AxisMap place{axis.start.offset, {}, 0};
    for (const auto& [loop, coefficient] : axis.start.loops)
      place.terms.emplace_back(position(loop), coefficient);
    if (!axis.vanishes) place.terms.emplace_back(own++, 1);
    if (!axis.start.opaque.empty()) {
      Ref offset = affine_ref({place.offset, {}, axis.start.opaque});
      place.offset = Extent(0);
      bool positive = axis.start.opaque.size() == 1 && axis.start.loops.empty();
      if (positive) {
        const auto& [ref, coefficient] = axis.start.opaque[0];
        auto bounds = integer_bounds_.find(ref);
        positive = bounds != integer_bounds_.end() && coefficient > 0 &&
                   not_negative(bounds->second.first * Extent(coefficient) + axis.start.offset) == true;
      }
      if (!positive && axis.start.loops.empty() && axis.vanishes) {
        Ref from_end = graph::add(g_, offset, integer(shape[a]).ref);
        offset = graph::where(g_, graph::apply(g_, "less", {offset, integer(0).ref}), from_end, offset);
      }
      offsets.push_back(offset);
      place.dynamic = static_cast<int>(offsets.size());
    }
    map.axes.push_back(std::move(place));
  }
  std::vector<Extent> full = extents(loops);
  full.insert(full.end(), result_shape.begin(), result_shape.end());
  return tensor_of(g_.view(x.ref, map, full, offsets), loops);
}

}  // namespace nodec::semantics
