// Evaluation and gradients of a model on a dataset; the compile report.
#include <cmath>
#include <limits>
#include <numeric>

#include "compiler/embed/deep_stack.hpp"
#include "compiler/embed/run.hpp"
#include "compiler/graph/cost.hpp"

namespace nodec {
namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

std::vector<int64_t> every_sample(const Dataset::State& data) {
  std::vector<int64_t> rows(static_cast<size_t>(data.samples));
  std::iota(rows.begin(), rows.end(), 0);
  if (data.binding.samples == 0 && !data.binding.arrays.empty()) std::fill(rows.begin(), rows.end(), 0);
  return rows;
}

bool has_prefix(const std::string& text, const char* prefix) { return text.rfind(prefix, 0) == 0; }

void drop_sample_axis(Array& array) {
  if (!array.shape.empty()) array.shape.erase(array.shape.begin());
}

// The loss does not depend on what lies beyond a sample's own lengths: its gradient there is 0.
void clear_padding(Array& array, const std::vector<graph::Extent>& shape, const runtime::Binding& binding) {
  const size_t names = binding.length_names.size();
  if (binding.sample_lengths.empty()) return;
  const size_t samples = binding.sample_lengths.size() / names, size = array.values.size() / samples;
  for (size_t s = 0; s < samples; ++s) {
    std::map<std::string, int64_t> lengths;
    for (size_t n = 0; n < names; ++n)
      lengths[binding.length_names[n]] = binding.sample_lengths[s * names + n];
    for (size_t e = 0; e < size; ++e) {
      size_t rest = e;
      bool inside = true;
      for (size_t axis = shape.size(); axis-- > 0;) {
        const auto extent = static_cast<size_t>(array.shape[axis + 1]);
        inside = inside && static_cast<int64_t>(rest % extent) < shape[axis].evaluate(lengths);
        rest /= extent;
      }
      if (!inside) array.values[s * size + e] = 0;
    }
  }
}

// Every sample of a dataset, run once; without a runner, the diagnostics say why.
struct Run {
  std::unique_ptr<embed::Runner> runner;
  std::vector<int64_t> samples;
  std::vector<Diagnostic> diagnostics;
};

Run run_once(const Model::State& model, const Dataset& data, const Arrays& weights, embed::Mode mode) {
  Run out;
  const Options& options = model.program->options;
  const Result<std::vector<double>> values = embed::parameter_values(model.model, weights);
  if (!values) {
    out.diagnostics = values.diagnostics();
    return out;
  }
  const bool f64 = options.precision == Precision::f64;
  const std::shared_ptr<const embed::Unit> unit =
      model.unit(data.state->shared, mode, embed::choose_form(model.model, options, data.samples()),
                 !data.state->binding.sample_lengths.empty(), out.diagnostics);
  if (!unit) return out;
  auto runner =
      std::make_unique<embed::Runner>(unit, *data.state, f64, options.threads, options.seed, options.pooled);
  out.samples.resize(static_cast<size_t>(data.samples()));
  std::iota(out.samples.begin(), out.samples.end(), 0);
  embed::Settings settings;
  settings.samples = static_cast<double>(data.samples());
  const runtime::RunState ran = runner->run(every_sample(*data.state), *values, settings, out.samples);
  if (ran == runtime::RunState::done)
    out.runner = std::move(runner);
  else
    out.diagnostics.push_back(embed::run_failure(ran));
  return out;
}

}  // namespace

Result<Evaluation> Model::evaluate(const Dataset& data, const Arrays& weights) const try {
  const Run run = run_once(*state, data, weights, embed::Mode::forward);
  if (!run.runner) return Result<Evaluation>::failed(run.diagnostics);
  const embed::Runner& runner = *run.runner;

  Evaluation out;
  for (const schedule::Interface::Result& r : runner.interface().results) {
    if (has_prefix(r.name, "metric:")) {
      out.metrics.emplace_back(r.name.substr(7), runner.total_scalar(r.name));
    } else if (r.name == "mean:loss") {
      out.loss = runner.total_scalar(r.name);
    } else {
      Array array = runner.per_sample(r);
      if (!data.has_sample_axis()) drop_sample_axis(array);
      out.outputs[r.name] = std::move(array);
    }
  }
  out.solves = runner.statistics(state->model.solves);
  out.failures = runner.failures(run.samples);
  return Result<Evaluation>(std::move(out), run.diagnostics);
} catch (...) {
  return Result<Evaluation>::failed({embed::caught()});
}

Result<Gradient> Model::gradient(const Dataset& data, const Arrays& weights) const try {
  if (!has_loss())
    return Result<Gradient>::failed(
        {embed::plain(Severity::error, "no_loss", "model " + name() + " has no loss to differentiate")});
  const Run run = run_once(*state, data, weights, embed::Mode::inputs);
  if (!run.runner) return Result<Gradient>::failed(run.diagnostics);
  const embed::Runner& runner = *run.runner;

  Gradient out;
  out.failures = runner.failures(run.samples);
  const bool failed = !out.failures.empty();
  out.loss = failed ? not_a_number : runner.total_scalar("mean:loss");
  for (const schedule::Interface::Result& r : runner.interface().results) {
    const bool parameter = has_prefix(r.name, "param:");
    if (!parameter && !has_prefix(r.name, "data:")) continue;
    const bool shared = parameter || data.state->shared.count(r.name.substr(5));
    Array array = shared ? runner.total(r.name) : runner.per_sample(r);
    if (!shared) clear_padding(array, r.shape, data.state->binding);
    // A failed sample makes what all samples share unknown, and its own gradient; the others' stand.
    if (shared && failed) std::fill(array.values.begin(), array.values.end(), not_a_number);
    if (!shared && failed) {
      const size_t elements = array.values.size() / run.samples.size();
      for (const SampleFailure& f : out.failures)
        std::fill_n(array.values.begin() + f.sample * static_cast<int64_t>(elements), elements, not_a_number);
    }
    if (parameter)
      out.parameters[r.name.substr(6)] = std::move(array);
    else
      out.data[r.name.substr(5)] = std::move(array);
  }
  out.solves = runner.statistics(state->model.solves);
  return Result<Gradient>(std::move(out), run.diagnostics);
} catch (...) {
  return Result<Gradient>::failed({embed::caught()});
}

Result<CompileReport> Model::compile(const std::vector<std::string>& shared_data) const try {
  const Options& options = state->program->options;
  const bool f64 = options.precision == Precision::f64;
  const std::set<std::string> shared(shared_data.begin(), shared_data.end());
  const embed::FormChoice form = embed::choose_form(state->model, options, 1024);
  std::vector<Diagnostic> diagnostics;
  CompileReport report;
  report.model = name();
  report.precision = f64 ? "f64" : "f32";
  report.target = embed::target_of(options).target.cpu;
  report.form = embed::name_of(form.form());
  report.form_reason = form.why;
  report.lanes = form.lanes;
  report.data = data();
  report.parameters = parameters();
  report.outputs = outputs();
  report.metrics = metrics();
  for (const runtime::Parameter& p : embed::parameter_layout(state->model)) report.parameter_count += p.size;
  report.stages = state->program->stages;
  const embed::Mode mode = has_loss() ? embed::Mode::gradient : embed::Mode::forward;
  const std::shared_ptr<const embed::Unit> unit = state->unit(shared, mode, form, false, diagnostics);
  if (!unit) return Result<CompileReport>::failed(diagnostics);
  report.stages.insert(report.stages.end(), unit->stages.begin(), unit->stages.end());
  (has_loss() ? report.gradient_code_bytes : report.forward_code_bytes) = unit->code.code_bytes;
  for (const TimedStage& s : report.stages) report.total_milliseconds += s.milliseconds;

  report.bytes_per_sample = unit->bytes_per_sample();
  report.record_bytes_per_step = unit->record_bytes_per_step();
  report.kept_bytes_per_step = unit->kept_bytes_per_step();

  for (const semantics::SolveUse& use : state->model.solves) {
    const graph::SolveInfo& info = use.node->as<graph::SolveInfo>();
    CompileReport::Field field;
    field.name = use.field;
    field.method = use.method;
    field.adjoint = info.adjoint == graph::AdjointKind::checkpoint ? "checkpoint" : "backsolve";
    for (int i = 0; i < info.state_count(); ++i) {
      const graph::Type& type = info.field->variables[static_cast<size_t>(i) + 1];
      Description d{info.states[static_cast<size_t>(i)].name, type.text(), {}};
      for (const graph::Extent& e : type.shape) d.shape.push_back(e.value());
      field.states.push_back(std::move(d));
    }
    const graph::Cost cost = graph::cost(*info.field);
    field.field_multiply_adds = cost.multiply_adds;
    field.field_operations = cost.operations;
    const graph::Lambda* pullback = embed::on_deep_stack(
        [&] { return embed::pullback_of(*state->program->module, state->model, use.node); });
    if (pullback) {
      const graph::Cost vjp = graph::cost(*pullback);
      field.vjp_multiply_adds = vjp.multiply_adds;
      field.vjp_operations = vjp.operations;
    }
    report.fields.push_back(std::move(field));
  }
  return Result<CompileReport>(std::move(report), diagnostics);
} catch (...) {
  return Result<CompileReport>::failed({embed::caught()});
}

Result<std::string> Model::emit(const std::string& stage) const try {
  const std::lock_guard guard(state->program->mutex);
  embed::Emitted emitted = embed::on_deep_stack([&] {
    const int lanes = embed::choose_form(state->model, state->program->options, 1024).lanes;
    return embed::emit(*state->program->module, state->model, stage, lanes, state->program->options);
  });
  if (!emitted.error.empty())
    return Result<std::string>::failed({embed::plain(Severity::error, "cannot_compile", emitted.error)});
  return std::move(emitted.text);
} catch (...) {
  return Result<std::string>::failed({embed::caught()});
}

}  // namespace nodec
