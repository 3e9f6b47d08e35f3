// Writes equal steps that all lanes take together (see together.hpp).
//
// A state that is not finite stays so whatever follows. So a block of steps is taken, its end is looked at,
// and the block is undone if it went wrong: states, first derivatives and the number of entries on tapes come
// back.
#include "compiler/solvers/together.hpp"

#include "compiler/solvers/control.hpp"
#include "compiler/solvers/tape.hpp"

namespace nodec::solvers {

namespace {

using schedule::Recording;

constexpr int64_t block = 64;  // steps

// A number common to all lanes that loops change.
class Common {
 public:
  Common(Builder& b, const std::string& name) : buffer_(b.frame(name, 1, false, schedule::Kind::integer)) {}
  Value get(Builder& b) const { return b.load(buffer_, b.index(0)); }
  void set(Builder& b, Value value) const { b.store(buffer_, b.index(0), value); }

 private:
  BufferId buffer_;
};

class Together {
 public:
  Together(Builder& b, const Problem& p, const Moving& m)
      : b_(b),
        p_(p),
        m_(m),
        before_(frame_rows(b, "state_before", p.elements)),
        first_before_{frame_rows(b, "slope_before", p.size), frame_rows(b, "rates_before", p.quadratures)},
        taken_(b, "together"),
        ahead_(b, "ahead") {
    const Value last = b.integer_sub(p.task.common_count, b.integer(1));
    t0_ = p.task.common_t0;
    t1_ = p.task.common_time(b, b.max(b.integer(0), last));
    last_ = last;
    direction_ = b.select(b.less(t1_, t0_), b.real(-1), b.real(1));
    const Value whole = b.floor(p.controls.step);
    wanted_ = b.select(b.less_equal(b.real(1), whole), whole, b.real(1));
    h_ = b.div(b.sub(t1_, t0_), wanted_);
  }

  void write() {
    const Value running = m_.running.get(b_);
    const Value failed = b_.any(b_.logical_and(p_.live, b_.logical_not(running)));
    base_ = b_.largest(b_.select(running, m_.steps.get(b_), b_.integer(0)));
    const Value cursor = b_.largest(b_.select(running, m_.observer.cursor.get(b_), b_.integer(0)));
    next_ = p_.task.common_time(b_, b_.max(b_.integer(0), b_.min(cursor, last_)));
    taken_.set(b_, b_.integer(0));
    look_ahead();
    ahead_.set(b_, b_.select(failed, b_.integer(0), ahead_.get(b_)));
    b_.while_loop([&] { return b_.integer_less(b_.integer(0), ahead_.get(b_)); },
                  [&] { take_block(running); });
    count(running);
  }

 private:
  // The end of the step of this number, from 1.
  Value end_of(Value number) { return b_.fma(b_.to_real(number), h_, t0_); }
  Value number_after(Value steps) { return b_.integer_add(base_, b_.integer_add(taken_.get(b_), steps)); }

  // How many of the steps that follow belong to a block.
  void look_ahead() {
    ahead_.set(b_, b_.integer(0));
    auto another = [&] {
      const Value number = number_after(b_.integer_add(ahead_.get(b_), b_.integer(1)));
      const Value inner = b_.less(b_.to_real(number), wanted_);
      const Value reaches = b_.less_equal(b_.mul(direction_, next_), b_.mul(direction_, end_of(number)));
      const Value fits = b_.integer_less(ahead_.get(b_), b_.integer(block));
      return b_.logical_and(fits, b_.logical_and(inner, b_.logical_not(reaches)));
    };
    b_.while_loop(another, [&] { ahead_.set(b_, b_.integer_add(ahead_.get(b_), b_.integer(1))); });
  }

  void take_block(Value running) {
    const bool records = p_.task.recording == Recording::record;
    const Slopes first = m_.s.slopes(b_, 0);
    copy(b_, before_, m_.z, p_.elements);
    move(first_before_, first);
    const Value entries = records ? b_.tape_count(p_.task.tape) : schedule::none;
    const Value kept = records && p_.task.taped ? b_.tape_count(p_.task.activation_tape) : schedule::none;

    b_.for_loop(b_.index(0), b_.index_of(ahead_.get(b_)),
                [&](Value k) { take_step(running, b_.integer_of(k)); });

    const Value bad = b_.any(b_.logical_and(running, b_.logical_not(finite_state())));
    b_.if_then(
        bad,
        [&] {
          copy(b_, m_.z, before_, p_.elements);
          move(first, first_before_);
          if (records) b_.set_tape_count(p_.task.tape, entries);
          if (kept != schedule::none) b_.set_tape_count(p_.task.activation_tape, kept);
          ahead_.set(b_, b_.integer(0));
        },
        [&] {
          taken_.set(b_, b_.integer_add(taken_.get(b_), ahead_.get(b_)));
          look_ahead();
        });
  }

  void move(const Slopes& to, const Slopes& from) {
    copy(b_, to.states, from.states, p_.size);
    if (p_.quadratures > 0) copy(b_, to.quadratures, from.quadratures, p_.quadratures);
  }

  void take_step(Value running, Value k) {
    const Value t = end_of(number_after(k)), to = end_of(number_after(b_.integer_add(k, b_.integer(1))));
    if (p_.task.taped) take_entry(b_, p_, next_activations(b_, p_), m_.s);
    attempt(b_, m_.f, p_.rk, t, h_, m_.z, m_.s);
    propose(b_, p_.rk, h_, m_.z, m_.s);
    finish(b_, m_.f, p_.rk, t, h_, m_.s);
    const Slopes first = m_.s.slopes(b_, 0), last = m_.s.slopes(b_, p_.rk.main_stages - 1);
    if (p_.task.recording == Recording::record) {
      TapeEntry entry{t,    h_,   b_.select(running, b_.real(1), b_.real(0)), m_.observer.cursor.get(b_), to,
                      m_.z, first};
      if (p_.task.taped) entry.activations = keep_activations(b_, p_, running);
      push_entry(b_, p_, entry);
    }
    const Rows end = m_.s.proposal(b_, p_.rk);
    copy(b_, m_.z, end, p_.elements);
    move(first, last);
  }

  Value finite_state() {
    std::vector<Value> sum{b_.splat(b_.real(0))};
    fold_elements(b_, 0, p_.elements, 1, sum, [&](Value d, std::vector<Value>& carried) {
      carried[0] = b_.fma(load(b_, m_.z, d), b_.real(0), carried[0]);
    });
    return b_.equal(sum[0], b_.real(0));
  }

  // Of all the blocks.
  void count(Value running) {
    const Value taken = taken_.get(b_);
    b_.if_then(b_.integer_less(b_.integer(0), taken), [&] {
      auto add = [&](const Variable& counter, Value n) {
        counter.set(b_, b_.select(running, b_.integer_add(counter.get(b_), n), counter.get(b_)));
      };
      add(m_.steps, taken);
      add(m_.accepted, taken);
      add(m_.evaluations, b_.integer_mul(taken, b_.integer(p_.rk.main_stages - 1)));
      m_.t.set(b_, b_.select(running, end_of(number_after(b_.integer(0))), m_.t.get(b_)));
    });
  }

  Builder& b_;
  const Problem& p_;
  const Moving& m_;
  Rows before_;
  Slopes first_before_;
  Common taken_, ahead_;  // steps: in the blocks before; of the block that follows
  Value t0_, t1_, last_, direction_, wanted_, h_;
  Value base_ = schedule::none,
        next_ = schedule::none;  // steps before the blocks; the next observation's time
};

}  // namespace

void step_together(Builder& b, const Problem& p, const Moving& m) { Together(b, p, m).write(); }

}  // namespace nodec::solvers
