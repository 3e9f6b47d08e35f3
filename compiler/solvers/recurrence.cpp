// Writes a recurrence z_{i+1} = F(i, z_i) and its adjoint λ_i = λ_{i+1}ᵀ ∂F/∂z(i, z_i) + z̄_i.
//
// All lanes step together, as often as the longest needs; a lane that has taken its own steps keeps its
// state, which fills the rows that it does not own. The results are every state in order, so that they are
// the tape.
#include "compiler/solvers/recurrence.hpp"

#include "compiler/solvers/lanes.hpp"

namespace nodec::solvers {

namespace {

// Row i of the results; i an index.
Rows state_at(Builder& b, const schedule::SolveTask& task, Rows rows, Value i) {
  const Value first = b.integer_mul(i, b.index(task.elements));
  return {rows.buffer, b.integer_add(rows.offset, first)};
}

Value steps_of(Builder& b, const schedule::SolveTask& task) {
  return b.integer_sub(b.extent(task.times), b.index(1));
}

Value live(Builder& b, const schedule::SolveTask& task) {
  return task.live == schedule::none ? b.live() : task.live;
}

// Lanes that take step i.
Value stepping(Builder& b, const schedule::SolveTask& task, Value i) {
  const Value after = b.integer_add(b.integer_of(i), b.integer(1));
  return b.integer_less(after, b.splat(task.lane_times));
}

// A lane that has taken its steps repeats its last, so that what the step reads is there.
Value time_of(Builder& b, const schedule::SolveTask& task, Value i) {
  const Value last = b.integer_sub(b.splat(task.lane_times), b.integer(2));
  return b.splat(b.to_real(b.max(b.integer(0), b.min(b.integer_of(i), last))));
}

int64_t read_elements(const schedule::SolveTask& task) { return task.elements - task.quadratures; }

}  // namespace

void write_recurrence(Builder& b, schedule::SolveTask& task) {
  const Rows next = frame_rows(b, "next", task.elements);
  copy(b, task.results, task.initial, task.elements);
  b.for_loop(b.index(0), steps_of(b, task), [&](Value i) {
    const Rows before = state_at(b, task, task.results, i);
    const Rows after = state_at(b, task, task.results, b.integer_add(i, b.index(1)));
    const Value steps = stepping(b, task, i);
    task.field->within(b, b.logical_and(live(b, task), steps));
    task.field->evaluate(b, time_of(b, task, i), before, {next, shift(b, next, read_elements(task))}, {});
    each_element(b, 0, task.elements, 2,
                 [&](Value d) { store(b, after, d, b.select(steps, load(b, next, d), load(b, before, d))); });
  });
}

void write_recurrence_adjoint(Builder& b, schedule::AdjointTask& adjoint) {
  schedule::SolveTask& task = *adjoint.solve;
  const int64_t size = read_elements(task);
  const Rows lambda = frame_rows(b, "lambda", size), kappa = frame_rows(b, "kappa", task.elements);
  const Rows pulled = frame_rows(b, "pulled", size);
  fill(b, lambda, size, 0);
  const Value count = steps_of(b, task);
  b.for_loop(b.index(0), count, [&](Value taken) {
    const Value i = b.integer_sub(b.integer_sub(count, b.index(1)), taken);
    const Value steps = b.logical_and(live(b, task), stepping(b, task, i));
    const Rows given = state_at(b, task, adjoint.results_bar, b.integer_add(i, b.index(1)));
    each_element(b, 0, size, 2, [&](Value d) {
      const Value sum = b.add(load(b, lambda, d), load(b, given, d));
      store(b, kappa, d, b.select(steps, sum, b.real(0)));
    });
    // What no step reads is asked for where it was made alone.
    each_element(b, size, task.elements, 1,
                 [&](Value d) { store(b, kappa, d, b.select(steps, load(b, given, d), b.real(0))); });
    task.field->within(b, steps);
    task.field->pull(b, time_of(b, task, i), state_at(b, task, task.results, i),
                     {kappa, shift(b, kappa, size)}, pulled, {}, true, {});
    each_element(b, 0, size, 2, [&](Value d) {
      store(b, lambda, d, b.select(steps, load(b, pulled, d), load(b, lambda, d)));
    });
  });
  auto given = [&](Value d) { return b.select(live(b, task), load(b, adjoint.results_bar, d), b.real(0)); };
  each_element(b, 0, size, 2,
               [&](Value d) { store(b, adjoint.initial_bar, d, b.add(load(b, lambda, d), given(d))); });
  each_element(b, size, task.elements, 1, [&](Value d) { store(b, adjoint.initial_bar, d, given(d)); });
  if (!adjoint.times) return;
  store(b, adjoint.t0_bar, b.index(0), b.splat(b.real(0)));
  b.fill(adjoint.times_bar.buffer, adjoint.times_bar.offset, b.extent(task.times), b.real(0));
}

}  // namespace nodec::solvers
