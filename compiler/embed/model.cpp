// A model: what it declares, its parameters, and its machine code, made when first needed.
#include "nodec/nodec.hpp"

#include <algorithm>

#include "compiler/embed/deep_stack.hpp"
#include "compiler/embed/parameters.hpp"
#include "compiler/graph/evaluate.hpp"
#include "runtime/initialize.hpp"
#include "runtime/scheduler.hpp"
#include "runtime/weights.hpp"

namespace nodec {
namespace {

Description describe(const std::string& name, const graph::Type& type) {
  Description d{name, type.text(), {}};
  for (const graph::Extent& e : type.shape) d.shape.push_back(e.is_constant() ? e.value() : -1);
  return d;
}

runtime::InitialKind kind_of(semantics::Initializer::Kind kind) {
  using From = semantics::Initializer::Kind;
  using To = runtime::InitialKind;
  switch (kind) {
    case From::value:
      return To::value;
    case From::normal:
      return To::normal;
    case From::uniform:
      return To::uniform;
    case From::glorot_uniform:
      return To::glorot_uniform;
    case From::glorot_normal:
      return To::glorot_normal;
    case From::kaiming_uniform:
      return To::kaiming_uniform;
    case From::orthogonal:
      return To::orthogonal;
  }
  return To::value;
}

}  // namespace

namespace embed {

runtime::ParameterLayout parameter_layout(const semantics::Model& model) {
  runtime::ParameterLayout layout;
  int64_t offset = 0;
  for (const semantics::ParameterDecl& p : model.parameters) {
    runtime::Parameter out;
    out.path = p.path;
    for (const graph::Extent& e : p.type.shape) out.shape.push_back(e.value());
    out.offset = offset;
    for (const int64_t n : out.shape) out.size *= n;
    if (p.interval) out.interval = {p.interval->lo, p.interval->hi};
    offset += out.size;
    layout.push_back(std::move(out));
  }
  return layout;
}

Result<std::vector<double>> parameter_values(const semantics::Model& model, const Arrays& weights) {
  runtime::Result<runtime::Weights> loaded =
      runtime::load_weights("", to_runtime(weights), parameter_layout(model));
  if (!loaded) return Result<std::vector<double>>::failed(convert(loaded.errors()));
  return Result<std::vector<double>>(loaded->values, convert(loaded->warnings, Severity::warning));
}

Arrays parameter_arrays(const runtime::ParameterLayout& layout, const std::vector<double>& values) {
  Arrays arrays;
  for (const runtime::Parameter& p : layout)
    arrays[p.path] = {p.shape, {values.begin() + p.offset, values.begin() + p.offset + p.size}};
  return arrays;
}

}  // namespace embed

const std::string& Model::name() const { return state->model.name; }
bool Model::has_loss() const { return state->model.loss != nullptr; }

std::vector<Description> Model::data() const {
  std::vector<Description> list;
  for (const semantics::DataDecl& d : state->model.data) list.push_back(describe(d.name, d.type));
  return list;
}
std::vector<Description> Model::parameters() const {
  std::vector<Description> list;
  for (const semantics::ParameterDecl& p : state->model.parameters) list.push_back(describe(p.path, p.type));
  return list;
}
std::vector<Description> Model::outputs() const {
  std::vector<Description> list;
  for (const graph::Output& o : state->model.outputs) list.push_back(describe(o.name, o.value->type));
  return list;
}
std::vector<Description> Model::metrics() const {
  std::vector<Description> list;
  for (const graph::Output& o : state->model.metrics) list.push_back(describe(o.name, o.value->type));
  return list;
}

Result<Arrays> Model::initial_weights() const try {
  const runtime::ParameterLayout layout = embed::parameter_layout(state->model);
  std::vector<runtime::Initial> initials;
  for (const semantics::ParameterDecl& p : state->model.parameters) {
    runtime::Initial initial;
    initial.kind = kind_of(p.initializer.kind);
    initial.a = p.initializer.a;
    initial.b = p.initializer.b;
    if (p.initializer.kind == semantics::Initializer::Kind::value)
      initial.values = graph::evaluate(p.initializer.value, {}).values;
    initials.push_back(std::move(initial));
  }
  const runtime::Result<std::vector<double>> values =
      runtime::initialize(layout, initials, state->program->options.seed);
  if (!values) return Result<Arrays>::failed(embed::convert(values.errors()));
  return embed::parameter_arrays(layout, *values);
} catch (...) {
  return Result<Arrays>::failed({embed::caught()});
}

Result<Arrays> Model::check_weights(const Arrays& weights) const try {
  Result<std::vector<double>> values = embed::parameter_values(state->model, weights);
  if (!values) return Result<Arrays>::failed(values.diagnostics());
  return Result<Arrays>(embed::parameter_arrays(embed::parameter_layout(state->model), *values),
                        values.diagnostics());
} catch (...) {
  return Result<Arrays>::failed({embed::caught()});
}

Result<Arrays> initial_weights(const std::vector<Model>& models) {
  Arrays all;
  for (const Model& model : models) {
    Result<Arrays> weights = model.initial_weights();
    if (!weights) return weights;
    all.merge(*weights);
  }
  return all;
}

Result<Arrays> check_weights(const std::vector<Model>& models, const Arrays& weights) try {
  if (models.size() == 1) return models[0].check_weights(weights);
  std::set<std::string> known;
  for (const Model& model : models)
    for (const semantics::ParameterDecl& p : model.state->model.parameters) known.insert(p.path);
  Arrays all;
  // A name is extra when it is so for every model: each sees its own and those of none.
  std::vector<Diagnostic> extra;
  for (const Model& model : models) {
    Arrays seen;
    for (const auto& [name, array] : weights)
      if (!known.count(name)) seen[name] = array;
    for (const semantics::ParameterDecl& p : model.state->model.parameters)
      if (const auto found = weights.find(p.path); found != weights.end()) seen[p.path] = found->second;
    Result<Arrays> own = model.check_weights(seen);
    if (!own) return own;
    extra = own.diagnostics();
    all.merge(*own);
  }
  return Result<Arrays>(std::move(all), extra);
} catch (...) {
  return Result<Arrays>::failed({embed::caught()});
}

namespace embed {

// At the model's place: what its machine code is, and what its gradient keeps.
void remark_on_code(const Program::State& program, const semantics::Model& model, Mode mode, const Unit& unit,
                    std::vector<Diagnostic>& list) {
  constexpr int64_t large = 128 * 1024;
  const char* what = mode == Mode::forward  ? "the outputs and loss"
                     : mode == Mode::record ? "the loss, its steps recorded,"
                     : mode == Mode::replay ? "the loss along recorded steps"
                                            : "the loss and gradient";
  source::Diagnostics found;
  const Form form = unit.lanes == 1 ? Form::features : Form::lanes;
  found.report(source::Id::machine_code, model.span, what, model.name,
               program.options.precision == Precision::f64 ? "f64" : "f32", name_of(form), unit.form_reason,
               unit.lanes, unit.code.code_bytes, unit.cached ? "kept from an earlier run" : "compiled anew");
  if (unit.code.code_bytes > large)
    found.report(source::Id::large_code, model.span, unit.code.code_bytes)
        .note(model.span,
              "a fold of equal steps is one loop, as are comprehensions; instances and folds over "
              "layers are written out");
  if (unit.record_bytes_per_step() > 0)
    found.report(source::Id::step_records, model.span, model.name, unit.record_bytes_per_step())
        .note(model.span, "'adjoint backsolve' keeps none");
  if (unit.kept_bytes_per_step() > 0)
    found.report(source::Id::step_activations, model.span, model.name, unit.kept_bytes_per_step(),
                 runtime::worth_keeping(program.options.threads));
  for (const source::Diagnostic& d : found.all()) list.push_back(convert(program.files, d));
}

}  // namespace embed

std::shared_ptr<Model::State::Variant> Model::State::variant(const std::set<std::string>& shared,
                                                             std::vector<Diagnostic>& diagnostics) const {
  std::shared_ptr<Variant>& slot = variants[shared];
  if (slot) return slot;
  auto made = std::make_shared<Variant>();
  if (shared.empty() || !field.empty()) {
    // Machine code of a solve from the command line treats its one sample's data as the sample's.
    made->module = std::shared_ptr<semantics::Module>(program, program->module.get());
    made->model = model;
  } else {
    made->module = program->elaborate(shared, diagnostics);
    if (!made->module) return nullptr;
    for (const semantics::Model& m : made->module->models)
      if (m.name == model.name) made->model = m;
  }
  slot = made;
  return slot;
}

std::shared_ptr<const embed::Unit> Model::State::unit(const std::set<std::string>& shared, embed::Mode mode,
                                                      const embed::FormChoice& form, bool ragged,
                                                      std::vector<Diagnostic>& diagnostics,
                                                      const embed::Selection& selection) const {
  const std::lock_guard guard(mutex);
  const std::shared_ptr<Variant> made = variant(shared, diagnostics);
  if (!made) return nullptr;
  std::shared_ptr<const embed::Unit>& slot = made->units[{mode, form.lanes, ragged, selection.key()}];
  if (slot) return slot;
  const std::lock_guard graph_guard(program->mutex);
  const std::vector<std::string> names(shared.begin(), shared.end());
  embed::Compiled compiled = embed::on_deep_stack([&] {
    return embed::compile(*made->module, made->model, mode, names, form, program->options, ragged, selection);
  });
  if (!compiled.unit) diagnostics.push_back(embed::plain(Severity::error, "cannot_compile", compiled.error));
  slot = compiled.unit;
  if (slot && program->options.remarks) embed::remark_on_code(*program, model, mode, *slot, diagnostics);
  return slot;
}

}  // namespace nodec
