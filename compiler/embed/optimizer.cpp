// The runtime's optimizers behind the public interface: values in intervals, unconstrained variables behind
// them.
#include "nodec/optimizer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "compiler/embed/state.hpp"
#include "runtime/constraint.hpp"
#include "runtime/lbfgs.hpp"
#include "runtime/optimizers.hpp"

namespace nodec {
namespace {

runtime::ParameterLayout layout_of(const std::vector<Slot>& slots) {
  runtime::ParameterLayout layout;
  for (const Slot& slot : slots)
    layout.push_back({slot.path, slot.shape, slot.offset, slot.size, {slot.low, slot.high}});
  return layout;
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

// What is wrong with method and options, "" if nothing is.
std::string fill(runtime::OptimizerOptions& options, const std::string& method,
                 const std::map<std::string, double>& given) {
  if (!runtime::default_options(method, options)) return "there is no optimizer '" + method + "'";
  for (const auto& [name, value] : given) {
    if (!runtime::set_option(options, name, value))
      return method + " has no option '" + name + "' (it has " +
             listed(runtime::option_names(options.method)) + ")";
    if (!std::isfinite(value)) return "'" + name + "' is not finite";
  }
  return "";
}

// Values and the variables behind them.
class Variables {
 public:
  explicit Variables(const std::vector<Slot>& slots) : layout_(layout_of(slots)) {
    const size_t count = static_cast<size_t>(runtime::parameter_count(layout_));
    values_.assign(count, std::numeric_limits<double>::quiet_NaN());
    variables_.resize(count);
    gradient_.resize(count);
  }
  size_t size() const { return values_.size(); }
  std::vector<double>& variables() { return variables_; }
  std::span<double> gradient() { return gradient_; }
  const runtime::ParameterLayout& layout() const { return layout_; }

  // Variables of the values: the ones that the last step left there, where nobody changed these since.
  template <class Real>
  bool read(std::span<const Real> values) noexcept {
    if (values.size() != values_.size()) return false;
    for (const runtime::Parameter& p : layout_) {
      for (size_t i = begin(p); i < end(p); ++i) {
        const double value = static_cast<double>(values[i]);
        if (!(value > p.interval.low && value < p.interval.high)) return false;
      }
    }
    for (const runtime::Parameter& p : layout_) {
      for (size_t i = begin(p); i < end(p); ++i) {
        const double value = static_cast<double>(values[i]);
        if (value == values_[i]) continue;
        values_[i] = value;
        variables_[i] = p.interval.unbounded() ? value : runtime::unconstrain(value, p.interval);
      }
    }
    return true;
  }

  // The gradient of the variables; false where it is not finite.
  template <class Real>
  bool pull(std::span<const double> variables, std::span<const Real> gradient,
            std::span<double> out) const noexcept {
    if (gradient.size() != values_.size()) return false;
    bool finite = true;
    for (const runtime::Parameter& p : layout_) {
      for (size_t i = begin(p); i < end(p); ++i) {
        out[i] = static_cast<double>(gradient[i]);
        if (!p.interval.unbounded()) out[i] *= runtime::constraint_slope(variables[i], p.interval);
        finite = finite && std::isfinite(out[i]);
      }
    }
    return finite;
  }

  // The values of variables, rounded to the precision.
  template <class Real>
  void write(std::span<const double> variables, std::span<Real> values) const noexcept {
    constexpr bool f64 = std::is_same_v<Real, double>;
    for (const runtime::Parameter& p : layout_) {
      for (size_t i = begin(p); i < end(p); ++i) {
        const double value =
            p.interval.unbounded() ? variables[i] : runtime::constrain(variables[i], p.interval);
        values[i] = static_cast<Real>(runtime::round_inside(value, p.interval, f64));
      }
    }
  }
  template <class Real>
  void keep(std::span<const Real> values) noexcept {
    for (size_t i = 0; i < values.size(); ++i) values_[i] = static_cast<double>(values[i]);
  }

 private:
  static size_t begin(const runtime::Parameter& p) { return static_cast<size_t>(p.offset); }
  static size_t end(const runtime::Parameter& p) { return static_cast<size_t>(p.offset + p.size); }

  runtime::ParameterLayout layout_;
  std::vector<double> values_, variables_, gradient_;
};

}  // namespace

std::vector<Slot> unbounded(int64_t size) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  return {Slot{"", {size}, 0, size, -infinity, infinity}};
}

// --- First order
struct Optimizer::State {
  State(const std::vector<Slot>& slots, const runtime::OptimizerOptions& chosen)
      : variables(slots), options(chosen), optimizer(runtime::parameter_count(variables.layout()), all()) {}

  std::vector<std::vector<runtime::ParameterRange>> all() const {
    return runtime::group_parameters(variables.layout(), {""}, {});
  }
  template <class Real>
  bool step(std::span<Real> values, std::span<const Real> gradient) noexcept {
    if (!variables.read(std::span<const Real>(values)) ||
        !variables.pull(variables.variables(), gradient, variables.gradient()))
      return false;
    optimizer.step({&options, 1}, variables.gradient(), variables.variables());
    variables.write(variables.variables(), values);
    variables.keep(std::span<const Real>(values));
    return true;
  }

  Variables variables;
  runtime::OptimizerOptions options;
  runtime::Optimizer optimizer;
};

Optimizer::Optimizer(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
Optimizer::Optimizer(Optimizer&&) noexcept = default;
Optimizer& Optimizer::operator=(Optimizer&&) noexcept = default;
Optimizer::~Optimizer() = default;

Result<Optimizer> Optimizer::make(const std::vector<Slot>& slots, const std::string& method,
                                  const std::map<std::string, double>& options) try {
  runtime::OptimizerOptions chosen;
  std::string problem = fill(chosen, method, options);
  if (problem.empty() && chosen.method == runtime::Method::lbfgs)
    problem = "lbfgs asks for gradients itself: it is the class Lbfgs";
  if (!problem.empty())
    return Result<Optimizer>::failed({embed::plain(Severity::error, "wrong_optimizer", problem)});
  return Result<Optimizer>(Optimizer(std::make_unique<State>(slots, chosen)));
} catch (...) {
  return Result<Optimizer>::failed({embed::caught()});
}

bool Optimizer::set(const std::string& option, double value) {
  return std::isfinite(value) && runtime::set_option(state_->options, option, value);
}
bool Optimizer::step(std::span<double> values, std::span<const double> gradient) noexcept {
  return state_->step(values, gradient);
}
bool Optimizer::step(std::span<float> values, std::span<const float> gradient) noexcept {
  return state_->step(values, gradient);
}
void Optimizer::restart() noexcept { state_->optimizer.restart(); }
int64_t Optimizer::steps() const noexcept { return state_->optimizer.state().steps; }

// --- Quasi-Newton
struct Lbfgs::State {
  State(const std::vector<Slot>& slots, const runtime::OptimizerOptions& chosen) : variables(slots) {
    options.lr = chosen.lr;
    options.history = static_cast<int>(chosen.history);
    options.trials = static_cast<int>(chosen.line_search);
    if (chosen.gradient_tolerance >= 0) options.gradient_tolerance = chosen.gradient_tolerance;
    if (chosen.loss_tolerance >= 0) options.loss_tolerance = chosen.loss_tolerance;
    visible.resize(variables.size());
    slope.resize(variables.size());
  }

  Outcome step(std::span<double> values, const Objective& objective) {
    if (!variables.read(std::span<const double>(values))) return Outcome::wrong_values;
    // Where the values are others than those of the last step, so is the objective's value.
    renewed = renewed || variables.variables() != last;
    const runtime::Objective of_variables = [&](std::span<const double> u, std::span<double> gradient) {
      variables.write(u, std::span<double>(visible));
      const double loss = objective(visible, slope);
      return variables.pull(u, std::span<const double>(slope), gradient)
                 ? loss
                 : std::numeric_limits<double>::quiet_NaN();
    };
    const runtime::LbfgsState state = lbfgs.step(options, of_variables, variables.variables(), renewed);
    renewed = false;
    last = variables.variables();
    variables.write(last, values);
    variables.keep(std::span<const double>(values));
    switch (state) {
      case runtime::LbfgsState::moved:
        return Outcome::moved;
      case runtime::LbfgsState::gradient_small:
        return Outcome::gradient_small;
      case runtime::LbfgsState::loss_settled:
        return Outcome::loss_settled;
      case runtime::LbfgsState::no_lower_point:
        return Outcome::no_lower_point;
      case runtime::LbfgsState::not_finite:
        return Outcome::not_finite;
    }
    return Outcome::not_finite;
  }

  Variables variables;
  runtime::LbfgsOptions options;
  runtime::Lbfgs lbfgs;
  bool renewed = false;
  std::vector<double> last, visible, slope;
};

Lbfgs::Lbfgs(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
Lbfgs::Lbfgs(Lbfgs&&) noexcept = default;
Lbfgs& Lbfgs::operator=(Lbfgs&&) noexcept = default;
Lbfgs::~Lbfgs() = default;

Result<Lbfgs> Lbfgs::make(const std::vector<Slot>& slots, const std::map<std::string, double>& options) try {
  runtime::OptimizerOptions chosen;
  const std::string problem = fill(chosen, "lbfgs", options);
  if (!problem.empty())
    return Result<Lbfgs>::failed({embed::plain(Severity::error, "wrong_optimizer", problem)});
  return Result<Lbfgs>(Lbfgs(std::make_unique<State>(slots, chosen)));
} catch (...) {
  return Result<Lbfgs>::failed({embed::caught()});
}

Lbfgs::Outcome Lbfgs::step(std::span<double> values, const Objective& objective) {
  return state_->step(values, objective);
}
Lbfgs::Outcome Lbfgs::minimize(std::span<double> values, const Objective& objective, int64_t steps) {
  Outcome outcome = Outcome::moved;
  for (int64_t n = 0; n < steps && outcome == Outcome::moved; ++n) outcome = step(values, objective);
  return outcome;
}
void Lbfgs::renew() noexcept { state_->renewed = true; }
double Lbfgs::loss() const noexcept { return state_->lbfgs.loss(); }

}  // namespace nodec
