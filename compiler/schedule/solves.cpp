// `solve` and `adjoint` nodes -> flat state buffers, functions for field and pullback, calls of the solvers.
#include "compiler/schedule/solves.hpp"

#include <algorithm>
#include <functional>

namespace nodec::schedule {

using graph::Control;
using graph::Extent;
using graph::Ref;
using NodeKind = graph::Kind;

namespace {

std::vector<graph::Type> state_types(Ref solve) {
  std::vector<graph::Type> types;
  for (int s = 0; s < solve->as<graph::SolveInfo>().state_count(); ++s)
    types.push_back(solve->operands[s]->type);
  return types;
}

// Where each state begins in the flat vector; the last entry is D.
std::vector<int64_t> state_offsets(Ref solve) {
  const std::vector<graph::Type> types = state_types(solve);
  std::vector<int64_t> offsets(types.size() + 1, 0);
  for (const int s : states_in_memory(solve->as<graph::SolveInfo>())) {
    offsets[static_cast<size_t>(s)] = offsets.back();
    offsets.back() += types[static_cast<size_t>(s)].size().value();
  }
  return offsets;
}

int64_t quadrature_elements(Ref solve) {
  int64_t count = 0;
  for (int s = 0; s < solve->as<graph::SolveInfo>().state_count(); ++s) {
    if (solve->as<graph::SolveInfo>().states[static_cast<size_t>(s)].quadrature)
      count += solve->operands[static_cast<size_t>(s)]->type.size().value();
  }
  return count;
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

// Whether the node is computed by the lambda, rather than captured.
bool inside(Ref node, const graph::Lambda* lambda) {
  return std::binary_search(node->free.begin(), node->free.end(), lambda->height);
}

bool holds_solve(const graph::Lambda* lambda) {
  const std::vector<Ref> nodes = graph::postorder(lambda->results);
  return std::any_of(nodes.begin(), nodes.end(),
                     [&](Ref node) { return node->is(NodeKind::solve) && inside(node, lambda); });
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

std::vector<int> states_in_memory(const graph::SolveInfo& info) {
  std::vector<int> order;
  for (const bool quadratures : {false, true}) {
    for (int s = 0; s < info.state_count(); ++s)
      if (info.states[static_cast<size_t>(s)].quadrature == quadratures) order.push_back(s);
  }
  return order;
}

// A function whose body is a lambda's: arguments are the lambda's variables, results, and what it captures.
class Solves::Field : public FieldCode {
 public:
  // Where the cotangent of the i-th captured operand goes.
  struct Destination {
    int result;   // of the pullback lambda
    Location to;  // an accumulator, or a buffer of the pool to be passed
    bool passed;
  };

  Field(Solves& owner, Tensors& tensors, Ref solve, bool again)
      : owner_(owner),
        tensors_(tensors),
        again_(again),
        solve_(solve),
        types_(state_types(solve)),
        offsets_(state_offsets(solve)),
        read_(offsets_.back() - quadrature_elements(solve)) {
    time_ = tensors.builder().frame("t", 1);
  }

  void adjoint(Ref node, std::vector<Destination> destinations) {
    adjoint_ = node;
    destinations_ = std::move(destinations);
    pulls_.clear();
  }

  // Compiles what the solver will call.
  void prepare() { field(quadratures() > 0); }
  void prepare_pull() { pullback({true, false, true}); }

  void within(Builder& b, Value running) override {
    if (running_ == none) running_ = b.frame("running", 1, true, Kind::integer);
    b.store(running_, b.index(0), b.select(running, b.integer(1), b.integer(0)));
  }

  void evaluate(Builder& b, Value t, Rows z, const Slopes& k) override {
    const bool quadratures = k.quadratures.buffer != none && this->quadratures() > 0;
    const Compiled& compiled = field(quadratures);
    b.store(time_, b.index(0), t);
    std::vector<CallArgument> arguments{{time_, b.index(0)}, {z.buffer, z.offset}};
    arguments.push_back({k.states.buffer, k.states.offset});
    if (quadratures) arguments.push_back({k.quadratures.buffer, k.quadratures.offset});
    if (compiled.masked) arguments.push_back({running_, b.index(0)});
    capture(b, compiled, arguments);
    b.call(compiled.function, std::move(arguments));
  }

  void pull(Builder& b, Value t, Rows z, const Slopes& kappa, Rows z_bar, Rows t_bar,
            bool frontier) override {
    const Pulled pulled{z_bar.buffer != none, t_bar.buffer != none, frontier};
    if (!pulled.state && !pulled.time && (!frontier || destinations_.empty())) return;
    const Compiled& compiled = pullback(pulled);
    b.store(time_, b.index(0), t);
    std::vector<CallArgument> arguments{{time_, b.index(0)}, {z.buffer, z.offset}};
    arguments.push_back({kappa.states.buffer, kappa.states.offset});
    if (quadratures() > 0) arguments.push_back({kappa.quadratures.buffer, kappa.quadratures.offset});
    if (compiled.masked) arguments.push_back({running_, b.index(0)});
    if (pulled.state) arguments.push_back({z_bar.buffer, z_bar.offset});
    if (pulled.time) arguments.push_back({t_bar.buffer, t_bar.offset});
    if (frontier) {
      for (const Destination& d : destinations_) {
        if (d.passed) arguments.push_back({d.to.buffer, b.index(0)});
      }
    }
    capture(b, compiled, arguments);
    b.call(compiled.function, std::move(arguments));
  }

 private:
  // What a pullback gives.
  struct Pulled {
    bool state, time, frontier;
    auto operator<=>(const Pulled&) const = default;
  };

  int64_t quadratures() const { return offsets_.back() - read_; }
  bool quadrature(size_t state) const { return solve_->as<graph::SolveInfo>().states[state].quadrature; }

  const Compiled& field(bool quadratures) {
    const graph::Lambda* lambda = solve_->as<graph::SolveInfo>().field;
    std::vector<bool> separate;
    for (const graph::SolveState& state : solve_->as<graph::SolveInfo>().states)
      separate.push_back(state.quadrature);
    Compiled& compiled = owner_.fields_[{lambda, again_ && holds_solve(lambda), separate, quadratures}];
    if (!compiled.compiled()) compile_field(lambda, compiled, quadratures);
    return compiled;
  }
  const Compiled& pullback(const Pulled& pulled) {
    Compiled& compiled = pulls_[pulled];
    if (!compiled.compiled()) compile_pull(compiled, pulled);
    return compiled;
  }
  // Places of states, or of what belongs to each, in rows of those that are read and of the quadratures.
  Location place(BufferId read, BufferId quadratures, size_t state) const {
    return quadrature(state) ? state_at(quadratures, offsets_[state] - read_, types_[state])
                             : state_at(read, offsets_[state], types_[state]);
  }

  void capture(Builder& b, const Compiled& compiled, std::vector<CallArgument>& arguments) {
    for (const Ref node : compiled.captured) {
      const Location at = tensors_.location(node);
      if (at.buffer == none)
        owner_.writer_.refuse("a captured value is not in memory (%" + std::to_string(node->id) + ")");
      arguments.push_back({at.buffer, b.extent(at.offset)});
    }
  }

  BufferId argument(FunctionId function, const std::string& name, const Extent& size,
                    Kind kind = Kind::real) {
    const BufferId id = owner_.writer_.buffer(
        {.name = name, .kind = kind, .lanes = true, .storage = Storage::argument, .size = size});
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

  // What the function's own solves are written in.
  Scope scope_of(const graph::Lambda* lambda, bool again) const {
    Scope scope;
    scope.nested = true;
    scope.again = again;
    for (const Ref node : graph::postorder(lambda->results)) {
      if (node->is(NodeKind::adjoint)) scope.recorded.insert(node->operands[0]);
    }
    return scope;
  }

  // A recurrence's functions are told which lanes still take steps.
  void mask(Compiled& compiled, Scope& scope) {
    compiled.masked = solve_->as<graph::SolveInfo>().rule == graph::StepRule::recurrence;
    if (compiled.masked) scope.running = argument(compiled.function, "running", 1, Kind::integer);
  }

  Tensors::Structured structured(Scope& scope) {
    return [this, &scope](Tensors& body, Ref node) { owner_.write(body, node, scope); };
  }

  void finish(Tensors& body, Compiled& compiled) {
    body.write();
    Function& function = owner_.writer_.program().functions[compiled.function];
    for (const auto& [node, buffer] : body.captured()) {
      append_argument(function, buffer);
      compiled.captured.push_back(node);
    }
  }

  void compile_field(const graph::Lambda* lambda, Compiled& compiled, bool quadratures) {
    compiled.function = owner_.writer_.function("field");
    owner_.writer_.rates().classify(lambda->results);
    Scope scope = scope_of(lambda, again_);
    const BufferId t = argument(compiled.function, "t", 1), z = argument(compiled.function, "z", read_);
    const BufferId k = argument(compiled.function, "k", read_);
    const BufferId rates = quadratures ? argument(compiled.function, "rates", this->quadratures()) : none;
    mask(compiled, scope);
    Tensors body(owner_.writer_, compiled.function,
                 {.inside = lambda, .frontier = frontier_of(solve_), .running = scope.running},
                 structured(scope));
    std::vector<Location> places{{t, 0, {}}};
    for (size_t s = 0; s < types_.size(); ++s) places.push_back(place(z, none, s));
    locate_variables(body, lambda, places);
    for (size_t s = 0; s < types_.size(); ++s)
      if (quadratures || !quadrature(s)) body.store(lambda->results[s], place(k, rates, s));
    finish(body, compiled);
  }

  void compile_pull(Compiled& compiled, const Pulled& pulled) {
    const graph::Lambda* lambda = adjoint_->as<graph::AdjointInfo>().pullback;
    compiled.function = owner_.writer_.function("pullback");
    owner_.writer_.rates().classify(lambda->results);
    Scope scope = scope_of(lambda, true);
    const BufferId t = argument(compiled.function, "t", 1), z = argument(compiled.function, "z", read_);
    const BufferId kappa = argument(compiled.function, "kappa", read_);
    const BufferId rates =
        quadratures() > 0 ? argument(compiled.function, "kappa_rates", quadratures()) : none;
    mask(compiled, scope);
    Tensors body(owner_.writer_, compiled.function,
                 {.inside = lambda, .frontier = frontier_of(adjoint_), .running = scope.running},
                 structured(scope));
    std::vector<Location> places{{t, 0, {}}};
    for (size_t s = 0; s < types_.size(); ++s) places.push_back(place(z, none, s));
    for (size_t s = 0; s < types_.size(); ++s) places.push_back(place(kappa, rates, s));
    locate_variables(body, lambda, places);
    if (pulled.state) {
      const BufferId z_bar = argument(compiled.function, "z_bar", read_);
      for (size_t s = 0; s < types_.size(); ++s)
        if (!quadrature(s)) body.store(lambda->results[1 + s], place(z_bar, none, s));
    }
    if (pulled.time) body.store(lambda->results[0], {argument(compiled.function, "t_bar", 1), 0, {}});
    if (pulled.frontier) {
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
  const bool again_;
  Ref solve_, adjoint_ = nullptr;
  std::vector<graph::Type> types_;
  std::vector<int64_t> offsets_;
  const int64_t read_;  // elements of the states that equations read: n
  std::vector<Destination> destinations_;
  std::map<Pulled, Compiled> pulls_;
  BufferId time_ = none, running_ = none;
};

Solves::Solves(ProgramWriter& writer, SolveLowering& solvers, std::set<Ref> recorded)
    : writer_(writer), solvers_(solvers) {
  pool_.recorded = std::move(recorded);
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

void Solves::take_times(Tensors& tensors, SolveTask& task) {
  Builder& b = tensors.builder();
  const graph::SolveInfo& info = task.node->as<graph::SolveInfo>();
  task.t0 = b.splat(tensors.element(task.node->operands[info.t0_operand()], {}));
  const Ref ts = task.node->operands[info.ts_operand()];
  task.time = [&tensors, ts](Builder& builder, Value i) { return builder.splat(tensors.element(ts, {i})); };
  task.times = ts->type.shape[0];
  const Value own = tensors.own(task.times);
  task.lane_times = b.splat(b.type(own).kind == Kind::index ? b.integer_of(own) : own);
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
    const std::vector<int64_t> offsets = state_offsets(task.node);
    int64_t first = 0;
    for (int s = 0; s < info.state_count(); ++s) {
      const int64_t size = task.node->operands[s]->type.size().value();
      b.copy(rows, b.index(offsets[s]), given, b.index(first), b.index(size));
      first += size;
    }
    task.controls.push_back(b.real(0));
    (static_cast<Control>(c) == Control::atol ? task.atol_rows : task.adjoint_atol_rows) = {rows, b.index(0)};
  }
}

// A solve that runs once a step keeps one run's record at a time, for the adjoint in the same function; a
// recording of the whole program keeps them all, in order, and is replayed in that order.
void Solves::choose_recording(SolveTask& task, const Scope& scope) {
  const graph::SolveInfo& info = task.node->as<graph::SolveInfo>();
  const bool unwound = scope.recorded.count(task.node) != 0 && info.adjoint == graph::AdjointKind::checkpoint;
  if (info.rule == graph::StepRule::recurrence) return;
  task.recording = writer_.request().recording;
  task.appends = scope.nested && task.recording != Recording::no;
  if (task.recording == Recording::no && unwound) task.recording = Recording::record;
  if (task.recording != Recording::no) task.tape_slot = writer_.program().interface.tapes++;
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
  const std::vector<graph::Type> types = state_types(node);
  const std::vector<int64_t> offsets = state_offsets(node);
  task.node = node;
  task.live = live(b, scope);
  task.elements = offsets.back();
  task.quadratures = quadrature_elements(node);
  if (info.rule != graph::StepRule::recurrence) describe(task, scope);

  const BufferId initial = b.frame("initial", task.elements);
  for (size_t s = 0; s < types.size(); ++s)
    tensors.store_into(node->operands[s], state_at(initial, offsets[s], types[s]));
  task.initial = {initial, b.index(0)};
  take_times(tensors, task);
  take_controls(tensors, task);
  choose_recording(task, scope);
  const BufferId results = b.frame("states", task.times * Extent(task.elements));
  task.results = {results, b.index(0)};
  solve.field = std::make_unique<Field>(*this, tensors, node, scope.again);
  task.field = solve.field.get();
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
  for (size_t s = 0; s < types.size(); ++s) {
    tensors.locate_part(node, static_cast<int>(s), observed_at(results, offsets[s], task.elements, types[s]));
  }
}

void Solves::write_adjoint(Tensors& tensors, Ref node, Scope& scope) {
  const Ref solve_node = node->operands[0];
  Solve& solve = *scope.solves.at(solve_node);
  Builder& b = tensors.builder();
  const std::vector<graph::Type> types = state_types(solve_node);
  const std::vector<int64_t> offsets = state_offsets(solve_node);
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
  for (int s = 0; s < states; ++s) tensors.locate_part(node, s, state_at(initial_bar, offsets[s], types[s]));
  tensors.locate_part(node, states, {t0_bar, 0, {}});
  tensors.locate_part(node, states + 1, {times_bar, 0, {1}});
}

}  // namespace nodec::schedule
