// Vector fields: states, inputs and equations, and their right-hand side as a function of them.
#include <algorithm>

#include "compiler/graph/algebra.hpp"
#include "compiler/semantics/elaborator.hpp"

namespace nodec::semantics {

using graph::Element;

namespace {

std::string primed(const std::string& name, int order) {
  return name + std::string(static_cast<size_t>(order), '\'');
}

std::string list_of(const std::vector<FieldInstance::Member>& members) {
  std::string text;
  for (const auto& member : members)
    text += (text.empty() ? "" : ", ") + member.name + ": " + member.type.text();
  return text.empty() ? "none" : text;
}

}  // namespace

std::shared_ptr<FieldInstance> Elaborator::make_field(const syntax::FieldDecl& decl, const ScopePtr& outer,
                                                      const std::string& path, const std::string& source_path,
                                                      CallSite* arguments) {
  auto field = std::make_shared<FieldInstance>();
  field->decl = &decl;
  field->name = source_path.substr(0, source_path.size() - 1);
  Span inside = decl.name.span;
  if (!decl.members.empty()) inside = source::join(inside, decl.members.back()->span);
  std::optional<UseOf> use;
  if (arguments)
    use.emplace(diagnostics_, inside, arguments->span,
                "in this instance of the field '" + decl.name.text + "'");
  CallSite none;
  field->scope = bind_formals(decl.formals, {}, outer, arguments ? *arguments : none,
                              "the field '" + decl.name.text + "'");
  field->scope->path = path;
  field->scope->source_path = source_path;
  const int errors = diagnostics_.errors();
  std::map<std::string, std::vector<const syntax::Equation*>> equations;
  std::map<const syntax::Equation*, Span> places;
  std::vector<std::pair<const syntax::VarDecl*, Span>> states;
  bool algebraic = false;
  for (const auto& member : decl.members) {
    guarded([&] {
      if (common_member(member, field->scope)) return;
      if (auto* state = std::get_if<syntax::StateDecl>(&member->node)) {
        states.emplace_back(state, member->span);
      } else if (auto* input = std::get_if<syntax::InputDecl>(&member->node)) {
        field->inputs.push_back(variable(*input, *field->scope, "an input", false));
      } else if (auto* equation = std::get_if<syntax::Equation>(&member->node)) {
        equations[equation->state.text].push_back(equation);
        places[equation] = member->span;
      } else if (std::holds_alternative<syntax::AlgebraicEquation>(member->node)) {
        algebraic = true;
        unsupported("an algebraic equation", member->span);
      } else if (std::holds_alternative<syntax::Diffusion>(member->node)) {
        unsupported("'diffusion'", member->span);
      } else if (std::holds_alternative<syntax::Event>(member->node)) {
        unsupported("'event'", member->span);
      } else if (!std::holds_alternative<syntax::Let>(member->node)) {
        fail(Id::misplaced, member->span, "a field");
      }
    });
  }
  std::vector<std::string> names;
  for (const auto& [state, span] : states) {
    guarded([&, state = state] {
      names.push_back(state->name.text);
      FieldInstance::Member base = variable(*state, *field->scope, "a state", true);
      auto found = equations.find(base.name);
      if (found == equations.end() && algebraic) return;
      if (found == equations.end()) {
        diagnostics_.report(Id::missing_equation, state->name.span, base.name)
            .note(decl.name.span, "the field '" + decl.name.text + "' says nothing of " + base.name + "'");
        throw Abandon{};
      }
      const syntax::Equation* equation = found->second[0];
      if (found->second.size() > 1) {
        for (size_t i = 1; i < found->second.size(); ++i)
          diagnostics_.report(Id::second_equation, found->second[i]->state.span, base.name)
              .note(equation->state.span, "the first is here");
      }
      for (int order = 0; order < equation->order; ++order) {
        FieldInstance::Member part = base;
        part.name = primed(base.name, order);
        if (order > 0) part.default_value = nullptr;
        field->states.push_back(part);
        field->equations.push_back(order + 1 == equation->order ? equation : nullptr);
      }
    });
  }
  for (const auto& [name, list] : equations) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      guarded([&, name = name, first = list[0]] { unknown("state", name, first->state.span, names); });
    }
  }
  if (states.empty()) guarded([&] { fail(Id::field_without_state, decl.name.span, decl.name.text); });
  std::map<std::string, Span> seen;
  for (const auto* list : {&field->states, &field->inputs}) {
    for (const auto& member : *list) {
      auto [place, added] = seen.emplace(member.name, member.span);
      if (!added) {
        diagnostics_.report(Id::defined_twice, member.span, member.name)
            .note(place->second, "it is defined here first");
      }
    }
  }
  field->failed = diagnostics_.errors() > errors;
  if (!field->failed) check_field(*field);
  return field;
}

FieldInstance::Member Elaborator::variable(const syntax::VarDecl& decl, Scope& scope, const std::string& what,
                                           bool sized) {
  FieldInstance::Member member;
  member.name = decl.name.text;
  member.span = decl.name.span;
  member.type = type_of(decl.type, scope);
  if (decl.type.integer || decl.type.lo) fail(Id::variable_type, decl.type.span, what);
  if (sized) require_sizes(member.type, decl.type, what);
  if (decl.value) {
    Tensor value = tensor(*decl.value, scope);
    member.default_value = initial_value(value, member.type, decl.value->span, member.name, decl.type.span);
  }
  return member;
}

void Elaborator::check_field(FieldInstance& field) {
  std::vector<Type> types{Type{}};
  for (const auto& state : field.states) types.push_back(state.type);
  for (const auto& input : field.inputs) types.push_back(input.type);
  Field result;
  result.name = field.name;
  result.span = field.decl->name.span;
  result.place = files_.place(result.span);
  result.variables = g_.variables(types);
  std::vector<Tensor> states, inputs;
  for (size_t i = 0; i < field.states.size(); ++i)
    states.push_back({result.variables[1 + i], {}, std::nullopt});
  for (size_t i = 0; i < field.inputs.size(); ++i) {
    inputs.push_back({result.variables[1 + field.states.size() + i], {}, std::nullopt});
  }
  const Tensor time{result.variables[0], {}, std::nullopt};
  const int errors = diagnostics_.errors();
  guarded([&] {
    std::vector<Tensor> derivatives = right_hand_side(field, &time, states, inputs, field.decl->name.span);
    for (const Tensor& derivative : derivatives) result.derivatives.push_back(derivative.ref);
  });
  field.failed = diagnostics_.errors() > errors || result.derivatives.size() != field.states.size();
  if (field.failed) return;
  for (size_t i = 0; i < field.states.size(); ++i) {
    const auto* equation = field.equations[i];
    result.states.push_back({field.states[i].name, field.states[i].type, field.states[i].default_value,
                             field.states[i].span,
                             files_.place(equation ? equation->state.span : field.states[i].span)});
  }
  for (const auto& input : field.inputs) {
    result.inputs.push_back({input.name, input.type, input.default_value, input.span, ""});
  }
  result.parameters = parameters_read(result.derivatives);
  remark_on_field(result);
  module_.fields.push_back(std::move(result));
}

std::vector<Tensor> Elaborator::right_hand_side(const FieldInstance& field, const Tensor* time,
                                                const std::vector<Tensor>& states,
                                                const std::vector<Tensor>& inputs, Span use) {
  if (field.failed) throw Abandon{};
  Restored<bool> inside(in_field_, true);
  Restored<bool> metric(in_metric_, false);
  Restored<std::vector<Tensor>> guards(guards_, {});
  const size_t frame = marker_frame();
  auto scope = std::make_shared<Scope>();
  scope->parent = field.scope;
  if (time) {
    scope->names["t"] = {Value{mark("t", *time)}, use, Binding::State::ready, nullptr};
  } else {
    scope->names["t"] = {{}, use, Binding::State::pending, [this, &field, use]() -> Value {
                           diagnostics_.report(Id::needs_time, use, field.name)
                               .note(field.decl->name.span, "'" + field.name + "' is declared here");
                           throw Abandon{};
                         }};
  }
  for (size_t i = 0; i < states.size(); ++i) {
    bind(*scope, field.states[i].name, field.states[i].span, {mark(field.states[i].name, states[i])});
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    bind(*scope, field.inputs[i].name, field.inputs[i].span, {mark(field.inputs[i].name, inputs[i])});
  }
  Scope* raw = scope.get();
  for (size_t i = 0; i < field.states.size(); ++i) {
    const syntax::Equation* equation = field.equations[i];
    if (!equation) continue;
    const FieldInstance::Member& state = field.states[i];
    add_binding(scope, state.name + "'", equation->state.span, [this, raw, equation, &state]() -> Value {
      Tensor value =
          real(arithmetic_operand(tensor(*equation->value, *raw), equation->value->span, "an equation"));
      if (value.shape() != state.type.shape) {
        diagnostics_
            .report(Id::equation_shape, equation->value->span, value.type().text(), state.name,
                    state.type.text())
            .note(state.span, "'" + state.name + "' is declared here as " + state.type.text());
        throw Abandon{};
      }
      return {value};
    });
  }
  for (const auto& member : field.decl->members) {
    auto* let = std::get_if<syntax::Let>(&member->node);
    if (let) lazy_let(*let, scope, member->span);
  }
  std::vector<Tensor> result;
  std::vector<Ref*> roots;
  bool failed = false;
  for (size_t i = 0; i < field.states.size(); ++i) {
    if (!field.equations[i]) {
      result.push_back(*scope->names.at(field.states[i + 1].name).value.as<Tensor>());
      continue;
    }
    const std::string name = field.states[i].name + "'";
    guarded([&] {
      Value value = force(scope->names.at(name), name, use);
      if (auto* derivative = value.as<Tensor>()) {
        result.push_back(*derivative);
      } else {
        failed = true;
      }
    });
  }
  // What no equation reads must make sense all the same.
  for (auto& entry : scope->names) {
    Binding& binding = entry.second;
    if (binding.state == Binding::State::pending && entry.first != "t")
      guarded([&] { force(binding, entry.first, binding.span); });
  }
  if (failed || result.size() != field.states.size()) throw Abandon{};
  for (Tensor& derivative : result) roots.push_back(&derivative.ref);
  resolve(frame, roots);
  markers_.resize(frame);
  return result;
}

void Elaborator::lazy_let(const syntax::Let& let, const ScopePtr& scope, Span span) {
  Scope* raw = scope.get();
  if (!let.target.tuple) {
    const syntax::Name& name = let.target.names[0];
    if (let.target.primes > 0) {
      diagnostics_.report(Id::no_derivative_here, let.target.span, name.text + "'");
      return;
    }
    add_binding(scope, name.text, name.span, [this, raw, &let, &name]() -> Value {
      Value value = evaluate(*let.value, *raw);
      const Tensor* x = value.as<Tensor>();
      return x ? Value{mark(name.text, *x)} : value;
    });
    return;
  }
  // The tuple has a binding of its own, whose name no one can write.
  const std::string whole = "(" + std::to_string(span.begin);
  add_binding(scope, whole, span, [this, raw, &let] { return evaluate(*let.value, *raw); });
  for (size_t i = 0; i < let.target.names.size(); ++i) {
    const syntax::Name& name = let.target.names[i];
    if (name.text == "_") continue;
    add_binding(scope, name.text, name.span, [this, raw, whole, &let, &name, i]() -> Value {
      Value value = force(raw->names.at(whole), name.text, name.span);
      if (value.as<Failed>()) throw Abandon{};
      auto* tuple = value.as<Value::TupleValue>();
      if (!tuple || tuple->parts.size() != let.target.names.size()) {
        fail(Id::tuple_size, let.target.span, let.target.names.size(), describe(value));
      }
      const Tensor* x = tuple->parts[i].as<Tensor>();
      return x ? Value{mark(name.text, *x)} : tuple->parts[i];
    });
  }
}

FieldInstance& Elaborator::field_of(const Expr& callee, Scope& scope) {
  Value value = evaluate(callee, scope);
  if (auto* field = value.as<std::shared_ptr<FieldInstance>>()) {
    if ((*field)->failed) throw Abandon{};
    return **field;
  }
  if (value.as<FieldTemplate>()) fail(Id::field_needs_instance, callee.span);
  fail(Id::not_a_field, callee.span, describe(value));
}

Elaborator::Binds Elaborator::field_arguments(FieldInstance& field, const syntax::Call& call, Span span,
                                              Scope& scope, bool solve) {
  Binds binds;
  std::vector<std::optional<Tensor>> states(field.states.size()), inputs(field.inputs.size());
  std::map<std::string, Span> seen;
  auto has = [&](auto& diagnostic) {
    diagnostic.note(field.decl->name.span,
                    "states: " + list_of(field.states) + "; inputs: " + list_of(field.inputs));
  };
  for (const syntax::Argument& argument : call.arguments) {
    if (!argument.name || argument.comprehension) {
      has(diagnostics_.report(Id::field_argument_unnamed, argument.value->span, field.name));
      throw Abandon{};
    }
    const std::string name = primed(argument.name->text, argument.name_primes);
    Tensor value =
        real(arithmetic_operand(tensor(*argument.value, scope), argument.value->span, "an argument"));
    auto [place, added] = seen.emplace(name, argument.name->span);
    if (!added) {
      diagnostics_.report(Id::argument_twice, argument.name->span, name)
          .note(place->second, "it is given here first");
      throw Abandon{};
    }
    const FieldInstance::Member* member = nullptr;
    std::optional<Tensor>* slot = nullptr;
    for (size_t i = 0; i < states.size(); ++i) {
      if (field.states[i].name == name) member = &field.states[i], slot = &states[i];
    }
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (field.inputs[i].name == name) member = &field.inputs[i], slot = &inputs[i];
    }
    if (!member && name == "t" && !solve) {
      if (value.rank() != 0) fail(Id::not_a_scalar, argument.value->span, "the time", value.type().text());
      binds.time = value;
      continue;
    }
    if (!member) {
      std::vector<std::string> names;
      for (const auto& m : field.states) names.push_back(m.name);
      for (const auto& m : field.inputs) names.push_back(m.name);
      auto& diagnostic = diagnostics_.report(Id::unknown_name, argument.name->span,
                                             "state or input of '" + field.name + "':", name);
      suggest(diagnostic, name, argument.name->span, names);
      has(diagnostic);
      throw Abandon{};
    }
    if (value.shape() != member->type.shape) {
      diagnostics_
          .report(Id::argument_kind, argument.value->span, name, member->type.text(), value.type().text())
          .note(member->span, "'" + name + "' is declared here as " + member->type.text());
      throw Abandon{};
    }
    *slot = value;
  }
  auto collect = [&](const std::vector<FieldInstance::Member>& members,
                     std::vector<std::optional<Tensor>>& given, const char* what,
                     std::vector<Tensor>& result) {
    for (size_t i = 0; i < members.size(); ++i) {
      if (!given[i] && members[i].default_value)
        given[i] = Tensor{members[i].default_value, {}, std::nullopt};
      if (!given[i]) {
        has(diagnostics_.report(Id::missing_field_argument, span, what, members[i].name, field.name));
        throw Abandon{};
      }
      result.push_back(*given[i]);
    }
  };
  collect(field.states, states, "state", binds.states);
  collect(field.inputs, inputs, "input", binds.inputs);
  return binds;
}

Value Elaborator::field_call(FieldInstance& field, const syntax::Call& call, Span span, Scope& scope) {
  if (field.failed) throw Abandon{};
  Binds binds = field_arguments(field, call, span, scope, false);
  std::vector<Tensor> values =
      right_hand_side(field, binds.time ? &*binds.time : nullptr, binds.states, binds.inputs, span);
  if (values.size() == 1) return {values[0]};
  Value::TupleValue tuple;
  for (const Tensor& value : values) tuple.parts.push_back({value});
  return {tuple};
}

}  // namespace nodec::semantics
