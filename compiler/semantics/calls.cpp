// Calls: arguments meet formals, bodies run in their own scope.
#include <algorithm>

#include "compiler/graph/algebra.hpp"
#include "compiler/semantics/elaborator.hpp"

namespace nodec::semantics {

using syntax::FormalKind;

namespace {

// More nested applications of one function than this are taken for recursion, which could not end.
constexpr int most_nested = 40;

std::string plural(size_t n, const char* noun) {
  return std::to_string(n) + " " + noun + (n == 1 ? "" : "s");
}

}  // namespace

std::vector<Actual> Elaborator::actuals(const std::vector<syntax::Argument>& arguments, Scope& scope) {
  std::vector<Actual> result;
  for (const syntax::Argument& argument : arguments) {
    if (argument.comprehension) fail(Id::comprehension_argument, argument.value->span);
    Actual actual;
    if (argument.name) {
      actual.name = argument.name->text;
      actual.name_span = argument.name->span;
      if (argument.name_primes > 0) fail(Id::no_derivative_here, argument.name->span, actual.name + "'");
    }
    actual.text = argument.value.get();
    actual.span = argument.value->span;
    const bool text = std::holds_alternative<syntax::String>(argument.value->node);
    actual.value = text ? Value{Failed{}} : evaluate(*argument.value, scope);
    result.push_back(std::move(actual));
  }
  return result;
}

Value Elaborator::call(const syntax::Call& call, Span span, Scope& scope) {
  CallSite site;
  site.span = span;
  site.callee = call.callee->span;
  if (auto* name = std::get_if<syntax::NameRef>(&call.callee->node); name && name->primes == 0) {
    site.name = name->text;
    // A real that is called is a product that lacks its sign; the parts of a name are functions.
    if (!find(scope, name->text) && is_builtin(name->text))
      return call_builtin(name->text, call, site, scope);
    if (!find(scope, name->text) && special_name(name->text).as<Failed>()) {
      unknown("function", name->text, call.callee->span, visible_names(scope));
    }
  }
  Value callee = evaluate(*call.callee, scope);
  if (auto* field = callee.as<std::shared_ptr<FieldInstance>>())
    return field_call(**field, call, span, scope);
  if (auto* builtin = callee.as<Builtin>()) return call_builtin(builtin->name, call, site, scope);
  if (site.name.empty()) site.name = "this";
  site.arguments = actuals(call.arguments, scope);
  if (auto* function = callee.as<Function>()) return apply_function(*function, site);
  if (auto* layer = callee.as<std::shared_ptr<LayerInstance>>()) return apply_layer(**layer, site);
  if (callee.as<LayerTemplate>()) fail(Id::layer_needs_instance, site.callee, site.name);
  if (callee.as<Failed>()) throw Abandon{};
  fail(Id::not_callable, site.callee, describe(callee));
}

Value Elaborator::apply_function(const Function& function, CallSite& site) {
  const std::string& name = function.decl->name.text;
  count_work(site.span);
  int& nested = active_[function.decl];
  Restored<int> count(nested, nested + 1);
  if (nested > most_nested) {
    diagnostics_.report(Id::recursion, site.callee, name)
        .note(function.decl->name.span, "it is defined here");
    throw Abandon{};
  }
  const UseOf use(diagnostics_, source::join(function.decl->name.span, function.decl->body.result->span),
                  site.span, "in this call of '" + name + "'");
  ScopePtr inner = bind_formals(function.decl->formals, function.decl->shape_variables, function.scope, site,
                                "'" + name + "'");
  return body(function.decl->body, inner);
}

Value Elaborator::apply_layer(const LayerInstance& layer, CallSite& site) {
  count_work(site.span);
  const syntax::Apply* apply = nullptr;
  for (const auto& member : layer.decl->members) {
    if (auto* found = std::get_if<syntax::Apply>(&member->node)) apply = found;
  }
  if (!apply) throw Abandon{};
  const UseOf use(diagnostics_, source::join(apply->span, apply->body.result->span), site.span,
                  "in this application of the layer '" + layer.decl->name.text + "'");
  ScopePtr inner = bind_formals(apply->formals, apply->shape_variables, layer.scope, site,
                                "the layer '" + layer.decl->name.text + "'");
  return body(apply->body, inner);
}

Value Elaborator::body(const syntax::Body& body, const ScopePtr& scope) {
  for (const syntax::Let& let : body.lets) {
    bind_target(let.target, evaluate(*let.value, *scope), let.value->span, *scope);
  }
  return evaluate(*body.result, *scope);
}

ScopePtr Elaborator::bind_formals(const std::vector<syntax::Formal>& formals,
                                  const std::vector<syntax::Name>& shape_variables, const ScopePtr& outer,
                                  CallSite& site, const std::string& what) {
  auto inner = std::make_shared<Scope>();
  inner->parent = outer;
  inner->path = outer->path;
  inner->source_path = outer->source_path;
  std::vector<const Actual*> given(formals.size(), nullptr);
  size_t next = 0;
  for (const Actual& actual : site.arguments) {
    size_t position = next;
    if (actual.name.empty()) {
      if (next >= formals.size()) {
        auto& diagnostic = diagnostics_.report(Id::too_many_arguments, actual.span, what,
                                               plural(formals.size(), "argument"), site.arguments.size());
        if (!formals.empty())
          diagnostic.note(source::join(formals.front().name.span, formals.back().name.span),
                          "it takes these");
        throw Abandon{};
      }
      ++next;
    } else {
      position = 0;
      while (position < formals.size() && formals[position].name.text != actual.name) ++position;
      if (position == formals.size()) {
        std::vector<std::string> names;
        for (const auto& formal : formals) names.push_back(formal.name.text);
        auto& diagnostic =
            diagnostics_.report(Id::unknown_name, actual.name_span, "argument of " + what + ":", actual.name);
        suggest(diagnostic, actual.name, actual.name_span, names);
        if (!formals.empty())
          diagnostic.note(source::join(formals.front().name.span, formals.back().name.span),
                          "it takes these");
        throw Abandon{};
      }
    }
    if (given[position]) {
      diagnostics_.report(Id::argument_twice, actual.span, formals[position].name.text)
          .note(given[position]->span, "it is given here first");
      throw Abandon{};
    }
    given[position] = &actual;
  }
  for (size_t i = 0; i < formals.size(); ++i) {
    const syntax::Formal& formal = formals[i];
    Actual actual;
    if (given[i]) {
      actual = *given[i];
    } else if (formal.default_value) {
      actual = {formal.name.text, evaluate(*formal.default_value, *inner), formal.default_value.get(),
                formal.default_value->span, formal.name.span};
    } else {
      diagnostics_.report(Id::missing_argument, site.span, what, formal.name.text)
          .note(formal.name.span, "'" + formal.name.text + "' is declared here");
      throw Abandon{};
    }
    bind(*inner, formal.name.text, formal.name.span, formal_value(formal, actual, shape_variables, *inner));
  }
  for (const syntax::Name& name : shape_variables) {
    if (!inner->names.contains(name.text)) fail(Id::shape_variable_unbound, name.span, name.text);
  }
  return inner;
}

Value Elaborator::formal_value(const syntax::Formal& formal, const Actual& actual,
                               const std::vector<syntax::Name>& shape_variables, Scope& scope) {
  auto refuse = [&](const char* wanted) {
    diagnostics_.report(Id::argument_kind, actual.span, formal.name.text, wanted, describe(actual.value))
        .note(formal.name.span, "'" + formal.name.text + "' is declared here");
    throw Abandon{};
  };
  const bool callable = actual.value.as<Function>() || actual.value.as<Builtin>() ||
                        actual.value.as<std::shared_ptr<LayerInstance>>();
  switch (formal.kind) {
    case FormalKind::function:
    case FormalKind::layer:
      if (!callable) refuse("a function or a layer");
      if (auto* builtin = actual.value.as<Builtin>(); builtin && is_derivative(builtin->name)) {
        fail(Id::derivative_as_argument, actual.span, builtin->name);
      }
      return actual.value;
    case FormalKind::dim: {
      const Tensor* x = actual.value.as<Tensor>();
      if (!x || x->rank() != 0 || !x->affine || !x->affine->fixed()) refuse("a dimension");
      return {integer(x->affine->offset)};
    }
    case FormalKind::dims: {
      if (actual.value.as<DimList>()) return actual.value;
      const Tensor* x = actual.value.as<Tensor>();
      if (!x || x->rank() != 1 || x->element() != graph::Element::integer ||
          !x->ref->is(graph::Kind::constant)) {
        refuse("a list of dimensions");
      }
      const auto& values = x->ref->as<graph::Constant>().values;
      DimList list;
      for (int64_t i = 0; i < x->shape()[0].value(); ++i) {
        list.dims.emplace_back(static_cast<int64_t>(values[values.size() == 1 ? 0 : static_cast<size_t>(i)]));
      }
      return {list};
    }
    case FormalKind::value:
      break;
  }
  if (!formal.type) {
    const Tensor* x = actual.value.as<Tensor>();
    return x ? Value{mark(formal.name.text, *x)} : actual.value;
  }
  if (actual.value.as<Failed>()) throw Abandon{};
  if (!actual.value.as<Tensor>() && !actual.value.as<DimList>()) refuse("a number or an array");
  Tensor x = as_tensor(actual.value, actual.span);
  match_shape(formal, x, actual.span, shape_variables, scope);
  if (!formal.type->integer) x = real(x);
  return {mark(formal.name.text, x)};
}

void Elaborator::match_shape(const syntax::Formal& formal, const Tensor& x, Span span,
                             const std::vector<syntax::Name>& shape_variables, Scope& scope) {
  const std::vector<Extent> have = x.shape();
  const auto& wanted = formal.type->shape;
  bool fits = have.size() == wanted.size();
  if (formal.type->integer && x.element() != graph::Element::integer) fits = false;
  if (!formal.type->integer && x.element() == graph::Element::boolean) fits = false;
  Type expected{{}, formal.type->integer ? graph::Element::integer : graph::Element::real};
  std::string text = formal.type->integer ? "int" : "real";
  for (size_t a = 0; a < wanted.size(); ++a) {
    auto* name = std::get_if<syntax::NameRef>(&wanted[a]->node);
    const bool variable = name && std::any_of(shape_variables.begin(), shape_variables.end(),
                                              [&](const syntax::Name& v) { return v.text == name->text; });
    Extent extent;
    if (variable && !scope.names.contains(name->text)) {
      if (!fits || a >= have.size()) {
        text += (a ? ", " : "[") + name->text;
        continue;
      }
      bind(scope, name->text, wanted[a]->span, {integer(have[a])});
      extent = have[a];
    } else {
      extent = dimension(*wanted[a], scope);
    }
    text += (a ? ", " : "[") + extent.text();
    if (a < have.size() && have[a] != extent) fits = false;
  }
  if (!wanted.empty()) text += "]";
  if (fits) return;
  diagnostics_.report(Id::argument_kind, span, formal.name.text, text, x.type().text())
      .note(formal.type->span, "'" + formal.name.text + "' is declared here as " + text);
  throw Abandon{};
}

}  // namespace nodec::semantics
