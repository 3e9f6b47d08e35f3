// A program -> the names that may be typed for it.
#include <algorithm>

#include "compiler/embed/deep_stack.hpp"
#include "compiler/embed/state.hpp"
#include "compiler/syntax/parser.hpp"

namespace nodec {
namespace {

void append_tableaux(const syntax::File& file, std::vector<std::string>& names) {
  for (const syntax::DeclPtr& d : file.declarations)
    if (const auto* tableau = std::get_if<syntax::TableauDecl>(&d->node)) names.push_back(tableau->name.text);
}

void append_constants(const std::vector<syntax::DeclPtr>& declarations, std::vector<std::string>& names) {
  const auto add = [&](const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  for (const syntax::DeclPtr& d : declarations) {
    if (const auto* dim = std::get_if<syntax::DimDecl>(&d->node)) add(dim->name.text);
    if (const auto* constant = std::get_if<syntax::ConstDecl>(&d->node)) add(constant->name.text);
    if (const auto* model = std::get_if<syntax::ModelDecl>(&d->node)) append_constants(model->members, names);
    if (const auto* field = std::get_if<syntax::FieldDecl>(&d->node)) append_constants(field->members, names);
  }
}

// Of a file whose meaning is wrong, by its text alone.
void append_models_and_fields(const syntax::File& file, Names& names) {
  for (const syntax::DeclPtr& d : file.declarations) {
    if (const auto* model = std::get_if<syntax::ModelDecl>(&d->node))
      names.models.push_back(model->name.text);
    const auto* field = std::get_if<syntax::FieldDecl>(&d->node);
    if (field && !field->is_template) names.fields.push_back(field->name.text);
    const auto* instance = std::get_if<syntax::Instance>(&d->node);
    if (instance && instance->field) names.fields.push_back(instance->name.text);
  }
}

}  // namespace

Names Program::names() const {
  Names names;
  names.models = models();
  names.fields = fields();
  if (state->tree) {
    const syntax::File& file = *state->tree;
    append_constants(file.declarations, names.constants);
    append_tableaux(file, names.methods);
    if (!state->module) append_models_and_fields(file, names);
  }
  source::Files files;
  source::Diagnostics none;
  const int32_t built_in = files.add("tableaux", std::string(semantics::stdlib_text("tableaux")));
  if (const auto tree = embed::on_deep_stack([&] { return syntax::parse(files, built_in, none); }))
    append_tableaux(*tree, names.methods);
  return names;
}

std::vector<std::string> Program::variables(const std::string& field) const {
  std::vector<std::string> names;
  if (!state->module) return names;
  for (const semantics::Field& f : state->module->fields) {
    if (f.name != field) continue;
    for (const semantics::Variable& v : f.states) names.push_back(v.name);
    for (const semantics::Variable& v : f.inputs) names.push_back(v.name);
  }
  return names;
}

}  // namespace nodec
