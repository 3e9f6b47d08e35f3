// A field -> the expressions that are derived of it, and what they cost.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "compiler/notation/derivation.hpp"

namespace nodec::notation {

// All over one set of variables, so that what two of them compute is one node.
struct Derivatives {
  Ref time = nullptr;
  std::vector<Ref> states;
  // The cotangents of the states and, with a log-determinant, of that.
  std::vector<Ref> kappa;
  std::vector<Ref> f;
  struct Block {
    size_t row, column;
    Ref value;
  };
  std::vector<Block> blocks;  // ∂f/∂z, those that are not zero
  std::string structure;      // of the Jacobian of a single state: "diagonal + rank 64"
  Ref trace = nullptr;
  std::vector<Ref> probes;  // the random vectors of the estimate, by state
  Ref estimate = nullptr;   // of the trace, null where it is not estimated
  // What the field captures: parameters, inputs, what is made of them.
  std::vector<Ref> captured;
  // κᵀ ∂f/∂t, κᵀ ∂f/∂z…, κᵀ ∂f/∂c… of what is captured.
  std::vector<Ref> pulled;
  // The same as a solve's adjoint has it, to be counted: of −k where `pulled` is of k.
  std::vector<Ref> counted;
  std::vector<Ref> pulled_by_states;
  // Stand for the integrals of the cotangents of what is made of parameters, `made`; what they give each of
  // the parameters that it is made of.
  std::vector<Ref> integrals, made;
  std::vector<std::pair<Ref, Ref>> updates;
  std::string refused_trace, refused_jacobian, refusal;

  // What is added to the log-determinant.
  Ref logdet_rate() const { return estimate ? estimate : trace; }
  // The number of elements of all states; lengths count as 1.
  int64_t elements() const;
  // Whether a parameter's cotangent comes through values that differ by sample.
  bool per_sample(Ref parameter) const;
  // What of these is written on a page, but for the Jacobian.
  std::vector<Ref> written() const;
};

Derivatives differentiate(graph::Graph& g, const Field& field);
// Fills in the costs.
void count(const Derivatives& derivatives, bool logdet, Derivation& result);

// The page on them; fills in the text of the Jacobian.
struct Page;
Page explain(const Derivatives& derivatives, const Field& field, Derivation& result);

// What a node is a constant multiple of.
Ref without_factors(Ref node);
bool is_zero(Ref node);

}  // namespace nodec::notation
