// Options of a train block, evaluated; a command's options in their place.
#include "compiler/embed/training_plan.hpp"

#include <algorithm>
#include <bit>

#include "compiler/graph/evaluate.hpp"

namespace nodec::embed {

Schedule::Schedule(graph::Ref expression) : expression_(expression) {
  if (expression_->base == graph::Base::constant) {
    value_ = graph::evaluate(expression_, {}).values[0];
    expression_ = nullptr;
  }
}

double Schedule::at(double step, double epoch) const {
  if (!expression_) return value_;
  graph::Environment environment;
  environment.settings = {{"step", step}, {"epoch", epoch}};
  return graph::evaluate(expression_, environment).values[0];
}

uint64_t Schedule::digest() const {
  return expression_ ? expression_->hash : std::bit_cast<uint64_t>(value_);
}

runtime::OptimizerOptions TrainingPlan::Group::at(double step, double epoch) const {
  runtime::OptimizerOptions now = defaults;
  for (const auto& [name, schedule] : options) runtime::set_option(now, name, schedule.at(step, epoch));
  return now;
}

std::vector<runtime::Trait> TrainingPlan::traits(const std::string& name) const {
  runtime::Digest optimizers;
  std::string methods;
  for (const Group& group : groups) {
    methods += (methods.empty() ? "" : ", ") + group.method;
    optimizers.add(group.path);
    for (const auto& [option, schedule] : group.options) {
      optimizers.add(option);
      optimizers.add(schedule.digest());
    }
  }
  std::string frozen;
  for (const std::string& path : freeze) frozen += (frozen.empty() ? "" : ", ") + path;
  runtime::Digest clipping;
  clipping.add(clip.digest());
  const std::string of = " of model " + name;
  return {{"the optimizer" + of, methods},
          {"an option or a group of the optimizer" + of, optimizers.text(), true},
          {"'freeze'" + of, "[" + frozen + "]"},
          {"'clip'" + of, clipping.text(), true}};
}

TrainingPlan training_plan(const semantics::Model& model, const TrainOptions& given) {
  TrainingPlan plan;
  if (model.train) {
    for (const semantics::OptimizerSpec& spec : model.train->optimizers) {
      TrainingPlan::Group group;
      group.path = spec.path;
      group.method = spec.name;
      runtime::default_options(spec.name, group.defaults);
      for (const auto& [name, expression] : spec.options)
        group.options.emplace_back(name, Schedule(expression));
      plan.groups.push_back(std::move(group));
    }
    plan.freeze = model.train->freeze;
    const auto& options = model.train->options;
    if (options.count("clip")) plan.clip = Schedule(options.at("clip"));
    const auto count = [&](const char* name) -> std::optional<int64_t> {
      if (!options.count(name)) return {};
      return static_cast<int64_t>(Schedule(options.at(name)).at(0, 0));
    };
    plan.steps = count("steps");
    plan.epochs = count("epochs");
    plan.batch = count("batch");
    plan.patience = count("patience");
  }
  const auto rest = [](const TrainingPlan::Group& group) { return group.path.empty(); };
  if (std::none_of(plan.groups.begin(), plan.groups.end(), rest)) plan.groups.emplace_back();
  if (given.steps || given.epochs) {
    plan.steps = given.steps;
    plan.epochs = given.epochs;
  }
  if (given.batch) plan.batch = given.batch;
  return plan;
}

}  // namespace nodec::embed
