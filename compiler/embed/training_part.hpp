// One model of a training run: its data and machine code, its optimizer, and what one step of it does to the
// parameters.
//
// The parameters of all models of a run are one vector (`whole`); a part reads and moves its own. Variables
// are unconstrained (runtime/constraint.hpp), values are what expressions see.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "compiler/embed/run.hpp"
#include "compiler/embed/training_plan.hpp"
#include "runtime/checkpoint.hpp"
#include "runtime/lbfgs.hpp"
#include "runtime/sampler.hpp"

namespace nodec::embed {

using Named = std::vector<std::pair<std::string, double>>;

struct StepReport {
  double loss = 0, gradient_norm = 0;
  Named metrics;
  std::string stopped;   // a numerical failure: nothing was moved
  std::string finished;  // the optimizer is done; what it found was taken
  std::vector<SampleFailure> failures;
  bool out_of_memory = false;
};

struct Validation {
  double loss = 0;
  Named metrics;
};

class TrainingPart {
 public:
  // Null with diagnostics when the model cannot be trained so.
  static std::unique_ptr<TrainingPart> make(const TrainPart& part, const TrainOptions& given,
                                            const runtime::ParameterLayout& whole,
                                            std::vector<Diagnostic>& diagnostics);

  const std::string& name() const { return part_.model.name(); }
  const TrainingPlan& plan() const { return plan_; }
  int64_t steps() const { return steps_; }  // planned
  int64_t steps_per_epoch() const { return sampler_.steps_per_epoch(); }
  bool by_epochs() const { return plan_.epochs.has_value(); }
  const std::string& finished() const { return lbfgs_finished_; }
  bool has_validation() const { return validator_ != nullptr; }
  std::vector<std::string> metric_names() const;

  StepReport step(int64_t step, std::vector<double>& variables, std::vector<double>& values);
  // The loss and the metrics of the validation data; nothing when there is no memory for it. The loss is not
  // a number when a sample fails.
  std::optional<Validation> validate(int64_t step, const std::vector<double>& values);

  // What a run that goes on must share with this one, and the state that steps depend on.
  std::vector<runtime::Trait> traits() const;
  void save(runtime::Arrays& state) const;
  bool restore(const runtime::Arrays& state);

 private:
  TrainingPart(const TrainPart& part, TrainingPlan plan, const runtime::ParameterLayout& whole);
  std::vector<double> own(const std::vector<double>& values) const;
  // The loss of the drawn batch; its gradient, by the whole vector, to gradient_.
  double evaluate(const std::vector<double>& variables, const std::vector<double>& values,
                  StepReport& report);
  void first_order(std::vector<double>& variables, std::vector<double>& values, StepReport& report);
  void quasi_newton(std::vector<double>& variables, std::vector<double>& values, StepReport& report);
  void blame(const std::vector<double>& values, StepReport& report);
  Named metrics(const Runner& runner) const;
  bool changes_by_step() const;

  TrainPart part_;
  TrainingPlan plan_;
  runtime::ParameterLayout local_, placed_;  // the model's own offsets, and those of the whole vector
  std::vector<std::string> gradient_names_;
  std::vector<std::vector<runtime::ParameterRange>> ranges_;
  runtime::Optimizer optimizer_;
  runtime::Lbfgs lbfgs_;
  std::string lbfgs_finished_;
  int64_t batch_;
  runtime::Sampler sampler_;
  int64_t steps_ = 0;
  std::unique_ptr<Runner> runner_, validator_;
  Settings settings_;
  std::vector<double> gradient_;
  runtime::Reals visible_;
};

}  // namespace nodec::embed
