// Fitting the parameters of one model, or of several in turn: steps, validations, checkpoints, the log.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "compiler/embed/training_part.hpp"
#include "runtime/constraint.hpp"
#include "runtime/files.hpp"
#include "runtime/log.hpp"
#include "runtime/weights.hpp"

namespace nodec {
namespace {

using embed::Named;
using embed::StepReport;
using embed::TrainingPart;
using embed::Validation;

constexpr double infinity = std::numeric_limits<double>::infinity();

// The parameters of all models in one vector, those that several share once.
runtime::ParameterLayout whole_layout(const std::vector<TrainPart>& parts) {
  runtime::ParameterLayout whole;
  for (const TrainPart& part : parts) {
    for (runtime::Parameter p : embed::parameter_layout(part.model.state->model)) {
      const auto same = [&](const runtime::Parameter& w) { return w.path == p.path; };
      if (std::any_of(whole.begin(), whole.end(), same)) continue;
      p.offset = runtime::parameter_count(whole);
      whole.push_back(std::move(p));
    }
  }
  return whole;
}

double mean(const std::vector<double>& values, size_t first, size_t count) {
  double sum = 0;
  for (size_t i = first; i < first + count; ++i) sum += values[i];
  return count == 0 ? 0 : sum / static_cast<double>(count);
}

// The weights of the lowest validation loss so far.
struct Best {
  double loss = infinity;
  int64_t step = 0, stale = 0;  // stale: validations since
  std::vector<double> values;
};

class Run {
 public:
  Run(const std::vector<TrainPart>& parts, const TrainOptions& given)
      : given_(given), options_(parts.front().model.state->program->options), layout_(whole_layout(parts)) {
    diagnostics_.reserve(4);
    for (const TrainPart& part : parts) {
      std::unique_ptr<TrainingPart> made = TrainingPart::make(part, given, layout_, diagnostics_);
      if (!made) return;
      parts_.push_back(std::move(made));
    }
    ready_ = true;
  }

  Result<Training> train(const Arrays& weights) {
    if (!ready_ || !begin(weights)) return Result<Training>::failed(diagnostics_);
    began_ = saved_ = Clock::now();
    for (int64_t step = training_.steps; step < steps_ && !over(); ++step)
      if (!take(step)) return Result<Training>::failed(diagnostics_);
    const bool ended = training_.stopped.empty() && !training_.cancelled && training_.steps > 0;
    if (ended && validates_ && !validated_ && training_.steps % interval_ != 0) {
      std::vector<std::optional<double>> cells;
      best_before_end_ = best_;
      if (!validate(cells)) return Result<Training>::failed(diagnostics_);
    }
    if (training_.stopped.empty() && training_.steps > 0 && !save())
      return Result<Training>::failed(diagnostics_);
    return finish();
  }

 private:
  using Clock = std::chrono::steady_clock;

  bool refuse(const char* id, const std::string& text) {
    diagnostics_.push_back(embed::plain(Severity::error, id, text));
    return false;
  }
  bool refuse(const runtime::Errors& errors) {
    for (Diagnostic& d : embed::convert(errors)) diagnostics_.push_back(std::move(d));
    return false;
  }
  double seconds() const {
    return seconds_before_ + std::chrono::duration<double>(Clock::now() - began_).count();
  }
  bool alone() const { return parts_.size() == 1; }

  // ---- the beginning
  bool begin(const Arrays& weights) {
    runtime::Result<runtime::Weights> start = runtime::load_weights("", embed::to_runtime(weights), layout_);
    if (!start) return refuse(start.errors());
    values_ = start->values;
    variables_ = runtime::unconstrain(values_, layout_);
    plan();
    traits(weights);
    columns_ = columns();
    if (given_.resume && !resume()) return false;
    if (given_.log.empty()) return true;
    runtime::Result<runtime::Log> log = runtime::Log::open(
        given_.log, columns(), training_.resumed_at > 0 ? std::optional(training_.resumed_at) : std::nullopt);
    if (!log) return refuse(log.errors());
    log_.emplace(std::move(*log));
    return true;
  }

  void plan() {
    interval_ = given_.validation_interval.value_or(0);
    for (const std::unique_ptr<TrainingPart>& part : parts_) {
      steps_ = std::max(steps_, part->steps());
      validates_ = validates_ || part->has_validation();
      patience_ = std::max(patience_, part->plan().patience.value_or(0));
      constexpr int64_t without_epochs = 100;
      const int64_t epoch = part->steps_per_epoch();
      if (!given_.validation_interval)
        interval_ = std::max(interval_, part->by_epochs() ? epoch : std::max(epoch, without_epochs));
    }
    if (patience_ > 0 && !validates_)
      diagnostics_.push_back(embed::plain(Severity::warning, "patience_without_validation",
                                          "'patience' watches the validation loss, and there are no "
                                          "validation data: nothing ends this run early"));
  }

  void traits(const Arrays& weights) {
    if (given_.checkpoint.empty()) return;
    for (const std::unique_ptr<TrainingPart>& part : parts_)
      for (runtime::Trait& trait : part->traits()) traits_.push_back(std::move(trait));
    traits_.push_back({"the precision", options_.precision == Precision::f64 ? "f64" : "f32"});
    traits_.push_back({"the seed", std::to_string(options_.seed)});
    if (validates_) traits_.push_back({"the validation interval", std::to_string(interval_)});
    runtime::Digest digest;
    for (const auto& [name, array] : weights) {
      digest.add(name);
      digest.add(std::as_bytes(std::span(array.values)));
    }
    traits_.push_back({"the initial weights", digest.text(), true});
  }

  // ---- checkpoints
  bool save() {
    if (log_)
      if (const runtime::Result<runtime::Done> done = log_->flush(); !done) return refuse(done.errors());
    saved_ = Clock::now();
    if (given_.checkpoint.empty()) return true;
    using runtime::Array;
    runtime::Checkpoint checkpoint{traits_, {}};
    const Best& best = best_before_end_ ? *best_before_end_ : best_;
    const auto doubles = [&](const char* name, const std::vector<double>& values) {
      checkpoint.state.add(name,
                           Array::of({static_cast<int64_t>(values.size())}, std::span<const double>(values)));
    };
    const int64_t counters[] = {training_.steps, best.step, best.stale};
    checkpoint.state.add("counters", Array::of({3}, std::span<const int64_t>(counters)));
    doubles("numbers", {seconds(), best.loss});
    doubles("variables", variables_);
    doubles("values", values_);
    doubles("best", best.values);
    doubles("losses", losses_);
    for (const std::unique_ptr<TrainingPart>& part : parts_) part->save(checkpoint.state);
    const runtime::Result<runtime::Done> done = runtime::write_checkpoint(given_.checkpoint, checkpoint);
    return done ? true : refuse(done.errors());
  }

  bool resume() {
    if (given_.checkpoint.empty() || !runtime::exists(given_.checkpoint)) return true;
    const runtime::Result<runtime::Checkpoint> read = runtime::read_checkpoint(given_.checkpoint);
    if (!read) return refuse(read.errors());
    const std::string other = runtime::difference(read->traits, traits_);
    if (!other.empty())
      return refuse({runtime::error(runtime::Problem::other_run, given_.checkpoint, other)});
    const auto doubles = [&](const char* name, std::optional<size_t> size, std::vector<double>& out) {
      const runtime::Array* array = read->state.find(name);
      if (!array || array->element != runtime::Element::f64 ||
          (size && static_cast<size_t>(array->size()) != *size))
        return false;
      out.clear();
      for (int64_t i = 0; i < array->size(); ++i) out.push_back(array->real(i));
      return true;
    };
    std::vector<double> numbers;
    const runtime::Array* counters = read->state.find("counters");
    bool whole = counters && counters->size() == 3 && doubles("numbers", 2, numbers) &&
                 doubles("variables", variables_.size(), variables_) &&
                 doubles("values", values_.size(), values_) && doubles("best", {}, best_.values) &&
                 (best_.values.empty() || best_.values.size() == values_.size()) &&
                 doubles("losses", {}, losses_);
    for (const std::unique_ptr<TrainingPart>& part : parts_) whole = whole && part->restore(read->state);
    if (whole) {
      training_.steps = training_.resumed_at = counters->integer(0).value_or(-1);
      best_.step = counters->integer(1).value_or(0);
      best_.stale = counters->integer(2).value_or(0);
      best_.loss = numbers[1];
      seconds_before_ = numbers[0];
    }
    if (!whole || training_.steps < 0)
      return refuse({runtime::error(runtime::Problem::not_a_checkpoint, given_.checkpoint,
                                    "part of the state is missing or of the wrong size")});
    return true;
  }

  // ---- steps
  bool over() {
    if (!training_.stopped.empty() || !training_.finished.empty()) return true;
    if (given_.cancelled && given_.cancelled()) {
      training_.cancelled = true;
      return true;
    }
    if (patience_ > 0 && validates_ && best_.stale >= patience_) {
      training_.finished = "the validation loss has not fallen for " + std::to_string(best_.stale) +
                           " validations: its lowest, at step " + std::to_string(best_.step) + ", counts";
      return true;
    }
    // The last of several models to finish says so.
    std::string reason;
    for (const std::unique_ptr<TrainingPart>& part : parts_) {
      if (!part->finished().empty()) reason = part->finished();
      if (part->finished().empty() && training_.steps < part->steps()) return false;
    }
    training_.finished = reason;
    return true;
  }

  // False after an error; a numerical failure is told by training_.stopped.
  bool take(int64_t step) {
    TrainProgress progress{};
    std::vector<std::optional<double>> cells;
    // What the models before a failing one have moved is taken back.
    std::vector<double> values_before;
    if (!alone()) values_before = values_;
    for (const std::unique_ptr<TrainingPart>& part : parts_) {
      const std::string prefix = alone() ? "" : part->name() + ".";
      if (step >= part->steps() || !part->finished().empty()) {
        cells.resize(cells.size() + 2 + part->metric_names().size());
        continue;
      }
      StepReport report = part->step(step, variables_, values_);
      if (report.out_of_memory)
        return refuse(
            "out_of_memory",
            "out of memory for the steps of the solves; use a smaller batch, or `adjoint backsolve`");
      if (!report.stopped.empty()) {
        training_.stopped = (alone() ? "" : "model " + part->name() + ": ") + report.stopped;
        training_.failures = std::move(report.failures);
        if (!alone()) values_ = std::move(values_before);
        return true;
      }
      progress.loss += report.loss;
      progress.gradient_norm = std::hypot(progress.gradient_norm, report.gradient_norm);
      if (!alone()) progress.metrics.emplace_back(prefix + "loss", report.loss);
      for (const auto& [name, value] : report.metrics) progress.metrics.emplace_back(prefix + name, value);
      cells.push_back(report.loss);
      for (const auto& [name, value] : report.metrics) cells.push_back(value);
      cells.push_back(report.gradient_norm);
      progress.epoch = std::max(progress.epoch, step / part->steps_per_epoch());
    }
    losses_.push_back(progress.loss);
    training_.steps = step + 1;
    const bool last = training_.steps == steps_;
    validated_ = validates_ && (training_.steps % interval_ == 0 || last);
    if (validated_) {
      // A validation out of turn, at the end, is no part of a run that goes on for longer.
      if (training_.steps % interval_ != 0) best_before_end_ = best_;
      if (!validate(cells)) return false;
    }
    cells.resize(columns_.size() - 3);
    if (log_) {
      cells.insert(cells.begin(), static_cast<double>(progress.epoch));
      cells.push_back(seconds());
      log_->row(training_.steps, cells);
    }
    if (given_.progress) {
      progress.step = training_.steps;
      progress.steps = steps_;
      progress.seconds = seconds();
      progress.validation_loss = validation_loss_;
      progress.validation_metrics = validation_metrics_;
      given_.progress(progress);
    }
    const bool due =
        std::chrono::duration<double>(Clock::now() - saved_).count() >= given_.checkpoint_seconds;
    return due && !last ? save() : true;
  }

  bool validate(std::vector<std::optional<double>>& cells) {
    double total = 0;
    validation_metrics_.clear();
    for (const std::unique_ptr<TrainingPart>& part : parts_) {
      if (!part->has_validation()) continue;
      const std::optional<Validation> one = part->validate(training_.steps, values_);
      if (!one) return refuse("out_of_memory", "out of memory for the validation data; use fewer samples");
      const std::string prefix = alone() ? "" : part->name() + ".";
      total += one->loss;
      cells.push_back(one->loss);
      for (const auto& [name, value] : one->metrics) {
        validation_metrics_.emplace_back(prefix + name, value);
        cells.push_back(value);
      }
    }
    validation_loss_ = total;
    if (total < best_.loss) {
      best_ = {total, training_.steps, 0, values_};
    } else {
      ++best_.stale;
    }
    return true;
  }

  std::vector<std::string> columns() const {
    std::vector<std::string> names = {"step", "epoch"};
    for (const bool validation : {false, true}) {
      for (const std::unique_ptr<TrainingPart>& part : parts_) {
        if (validation && !part->has_validation()) continue;
        const std::string prefix =
            (alone() ? "" : part->name() + ".") + std::string(validation ? "validation_" : "");
        names.push_back(prefix + "loss");
        for (const std::string& metric : part->metric_names()) names.push_back(prefix + metric);
        if (!validation) names.push_back(prefix + "gradient_norm");
      }
    }
    names.push_back("seconds");
    return names;
  }

  // ---- the end
  Result<Training> finish() {
    if (log_)
      if (const runtime::Result<runtime::Done> done = log_->flush(); !done) {
        refuse(done.errors());
        return Result<Training>::failed(diagnostics_);
      }
    training_.seconds = seconds();
    const size_t twentieth = std::max<size_t>(1, losses_.size() / 20);
    if (!losses_.empty()) {
      training_.first_loss = mean(losses_, 0, twentieth);
      training_.last_loss = mean(losses_, losses_.size() - twentieth, twentieth);
    }
    const bool judged = !best_.values.empty();
    training_.last_weights = embed::parameter_arrays(layout_, values_);
    training_.weights = judged ? embed::parameter_arrays(layout_, best_.values) : training_.last_weights;
    if (judged) {
      training_.best_validation_loss = best_.loss;
      training_.best_step = best_.step;
    }
    return Result<Training>(std::move(training_), diagnostics_);
  }

  const TrainOptions& given_;
  const Options& options_;
  runtime::ParameterLayout layout_;
  Clock::time_point began_, saved_;  // when the steps began; when a checkpoint was last written
  std::vector<Diagnostic> diagnostics_;
  std::vector<std::unique_ptr<TrainingPart>> parts_;
  bool ready_ = false, validates_ = false, validated_ = false;
  int64_t steps_ = 0, interval_ = 0, patience_ = 0;
  std::vector<runtime::Trait> traits_;
  std::vector<std::string> columns_;  // of the log
  std::vector<double> values_, variables_, losses_;
  Best best_;
  std::optional<Best> best_before_end_;
  std::optional<double> validation_loss_;
  Named validation_metrics_;
  std::optional<runtime::Log> log_;
  double seconds_before_ = 0;
  Training training_;
};

}  // namespace

Result<Training> train(const std::vector<TrainPart>& parts, const Arrays& weights,
                       const TrainOptions& options) try {
  if (parts.empty())
    return Result<Training>::failed(
        {embed::plain(Severity::error, "no_model", "there is no model to train")});
  return Run(parts, options).train(weights);
} catch (...) {
  return Result<Training>::failed({embed::caught()});
}

Result<Training> Model::train(const Dataset& data, const Arrays& weights, const TrainOptions& options) const {
  return nodec::train({TrainPart{*this, data, options.validation}}, weights, options);
}

}  // namespace nodec
