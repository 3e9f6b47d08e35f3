// Writes the adjoint of a solve as the augmented equation solved backward (Chen et al. 2018, appendix B):
//
//   z' = f,   a' = −aᵀ ∂f/∂z,   and the integral of −aᵀ ∂f/∂c for all that the field captures,
//
// from each observed state to the one before, where a gains the observation's cotangent ō and z starts anew
// from the stored state. The integrals are quadratures: their terms −h b_i a_iᵀ ∂f/∂c are added once a step
// is accepted, and have no part in the error norm (Kidger et al. 2021). Times need none: ∂L/∂t_i = ō_i·f(t_i,
// z_i), ∂L/∂t0 = −a·f(t0, z0).
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
        y_(frame_rows(b, "augmented", 2 * p_.size)),
        t_pulled_(frame_rows(b, "t_pulled", 1)),
        kappa_(frame_rows(b, "kappa", p_.size)),
        z_pulled_(frame_rows(b, "z_pulled", p_.size)),
        f_(augmented()),
        s_(make_stages(b, p_.rk, 2 * p_.size, true)),
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
               });
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
    f.evaluate = [this, size](Builder& b, Value t, Rows y, Rows k) {
      p_.task.field->evaluate(b, t, y, k);
      const Rows a = shift(b, y, size), a_slope = shift(b, k, size);
      p_.task.field->pull(b, t, y, a, a_slope, t_pulled_, true, false);
      each_element(b, 0, size, 1, [&](Value d) { store(b, a_slope, d, b.neg(load(b, a_slope, d))); });
    };
    f.size = 2 * size;
    f.in_norm.emplace_back(size, 2 * size);
    f.rtol = control(graph::Control::adjoint_rtol);
    // Of a state and of its adjoint alike.
    const Value atol = control(graph::Control::adjoint_atol);
    const Rows rows = p_.task.adjoint_atol_rows;
    f.atol = [atol, rows, size](Builder& b, Value d) {
      const bool each = rows.buffer != schedule::none;
      const Value own = each ? load(b, rows, b.integer_modulo(d, b.index(size))) : atol;
      return b.add(own, b.real(smallest_weight(b)));
    };
    return f;
  }

  void start() {
    copy(b_, y_, p_.task.initial, p_.size);
    fill(b_, adjoint(y_), p_.size, 0);
    fill(b_, s_.derivative(b_, 0), 2 * p_.size, 0);
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
    each_element(b_, 0, p_.size, 2, [&](Value d) {
      const Value at = result_index(b_, results, i, p_.size, d),
                  bar_at = result_index(b_, bars, i, p_.size, d);
      store(b_, y_, d, b_.load(results.buffer, at), mask);
      store(b_, a, d, b_.add(load(b_, a, d), b_.load(bars.buffer, bar_at)), mask);
    });
    // The other lanes are inside an interval and keep their first stage; the second stage's rows are free
    // here.
    const Rows first = s_.derivative(b_, 0), fresh = s_.derivative(b_, 1);
    f_.evaluate(b_, t, y_, fresh);
    each_element(b_, 0, f_.size, 1, [&](Value d) { store(b_, first, d, load(b_, fresh, d), mask); });
    std::vector<Value> time_bar{zero()};
    fold_elements(b_, 0, p_.size, 2, time_bar, [&](Value d, std::vector<Value>& carried) {
      const Value bar = b_.load(bars.buffer, result_index(b_, bars, i, p_.size, d));
      carried[0] = b_.fma(load(b_, first, d), bar, carried[0]);
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

    const Value element = first_not_finite(b_, {y_, a, first}, p_.size);
    const Value failed = both(mask, b_.integer_less(b_.integer(-1), element));
    fail(failed, b_.integer(static_cast<int>(Failure::not_finite)), t, b_.real(0), element);
    const Value done = b_.logical_or(failed, both(mask, empty, not_(left(before))));
    running_.set(b_, both(running_.get(b_), not_(done)));
    if (p_.adaptive) choose_first_step(both(mask, not_(empty)), t, target);
  }

  // Only for a lane's first interval: later ones go on with the last step that was not cut short.
  void choose_first_step(Value mask, Value t, Value target) {
    const Value unknown = both(mask, b_.equal(h_.get(b_), b_.real(0)));
    b_.if_then(b_.any(unknown), [&] {
      const Value span = b_.sub(target, t);
      const Value size = first_step(b_, f_, p_.rk, t, span, y_, s_.derivative(b_, 0), s_.state(b_, p_.rk, 1),
                                    s_.derivative(b_, 1));
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
    if (!p_.rk.fsal_added) finish(b_, f_, p_.rk, t, h, s_);
    const Error error = error_of(b_, f_, p_.rk, h, y_, s_, p_.adaptive);
    const Value good = p_.adaptive ? both(error.finite, b_.less_equal(error.norm, b_.real(1))) : error.finite;
    const Value accepted = both(running, good), ends = both(accepted, last);
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
      const Value sound = both(error.finite, finite(b_, error.norm));
      failed = both(running, not_(ends), b_.logical_or(small, limit));
      code = b_.select(small,
                       b_.select(sound, b_.integer(static_cast<int>(Failure::step_underflow)),
                                 b_.integer(static_cast<int>(Failure::not_finite))),
                       b_.integer(static_cast<int>(Failure::step_limit)));
    } else {
      const Value small = both(negligible(b_, t, h), not_(last));
      failed = both(running, b_.logical_or(small, not_(error.finite)));
      code = b_.select(error.finite, b_.integer(static_cast<int>(Failure::step_underflow)),
                       b_.integer(static_cast<int>(Failure::not_finite)));
    }
    b_.if_then(b_.any(failed), [&] {
      const Value element = worst_element(b_, f_, p_.rk, h, y_, s_, p_.adaptive);
      fail(failed, code, t, h, b_.integer_modulo(element, b_.integer(p_.size)));
    });

    const Rows end = s_.state(b_, p_.rk, p_.rk.main_stages - 1);
    const Rows first = s_.derivative(b_, 0), newest = s_.derivative(b_, p_.rk.main_stages - 1);
    const Value moved = both(accepted, not_(failed));
    each_element(b_, 0, f_.size, 2, [&](Value d) {
      store(b_, y_, d, load(b_, end, d), moved);
      store(b_, first, d, load(b_, newest, d), moved);
    });
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
        store(b_, kappa_, d, b_.select(accepted, b_.mul(weight, load(b_, a, d)), b_.real(0)));
        // A rejected stage may lie where the field is not a number: there a zero cotangent would not stay
        // zero.
        if (stage > 0) store(b_, y, d, b_.select(accepted, load(b_, y, d), load(b_, y_, d)));
      });
      p_.task.field->pull(b_, stage_time(b_, p_.rk, stage, t, h), y, kappa_, z_pulled_, t_pulled_, false,
                          true);
    }
  }

  void fail(Value mask, Value code, Value t, Value h, Value element) {
    b_.if_then(b_.any(mask), [&] {
      b_.fail(p_.task.number, mask, code, t, h, element, steps_.get(b_));
      const Rows a = adjoint(y_);
      each_element(b_, 0, p_.size, 1, [&](Value d) {
        store(b_, a, d, b_.real(std::numeric_limits<double>::quiet_NaN()), mask);
      });
    });
  }

  // ---- the initial time

  void finish_at_start() {
    const Rows a = adjoint(y_), slope = s_.derivative(b_, 0), bars = task_.results_bar;
    p_.task.field->evaluate(b_, p_.t0, p_.task.initial, slope);
    const Value own = b_.integer_less(b_.integer(0), p_.count);
    const Value observed = p_.info.initial_observed ? both(p_.live, own) : b_.truth(false);
    std::vector<Value> product{zero()};
    fold_elements(b_, 0, p_.size, 4, product, [&](Value d, std::vector<Value>& carried) {
      const Value a_d = load(b_, a, d);
      carried[0] = b_.fma(a_d, load(b_, slope, d), carried[0]);
      Value bar = a_d;
      if (p_.info.initial_observed) bar = b_.add(a_d, b_.select(observed, load(b_, bars, d), b_.real(0)));
      store(b_, task_.initial_bar, d, bar);
    });
    store(b_, task_.t0_bar, b_.index(0), b_.neg(product[0]));
  }

  Builder& b_;
  schedule::AdjointTask& task_;
  Problem p_;
  Rows y_;  // z, then a
  Rows t_pulled_, kappa_, z_pulled_;
  System f_;
  Stages s_;
  Controller controller_;
  Flag running_, arrived_;  // arrived: at an observation that is yet to be met
  Variable index_, steps_, t_, h_, target_;
};

}  // namespace

void write_backsolve(Builder& b, schedule::AdjointTask& task) { Backsolve(b, task).write(); }

}  // namespace nodec::solvers
