// A train block and its overrides as numbers and schedules: how many steps, which optimizer for which
// parameters.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "compiler/embed/state.hpp"
#include "runtime/checkpoint.hpp"
#include "runtime/optimizers.hpp"

namespace nodec::embed {

// An option that may change from step to step; a constant is evaluated once.
class Schedule {
 public:
  explicit Schedule(double value) : value_(value) {}
  explicit Schedule(graph::Ref expression);
  double at(double step, double epoch) const;
  uint64_t digest() const;

 private:
  graph::Ref expression_ = nullptr;
  double value_ = 0;
};

struct TrainingPlan {
  // A group's optimizer with its options, evaluated at every step.
  struct Group {
    std::string path;  // "" takes what no other group holds
    std::string method = "adam";
    runtime::OptimizerOptions defaults;
    std::vector<std::pair<std::string, Schedule>> options;
    runtime::OptimizerOptions at(double step, double epoch) const;
  };
  std::vector<Group> groups;
  std::vector<std::string> freeze;
  Schedule clip{0.0};  // 0: none
  std::optional<int64_t> steps, epochs, batch, patience;

  bool full_batch() const { return groups.front().defaults.method == runtime::Method::lbfgs; }
  // What a run that goes on must share; `name` tells models apart.
  std::vector<runtime::Trait> traits(const std::string& name) const;
};

TrainingPlan training_plan(const semantics::Model& model, const TrainOptions& given);

}  // namespace nodec::embed
