// Writes the adjoint of a solve as the augmented equation solved backward (Chen et al. 2018, appendix B):
//
//   z' = f,   a' = −aᵀ ∂f/∂z,   and the integral of −aᵀ ∂f/∂c for all that the field captures,
//
// from each observed state to the one before, where a gains the observation's cotangent ō and z starts anew
// from the stored state. The cotangent of a quadrature q of z is constant in between, and q itself is
// integrated once more for its error's sake. The integrals over what is captured are quadratures: their terms
// −h b_i a_iᵀ ∂f/∂c are added once a step is accepted, and have no part in the error norm (Kidger et al.
// 2021). Times need none: ∂L/∂t_i = ō_i·f(t_i, z_i), ∂L/∂t0 = −a·f(t0, z0).
#include "compiler/solvers/backsolve.hpp"

#include <limits>

#include "compiler/solvers/observe.hpp"
#include "runtime/abi.hpp"

namespace nodec::solvers {

namespace {

using runtime::Failure;

class Backsolve {
 public:
  Backsolve(Builder& b, schedule::AdjointTask& task)
      : b_(b),
        task_(task),
        p_(b, *task.solve),
        y_(frame_rows(b, "augmented", 2 * p_.size + p_.quadratures)),
        rates_bar_(frame_rows(b, "quadratures_bar", p_.quadratures)),
        kappa_{frame_rows(b, "kappa", p_.size), frame_rows(b, "kappa_rates", p_.quadratures)},
        f_(augmented()),
        s_(make_kept_stages(b, p_.rk, f_, p_.adaptive)),
        controller_(b),
        running_(b, "running"),
        arrived_(b, "arrived"),
        index_(b, "interval", schedule::Kind::integer),
        steps_(b, "steps", schedule::Kind::integer),
        t_(b, "t"),
        h_(b, "h"),
        target_(b, "target") {}

  void write() {
    start();
    b_.iterate([&] { return running_.get(b_); },
               [&] {
                 b_.if_then(b_.any(both(running_.get(b_), arrived_.get(b_))), [&] { jump(); });
                 advance();
               },
               p_.task.apart);
    finish_at_start();
  }

 private:
  Value not_(Value a) { return b_.logical_not(a); }
  Value both(Value a, Value b) { return b_.logical_and(a, b); }
  Value both(Value a, Value b, Value c) { return both(both(a, b), c); }
  Value zero() { return b_.splat(b_.real(0)); }
  Rows adjoint(Rows y) { return shift(b_, y, p_.size); }
  Value control(graph::Control c) { return p_.task.controls[static_cast<size_t>(c)]; }

  System augmented() {
    System f = p_.system();
    const int64_t size = p_.size;
    f.evaluate = [this, size](Builder& b, Value t, Rows y, const Slopes& k, Rows activations) {
      static_cast<void>(activations);
      p_.task.field->evaluate(b, t, y, k, {});
      const Rows a = shift(b, y, size), a_slope = shift(b, k.states, size);
      p_.task.field->pull(b, t, y, {a, rates_bar_}, a_slope, {}, false, {});
      each_element(b, 0, size, 1, [&](Value d) { store(b, a_slope, d, b.neg(load(b, a_slope, d))); });
    };
    f.size = 2 * size;
    std::vector<Range> in_norm;
    for (const Range& range : p_.system().in_norm)
      if (range.first < size) in_norm.push_back(range);
    if (size > 0) in_norm.push_back({size, 2 * size});
    for (const Range& range : f.in_norm)
      if (range.first >= size) in_norm.push_back({range.first + size, range.end + size});
    f.in_norm = in_norm;
    f.rtol = control(graph::Control::adjoint_rtol);
    // Of a state and of its adjoint alike.
    const Value atol = control(graph::Control::adjoint_atol);
    Rows rows = p_.task.adjoint_atol_rows;
    if (rows.buffer != schedule::none) {
      rows = frame_rows(b_, "augmented_atol", f.elements());
      copy(b_, rows, p_.task.adjoint_atol_rows, size);
      copy(b_, shift(b_, rows, size), p_.task.adjoint_atol_rows, p_.elements);
    }
    f.atol = [atol, rows](Builder& b, Value d) {
      const Value own = rows.buffer != schedule::none ? load(b, rows, d) : atol;
      return b.add(own, b.real(smallest_weight(b)));
    };
    return f;
  }

  // Of the solve's element d that is a quadrature.
  Value quadrature(Value d) { return b_.integer_add(d, b_.index(p_.size)); }

  void start() {
    copy(b_, y_, p_.task.initial, p_.size);
    fill(b_, adjoint(y_), p_.size, 0);
    copy(b_, shift(b_, y_, f_.size), shift(b_, p_.task.initial, p_.size), p_.quadratures);
    fill(b_, rates_bar_, p_.quadratures, 0);
    const Slopes first = s_.slopes(b_, 0);
    fill(b_, first.states, f_.size, 0);
    if (p_.quadratures > 0) fill(b_, first.quadratures, p_.quadratures, 0);
    b_.fill(task_.times_bar.buffer, task_.times_bar.offset, b_.extent(p_.task.times), b_.real(0));
    const Value end = b_.integer_sub(p_.count, b_.integer(1));
    index_.set(b_, end);
    const Value running = both(p_.live, left(end));
    running_.set(b_, running);
    arrived_.set(b_, running);
    steps_.set(b_, b_.splat(b_.integer(0)));
    t_.set(b_, p_.t1);
    h_.set(b_, zero());
    target_.set(b_, p_.t1);
    controller_.start(b_);
  }

  // Observation i is still to be met.
  Value left(Value i) { return not_(b_.integer_less(i, b_.integer(p_.first_observed()))); }

  // ---- at an observed time: the state stored there, and the cotangent that it adds

  void jump() {
    const Value mask = both(running_.get(b_), arrived_.get(b_));
    const Value i = b_.select(mask, index_.get(b_), b_.integer(0));
    const Value t = b_.select(mask, p_.time(b_, i), t_.get(b_));
    const Rows results = p_.task.results, bars = task_.results_bar, a = adjoint(y_);
    auto observed = [&](Rows rows, Value d) {
      return b_.load(rows.buffer, result_index(b_, rows, i, p_.elements, d));
    };
    auto bar_of = [&](Value d) { return observed(bars, d); };
    each_element(b_, 0, p_.size, 2, [&](Value d) {
      store(b_, y_, d, observed(results, d), mask);
      store(b_, a, d, b_.add(load(b_, a, d), bar_of(d)), mask);
    });
    each_element(b_, 0, p_.quadratures, 2, [&](Value d) {
      store(b_, shift(b_, y_, f_.size), d, observed(results, quadrature(d)), mask);
      store(b_, rates_bar_, d, b_.add(load(b_, rates_bar_, d), bar_of(quadrature(d))), mask);
    });
    // The other lanes are inside an interval and keep their first stage; the second stage's rows are free
    // here.
    const Slopes first = s_.slopes(b_, 0), fresh = s_.slopes(b_, 1);
    f_.evaluate(b_, t, y_, fresh, {});
    each_element(b_, 0, f_.size, 1,
                 [&](Value d) { store(b_, first.states, d, load(b_, fresh.states, d), mask); });
    each_element(b_, 0, p_.quadratures, 1,
                 [&](Value d) { store(b_, first.quadratures, d, load(b_, fresh.quadratures, d), mask); });
    std::vector<Value> time_bar{zero()};
    fold_elements(b_, 0, p_.size, 2, time_bar, [&](Value d, std::vector<Value>& carried) {
      carried[0] = b_.fma(load(b_, first.states, d), bar_of(d), carried[0]);
    });
    fold_elements(b_, 0, p_.quadratures, 2, time_bar, [&](Value d, std::vector<Value>& carried) {
      carried[0] = b_.fma(load(b_, first.quadratures, d), bar_of(quadrature(d)), carried[0]);
    });
    b_.store_masked(task_.times_bar.buffer, lane_index(b_, task_.times_bar, i, 1, b_.index(0)), time_bar[0],
                    mask);

    const Value before = b_.integer_sub(i, b_.integer(1));
    const Value target = b_.select(b_.integer_less(before, b_.integer(0)), p_.t0, p_.time(b_, before));
    t_.set(b_, t);
    target_.set(b_, b_.select(mask, target, target_.get(b_)));
    index_.set(b_, b_.select(mask, before, index_.get(b_)));
    steps_.set(b_, b_.select(mask, b_.integer(0), steps_.get(b_)));
    const Value empty = b_.equal(t, target);
    arrived_.set(b_, both(mask, empty));

    const Value element = first_not_finite(b_, f_, y_, first);
    const Value failed = both(mask, b_.integer_less(b_.integer(-1), element));
    fail(failed, b_.integer(static_cast<int>(Failure::not_finite)), t, b_.real(0), own(element));
    const Value done = b_.logical_or(failed, both(mask, empty, not_(left(before))));
    running_.set(b_, both(running_.get(b_), not_(done)));
    if (p_.adaptive) choose_first_step(both(mask, not_(empty)), t, target);
  }

  // Only for a lane's first interval: later ones go on with the last step that was not cut short.
  void choose_first_step(Value mask, Value t, Value target) {
    const Value unknown = both(mask, b_.equal(h_.get(b_), b_.real(0)));
    b_.if_then(b_.any(unknown), [&] {
      const Value span = b_.sub(target, t);
      const Value size = first_step(b_, f_, p_.rk, t, span, y_, s_);
      h_.set(b_, b_.select(b_.less(span, b_.real(0)), b_.neg(size), size), unknown);
    });
  }

  // ---- one attempt

  Value constant_step() {
    const Value size = p_.info.rule == graph::StepRule::equal_steps
                           ? b_.div(b_.abs(b_.sub(p_.t1, p_.t0)), p_.steps_wanted(b_))
                           : b_.abs(p_.controls.step);
    return b_.neg(b_.mul(p_.direction, size));
  }

  void advance() {
    const Value running = both(running_.get(b_), not_(arrived_.get(b_)));
    const Value t = t_.get(b_), target = target_.get(b_), remaining = b_.sub(target, t);
    const Value wanted = p_.adaptive ? h_.get(b_) : constant_step();
    const Value last = covers(b_, wanted, remaining, p_.adaptive);
    const Value h = b_.select(running, b_.select(last, remaining, wanted), b_.real(0));
    attempt(b_, f_, p_.rk, t, h, y_, s_);
    propose(b_, p_.rk, h, y_, s_);
    if (!p_.rk.fsal_added) finish(b_, f_, p_.rk, t, h, s_);
    const Error error = error_of(b_, f_, p_.rk, h, y_, s_, p_.adaptive);
    const Value accepted = both(running, error.good), ends = both(accepted, last);
    const Value steps = b_.select(running, b_.integer_add(steps_.get(b_), b_.integer(1)), steps_.get(b_));
    steps_.set(b_, steps);
    if (p_.rk.fsal_added)
      b_.if_then(b_.any(both(accepted, not_(last))), [&] { finish(b_, f_, p_.rk, t, h, s_); });
    b_.if_then(b_.any(accepted), [&] { integrate_quadratures(accepted, t, h); });

    const Value to = b_.select(accepted, b_.select(last, target, b_.add(t, h)), t);
    Value failed, code;
    if (p_.adaptive) {
      const Value next = b_.mul(h, controller_.factor(b_, p_.rk, p_.controls, error, accepted, running));
      const Value longer = b_.select(b_.less(b_.abs(next), b_.abs(wanted)), wanted, next);
      h_.set(b_, b_.select(ends, longer, next), running);
      const Value small = both(negligible(b_, to, next), not_(covers(b_, next, b_.sub(target, to), true)));
      const Value limit = b_.less_equal(p_.controls.max_steps, b_.to_real(steps));
      failed = both(running, not_(ends), b_.logical_or(small, limit));
      code = b_.select(small,
                       b_.select(error.sound, b_.integer(static_cast<int>(Failure::step_underflow)),
                                 b_.integer(static_cast<int>(Failure::not_finite))),
                       b_.integer(static_cast<int>(Failure::step_limit)));
    } else {
      const Value small = both(negligible(b_, t, h), not_(last));
      failed = both(running, b_.logical_or(small, not_(error.sound)));
      code = b_.select(error.sound, b_.integer(static_cast<int>(Failure::step_underflow)),
                       b_.integer(static_cast<int>(Failure::not_finite)));
    }
    b_.if_then(b_.any(failed), [&] {
      const Value element = worst_element(b_, f_, p_.rk, h, y_, s_, p_.adaptive);
      fail(failed, code, t, h, own(element));
    });

    const Rows end = s_.proposal(b_, p_.rk);
    const Slopes first = s_.slopes(b_, 0), newest = s_.slopes(b_, p_.rk.main_stages - 1);
    const Value moved = both(accepted, not_(failed));
    each_element(b_, 0, f_.elements(), 1, [&](Value d) { store(b_, y_, d, load(b_, end, d), moved); });
    each_element(b_, 0, f_.size, 1,
                 [&](Value d) { store(b_, first.states, d, load(b_, newest.states, d), moved); });
    each_element(b_, 0, p_.quadratures, 1,
                 [&](Value d) { store(b_, first.quadratures, d, load(b_, newest.quadratures, d), moved); });
    t_.set(b_, to);
    const Value more = left(index_.get(b_));
    arrived_.set(b_, b_.logical_or(arrived_.get(b_), both(ends, more)));
    running_.set(b_, both(running_.get(b_), not_(failed), not_(both(ends, not_(more)))));
  }

  void integrate_quadratures(Value accepted, Value t, Value h) {
    for (int stage = 0; stage < p_.rk.main_stages; ++stage) {
      if (p_.rk.b[stage] == 0) continue;
      const Rows y = stage == 0 ? y_ : s_.state(b_, p_.rk, stage), a = adjoint(y);
      const Value weight = b_.mul(b_.real(-p_.rk.b[stage]), h);
      each_element(b_, 0, p_.size, 2, [&](Value d) {
        store(b_, kappa_.states, d, b_.select(accepted, b_.mul(weight, load(b_, a, d)), b_.real(0)));
        // A rejected stage may lie where the field is not a number: there a zero cotangent would not stay
        // zero.
        if (stage > 0) store(b_, y, d, b_.select(accepted, load(b_, y, d), load(b_, y_, d)));
      });
      each_element(b_, 0, p_.quadratures, 1, [&](Value d) {
        store(b_, kappa_.quadratures, d,
              b_.select(accepted, b_.mul(weight, load(b_, rates_bar_, d)), b_.real(0)));
      });
      p_.task.field->pull(b_, stage_time(b_, p_.rk, stage, t, h), y, kappa_, {}, {}, true, {});
    }
  }

  // The solve's element that an element of the augmented state is, or is the adjoint of.
  Value own(Value element) {
    return b_.select(b_.integer_less(element, b_.integer(p_.size)), element,
                     b_.integer_sub(element, b_.integer(p_.size)));
  }

  void fail(Value mask, Value code, Value t, Value h, Value element) {
    b_.if_then(b_.any(mask), [&] {
      b_.fail(p_.task.number, mask, code, t, h, element, steps_.get(b_));
      const Rows a = adjoint(y_);
      const Value nan = b_.real(std::numeric_limits<double>::quiet_NaN());
      each_element(b_, 0, p_.size, 1, [&](Value d) { store(b_, a, d, nan, mask); });
      each_element(b_, 0, p_.quadratures, 1, [&](Value d) { store(b_, rates_bar_, d, nan, mask); });
    });
  }

  // ---- the initial time

  void finish_at_start() {
    const Rows a = adjoint(y_), bars = task_.results_bar;
    const Slopes slope = s_.slopes(b_, 0);
    p_.task.field->evaluate(b_, p_.t0, p_.task.initial, slope, {});
    const Value some = b_.integer_less(b_.integer(0), p_.count);
    const Value observed = p_.info.initial_observed ? both(p_.live, some) : b_.truth(false);
    std::vector<Value> product{zero()};
    auto begin = [&](Value d, Value bar, Value rate, Value& sum) {
      sum = b_.fma(bar, rate, sum);
      if (p_.info.initial_observed) bar = b_.add(bar, b_.select(observed, load(b_, bars, d), b_.real(0)));
      store(b_, task_.initial_bar, d, bar);
    };
    fold_elements(b_, 0, p_.size, 4, product, [&](Value d, std::vector<Value>& carried) {
      begin(d, load(b_, a, d), load(b_, slope.states, d), carried[0]);
    });
    fold_elements(b_, 0, p_.quadratures, 4, product, [&](Value d, std::vector<Value>& carried) {
      begin(quadrature(d), load(b_, rates_bar_, d), load(b_, slope.quadratures, d), carried[0]);
    });
    store(b_, task_.t0_bar, b_.index(0), b_.neg(product[0]));
  }

  Builder& b_;
  schedule::AdjointTask& task_;
  Problem p_;
  Rows y_;          // z, then a, then the quadratures
  Rows rates_bar_;  // cotangents of the quadratures
  Slopes kappa_;
  System f_;
  Stages s_;
  Controller controller_;
  Flag running_, arrived_;  // arrived: at an observation that is yet to be met
  Variable index_, steps_, t_, h_, target_;
};

}  // namespace

void write_backsolve(Builder& b, schedule::AdjointTask& task) { Backsolve(b, task).write(); }

}  // namespace nodec::solvers
