// Solve and adjoint nodes with the values of their operands -> the values of their parts.
#pragma once

#include <span>
#include <vector>

#include "compiler/graph/evaluate_kernel.hpp"

namespace nodec::graph {

// Adaptive solves by extrapolation to the tolerance; fixed-step ones by their tableau.
std::vector<Tensor> solve_value(const Node& solve, std::span<const Tensor* const> operands,
                                const Environment& sample, size_t batch, const ReferenceOptions& options);

// `operands`: of the adjoint without its first, the solve, whose own are `primal`. Adaptive solves by the
// continuous adjoint (Chen et al. 2018) to the tolerance, whatever the kind; fixed-step ones by the transpose
// of their steps, which `backsolve` only approximates.
std::vector<Tensor> adjoint_value(const Node& adjoint, std::span<const Tensor* const> primal,
                                  std::span<const Tensor* const> operands, const Environment& sample,
                                  size_t batch, const ReferenceOptions& options);

}  // namespace nodec::graph
