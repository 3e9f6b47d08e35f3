// What a solve records (see tape.hpp).
#include "compiler/solvers/tape.hpp"

#include "runtime/abi.hpp"

namespace nodec::solvers {

namespace {

namespace row = runtime::step_rows;

int64_t row_first(const Problem& p) { return row::states + p.size; }
int64_t row_rates(const Problem& p) { return row_first(p) + p.size; }
int64_t row_to(const Problem& p) { return row_rates(p) + p.quadratures; }
int64_t row_activations(const Problem& p) { return row_to(p) + (p.stopping() ? 1 : 0); }
int64_t entry_rows(const Problem& p) { return row_activations(p) + (p.task.taped ? 1 : 0); }

int64_t stage_states(const Problem& p) { return (p.rk.main_stages - 1) * p.size + p.quadratures; }
int64_t activation_rows(const Problem& p) {
  return stage_states(p) + (p.rk.main_stages - 1) * p.task.field->activations();
}

// Of a run whose first entry is given: the entry before it, whose first row says how many there are.
Rows header(Builder& b, const Problem& p, Value first) {
  const Value number = b.integer_sub(first, b.index(1));
  return {p.task.tape, b.integer_mul(number, b.index(entry_rows(p)))};
}

}  // namespace

void create_tape(Builder& b, const Problem& p) {
  if (p.task.tape != schedule::none) return;
  p.task.tape = b.buffer({.name = "steps" + std::to_string(p.task.number),
                          .lanes = true,
                          .storage = schedule::Storage::tape,
                          .size = entry_rows(p),
                          .slot = p.task.tape_slot,
                          .values = {}});
}

void begin_run(Builder& b, const Problem& p) {
  const BufferId tape = p.task.tape;
  p.task.first_entry = b.index(0);
  if (p.task.appends) {
    b.reserve(tape, b.index(1));
    p.task.first_entry = b.integer_add(b.tape_count(tape), b.index(1));
  }
  b.set_tape_count(tape, p.task.first_entry);
}

void end_run(Builder& b, const Problem& p) {
  if (!p.task.appends) return;
  const Value first = p.task.first_entry, count = b.integer_sub(b.tape_count(p.task.tape), first);
  store(b, header(b, p, first), b.index(row::t), b.splat(b.to_real(count)));
}

Value reopen_run(Builder& b, const Problem& p) {
  const BufferId tape = p.task.tape;
  p.task.first_entry = b.index(0);
  if (!p.task.appends) return b.tape_count(tape);
  p.task.first_entry = b.integer_add(b.tape_count(tape), b.index(1));
  const Value count = load(b, header(b, p, p.task.first_entry), b.index(row::t));
  const Value end = b.integer_add(p.task.first_entry, b.index_of(b.largest(b.to_integer(count))));
  b.set_tape_count(tape, end);
  return end;
}

void push_entry(Builder& b, const Problem& p, const TapeEntry& entry) {
  const BufferId tape = p.task.tape;
  b.reserve(tape, b.index(1));
  const Value count = b.tape_count(tape);
  const Rows rows{tape, b.integer_mul(count, b.index(entry_rows(p)))};
  store(b, rows, b.index(row::t), entry.t);
  store(b, rows, b.index(row::h), entry.h);
  store(b, rows, b.index(row::kept), entry.kept);
  store(b, rows, b.index(row::cursor), b.to_real(entry.cursor));
  copy(b, shift(b, rows, row::states), entry.z, p.size);
  copy(b, shift(b, rows, row_first(p)), entry.first.states, p.size);
  if (p.quadratures > 0) copy(b, shift(b, rows, row_rates(p)), entry.first.quadratures, p.quadratures);
  if (p.stopping()) store(b, rows, b.index(row_to(p)), entry.to);
  if (p.task.taped)
    store(b, rows, b.index(row_activations(p)), b.splat(b.to_real(b.integer_of(entry.activations))));
  b.set_tape_count(tape, b.integer_add(count, b.index(1)));
}

void replace_entry(Builder& b, const Problem& p, Value number, const TapeEntry& entry, Value mask) {
  const Rows rows{p.task.tape, b.integer_mul(number, b.index(entry_rows(p)))};
  store(b, rows, b.index(row::t), entry.t, mask);
  store(b, rows, b.index(row::h), entry.h, mask);
  store(b, rows, b.index(row::cursor), b.to_real(entry.cursor), mask);
  each_element(b, 0, p.size, 2, [&](Value d) {
    store(b, shift(b, rows, row::states), d, load(b, entry.z, d), mask);
    store(b, shift(b, rows, row_first(p)), d, load(b, entry.first.states, d), mask);
  });
  each_element(b, 0, p.quadratures, 1, [&](Value d) {
    store(b, shift(b, rows, row_rates(p)), d, load(b, entry.first.quadratures, d), mask);
  });
}

TapeEntry read_entry(Builder& b, const Problem& p, Value number) {
  const Rows entry{p.task.tape, b.integer_mul(number, b.index(entry_rows(p)))};
  TapeEntry e;
  e.t = load(b, entry, b.index(row::t));
  e.h = load(b, entry, b.index(row::h));
  e.kept = load(b, entry, b.index(row::kept));
  e.cursor = b.to_integer(load(b, entry, b.index(row::cursor)));
  e.to = p.stopping() ? load(b, entry, b.index(row_to(p))) : schedule::none;
  if (p.task.taped) {
    const Value number = load(b, entry, b.index(row_activations(p)));
    e.activations = b.index_of(b.largest(b.to_integer(number)));
  }
  e.z = shift(b, entry, row::states);
  e.first = {shift(b, entry, row_first(p)), shift(b, entry, row_rates(p))};
  return e;
}

void create_activations(Builder& b, const Problem& p) {
  p.task.activation_tape = b.buffer({.name = "activations" + std::to_string(p.task.number),
                                     .lanes = true,
                                     .storage = schedule::Storage::tape,
                                     .size = activation_rows(p),
                                     .slot = p.task.activation_slot,
                                     .values = {},
                                     .cache = true});
  b.set_tape_count(p.task.activation_tape, b.index(0));
}

void take_entry(Builder& b, const Problem& p, Value number, Stages& s) {
  s.kept = true;
  s.activations = p.task.field->activations();
  s.y = {p.task.activation_tape, b.integer_mul(number, b.index(activation_rows(p)))};
  s.left = shift(b, s.y, stage_states(p));
}

Value next_activations(Builder& b, const Problem& p) {
  b.reserve(p.task.activation_tape, b.index(1));
  return b.tape_count(p.task.activation_tape);
}

Value keep_activations(Builder& b, const Problem& p, Value mask) {
  const BufferId tape = p.task.activation_tape;
  if (!p.task.keeps) return b.index(-1);
  const Value count = b.tape_count(tape);
  // Numbers are kept as reals.
  const Value exact = b.index(1 << 24);
  const Value room = b.logical_and(b.integer_less(count, b.tape_room(tape)), b.integer_less(count, exact));
  b.if_then(room, [&] {
    b.if_then(b.any(b.logical_not(mask)), [&] {
      b.lend(tape, b.integer_mul(count, b.index(activation_rows(p))), b.index(activation_rows(p)), mask);
    });
    b.set_tape_count(tape, b.integer_add(count, b.index(1)));
  });
  return b.select(room, count, b.index(-1));
}

}  // namespace nodec::solvers
