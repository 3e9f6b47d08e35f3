// Writes a solve: every lane steps from its own t0 to its own last observation time.
//
// A lane's arithmetic depends on nothing but the lane: others show only in how often the loop runs. A lane
// that is done, failed or idle steps by h = 0 and keeps its values by selection.
#include "compiler/solvers/forward.hpp"

#include <limits>

#include "compiler/solvers/observe.hpp"
#include "compiler/solvers/tape.hpp"
#include "compiler/solvers/together.hpp"
#include "runtime/abi.hpp"

namespace nodec::solvers {

namespace {

using runtime::Failure;
using schedule::Recording;

// What the running lanes try: from t by h to `to`, which is t1 exactly where `last`, and one of the solve's
// stops where `stops`. entry: the number of the tape's entry that is replayed.
struct Step {
  Value running, t, h, last, to, stops, entry;
};

class Forward {
 public:
  Forward(Builder& b, schedule::SolveTask& task)
      : b_(b),
        p_(b, task),
        f_(p_.system()),
        s_(make_stages(b, p_.rk, f_, p_.adaptive, p_.dense)),
        z_(frame_rows(b, "state", p_.elements)),
        observer_(b),
        controller_(b),
        running_(b, "running"),
        t_(b, "t"),
        h_(b, "h"),
        steps_(b, "steps", schedule::Kind::integer),
        evaluations_(b, "evaluations", schedule::Kind::integer),
        accepted_(b, "accepted", schedule::Kind::integer),
        stop_(b, "stop", schedule::Kind::integer),
        stop_time_(b, "stop_time"),
        stopping_(b, "stopping") {
    if (p_.task.taped && p_.task.field->activations() > 0) {
      // What the first step needs, and stages that serve dense output, leave is not kept.
      s_.later_left = spare_ = frame_rows(b, "activations", p_.task.field->activations());
    }
    if (!p_.stopping()) return;
    f_.evaluate = [this](Builder& builder, Value t, Rows y, const Slopes& k, Rows activations) {
      const Value before = p_.before_stop(builder, t, stop_time_.get(builder));
      p_.task.field->evaluate(builder, builder.select(stopping_.get(builder), before, t), y, k, activations);
    };
  }

  void write() {
    if (p_.task.taped) create_activations(b_, p_);
    start();
    if (replaying()) {
      create_tape(b_, p_);
      const Value end = reopen_run(b_, p_);
      b_.for_loop(p_.task.first_entry, end, [&](Value number) { advance(replayed(number)); });
      extend_nothing();
    } else {
      if (p_.task.recording == Recording::record) {
        create_tape(b_, p_);
        begin_run(b_, p_);
      }
      b_.iterate([&] { return running_.get(b_); }, [&] { step(); }, p_.task.apart);
      if (p_.task.recording == Recording::record) end_run(b_, p_);
    }
    if (!p_.task.counts) return;
    const Value steps = steps_.get(b_), accepted = accepted_.get(b_);
    b_.statistics(p_.task.number, evaluations_.get(b_), accepted, b_.integer_sub(steps, accepted));
  }

 private:
  void step() {
    if (p_.task.together)
      step_together(b_, p_, {f_, s_, z_, observer_, running_, t_, steps_, evaluations_, accepted_});
    advance(chosen());
  }

  Value not_(Value a) { return b_.logical_not(a); }
  Value both(Value a, Value b) { return b_.logical_and(a, b); }
  Value both(Value a, Value b, Value c) { return both(both(a, b), c); }
  void count(const Variable& counter, Value mask, int64_t by = 1) {
    const Value n = counter.get(b_);
    counter.set(b_, b_.select(mask, b_.integer_add(n, b_.integer(by)), n));
  }
  bool replaying() const { return p_.task.recording == Recording::replay; }

  void start() {
    const Value span = b_.sub(p_.t1, p_.t0);
    const Value ordered = in_order();
    const Value moving = both(ordered, b_.not_equal(p_.t0, p_.t1));
    for (const Variable* counter : {&steps_, &evaluations_, &accepted_})
      counter->set(b_, b_.splat(b_.integer(0)));
    b_.fill(p_.task.results.buffer, p_.task.results.offset,
            b_.integer_mul(b_.extent(p_.task.times), b_.index(p_.elements)),
            b_.real(std::numeric_limits<double>::quiet_NaN()));
    copy(b_, z_, p_.task.initial, p_.elements);
    t_.set(b_, p_.t0);
    h_.set(b_, b_.splat(b_.real(0)));
    controller_.start(b_);
    if (p_.stopping()) {
      stop_.set(b_, b_.splat(b_.integer(0)));
      stop_time_.set(b_, p_.t0);
      stopping_.set(b_, b_.splat(b_.truth(false)));
      pass_stops(ordered, p_.t0);
    }
    observer_.start(b_, p_, ordered);

    if (p_.task.taped) take_entry(b_, p_, next_activations(b_, p_), s_);
    const Slopes first = s_.slopes(b_, 0);
    f_.evaluate(b_, p_.t0, z_, first, spare_);
    count(evaluations_, moving);
    const Value element = first_not_finite(b_, f_, z_, first);
    const Value bad = b_.logical_or(b_.integer_less(b_.integer(-1), element), not_(finite(b_, span)));
    fail(both(moving, bad), b_.integer(static_cast<int>(Failure::not_finite)), p_.t0, b_.real(0), element);
    running_.set(b_, both(moving, not_(bad)));
    if (p_.adaptive && !replaying()) choose_first_step(span, both(moving, not_(bad)));
  }

  // The live lanes whose times can be met; the others fail before their first step. Replayed times may have
  // moved past each other by a difference's increment.
  Value in_order() {
    if (replaying()) return p_.live;
    const Disorder disorder = find_disorder(b_, p_);
    const Value failed = both(p_.live, disorder.mask);
    b_.if_then(b_.any(failed), [&] {
      b_.fail(p_.task.number, failed, b_.integer(static_cast<int>(Failure::times_not_monotone)),
              disorder.time, disorder.before, b_.integer(-1), disorder.index);
    });
    return both(p_.live, not_(disorder.mask));
  }

  void choose_first_step(Value span, Value running) {
    const Value given = b_.abs(p_.controls.step);
    Value size = given;
    if (!known_first_step()) {
      // The rows of the second stage are free until the first attempt.
      size = first_step(b_, f_, p_.rk, p_.t0, span, z_, s_);
      if (!p_.first_step_is(0)) size = b_.select(b_.equal(given, b_.real(0)), size, given);
      count(evaluations_, running);
    }
    h_.set(b_, b_.mul(p_.direction, size));
  }
  bool known_first_step() const {
    const graph::Node* operand = p_.task.node->operands[p_.info.control_operand(graph::Control::step)];
    return operand->is(graph::Kind::constant) && !p_.first_step_is(0);
  }

  // ---- stops

  // Counts the stops of the masked lanes up to a time.
  void pass_stops(Value mask, Value to) {
    auto passed = [&] {
      const Value i = stop_.get(b_);
      return both(mask, b_.integer_less(i, p_.task.stops), p_.reached(b_, p_.stop(b_, i), to));
    };
    b_.while_loop([&] { return b_.any(passed()); }, [&] { count(stop_, passed()); });
  }

  // Steps that reach the next stop before t1 end there.
  void clip(Step& step, Value h) {
    const Value next = p_.stop(b_, stop_.get(b_)), remaining = b_.sub(next, step.t);
    const Value ahead =
        both(b_.integer_less(stop_.get(b_), p_.task.stops), not_(p_.reached(b_, p_.t1, next)));
    step.stops = both(step.running, ahead, covers(b_, h, remaining, true));
    step.last = both(step.last, not_(step.stops));
    step.h = b_.select(step.stops, remaining, step.h);
    step.to = next;
  }

  // The field may jump at a stop: what follows begins with its value there.
  void begin_anew(const Step& step, Value accepted) {
    const Value anew = both(accepted, step.stops);
    b_.if_then(b_.any(anew), [&] {
      const Slopes first = s_.slopes(b_, 0), fresh = s_.slopes(b_, 1);
      p_.task.field->evaluate(b_, step.to, z_, fresh, spare_);
      each_element(b_, 0, p_.size, 1,
                   [&](Value d) { store(b_, first.states, d, load(b_, fresh.states, d), anew); });
      each_element(b_, 0, p_.quadratures, 1,
                   [&](Value d) { store(b_, first.quadratures, d, load(b_, fresh.quadratures, d), anew); });
      count(evaluations_, anew);
      pass_stops(anew, step.to);
    });
  }

  // ---- which step

  Step chosen() {
    Step step{};
    step.running = running_.get(b_);
    step.t = t_.get(b_);
    const Value remaining = b_.sub(p_.t1, step.t);
    if (p_.info.rule == graph::StepRule::equal_steps) {
      step.last = b_.less_equal(p_.steps_wanted(b_), steps_after());
      step.h = constant_step();
    } else {
      const Value h = p_.adaptive ? h_.get(b_) : constant_step();
      step.last = covers(b_, h, remaining, p_.adaptive);
      step.h = b_.select(step.last, remaining, h);
      if (p_.stopping()) clip(step, h);
    }
    return completed(step);
  }

  Step replayed(Value number) {
    const TapeEntry entry = read_entry(b_, p_, number);
    Step step{};
    step.running = both(running_.get(b_), b_.less(b_.real(0), entry.kept));
    step.t = t_.get(b_);
    step.last = b_.equal(entry.kept, b_.real(2));
    step.h = p_.info.rule == graph::StepRule::equal_steps
                 ? constant_step()
                 : b_.select(step.last, b_.sub(p_.t1, step.t), entry.h);
    if (p_.stopping()) {
      step.stops = both(step.running, b_.equal(entry.kept, b_.real(3)));
      step.to = entry.to;
      step.h = b_.select(step.stops, b_.sub(entry.to, step.t), step.h);
    }
    step.entry = number;
    return completed(step);
  }

  // A solve over no time has no step to replay. Where its times have moved apart by a difference's increment,
  // the solution is a straight line.
  void extend_nothing() {
    const Rows results = p_.task.results;
    const Slopes first = s_.slopes(b_, 0);
    auto pending = [&] {
      return both(running_.get(b_), b_.integer_less(observer_.cursor.get(b_), p_.count));
    };
    b_.while_loop([&] { return b_.any(pending()); },
                  [&] {
                    const Value mask = pending(), i = observer_.cursor.get(b_);
                    const Value passed = b_.sub(p_.time(b_, i), t_.get(b_));
                    for (const Range& range : f_.all()) {
                      each_element(b_, range.first, range.end, 1, [&](Value d) {
                        const Value slope = f_.slope(b_, first, range, d);
                        const Value line = b_.fma(passed, slope, load(b_, z_, d));
                        const Value at = result_index(b_, results, i, p_.elements, d);
                        b_.store_masked(results.buffer, at, line, mask);
                      });
                    }
                    count(observer_.cursor, mask);
                  });
  }

  Value steps_after() { return b_.to_real(b_.integer_add(steps_.get(b_), b_.integer(1))); }
  Value constant_step() {
    if (p_.info.rule == graph::StepRule::equal_steps)
      return b_.div(b_.sub(p_.t1, p_.t0), p_.steps_wanted(b_));
    return b_.mul(p_.direction, b_.abs(p_.controls.step));
  }

  Step completed(Step step) {
    // Multiples of a constant step do not drift.
    const Value sum = p_.adaptive ? b_.add(step.t, step.h) : b_.fma(steps_after(), constant_step(), p_.t0);
    const Value end = p_.stopping() ? b_.select(step.stops, step.to, sum) : sum;
    step.to = b_.select(step.last, p_.t1, end);
    step.h = b_.select(step.running, step.h, b_.real(0));
    return step;
  }

  // ---- one attempt

  void advance(const Step& step) {
    const bool controlled = p_.adaptive && !replaying();
    if (p_.stopping()) {
      stop_time_.set(b_, step.to);
      stopping_.set(b_, step.stops);
    }
    if (p_.task.taped) take_entry(b_, p_, next_activations(b_, p_), s_);
    attempt(b_, f_, p_.rk, step.t, step.h, z_, s_);
    propose(b_, p_.rk, step.h, z_, s_);
    if (!p_.rk.fsal_added) finish(b_, f_, p_.rk, step.t, step.h, s_);
    count(evaluations_, step.running, p_.rk.main_stages - (p_.rk.fsal_added ? 2 : 1));
    const Error error = error_of(b_, f_, p_.rk, step.h, z_, s_, controlled);
    count(steps_, step.running);
    const Value accepted = both(step.running, error.good);
    count(accepted_, accepted);

    const Value inside = p_.dense ? observer_.inside(b_, p_, accepted, step.to) : b_.truth(false);
    if (p_.rk.fsal_added) {
      const Value wanted =
          both(accepted, p_.dense ? b_.logical_or(not_(step.last), inside) : not_(step.last));
      // A taped step leaves what every stage's pullback takes.
      if (p_.task.taped)
        finish(b_, f_, p_.rk, step.t, step.h, s_);
      else
        b_.if_then(b_.any(wanted), [&] { finish(b_, f_, p_.rk, step.t, step.h, s_); });
      count(evaluations_, wanted);
    }
    if (p_.dense && p_.rk.stages() > p_.rk.main_stages) {
      b_.if_then(b_.any(inside), [&] { take_dense_stages(b_, f_, p_.rk, step.t, step.h, z_, s_); });
      count(evaluations_, inside, p_.rk.stages() - p_.rk.main_stages);
    }
    TapeEntry entry{step.t,  step.h, kept(step, accepted), observer_.cursor.get(b_),
                    step.to, z_,     s_.slopes(b_, 0)};
    if (p_.task.recording == Recording::record) record(entry, accepted);
    // An adjoint may unwind what is replayed.
    if (replaying()) replace_entry(b_, p_, step.entry, entry, step.running);
    // Replayed observation times may have moved past the end by a difference's increment.
    const Value flush = replaying() ? step.last : b_.truth(false);
    observer_.step(b_, p_, accepted, flush, step.t, step.h, step.to, z_, s_);
    commit(step, error, accepted);
  }

  void record(TapeEntry& entry, Value accepted) {
    b_.if_then(b_.any(accepted), [&] {
      if (p_.task.taped) entry.activations = keep_activations(b_, p_, accepted);
      push_entry(b_, p_, entry);
    });
  }

  Value kept(const Step& step, Value accepted) {
    Value code = b_.select(step.last, b_.real(2), b_.real(1));
    if (p_.stopping()) code = b_.select(step.stops, b_.real(3), code);
    return b_.select(accepted, code, b_.real(0));
  }

  // `error` and the rows of the attempt still hold: a failure names the element that is worst.
  void commit(const Step& step, const Error& error, Value accepted) {
    const Value done = both(accepted, step.last);
    const Value t = b_.select(accepted, step.to, step.t);
    Value failed, code;
    if (p_.adaptive && !replaying()) {
      const Value factor = controller_.factor(b_, p_.rk, p_.controls, error, accepted, step.running);
      Value h = b_.mul(step.h, factor);
      if (p_.stopping()) {
        // A step cut short by a stop says little about the next.
        const Value wanted = h_.get(b_);
        const Value longer = both(accepted, step.stops, b_.less(b_.abs(h), b_.abs(wanted)));
        h = b_.select(longer, wanted, h);
      }
      h_.set(b_, h, step.running);
      const Value small = both(negligible(b_, t, h), not_(covers(b_, h, b_.sub(p_.t1, t), true)));
      const Value limit = b_.less_equal(p_.controls.max_steps, b_.to_real(steps_.get(b_)));
      failed = both(step.running, not_(done), b_.logical_or(small, limit));
      code = b_.select(small,
                       b_.select(error.sound, b_.integer(static_cast<int>(Failure::step_underflow)),
                                 b_.integer(static_cast<int>(Failure::not_finite))),
                       b_.integer(static_cast<int>(Failure::step_limit)));
    } else {
      const Value small = both(negligible(b_, step.t, step.h), not_(step.last));
      failed = both(step.running, b_.logical_or(small, not_(error.sound)));
      code = b_.select(error.sound, b_.integer(static_cast<int>(Failure::step_underflow)),
                       b_.integer(static_cast<int>(Failure::not_finite)));
    }
    const Value any = b_.any(failed);
    b_.if_then(any, [&] {
      const Value element = worst_element(b_, f_, p_.rk, step.h, z_, s_, p_.adaptive && !replaying());
      b_.fail(p_.task.number, failed, code, step.t, step.h, element, steps_.get(b_));
      spoil_results(b_, p_, failed);
    });

    const Rows end = s_.proposal(b_, p_.rk);
    const Slopes first = s_.slopes(b_, 0), last = s_.slopes(b_, p_.rk.main_stages - 1);
    auto renew = [&](Rows rows, Rows by, Value d) {
      store(b_, rows, d, b_.select(accepted, load(b_, by, d), load(b_, rows, d)));
    };
    each_element(b_, 0, p_.size, 2, [&](Value d) {
      renew(z_, end, d);
      renew(first.states, last.states, d);
    });
    each_element(b_, 0, p_.quadratures, 2, [&](Value d) {
      renew(shift(b_, z_, p_.size), shift(b_, end, p_.size), d);
      renew(first.quadratures, last.quadratures, d);
    });
    if (p_.stopping()) begin_anew(step, accepted);
    t_.set(b_, t);
    const Value running = running_.get(b_);
    running_.set(b_, both(running, not_(done), not_(failed)));
  }

  void fail(Value mask, Value code, Value t, Value h, Value element) {
    b_.if_then(b_.any(mask), [&] {
      b_.fail(p_.task.number, mask, code, t, h, element, steps_.get(b_));
      spoil_results(b_, p_, mask);
    });
  }

  Builder& b_;
  Problem p_;
  System f_;
  Stages s_;    // of a taped solve: where the step that is tried lies
  Rows spare_;  // activations that nothing reads
  Rows z_;
  Observer observer_;
  Controller controller_;
  Flag running_;
  Variable t_, h_, steps_, evaluations_, accepted_;
  Variable stop_, stop_time_;  // number of the next stop; where the step that is tried ends,
  Flag stopping_;              // if it ends at a stop
};

}  // namespace

void write_forward(Builder& b, schedule::SolveTask& task) { Forward(b, task).write(); }

}  // namespace nodec::solvers
