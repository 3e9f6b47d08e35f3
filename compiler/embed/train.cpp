// Fitting a model's parameters: batches, gradients, optimizer steps.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include "compiler/embed/run.hpp"
#include "compiler/graph/evaluate.hpp"
#include "runtime/constraint.hpp"
#include "runtime/optimizers.hpp"
#include "runtime/sampler.hpp"

namespace nodec {
namespace {

using semantics::OptimizerSpec;
using semantics::TrainSpec;

// An option that may change from step to step; a constant is evaluated once.
class Schedule {
 public:
  explicit Schedule(graph::Ref expression) : expression_(expression) {
    if (expression_->base == graph::Base::constant) {
      value_ = graph::evaluate(expression_, {}).values[0];
      expression_ = nullptr;
    }
  }
  double at(double step, double epoch) const {
    if (!expression_) return value_;
    graph::Environment environment;
    environment.settings = {{"step", step}, {"epoch", epoch}};
    return graph::evaluate(expression_, environment).values[0];
  }

 private:
  graph::Ref expression_;
  double value_ = 0;
};

// A group's optimizer with its options, evaluated at every step.
struct Group {
  runtime::OptimizerOptions defaults;
  std::vector<std::pair<std::string, Schedule>> options;

  runtime::OptimizerOptions at(double step, double epoch) const {
    runtime::OptimizerOptions now = defaults;
    for (const auto& [name, schedule] : options) runtime::set_option(now, name, schedule.at(step, epoch));
    return now;
  }
};

// The number of a whole-valued option of the train block, the caller's override first.
std::optional<int64_t> count_option(const TrainSpec* spec, const char* name,
                                    const std::optional<int64_t>& given) {
  if (given) return given;
  if (!spec || !spec->options.count(name)) return {};
  return static_cast<int64_t>(Schedule(spec->options.at(name)).at(0, 0));
}

std::vector<Group> make_groups(const TrainSpec* spec, std::vector<std::string>& paths) {
  std::vector<Group> groups;
  if (spec) {
    for (const OptimizerSpec& o : spec->optimizers) {
      Group group;
      runtime::default_options(o.name, group.defaults);
      for (const auto& [name, expression] : o.options) group.options.emplace_back(name, Schedule(expression));
      groups.push_back(std::move(group));
      paths.push_back(o.path);
    }
  }
  if (std::find(paths.begin(), paths.end(), "") == paths.end()) {
    groups.emplace_back();
    paths.push_back("");
  }
  return groups;
}

double mean(const std::vector<double>& values, size_t first, size_t count) {
  double sum = 0;
  for (size_t i = first; i < first + count; ++i) sum += values[i];
  return count == 0 ? 0 : sum / static_cast<double>(count);
}

}  // namespace

Result<Training> Model::train(const Dataset& data, const Arrays& weights, const TrainOptions& given) const
    try {
  const Options& options = state->program->options;
  const auto failed = [](const char* id, const std::string& text) {
    return Result<Training>::failed({embed::plain(Severity::error, id, text)});
  };
  if (!has_loss()) return failed("no_loss", "model " + name() + " has no loss to train");
  const TrainSpec* spec = state->model.train ? &*state->model.train : nullptr;
  Result<std::vector<double>> start = embed::parameter_values(state->model, weights);
  if (!start) return Result<Training>::failed(start.diagnostics());
  if (start->empty()) return failed("no_parameters", "model " + name() + " has no parameters to train");

  const int64_t samples = data.state->binding.samples > 0 ? data.state->binding.samples : 0;
  const int64_t batch =
      count_option(spec, "batch", given.batch).value_or(samples > 0 ? samples : data.samples());
  runtime::Sampler sampler(samples, batch, options.seed);
  std::optional<int64_t> steps = given.epochs ? std::nullopt : count_option(spec, "steps", given.steps);
  if (!steps) {
    const std::optional<int64_t> epochs = count_option(spec, "epochs", given.epochs);
    if (!epochs)
      return failed("no_steps",
                    "model " + name() +
                        " says neither steps nor epochs in a train block; give --steps N or --epochs N");
    steps = *epochs * sampler.steps_per_epoch();
  }

  std::vector<Diagnostic> diagnostics;
  const bool f64 = options.precision == Precision::f64;
  const int64_t rows = samples > 0 ? std::min(batch, std::max(samples, batch)) : batch;
  const std::shared_ptr<const embed::Unit> unit =
      state->unit(data.state->shared, embed::Mode::gradient, embed::choose_lanes(rows, f64),
                  !data.state->binding.sample_lengths.empty(), diagnostics);
  if (!unit) return Result<Training>::failed(diagnostics);
  embed::Runner runner(unit, *data.state, f64, options.threads, options.seed);

  const runtime::ParameterLayout layout = embed::parameter_layout(state->model);
  std::vector<std::string> paths;
  const std::vector<Group> groups = make_groups(spec, paths);
  const std::vector<std::vector<runtime::ParameterRange>> ranges =
      runtime::group_parameters(layout, paths, spec ? spec->freeze : std::vector<std::string>{});
  runtime::Optimizer optimizer(runtime::parameter_count(layout), ranges);
  const Schedule clip(spec && spec->options.count("clip") ? spec->options.at("clip")
                                                          : state->program->module->graph.constant(0.0));

  std::vector<double> variables = runtime::unconstrain(*start, layout), gradient(variables.size()),
                      values = *start;
  runtime::Reals visible(true, values.size());
  std::vector<runtime::OptimizerOptions> now(groups.size());
  std::vector<double> losses;
  Training training;
  const auto began = std::chrono::steady_clock::now();
  const auto seconds = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  };
  embed::Settings settings;
  settings.samples = static_cast<double>(samples > 0 ? samples : batch);
  settings.training = 1;
  for (int64_t step = 0; step < *steps; ++step) {
    if (given.cancelled && given.cancelled()) {
      training.cancelled = true;
      break;
    }
    sampler.draw(step);
    settings.step = static_cast<double>(step);
    settings.epoch = static_cast<double>(sampler.epoch(step));
    const runtime::RunState ran = runner.run(sampler.samples(), values, settings, sampler.identities());
    if (ran != runtime::RunState::done)
      return failed("out_of_memory",
                    "out of memory for the steps of the solves; use a smaller batch, or `adjoint backsolve`");
    const double loss = runner.total_scalar("mean:loss");
    training.failures = runner.failures(sampler.samples());
    if (!training.failures.empty() || !std::isfinite(loss)) {
      training.stopped =
          "the loss is not finite at step " + std::to_string(step) +
          "; the weights are those before that step. A lower lr, `clip` in the train block or a tighter "
          "tolerance may avoid it";
      break;
    }
    losses.push_back(loss);
    for (const runtime::Parameter& p : layout)
      runner.read_total("param:" + p.path, gradient.data() + p.offset);
    runtime::pull_constraints(variables, layout, gradient);
    const double limit = clip.at(settings.step, settings.epoch);
    if (limit > 0) runtime::clip_gradient(gradient, ranges, limit);
    for (size_t g = 0; g < groups.size(); ++g) now[g] = groups[g].at(settings.step, settings.epoch);
    optimizer.step(now, gradient, variables);
    runtime::constrain(variables, layout, visible);
    for (size_t i = 0; i < values.size(); ++i) values[i] = visible[i];
    training.steps = step + 1;
    if (given.progress) {
      TrainProgress progress{training.steps, *steps, static_cast<int64_t>(settings.epoch),
                             loss,           {},     seconds()};
      for (const schedule::Interface::Result& r : runner.interface().results)
        if (r.name.rfind("metric:", 0) == 0)
          progress.metrics.emplace_back(r.name.substr(7), runner.total_scalar(r.name));
      given.progress(progress);
    }
  }
  training.seconds = seconds();
  const size_t twentieth = std::max<size_t>(1, losses.size() / 20);
  if (!losses.empty()) {
    training.first_loss = mean(losses, 0, twentieth);
    training.last_loss = mean(losses, losses.size() - twentieth, twentieth);
  }
  training.weights = embed::parameter_arrays(layout, values);
  return Result<Training>(std::move(training), diagnostics);
} catch (...) {
  return Result<Training>::failed({embed::caught()});
}

}  // namespace nodec
