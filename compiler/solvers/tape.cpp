// What a solve records (see tape.hpp).
#include "compiler/solvers/tape.hpp"

namespace nodec::solvers {

namespace {

enum Row : int64_t { row_t, row_h, row_kept, row_cursor, row_z };

int64_t entry_rows(const Problem& p) { return row_z + 2 * p.size; }

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

void push_entry(Builder& b, const Problem& p, Value t, Value h, Value accepted, Value last, Value cursor,
                Rows z, Rows first) {
  const BufferId tape = p.task.tape;
  b.if_then(b.any(accepted), [&] {
    b.reserve(tape, b.index(1));
    const Value count = b.tape_count(tape);
    const Value base = b.integer_mul(count, b.index(entry_rows(p)));
    const Rows entry{tape, base};
    store(b, entry, b.index(row_t), t);
    store(b, entry, b.index(row_h), h);
    store(b, entry, b.index(row_kept), b.select(accepted, b.select(last, b.real(2), b.real(1)), b.real(0)));
    store(b, entry, b.index(row_cursor), b.to_real(cursor));
    copy(b, shift(b, entry, row_z), z, p.size);
    copy(b, shift(b, entry, row_z + p.size), first, p.size);
    b.set_tape_count(tape, b.integer_add(count, b.index(1)));
  });
}

TapeEntry read_entry(Builder& b, const Problem& p, Value number) {
  const Rows entry{p.task.tape, b.integer_mul(number, b.index(entry_rows(p)))};
  TapeEntry e;
  e.t = load(b, entry, b.index(row_t));
  e.h = load(b, entry, b.index(row_h));
  e.kept = load(b, entry, b.index(row_kept));
  e.cursor = b.to_integer(load(b, entry, b.index(row_cursor)));
  e.z = shift(b, entry, row_z);
  e.first = shift(b, entry, row_z + p.size);
  return e;
}

}  // namespace nodec::solvers
