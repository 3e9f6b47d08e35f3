// Writes the discrete adjoint of a recorded solve (Hager 2000; Sanz-Serna 2016), in the form that fits FSAL
// methods.
//
// A step takes (z, k_0) to (z⁺, k_last): y_i = z + h Σ_{j<i} a_ij k_j, k_i = f(t + c_i h, y_i), z⁺ = y_last,
// and k_last is the next step's k_0. With λ, ν the cotangents of z⁺ and k_last, and observations o = z + h Σ
// b_i(θ) k_i, θ = (t_o − t)/h:
//   κ_i = h Σ_{m>i} a_mi ȳ_m + h b_i(θ) ō (+ ν for i = last),   ȳ_i = κ_iᵀ ∂f/∂y (+ λ for i = last)
//   λ ← Σ_i ȳ_i + ō,   ν ← κ_0
// Steps are constants of the differentiation; t_{n+1} = t_n + h, except that the last step ends at t1, and
// that equal steps are (t1 − t0)/n. So each entry gives a cotangent of its t, and of h where h follows the
// times.
#include "compiler/solvers/adjoint.hpp"

#include "compiler/solvers/observe.hpp"
#include "compiler/solvers/tape.hpp"

namespace nodec::solvers {

namespace {

class Adjoint {
 public:
  Adjoint(Builder& b, schedule::AdjointTask& task)
      : b_(b),
        task_(task),
        p_(b, *task.solve),
        f_(p_.system()),
        s_(make_stages(b, p_.rk, p_.size, true)),
        z_(frame_rows(b, "state", p_.size)),
        lambda_(frame_rows(b, "lambda", p_.size)),
        nu_(frame_rows(b, "nu", p_.size)),
        z_bar_(frame_rows(b, "observed_bar", p_.size)),
        k_bar_(frame_rows(b, "stages_observed_bar", p_.rk.stages() * p_.size)),
        y_bar_(frame_rows(b, "stage_states_bar", p_.rk.stages() * p_.size)),
        kappa_(frame_rows(b, "kappa", p_.size)),
        t_pulled_(frame_rows(b, "t_pulled", 1)),
        cursor_(b, "cursor", schedule::Kind::integer),
        t_bar_(b, "t_bar"),
        t1_bar_(b, "t1_bar"),
        step_bar_(b, "step_bar"),
        step_t_bar_(b, "step_t_bar"),
        step_h_bar_(b, "step_h_bar"),
        stop_time_(b, "stop_time"),
        stopping_(b, "stopping") {
    if (!p_.stopping()) return;
    f_.evaluate = [this](Builder& builder, Value t, Rows y, Rows k) {
      p_.task.field->evaluate(builder, taken_at(builder, t), y, k);
    };
  }

  void write() {
    start();
    const Value end = b_.tape_count(p_.task.tape);
    b_.for_loop(b_.index(0), b_.integer_sub(end, p_.task.first_entry), [&](Value i) {
      const Value newest_first = b_.integer_sub(b_.integer_sub(end, b_.index(1)), i);
      pull_step(read_entry(b_, p_, newest_first));
    });
    finish_at_start();
  }

 private:
  int last() const { return p_.rk.main_stages - 1; }
  int dense_stages() const { return p_.rk.stages() - p_.rk.main_stages; }
  bool equal_steps() const { return p_.info.rule == graph::StepRule::equal_steps; }
  Value zero() { return b_.splat(b_.real(0)); }
  void add(const Variable& to, Value x) { to.set(b_, b_.add(to.get(b_), x)); }
  Rows y_bar(int stage) { return shift(b_, y_bar_, stage * p_.size); }
  Rows k_bar(int stage) { return shift(b_, k_bar_, stage * p_.size); }

  // The time of a stage: a step that ends at a stop sees the field's limit from before it.
  Value taken_at(Builder& b, Value t) const {
    if (!p_.stopping()) return t;
    return b.select(stopping_.get(b), p_.before_stop(b, t, stop_time_.get(b)), t);
  }

  void start() {
    if (p_.stopping()) {
      stop_time_.set(b_, p_.t1);
      stopping_.set(b_, b_.splat(b_.truth(false)));
    }
    fill(b_, lambda_, p_.size, 0);
    fill(b_, nu_, p_.size, 0);
    clear_observed();
    cursor_.set(b_, p_.count);
    for (const Variable* x : {&t_bar_, &t1_bar_, &step_bar_}) x->set(b_, zero());
    b_.fill(task_.times_bar.buffer, task_.times_bar.offset, b_.extent(p_.task.times), b_.real(0));
  }

  void clear_observed() {
    fill(b_, z_bar_, p_.size, 0);
    fill(b_, k_bar_, p_.rk.stages() * p_.size, 0);
    if (dense_stages() > 0) fill(b_, y_bar(last() + 1), dense_stages() * p_.size, 0);
  }

  // ---- one entry

  void pull_step(const TapeEntry& entry) {
    const Value kept = b_.less(b_.real(0), entry.kept);
    const Value h = b_.select(kept, entry.h, b_.real(0));
    const Value t = entry.t;
    const Rows first = s_.derivative(b_, 0);
    copy(b_, z_, entry.z, p_.size);
    // A lane that did not step may hold anything in k_0; with h = 0 it must not reach a stage.
    each_element(b_, 0, p_.size, 1, [&](Value d) {
      store(b_, first, d, b_.select(kept, load(b_, entry.first, d), b_.real(0)));
    });
    const Value stops = p_.stopping() ? b_.equal(entry.kept, b_.real(3)) : schedule::none;
    if (p_.stopping()) {
      stop_time_.set(b_, entry.to);
      stopping_.set(b_, stops);
    }
    attempt(b_, f_, p_.rk, t, h, z_, s_);
    if (p_.stopping()) pull_beginning(stops, entry.to);
    step_t_bar_.set(b_, zero());
    step_h_bar_.set(b_, zero());

    const Value observing = b_.any(observes(kept, entry));
    const Value moves = equal_steps() ? b_.any(kept) : b_.any(b_.less(b_.real(1), entry.kept));
    // The end's derivative is read by interpolants only.
    b_.if_then(observing, [&] { pull_observations(kept, t, h, entry); });
    pull_stages(kept, t, h);
    b_.if_then(moves, [&] { add(step_h_bar_, size_cotangent(1, p_.rk.main_stages)); });
    carry(kept, h, entry);
    b_.if_then(observing, [&] { clear_observed(); });
  }

  // After a stop the first stage was taken anew at the end of the step: ν goes through it, not to k_last.
  void pull_beginning(Value stops, Value to) {
    b_.if_then(b_.any(stops), [&] {
      const Rows pulled = y_bar(0);
      each_element(b_, 0, p_.size, 1,
                   [&](Value d) { store(b_, kappa_, d, b_.select(stops, load(b_, nu_, d), b_.real(0))); });
      p_.task.field->pull(b_, to, s_.state(b_, p_.rk, last()), kappa_, pulled, t_pulled_, true, true);
      each_element(b_, 0, p_.size, 3, [&](Value d) {
        const Value lambda = load(b_, lambda_, d), nu = load(b_, nu_, d);
        store(b_, lambda_, d, b_.select(stops, b_.add(lambda, load(b_, pulled, d)), lambda));
        store(b_, nu_, d, b_.select(stops, b_.real(0), nu));
      });
    });
  }

  Value observes(Value kept, const TapeEntry& entry) {
    return b_.logical_and(kept, b_.integer_less(entry.cursor, cursor_.get(b_)));
  }

  void pull_observations(Value kept, Value t, Value h, const TapeEntry& entry) {
    finish(b_, f_, p_.rk, t, h, s_);
    take_dense_stages(b_, f_, p_.rk, t, h, z_, s_);
    const Rows results = task_.results_bar;
    b_.while_loop(
        [&] { return b_.any(observes(kept, entry)); },
        [&] {
          const Value mask = observes(kept, entry);
          const Value before = b_.integer_sub(cursor_.get(b_), b_.integer(1));
          const Value i = b_.select(mask, before, b_.integer(0));
          cursor_.set(b_, b_.select(mask, i, cursor_.get(b_)));
          const Value time = p_.time(b_, i);
          const Value sum =
              p_.stopping() ? b_.select(stopping_.get(b_), entry.to, b_.add(t, h)) : b_.add(t, h);
          const Value end = b_.select(b_.equal(entry.kept, b_.real(2)), p_.t1, sum);
          const Value at_end = b_.equal(time, end);
          const Value theta = b_.select(at_end, b_.real(1), b_.div(b_.sub(time, t), h));
          const std::vector<Value> weights = interpolant_weights(b_, p_.rk, theta);
          const std::vector<Value> slopes = interpolant_weights(b_, p_.rk, theta, true);
          // ⟨Σ b_i k_i, ō⟩ and ⟨Σ b_i' k_i, ō⟩
          std::vector<Value> sums{zero(), zero()};
          fold_elements(b_, 0, p_.size, 5 * p_.rk.stages(), sums, [&](Value d, std::vector<Value>& carried) {
            const Value o = b_.select(mask, b_.load(results.buffer, result_index(b_, results, i, p_.size, d)),
                                      b_.real(0));
            const Value inner = b_.select(at_end, b_.real(0), o);
            const Value h_o = b_.mul(h, inner);
            Value value = b_.real(0), slope = b_.real(0);
            for (int stage = 0; stage < p_.rk.stages(); ++stage) {
              if (weights[stage] == schedule::none) continue;
              const Value k = load(b_, s_.derivative(b_, stage), d);
              value = b_.fma(weights[stage], k, value);
              slope = b_.fma(slopes[stage], k, slope);
              store(b_, k_bar(stage), d, b_.fma(h_o, weights[stage], load(b_, k_bar(stage), d)));
            }
            store(b_, z_bar_, d, b_.add(load(b_, z_bar_, d), inner));
            store(b_, lambda_, d, b_.add(load(b_, lambda_, d), b_.select(at_end, o, b_.real(0))));
            carried[0] = b_.fma(b_.select(mask, value, b_.real(0)), inner, carried[0]);
            carried[1] = b_.fma(b_.select(mask, slope, b_.real(0)), o, carried[1]);
          });
          // θ̄ = h·sums[1]; θ = (t_o − t)/h. An observation at the solve's own end moves with h alone.
          const Value fixed_end = b_.integer_equal(i, b_.integer_sub(p_.count, b_.integer(1)));
          const Value moved = b_.select(b_.logical_and(mask, b_.logical_not(fixed_end)), sums[1], b_.real(0));
          b_.store_masked(task_.times_bar.buffer, lane_index(b_, task_.times_bar, i, 1, b_.index(0)), moved,
                          mask);
          add(step_t_bar_, b_.neg(moved));
          add(step_h_bar_, b_.sub(sums[0], b_.mul(b_.select(mask, theta, b_.real(0)), moved)));
        });
    // Cotangents of the stages that only the interpolant reads, the latest first.
    for (int stage = p_.rk.stages() - 1; stage > last(); --stage) pull_stage(kept, t, h, stage);
    add(step_h_bar_, size_cotangent(last() + 1, p_.rk.stages()));
  }

  // κ of one stage from the stages after it, then its pullback.
  void pull_stage(Value kept, Value t, Value h, int stage) {
    std::vector<double> column(p_.rk.stages(), 0.0);
    for (int m = stage + 1; m < p_.rk.stages(); ++m) column[m] = p_.rk.a[m][stage];
    each_element(b_, 0, p_.size, p_.rk.stages(), [&](Value d) {
      store(b_, kappa_, d, b_.select(kept, stage_cotangent(column, stage, h, d), b_.real(0)));
    });
    pull(stage_time(b_, p_.rk, stage, t, h), s_.state(b_, p_.rk, stage), y_bar(stage));
    const Value pulled = b_.select(kept, load(b_, t_pulled_, b_.index(0)), b_.real(0));
    add(step_t_bar_, pulled);
    if (p_.rk.c[stage] != 0)
      step_h_bar_.set(b_, b_.fma(b_.real(p_.rk.c[stage]), pulled, step_h_bar_.get(b_)));
  }
  Value stage_cotangent(const std::vector<double>& column, int stage, Value h, Value d) {
    Value kappa = load(b_, k_bar(stage), d);
    if (stage == last()) kappa = b_.add(kappa, load(b_, nu_, d));
    const Value later = weighted_sum(b_, column, y_bar_, p_.size, d);
    return later == schedule::none ? kappa : b_.fma(h, later, kappa);
  }
  void pull(Value t, Rows y, Rows to) {
    p_.task.field->pull(b_, taken_at(b_, t), y, kappa_, to, t_pulled_, true, true);
  }

  void pull_stages(Value kept, Value t, Value h) {
    for (int stage = last(); stage >= 1; --stage) {
      pull_stage(kept, t, h, stage);
      if (stage == last()) {
        each_element(b_, 0, p_.size, 1, [&](Value d) {
          store(b_, y_bar(stage), d, b_.add(load(b_, y_bar(stage), d), load(b_, lambda_, d)));
        });
      }
    }
  }

  // Σ_i ⟨Σ_j a_ij k_j, ȳ_i⟩: how the stages move with h, their times aside.
  Value size_cotangent(int first, int end) {
    std::vector<Value> sum{zero()};
    fold_elements(b_, 0, p_.size, p_.rk.stages() * (end - first), sum,
                  [&](Value d, std::vector<Value>& carried) {
                    for (int stage = first; stage < end; ++stage) {
                      const Value slope = weighted_sum(b_, p_.rk.a[stage], s_.k, p_.size, d);
                      if (slope != schedule::none)
                        carried[0] = b_.fma(slope, load(b_, y_bar(stage), d), carried[0]);
                    }
                  });
    return sum[0];
  }

  // Cotangents of what the step began with.
  void carry(Value kept, Value h, const TapeEntry& entry) {
    std::vector<double> ones(p_.rk.stages(), 1.0), column(p_.rk.stages(), 0.0);
    ones[0] = 0;
    for (int m = 1; m < p_.rk.stages(); ++m) column[m] = p_.rk.a[m][0];
    each_element(b_, 0, p_.size, 3 * p_.rk.stages(), [&](Value d) {
      const Value lambda = b_.add(load(b_, z_bar_, d), weighted_sum(b_, ones, y_bar_, p_.size, d));
      store(b_, lambda_, d, b_.select(kept, lambda, load(b_, lambda_, d)));
      Value nu = load(b_, k_bar(0), d);
      const Value later = weighted_sum(b_, column, y_bar_, p_.size, d);
      if (later != schedule::none) nu = b_.fma(h, later, nu);
      store(b_, nu_, d, b_.select(kept, nu, load(b_, nu_, d)));
    });
    const Value t_bar = step_t_bar_.get(b_), h_bar = step_h_bar_.get(b_), after = t_bar_.get(b_);
    if (equal_steps()) {
      step_bar_.set(b_, b_.select(kept, b_.add(step_bar_.get(b_), b_.add(h_bar, after)), step_bar_.get(b_)));
      t_bar_.set(b_, b_.select(kept, b_.add(t_bar, after), after));
    } else {
      // A step's end that is given: t1, or a stop, which takes no cotangent.
      const Value given = b_.less(b_.real(1), entry.kept);
      t1_bar_.set(b_, b_.select(b_.equal(entry.kept, b_.real(2)), h_bar, t1_bar_.get(b_)));
      t_bar_.set(b_, b_.select(kept, b_.select(given, b_.sub(t_bar, h_bar), b_.add(t_bar, after)), after));
    }
  }

  // ---- the initial time: the first stage of all, and what was observed before any step

  void finish_at_start() {
    if (p_.stopping()) stopping_.set(b_, b_.splat(b_.truth(false)));
    const Rows initial = p_.task.initial, results = task_.results_bar, to = task_.initial_bar;
    copy(b_, kappa_, nu_, p_.size);
    pull(p_.t0, initial, to);
    each_element(b_, 0, p_.size, 1,
                 [&](Value d) { store(b_, to, d, b_.add(load(b_, to, d), load(b_, lambda_, d))); });
    add(t_bar_, load(b_, t_pulled_, b_.index(0)));

    auto left = [&](int from) {
      return b_.logical_and(p_.live, b_.integer_less(b_.integer(from), cursor_.get(b_)));
    };
    const Rows slope = s_.derivative(b_, 0);
    b_.if_then(b_.any(left(p_.first_observed())),
               [&] { p_.task.field->evaluate(b_, p_.t0, initial, slope); });
    b_.while_loop([&] { return b_.any(left(0)); },
                  [&] {
                    const Value mask = left(0);
                    const Value i =
                        b_.select(mask, b_.integer_sub(cursor_.get(b_), b_.integer(1)), b_.integer(0));
                    cursor_.set(b_, b_.select(mask, i, cursor_.get(b_)));
                    std::vector<Value> product{zero()};
                    fold_elements(b_, 0, p_.size, 3, product, [&](Value d, std::vector<Value>& carried) {
                      const Value o = b_.load(results.buffer, result_index(b_, results, i, p_.size, d));
                      store(b_, to, d, b_.add(load(b_, to, d), b_.select(mask, o, b_.real(0))));
                      carried[0] = b_.fma(load(b_, slope, d), o, carried[0]);
                    });
                    // With the initial value observed, its time is t0 and the value does not move with it.
                    const Value timed = b_.logical_and(
                        mask, b_.logical_not(b_.integer_less(i, b_.integer(p_.first_observed()))));
                    const Value moved = b_.select(timed, product[0], b_.real(0));
                    b_.store_masked(task_.times_bar.buffer,
                                    lane_index(b_, task_.times_bar, i, 1, b_.index(0)), moved, mask);
                    add(t_bar_, b_.neg(moved));
                  });

    Value t0_bar = t_bar_.get(b_), t1_bar = t1_bar_.get(b_);
    if (equal_steps()) {
      t1_bar = b_.div(step_bar_.get(b_), p_.steps_wanted(b_));
      t0_bar = b_.sub(t0_bar, t1_bar);
    }
    store(b_, task_.t0_bar, b_.index(0), t0_bar);
    const Value end = b_.max(b_.integer(0), b_.integer_sub(p_.count, b_.integer(1)));
    const Value at = lane_index(b_, task_.times_bar, end, 1, b_.index(0));
    const BufferId times = task_.times_bar.buffer;
    b_.store_masked(times, at, b_.add(b_.load(times, at), t1_bar), p_.live);
  }

  Builder& b_;
  schedule::AdjointTask& task_;
  Problem p_;
  System f_;
  Stages s_;
  Rows z_, lambda_, nu_;
  Rows z_bar_, k_bar_;  // cotangents through observations inside the step
  Rows y_bar_, kappa_, t_pulled_;
  Variable cursor_;                     // observations not yet pulled
  Variable t_bar_, t1_bar_, step_bar_;  // of the step's end; of the end; of the common step
  Variable step_t_bar_, step_h_bar_;    // within one entry
  Variable stop_time_;                  // where the entry's step ends,
  Flag stopping_;                       // if that is a stop
};

}  // namespace

void write_adjoint(Builder& b, schedule::AdjointTask& task) { Adjoint(b, task).write(); }

}  // namespace nodec::solvers
