// One attempted step of an explicit Runge–Kutta method (Hairer, Nørsett, Wanner, Solving ODEs I, II.1), and
// its interpolant.
#include "compiler/solvers/attempt.hpp"

#include <algorithm>
#include <limits>

namespace nodec::solvers {

Value System::slope(Builder& b, const Slopes& k, const Range& range, Value d) const {
  return read(range) ? load(b, k.states, d) : load(b, k.quadratures, b.integer_sub(d, b.index(size)));
}

namespace {

// With so few slopes their weights, times h, are worth having apart: of one sample, where each operation
// waits for the one before, with any.
int64_t few_terms(const Builder& b) { return b.lanes() == 1 ? std::numeric_limits<int64_t>::max() : 5; }

Stages bare_stages(Builder& b, const Tableau& rk, const System& f, bool error, bool dense) {
  Stages s;
  s.size = f.size;
  s.k = frame_rows(b, "stages", (dense ? rk.stages() : rk.main_stages) * f.size);
  s.quadratures = Quadratures(b, rk, f.quadratures, error, dense);
  return s;
}

}  // namespace

Stages make_stages(Builder& b, const Tableau& rk, const System& f, bool error, bool dense) {
  Stages s = bare_stages(b, rk, f, error, dense);
  s.y = frame_rows(b, "stage_state", f.size + f.quadratures);
  if (dense && rk.stages() > rk.main_stages) s.later = frame_rows(b, "dense_state", f.size);
  return s;
}

Stages make_taped_stages(Builder& b, const Tableau& rk, const System& f, bool dense, int64_t activations) {
  Stages s = bare_stages(b, rk, f, false, dense);
  const int later = dense ? rk.stages() - rk.main_stages : 0;
  if (later == 0) return s;
  s.later_kept = true;
  s.later = frame_rows(b, "dense_states", later * f.size);
  if (activations > 0) s.later_left = frame_rows(b, "dense_activations", later * activations);
  return s;
}

Stages make_kept_stages(Builder& b, const Tableau& rk, const System& f, bool error) {
  Stages s = bare_stages(b, rk, f, error, false);
  s.kept = true;
  s.y = frame_rows(b, "stage_states", (rk.main_stages - 1) * f.size + f.quadratures);
  return s;
}

Rows Stages::of_stage(Builder& b, const Tableau& rk, int stage, Rows main, Rows rest, int64_t rows) const {
  if (stage < rk.main_stages) return kept ? shift(b, main, (stage - 1) * rows) : main;
  return later_kept ? shift(b, rest, (stage - rk.main_stages) * rows) : rest;
}

Rows Stages::state(Builder& b, const Tableau& rk, int stage) const {
  return of_stage(b, rk, stage, y, later, size);
}

Rows Stages::left_by(Builder& b, const Tableau& rk, int stage) const {
  return activations == 0 ? Rows{} : of_stage(b, rk, stage, left, later_left, activations);
}

Value Stages::sum(Builder& b, const System& f, const Weights& weights, const Range& range, Value d) const {
  if (f.read(range)) return weighted_sum(b, weights, k, size, d);
  return quadratures.sum(b, weights, b.integer_sub(d, b.index(size)));
}

Value stage_time(Builder& b, const Tableau& rk, int stage, Value t, Value h) {
  return rk.c[stage] == 0 ? t : b.fma(b.real(rk.c[stage]), h, t);
}

void form_stage(Builder& b, const Tableau& rk, int stage, Value h, Rows z, const Stages& s) {
  const Rows y = s.state(b, rk, stage);
  const std::vector<double>& a = rk.a[stage];
  const int64_t terms = std::count_if(a.begin(), a.end(), [](double x) { return x != 0; });
  if (terms == 1 || (stage < rk.main_stages - 1 && terms <= few_terms(b))) {
    // Weights times h are common to all elements, and what waits for the last slope is one operation. It
    // rounds a sum as large as the state at each term, which the proposal itself may not.
    std::vector<Value> weights;
    for (const double x : a) weights.push_back(x == 0 ? schedule::none : x == 1 ? h : b.mul(b.real(x), h));
    return each_element(b, 0, s.size, terms, [&](Value d) {
      Value sum = load(b, z, d);
      for (size_t j = 0; j < a.size(); ++j) {
        if (weights[j] == schedule::none) continue;
        const Rows k = shift(b, s.k, static_cast<int64_t>(j) * s.size);
        sum = b.fma(weights[j], load(b, k, d), sum);
      }
      store(b, y, d, sum);
    });
  }
  each_element(b, 0, s.size, static_cast<int64_t>(a.size()), [&](Value d) {
    const Value slope = weighted_sum(b, a, s.k, s.size, d);
    const Value from = load(b, z, d);
    store(b, y, d, slope == schedule::none ? from : b.fma(h, slope, from));
  });
}

void take_stage(Builder& b, const System& f, const Tableau& rk, int stage, Value t, Value h, Rows z,
                const Stages& s) {
  form_stage(b, rk, stage, h, z, s);
  f.evaluate(b, stage_time(b, rk, stage, t, h), s.state(b, rk, stage), s.slopes(b, stage),
             s.left_by(b, rk, stage));
  s.quadratures.add(b, stage);
}

void attempt(Builder& b, const System& f, const Tableau& rk, Value t, Value h, Rows z, const Stages& s) {
  s.quadratures.add(b, 0);
  for (int i = 1; i < rk.main_stages - 1; ++i) take_stage(b, f, rk, i, t, h, z, s);
  form_stage(b, rk, rk.main_stages - 1, h, z, s);
}

void propose(Builder& b, const Tableau& rk, Value h, Rows z, const Stages& s) {
  const Rows from = shift(b, z, s.size), to = shift(b, s.proposal(b, rk), s.size);
  each_element(b, 0, s.quadratures.count(), rk.main_stages, [&](Value d) {
    const Value slope = s.quadratures.sum(b, proposal_weights(rk), d), before = load(b, from, d);
    store(b, to, d, slope == schedule::none ? before : b.fma(h, slope, before));
  });
}

void finish(Builder& b, const System& f, const Tableau& rk, Value t, Value h, const Stages& s) {
  const int last = rk.main_stages - 1;
  f.evaluate(b, stage_time(b, rk, last, t, h), s.state(b, rk, last), s.slopes(b, last),
             s.left_by(b, rk, last));
  s.quadratures.add(b, last);
}

void take_dense_stages(Builder& b, const System& f, const Tableau& rk, Value t, Value h, Rows z,
                       const Stages& s) {
  for (int i = rk.main_stages; i < rk.stages(); ++i) take_stage(b, f, rk, i, t, h, z, s);
}

std::vector<Value> interpolant_weights(Builder& b, const Tableau& rk, Value theta, bool slope) {
  std::vector<Value> weights(rk.stages(), schedule::none);
  for (int i = 0; i < rk.stages() && i < static_cast<int>(rk.interpolant.size()); ++i) {
    std::vector<double> p = rk.interpolant[i];  // Σ p[d] θ^(d+1)
    while (!p.empty() && p.back() == 0) p.pop_back();
    if (p.empty()) continue;
    const int degree = static_cast<int>(p.size());
    auto coefficient = [&](int d) {
      return b.real(slope ? p[d - 1] * d : p[d - 1]);
    };  // of θ^d, or of its derivative
    Value value = coefficient(degree);
    for (int d = degree - 1; d >= 1; --d) value = b.fma(value, theta, coefficient(d));
    weights[i] = slope ? value : b.mul(value, theta);
  }
  return weights;
}

}  // namespace nodec::solvers
