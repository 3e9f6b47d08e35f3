// One attempted step of an explicit Runge–Kutta method, and its interpolant.
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "compiler/solvers/lanes.hpp"
#include "compiler/solvers/quadratures.hpp"

namespace nodec::solvers {

using schedule::Slopes;

// A range of elements, of the states that f reads or of the quadratures.
struct Range {
  int64_t first, end;
};

// What is integrated: (y, q)' = f(t, y) with y of `size` elements, q of `quadratures`, numbered on from
// there, and how its errors are weighed.
struct System {
  int64_t size = 0, quadratures = 0;
  // activations: where an evaluation leaves what its pullback takes, or none.
  std::function<void(Builder&, Value t, Rows y, const Slopes& k, Rows activations)> evaluate;
  std::vector<Range> in_norm;  // ascending
  std::function<Value(Builder&, Value element)> atol;
  Value rtol = schedule::none;

  int64_t elements() const { return size + quadratures; }
  std::vector<Range> all() const { return {{0, size}, {size, elements()}}; }
  bool read(const Range& range) const { return range.first < size; }
  // Of the range's element d.
  Value slope(Builder& b, const Slopes& k, const Range& range, Value d) const;
};

// Memory of a step: derivatives of all stages, the states at which they are taken, and what their evaluations
// leave. The proposal is the last main stage's y, followed by the quadratures, unless these are not stepped.
struct Stages {
  Rows k;             // [stages][size]
  Rows y;             // [size], or if `kept` [main stages − 1][size]: from stage 1 on
  bool kept = false;  // every main stage's y is kept; otherwise they share rows, and the last one's stays
  Rows later;  // the same of the stages that serve dense output, [size] or if `later_kept` [those][size]
  bool later_kept = false;
  Rows left, later_left;  // activations, kept as the states are
  int64_t size = 0, activations = 0;
  Quadratures quadratures;

  Rows state(Builder& b, const Tableau& rk, int stage) const;
  Rows left_by(Builder& b, const Tableau& rk, int stage) const;
  Rows proposal(Builder& b, const Tableau& rk) const { return state(b, rk, rk.main_stages - 1); }
  Rows derivative(Builder& b, int stage) const { return shift(b, k, stage * size); }
  Slopes slopes(Builder& b, int stage) const { return {derivative(b, stage), quadratures.slopes(b, stage)}; }
  // Σ_i weights[i] k_i of the range's element d.
  Value sum(Builder& b, const System& f, const Weights& weights, const Range& range, Value d) const;

 private:
  Rows of_stage(Builder& b, const Tableau& rk, int stage, Rows main, Rows rest, int64_t rows) const;
};
// Main stages share rows, and later ones do. error, dense: what is asked of the quadratures (see there).
Stages make_stages(Builder& b, const Tableau& rk, const System& f, bool error, bool dense);
// Main stages lie where `take_entry` (tape.hpp) lets them; of every later one y and activations are kept.
Stages make_taped_stages(Builder& b, const Tableau& rk, const System& f, bool dense, int64_t activations);
// Every main stage's y is kept, and there are no others.
Stages make_kept_stages(Builder& b, const Tableau& rk, const System& f, bool error);

// t + c[stage]·h.
Value stage_time(Builder& b, const Tableau& rk, int stage, Value t, Value h);
// y[stage] ← z + h Σ_j a[stage][j] k_j.
void form_stage(Builder& b, const Tableau& rk, int stage, Value h, Rows z, const Stages& s);
// form_stage, then k[stage] ← f.
void take_stage(Builder& b, const System& f, const Tableau& rk, int stage, Value t, Value h, Rows z,
                const Stages& s);
// All main stages but the last one's derivative, which methods without the FSAL property need only if the
// step is accepted. The quadratures' part of the proposal is written by `propose`.
void attempt(Builder& b, const System& f, const Tableau& rk, Value t, Value h, Rows z, const Stages& s);
void propose(Builder& b, const Tableau& rk, Value h, Rows z, const Stages& s);
// The last main stage's derivative: the next step's first stage.
void finish(Builder& b, const System& f, const Tableau& rk, Value t, Value h, const Stages& s);
// Stages that only the interpolant reads.
void take_dense_stages(Builder& b, const System& f, const Tableau& rk, Value t, Value h, Rows z,
                       const Stages& s);

// b_i(θ) of each stage, `none` where it vanishes; with slope, b_i'(θ).
std::vector<Value> interpolant_weights(Builder& b, const Tableau& rk, Value theta, bool slope = false);

}  // namespace nodec::solvers
