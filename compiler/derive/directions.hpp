// Several tangents or cotangents carried at once: operations that are linear in them.
#pragma once

#include <string>
#include <vector>

#include "compiler/derive/finite.hpp"
#include "compiler/graph/algebra.hpp"
#include "compiler/graph/graph.hpp"

namespace nodec::derive {

using graph::Extent;
using graph::Graph;
using graph::Node;
using graph::Ref;

// A direction of a node has the axes `lead` and then the node's own. No lead: one direction.
class Directions {
 public:
  Directions(Graph& g, std::vector<Extent> lead) : g(g), lead_(std::move(lead)) {}

  Graph& g;

  int lead() const { return static_cast<int>(lead_.size()); }
  std::vector<Extent> shape(const std::vector<Extent>& own) const;
  graph::Type type(const graph::Type& own) const { return {shape(own.shape), own.element}; }
  Ref zeros(const graph::Type& own) const { return graph::zeros(g, type(own)); }

  // factor, of the node's shape, along every direction.
  Ref along(Ref factor) const;
  // direction · factor. gated: the direction came through `where`, so that its zeros may stand before values
  // that were never meant to be used: 0 · inf is 0 then.
  Ref times(Ref direction, Ref factor, bool gated);
  // where(condition, a, b); null stands for zero.
  Ref select(Ref condition, Ref a, Ref b);

  // The builders of Graph with a direction for the operand in which they are linear. own: the shape of the
  // result. contract: the direction is operands[which]; the labels stand for the nodes' own axes.
  Ref contract(std::vector<std::string> labels, std::string result, std::vector<Ref> operands, size_t which);
  Ref view(Ref direction, const graph::View& view, const std::vector<Extent>& own,
           const std::vector<Ref>& offsets);
  Ref place(Ref direction, const graph::View& view, const std::vector<Extent>& own,
            const std::vector<Ref>& offsets);
  Ref reshape(Ref direction, const std::vector<Extent>& own);
  Ref gather(Ref direction, const std::vector<Ref>& indices);
  Ref scatter_add(Ref direction, const std::vector<Ref>& indices, const std::vector<Extent>& own);
  Ref concat(const std::vector<Ref>& parts, int axis);
  // axes[i]: the axis of own that the direction's i-th own axis becomes.
  Ref expand(Ref direction, const std::vector<int>& axes, const std::vector<Extent>& own);
  Ref sum(Ref direction, const std::vector<int>& axes);
  Ref slice(Ref direction, int axis, const Extent& start, const Extent& extent);

  bool finite(Ref x) { return finite_(x); }

 private:
  graph::View led(graph::View view) const;
  std::vector<Ref> led(const std::vector<Ref>& indices) const;

  std::vector<Extent> lead_;
  Finiteness finite_;
};

// Null, or zero in every element.
bool vanishes(Ref x);
// A letter that none of the words has; false when there is none left.
bool fresh_label(const std::vector<std::string>& words, char& label);
// 1 where all indices agree and 0 elsewhere: [shape…, shape…].
Ref identity(Graph& g, const std::vector<Extent>& shape);

}  // namespace nodec::derive
