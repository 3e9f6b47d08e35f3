// The op registry's parts, one file each, and the element rules that they share.
#pragma once

#include <algorithm>
#include <span>

#include "compiler/graph/op.hpp"

namespace nodec::graph {

// The ops of ops_arithmetic.cpp (+ − · / and what is made of comparisons), ops_functions.cpp (transcendental
// functions) and ops_discrete.cpp (comparisons, logic, integers, conversions).
std::span<const Op> arithmetic_ops();
std::span<const Op> function_ops();
std::span<const Op> discrete_ops();

// Every operand of element `from`, the result of element `to`.
template <Element from, Element to = from>
bool all_are(std::span<const Element> operands, Element& result) {
  result = to;
  return std::all_of(operands.begin(), operands.end(), [](Element e) { return e == from; });
}

}  // namespace nodec::graph
