// Contractions as one product of many factors, and that product as matrices side by side.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "compiler/graph/graph.hpp"
#include "compiler/notation/formula.hpp"

namespace nodec::notation {

using graph::Ref;

struct Factor {
  Ref node;
  std::string labels;  // one an axis
};
// coefficient · Σ over the labels that the result lacks of Π factors.
struct Product {
  double coefficient = 1;
  std::vector<Factor> factors;
  std::string result;
};

// What a contraction, and the contractions, scalings and transpositions that it is made of as long as
// `passes` holds, multiply.
Product flatten(Ref contraction, const std::function<bool(Ref)>& passes);

// As products of matrices and vectors: W₂ diag(d) W₁, d ∘ W₂ᵀ a, x yᵀ, xᵀ A y, tr(A B). Null when it has no
// such form. `formula` gives a factor, null when it has no form without indices.
Formula chain(const Product& product, const std::function<Formula(Ref)>& formula);

// The axis of the source that each axis of the view is, for views that permute and repeat whole axes; empty
// for other views of a source that has axes. -1: repeated.
std::vector<int> repeated_axes(const graph::Node& view);
// The value of a constant all of whose elements agree, else null.
const double* splat(Ref node);
// Whether a node's value is one number, however often it is repeated.
bool is_number(Ref node);
// What a scalar was repeated from, or the node itself.
Ref unrepeated(Ref node);

}  // namespace nodec::notation
