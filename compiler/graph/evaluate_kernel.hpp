// One tensor node with known extents -> a function from operand values to the node's value.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "compiler/graph/evaluate.hpp"

namespace nodec::graph {

using Lengths = std::map<std::string, int64_t>;

// A shape's numbers.
std::vector<int64_t> resolve(const std::vector<Extent>& shape, const Lengths& lengths);
// Zeros of that shape.
Tensor make_tensor(std::vector<int64_t> shape);

// Overwrites a result that has the node's shape already.
using Kernel = std::function<void(const Tensor* const* operands, Tensor& result)>;

// Of every kind but leaves, solve, adjoint, part and batch_sum.
Kernel make_kernel(const Node& node, const Lengths& lengths);

// The value of a leaf. Throws std::out_of_range, naming what the environment lacks.
Tensor leaf_value(const Node& node, const Environment& sample, size_t batch);

}  // namespace nodec::graph
