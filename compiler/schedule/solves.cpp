// `solve` and `adjoint` nodes -> flat state buffers, functions for field and pullback, calls of the solvers.
#include "compiler/schedule/solves.hpp"

#include <functional>

namespace nodec::schedule {

using graph::Control;
using graph::Extent;
using graph::Ref;
using NodeKind = graph::Kind;

namespace {

// Where each state begins in the flat vector; the last entry is D.
std::vector<int64_t> state_offsets(std::span<const graph::Type> types) {
  std::vector<int64_t> offsets{0};
  for (const graph::Type& type : types) offsets.push_back(offsets.back() + type.size().value());
  return offsets;
}

std::vector<graph::Type> state_types(Ref solve) {
  std::vector<graph::Type> types;
  for (int s = 0; s < solve->as<graph::SolveInfo>().state_count(); ++s)
    types.push_back(solve->operands[s]->type);
  return types;
}

Location state_at(BufferId buffer, int64_t offset, const graph::Type& type) {
  return {buffer, offset, row_major(type.shape)};
}

// A state at each observation time: rows of all states, one after another.
Location observed_at(BufferId buffer, int64_t offset, int64_t elements, const graph::Type& type) {
  Location at = state_at(buffer, offset, type);
  at.strides.insert(at.strides.begin(), elements);
  return at;
}

std::span<const Ref> frontier_of(Ref node) {
  const size_t first = node->is(NodeKind::solve)
                           ? static_cast<size_t>(node->as<graph::SolveInfo>().frontier_operand())
                           : 1 + node->operands[0]->parts.size();
  return std::span(node->operands).subspan(first);
}

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

// A function whose body is a lambda's: arguments are the lambda's variables, results, and what it captures.
class Solves::Field : public FieldCode {
 public:
  // Where the cotangent of the i-th captured operand goes.
  struct Destination {
    int result;   // of the pullback lambda
    Location to;  // an accumulator, or a buffer of the pool to be passed
    bool passed;
  };

  Field(Solves& owner, Tensors& tensors, Ref solve)
      : owner_(owner),
        tensors_(tensors),
        solve_(solve),
        types_(state_types(solve)),
        offsets_(state_offsets(types_)) {
    time_ = tensors.builder().frame("t", 1);
  }

  void adjoint(Ref node, std::vector<Destination> destinations) {
    adjoint_ = node;
    destinations_ = std::move(destinations);
    pulls_.clear();
  }

  void evaluate(Builder& b, Value t, Rows z, Rows k) override {
    const graph::Lambda* lambda = solve_->as<graph::SolveInfo>().field;
    Compiled& compiled = owner_.fields_[lambda];
    if (compiled.function == none) compile_field(lambda, compiled);
    b.store(time_, b.index(0), t);
    std::vector<CallArgument> arguments{{time_, b.index(0)}, {z.buffer, z.offset}, {k.buffer, k.offset}};
    capture(b, compiled, arguments);
    b.call(compiled.function, std::move(arguments));
  }

  void pull(Builder& b, Value t, Rows z, Rows kappa, Rows z_bar, Rows t_bar, bool state,
            bool frontier) override {
    if (!state && (!frontier || destinations_.empty())) return;
    Compiled& compiled = pulls_[{state, frontier}];
    if (compiled.function == none) compile_pull(compiled, state, frontier);
    b.store(time_, b.index(0), t);
    std::vector<CallArgument> arguments{
        {time_, b.index(0)}, {z.buffer, z.offset}, {kappa.buffer, kappa.offset}};
    if (state) {
      arguments.push_back({z_bar.buffer, z_bar.offset});
      arguments.push_back({t_bar.buffer, t_bar.offset});
    }
    if (frontier) {
      for (const Destination& d : destinations_) {
        if (d.passed) arguments.push_back({d.to.buffer, b.index(0)});
      }
    }
    capture(b, compiled, arguments);
    b.call(compiled.function, std::move(arguments));
  }

 private:
  void capture(Builder& b, const Compiled& compiled, std::vector<CallArgument>& arguments) {
    for (const Ref node : compiled.captured) {
      const Location at = tensors_.location(node);
      if (at.buffer == none)
        owner_.writer_.refuse("a captured value is not in memory (%" + std::to_string(node->id) + ")");
      arguments.push_back({at.buffer, b.extent(at.offset)});
    }
  }

  BufferId argument(FunctionId function, const std::string& name, const Extent& size) {
    const BufferId id =
        owner_.writer_.buffer({.name = name, .lanes = true, .storage = Storage::argument, .size = size});
    append_argument(owner_.writer_.program().functions[function], id);
    return id;
  }

  void append_argument(Function& function, BufferId id) {
    owner_.writer_.program().buffers[id].slot = static_cast<int>(function.arguments.size());
    function.arguments.push_back(id);
  }

  // Gives the lambda's variables, found in its body by their index, their places.
  static void locate_variables(Tensors& body, const graph::Lambda* lambda,
                               const std::vector<Location>& places) {
    for (const Ref node : graph::postorder(lambda->results)) {
      if (!node->is(NodeKind::variable)) continue;
      const graph::Variable& variable = node->as<graph::Variable>();
      if (variable.binder == lambda->height) body.locate(node, places[static_cast<size_t>(variable.index)]);
    }
  }

  void finish(Tensors& body, Compiled& compiled) {
    body.write();
    Function& function = owner_.writer_.program().functions[compiled.function];
    for (const auto& [node, buffer] : body.captured()) {
      append_argument(function, buffer);
      compiled.captured.push_back(node);
    }
  }

  void compile_field(const graph::Lambda* lambda, Compiled& compiled) {
    compiled.function = owner_.writer_.function("field");
    owner_.writer_.rates().classify(lambda->results);
    Tensors body(owner_.writer_, compiled.function, {.inside = lambda, .frontier = frontier_of(solve_)});
    const BufferId t = argument(compiled.function, "t", 1),
                   z = argument(compiled.function, "z", offsets_.back());
    const BufferId k = argument(compiled.function, "k", offsets_.back());
    std::vector<Location> places{{t, 0, {}}};
    for (size_t s = 0; s < types_.size(); ++s) places.push_back(state_at(z, offsets_[s], types_[s]));
    locate_variables(body, lambda, places);
    for (size_t s = 0; s < types_.size(); ++s)
      body.store(lambda->results[s], state_at(k, offsets_[s], types_[s]));
    finish(body, compiled);
  }

  void compile_pull(Compiled& compiled, bool state, bool frontier) {
    const graph::Lambda* lambda = adjoint_->as<graph::AdjointInfo>().pullback;
    compiled.function = owner_.writer_.function("pullback");
    owner_.writer_.rates().classify(lambda->results);
    Tensors body(owner_.writer_, compiled.function, {.inside = lambda, .frontier = frontier_of(adjoint_)});
    const Extent elements = offsets_.back();
    const BufferId t = argument(compiled.function, "t", 1), z = argument(compiled.function, "z", elements);
    const BufferId kappa = argument(compiled.function, "kappa", elements);
    std::vector<Location> places{{t, 0, {}}};
    for (const BufferId from : {z, kappa}) {
      for (size_t s = 0; s < types_.size(); ++s) places.push_back(state_at(from, offsets_[s], types_[s]));
    }
    locate_variables(body, lambda, places);
    if (state) {
      const BufferId z_bar = argument(compiled.function, "z_bar", elements);
      const BufferId t_bar = argument(compiled.function, "t_bar", 1);
      for (size_t s = 0; s < types_.size(); ++s) {
        body.store(lambda->results[1 + s], state_at(z_bar, offsets_[s], types_[s]));
      }
      body.store(lambda->results[0], {t_bar, 0, {}});
    }
    if (frontier) {
      for (const Destination& d : destinations_) {
        Location to = d.to;
        if (d.passed)
          to.buffer = argument(compiled.function, "captured_bar", lambda->results[d.result]->type.size());
        body.deposit(lambda->results[d.result], to);
      }
    }
    finish(body, compiled);
  }

  Solves& owner_;
  Tensors& tensors_;
  Ref solve_, adjoint_ = nullptr;
  std::vector<graph::Type> types_;
  std::vector<int64_t> offsets_;
  std::vector<Destination> destinations_;
  std::map<std::pair<bool, bool>, Compiled> pulls_;
  BufferId time_ = none;
};

Solves::Solves(ProgramWriter& writer, SolveLowering& solvers, std::set<Ref> recorded)
    : writer_(writer), solvers_(solvers), recorded_(std::move(recorded)) {}
Solves::~Solves() = default;

void Solves::write(Tensors& tensors, Ref node) {
  if (node->is(NodeKind::solve)) return write_solve(tensors, node);
  write_adjoint(tensors, node);
}

void Solves::describe(Ref node) {
  const graph::SolveInfo& info = node->as<graph::SolveInfo>();
  Interface::Solve entry{info.field_name, info.place, {}, {}};
  for (int s = 0; s < info.state_count(); ++s) {
    name_elements(info.states[s].name, node->operands[s]->type, entry.elements);
    entry.places.resize(entry.elements.size(), info.states[s].place);
  }
  writer_.program().interface.solves.push_back(std::move(entry));
}

void Solves::write_solve(Tensors& tensors, Ref node) {
  const graph::SolveInfo& info = node->as<graph::SolveInfo>();
  Builder& b = tensors.builder();
  Solve& solve = *(solves_[node] = std::make_unique<Solve>());
  SolveTask& task = solve.task;
  const std::vector<graph::Type> types = state_types(node);
  const std::vector<int64_t> offsets = state_offsets(types);
  task.node = node;
  const bool recurrence = info.rule == graph::StepRule::recurrence;
  task.number = static_cast<int>(writer_.program().interface.solves.size());
  if (!recurrence) describe(node);
  task.elements = offsets.back();

  const BufferId initial = b.frame("initial", task.elements);
  for (size_t s = 0; s < types.size(); ++s)
    tensors.store_into(node->operands[s], state_at(initial, offsets[s], types[s]));
  task.initial = {initial, b.index(0)};
  task.t0 = b.splat(tensors.element(node->operands[info.t0_operand()], {}));
  const Ref ts = node->operands[info.ts_operand()];
  task.time = [&tensors, ts](Builder& builder, Value i) { return builder.splat(tensors.element(ts, {i})); };
  task.times = ts->type.shape[0];
  const Value own = tensors.own(task.times);
  task.lane_times = b.splat(b.type(own).kind == Kind::index ? b.integer_of(own) : own);

  for (int c = 0; c < static_cast<int>(Control::count); ++c) {
    const Ref control = node->operands[info.control_operand(static_cast<Control>(c))];
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
    const BufferId rows = b.frame("atol", task.elements);
    tensors.store_into(control, {rows, 0, {1}});
    task.controls.push_back(b.real(0));
    (static_cast<Control>(c) == Control::atol ? task.atol_rows : task.adjoint_atol_rows) = {rows, b.index(0)};
  }

  const BufferId results = b.frame("states", task.times * Extent(task.elements));
  task.results = {results, b.index(0)};
  const bool unwound = recorded_.count(node) != 0 && info.adjoint == graph::AdjointKind::checkpoint;
  task.recording = writer_.request().recording;
  if (task.recording == Recording::no && unwound) task.recording = Recording::record;
  if (recurrence) task.recording = Recording::no;
  if (task.recording != Recording::no) task.tape_slot = writer_.program().interface.tapes++;
  solve.field = std::make_unique<Field>(*this, tensors, node);
  task.field = solve.field.get();
  solvers_.forward(b, task);
  // Idle lanes were not solved. What follows computes with them all the same, and adds nothing times what it
  // finds: a state of a live sample is a safe one.
  const Value idle = b.logical_not(b.live());
  b.if_then(b.any(idle), [&] {
    b.each(task.times, [&](Value i) {
      b.each(task.elements, [&](Value e) {
        const Value row = b.integer_add(b.integer_mul(i, b.index(task.elements)), e);
        b.store_masked(results, row, b.load(initial, e), idle);
      });
    });
  });
  for (size_t s = 0; s < types.size(); ++s) {
    tensors.locate_part(node, static_cast<int>(s), observed_at(results, offsets[s], task.elements, types[s]));
  }
}

void Solves::write_adjoint(Tensors& tensors, Ref node) {
  const Ref solve_node = node->operands[0];
  Solve& solve = *solves_.at(solve_node);
  Builder& b = tensors.builder();
  const std::vector<graph::Type> types = state_types(solve_node);
  const std::vector<int64_t> offsets = state_offsets(types);
  const int states = static_cast<int>(types.size());
  const graph::AdjointInfo& info = node->as<graph::AdjointInfo>();

  AdjointTask task;
  task.solve = &solve.task;
  const BufferId results_bar = b.frame("states_bar", solve.task.times * Extent(solve.task.elements));
  for (int s = 0; s < states; ++s) {
    tensors.store_into(node->operands[static_cast<size_t>(1 + s)],
                       observed_at(results_bar, offsets[s], solve.task.elements, types[s]));
  }
  const BufferId initial_bar = b.frame("initial_bar", solve.task.elements), t0_bar = b.frame("t0_bar", 1);
  const BufferId times_bar = b.frame("times_bar", solve.task.times);
  task.results_bar = {results_bar, b.index(0)};
  task.initial_bar = {initial_bar, b.index(0)};
  task.t0_bar = {t0_bar, b.index(0)};
  task.times_bar = {times_bar, b.index(0)};

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
  solvers_.backward(b, task);
  for (int s = 0; s < states; ++s) tensors.locate_part(node, s, state_at(initial_bar, offsets[s], types[s]));
  tensors.locate_part(node, states, {t0_bar, 0, {}});
  tensors.locate_part(node, states + 1, {times_bar, 0, {1}});
}

}  // namespace nodec::schedule
