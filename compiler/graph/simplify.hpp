// Build-time simplification: the algebra that every builder of Graph applies before it keeps a node.
//
// In: what a builder was asked for. Out: an equal, simpler expression, or null when no rule applies.
// "Equal" is equality of real functions: 0·x is 0 and 0/x is 0 also where x is infinite or NaN (derivatives
// are full of structural zeros), x + 0 forgets the sign of a zero, and products of constants round once
// instead of twice.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compiler/graph/graph.hpp"

namespace nodec::graph {

Ref simplify_map(Graph& g, const Op& op, const Type& type, const std::vector<Ref>& operands);
Ref simplify_contract(Graph& g, const Contract& contract, const Type& type, const std::vector<Ref>& operands);
Ref simplify_view(Graph& g, Ref source, const View& view, const std::vector<Extent>& shape,
                  const std::vector<Ref>& offsets);
Ref simplify_place(Graph& g, Ref updates, const View& view, const std::vector<Extent>& shape,
                   const std::vector<Ref>& offsets);
Ref simplify_reshape(Graph& g, Ref x, const std::vector<Extent>& shape);
Ref simplify_gather(Graph& g, Ref x, const std::vector<Ref>& indices);
Ref simplify_scatter_add(Graph& g, Ref updates, const std::vector<Ref>& indices,
                         const std::vector<Extent>& shape);
Ref simplify_concat(Graph& g, const std::vector<Ref>& parts, int axis);
Ref simplify_reduce(Graph& g, Ref x, const Reduce& reduce, const Type& type);
Ref simplify_part(Graph& g, Ref tuple, int index);

// ---- what several rules ask

// The value of a constant all of whose elements agree.
std::optional<double> splat(Ref x);
// Constant elements in row-major order, a splat written out; nothing when they are too many or their number
// is unknown.
std::optional<std::vector<double>> elements(Ref x);
// A view that reads every element of its source: each source axis is one whole result axis (a transpose, an
// expansion along the result axes that no source axis names, a diagonal when two name the same), or has
// extent 1 and names none. The result axis of each source axis, −1 for none; nothing for any other view.
std::optional<std::vector<int>> whole_axes(const View& view, const std::vector<Extent>& source,
                                           const std::vector<Extent>& result);
std::optional<std::vector<int>> whole_axes(Ref view);
// Least and greatest source index of an axis map over a result shape, run-time offset aside.
struct IndexRange {
  Extent least, greatest;
  bool within(const Extent& extent) const;   // provably
  bool outside(const Extent& extent) const;  // provably, for every index
};
IndexRange index_range(const AxisMap& axis, const std::vector<Extent>& shape);

}  // namespace nodec::graph
