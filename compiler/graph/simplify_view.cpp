// Algebra of views, of their transposes and of reshapes.
#include <algorithm>

#include "compiler/graph/algebra.hpp"
#include "compiler/graph/simplify.hpp"

namespace nodec::graph {
namespace {

constexpr int64_t most_copied =
    256;  // elements of a constant that a view may write out more often than its source has

bool whole(const AxisMap& axis, const Extent& source, const std::vector<Extent>& shape) {
  return axis.dynamic == 0 && axis.offset == Extent(0) && axis.terms.size() == 1 &&
         axis.terms[0].second == 1 && shape[axis.terms[0].first] == source;
}

bool empty(const std::vector<Extent>& shape) {
  return std::find(shape.begin(), shape.end(), Extent(0)) != shape.end();
}

bool has_dynamic(const View& view) {
  return std::any_of(view.axes.begin(), view.axes.end(),
                     [](const AxisMap& axis) { return axis.dynamic != 0; });
}

// The source axes that name each result axis.
std::vector<std::vector<int>> namers(const View& view, size_t rank) {
  std::vector<std::vector<int>> found(rank);
  for (size_t k = 0; k < view.axes.size(); ++k) {
    for (auto [axis, coefficient] : view.axes[k].terms) found[axis].push_back(static_cast<int>(k));
  }
  return found;
}

// a + factor · b, run-time offsets aside.
void accumulate(AxisMap& a, int64_t factor, const AxisMap& b) {
  a.offset = a.offset + Extent(factor) * b.offset;
  for (auto [axis, coefficient] : b.terms) {
    auto at = std::lower_bound(a.terms.begin(), a.terms.end(), std::pair<int, int64_t>{axis, INT64_MIN});
    if (at == a.terms.end() || at->first != axis) at = a.terms.insert(at, {axis, 0});
    at->second += factor * coefficient;
    if (at->second == 0) a.terms.erase(at);
  }
}

// A view and its run-time offsets. Offsets whose value is known and provably in range become part of the map,
// and those left are numbered by the axes that use them.
struct Request {
  Ref source;
  View view;
  std::vector<Extent> shape;
  std::vector<Ref> offsets;

  // Terms over result axes of extent 1 vanish: the index there is 0.
  void normalize(const std::vector<Extent>& source_shape) {
    std::vector<Ref> used;
    for (size_t k = 0; k < view.axes.size(); ++k) {
      AxisMap& axis = view.axes[k];
      std::erase_if(axis.terms, [&](const auto& term) { return shape[term.first] == Extent(1); });
      if (axis.dynamic == 0) continue;
      Ref offset = offsets[axis.dynamic - 1];
      AxisMap known = axis;
      if (auto value = splat(offset)) known.offset = known.offset + Extent(static_cast<int64_t>(*value));
      if (offset->is(Kind::length)) known.offset = known.offset + offset->as<Length>().extent;
      bool constant = splat(offset) || offset->is(Kind::length);
      if (constant && index_range(known, shape).within(source_shape[k])) {
        axis = known;
        axis.dynamic = 0;
      } else {
        used.push_back(offset);
        axis.dynamic = static_cast<int>(used.size());
      }
    }
    offsets = used;
    if (offsets.empty()) view.place.clear();
  }
};

// True when a view with zero fill keeps its whole source, shifted: then what is outside the view is outside
// the source.
bool pads(const View& view, const std::vector<Extent>& source, const std::vector<Extent>& shape) {
  for (size_t k = 0; k < view.axes.size(); ++k) {
    const AxisMap& axis = view.axes[k];
    if (axis.dynamic != 0 || axis.terms.size() != 1 || axis.terms[0].second != 1) return false;
    Extent before = Extent(0) - axis.offset;
    if (!before.nonnegative() || !(shape[axis.terms[0].first] - before - source[k]).nonnegative())
      return false;
  }
  return true;
}

// view of view: one view, where what the inner one checks or fills is still checked and filled.
std::optional<Request> compose(const Request& outer) {
  Ref inner = outer.source;
  const View& first = inner->as<View>();
  const std::vector<Extent>&source = inner->operands[0]->type.shape, &middle = inner->type.shape;
  auto named = namers(first, middle.size());
  bool all_named = std::none_of(named.begin(), named.end(), [](const auto& n) { return n.empty(); });
  if (outer.view.fill) {
    // Indices outside the middle must be outside the source as well.
    if (!all_named || !(first.fill ? pads(first, source, middle) : whole_axes(inner).has_value())) return {};
  }
  for (size_t j = 0; j < middle.size(); ++j) {
    if (outer.view.axes[j].dynamic == 0) continue;
    // The offset is checked against the middle's extent: the source's must be the same.
    if (first.fill || named[j].size() != 1 || !whole(first.axes[named[j][0]], source[named[j][0]], middle))
      return {};
  }
  Request result{inner->operands[0], {{}, first.fill || outer.view.fill, {}}, outer.shape, {}};
  for (const AxisMap& from : first.axes) {
    AxisMap axis{from.offset, {}, 0};
    for (auto [j, coefficient] : from.terms) {
      // A window at a run-time offset is checked as a whole: it may not be cut smaller.
      if (from.dynamic != 0 && !whole(outer.view.axes[j], middle[j], outer.shape)) return {};
      accumulate(axis, coefficient, outer.view.axes[j]);
      if (int dynamic = outer.view.axes[j].dynamic) {
        result.offsets.push_back(outer.offsets[dynamic - 1]);
        axis.dynamic = static_cast<int>(result.offsets.size());
      }
    }
    if (from.dynamic != 0) {
      result.offsets.push_back(inner->operands[from.dynamic]);
      axis.dynamic = static_cast<int>(result.offsets.size());
    }
    result.view.axes.push_back(axis);
  }
  result.view.place = outer.view.place.empty() ? first.place : outer.view.place;
  return result;
}

// A view that lies within one operand of a concatenation is a view of that operand.
std::optional<Request> pick_part(const Request& request) {
  int along = request.source->as<Axis>().axis;
  const AxisMap& axis = request.view.axes[along];
  if (axis.dynamic != 0) return {};
  IndexRange range = index_range(axis, request.shape);
  Extent start = 0;
  for (Ref part : request.source->operands) {
    if (IndexRange{range.least - start, range.greatest - start}.within(part->type.shape[along])) {
      Request picked = request;
      picked.source = part;
      picked.view.axes[along].offset = axis.offset - start;
      return picked;
    }
    start = start + part->type.shape[along];
  }
  return {};
}

Ref view_of_constant(Graph& g, const Request& request) {
  Type type{request.shape, request.source->type.element};
  if (auto value = splat(request.source); value && (!request.view.fill || *value == 0)) {
    return g.constant(*value, type);
  }
  auto values = elements(request.source);
  Extent size = type.size();
  if (!values || !size.is_constant() || !request.offsets.empty()) return nullptr;
  if (size.value() > std::max<int64_t>(static_cast<int64_t>(values->size()), most_copied)) return nullptr;
  const std::vector<Extent>& source = request.source->type.shape;
  for (const AxisMap& axis : request.view.axes) {
    if (!axis.offset.is_constant()) return nullptr;
  }
  std::vector<double> result(size.value());
  std::vector<int64_t> index(request.shape.size(), 0);
  for (double& element : result) {
    int64_t position = 0;
    bool inside = true;
    for (size_t k = 0; k < source.size(); ++k) {
      int64_t i = request.view.axes[k].offset.value();
      for (auto [axis, coefficient] : request.view.axes[k].terms) i += coefficient * index[axis];
      inside = inside && i >= 0 && i < source[k].value();
      position = position * source[k].value() + i;
    }
    if (!inside && !request.view.fill) return nullptr;  // the verifier's to report
    element = inside ? (*values)[position] : 0;
    for (size_t axis = index.size(); axis-- > 0 && ++index[axis] == request.shape[axis].value();)
      index[axis] = 0;
  }
  return g.constant(std::move(result), type);
}

// A transpose of a contraction is the contraction with its result's labels in that order.
Ref view_of_contract(Graph& g, const Request& request) {
  auto axes = whole_axes(request.view, request.source->type.shape, request.shape);
  if (!axes || axes->size() != request.shape.size()) return nullptr;
  const auto& contract = request.source->as<Contract>();
  std::string result(axes->size(), ' ');
  for (size_t k = 0; k < axes->size(); ++k) {
    if ((*axes)[k] >= 0) result[(*axes)[k]] = contract.result[k];
  }
  if (result.find(' ') != std::string::npos) return nullptr;
  return g.contract(contract.operands, result, request.source->operands);
}

bool same(const Request& a, Ref source, const View& view, const std::vector<Ref>& offsets) {
  return a.source == source && a.view == view && a.offsets == offsets;
}

// Where extents other than 1 agree in order: the axis of `to` for each axis of `from`, −1 for extents of 1.
std::optional<std::vector<int>> match_axes(const std::vector<Extent>& from, const std::vector<Extent>& to) {
  std::vector<int> axes;
  size_t next = 0;
  for (const Extent& extent : from) {
    if (extent == Extent(1)) {
      axes.push_back(-1);
      continue;
    }
    while (next < to.size() && to[next] == Extent(1)) ++next;
    if (next == to.size() || to[next] != extent) return {};
    axes.push_back(static_cast<int>(next++));
  }
  while (next < to.size() && to[next] == Extent(1)) ++next;
  return next == to.size() ? std::optional(axes) : std::nullopt;
}

}  // namespace

std::optional<std::vector<int>> whole_axes(const View& view, const std::vector<Extent>& source,
                                           const std::vector<Extent>& result) {
  if (view.fill) return {};
  std::vector<int> axes;
  for (size_t k = 0; k < source.size(); ++k) {
    const AxisMap& axis = view.axes[k];
    if (source[k] == Extent(1) && axis.dynamic == 0 && axis.terms.empty() && axis.offset == Extent(0)) {
      axes.push_back(-1);
    } else if (whole(axis, source[k], result)) {
      axes.push_back(axis.terms[0].first);
    } else {
      return {};
    }
  }
  return axes;
}

std::optional<std::vector<int>> whole_axes(Ref view) {
  return whole_axes(view->as<View>(), view->operands[0]->type.shape, view->type.shape);
}

bool IndexRange::within(const Extent& extent) const {
  return least.nonnegative() && (extent - Extent(1) - greatest).nonnegative();
}

bool IndexRange::outside(const Extent& extent) const {
  return (least - extent).nonnegative() || (Extent(-1) - greatest).nonnegative();
}

IndexRange index_range(const AxisMap& axis, const std::vector<Extent>& shape) {
  IndexRange range{axis.offset, axis.offset};
  for (auto [result_axis, coefficient] : axis.terms) {
    Extent last = Extent(coefficient) * (shape[result_axis] - Extent(1));
    (coefficient > 0 ? range.greatest : range.least) =
        (coefficient > 0 ? range.greatest : range.least) + last;
  }
  return range;
}

Ref simplify_view(Graph& g, Ref source, const View& view, const std::vector<Extent>& shape,
                  const std::vector<Ref>& offsets) {
  Type type{shape, source->type.element};
  if (empty(shape)) return zeros(g, type);
  Request request{source, view, shape, offsets};
  const std::vector<Extent>& source_shape = source->type.shape;
  request.normalize(source_shape);
  if (request.view.fill && request.offsets.empty()) {
    bool within = true;
    for (size_t k = 0; k < source_shape.size(); ++k) {
      IndexRange range = index_range(request.view.axes[k], shape);
      if (range.outside(source_shape[k])) return zeros(g, type);
      within = within && range.within(source_shape[k]);
    }
    request.view.fill = !within;
  }
  if (source->is(Kind::constant)) {
    if (Ref constant = view_of_constant(g, request)) return constant;
  }
  if (auto axes = whole_axes(request.view, source_shape, shape); axes && source_shape == shape) {
    bool identity = true;
    for (size_t k = 0; k < axes->size(); ++k)
      identity = identity && ((*axes)[k] < 0 || (*axes)[k] == static_cast<int>(k));
    if (identity) return source;
  }
  std::optional<Request> simpler;
  if (source->is(Kind::view)) simpler = compose(request);
  if (source->is(Kind::concat)) simpler = pick_part(request);
  if (simpler) return g.view(simpler->source, simpler->view, simpler->shape, simpler->offsets);
  if (source->is(Kind::contract)) {
    if (Ref contract = view_of_contract(g, request)) return contract;
  }
  if (same(request, source, view, offsets)) return nullptr;
  return g.view(request.source, request.view, request.shape, request.offsets);
}

// A place is a sum over what was read repeatedly, and then, where each axis was read at most once, a view
// with zero fill.
Ref simplify_place(Graph& g, Ref updates, const View& view, const std::vector<Extent>& shape,
                   const std::vector<Ref>& offsets) {
  if (updates->is_splat(0) || empty(shape) || empty(updates->type.shape)) {
    return zeros(g, {shape, updates->type.element});
  }
  Request request{updates, view, updates->type.shape, offsets};
  request.normalize(shape);
  auto named = namers(request.view, request.shape.size());
  std::vector<int> repeated, kept(request.shape.size(), -1);
  std::vector<Extent> kept_shape;
  for (size_t axis = 0; axis < named.size(); ++axis) {
    if (named[axis].empty()) {
      repeated.push_back(static_cast<int>(axis));
    } else {
      kept[axis] = static_cast<int>(kept_shape.size());
      kept_shape.push_back(request.shape[axis]);
    }
  }
  if (!repeated.empty()) {
    for (AxisMap& axis : request.view.axes) {
      for (auto& term : axis.terms) term.first = kept[term.first];
    }
    return g.place(sum(g, updates, repeated), request.view, shape, request.offsets);
  }
  bool once = !has_dynamic(request.view);
  for (const AxisMap& axis : request.view.axes) {
    once = once && axis.terms.size() <= 1 && (axis.terms.empty() || axis.terms[0].second == 1);
  }
  for (const auto& n : named) once = once && n.size() == 1;
  if (!once) {
    if (same(request, updates, view, offsets)) return nullptr;
    return g.place(updates, request.view, shape, request.offsets);
  }
  // updates[i] lands at i + offset: the result at r is updates[r - offset]. A fixed index takes a new axis of
  // extent 1.
  View inverse{std::vector<AxisMap>(request.shape.size()), true, {}};
  std::vector<Extent> with_units = request.shape;
  for (size_t k = 0; k < request.view.axes.size(); ++k) {
    const AxisMap& axis = request.view.axes[k];
    AxisMap back{Extent(0) - axis.offset, {{static_cast<int>(k), 1}}, 0};
    if (axis.terms.empty()) {
      inverse.axes.push_back(back);
      with_units.emplace_back(1);
    } else {
      inverse.axes[axis.terms[0].first] = back;
    }
  }
  return g.view(g.reshape(updates, with_units), inverse, shape);
}

Ref simplify_reshape(Graph& g, Ref x, const std::vector<Extent>& shape) {
  const std::vector<Extent>& from = x->type.shape;
  if (shape == from) return x;
  if (x->is(Kind::constant)) return g.constant(x->as<Constant>().values, {shape, x->type.element});
  if (x->is(Kind::reshape)) return g.reshape(x->operands[0], shape);
  // Axes of extent 1 come and go by a view.
  if (auto axes = match_axes(from, shape)) {
    View view;
    for (int axis : *axes) {
      view.axes.emplace_back();
      if (axis >= 0) view.axes.back().terms = {{axis, 1}};
    }
    return g.view(x, view, shape);
  }
  if (x->is(Kind::view) && !x->as<View>().fill && whole_axes(x) &&
      match_axes(x->operands[0]->type.shape, from) == whole_axes(x)) {
    return g.reshape(x->operands[0], shape);
  }
  return nullptr;
}

}  // namespace nodec::graph
