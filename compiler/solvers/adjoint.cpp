// Writes the discrete adjoint of a recorded solve (Hager 2000; Sanz-Serna 2016), in the form that fits FSAL
// methods.
//
// A step takes (z, k_0) to (z⁺, k_last): y_i = z + h Σ_{j<i} a_ij k_j, k_i = f(t + c_i h, y_i), z⁺ = y_last,
// and k_last is the next step's k_0. With λ, ν the cotangents of z⁺ and k_last, and observations o = z + h Σ
// b_i(θ) k_i, θ = (t_o − t)/h:
//   κ_i = h Σ_{m>i} a_mi ȳ_m + h b_i(θ) ō (+ ν for i = last),   ȳ_i = κ_iᵀ ∂f/∂y (+ λ for i = last)
//   λ ← Σ_i ȳ_i + ō,   ν ← κ_0
// Of a quadrature, which no stage reads, ȳ_i = 0 but for λ: λ is constant over a step, and the κ_i follow
// from it and from the sums Σ h θ^d ō of the observations inside. Steps are constants of the differentiation;
// t_{n+1} = t_n + h, except that the last step ends at t1, and that equal steps are (t1 − t0)/n. So each
// entry gives a cotangent of its t, and of h where h follows the times.
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
        f_(recomputed()),
        s_(make_taped_stages(b, p_.rk, f_, p_.dense, p_.task.field->activations())),
        powers_(interpolant_powers(p_.rk)),
        z_(frame_rows(b, "state", p_.size)),
        lambda_(frame_rows(b, "lambda", p_.elements)),
        nu_{frame_rows(b, "nu", p_.size), frame_rows(b, "nu_rates", p_.quadratures)},
        y_bar_(frame_rows(b, "stage_states_bar", stages() * p_.size)),
        kappa_{frame_rows(b, "kappa", p_.size), frame_rows(b, "kappa_rates", p_.quadratures)},
        cursor_(b, "cursor", schedule::Kind::integer),
        t_bar_(b, "t_bar"),
        t1_bar_(b, "t1_bar"),
        step_bar_(b, "step_bar"),
        step_t_bar_(b, "step_t_bar"),
        step_h_bar_(b, "step_h_bar"),
        stop_time_(b, "stop_time"),
        stopping_(b, "stopping") {
    if (leaves()) spare_ = frame_rows(b, "activations", p_.task.field->activations());
    if (task_.times) t_pulled_ = frame_rows(b, "t_pulled", 1);
    if (p_.stopping() && leaves()) unread_ = frame_rows(b, "unread", p_.size);
    if (!p_.dense) return;
    z_bar_ = frame_rows(b, "observed_bar", p_.elements);
    k_bar_ = frame_rows(b, "stages_observed_bar", stages() * p_.size);
    rates_bar_ = frame_rows(b, "rates_observed_bar", static_cast<int64_t>(powers_.size()) * p_.quadratures);
  }

  void write() {
    start();
    b_.unwind(p_.task.tape, p_.task.first_entry, [&](Value entry) { pull_step(read_entry(b_, p_, entry)); });
    finish_at_start();
  }

 private:
  int last() const { return p_.rk.main_stages - 1; }
  int stages() const { return p_.dense ? p_.rk.stages() : p_.rk.main_stages; }
  int dense_stages() const { return stages() - p_.rk.main_stages; }
  bool leaves() const { return p_.task.field->activations() > 0; }
  bool equal_steps() const { return p_.info.rule == graph::StepRule::equal_steps; }
  Value zero() { return b_.splat(b_.real(0)); }
  void add(const Variable& to, Value x) { to.set(b_, b_.add(to.get(b_), x)); }
  Rows y_bar(int stage) { return shift(b_, y_bar_, stage * p_.size); }
  Rows k_bar(int stage) { return shift(b_, k_bar_, stage * p_.size); }
  Rows rates_bar(size_t power) { return shift(b_, rates_bar_, static_cast<int64_t>(power) * p_.quadratures); }
  Rows of_quadratures(Rows rows) { return shift(b_, rows, p_.size); }

  // What recomputes the stages. Derivatives of the quadratures serve cotangents of times alone.
  System recomputed() {
    System f = p_.system();
    if (!task_.times) f.quadratures = 0;
    f.evaluate = [this](Builder& builder, Value t, Rows y, const Slopes& k, Rows activations) {
      p_.task.field->evaluate(builder, taken_at(builder, t), y, k, activations);
    };
    return f;
  }

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
    fill(b_, lambda_, p_.elements, 0);
    fill(b_, nu_.states, p_.size, 0);
    fill(b_, nu_.quadratures, p_.quadratures, 0);
    clear_observed();
    cursor_.set(b_, p_.count);
    next_activations(b_, p_);
    if (!task_.times) return;
    for (const Variable* x : {&t_bar_, &t1_bar_, &step_bar_}) x->set(b_, zero());
    b_.fill(task_.times_bar.buffer, task_.times_bar.offset, b_.extent(p_.task.times), b_.real(0));
  }

  void clear_observed() {
    if (!p_.dense) return;
    fill(b_, z_bar_, p_.elements, 0);
    fill(b_, k_bar_, stages() * p_.size, 0);
    fill(b_, rates_bar_, static_cast<int64_t>(powers_.size()) * p_.quadratures, 0);
    if (dense_stages() > 0) fill(b_, y_bar(last() + 1), dense_stages() * p_.size, 0);
  }

  // ---- one entry

  void pull_step(const TapeEntry& entry) {
    const Value kept = b_.less(b_.real(0), entry.kept);
    const Value h = b_.select(kept, entry.h, b_.real(0));
    const Value t = entry.t;
    const Value stops = p_.stopping() ? b_.equal(entry.kept, b_.real(3)) : schedule::none;
    if (p_.stopping()) {
      stop_time_.set(b_, entry.to);
      stopping_.set(b_, stops);
    }
    const Value after_last = b_.tape_count(p_.task.activation_tape);
    if (p_.task.keeps) {
      const Value lost = b_.integer_less(entry.activations, b_.index(0));
      take_entry(b_, p_, b_.select(lost, after_last, entry.activations), s_);
      b_.if_then(lost, [&] { take_stages(entry, kept, t, h); });
    } else {
      take_entry(b_, p_, after_last, s_);
      take_stages(entry, kept, t, h);
    }
    if (p_.stopping()) pull_beginning(stops, entry.to);
    if (task_.times) {
      step_t_bar_.set(b_, zero());
      step_h_bar_.set(b_, zero());
    }

    const Value observing = b_.any(observes(kept, entry));
    // The end's derivative is read by interpolants only.
    b_.if_then(observing, [&] {
      if (p_.dense)
        pull_observations(kept, t, h, entry);
      else
        pull_end(observes(kept, entry));
    });
    pull_stages(kept, t, h);
    if (task_.times) {
      const Value moves = equal_steps() ? b_.any(kept) : b_.any(b_.less(b_.real(1), entry.kept));
      b_.if_then(moves, [&] { add(step_h_bar_, size_cotangent(1, p_.rk.main_stages)); });
    }
    carry(kept, h);
    if (task_.times) carry_times(kept, entry);
    if (p_.dense) b_.if_then(observing, [&] { clear_observed(); });
  }

  // All main stages, computed again.
  void take_stages(const TapeEntry& entry, Value kept, Value t, Value h) {
    const Slopes first = s_.slopes(b_, 0);
    copy(b_, z_, entry.z, p_.size);
    // A lane that did not step may hold anything in k_0; with h = 0 it must not reach a stage.
    auto take = [&](Rows to, Rows from, int64_t count) {
      each_element(b_, 0, count, 1,
                   [&](Value d) { store(b_, to, d, b_.select(kept, load(b_, from, d), b_.real(0))); });
    };
    take(first.states, entry.first.states, f_.size);
    take(first.quadratures, entry.first.quadratures, f_.quadratures);
    attempt(b_, f_, p_.rk, t, h, z_, s_);
    finish(b_, f_, p_.rk, t, h, s_);
  }

  // The only observation there is.
  void pull_end(Value mask) {
    const Rows results = task_.results_bar;
    const Value i = b_.select(mask, b_.integer_sub(cursor_.get(b_), b_.integer(1)), b_.integer(0));
    cursor_.set(b_, b_.select(mask, i, cursor_.get(b_)));
    each_element(b_, 0, p_.elements, 2, [&](Value d) {
      const Value o = b_.load(results.buffer, result_index(b_, results, i, p_.elements, d));
      store(b_, lambda_, d, b_.add(load(b_, lambda_, d), b_.select(mask, o, b_.real(0))));
    });
  }

  // After a stop the first stage was taken anew at the end of the step: ν goes through it, not to k_last.
  void pull_beginning(Value stops, Value to) {
    b_.if_then(b_.any(stops), [&] {
      const Rows pulled = y_bar(0);
      auto move = [&](Rows kappa, Rows nu, Value d) {
        const Value from = load(b_, nu, d);
        store(b_, kappa, d, b_.select(stops, from, b_.real(0)));
        store(b_, nu, d, b_.select(stops, b_.real(0), from));
      };
      each_element(b_, 0, p_.size, 2, [&](Value d) { move(kappa_.states, nu_.states, d); });
      each_element(b_, 0, p_.quadratures, 2, [&](Value d) { move(kappa_.quadratures, nu_.quadratures, d); });
      const Rows y = s_.state(b_, p_.rk, last());
      if (leaves()) p_.task.field->evaluate(b_, to, y, {unread_, {}}, spare_);
      p_.task.field->pull(b_, to, y, kappa_, pulled, t_pulled_, true, spare_);
      each_element(b_, 0, p_.size, 2, [&](Value d) {
        const Value lambda = load(b_, lambda_, d);
        store(b_, lambda_, d, b_.select(stops, b_.add(lambda, load(b_, pulled, d)), lambda));
      });
    });
  }

  Value observes(Value kept, const TapeEntry& entry) {
    return b_.logical_and(kept, b_.integer_less(entry.cursor, cursor_.get(b_)));
  }

  void pull_observations(Value kept, Value t, Value h, const TapeEntry& entry) {
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
          // Element d of the solve has the cotangent o, inside the step or at its end: to z_bar and λ.
          struct Observed {
            Value o, inner;
          };
          auto observe = [&](Value d) -> Observed {
            const Value o = b_.select(
                mask, b_.load(results.buffer, result_index(b_, results, i, p_.elements, d)), b_.real(0));
            const Value inner = b_.select(at_end, b_.real(0), o);
            store(b_, z_bar_, d, b_.add(load(b_, z_bar_, d), inner));
            store(b_, lambda_, d, b_.add(load(b_, lambda_, d), b_.select(at_end, o, b_.real(0))));
            return {o, inner};
          };
          auto move = [&](const Observed& x, Value value, Value slope, std::vector<Value>& carried) {
            carried[0] = b_.fma(b_.select(mask, value, b_.real(0)), x.inner, carried[0]);
            carried[1] = b_.fma(b_.select(mask, slope, b_.real(0)), x.o, carried[1]);
          };
          fold_elements(b_, 0, p_.size, 5 * p_.rk.stages(), sums, [&](Value d, std::vector<Value>& carried) {
            const Observed x = observe(d);
            const Value h_o = b_.mul(h, x.inner);
            Value value = b_.real(0), slope = b_.real(0);
            for (int stage = 0; stage < p_.rk.stages(); ++stage) {
              if (weights[stage] == schedule::none) continue;
              store(b_, k_bar(stage), d, b_.fma(h_o, weights[stage], load(b_, k_bar(stage), d)));
              if (!task_.times) continue;
              const Value k = load(b_, s_.derivative(b_, stage), d);
              value = b_.fma(weights[stage], k, value);
              slope = b_.fma(slopes[stage], k, slope);
            }
            if (task_.times) move(x, value, slope, carried);
          });
          const int64_t terms = 5 * static_cast<int64_t>(powers_.size());
          fold_elements(b_, 0, p_.quadratures, terms, sums, [&](Value d, std::vector<Value>& carried) {
            const Observed x = observe(b_.integer_add(d, b_.index(p_.size)));
            Value power = b_.mul(h, x.inner);
            for (size_t n = 0; n < powers_.size(); ++n) {
              power = b_.mul(power, theta);
              store(b_, rates_bar(n), d, b_.add(load(b_, rates_bar(n), d), power));
            }
            if (!task_.times) return;
            move(x, s_.quadratures.interpolated(b_, p_.rk, theta, false, d),
                 s_.quadratures.interpolated(b_, p_.rk, theta, true, d), carried);
          });
          if (!task_.times) return;
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
    if (task_.times) add(step_h_bar_, size_cotangent(last() + 1, p_.rk.stages()));
  }

  // κ of one stage from the stages after it, then its pullback.
  void pull_stage(Value kept, Value t, Value h, int stage) {
    const Weights column = column_of(stage);
    each_element(b_, 0, p_.size, p_.rk.stages(), [&](Value d) {
      store(b_, kappa_.states, d, b_.select(kept, stage_cotangent(column, stage, h, d), b_.real(0)));
    });
    each_element(b_, 0, p_.quadratures, 2 + static_cast<int64_t>(powers_.size()), [&](Value d) {
      store(b_, kappa_.quadratures, d, b_.select(kept, rate_cotangent(stage, h, d), b_.real(0)));
    });
    pull(stage_time(b_, p_.rk, stage, t, h), s_.state(b_, p_.rk, stage), y_bar(stage),
         s_.left_by(b_, p_.rk, stage));
    if (!task_.times) return;
    const Value pulled = b_.select(kept, load(b_, t_pulled_, b_.index(0)), b_.real(0));
    add(step_t_bar_, pulled);
    if (p_.rk.c[stage] != 0)
      step_h_bar_.set(b_, b_.fma(b_.real(p_.rk.c[stage]), pulled, step_h_bar_.get(b_)));
  }
  // What later stages take of this one.
  Weights column_of(int stage) const {
    Weights column(static_cast<size_t>(stages()), 0.0);
    for (int m = stage + 1; m < stages(); ++m) column[m] = p_.rk.a[m][stage];
    return column;
  }
  Value stage_cotangent(const Weights& column, int stage, Value h, Value d) {
    Value kappa = p_.dense ? load(b_, k_bar(stage), d) : schedule::none;
    if (stage == last()) kappa = sum(kappa, load(b_, nu_.states, d));
    const Value later = weighted_sum(b_, column, y_bar_, p_.size, d);
    return scaled_sum(h, later, kappa);
  }
  // The same of a quadrature: of later stages only the proposal takes anything.
  Value rate_cotangent(int stage, Value h, Value d) {
    Value kappa = stage == last() ? load(b_, nu_.quadratures, d) : schedule::none;
    for (size_t n = 0; p_.dense && n < powers_.size(); ++n) {
      const double weight = powers_[n][static_cast<size_t>(stage)];
      if (weight != 0) kappa = scaled_sum(b_.real(weight), load(b_, rates_bar(n), d), kappa);
    }
    const Weights& weights = proposal_weights(p_.rk);
    const double weight =
        static_cast<size_t>(stage) < weights.size() ? weights[static_cast<size_t>(stage)] : 0;
    if (weight == 0) return kappa == schedule::none ? b_.real(0) : kappa;
    return scaled_sum(h, b_.mul(b_.real(weight), load(b_, of_quadratures(lambda_), d)), kappa);
  }
  // Sums of which `none` is nothing.
  Value sum(Value a, Value b) { return a == schedule::none ? b : b_.add(a, b); }
  Value scaled_sum(Value factor, Value a, Value b) {
    if (a == schedule::none) return b == schedule::none ? b_.real(0) : b;
    return b == schedule::none ? b_.mul(factor, a) : b_.fma(factor, a, b);
  }
  void pull(Value t, Rows y, Rows to, Rows activations) {
    p_.task.field->pull(b_, taken_at(b_, t), y, kappa_, to, t_pulled_, true, activations);
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
    if (first > last() || last() >= end) return sum[0];
    fold_elements(b_, 0, p_.quadratures, 2, sum, [&](Value d, std::vector<Value>& carried) {
      const Value slope = s_.quadratures.sum(b_, proposal_weights(p_.rk), d);
      if (slope != schedule::none)
        carried[0] = b_.fma(slope, load(b_, of_quadratures(lambda_), d), carried[0]);
    });
    return sum[0];
  }

  // Cotangents of what the step began with.
  void carry(Value kept, Value h) {
    Weights ones(static_cast<size_t>(stages()), 1.0);
    ones[0] = 0;
    const Weights column = column_of(0);
    auto renew = [&](Rows rows, Value d, Value by) {
      store(b_, rows, d, b_.select(kept, by, load(b_, rows, d)));
    };
    each_element(b_, 0, p_.size, 3 * p_.rk.stages(), [&](Value d) {
      const Value later = weighted_sum(b_, ones, y_bar_, p_.size, d);
      const Value lambda = p_.dense ? b_.add(load(b_, z_bar_, d), later) : later;
      const Value nu = stage_cotangent(column, 0, h, d);
      renew(lambda_, d, lambda);
      renew(nu_.states, d, nu);
    });
    each_element(b_, 0, p_.quadratures, 3, [&](Value d) {
      const Rows lambda = of_quadratures(lambda_);
      const Value nu = rate_cotangent(0, h, d);
      if (p_.dense) renew(lambda, d, b_.add(load(b_, of_quadratures(z_bar_), d), load(b_, lambda, d)));
      renew(nu_.quadratures, d, nu);
    });
  }

  void carry_times(Value kept, const TapeEntry& entry) {
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
    copy(b_, kappa_.states, nu_.states, p_.size);
    copy(b_, kappa_.quadratures, nu_.quadratures, p_.quadratures);
    const Slopes slope = s_.slopes(b_, 0);
    if (leaves() || task_.times) f_.evaluate(b_, p_.t0, initial, slope, spare_);
    pull(p_.t0, initial, to, spare_);
    each_element(b_, 0, p_.size, 1,
                 [&](Value d) { store(b_, to, d, b_.add(load(b_, to, d), load(b_, lambda_, d))); });
    copy(b_, of_quadratures(to), of_quadratures(lambda_), p_.quadratures);
    if (task_.times) add(t_bar_, load(b_, t_pulled_, b_.index(0)));

    auto left = [&](int from) {
      return b_.logical_and(p_.live, b_.integer_less(b_.integer(from), cursor_.get(b_)));
    };
    b_.while_loop(
        [&] { return b_.any(left(0)); },
        [&] {
          const Value mask = left(0);
          const Value i = b_.select(mask, b_.integer_sub(cursor_.get(b_), b_.integer(1)), b_.integer(0));
          cursor_.set(b_, b_.select(mask, i, cursor_.get(b_)));
          std::vector<Value> product{zero()};
          for (const Range& range : p_.system().all()) {
            fold_elements(b_, range.first, range.end, 3, product, [&](Value d, std::vector<Value>& carried) {
              const Value o = b_.load(results.buffer, result_index(b_, results, i, p_.elements, d));
              store(b_, to, d, b_.add(load(b_, to, d), b_.select(mask, o, b_.real(0))));
              if (task_.times) carried[0] = b_.fma(f_.slope(b_, slope, range, d), o, carried[0]);
            });
          }
          if (!task_.times) return;
          // With the initial value observed, its time is t0 and the value does not move with it.
          const Value timed =
              b_.logical_and(mask, b_.logical_not(b_.integer_less(i, b_.integer(p_.first_observed()))));
          const Value moved = b_.select(timed, product[0], b_.real(0));
          b_.store_masked(task_.times_bar.buffer, lane_index(b_, task_.times_bar, i, 1, b_.index(0)), moved,
                          mask);
          add(t_bar_, b_.neg(moved));
        });

    if (!task_.times) return;
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
  const std::vector<Weights> powers_;  // of the interpolant
  Rows z_, lambda_;
  Slopes nu_;
  // Cotangents through observations inside the step: of z, of stages, and for quadratures Σ h θ^d ō.
  Rows z_bar_, k_bar_, rates_bar_;
  Rows y_bar_;
  Slopes kappa_;
  Rows t_pulled_;                       // where cotangents of times are wanted
  Rows spare_;                          // activations at other times than the stages'
  Rows unread_;                         // derivatives beside them
  Variable cursor_;                     // observations not yet pulled
  Variable t_bar_, t1_bar_, step_bar_;  // of the step's end; of the end; of the common step
  Variable step_t_bar_, step_h_bar_;    // within one entry
  Variable stop_time_;                  // where the entry's step ends,
  Flag stopping_;                       // if that is a stop
};

}  // namespace

void write_adjoint(Builder& b, schedule::AdjointTask& task) { Adjoint(b, task).write(); }

}  // namespace nodec::solvers
