// A batch to a gradient, a gradient to a step; what a step that fails is blamed on; validations.
#include "compiler/embed/training_part.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "runtime/constraint.hpp"

namespace nodec::embed {
namespace {

runtime::ParameterLayout placed_in(runtime::ParameterLayout local, const runtime::ParameterLayout& whole) {
  for (runtime::Parameter& p : local)
    for (const runtime::Parameter& w : whole)
      if (w.path == p.path) p.offset = w.offset;
  return local;
}

std::vector<std::vector<runtime::ParameterRange>> ranges_of(const TrainingPlan& plan,
                                                            const runtime::ParameterLayout& placed) {
  std::vector<std::string> paths;
  for (const TrainingPlan::Group& group : plan.groups) paths.push_back(group.path);
  return runtime::group_parameters(placed, paths, plan.freeze);
}

int64_t data_samples(const Dataset& data) { return std::max<int64_t>(data.state->binding.samples, 0); }

int64_t batch_of(const TrainPart& part, const TrainingPlan& plan) {
  const int64_t samples = data_samples(part.data);
  return plan.batch.value_or(samples > 0 ? samples : part.data.samples());
}

std::string advice() {
  return "; the weights are those before that step. Go on from them (--weights) with a smaller lr, 'clip' in "
         "the train block or a tighter tolerance";
}

}  // namespace

TrainingPart::TrainingPart(const TrainPart& part, TrainingPlan plan, const runtime::ParameterLayout& whole)
    : part_(part),
      plan_(std::move(plan)),
      local_(parameter_layout(part.model.state->model)),
      placed_(placed_in(local_, whole)),
      ranges_(ranges_of(plan_, placed_)),
      optimizer_(runtime::parameter_count(whole), ranges_),
      batch_(batch_of(part, plan_)),
      sampler_(data_samples(part.data), batch_, part.model.state->program->options.seed),
      gradient_(static_cast<size_t>(runtime::parameter_count(whole))),
      visible_(true, gradient_.size()) {
  for (const runtime::Parameter& p : local_) gradient_names_.push_back("param:" + p.path);
}

std::unique_ptr<TrainingPart> TrainingPart::make(const TrainPart& part, const TrainOptions& given,
                                                 const runtime::ParameterLayout& whole,
                                                 std::vector<Diagnostic>& diagnostics) {
  const Model& model = part.model;
  const Options& options = model.state->program->options;
  const auto failed = [&](const char* id, const std::string& text) {
    diagnostics.push_back(plain(Severity::error, id, text));
    return nullptr;
  };
  if (!model.has_loss()) return failed("no_loss", "model " + model.name() + " has no loss to train");
  if (model.state->model.parameters.empty())
    return failed("no_parameters", "model " + model.name() + " has no parameters to train");
  TrainingPlan plan = training_plan(model.state->model, given);
  if (!plan.steps && !plan.epochs)
    return failed("no_steps",
                  "model " + model.name() +
                      " says neither steps nor epochs in a train block; give --steps N or --epochs N");
  const int64_t samples = data_samples(part.data), batch = batch_of(part, plan);
  // Every sample of a batch has its working memory at once; past this it is a slip of the keyboard.
  constexpr int64_t largest_batch = int64_t{1} << 26;
  if (batch > largest_batch)
    return failed("batch_too_large", "a batch of " + std::to_string(batch) + " samples is more than the " +
                                         std::to_string(largest_batch) + " that a step takes");
  if (plan.full_batch() && plan.batch && samples > 0 && *plan.batch != samples)
    return failed("lbfgs_batch", "lbfgs takes all samples in every step: it excludes a batch of " +
                                     std::to_string(*plan.batch) + " of " + std::to_string(samples));
  std::unique_ptr<TrainingPart> made(new TrainingPart(part, std::move(plan), whole));
  made->steps_ =
      made->plan_.steps ? *made->plan_.steps : *made->plan_.epochs * made->sampler_.steps_per_epoch();
  const bool trains = std::any_of(made->ranges_.begin(), made->ranges_.end(),
                                  [](const auto& ranges) { return !ranges.empty(); });
  if (!trains) return failed("all_frozen", "every parameter of model " + model.name() + " is frozen");

  const bool f64 = options.precision == Precision::f64;
  const auto runner = [&](const Dataset& data, Mode mode, int64_t rows) -> std::unique_ptr<Runner> {
    const std::shared_ptr<const Unit> unit =
        model.state->unit(data.state->shared, mode, choose_form(model.state->model, options, rows),
                          !data.state->binding.sample_lengths.empty(), diagnostics);
    if (!unit) return nullptr;
    return std::make_unique<Runner>(unit, *data.state, f64, options.threads, options.seed, options.pooled);
  };
  made->runner_ = runner(part.data, Mode::gradient, batch);
  if (!made->runner_) return nullptr;
  if (part.validation) {
    made->validator_ = runner(*part.validation, Mode::forward, part.validation->samples());
    if (!made->validator_) return nullptr;
  }
  made->settings_.samples = static_cast<double>(samples > 0 ? samples : batch);
  made->settings_.training = 1;
  return made;
}

std::vector<std::string> TrainingPart::metric_names() const {
  std::vector<std::string> names;
  for (const graph::Output& metric : part_.model.state->model.metrics) names.push_back(metric.name);
  return names;
}

std::vector<double> TrainingPart::own(const std::vector<double>& values) const {
  std::vector<double> own(static_cast<size_t>(runtime::parameter_count(local_)));
  for (size_t p = 0; p < local_.size(); ++p)
    std::copy_n(values.begin() + placed_[p].offset, local_[p].size, own.begin() + local_[p].offset);
  return own;
}

Named TrainingPart::metrics(const Runner& runner) const {
  Named list;
  for (const graph::Output& metric : part_.model.state->model.metrics)
    list.emplace_back(metric.name, runner.total_scalar("metric:" + metric.name));
  return list;
}

double TrainingPart::evaluate(const std::vector<double>& variables, const std::vector<double>& values,
                              StepReport& report) {
  if (runner_->run(sampler_.samples(), own(values), settings_, sampler_.identities()) !=
      runtime::RunState::done) {
    report.out_of_memory = true;
    return NAN;
  }
  report.failures = runner_->failures(sampler_.samples());
  for (size_t p = 0; p < placed_.size(); ++p)
    runner_->read_total(gradient_names_[p], gradient_.data() + placed_[p].offset);
  runtime::pull_constraints(variables, placed_, gradient_);
  return report.failures.empty() ? runner_->total_scalar("mean:loss") : NAN;
}

StepReport TrainingPart::step(int64_t step, std::vector<double>& variables, std::vector<double>& values) {
  StepReport report;
  settings_.step = static_cast<double>(step);
  settings_.epoch = static_cast<double>(sampler_.epoch(step));
  // A line search compares values of one objective: lbfgs keeps the noise of its first step.
  settings_.noise = plan_.full_batch() ? 0 : static_cast<uint64_t>(step);
  sampler_.draw(step);
  if (plan_.full_batch())
    quasi_newton(variables, values, report);
  else
    first_order(variables, values, report);
  if (report.stopped.empty() && !report.out_of_memory) report.metrics = metrics(*runner_);
  return report;
}

void TrainingPart::first_order(std::vector<double>& variables, std::vector<double>& values,
                               StepReport& report) {
  report.loss = evaluate(variables, values, report);
  if (report.out_of_memory) return;
  if (!std::isfinite(report.loss)) return blame(values, report);
  report.gradient_norm =
      runtime::clip_gradient(gradient_, ranges_, plan_.clip.at(settings_.step, settings_.epoch));
  if (!std::isfinite(report.gradient_norm)) return blame(values, report);
  std::vector<runtime::OptimizerOptions> now;
  for (const TrainingPlan::Group& group : plan_.groups)
    now.push_back(group.at(settings_.step, settings_.epoch));
  optimizer_.step(now, gradient_, variables);
  runtime::constrain(variables, placed_, visible_);
  for (const runtime::Parameter& p : placed_)
    for (int64_t i = p.offset; i < p.offset + p.size; ++i)
      values[static_cast<size_t>(i)] = visible_[static_cast<size_t>(i)];
}

bool TrainingPart::changes_by_step() const {
  const std::vector<std::string>& read = runner_->interface().settings;
  return std::any_of(read.begin(), read.end(),
                     [](const std::string& name) { return name == "step" || name == "epoch"; });
}

void TrainingPart::quasi_newton(std::vector<double>& variables, std::vector<double>& values,
                                StepReport& report) {
  std::vector<size_t> moved;
  for (const auto& ranges : ranges_)
    for (const runtime::ParameterRange& range : ranges)
      for (int64_t i = range.offset; i < range.offset + range.size; ++i)
        moved.push_back(static_cast<size_t>(i));
  std::vector<double> x;
  for (const size_t i : moved) x.push_back(variables[i]);
  const auto place = [&](std::span<const double> point) {
    for (size_t k = 0; k < moved.size(); ++k) variables[moved[k]] = point[k];
    runtime::constrain(variables, placed_, visible_);
    for (const runtime::Parameter& p : placed_)
      for (int64_t i = p.offset; i < p.offset + p.size; ++i)
        values[static_cast<size_t>(i)] = visible_[static_cast<size_t>(i)];
  };
  const auto objective = [&](std::span<const double> point, std::span<double> gradient) {
    place(point);
    StepReport trial;
    const double loss = evaluate(variables, values, trial);
    report.out_of_memory = report.out_of_memory || trial.out_of_memory;
    report.failures = std::move(trial.failures);
    for (size_t k = 0; k < moved.size(); ++k) gradient[k] = gradient_[moved[k]];
    return loss;
  };
  const runtime::OptimizerOptions now = plan_.groups.front().at(settings_.step, settings_.epoch);
  const bool f64 = part_.model.state->program->options.precision == Precision::f64;
  runtime::LbfgsOptions options;
  options.lr = now.lr;
  options.history = static_cast<int>(now.history);
  options.trials = static_cast<int>(now.line_search);
  options.gradient_tolerance = now.gradient_tolerance >= 0 ? now.gradient_tolerance : f64 ? 1e-8 : 1e-6;
  options.loss_tolerance = now.loss_tolerance >= 0 ? now.loss_tolerance : f64 ? 1e-12 : 1e-7;
  const runtime::LbfgsState state = lbfgs_.step(options, objective, x, changes_by_step());
  place(x);
  if (report.out_of_memory) return;
  report.loss = lbfgs_.loss();
  double sum = 0;
  for (const double g : lbfgs_.gradient()) sum += g * g;
  report.gradient_norm = std::sqrt(sum);
  if (state == runtime::LbfgsState::not_finite) return blame(values, report);
  report.failures.clear();
  switch (state) {
    case runtime::LbfgsState::gradient_small:
      lbfgs_finished_ = "lbfgs found a minimum: no element of the gradient exceeds the tolerance";
      break;
    case runtime::LbfgsState::loss_settled:
      lbfgs_finished_ = "lbfgs has settled: the last step changed the loss by less than the tolerance";
      break;
    case runtime::LbfgsState::no_lower_point:
      lbfgs_finished_ = "lbfgs found no lower loss along its direction: the precision is used up";
      break;
    default:
      break;
  }
  report.finished = lbfgs_finished_;
}

// Says which sample, or which parameter's gradient, is not finite.
void TrainingPart::blame(const std::vector<double>& values, StepReport& report) {
  const std::string step = "step " + std::to_string(static_cast<int64_t>(settings_.step));
  std::string what = "the loss is not finite at " + step;
  if (std::isfinite(report.loss)) {
    what = "the gradient is not finite at " + step;
    for (const runtime::Parameter& p : placed_) {
      const auto first = gradient_.begin() + p.offset;
      const auto bad = std::find_if(first, first + p.size, [](double g) { return !std::isfinite(g); });
      if (bad == first + p.size) continue;
      what = "the gradient of parameter " + p.path + " is not finite at " + step;
      break;
    }
  }
  if (report.failures.empty()) {
    const Options& options = part_.model.state->program->options;
    const bool f64 = options.precision == Precision::f64;
    std::vector<Diagnostic> ignored;
    const std::shared_ptr<const Unit> unit = part_.model.state->unit(
        part_.data.state->shared, Mode::forward,
        choose_form(part_.model.state->model, options, static_cast<int64_t>(sampler_.samples().size())),
        !part_.data.state->binding.sample_lengths.empty(), ignored);
    if (unit) {
      Runner forward(unit, *part_.data.state, f64, options.threads, options.seed, options.pooled);
      const bool ran = forward.run(sampler_.samples(), own(values), settings_, sampler_.identities()) ==
                       runtime::RunState::done;
      for (const schedule::Interface::Result& result : forward.interface().results) {
        if (!ran || result.name != "loss") continue;
        const Array losses = forward.per_sample(result);
        for (size_t row = 0; row < losses.values.size(); ++row) {
          if (std::isfinite(losses.values[row])) continue;
          const int64_t sample = sampler_.samples()[row];
          report.failures.push_back(
              {sample, "sample " + std::to_string(sample) + ": the loss is " +
                           (std::isnan(losses.values[row]) ? "not a number" : "infinite")});
        }
      }
    }
  }
  std::string where;
  if (!report.failures.empty()) {
    where = " (sample " + std::to_string(report.failures.front().sample);
    if (const size_t more = report.failures.size() - 1; more > 0)
      where += " and " + std::to_string(more) + " more";
    where += ")";
  }
  report.stopped = what + where + advice();
}

std::optional<Validation> TrainingPart::validate(int64_t step, const std::vector<double>& values) {
  const Dataset::State& data = *part_.validation->state;
  std::vector<int64_t> rows(static_cast<size_t>(data.samples)), identities(rows.size());
  std::iota(identities.begin(), identities.end(), 0);
  if (data.binding.samples > 0 || data.binding.arrays.empty()) rows = identities;
  // The same noise every time, so that validations compare.
  Settings settings = settings_;
  settings.training = 0;
  settings.noise = 0;
  settings.step = static_cast<double>(step);
  settings.epoch = static_cast<double>(sampler_.epoch(step));
  if (validator_->run(rows, own(values), settings, identities) != runtime::RunState::done) return {};
  Validation validation;
  validation.loss = validator_->failures(rows).empty() ? validator_->total_scalar("mean:loss") : NAN;
  validation.metrics = metrics(*validator_);
  return validation;
}

}  // namespace nodec::embed
