// Tensor algebra in NumPy's terms over Graph's builders: broadcasting, sums, slices, products.
#pragma once

#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "compiler/graph/graph.hpp"

namespace nodec::graph {

// The shape to which both broadcast over trailing axes, or false.
bool broadcast_shapes(const std::vector<Extent>& a, const std::vector<Extent>& b,
                      std::vector<Extent>& result);
// x with leading axes added and extents of 1 repeated, to `shape`.
Ref broadcast(Graph& g, Ref x, const std::vector<Extent>& shape);
// x repeated along new axes: axes[i] is the axis of the result that x's axis i becomes; the others are new.
Ref expand(Graph& g, Ref x, const std::vector<int>& axes, const std::vector<Extent>& shape);
// The op that `name` means for operands of these elements: integers have ops of their own (integer_add),
// promote to reals where an operand is real or the op knows only reals; conditions count as 0 and 1 in
// arithmetic. Sets `operands` to the elements that the op wants. Null when there is none, or the number of
// operands is another.
const Op* resolve(std::string_view name, std::vector<Element>& operands);
// The op that `resolve` finds (there is one) of the converted operands, broadcast (they can be).
Ref apply(Graph& g, std::string_view op, std::vector<Ref> operands);

Ref add(Graph& g, Ref a, Ref b);
Ref sub(Graph& g, Ref a, Ref b);
Ref mul(Graph& g, Ref a, Ref b);
Ref div(Graph& g, Ref a, Ref b);
Ref neg(Graph& g, Ref a);
Ref scale(Graph& g, double factor, Ref a);
Ref zeros(Graph& g, const Type& type);
Ref convert(Graph& g, Ref x, Element element);  // conditions to 0 and 1, reals to integers rounding down
Ref to_real(Graph& g, Ref a);
Ref where(Graph& g, Ref condition, Ref a, Ref b);

// Σ over axes (all when empty is meant: pass every axis).
Ref sum(Graph& g, Ref x, const std::vector<int>& axes);
Ref sum_all(Graph& g, Ref x);
Ref transpose(Graph& g, Ref x, const std::vector<int>& order);
// NumPy's @ for ranks 1 and 2.
Ref matmul(Graph& g, Ref a, Ref b);
Ref dot(Graph& g, Ref a, Ref b);  // Σ over all axes of a·b
// x[start : start + extent] along an axis, start constant or a length.
Ref slice(Graph& g, Ref x, int axis, const Extent& start, const Extent& extent);
// x[index] along an axis, which vanishes.
Ref at(Graph& g, Ref x, int axis, const Extent& index);
Ref pad(Graph& g, Ref x, int axis, const Extent& before, const Extent& after);
Ref stack(Graph& g, const std::vector<Ref>& parts);  // equal types, new first axis
// x with a new axis of extent 1 at `axis`.
Ref unsqueeze(Graph& g, Ref x, int axis);

}  // namespace nodec::graph
