// `solve` and `adjoint` nodes -> flat state buffers, functions for field and pullback, calls of the solvers.
#include "compiler/schedule/solves.hpp"

#include <algorithm>
#include <functional>

#include "compiler/schedule/solve_field.hpp"

namespace nodec::schedule {

using graph::Control;
using graph::Extent;
using graph::Ref;
using NodeKind = graph::Kind;

namespace {

// Names of a state's elements: z, z[3], z[1, 0].
void name_elements(const std::string& name, const graph::Type& type, std::vector<std::string>& names) {
  const int64_t size = type.size().value();
  for (int64_t e = 0; e < size; ++e) {
    std::string index;
    int64_t rest = e;
    for (size_t axis = type.shape.size(); axis-- > 0;) {
      const int64_t extent = type.shape[axis].value();
      index = std::to_string(rest % extent) + (index.empty() ? "" : ", " + index);
      rest /= extent;
    }
    names.push_back(index.empty() ? name : name + "[" + index + "]");
  }
}

}  // namespace

Solves::Solves(ProgramWriter& writer, SolveLowering& solvers, Adjoints adjoints)
    : writer_(writer), solvers_(solvers) {
  pool_.adjoints = std::move(adjoints);
}
Solves::~Solves() = default;

void Solves::write(Tensors& tensors, Ref node) { write(tensors, node, pool_); }

void Solves::write(Tensors& tensors, Ref node, Scope& scope) {
  if (node->is(NodeKind::solve)) return write_solve(tensors, node, scope);
  write_adjoint(tensors, node, scope);
}

Value Solves::live(Builder& b, Scope& scope) {
  if (scope.live == none) {
    scope.live =
        scope.running == none ? b.live() : b.integer_equal(b.load(scope.running, b.index(0)), b.integer(1));
  }
  return scope.live;
}

// Gives the solve its number. A pullback repeats solves that the field has run, and must not count them
// again.
void Solves::describe(SolveTask& task, const Scope& scope) {
  const Ref node = task.node;
  const graph::SolveInfo& info = node->as<graph::SolveInfo>();
  std::vector<Interface::Solve>& solves = writer_.program().interface.solves;
  Interface::Solve entry{info.field_name, info.place, {}, {}};
  for (const int s : states_in_memory(info)) {
    name_elements(info.states[s].name, node->operands[s]->type, entry.elements);
    entry.places.resize(entry.elements.size(), info.states[s].place);
  }
  auto known = numbers_.find(node);
  if (known == numbers_.end() && scope.again) {
    // The same solve under a binder of another height.
    known = std::find_if(numbers_.begin(), numbers_.end(), [&](const auto& number) {
      const Interface::Solve& other = solves[static_cast<size_t>(number.second)];
      return other.field == entry.field && other.place == entry.place && other.elements == entry.elements;
    });
  }
  task.counts = known == numbers_.end() || !scope.again;
  if (known != numbers_.end()) {
    task.number = known->second;
    return;
  }
  task.number = numbers_[node] = static_cast<int>(solves.size());
  solves.push_back(std::move(entry));
}

void Solves::take_times(Tensors& tensors, SolveTask& task, const Scope& scope) {
  Builder& b = tensors.builder();
  const graph::SolveInfo& info = task.node->as<graph::SolveInfo>();
  task.t0 = b.splat(tensors.element(task.node->operands[info.t0_operand()], {}));
  const Ref ts = task.node->operands[info.ts_operand()];
  task.time = [&tensors, ts](Builder& builder, Value i) { return builder.splat(tensors.element(ts, {i})); };
  task.times = ts->type.shape[0];
  const Value own = tensors.own(task.times);
  task.lane_times = b.splat(b.type(own).kind == Kind::index ? b.integer_of(own) : own);
  const auto varies = [&](int operand) {
    return writer_.rates().of(task.node->operands[static_cast<size_t>(operand)]) == Rate::sample;
  };
  task.apart = info.rule == graph::StepRule::adaptive || writer_.rates().varies(task.times) ||
               varies(info.t0_operand()) || varies(info.ts_operand()) ||
               varies(info.control_operand(Control::step));
  task.together = info.rule == graph::StepRule::equal_steps && !task.apart && !scope.nested;
  if (!task.together) return;
  task.common_t0 = tensors.element(task.node->operands[info.t0_operand()], {});
  task.common_count = b.integer_of(own);
  task.common_time = [&tensors, ts](Builder& builder, Value i) {
    return tensors.element(ts, {builder.index_of(i)});
  };
}

void Solves::take_controls(Tensors& tensors, SolveTask& task) {
  Builder& b = tensors.builder();
  const graph::SolveInfo& info = task.node->as<graph::SolveInfo>();
  for (int c = 0; c < static_cast<int>(Control::count); ++c) {
    const Ref control = task.node->operands[info.control_operand(static_cast<Control>(c))];
    if (control->type.scalar()) {
      const Value value = tensors.element(control, {});
      task.controls.push_back(b.type(value).kind == Kind::integer ? b.to_real(value) : value);
      continue;
    }
    if (static_cast<Control>(c) == Control::stops) {
      task.controls.push_back(b.real(0));
      task.stop = [&tensors, control](Builder& builder, Value i) {
        return builder.splat(tensors.element(control, {i}));
      };
      const Value count = tensors.own(control->type.shape[0]);
      task.stops = b.splat(b.type(count).kind == Kind::index ? b.integer_of(count) : count);
      continue;
    }
    // Entries come in the order of declaration.
    const BufferId given = b.frame("atol_given", task.elements), rows = b.frame("atol", task.elements);
    tensors.store_into(control, {given, 0, {1}});
    const StateLayout states(task.node);
    int64_t first = 0;
    for (size_t s = 0; s < states.count(); first += states.size(s), ++s)
      b.copy(rows, b.index(states.offset(s)), given, b.index(first), b.index(states.size(s)));
    task.controls.push_back(b.real(0));
    (static_cast<Control>(c) == Control::atol ? task.atol_rows : task.adjoint_atol_rows) = {rows, b.index(0)};
  }
}

// A solve that runs once a step keeps one run's record at a time, for the adjoint in the same function; a
// recording of the whole program keeps them all, in order, and is replayed in that order.
void Solves::choose_recording(Tensors& tensors, SolveTask& task, const Scope& scope) {
  const graph::SolveInfo& info = task.node->as<graph::SolveInfo>();
  const auto adjoints = scope.adjoints.find(task.node);
  const bool unwound = adjoints != scope.adjoints.end() && info.adjoint == graph::AdjointKind::checkpoint;
  if (info.rule == graph::StepRule::recurrence) return;
  task.recording = writer_.request().recording;
  task.appends = scope.nested && task.recording != Recording::no;
  if (task.recording == Recording::no && unwound) task.recording = Recording::record;
  if (task.recording != Recording::no) task.tape_slot = writer_.program().interface.tapes++;
  task.taped = unwound;
  if (!unwound) return;
  task.activation_slot = writer_.program().interface.tapes++;
  // Cotangents of times take the stages' derivatives, and so do stages that serve dense output alone. What is
  // replayed has moved.
  const int times = info.state_count();
  const bool derivatives = std::any_of(adjoints->second.begin(), adjoints->second.end(), [&](Ref adjoint) {
    return tensors.wanted(adjoint, times) || tensors.wanted(adjoint, times + 1);
  });
  task.keeps = !derivatives && info.tableau->stages() == info.tableau->main_stages &&
               writer_.request().recording == Recording::no;
}

// What is replayed run by run begins with its first run.
void Solves::rewind(Builder& b, const Scope& scope) {
  if (scope.nested) return;
  for (const BufferId tape : replayed_) b.set_tape_count(tape, b.index(0));
  replayed_.clear();
}

void Solves::write_solve(Tensors& tensors, Ref node, Scope& scope) {
  const graph::SolveInfo& info = node->as<graph::SolveInfo>();
  Builder& b = tensors.builder();
  Solve& solve = *(scope.solves[node] = std::make_unique<Solve>());
  SolveTask& task = solve.task;
  const StateLayout states(node);
  task.node = node;
  task.live = live(b, scope);
  task.elements = states.elements();
  task.quadratures = states.quadratures();
  if (info.rule != graph::StepRule::recurrence) describe(task, scope);

  const BufferId initial = b.frame("initial", task.elements);
  for (size_t s = 0; s < states.count(); ++s) tensors.store_into(node->operands[s], states.at(initial, s));
  task.initial = {initial, b.index(0)};
  take_times(tensors, task, scope);
  take_controls(tensors, task);
  choose_recording(tensors, task, scope);
  const BufferId results = b.frame("states", task.times * Extent(task.elements));
  task.results = {results, b.index(0)};
  solve.field = std::make_unique<Field>(*this, tensors, node, scope.again);
  task.field = solve.field.get();
  if (task.taped && scope.adjoints.at(node).size() == 1) solve.field->tape(scope.adjoints.at(node)[0]);
  solve.field->prepare();
  rewind(b, scope);
  solvers_.forward(b, task);
  if (task.appends && task.recording == Recording::replay) replayed_.push_back(task.tape);
  // Idle lanes were not solved. What follows computes with them all the same, and adds nothing times what it
  // finds: a state of a live sample is a safe one.
  const Value idle = b.logical_not(task.live);
  b.if_then(b.any(idle), [&] {
    b.each(task.times, [&](Value i) {
      b.each(task.elements, [&](Value e) {
        const Value row = b.integer_add(b.integer_mul(i, b.index(task.elements)), e);
        b.store_masked(results, row, b.load(initial, e), idle);
      });
    });
  });
  for (size_t s = 0; s < states.count(); ++s)
    tensors.locate_part(node, static_cast<int>(s), states.observed(results, s));
}

void Solves::write_adjoint(Tensors& tensors, Ref node, Scope& scope) {
  const Ref solve_node = node->operands[0];
  Solve& solve = *scope.solves.at(solve_node);
  Builder& b = tensors.builder();
  const StateLayout layout(solve_node);
  const int states = static_cast<int>(layout.count());
  const graph::AdjointInfo& info = node->as<graph::AdjointInfo>();

  AdjointTask task;
  task.solve = &solve.task;
  const BufferId results_bar = b.frame("states_bar", solve.task.times * Extent(solve.task.elements));
  for (size_t s = 0; s < layout.count(); ++s)
    tensors.store_into(node->operands[1 + s], layout.observed(results_bar, s));
  const BufferId initial_bar = b.frame("initial_bar", solve.task.elements), t0_bar = b.frame("t0_bar", 1);
  const BufferId times_bar = b.frame("times_bar", solve.task.times);
  task.results_bar = {results_bar, b.index(0)};
  task.initial_bar = {initial_bar, b.index(0)};
  task.t0_bar = {t0_bar, b.index(0)};
  task.times_bar = {times_bar, b.index(0)};
  task.times = tensors.wanted(node, states) || tensors.wanted(node, states + 1);

  std::vector<Field::Destination> destinations;
  for (size_t i = 0; i < info.frontier.size(); ++i) {
    const int part = states + 2 + static_cast<int>(i), result = 1 + states + static_cast<int>(i);
    if (const Location* to = tensors.deposit_of(node, part)) {
      destinations.push_back({result, *to, false});
    } else if (tensors.wanted(node, part)) {
      const graph::Type& type = node->parts[static_cast<size_t>(part)];
      const Location to{b.frame("captured_bar", type.size()), 0, row_major(type.shape)};
      b.fill(to.buffer, b.index(0), b.extent(type.size()), b.real(0));
      destinations.push_back({result, to, true});
      tensors.locate_part(node, part, to);
    }
  }
  solve.field->adjoint(node, std::move(destinations));
  if (holds_solve(info.pullback)) solve.field->prepare_pull();
  rewind(b, scope);
  solvers_.backward(b, task);
  for (size_t s = 0; s < layout.count(); ++s)
    tensors.locate_part(node, static_cast<int>(s), layout.at(initial_bar, s));
  tensors.locate_part(node, states, {t0_bar, 0, {}});
  tensors.locate_part(node, states + 1, {times_bar, 0, {1}});
}

}  // namespace nodec::schedule
