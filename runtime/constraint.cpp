// Values in intervals to unconstrained variables and back.
#include "runtime/constraint.hpp"

#include <cmath>

namespace nodec::runtime {
namespace {

double softplus(double u) { return u > 0 ? u + std::log1p(std::exp(-u)) : std::log1p(std::exp(u)); }
// u with softplus(u) = y > 0.
double softplus_inverse(double y) { return y > 1 ? y + std::log(-std::expm1(-y)) : std::log(std::expm1(y)); }
double sigmoid(double u) {
  const double e = std::exp(-std::fabs(u));
  return u < 0 ? e / (1 + e) : 1 / (1 + e);
}

bool below(const Interval& interval) { return std::isfinite(interval.low); }
bool above(const Interval& interval) { return std::isfinite(interval.high); }

}  // namespace

double unconstrain(double value, const Interval& interval) {
  if (below(interval) && above(interval))
    return std::log(value - interval.low) - std::log(interval.high - value);
  if (below(interval)) return softplus_inverse(value - interval.low);
  if (above(interval)) return -softplus_inverse(interval.high - value);
  return value;
}

double constrain(double u, const Interval& interval) {
  double value = u;
  if (below(interval) && above(interval)) {
    // From the nearer end, so that small distances keep their digits.
    const double width = interval.high - interval.low;
    value = u < 0 ? interval.low + width * sigmoid(u) : interval.high - width * sigmoid(-u);
  } else if (below(interval)) {
    value = interval.low + softplus(u);
  } else if (above(interval)) {
    value = interval.high - softplus(-u);
  }
  return round_inside(value, interval, true);
}

double constraint_slope(double u, const Interval& interval) {
  if (below(interval) && above(interval)) return (interval.high - interval.low) * sigmoid(u) * sigmoid(-u);
  if (below(interval)) return sigmoid(u);
  if (above(interval)) return sigmoid(-u);
  return 1;
}

double round_inside(double value, const Interval& interval, bool double_precision) {
  const auto next = [&](double x, double to) {
    return double_precision
               ? std::nextafter(x, to)
               : static_cast<double>(std::nextafter(static_cast<float>(x), static_cast<float>(to)));
  };
  double rounded = double_precision ? value : static_cast<double>(static_cast<float>(value));
  if (std::isnan(rounded)) return rounded;
  if (below(interval) && !(rounded > interval.low)) {
    rounded = next(interval.low, std::numeric_limits<double>::infinity());
    if (!(rounded > interval.low)) rounded = next(rounded, std::numeric_limits<double>::infinity());
  }
  if (above(interval) && !(rounded < interval.high)) {
    rounded = next(interval.high, -std::numeric_limits<double>::infinity());
    if (!(rounded < interval.high)) rounded = next(rounded, -std::numeric_limits<double>::infinity());
  }
  return rounded;
}

std::vector<double> unconstrain(const std::vector<double>& values, const ParameterLayout& layout) {
  std::vector<double> unconstrained = values;
  for (const Parameter& parameter : layout) {
    if (parameter.interval.unbounded()) continue;
    for (int64_t i = parameter.offset; i < parameter.offset + parameter.size; ++i) {
      unconstrained[static_cast<size_t>(i)] = unconstrain(values[static_cast<size_t>(i)], parameter.interval);
    }
  }
  return unconstrained;
}

void constrain(const std::vector<double>& unconstrained, const ParameterLayout& layout, Reals& values) {
  const bool twice = values.double_precision();
  for (const Parameter& parameter : layout) {
    for (int64_t i = parameter.offset; i < parameter.offset + parameter.size; ++i) {
      const double u = unconstrained[static_cast<size_t>(i)];
      const bool free = parameter.interval.unbounded();
      values.set(static_cast<size_t>(i),
                 free ? u : round_inside(constrain(u, parameter.interval), parameter.interval, twice));
    }
  }
}

void pull_constraints(const std::vector<double>& unconstrained, const ParameterLayout& layout,
                      std::vector<double>& gradient) {
  for (const Parameter& parameter : layout) {
    if (parameter.interval.unbounded()) continue;
    for (int64_t i = parameter.offset; i < parameter.offset + parameter.size; ++i) {
      gradient[static_cast<size_t>(i)] *=
          constraint_slope(unconstrained[static_cast<size_t>(i)], parameter.interval);
    }
  }
}

}  // namespace nodec::runtime
