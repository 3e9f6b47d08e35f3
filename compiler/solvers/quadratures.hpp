// Derivatives of the states that no equation reads: a step needs a few sums over its stages of them, and
// keeps those instead of the stages.
#pragma once

#include <vector>

#include "compiler/graph/tableau.hpp"
#include "compiler/solvers/lanes.hpp"

namespace nodec::solvers {

using graph::Tableau;

// Weights of the stages in a sum.
using Weights = std::vector<double>;
// Of the last main stage's state, which is the proposal.
const Weights& proposal_weights(const Tableau& rk);
// Weights of the interpolant's powers: z(t + θh) = z + h Σ_d θ^(d+1) Σ_i w[d][i] k_i.
std::vector<Weights> interpolant_powers(const Tableau& rk);

class Quadratures {
 public:
  Quadratures() = default;
  // Memory for the sums of a proposal; with `error` of its errors; with `dense` of the interpolant; or for
  // all stages where that is not more.
  Quadratures(Builder& b, const Tableau& rk, int64_t count, bool error, bool dense);

  int64_t count() const { return count_; }
  // Where the field writes them at a stage; those of stage 0 and of the last main stage stay.
  Rows slopes(Builder& b, int stage) const;
  // Once a stage's are there: in every attempt, in the order of the stages, from stage 0 on.
  void add(Builder& b, int stage) const;
  // Σ_i weights[i] k_i, for weights of the kinds above; `none` when all are zero.
  Value sum(Builder& b, const Weights& weights, Value element) const;
  // Σ_i b_i(θ) k_i; with slope, Σ_i b_i'(θ) k_i.
  Value interpolated(Builder& b, const Tableau& rk, Value theta, bool slope, Value element) const;

 private:
  struct Sum {
    Weights weights;  // ends with one that is not zero
    Rows rows;
  };

  int64_t count_ = 0;
  int main_stages_ = 0;
  bool stored_ = false;       // the stages are kept
  Rows stages_;               // [stages][count], if so
  Rows first_, main_, rest_;  // [count] each: of stage 0, of later main stages, of the others
  std::vector<Sum> sums_;
};

}  // namespace nodec::solvers
