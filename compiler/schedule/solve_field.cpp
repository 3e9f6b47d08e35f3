// Functions of fields and pullbacks (see solve_field.hpp).
#include "compiler/schedule/solve_field.hpp"

#include <algorithm>

#include "compiler/schedule/activations.hpp"

namespace nodec::schedule {

using graph::Extent;
using graph::Ref;
using NodeKind = graph::Kind;

namespace {

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

// Gives a binder's variables, found in what is computed of them by their index, their places.
void locate_variables(Tensors& body, std::span<const Ref> results, int binder,
                      const std::vector<Location>& places) {
  for (const Ref node : graph::postorder(results)) {
    if (!node->is(NodeKind::variable)) continue;
    const graph::Variable& variable = node->as<graph::Variable>();
    if (variable.binder == binder) body.locate(node, places[static_cast<size_t>(variable.index)]);
  }
}

}  // namespace

bool holds_solve(const graph::Lambda* lambda) {
  const std::vector<Ref> nodes = graph::postorder(lambda->results);
  return std::any_of(nodes.begin(), nodes.end(),
                     [&](Ref node) { return node->is(NodeKind::solve) && inside(node, lambda); });
}

Solves::Field::Field(Solves& owner, Tensors& tensors, Ref solve, bool again)
    : owner_(owner), tensors_(tensors), again_(again), solve_(solve), states_(solve) {
  time_ = tensors.builder().frame("t", 1);
}

void Solves::Field::adjoint(Ref node, std::vector<Destination> destinations) {
  adjoint_ = node;
  destinations_ = std::move(destinations);
  pulls_.clear();
}

void Solves::Field::tape(Ref adjoint) {
  const graph::Lambda &field = *solve_->as<graph::SolveInfo>().field,
                      &pullback = *adjoint->as<graph::AdjointInfo>().pullback;
  owner_.writer_.rates().classify(field.results);
  owner_.writer_.rates().classify(pullback.results);
  const std::span<const Ref> captured = frontier_of(solve_);
  left_ = schedule::activations(field, pullback, captured, owner_.writer_.rates());
  for (const Ref node : left_) left_rows_ += node->type.size().value();
}

void Solves::Field::within(Builder& b, Value running) {
  if (running_ == none) running_ = b.frame("running", 1, true, Kind::integer);
  b.store(running_, b.index(0), b.select(running, b.integer(1), b.integer(0)));
}

void Solves::Field::evaluate(Builder& b, Value t, Rows z, const Slopes& k, Rows activations) {
  const bool quadratures = k.quadratures.buffer != none && states_.quadratures() > 0;
  const Compiled& compiled = field(quadratures);
  b.store(time_, b.index(0), t);
  std::vector<CallArgument> arguments{{time_, b.index(0)}, {z.buffer, z.offset}};
  arguments.push_back({k.states.buffer, k.states.offset});
  if (quadratures) arguments.push_back({k.quadratures.buffer, k.quadratures.offset});
  if (compiled.masked) arguments.push_back({running_, b.index(0)});
  if (left_rows_ > 0) arguments.push_back({activations.buffer, activations.offset});
  capture(b, compiled, arguments);
  b.call(compiled.function, std::move(arguments));
}

void Solves::Field::pull(Builder& b, Value t, Rows z, const Slopes& kappa, Rows z_bar, Rows t_bar,
                         bool frontier, Rows activations) {
  const bool left = left_rows_ > 0 && activations.buffer != none;
  const Pulled pulled{z_bar.buffer != none, t_bar.buffer != none, frontier, left};
  if (!pulled.state && !pulled.time && (!frontier || destinations_.empty())) return;
  const Compiled& compiled = pullback(pulled);
  b.store(time_, b.index(0), t);
  std::vector<CallArgument> arguments{{time_, b.index(0)}, {z.buffer, z.offset}};
  arguments.push_back({kappa.states.buffer, kappa.states.offset});
  if (states_.quadratures() > 0) arguments.push_back({kappa.quadratures.buffer, kappa.quadratures.offset});
  if (compiled.masked) arguments.push_back({running_, b.index(0)});
  if (left) arguments.push_back({activations.buffer, activations.offset});
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

const Solves::Compiled& Solves::Field::field(bool quadratures) {
  const graph::Lambda* lambda = solve_->as<graph::SolveInfo>().field;
  Compiled& compiled =
      owner_.fields_[{lambda, again_ && holds_solve(lambda), states_.quadrature(), quadratures, left_}];
  if (!compiled.compiled()) compile_field(lambda, compiled, quadratures);
  return compiled;
}

const Solves::Compiled& Solves::Field::pullback(const Pulled& pulled) {
  Compiled& compiled = pulls_[pulled];
  if (!compiled.compiled()) compile_pull(compiled, pulled);
  return compiled;
}

void Solves::Field::capture(Builder& b, const Compiled& compiled, std::vector<CallArgument>& arguments) {
  for (const Ref node : compiled.captured) {
    const Location at = tensors_.location(node);
    if (at.buffer == none)
      owner_.writer_.refuse("a captured value is not in memory (%" + std::to_string(node->id) + ")");
    arguments.push_back({at.buffer, b.extent(at.offset)});
  }
}

BufferId Solves::Field::argument(FunctionId function, const std::string& name, const Extent& size,
                                 Kind kind) {
  const BufferId id = owner_.writer_.buffer(
      {.name = name, .kind = kind, .lanes = true, .storage = Storage::argument, .size = size});
  append_argument(owner_.writer_.program().functions[function], id);
  return id;
}

void Solves::Field::append_argument(Function& function, BufferId id) {
  owner_.writer_.program().buffers[id].slot = static_cast<int>(function.arguments.size());
  function.arguments.push_back(id);
}

Solves::Scope Solves::Field::scope_of(const graph::Lambda* lambda, bool again) const {
  Scope scope;
  scope.nested = true;
  scope.again = again;
  for (const Ref node : graph::postorder(lambda->results)) {
    if (node->is(NodeKind::adjoint)) scope.adjoints[node->operands[0]].push_back(node);
  }
  return scope;
}

void Solves::Field::mask(Compiled& compiled, Scope& scope) {
  compiled.masked = solve_->as<graph::SolveInfo>().rule == graph::StepRule::recurrence;
  if (compiled.masked) scope.running = argument(compiled.function, "running", 1, Kind::integer);
}

Tensors::Structured Solves::Field::structured(Scope& scope) {
  return [this, &scope](Tensors& body, Ref node) { owner_.write(body, node, scope); };
}

void Solves::Field::finish(Tensors& body, Compiled& compiled) {
  body.write();
  Function& function = owner_.writer_.program().functions[compiled.function];
  for (const auto& [node, buffer] : body.captured()) {
    append_argument(function, buffer);
    compiled.captured.push_back(node);
  }
}

std::vector<Location> Solves::Field::places_of_left(Compiled& compiled) {
  std::vector<Location> places;
  if (left_rows_ == 0) return places;
  const BufferId rows = argument(compiled.function, "activations", left_rows_);
  int64_t first = 0;
  for (const Ref node : left_) {
    places.push_back({rows, first, row_major(node->type.shape)});
    first += node->type.size().value();
  }
  return places;
}

void Solves::Field::compile_field(const graph::Lambda* lambda, Compiled& compiled, bool quadratures) {
  compiled.function = owner_.writer_.function("field");
  owner_.writer_.rates().classify(lambda->results);
  Scope scope = scope_of(lambda, again_);
  const BufferId t = argument(compiled.function, "t", 1),
                 z = argument(compiled.function, "z", states_.read());
  const BufferId k = argument(compiled.function, "k", states_.read());
  const BufferId rates = quadratures ? argument(compiled.function, "rates", states_.quadratures()) : none;
  mask(compiled, scope);
  const std::vector<Location> left = places_of_left(compiled);
  Tensors body(owner_.writer_, compiled.function,
               {.inside = lambda, .frontier = frontier_of(solve_), .running = scope.running},
               structured(scope));
  std::vector<Location> places{{t, 0, {}}};
  for (size_t s = 0; s < states_.count(); ++s) places.push_back(states_.apart(z, none, s));
  locate_variables(body, lambda->results, lambda->height, places);
  locate_variables(body, left_, lambda->height, places);
  for (size_t i = 0; i < left_.size(); ++i) body.keep_at(left_[i], left[i]);
  for (size_t s = 0; s < states_.count(); ++s)
    if (quadratures || !states_.quadrature(s)) body.store(lambda->results[s], states_.apart(k, rates, s));
  finish(body, compiled);
}

void Solves::Field::compile_pull(Compiled& compiled, const Pulled& pulled) {
  const graph::Lambda* lambda = adjoint_->as<graph::AdjointInfo>().pullback;
  compiled.function = owner_.writer_.function("pullback");
  owner_.writer_.rates().classify(lambda->results);
  Scope scope = scope_of(lambda, true);
  const BufferId t = argument(compiled.function, "t", 1),
                 z = argument(compiled.function, "z", states_.read());
  const BufferId kappa = argument(compiled.function, "kappa", states_.read());
  const BufferId rates =
      states_.quadratures() > 0 ? argument(compiled.function, "kappa_rates", states_.quadratures()) : none;
  mask(compiled, scope);
  const std::vector<Location> left = pulled.left ? places_of_left(compiled) : std::vector<Location>{};
  Tensors body(owner_.writer_, compiled.function,
               {.inside = lambda, .frontier = frontier_of(adjoint_), .running = scope.running},
               structured(scope));
  std::vector<Location> places{{t, 0, {}}};
  for (size_t s = 0; s < states_.count(); ++s) places.push_back(states_.apart(z, none, s));
  for (size_t s = 0; s < states_.count(); ++s) places.push_back(states_.apart(kappa, rates, s));
  locate_variables(body, lambda->results, lambda->height, places);
  for (size_t i = 0; i < left.size(); ++i) body.locate(left_[i], left[i]);
  if (pulled.state) {
    const BufferId z_bar = argument(compiled.function, "z_bar", states_.read());
    for (size_t s = 0; s < states_.count(); ++s)
      if (!states_.quadrature(s)) body.store(lambda->results[1 + s], states_.apart(z_bar, none, s));
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

}  // namespace nodec::schedule
