// Full-batch quasi-Newton steps: limited-memory BFGS with a line search for the strong Wolfe conditions.
//
// Nocedal: "Updating quasi-Newton matrices with limited storage", Math. Comp. 35, 1980; the line search after
// Nocedal and Wright: "Numerical Optimization", 2nd ed., algorithms 3.5 and 3.6. Deterministic: a step is a
// function of the state, the point and the objective alone.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace nodec::runtime {

// The value at x, its gradient written to the second argument. A value that is not finite is a point too far.
using Objective = std::function<double(std::span<const double> x, std::span<double> gradient)>;

struct LbfgsOptions {
  double lr = 1;     // the first step length that is tried
  int history = 10;  // pairs kept
  int trials = 25;   // evaluations of one line search
  double gradient_tolerance = 1e-8, loss_tolerance = 1e-12;
};

enum class LbfgsState : uint8_t {
  moved,           // a lower point; there may be lower ones
  gradient_small,  // no element of the gradient exceeds the tolerance
  loss_settled,    // the step changed the loss by less than the tolerance, relatively
  no_lower_point,  // the line search found none along any direction: the precision is used up
  not_finite,      // at the point itself
};

class Lbfgs {
 public:
  // Moves x. `renew`: the objective is another one than in the last step, so that its value must be asked
  // for.
  LbfgsState step(const LbfgsOptions& options, const Objective& objective, std::vector<double>& x,
                  bool renew);

  // At x, after a step.
  double loss() const { return loss_; }
  std::span<const double> gradient() const { return gradient_; }

  // What the next step depends on beside its arguments: the differences of points and of gradients, oldest
  // first. (The loss and the gradient at the point are found again after `restore`.)
  struct Pair {
    std::vector<double> point, gradient;
  };
  const std::vector<Pair>& pairs() const { return pairs_; }
  void restore(std::vector<Pair> pairs);

 private:
  struct Trial;
  std::vector<double> direction() const;
  bool search(const LbfgsOptions& options, const Objective& objective, const std::vector<double>& x,
              const std::vector<double>& along, double first, Trial& found) const;

  bool known_ = false;  // loss_ and gradient_ are those at the point
  double loss_ = 0;
  std::vector<double> gradient_;
  std::vector<Pair> pairs_;
};

}  // namespace nodec::runtime
