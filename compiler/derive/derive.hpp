// Differentiation: functions Graph -> Graph.
//
// In: expressions and what to differentiate with respect to. Out: expressions of the same graph; no new kinds
// of node below this layer know calculus, except `adjoint`, the derivative of a solve. Never here: numbers.
// Sources: Chen et al. 2018, Hager 2000; formulas stand at their functions.
#pragma once

#include <string>
#include <vector>

#include "compiler/graph/graph.hpp"

namespace nodec::derive {

using graph::Graph;
using graph::Ref;

// A construct that cannot be differentiated (yet): what and why. Empty message: fine.
struct Refusal {
  std::string message;
  Ref node = nullptr;
  explicit operator bool() const { return !message.empty(); }
};

// What a cotangent that flows from sample base into a parameter-base node stands for: the derivative of the
// batch's sum, through batch_sum (a training objective), or of one sample's value (a user's `grad`, a solve's
// pullback).
enum class Over : uint8_t { batch, sample };

// Cotangents of each of `wrt` (its type; zeros where nothing depends on it), given cotangents of `outputs`.
// `wrt` may be any nodes: each counts as independent of what it was made of. Integer and boolean values have
// no cotangent. At ties, max and min (elementwise and over axes) split the cotangent equally.
std::vector<Ref> vjp(Graph& g, const std::vector<Ref>& outputs, const std::vector<Ref>& cotangents,
                     const std::vector<Ref>& wrt, Refusal* refusal, Over over = Over::batch);

// Tangents of `outputs`, given tangents of `wrt`.
std::vector<Ref> jvp(Graph& g, const std::vector<Ref>& outputs, const std::vector<Ref>& wrt,
                     const std::vector<Ref>& tangents, Refusal* refusal);

// The derivatives below are of one sample's value.

// ∂e/∂x, shape: e's then x's.
Ref jacobian(Graph& g, Ref e, Ref x, Refusal* refusal);
// Σ_i ∂e_i/∂x_i for e and x of one shape (any rank).
Ref divergence(Graph& g, Ref e, Ref x, Refusal* refusal);
// The sum of the divergences of each of `es` by its own of `xs`: the trace of a Jacobian of blocks. What
// cancels between them is not computed.
Ref divergence(Graph& g, const std::vector<Ref>& es, const std::vector<Ref>& xs, Refusal* refusal);
// Its estimate (1/count) Σ εᵀ J ε by so many random vectors: probes[i] has the shape of xs[i], after an axis
// of `count` if there are several.
Ref estimated_divergence(Graph& g, const std::vector<Ref>& es, const std::vector<Ref>& xs,
                         const std::vector<Ref>& probes, int64_t count, Refusal* refusal);
// The gradient of a scalar: grad(e, x).
Ref gradient(Graph& g, Ref e, Ref x, Refusal* refusal);

}  // namespace nodec::derive
