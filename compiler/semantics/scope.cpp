// Names: scopes from the inside out, then the words of the language.
#include <algorithm>

#include "compiler/semantics/elaborator.hpp"

namespace nodec::semantics {

Binding* Elaborator::find(Scope& scope, const std::string& name) {
  for (Scope* s = &scope; s; s = s->parent.get()) {
    auto found = s->names.find(name);
    if (found != s->names.end()) return &found->second;
  }
  return nullptr;
}

Value Elaborator::lookup(Scope& scope, const std::string& name, Span span) {
  if (Binding* binding = find(scope, name)) {
    Value value = force(*binding, name, span);
    if (value.as<Failed>()) throw Abandon{};
    return value;
  }
  Value special = special_name(name);
  if (!special.as<Failed>()) return special;
  unknown("name", name, span, visible_names(scope));
}

Value Elaborator::force(Binding& binding, const std::string& name, Span use) {
  if (binding.state == Binding::State::running) {
    diagnostics_.report(Id::cyclic_definition, use, name)
        .note(binding.span, "'" + name + "' is defined here");
    throw Abandon{};
  }
  if (binding.state == Binding::State::pending) {
    binding.state = Binding::State::running;
    Restored<std::vector<Tensor>> unguarded(guards_, {});
    try {
      binding.value = binding.make();
    } catch (const Abandon&) {
      binding.value = Value{Failed{}};
    } catch (const graph::TooManyNodes& found) {
      binding.value = Value{Failed{}};
      guarded([&] { expands(found, use); });
    }
    binding.make = nullptr;
    binding.state = Binding::State::ready;
  }
  return binding.value;
}

void Elaborator::bind(Scope& scope, const std::string& name, Span span, Value value) {
  auto [place, added] = scope.names.emplace(name, Binding{});
  if (!added) {
    diagnostics_.report(Id::defined_twice, span, name).note(place->second.span, "it is defined here first");
    throw Abandon{};
  }
  place->second.value = std::move(value);
  place->second.span = span;
}

void Elaborator::add_binding(const ScopePtr& scope, const std::string& name, Span span,
                             std::function<Value()> make) {
  auto [place, added] = scope->names.emplace(name, Binding{});
  if (!added) {
    diagnostics_.report(Id::defined_twice, span, name).note(place->second.span, "it is defined here first");
    return;
  }
  place->second.span = span;
  place->second.state = Binding::State::pending;
  place->second.make = std::move(make);
}

std::vector<std::string> Elaborator::visible_names(Scope& scope) {
  if (diagnostics_.full()) return {};  // nobody reads a suggestion
  std::vector<std::string> names = builtin_names();
  for (const char* word : {"pi", "inf", "step", "epoch", "samples", "training"}) names.emplace_back(word);
  for (Scope* s = &scope; s; s = s->parent.get()) {
    for (const auto& [name, binding] : s->names) {
      if (!name.starts_with("(")) names.push_back(name);
    }
  }
  return names;
}

void Elaborator::unknown(const std::string& what, const std::string& name, Span span,
                         const std::vector<std::string>& candidates) {
  // Layers of the standard library that rest on what is not supported yet.
  static const std::set<std::string> later = {"conv1d", "conv2d", "group_norm"};
  if ((what == "name" || what == "function") && later.contains(name)) unsupported("'" + name + "'", span);
  auto& diagnostic = diagnostics_.report(Id::unknown_name, span, what, name);
  suggest(diagnostic, name, span, candidates);
  throw Abandon{};
}

void Elaborator::suggest(source::Diagnostic& diagnostic, const std::string& name, Span span,
                         const std::vector<std::string>& candidates) const {
  if (diagnostics_.full()) return;  // nobody reads it
  // What other languages call functions of this one.
  static const std::map<std::string, std::string> elsewhere = {{"ln", "log"},
                                                               {"fabs", "abs"},
                                                               {"arcsin", "asin"},
                                                               {"arccos", "acos"},
                                                               {"arctan", "atan"},
                                                               {"arctan2", "atan2"},
                                                               {"minimum", "min"},
                                                               {"maximum", "max"},
                                                               {"amin", "min"},
                                                               {"amax", "max"},
                                                               {"size", "len"},
                                                               {"length", "len"},
                                                               {"shape", "len"},
                                                               {"concatenate", "concat"},
                                                               {"cat", "concat"},
                                                               {"hstack", "concat"},
                                                               {"identity", "eye"},
                                                               {"solve_linear", "linsolve"},
                                                               {"slogdet", "logabsdet"},
                                                               {"flip", "reverse"},
                                                               {"searchsorted", "search"},
                                                               {"detach", "stop_gradient"},
                                                               {"rint", "floor"},
                                                               {"gammaln", "lgamma"},
                                                               {"average", "mean"},
                                                               {"product", "prod"},
                                                               {"logistic", "sigmoid"},
                                                               {"expit", "sigmoid"},
                                                               {"select", "where"},
                                                               {"gradient", "grad"},
                                                               {"divergence", "div"},
                                                               {"dt", "t"}};
  std::string near = source::nearest(name, candidates);
  const auto found = elsewhere.find(name);
  if (near.empty() && found != elsewhere.end() &&
      std::find(candidates.begin(), candidates.end(), found->second) != candidates.end())
    near = found->second;
  if (near.empty()) return;
  diagnostic.note(span, "did you mean '" + near + "'?");
  // The place may hold more than the name, or none of it.
  if (span.known() && files_.text(span.file).compare(span.begin, span.end - span.begin, name) == 0)
    diagnostic.fix(span, near);
}

void Elaborator::count_work(Span span, int64_t steps) {
  work_ += std::min(steps, options_.work + 1);
  if (work_ > options_.work) expands(span, static_cast<size_t>(options_.work), "steps of elaboration");
}

void Elaborator::expands(Span span, size_t limit, const char* what) {
  const auto& told = diagnostics_.all();
  const bool before =
      std::any_of(told.begin(), told.end(), [](const auto& d) { return d.id == Id::expansion_too_large; });
  if (!before) diagnostics_.report(Id::expansion_too_large, span, limit, what);
  throw Abandon{};
}

void Elaborator::guarded(const std::function<void()>& statement) {
  try {
    statement();
  } catch (const Abandon&) {
    // Reported already; what the statement would have declared stays failed.
  }
}

void Elaborator::guarded(Span span, const std::function<void()>& statement) {
  guarded([&] {
    try {
      statement();
    } catch (const graph::TooManyNodes& found) {
      expands(found, span);
    }
  });
}

}  // namespace nodec::semantics
