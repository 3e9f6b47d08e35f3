// How long a step is (Hairer, Nørsett, Wanner, Solving ODEs I, II.4; Söderlind 2003).
#include "compiler/solvers/control.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "compiler/solvers/rough.hpp"

namespace nodec::solvers {

namespace {

// The error estimate goes as h^k: its order plus one, and for dop853's quotient of two, |e5|²/|e3|, as h^(2·6
// − 4).
double error_exponent(const Tableau& rk) {
  return rk.error_third.empty() ? std::min(rk.order, rk.embedded_order) + 1 : rk.order;
}

// Weight of the previous error in the controller, as in Hairer's dopri5. On four problems (Lotka–Volterra, a
// forced oscillator, van der Pol, Kepler) at 23 tolerances by bosh3, dopri5 and tsit5, evaluations at equal
// error are 1.3 % more at 0 and 4.5 % more at 0.08, with rejections of 0.9 % (0), 0.6 % (0.04) and 0.3 %
// (0.08).
constexpr double proportional = 0.04;
// The previous error counts as at least this, so that one lucky step does not shorten the next.
constexpr double smallest_previous_error = 1e-4;

double epsilon(const Builder& b) {
  return b.double_precision() ? std::numeric_limits<double>::epsilon()
                              : std::numeric_limits<float>::epsilon();
}

Value weight(Builder& b, const System& f, Value element, Value magnitude) {
  return b.fma(f.rtol, magnitude, f.atol(b, element));
}

double norm_size(const System& f) {
  int64_t count = 0;
  for (const Range& range : f.in_norm) count += range.end - range.first;
  return static_cast<double>(std::max<int64_t>(1, count));
}

// Root mean square over the norm's elements.
Value norm(Builder& b, const System& f, int64_t terms,
           const std::function<Value(const Range& range, Value element)>& weighed) {
  std::vector<Value> sum{b.splat(b.real(0))};
  for (const Range& range : f.in_norm) {
    fold_elements(b, range.first, range.end, terms, sum, [&](Value d, std::vector<Value>& carried) {
      const Value x = weighed(range, d);
      carried[0] = b.fma(x, x, carried[0]);
    });
  }
  return b.sqrt(b.mul(sum[0], b.real(1 / norm_size(f))));
}

Value power(Builder& b, Value x, double exponent) {
  return rough_exp2(b, b.mul(b.real(exponent), rough_log2(b, x)));
}

}  // namespace

Error error_of(Builder& b, const System& f, const Tableau& rk, Value h, Rows z, const Stages& s,
               bool adaptive) {
  const Rows proposal = s.proposal(b, rk);
  // x·0 is 0 or NaN: one sum says whether all are finite.
  std::vector<Value> zero{b.splat(b.real(0))};
  fold_elements(b, 0, f.elements(), 1, zero, [&](Value d, std::vector<Value>& carried) {
    carried[0] = b.fma(load(b, proposal, d), b.real(0), carried[0]);
  });
  const Value finite_proposal = b.equal(zero[0], b.real(0));
  if (!adaptive) return {finite_proposal, finite_proposal, schedule::none};

  const bool two = !rk.error_third.empty();
  const int64_t terms = rk.stages() * (two ? 2 : 1) + 4;
  std::vector<Value> sums(two ? 2 : 1, b.splat(b.real(0)));
  for (const Range& range : f.in_norm) {
    fold_elements(b, range.first, range.end, terms, sums, [&](Value d, std::vector<Value>& carried) {
      const Value magnitude = b.max(b.abs(load(b, z, d)), b.abs(load(b, proposal, d)));
      // Ahead of the last stage, where the proposal is.
      const Value share = b.div(b.real(1), weight(b, f, d, magnitude));
      for (size_t i = 0; i < carried.size(); ++i) {
        const Value sum = s.sum(b, f, i == 0 ? rk.error : rk.error_third, range, d);
        const Value x = b.mul(b.mul(h, sum), share);
        carried[i] = b.fma(x, x, carried[i]);
      }
    });
  }
  // What the next step waits for: one logarithm, and no quotient.
  const double n = norm_size(f);
  const Value logarithm = rough_log2(b, sums[0]);
  if (!two)
    return {b.logical_and(finite_proposal, b.less_equal(sums[0], b.real(n))),
            b.logical_and(finite_proposal, finite(b, sums[0])),
            b.fma(b.real(0.5), logarithm, b.real(-0.5 * std::log2(n)))};
  // The square is |e5|⁴ / (n (|e5|² + 0.01 |e3|²)), 0 where both vanish (II.10).
  const Value over = b.mul(b.real(n), b.fma(b.real(0.01), sums[1], sums[0]));
  return {b.logical_and(finite_proposal, b.less_equal(b.mul(sums[0], sums[0]), over)),
          b.logical_and(finite_proposal, b.logical_and(finite(b, sums[0]), finite(b, over))),
          b.fma(b.real(-0.5), rough_log2(b, over), logarithm)};
}

Value worst_element(Builder& b, const System& f, const Tableau& rk, Value h, Rows z, const Stages& s,
                    bool adaptive) {
  const Rows proposal = s.proposal(b, rk);
  const Value infinity = b.real(std::numeric_limits<double>::infinity());
  std::vector<Value> worst{b.splat(b.real(-1)), b.splat(b.integer(-1))};
  for (const Range& range : f.all()) {
    const int64_t terms = rk.stages() + 8;
    fold_elements(b, range.first, range.end, terms, worst, [&](Value d, std::vector<Value>& carried) {
      const Value to = load(b, proposal, d);
      Value size = b.mul(to, b.real(0));
      if (adaptive) {
        const Value magnitude = b.max(b.abs(load(b, z, d)), b.abs(to));
        const Value error = b.mul(h, s.sum(b, f, rk.error, range, d));
        size = b.add(size, b.abs(b.div(error, weight(b, f, d, magnitude))));
      }
      size = b.select(finite(b, size), size, infinity);
      const Value larger = b.less(carried[0], size);
      carried[0] = b.select(larger, size, carried[0]);
      carried[1] = b.select(larger, b.integer_of(d), carried[1]);
    });
  }
  return worst[1];
}

Value first_not_finite(Builder& b, const System& f, Rows z, const Slopes& k) {
  std::vector<Value> found{b.splat(b.integer(-1))};
  for (const Range& range : f.all()) {
    fold_elements(b, range.first, range.end, 4, found, [&](Value d, std::vector<Value>& carried) {
      const Value both = b.logical_and(finite(b, load(b, z, d)), finite(b, f.slope(b, k, range, d)));
      const Value first = b.logical_and(b.logical_not(both), b.integer_less(carried[0], b.integer(0)));
      carried[0] = b.select(first, b.integer_of(d), carried[0]);
    });
  }
  return found[0];
}

Controller::Controller(Builder& b) : previous(b, "log_error"), rejected(b, "rejected") {}

void Controller::start(Builder& b) const {
  previous.set(b, b.splat(b.real(std::log2(smallest_previous_error))));
  rejected.set(b, b.splat(b.truth(false)));
}

Value Controller::factor(Builder& b, const Tableau& rk, const Controls& controls, const Error& error,
                         Value accepted, Value running) const {
  const double k = error_exponent(rk);
  const Value last = previous.get(b);
  // safety · error^(−1/k + 0.75 β) · previous^β; after a rejection without memory.
  const Value exponent = b.select(
      accepted, b.fma(b.real(-(1 / k - 0.75 * proportional)), error.log2, b.mul(b.real(proportional), last)),
      b.mul(b.real(-1 / k), error.log2));
  const Value wanted = b.mul(controls.safety, rough_exp2(b, exponent));
  const Value most = b.select(b.logical_or(rejected.get(b), b.logical_not(accepted)),
                              b.min(b.real(1), controls.max_factor), controls.max_factor);
  const Value short_enough = b.select(b.less(most, wanted), most, wanted);
  const Value inside = b.select(b.less(controls.min_factor, short_enough), short_enough, controls.min_factor);
  const Value factor = b.select(error.sound, inside, controls.min_factor);
  const Value lowest = b.real(std::log2(smallest_previous_error));
  previous.set(b, b.select(accepted, b.max(error.log2, lowest), last));
  rejected.set(b, b.logical_and(running, b.logical_not(accepted)));
  return factor;
}

Value first_step(Builder& b, const System& f, const Tableau& rk, Value t, Value span, Rows z,
                 const Stages& s) {
  const Value longest = b.abs(span);
  const Slopes first = s.slopes(b, 0), later = s.slopes(b, 1);
  const Rows beyond = s.state(b, rk, 1);
  auto weighed = [&](Value x, Value d) { return b.div(x, weight(b, f, d, b.abs(load(b, z, d)))); };
  const Value size = norm(b, f, 4, [&](const Range&, Value d) { return weighed(load(b, z, d), d); });
  const Value slope =
      norm(b, f, 4, [&](const Range& range, Value d) { return weighed(f.slope(b, first, range, d), d); });
  const Value small = b.logical_or(b.less(size, b.real(1e-5)), b.less(slope, b.real(1e-5)));
  const Value by_size = b.select(small, b.real(1e-6), b.mul(b.real(0.01), b.div(size, slope)));
  // A state may be as small as rounding leaves of 0, and its step then too small for the time's digits.
  const Value distinct = b.mul(b.real(256 * epsilon(b)), b.abs(t));
  const Value guess = b.min(b.max(by_size, distinct), longest);
  const Value trial = b.select(b.less(span, b.real(0)), b.neg(guess), guess);
  each_element(b, 0, f.size, 1,
               [&](Value d) { store(b, beyond, d, b.fma(trial, load(b, first.states, d), load(b, z, d))); });
  f.evaluate(b, b.add(t, trial), beyond, later, s.left_by(b, rk, 1));
  const Value difference = norm(b, f, 5, [&](const Range& range, Value d) {
    return weighed(b.sub(f.slope(b, later, range, d), f.slope(b, first, range, d)), d);
  });
  const Value curvature = b.div(difference, guess);
  const Value steepest = b.max(slope, curvature);
  const Value flat = b.less_equal(steepest, b.real(1e-15));
  const Value small_step = b.max(b.real(1e-6), b.mul(guess, b.real(1e-3)));
  const Value inverse = b.div(b.real(0.01), b.select(flat, b.real(1), steepest));
  const Value least = b.real(std::numeric_limits<float>::min());
  const Value by_order = power(b, b.select(b.less(inverse, least), least, inverse), 1 / error_exponent(rk));
  const Value h = b.min(b.mul(b.real(100), guess), b.select(flat, small_step, by_order));
  // The trial point may lie outside the field's domain: then begin much closer.
  const Value inside = b.logical_and(finite(b, steepest), finite(b, h));
  const Value safe = b.select(inside, h, b.mul(guess, b.real(1e-3)));
  return b.min(safe, longest);
}

Value covers(Builder& b, Value h, Value remaining, bool adaptive) {
  // Adaptive: as in Hairer's dopri5. Otherwise only what rounding leaves of a multiple of the step.
  const double stretch = adaptive ? 1.01 : 1 + std::sqrt(epsilon(b));
  return b.less_equal(b.abs(remaining), b.abs(b.mul(h, b.real(stretch))));
}

Value negligible(Builder& b, Value t, Value h) {
  return b.logical_or(b.less_equal(b.abs(h), b.mul(b.real(16 * epsilon(b)), b.abs(t))),
                      b.equal(b.add(t, h), t));
}

}  // namespace nodec::solvers
