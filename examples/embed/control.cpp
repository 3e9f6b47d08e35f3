// Model-predictive control: a pendulum is swung up by a motor that is weaker than gravity, and held upright.
// First its friction is learned from a record of swings. Then, at every tick, the plan for the coming two
// seconds is improved by ten steps against its gradient, and what it begins with is done. Prints the way
// and a histogram of what a tick took.
//
// Usage: control pendulum.node swings.csv [TICKS]
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <nodec/eigen.hpp>
#include <nodec/nodec.hpp>
#include <numbers>
#include <string>

namespace {

using Clock = std::chrono::steady_clock;

// Counts by powers of two of microseconds.
class Histogram {
 public:
  void add(Clock::duration time) {
    const double microseconds = std::chrono::duration<double, std::micro>(time).count();
    const int bin = std::clamp(static_cast<int>(std::floor(std::log2(microseconds))) + 2, 0, bins - 1);
    ++counts_[static_cast<size_t>(bin)];
    most_ = std::max(most_, microseconds);
  }
  void print(const char* what) const {
    std::printf("%s, at most %.1f us:\n", what, most_);
    const long largest = *std::max_element(counts_.begin(), counts_.end());
    for (int bin = 0; bin < bins; ++bin) {
      const long count = counts_[static_cast<size_t>(bin)];
      if (count == 0) continue;
      const std::string bar(static_cast<size_t>((count * 50 + largest - 1) / largest), '#');
      std::printf("  from %9.2f us %7ld  %s\n", std::exp2(bin - 2), count, bar.c_str());
    }
  }

 private:
  static constexpr int bins = 24;
  std::array<long, bins> counts_{};
  double most_ = 0;
};

template <class T>
bool good(const nodec::Result<T>& result) {
  for (const auto& message : result.diagnostics()) std::fputs(message.rendered.c_str(), stderr);
  return static_cast<bool>(result);
}

// The weights of the friction's network.
nodec::Result<nodec::Arrays> learn(const nodec::Model& model, const char* record) {
  const auto data = model.read(record);
  const auto initial = model.initial_weights();
  if (!good(data) || !good(initial)) return nodec::Result<nodec::Arrays>::failed({});
  nodec::TrainOptions options;
  options.progress = [](const nodec::TrainProgress& now) {
    if (now.step % 250 == 0)
      std::printf("step %ld of %ld: error %.4f rad\n", now.step, now.steps, std::sqrt(now.loss));
  };
  const auto training = model.train(*data, *initial, options);
  if (!good(training)) return nodec::Result<nodec::Arrays>::failed({});
  return training->weights;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) return std::fputs("usage: control pendulum.node swings.csv [TICKS]\n", stderr), 2;
  const int ticks = count > 3 ? std::atoi(arguments[3]) : 200;
  const auto program = nodec::Program::from_file(arguments[1]);
  for (const auto& message : program.diagnostics()) std::fputs(message.rendered.c_str(), stderr);
  if (!program.ok()) return 1;
  const auto weights = learn(*program.model("learn"), arguments[2]);
  if (!weights) return 1;

  // Only the gradient of the plan is asked for.
  auto planner = program.model("plan")->prepare<double>({.gradient = true,
                                                         .of_parameters = false,
                                                         .of_data = std::set<std::string>{"drive"},
                                                         .weights = *weights});
  auto pendulum = program.model("tick")->prepare<double>();
  if (!good(planner) || !good(pendulum)) return 1;
  auto plan = nodec::vector(planner->data("drive")), start = nodec::vector(planner->data("start"));
  auto drive = nodec::vector(pendulum->data("drive")), now = nodec::vector(pendulum->data("start"));
  const auto next = nodec::vector(pendulum->output("next"));
  auto adam = nodec::Optimizer::make(nodec::unbounded(plan.size()), "adam",
                                     {{"lr", 0.1}, {"beta2", 0.95}, {"eps", 0.01}});
  if (!good(adam)) return 1;

  plan.setConstant(0.5);  // at rest, hanging, no direction is better than the other

  // Everything is ready: from here on nothing is allocated.
  Histogram gradients, whole;
  double farthest = 0;  // from upright, in the last second
  for (int tick = 0; tick < ticks; ++tick) {
    const auto began = Clock::now();
    start = now;
    for (int iteration = 0; iteration < 10; ++iteration) {
      const auto before = Clock::now();
      if (!planner->gradient()) return 1;
      gradients.add(Clock::now() - before);
      adam->step(planner->data("drive"), planner->data_gradient("drive"));
    }
    drive[0] = plan[0];
    const Eigen::Index rest = plan.size() - 1;
    for (Eigen::Index i = 0; i < rest; ++i) plan[i] = plan[i + 1];  // the plan goes on from the next tick
    whole.add(Clock::now() - began);

    if (!pendulum->solve()) return 1;
    now = next;
    const double angle = std::remainder(now[0] - std::numbers::pi, 2 * std::numbers::pi);
    if (tick >= ticks - 20) farthest = std::max(farthest, std::abs(angle));
    if (tick % std::max(1, ticks / 20) == 0)
      std::printf("t = %5.2f  from upright %6.3f  velocity %6.2f  torque %6.2f  cost %.4f\n",
                  0.05 * (tick + 1), angle, now[1], pendulum->output("torque")[0], planner->loss());
  }
  gradients.print("a gradient of the plan");
  whole.print("a tick");
  std::printf("within %.3f rad of upright in the last second: the goal is %s\n", farthest,
              farthest < 0.05 ? "reached" : "missed");
  return farthest < 0.05 ? 0 : 1;
}
