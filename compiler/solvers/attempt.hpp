// One attempted step of an explicit Runge–Kutta method, and its interpolant.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "compiler/graph/tableau.hpp"
#include "compiler/solvers/lanes.hpp"

namespace nodec::solvers {

using graph::Tableau;

// What is integrated: y' = f(t, y) with y of `size` elements, and how its errors are weighed.
struct System {
  int64_t size = 0;
  std::function<void(Builder&, Value t, Rows y, Rows k)> evaluate;
  std::vector<std::pair<int64_t, int64_t>> in_norm;  // ranges of elements, ascending
  std::function<Value(Builder&, Value element)> atol;
  Value rtol = schedule::none;
};

// Memory of a step: derivatives of all stages, and the states at which they are taken.
struct Stages {
  Rows y, k;          // [stages][size]; y: see `kept`
  bool kept = false;  // every stage's y is kept; otherwise they share rows, and the last main stage's stays
  Rows spare;         // [size], not kept: y of stages that serve dense output
  int64_t size = 0;

  Rows state(Builder& b, const Tableau& rk, int stage) const;
  Rows derivative(Builder& b, int stage) const { return shift(b, k, stage * size); }
};
Stages make_stages(Builder& b, const Tableau& rk, int64_t size, bool kept);

// t + c[stage]·h.
Value stage_time(Builder& b, const Tableau& rk, int stage, Value t, Value h);
// y[stage] ← z + h Σ_j a[stage][j] k_j.
void form_stage(Builder& b, const Tableau& rk, int stage, Value h, Rows z, const Stages& s);
// form_stage, then k[stage] ← f.
void take_stage(Builder& b, const System& f, const Tableau& rk, int stage, Value t, Value h, Rows z,
                const Stages& s);
// All main stages but the last one's derivative, which methods without the FSAL property need only if the
// step is accepted.
void attempt(Builder& b, const System& f, const Tableau& rk, Value t, Value h, Rows z, const Stages& s);
// The last main stage's derivative: the next step's first stage.
void finish(Builder& b, const System& f, const Tableau& rk, Value t, Value h, const Stages& s);
// Stages that only the interpolant reads.
void take_dense_stages(Builder& b, const System& f, const Tableau& rk, Value t, Value h, Rows z,
                       const Stages& s);

// b_i(θ) of each stage, `none` where it vanishes; with slope, b_i'(θ).
std::vector<Value> interpolant_weights(Builder& b, const Tableau& rk, Value theta, bool slope = false);

}  // namespace nodec::solvers
