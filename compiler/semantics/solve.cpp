// `solve F(…) …`: an initial value problem from its clauses.
#include <algorithm>
#include <cmath>
#include <map>
#include <span>

#include "compiler/derive/derive.hpp"
#include "compiler/graph/algebra.hpp"
#include "compiler/graph/evaluate.hpp"
#include "compiler/semantics/elaborator.hpp"

namespace nodec::semantics {

using graph::AdjointKind;
using graph::Control;
using graph::Kind;

namespace {

// The multiplications of a contraction of constant extents.
double products(const graph::Node& contraction) {
  std::map<char, double> extents;
  const auto& contract = contraction.as<graph::Contract>();
  for (size_t i = 0; i < contraction.operands.size(); ++i)
    for (size_t axis = 0; axis < contract.operands[i].size(); ++axis)
      extents[contract.operands[i][axis]] =
          static_cast<double>(contraction.operands[i]->type.shape[axis].value());
  double n = 1;
  for (const auto& [label, extent] : extents) n *= extent;
  return n;
}

const std::vector<std::string> adjoint_names = {"checkpoint", "backsolve", "interpolate", "reversible"};

}  // namespace

bool Elaborator::reads(const std::vector<Ref>& roots, Ref variable) const {
  const std::vector<Ref> nodes = graph::postorder(roots);
  return std::find(nodes.begin(), nodes.end(), variable) != nodes.end();
}

std::optional<std::vector<double>> Elaborator::known_values(Ref ref, Span span) {
  constexpr double most_computed = 16'000'000, computed_per_step = 64;
  if (ref->base != graph::Base::constant || !ref->free.empty()) return {};
  double computed = 0;
  for (Ref node : graph::postorder(std::span(&ref, 1))) {
    const Extent size = node->type.size();
    if (node->is(Kind::solve) || node->is(Kind::adjoint) || !size.is_constant() || size.value() > most_known)
      return {};
    computed += node->is(Kind::contract) ? products(*node) : static_cast<double>(size.value());
  }
  if (computed > most_computed) return {};
  count_work(span, static_cast<int64_t>(computed / computed_per_step));
  return graph::evaluate(ref, {}).values;
}

// What is known of the times when compiling: the rest is seen when the data are loaded, or by the solve.
void Elaborator::check_times(const syntax::Solve& solve, Ref t0, Ref times) {
  const Span from = solve.from ? solve.from->span : Span{}, at = solve.at ? solve.at->span : solve.to->span;
  const std::optional<std::vector<double>> observed = known_values(times, at), initial = known_values(t0, at);
  if (initial && solve.from && !std::isfinite(initial->front()))
    fail(Id::time_not_finite, from, "the initial time", initial->front());
  if (!observed) return;
  double before = initial ? initial->front() : observed->front();
  const double direction = observed->back() < before ? -1 : 1;
  for (size_t i = 0; i < observed->size(); ++i) {
    const double here = (*observed)[i];
    if (!std::isfinite(here))
      fail(Id::time_not_finite, at, solve.at ? "time " + std::to_string(i) : "the final time", here);
    if (direction * here < direction * before) {
      auto& message = diagnostics_.report(Id::times_not_monotone, at, i, here, before);
      if (from.known()) message.note(from, "the solve begins here");
      throw Abandon{};
    }
    before = here;
  }
}

Value Elaborator::solve(const syntax::Solve& solve, Span span, Scope& scope) {
  if (in_field_) fail(Id::solve_in_field, span);
  if (solve.at && solve.to) fail(Id::solve_times, span, "it has both 'to' and 'at'");
  if (!solve.at && !(solve.from && solve.to)) {
    fail(Id::solve_times, span, "it needs 'from t0 to t1', 'at times', or 'from t0 at times'");
  }
  auto* call = std::get_if<syntax::Call>(&solve.system->node);
  if (!call) fail(Id::not_a_field, solve.system->span, "an expression");
  FieldInstance& field = field_of(*call->callee, scope);
  Binds binds = field_arguments(field, *call, solve.system->span, scope, true);

  auto time = [&](const Expr& expr, int rank, const char* what) {
    Tensor x = real(arithmetic_operand(tensor(expr, scope), expr.span, what));
    if (x.rank() != rank)
      fail(Id::time_rank, expr.span, what, rank == 0 ? "a scalar" : "an array of one axis", x.type().text());
    return x;
  };
  std::optional<Tensor> times, from;
  if (solve.from) from = time(*solve.from, 0, "the initial time");
  if (solve.at) {
    times = time(*solve.at, 1, "the observation times");
    const Extent n = times->shape()[0];
    if (n == Extent(0)) fail(Id::no_times, solve.at->span);
  } else {
    Tensor to = time(*solve.to, 0, "the final time");
    times = to.loops.empty() ? reshape(to, {Extent(1)}) : to;
  }
  const bool observed = solve.at && !solve.from;
  std::vector<int> loops = times->loops;
  if (from) loops = union_of(loops, from->loops);
  for (const auto* list : {&binds.states, &binds.inputs}) {
    for (const Tensor& x : *list) loops = union_of(loops, x.loops);
  }
  if (!loops.empty()) throw TakesSteps{loops};
  Ref t0 = from ? from->ref : graph::at(g_, times->ref, 0, Extent(0));

  check_times(solve, t0, times->ref);

  // The field over variables of its own: time, states and, with logdet, the log-determinant.
  std::vector<Type> types{Type{}};
  Extent elements(0);
  for (const auto& state : field.states) {
    types.push_back(state.type);
    elements = elements + state.type.size();
  }
  if (solve.logdet) {
    types.push_back(Type{});
    elements = elements + Extent(1);
  }
  std::vector<Ref> variables = g_.variables(types);
  std::vector<Tensor> states;
  for (size_t i = 0; i < field.states.size(); ++i) states.push_back({variables[1 + i], {}, std::nullopt});
  const Tensor now{variables[0], {}, std::nullopt};
  std::vector<Tensor> derivatives = right_hand_side(field, &now, states, binds.inputs, span);
  std::vector<Ref> results, initial;
  for (size_t i = 0; i < derivatives.size(); ++i) {
    results.push_back(derivatives[i].ref);
    initial.push_back(binds.states[i].ref);
  }
  graph::SolveInfo info{};
  info.field_name = field.name;
  info.place = files_.place(span);
  info.initial_observed = observed;
  for (size_t i = 0; i < field.states.size(); ++i) {
    const auto* equation = field.equations[i];
    graph::SolveState state;
    state.name = field.states[i].name;
    state.place = files_.place(equation ? equation->state.span : field.states[i].span);
    state.quadrature = !reads(results, variables[1 + i]);
    info.states.push_back(state);
  }
  if (solve.logdet) {
    const auto by = variables.begin() + 1;
    const std::vector<Ref> read(by, by + static_cast<std::ptrdiff_t>(field.states.size()));
    results.push_back(trace(*solve.logdet, solve.logdet_span, results, read, scope));
    initial.push_back(g_.constant(0));
    info.states.push_back({"logdet", files_.place(solve.logdet_span), true, true});
  }
  MethodUse method = this->method(solve.by ? &*solve.by : nullptr, elements, scope);
  if (!method.tableau) throw Abandon{};
  info.tableau = method.tableau;
  info.rule = method.rule;
  if (!method.norm.empty()) {
    std::vector<std::string> names;
    for (auto& state : info.states) {
      names.push_back(state.name);
      state.in_norm = std::find(method.norm.begin(), method.norm.end(), state.name) != method.norm.end();
    }
    for (const std::string& name : method.norm) {
      if (std::find(names.begin(), names.end(), name) == names.end()) {
        unknown("state of '" + field.name + "':", name, method.norm_span, names);
      }
    }
  }
  adjoint_of(solve.adjoint ? &*solve.adjoint : nullptr, method, info, scope);
  info.field = g_.close(variables, results);
  Ref node = g_.solve(info, initial, t0, times->ref, method.controls);
  solves_.push_back({node, field.name, method.name, span});
  remark_on_method(field.name, span, method, info, !solve.by && options_.method.empty(),
                   !solve.adjoint && options_.adjoint.empty());
  if (solve.logdet && solve.logdet->name.text == "exact")
    remark_on_trace(variables, results, elements - Extent(1), solve.logdet_span);

  Value::TupleValue parts;
  for (size_t i = 0; i < info.states.size(); ++i) {
    Ref part = g_.part(node, static_cast<int>(i));
    if (!solve.at) part = graph::at(g_, part, 0, Extent(0));
    parts.parts.push_back({tensor_of(part)});
  }
  if (parts.parts.size() == 1) return parts.parts[0];
  return {parts};
}

void Elaborator::adjoint_of(const syntax::Method* written, MethodUse& method, graph::SolveInfo& info,
                            Scope& scope) {
  std::string name = written ? written->name.text : "checkpoint";
  const Span span = written ? written->name.span : Span{};
  const bool overridden = !options_.adjoint.empty();
  if (overridden) name = options_.adjoint;
  auto set = [&](Control control, Ref value) { method.controls[static_cast<size_t>(control)] = value; };
  set(Control::adjoint_rtol, method.controls[static_cast<size_t>(Control::rtol)]);
  Ref atol = method.controls[static_cast<size_t>(Control::atol)];
  set(Control::adjoint_atol, atol);
  if (name == "backsolve") {
    info.adjoint = AdjointKind::backsolve;
    if (!method.controls[static_cast<size_t>(Control::stops)]->type.scalar())
      unsupported("'stops' with 'adjoint backsolve'", overridden ? Span{} : span);
  } else if (name == "interpolate" || name == "reversible") {
    unsupported("'adjoint " + name + "'", overridden ? Span{} : span);
  } else if (name != "checkpoint") {
    unknown("adjoint", name, overridden ? Span{} : span, adjoint_names);
  }
  if (!written || overridden) return;
  for (const syntax::Argument& argument : written->arguments) {
    if (!argument.name) fail(Id::option_unnamed, argument.value->span, name);
    const std::string& option = argument.name->text;
    if (name == "checkpoint") {
      if (option == "steps") unsupported("'checkpoint(steps = …)'", argument.name->span);
      unknown("option of 'checkpoint':", option, argument.name->span, {"steps"});
    }
    if (option == "rtol") {
      const Ref value = positive(*argument.value, scope, "rtol", false).ref;
      check_tolerance("rtol", value, argument.value->span);
      set(Control::adjoint_rtol, value);
    } else if (option == "atol") {
      set(Control::adjoint_atol, positive(*argument.value, scope, "atol", false).ref);
    } else {
      unknown("option of 'backsolve':", option, argument.name->span, {"rtol", "atol"});
    }
  }
}

}  // namespace nodec::semantics
