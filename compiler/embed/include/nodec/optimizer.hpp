// Optimizers for a host's own loop: the ones that `train` has, a step at a time.
//
//   auto adam = nodec::Optimizer::make(model->layout(), "adam", {{"lr", 1e-2}});
//   while (solver->gradient() && solver->loss() > goal)
//     adam->step(solver->parameters(), solver->parameter_gradient());
//
// Both work on any vector, not only on parameters. What a slot's interval bounds stays strictly inside: steps
// are those of an unconstrained variable behind it (low + softplus(u) and the like). Arithmetic is in double
// precision.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "nodec/array.hpp"
#include "nodec/diagnostic.hpp"

namespace nodec {

// A vector without bounds, for what are no parameters.
std::vector<Slot> unbounded(int64_t size);

// sgd, rmsprop, adam, adamw.
class Optimizer {
 public:
  // `options` by the language's names (lr, momentum, nesterov, alpha, beta1, beta2, eps, weight_decay), those
  // that the method has; others have its defaults. An unknown method or option is an error.
  static Result<Optimizer> make(const std::vector<Slot>& slots, const std::string& method = "adam",
                                const std::map<std::string, double>& options = {});
  Optimizer(Optimizer&&) noexcept;
  Optimizer& operator=(Optimizer&&) noexcept;
  ~Optimizer();

  // Changes an option from the next step on: schedules. False for one that the method does not have.
  bool set(const std::string& option, double value);
  // Moves the values one step against their gradient; allocates nothing. False, and nothing is moved, where
  // sizes are not those of the slots, a value is not inside its interval, or an element of the gradient is
  // not finite.
  bool step(std::span<double> values, std::span<const double> gradient) noexcept;
  bool step(std::span<float> values, std::span<const float> gradient) noexcept;
  // Forgets all steps.
  void restart() noexcept;
  int64_t steps() const noexcept;

 private:
  struct State;
  explicit Optimizer(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

// Limited-memory BFGS with a line search for the strong Wolfe conditions (Nocedal 1980; Nocedal and Wright
// 2006, algorithms 3.5 and 3.6): for an objective that is the same function in every call.
class Lbfgs {
 public:
  enum class Outcome : uint8_t {
    moved,           // to a lower value; there may be lower ones
    gradient_small,  // no element of the gradient exceeds the tolerance: a minimum
    loss_settled,    // the last step changed the value by less than the tolerance, relatively
    no_lower_point,  // none along any direction: the precision is used up
    not_finite,      // at the values themselves
    wrong_values,    // not as many as the slots have, or not inside their intervals
  };
  // The value, and its gradient written to the second argument. NaN or infinity: a point too far, from which
  // the search comes back. Must not throw.
  using Objective = std::function<double(std::span<const double> values, std::span<double> gradient)>;

  // Options: lr (the first length tried), history (pairs kept), line_search (evaluations of one search),
  // gradient_tolerance, loss_tolerance.
  static Result<Lbfgs> make(const std::vector<Slot>& slots,
                            const std::map<std::string, double>& options = {});
  Lbfgs(Lbfgs&&) noexcept;
  Lbfgs& operator=(Lbfgs&&) noexcept;
  ~Lbfgs();

  // One step; it allocates.
  Outcome step(std::span<double> values, const Objective& objective);
  // Steps until there is no lower value, `steps` of them at most.
  Outcome minimize(std::span<double> values, const Objective& objective, int64_t steps);
  // The objective is another one from now on: what was learned of its curvature is kept, its value is not.
  void renew() noexcept;
  // At the values, after a step.
  double loss() const noexcept;

 private:
  struct State;
  explicit Lbfgs(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

}  // namespace nodec
