// Gradients to steps of the parameters: sgd, rmsprop, adam, adamw. (lbfgs, which asks for gradients itself,
// is in lbfgs.hpp.)
//
// All arithmetic is in double precision, on the unconstrained variables (constraint.hpp), whatever the
// precision of compiled code: so that small steps of large parameters are not lost in f32.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/parameters.hpp"

namespace nodec::runtime {

// With g the gradient, x the variable, n = 1, 2, … the step:
//   sgd      b ← momentum·b + g;  x ← x − lr·(nesterov ? g + momentum·b : b)
//   rmsprop  v ← alpha·v + (1 − alpha)·g²;  b ← momentum·b + g/(√v + eps);  x ← x − lr·b
//            (Tieleman, Hinton 2012)
//   adam     m ← beta1·m + (1 − beta1)·g;  v ← beta2·v + (1 − beta2)·g²;
//            x ← x − lr·(m/(1 − beta1ⁿ)) / (√(v/(1 − beta2ⁿ)) + eps)   (Kingma, Ba 2015)
//   adamw    x ← x − lr·weight_decay·x, then as adam                   (Loshchilov, Hutter 2019)
enum class Method : uint8_t { sgd, rmsprop, adam, adamw, lbfgs };

struct OptimizerOptions {
  Method method = Method::adam;
  double lr = 1e-3;
  double momentum = 0;  // sgd, rmsprop
  bool nesterov = false;
  double alpha = 0.99;
  double beta1 = 0.9, beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 1e-2;
  // lbfgs (lbfgs.hpp); a negative tolerance stands for the one that suits the precision.
  double history = 10, line_search = 25, gradient_tolerance = -1, loss_tolerance = -1;
};

// The options of a method by name with their defaults (lr: 1e-2 for rmsprop, 1 for lbfgs, else 1e-3). False
// when there is no such method.
bool default_options(std::string_view method, OptimizerOptions& options);
// False when the method has no such option. nesterov is 0 or 1.
bool set_option(OptimizerOptions& options, std::string_view name, double value);
// What a method takes, for messages.
std::vector<std::string> option_names(Method method);

struct ParameterRange {
  int64_t offset, size;
};

// Parameters by group: paths[g] names a parameter or the beginning of paths ("flow.net"); the longest fitting
// one wins, "" takes the rest. Frozen ones are in no group.
std::vector<std::vector<ParameterRange>> group_parameters(const ParameterLayout& layout,
                                                          const std::vector<std::string>& paths,
                                                          const std::vector<std::string>& freeze);

// The Euclidean norm over the groups' elements. When it exceeds `limit` (> 0), the gradient is scaled to it.
double clip_gradient(std::span<double> gradient, const std::vector<std::vector<ParameterRange>>& groups,
                     double limit);

class Optimizer {
 public:
  Optimizer(int64_t parameters, std::vector<std::vector<ParameterRange>> groups);

  // One step of every group with its options, which may change from step to step (but for the method, which
  // is not lbfgs).
  void step(std::span<const OptimizerOptions> options, std::span<const double> gradient,
            std::span<double> variables);

  // All that a step depends on beside its arguments: saved in checkpoints.
  struct State {
    int64_t steps = 0;
    std::vector<double> first, second;  // momentum or mean; mean square
  };
  const State& state() const { return state_; }
  void restore(State state) { state_ = std::move(state); }
  // As before the first step.
  void restart() noexcept;
  const std::vector<std::vector<ParameterRange>>& groups() const { return groups_; }

 private:
  std::vector<std::vector<ParameterRange>> groups_;
  State state_;
};

}  // namespace nodec::runtime
