// ∂e/∂x as a sum of products of tensors over shared indices.
//
// The derivative by every element of x at once is carried through the expression: an elementwise function
// contributes a factor of local derivatives, a contraction its other operands, a slice, a concatenation or a
// transposition moves an index. Only what is no such product is multiplied out, as a tensor with x's axes
// before the node's. Nothing is written out element by element.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/derive/contraction.hpp"
#include "compiler/derive/derive.hpp"
#include "compiler/derive/directions.hpp"

namespace nodec::derive {

// The position label + shift along an axis.
struct Index {
  char label;
  Extent shift;
  friend bool operator==(const Index&, const Index&) = default;
};

// The positions of a label.
struct Range {
  Extent begin, extent;
};

// coefficient · Π factors, summed over the labels that neither `with` (x's axes) nor `axes` (the node's) has,
// and zero where a label leaves its range. Every index of a label in its range is within its axis.
struct Term {
  double coefficient = 1;
  std::vector<Ref> factors;
  std::vector<std::vector<Index>> indices;  // of each factor
  std::vector<Index> with, axes;
  std::map<char, Range> ranges;

  // A label of its own. False when the letters are used up.
  bool fresh(const Extent& extent, Index& index);
  bool in_factor(char label) const;
  // How many tensors are left when factors of one word are joined.
  size_t words() const;
};

// What a restriction leaves of a term. unknown: it depends on lengths.
enum class Left : uint8_t { some, nothing, unknown };

// Only where `index` is in [0, extent).
Left restrict_to(Term& term, const Index& index, const Extent& extent);
// Only where the positions agree; afterwards they have one label.
Left identify(Term& term, Index a, Index b);

// Sum of terms; none: zero.
using Terms = std::vector<Term>;

// Axes of a reshape's operand and of its result that hold the same elements: one and one, one that becomes
// several, several that become one, or one of extent 1 that comes (from nothing) or goes (to nothing).
struct AxisGroup {
  std::vector<size_t> from, to;
};
// Nothing where the axes do not fall into such groups.
std::optional<std::vector<AxisGroup>> groups_of(const Node& reshape);

// An index of the whole of [0, Π extents) becomes several. False where it is of less, or moved, or x's.
bool split(Graph& g, Term& term, const Index& index, const std::vector<Extent>& extents,
           std::vector<Index>& indices);

// A contraction's labels, operands and result.
struct Product {
  std::vector<std::string> labels;
  std::vector<Ref> operands;
  std::string result;
};
// Where operand i is a reshape that makes one axis of several, and these are summed: the same product of what
// is reshaped, the other operands' axes separated instead.
void separate(Graph& g, Product& product, size_t i);

// Where one choice is as right as another: what is cheapest shows in the end.
struct Choices {
  size_t most_terms;  // a node whose derivative has more terms is multiplied out
  Ties ties;
};

// Carries terms from x to what is made of it.
class Network {
 public:
  Network(Graph& g, Ref x, Choices choices, Refusal& refusal);

  Terms derive(Ref e);

  // The most terms that a node had before it was multiplied out, if it was.
  size_t longest() const { return longest_; }

  // Σ terms as a tensor of x's axes and the node's, or the other way around.
  Ref assemble(const Terms& terms, const Node& node, bool x_last);

 private:
  Terms start() const;
  Terms whole(Ref direction) const;
  Terms too_many_axes() const;  // refuses: there are no labels left
  Ref multiply_out(const Terms& terms, const Node& node);
  Ref assemble(Term term, const Node& node, bool x_last);
  const Terms& of(Ref node) const;

  // Each gives false for what it cannot carry; `result` is not to be used then.
  bool push(const Node& node, Terms& result);
  bool push_map(const Node& node, Terms& result);
  bool push_where(const Node& node, Terms& result);
  bool push_contract(const Node& node, Terms& result);
  bool push_product(const Product& product, size_t i, Terms& result);
  bool push_view(const Node& node, Terms& result);
  bool push_place(const Node& node, Terms& result);
  bool push_reshape(const Node& node, Terms& result);
  void push_concat(const Node& node, Terms& result);
  Ref push_by_rule(const Node& node);
  // Appends terms · local, elementwise.
  void multiply(const Terms& terms, Ref local, Terms& result);

  Graph& g_;
  Ref x_;
  Choices choices_;
  size_t longest_ = 0;
  Directions directions_;
  Refusal& refusal_;
  std::unordered_map<Ref, Terms> terms_;
};

// The value of a term whose labels are `wanted` or summed: [extents of wanted]; null for zero. The labels
// that no factor has are counted.
Ref contract_term(Graph& g, Term term, const std::string& wanted, Ties ties);

// Closes each axis of x with the node's in every term. False where that depends on lengths.
bool close(Terms& terms);
// Σ closed terms; null for zero. Equal products are one.
Ref sum_of(Graph& g, const Terms& terms, Ties ties);

}  // namespace nodec::derive
