// Algebra of gathers, scatters, concatenations, reductions and parts.
#include <algorithm>
#include <cmath>

#include "compiler/graph/algebra.hpp"
#include "compiler/graph/op.hpp"
#include "compiler/graph/simplify.hpp"

namespace nodec::graph {
namespace {

// An index array as an affine function of its own axes, plus at most one run-time scalar.
struct Affine {
  AxisMap map;
  Ref dynamic = nullptr;
};

std::optional<Affine> sum_of(const std::optional<Affine>& a, int64_t factor, const std::optional<Affine>& b) {
  if (!a || !b || (b->dynamic != nullptr && (factor != 1 || a->dynamic != nullptr))) return {};
  Affine sum = *a;
  sum.map.offset = sum.map.offset + Extent(factor) * b->map.offset;
  for (auto [axis, coefficient] : b->map.terms) {
    auto at = std::find_if(sum.map.terms.begin(), sum.map.terms.end(),
                           [own = axis](auto& term) { return term.first >= own; });
    if (at == sum.map.terms.end() || at->first != axis) at = sum.map.terms.insert(at, {axis, 0});
    at->second += factor * coefficient;
    if (at->second == 0) sum.map.terms.erase(at);
  }
  if (b->dynamic != nullptr) sum.dynamic = b->dynamic;
  return sum;
}

std::optional<Affine> affine(Ref x, int depth = 8) {
  if (auto value = splat(x)) return Affine{{Extent(static_cast<int64_t>(*value)), {}, 0}};
  if (x->is(Kind::length)) return Affine{{x->as<Length>().extent, {}, 0}};
  if (x->is(Kind::iota)) return Affine{{0, {{0, 1}}, 0}};
  if (depth == 0) return {};
  if (x->is(Kind::view) && !x->as<View>().fill && x->operands.size() == 1) {
    auto source = affine(x->operands[0], depth - 1);
    if (!source) return {};
    std::optional<Affine> composed = Affine{{source->map.offset, {}, 0}, source->dynamic};
    for (auto [axis, coefficient] : source->map.terms) {
      composed = sum_of(composed, coefficient, Affine{x->as<View>().axes[axis]});
    }
    return composed;
  }
  if (x->is(Kind::map)) {
    const Op& op = *x->as<Map>().op;
    if (op.name == "integer_add")
      return sum_of(affine(x->operands[0], depth - 1), 1, affine(x->operands[1], depth - 1));
    if (op.name == "integer_sub")
      return sum_of(affine(x->operands[0], depth - 1), -1, affine(x->operands[1], depth - 1));
    if (op.name == "integer_mul") {
      for (int i : {0, 1}) {
        auto factor = splat(x->operands[i]);
        if (!factor) continue;
        return sum_of(Affine{}, static_cast<int64_t>(*factor), affine(x->operands[1 - i], depth - 1));
      }
    }
  }
  if (x->type.scalar()) return Affine{{}, x};
  return {};
}

// The view that reads (or, transposed, writes) at these indices, if they are affine. Indices known now must
// be in range.
struct IndexedView {
  View view;
  std::vector<Ref> offsets;
};
std::optional<IndexedView> as_view(const std::vector<Ref>& indices, const std::vector<Extent>& target) {
  IndexedView result;
  for (size_t k = 0; k < indices.size(); ++k) {
    auto index = affine(indices[k]);
    if (!index) return {};
    if (index->dynamic != nullptr) {
      result.offsets.push_back(index->dynamic);
      index->map.dynamic = static_cast<int>(result.offsets.size());
    } else if (!index_range(index->map, indices[k]->type.shape).within(target[k])) {
      return {};
    }
    result.view.axes.push_back(index->map);
  }
  return result;
}

// A part of a concatenation that is a slice of some source: along `axis` it starts at `start` on source axis
// `from`.
struct Slice {
  Ref source;
  View view;
  int from;
};

std::vector<Slice> slices(Ref part, int axis) {
  std::vector<Slice> found;
  if (!part->is(Kind::view) || part->as<View>().fill || part->operands.size() != 1) return found;
  const View& view = part->as<View>();
  bool named = false;
  for (size_t k = 0; k < view.axes.size(); ++k) {
    for (auto [result_axis, coefficient] : view.axes[k].terms) {
      if (result_axis != axis) continue;
      if (named || coefficient != 1 || view.axes[k].terms.size() != 1) return {};
      named = true;
      found.push_back({part->operands[0], view, static_cast<int>(k)});
    }
  }
  if (named || part->type.shape[axis] != Extent(1)) return found;
  // One element thick: a slice along any source axis at a fixed index.
  for (size_t k = 0; k < view.axes.size(); ++k) {
    if (!view.axes[k].terms.empty()) continue;
    found.push_back({part->operands[0], view, static_cast<int>(k)});
    found.back().view.axes[k].terms = {{axis, 1}};
  }
  return found;
}

// x[a : b] before x[b : c] is x[a : c].
std::optional<Slice> join_slices(const std::vector<Slice>& left, const Extent& extent,
                                 const std::vector<Slice>& right) {
  for (const Slice& a : left) {
    for (const Slice& b : right) {
      if (a.source != b.source || a.from != b.from) continue;
      View moved = a.view;
      moved.axes[a.from].offset = moved.axes[a.from].offset + extent;
      if (moved == b.view) return a;
    }
  }
  return {};
}

constexpr size_t longest_flat_concat = 1 << 16;

// Neighbors that are neighboring slices of one array, joined.
std::vector<Ref> join_neighbors(Graph& g, const std::vector<Ref>& parts, int axis) {
  struct Run {
    std::vector<Slice> slices;
    Extent extent;
    Ref single;
  };
  std::vector<Run> runs;
  for (Ref part : parts) {
    Run next{slices(part, axis), part->type.shape[axis], part};
    auto joined =
        runs.empty() ? std::nullopt : join_slices(runs.back().slices, runs.back().extent, next.slices);
    if (joined) {
      runs.back() = {{*joined}, runs.back().extent + next.extent, nullptr};
    } else {
      runs.push_back(next);
    }
  }
  std::vector<Ref> result;
  for (const Run& run : runs) {
    std::vector<Extent> shape = parts[0]->type.shape;
    shape[axis] = run.extent;
    result.push_back(run.single != nullptr ? run.single
                                           : g.view(run.slices[0].source, run.slices[0].view, shape));
  }
  return result;
}

Ref concat_constants(Graph& g, const std::vector<Ref>& parts, int axis, const Type& type) {
  if (std::all_of(parts.begin(), parts.end(), [&](Ref part) {
        return splat(part) && part->as<Constant>() == parts[0]->as<Constant>();
      })) {
    return g.constant(*splat(parts[0]), type);
  }
  if (!type.size().is_constant()) return nullptr;
  std::vector<std::vector<double>> blocks;
  int64_t outer = 1;
  for (int i = 0; i < axis; ++i) outer *= type.shape[i].value();
  for (Ref part : parts) {
    auto values = elements(part);
    if (!values) return nullptr;
    blocks.push_back(std::move(*values));
  }
  std::vector<double> joined;
  for (int64_t row = 0; row < outer; ++row) {
    for (const auto& block : blocks) {
      int64_t width = static_cast<int64_t>(block.size()) / outer;
      joined.insert(joined.end(), block.begin() + row * width, block.begin() + (row + 1) * width);
    }
  }
  return g.constant(std::move(joined), type);
}

}  // namespace

Ref simplify_gather(Graph& g, Ref x, const std::vector<Ref>& indices) {
  const std::vector<Extent>& shape = indices[0]->type.shape;
  if (auto value = splat(x)) return g.constant(*value, {shape, x->type.element});
  auto view = as_view(indices, x->type.shape);
  return view ? g.view(x, view->view, shape, view->offsets) : nullptr;
}

Ref simplify_scatter_add(Graph& g, Ref updates, const std::vector<Ref>& indices,
                         const std::vector<Extent>& shape) {
  if (updates->is_splat(0)) return zeros(g, {shape, updates->type.element});
  auto view = as_view(indices, shape);
  return view ? g.place(updates, view->view, shape, view->offsets) : nullptr;
}

Ref simplify_concat(Graph& g, const std::vector<Ref>& parts, int axis) {
  std::vector<Ref> flat;
  Type type = parts[0]->type;
  type.shape[axis] = 0;
  for (Ref part : parts) {
    type.shape[axis] = type.shape[axis] + part->type.shape[axis];
    if (part->type.shape[axis] == Extent(0)) continue;  // an empty part
    // concat(concat(a, b), c); not when h ← concat(h, h) would double a list without end
    const bool nested = part->is(Kind::concat) && part->as<Axis>().axis == axis &&
                        flat.size() + part->operands.size() <= longest_flat_concat;
    std::vector<Ref> inside = nested ? part->operands : std::vector<Ref>{part};
    flat.insert(flat.end(), inside.begin(), inside.end());
  }
  if (flat.empty()) return zeros(g, type);
  if (Ref constant = concat_constants(g, flat, axis, type)) return constant;
  flat = join_neighbors(g, flat, axis);
  if (flat.size() == 1) return flat[0];
  return flat == parts ? nullptr : g.concat(flat, axis);
}

Ref simplify_reduce(Graph& g, Ref x, const Reduce& reduce, const Type& type) {
  if (reduce.axes.empty()) return x;
  bool prod = reduce.reduction == Reduction::prod, argmax = reduce.reduction == Reduction::argmax;
  bool single = true;
  Extent count = 1;
  for (int axis : reduce.axes) {
    single = single && x->type.shape[axis] == Extent(1);
    count = count * x->type.shape[axis];
  }
  if (single && argmax) return zeros(g, type);
  if (single) return g.reshape(x, type.shape);  // of one element
  auto value = splat(x);
  if (value && !count.nonnegative()) return nullptr;
  if (value && prod && count.is_constant()) {  // c · c · …
    return g.constant(std::pow(*value, static_cast<double>(count.value())), type);
  }
  if (value && !prod && count.is_constant() && count.value() > 0)
    return g.constant(argmax ? 0 : *value, type);
  return nullptr;
}

Ref simplify_part(Graph& g, Ref tuple, int index) {
  if (!tuple->is(Kind::adjoint)) return nullptr;
  int states = tuple->operands[0]->as<SolveInfo>().state_count();
  for (int i = 0; i < states; ++i) {
    if (!tuple->operands[1 + i]->is_splat(0)) return nullptr;
  }
  return zeros(g, tuple->parts[index]);  // nothing to pull back
}

}  // namespace nodec::graph
