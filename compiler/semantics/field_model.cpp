// A field -> the model that `nodec FILE solve FIELD` runs.
#include <algorithm>

#include "compiler/graph/algebra.hpp"
#include "compiler/semantics/elaborator.hpp"

namespace nodec::semantics {

Model Elaborator::field_model(const Field& field, const std::set<std::string>& given) {
  Model model;
  model.name = field.name;
  model.span = field.span;
  model.parameters = field.parameters;
  auto datum = [&](const std::string& name, const Type& type, Span span) {
    model.data.push_back({name, type, std::nullopt, span});
    for (const Extent& extent : type.shape) {
      for (const std::string& atom : extent.atoms()) {
        if (extent == Extent::length(atom) &&
            std::find(model.lengths.begin(), model.lengths.end(), atom) == model.lengths.end()) {
          model.lengths.push_back(atom);
        }
      }
    }
    return g_.data(name, type, options_.shared_data.contains(name));
  };
  auto value = [&](const Variable& variable) {
    const bool kept = variable.default_value && !given.contains(variable.name);
    return kept ? variable.default_value : datum(variable.name, variable.type, variable.span);
  };
  std::vector<Type> types{Type{}};
  Extent elements(0);
  for (const Variable& state : field.states) {
    types.push_back(state.type);
    elements = elements + state.type.size();
  }
  const std::vector<Ref> variables = g_.variables(types);
  std::unordered_map<Ref, Ref> replaced;
  std::vector<Ref> initial;
  for (size_t i = 0; i < variables.size(); ++i) replaced[field.variables[i]] = variables[i];
  for (const Variable& state : field.states) initial.push_back(value(state));
  for (size_t i = 0; i < field.inputs.size(); ++i) {
    replaced[field.variables[variables.size() + i]] = value(field.inputs[i]);
  }
  const std::vector<Ref> derivatives = g_.substitute(field.derivatives, replaced);
  std::string length = "T";
  while (std::find(model.lengths.begin(), model.lengths.end(), length) != model.lengths.end()) length += "'";
  Ref t0 = datum("t0", Type{}, field.span), times = datum("t", Type{{Extent::length(length)}}, field.span);

  graph::SolveInfo info{};
  info.field_name = field.name;
  info.place = field.place;
  for (size_t i = 0; i < field.states.size(); ++i) {
    info.states.push_back(
        {field.states[i].name, field.states[i].place, !reads(derivatives, variables[1 + i]), true});
  }
  Scope scope;
  MethodUse method = this->method(nullptr, elements, scope);
  info.tableau = method.tableau;
  info.rule = method.rule;
  adjoint_of(nullptr, method, info, scope);
  info.field = g_.close(variables, derivatives);
  Ref node = g_.solve(info, initial, t0, times, method.controls);
  for (size_t i = 0; i < field.states.size(); ++i) {
    model.outputs.push_back({field.states[i].name, g_.part(node, static_cast<int>(i))});
  }
  model.solves.push_back({node, field.name, method.name, field.span});
  remark_on_method(field.name, field.span, method, info, options_.method.empty(), options_.adjoint.empty());
  return model;
}

}  // namespace nodec::semantics
