// Solver methods: tableaux from text to coefficients, and the options of `by`.
#include <algorithm>
#include <array>
#include <cmath>

#include "compiler/graph/algebra.hpp"
#include "compiler/graph/op.hpp"
#include "compiler/graph/tableau.hpp"
#include "compiler/semantics/elaborator.hpp"
#include "compiler/semantics/vocabulary.hpp"
#include "compiler/syntax/parser.hpp"

namespace nodec::semantics {

using graph::Control;
using graph::Kind;
using graph::StepRule;

namespace {

// Methods of the language that this version refuses.
constexpr std::array later_methods = {"nystrom2",      "implicit_euler", "trapezoidal",  "adams_bashforth",
                                      "adams_moulton", "euler_maruyama", "milstein",     "sra1",
                                      "sri1",          "implicit_adams", "rosenbrock23", "rodas5p",
                                      "kvaerno3",      "kvaerno5",       "bdf"};

const std::vector<std::string> fixed_options = {"dt", "steps"};
const std::vector<std::string> adaptive_options = {"rtol",       "atol",       "norm",      "dt",
                                                   "steps",      "first_step", "max_steps", "safety",
                                                   "min_factor", "max_factor", "stops"};

// Defaults: the method's page of the language; the controller's are Hairer, Nørsett, Wanner, Solving ODEs I,
// II.4.
constexpr double default_rtol = 1e-3, default_atol = 1e-6, default_safety = 0.9, default_min_factor = 0.2,
                 default_max_factor = 10, default_max_steps = 100000;

bool listed(const std::vector<std::string>& list, const std::string& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

}  // namespace

const std::vector<std::string>& method_option_names() { return adaptive_options; }

std::vector<double> Elaborator::numbers(const Expr& expr, Scope& scope) {
  auto* stack = std::get_if<syntax::Stack>(&expr.node);
  if (!stack) fail(Id::tableau_row, expr.span);
  std::vector<double> result;
  for (const auto& element : stack->elements)
    result.push_back(constant_real(*element, scope, "a coefficient"));
  return result;
}

std::vector<std::vector<double>> Elaborator::rows(const Expr& expr, Scope& scope) {
  auto* stack = std::get_if<syntax::Stack>(&expr.node);
  if (!stack) fail(Id::tableau_row, expr.span);
  std::vector<std::vector<double>> result;
  for (const auto& element : stack->elements) result.push_back(numbers(*element, scope));
  return result;
}

const graph::Tableau* Elaborator::make_tableau(const syntax::TableauDecl& decl, Scope& scope) {
  auto found = tableaux_.find(&decl);
  if (found != tableaux_.end()) return found->second;
  graph::Tableau result;
  result.name = decl.name.text;
  std::vector<double> embedded, third;
  std::map<std::string, Span> seen;
  static const std::vector<std::string> options = {
      "order", "embedded_order", "c", "a", "b", "embedded", "embedded_third", "interpolant", "main_stages"};
  for (const syntax::Option& option : decl.options) {
    const std::string& name = option.path.front().text;
    auto [place, added] = seen.emplace(name, option.span);
    if (!added) {
      diagnostics_.report(Id::defined_twice, option.span, name)
          .note(place->second, "it is defined here first");
      throw Abandon{};
    }
    if (option.path.size() != 1 || !listed(options, name)) {
      unknown("option of a tableau:", name, option.path.front().span, options);
    }
    if (name == "order") result.order = static_cast<int>(constant_integer(*option.value, scope, "the order"));
    if (name == "embedded_order")
      result.embedded_order = static_cast<int>(constant_integer(*option.value, scope, "the order"));
    if (name == "main_stages")
      result.main_stages = static_cast<int>(constant_integer(*option.value, scope, "the number of stages"));
    if (name == "c") result.c = numbers(*option.value, scope);
    if (name == "a") result.a = rows(*option.value, scope);
    if (name == "b") result.b = numbers(*option.value, scope);
    if (name == "embedded") embedded = numbers(*option.value, scope);
    if (name == "embedded_third") third = numbers(*option.value, scope);
    if (name == "interpolant") result.interpolant = rows(*option.value, scope);
  }
  for (const char* needed : {"order", "c", "a", "b"}) {
    if (!seen.contains(needed)) fail(Id::tableau_incomplete, decl.name.span, decl.name.text, needed);
  }
  // Rows are written as far as they reach; what is missing is zero.
  const size_t stages = result.c.size();
  for (size_t i = 0; i < result.a.size(); ++i) result.a[i].resize(std::max(i, result.a[i].size()), 0.0);
  for (auto* weights : {&result.b, &embedded, &third}) {
    if (!weights->empty()) weights->resize(std::max(stages, weights->size()), 0.0);
  }
  auto difference = [&](const std::vector<double>& weights) {
    std::vector<double> row;
    for (size_t i = 0; i < std::min(weights.size(), result.b.size()); ++i)
      row.push_back(result.b[i] - weights[i]);
    return row;
  };
  if (!embedded.empty()) result.error = difference(embedded);
  if (!third.empty()) result.error_third = difference(third);
  if (result.main_stages == 0) result.main_stages = static_cast<int>(stages);
  if (std::string wrong = graph::normalize(result); !wrong.empty()) {
    fail(Id::tableau_wrong, decl.name.span, decl.name.text, wrong);
  }
  const graph::Tableau* kept = g_.tableau(std::move(result));
  tableaux_[&decl] = kept;
  return kept;
}

const graph::Tableau* Elaborator::tableau(const std::string& name, Span span, Scope& scope) {
  if (Binding* binding = find(scope, name)) {
    Value value = force(*binding, name, span);
    if (auto* own = value.as<TableauName>()) return make_tableau(*own->decl, *own->scope);
    if (value.as<Failed>()) throw Abandon{};
  }
  const syntax::Use file{true, "tableaux", std::nullopt};
  if (LoadedFile* method = load(file, span, name)) {
    Value value = force(method->scope->names.at(name), name, span);
    if (auto* built_in = value.as<TableauName>()) return make_tableau(*built_in->decl, *built_in->scope);
  }
  if (std::find(later_methods.begin(), later_methods.end(), name) != later_methods.end()) {
    unsupported("the method '" + name + "'", span);
  }
  std::vector<std::string> names(later_methods.begin(), later_methods.end());
  for (const auto& [known, binding] : load(file, span)->scope->names) names.push_back(known);
  unknown("method", name, span, names);
}

// Whether a parameter's gradient would flow into the value.
bool Elaborator::takes_gradient(Ref value) const {
  std::vector<Ref> pending{value};
  std::unordered_set<Ref> seen;
  while (!pending.empty()) {
    const Ref node = pending.back();
    pending.pop_back();
    if (!seen.insert(node).second) continue;
    if (node->is(Kind::parameter)) return true;
    const bool stopped = node->is(Kind::map) && node->as<graph::Map>().op->name == "stop_gradient";
    if (!stopped) pending.insert(pending.end(), node->operands.begin(), node->operands.end());
  }
  return false;
}

Tensor Elaborator::positive(const Expr& expr, Scope& scope, const std::string& what, bool zero_allowed) {
  Tensor x = real(arithmetic_operand(tensor(expr, scope), expr.span, what));
  if (!x.loops.empty()) throw TakesSteps{x.loops};
  if (x.ref->is(Kind::constant)) {
    for (double value : x.ref->as<graph::Constant>().values) {
      if (!(value > 0 || (zero_allowed && value == 0)) || !std::isfinite(value)) {
        fail(Id::must_be_positive, expr.span, "'" + what + "'", value);
      }
    }
  }
  return x;
}

MethodUse Elaborator::method(const syntax::Method* written, Extent elements, Scope& scope) {
  MethodUse use;
  std::string name = written ? written->name.text : "tsit5";
  Span span = written ? written->name.span : Span{};
  std::vector<syntax::Argument> arguments = written ? written->arguments : std::vector<syntax::Argument>{};
  const bool overridden = !options_.method.empty();
  const size_t from_model = arguments.size();
  if (overridden) {
    // The option is written like the clause: rk4, or rk4(steps = 100).
    const int32_t file = files_.add("--method", options_.method);
    syntax::ExprPtr expr = syntax::parse_expression(files_, file, diagnostics_);
    auto* call = expr ? std::get_if<syntax::Call>(&expr->node) : nullptr;
    auto* reference = expr ? std::get_if<syntax::NameRef>(call ? &call->callee->node : &expr->node) : nullptr;
    if (!reference) {
      if (!diagnostics_.has_errors()) fail(Id::option_unnamed, Span{}, "--method");
      throw Abandon{};
    }
    name = reference->text;
    span = call ? call->callee->span : expr->span;
    if (call) arguments.insert(arguments.end(), call->arguments.begin(), call->arguments.end());
    kept_expressions_.push_back(expr);
  }
  use.name = name;
  use.tableau = tableau(name, span, scope);
  const bool adapts = use.tableau->adaptive();
  std::map<std::string, const syntax::Argument*> given;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const syntax::Argument& argument = arguments[i];
    if (!argument.name || argument.comprehension) fail(Id::option_unnamed, argument.value->span, name);
    const std::string& option = argument.name->text;
    const bool step_option = option == "dt" || option == "steps";
    // What the model says of another method than the one that the command line names does not count.
    if (overridden && i < from_model && (adapts ? step_option : !step_option)) continue;
    if (!adapts && !listed(fixed_options, option) && listed(adaptive_options, option)) {
      fail(Id::option_of_adaptive, argument.name->span, option, name);
    }
    if (!listed(adapts ? adaptive_options : fixed_options, option)) {
      unknown("option of '" + name + "':", option, argument.name->span,
              adapts ? adaptive_options : fixed_options);
    }
    auto [place, added] = given.emplace(option, &argument);
    if (!added && !(overridden && i >= from_model)) {
      diagnostics_.report(Id::argument_twice, argument.name->span, option)
          .note(place->second->name->span, "it is given here first");
      throw Abandon{};
    }
    place->second = &argument;
  }
  auto scalar_option = [&](const char* option, double fallback, bool zero_allowed) -> Ref {
    auto found = given.find(option);
    if (found == given.end()) return g_.constant(fallback);
    const Expr& expr = *found->second->value;
    Tensor x = positive(expr, scope, option, zero_allowed);
    if (x.rank() != 0) fail(Id::not_a_scalar, expr.span, std::string("'") + option + "'", x.type().text());
    return x.ref;
  };
  if (given.contains("dt") && given.contains("steps")) {
    diagnostics_.report(Id::dt_and_steps, given["steps"]->name->span)
        .note(given["dt"]->name->span, "'dt' is given here");
    throw Abandon{};
  }
  if (given.contains("dt")) use.rule = StepRule::fixed_step;
  if (given.contains("steps")) use.rule = StepRule::equal_steps;
  if (!adapts && use.rule == StepRule::adaptive) {
    auto& diagnostic = diagnostics_.report(Id::needs_step, span, name);
    if (overridden) diagnostic.note(Span{}, "on the command line: --method \"" + name + "(steps = 100)\"");
    throw Abandon{};
  }
  use.controls.assign(static_cast<size_t>(Control::count), nullptr);
  auto set = [&](Control control, Ref value) { use.controls[static_cast<size_t>(control)] = value; };
  set(Control::rtol, scalar_option("rtol", default_rtol, false));
  set(Control::max_steps, scalar_option("max_steps", default_max_steps, false));
  set(Control::safety, scalar_option("safety", default_safety, false));
  set(Control::min_factor, scalar_option("min_factor", default_min_factor, false));
  set(Control::max_factor, scalar_option("max_factor", default_max_factor, false));
  const char* step = use.rule == StepRule::fixed_step    ? "dt"
                     : use.rule == StepRule::equal_steps ? "steps"
                                                         : "first_step";
  set(Control::step, scalar_option(step, 0, false));
  if (auto found = given.find("dt"); found != given.end()) {
    const Expr& expr = *found->second->value;
    if (takes_gradient(use.controls[static_cast<size_t>(Control::step)]))
      fail(Id::step_has_gradient, expr.span, "dt");
  }
  set(Control::stops, g_.constant(0));
  if (auto found = given.find("stops"); found != given.end()) {
    const Expr& expr = *found->second->value;
    const Tensor x = real(arithmetic_operand(tensor(expr, scope), expr.span, "'stops'"));
    if (x.rank() != 1) fail(Id::time_rank, expr.span, "'stops'", "an array of one axis", x.type().text());
    if (!x.loops.empty()) throw TakesSteps{x.loops};
    if (use.rule != StepRule::adaptive)
      fail(Id::option_of_adaptive, found->second->name->span, "stops", name);
    if (takes_gradient(x.ref)) fail(Id::step_has_gradient, expr.span, "stops");
    remark(Id::stops_end_steps, expr.span, x.shape()[0].text());
    set(Control::stops, x.ref);
  }
  if (use.rule == StepRule::equal_steps) {
    Ref n = use.controls[static_cast<size_t>(Control::step)];
    const double count = n->is(Kind::constant) ? n->as<graph::Constant>().values[0] : 1;
    if (std::floor(count) != count) fail(Id::not_a_dimension, given["steps"]->value->span, "real");
  }
  Ref atol = g_.constant(default_atol);
  if (auto found = given.find("atol"); found != given.end()) {
    const Expr& expr = *found->second->value;
    Tensor x = positive(expr, scope, "atol", true);
    if (x.rank() > 1 || (x.rank() == 1 && x.shape()[0] != elements)) {
      fail(Id::atol_shape, expr.span, x.type().text(), elements.text());
    }
    atol = x.ref;
  }
  set(Control::atol, atol);
  if (auto found = given.find("norm"); found != given.end()) {
    const Expr& expr = *found->second->value;
    use.norm_span = expr.span;
    auto* stack = std::get_if<syntax::Stack>(&expr.node);
    if (!stack || stack->elements.empty()) fail(Id::norm_list, expr.span);
    for (const auto& element : stack->elements) {
      auto* state = std::get_if<syntax::NameRef>(&element->node);
      if (!state) fail(Id::norm_list, element->span);
      use.norm.push_back(state->text + std::string(static_cast<size_t>(state->primes), '\''));
    }
  }
  if (adapts && use.rule == StepRule::adaptive) {
    for (const auto& [option, value] :
         {std::pair{Control::rtol, options_.rtol}, std::pair{Control::atol, options_.atol}}) {
      if (!value) continue;
      const bool zero = option == Control::atol && *value == 0;
      if (!(*value > 0 || zero) || !std::isfinite(*value)) {
        fail(Id::must_be_positive, Span{}, option == Control::rtol ? "'--rtol'" : "'--atol'", *value);
      }
      set(option, g_.constant(*value));
    }
    for (const auto& [control, option] :
         {std::pair{Control::rtol, "rtol"}, std::pair{Control::atol, "atol"}}) {
      const std::optional<double>& override = control == Control::rtol ? options_.rtol : options_.atol;
      const auto found = given.find(option);
      if (!override && found == given.end()) continue;  // the defaults are within any precision
      check_tolerance(override ? std::string("--") + option : option,
                      use.controls[static_cast<size_t>(control)],
                      override ? Span{} : found->second->value->span);
    }
  }
  return use;
}

}  // namespace nodec::semantics
