// Writes the observed states (see observe.hpp).
#include "compiler/solvers/observe.hpp"

#include <limits>

namespace nodec::solvers {

Value result_index(Builder& b, Rows results, Value i, int64_t size, Value element) {
  return lane_index(b, results, i, size, element);
}

Disorder find_disorder(Builder& b, const Problem& p) {
  const Variable mask(b, "disorder", schedule::Kind::integer), index(b, "place", schedule::Kind::integer),
      time(b, "time"), before(b, "before");
  const Value sound = finite(b, p.t0);
  mask.set(b, b.select(sound, b.integer(0), b.integer(1)));
  index.set(b, b.splat(b.integer(-1)));
  time.set(b, p.t0);
  before.set(b, p.t0);
  // `time` is the last one in order. Past a lane's own times its last one repeats.
  b.for_loop(b.index(0), b.extent(p.task.times), [&](Value i) {
    const Value running = b.integer_equal(mask.get(b), b.integer(0));
    const Value number = b.splat(b.integer_of(i)), last = time.get(b), here = p.time(b, number);
    const Value good = b.logical_and(p.reached(b, last, here), finite(b, here));
    index.set(b, number, running);
    before.set(b, last, running);
    time.set(b, here, running);
    mask.set(b, b.integer(1), b.logical_and(running, b.logical_not(good)));
  });
  return {b.integer_equal(mask.get(b), b.integer(1)), index.get(b), time.get(b), before.get(b)};
}

Value Observer::left(Builder& b, const Problem& p) const { return b.integer_less(cursor.get(b), p.count); }

void Observer::start(Builder& b, const Problem& p, Value live) const {
  cursor.set(b, b.splat(b.integer(0)));
  const Rows results = p.task.results;
  auto pending = [&] {
    const Value at_start = p.reached(b, p.time(b, cursor.get(b)), p.t0);
    return b.logical_and(live, b.logical_and(left(b, p), at_start));
  };
  b.while_loop([&] { return b.any(pending()); },
               [&] {
                 const Value mask = pending();
                 const Value i = cursor.get(b);
                 each_element(b, 0, p.elements, 1, [&](Value d) {
                   b.store_masked(results.buffer, result_index(b, results, i, p.elements, d),
                                  load(b, p.task.initial, d), mask);
                 });
                 cursor.set(b, b.select(mask, b.integer_add(i, b.integer(1)), i));
               });
}

Value Observer::inside(Builder& b, const Problem& p, Value accepted, Value to) const {
  const Value time = p.time(b, cursor.get(b));
  const Value before = b.less(b.mul(p.direction, time), b.mul(p.direction, to));
  return b.logical_and(accepted, b.logical_and(left(b, p), before));
}

void Observer::step(Builder& b, const Problem& p, Value accepted, Value flush, Value t, Value h, Value to,
                    Rows z, const Stages& s) const {
  const Rows results = p.task.results;
  const Rows end = s.proposal(b, p.rk);
  auto pending = [&] {
    const Value due = b.logical_or(flush, p.reached(b, p.time(b, cursor.get(b)), to));
    return b.logical_and(accepted, b.logical_and(left(b, p), due));
  };
  b.while_loop([&] { return b.any(pending()); },
               [&] {
                 const Value mask = pending();
                 const Value i = cursor.get(b);
                 const Value time = p.time(b, i);
                 auto observe = [&](Value d, Value state) {
                   b.store_masked(results.buffer, result_index(b, results, i, p.elements, d), state, mask);
                 };
                 if (!p.dense) {
                   each_element(b, 0, p.elements, 1, [&](Value d) { observe(d, load(b, end, d)); });
                 } else {
                   // The end itself, bit for bit: what observes only the end must not depend on the
                   // interpolant.
                   const Value at_end = b.equal(time, to);
                   const Value theta = b.div(b.sub(time, t), h);
                   const std::vector<Value> weights = interpolant_weights(b, p.rk, theta);
                   auto observe_slope = [&](Value d, Value slope) {
                     const Value inner = b.fma(h, slope, load(b, z, d));
                     observe(d, b.select(at_end, load(b, end, d), inner));
                   };
                   each_element(b, 0, p.size, p.rk.stages(), [&](Value d) {
                     Value slope = schedule::none;
                     for (int stage = 0; stage < p.rk.stages(); ++stage) {
                       if (weights[stage] == schedule::none) continue;
                       const Value k = load(b, s.derivative(b, stage), d);
                       slope = slope == schedule::none ? b.mul(weights[stage], k)
                                                       : b.fma(weights[stage], k, slope);
                     }
                     observe_slope(d, slope);
                   });
                   each_element(b, 0, p.quadratures, p.rk.stages(), [&](Value d) {
                     observe_slope(b.integer_add(d, b.index(p.size)),
                                   s.quadratures.interpolated(b, p.rk, theta, false, d));
                   });
                 }
                 cursor.set(b, b.select(mask, b.integer_add(i, b.integer(1)), i));
               });
}

void spoil_results(Builder& b, const Problem& p, Value mask) {
  const Value rows = b.integer_mul(b.extent(p.task.times), b.index(p.elements));
  const Value nan = b.real(std::numeric_limits<double>::quiet_NaN());
  b.for_loop(b.index(0), rows, [&](Value row) { store(b, p.task.results, row, nan, mask); });
}

}  // namespace nodec::solvers
