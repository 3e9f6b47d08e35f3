// One quasi-Newton step: a direction from the last pairs of differences, a point along it.
#include "runtime/lbfgs.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace nodec::runtime {
namespace {

constexpr double sufficient_decrease = 1e-4, curvature = 0.9;

double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

double largest(std::span<const double> a) {
  double most = 0;
  for (const double x : a) most = std::isnan(x) ? x : std::max(most, std::fabs(x));
  return most;
}

}  // namespace

// A point along the direction.
struct Lbfgs::Trial {
  double length = 0, loss = 0, slope = 0;
  std::vector<double> x, gradient;
};

namespace {

// The minimum of the cubic that has both points' values and slopes, kept away from the ends; the middle when
// a value is not finite.
double between(double a, double fa, double da, double b, double fb, double db) {
  const double low = std::min(a, b), width = std::fabs(b - a), middle = low + width / 2;
  if (!std::isfinite(fa) || !std::isfinite(fb) || !std::isfinite(db)) return middle;
  const double d1 = da + db - 3 * (fa - fb) / (a - b);
  const double square = d1 * d1 - da * db;
  if (!(square >= 0)) return middle;
  const double d2 = std::copysign(std::sqrt(square), b - a);
  const double best = b - (b - a) * ((db + d2 - d1) / (db - da + 2 * d2));
  if (!std::isfinite(best)) return middle;
  return std::clamp(best, low + 0.1 * width, low + 0.9 * width);
}

}  // namespace

// −H·gradient by the two-loop recursion; H starts as the last pair's scale.
std::vector<double> Lbfgs::direction() const {
  std::vector<double> d = gradient_, weights(pairs_.size());
  for (size_t p = pairs_.size(); p-- > 0;) {
    const Pair& pair = pairs_[p];
    weights[p] = dot(pair.point, d) / dot(pair.point, pair.gradient);
    for (size_t i = 0; i < d.size(); ++i) d[i] -= weights[p] * pair.gradient[i];
  }
  if (!pairs_.empty()) {
    const Pair& last = pairs_.back();
    const double scale = dot(last.point, last.gradient) / dot(last.gradient, last.gradient);
    for (double& e : d) e *= scale;
  }
  for (size_t p = 0; p < pairs_.size(); ++p) {
    const Pair& pair = pairs_[p];
    const double correction = weights[p] - dot(pair.gradient, d) / dot(pair.point, pair.gradient);
    for (size_t i = 0; i < d.size(); ++i) d[i] += correction * pair.point[i];
  }
  for (double& e : d) e = -e;
  return d;
}

// False when no point with a lower loss was found.
bool Lbfgs::search(const LbfgsOptions& options, const Objective& objective, const std::vector<double>& x,
                   const std::vector<double>& along, double first, Trial& found) const {
  int left = options.trials;
  const double slope = dot(gradient_, along);
  const auto at = [&](double length) {
    Trial trial;
    trial.length = length;
    trial.x = x;
    for (size_t i = 0; i < x.size(); ++i) trial.x[i] += length * along[i];
    trial.gradient.resize(x.size());
    trial.loss = objective(trial.x, trial.gradient);
    trial.slope = dot(trial.gradient, along);
    if (!std::isfinite(trial.loss) || !std::isfinite(trial.slope)) trial.loss = trial.slope = INFINITY;
    --left;
    return trial;
  };
  const auto too_high = [&](const Trial& t, const Trial& low) {
    return !(t.loss <= loss_ + sufficient_decrease * t.length * slope) ||
           (low.length > 0 && t.loss >= low.loss);
  };
  const auto flat = [&](const Trial& t) { return std::fabs(t.slope) <= -curvature * slope; };

  Trial low{0, loss_, slope, x, gradient_}, high;
  bool bracketed = false;
  for (double length = first; left > 0;) {
    Trial trial = at(length);
    if (too_high(trial, low)) {
      high = std::move(trial);
      bracketed = true;
      break;
    }
    if (flat(trial)) {
      found = std::move(trial);
      return true;
    }
    if (trial.slope >= 0) {
      high = std::exchange(low, std::move(trial));
      bracketed = true;
      break;
    }
    low = std::move(trial);
    length *= 2;
  }
  while (bracketed && left > 0 && std::fabs(high.length - low.length) > 1e-16 * low.length) {
    Trial trial = at(between(low.length, low.loss, low.slope, high.length, high.loss, high.slope));
    if (too_high(trial, low)) {
      high = std::move(trial);
      continue;
    }
    if (flat(trial)) {
      found = std::move(trial);
      return true;
    }
    if (trial.slope * (high.length - low.length) >= 0) high = std::move(low);
    low = std::move(trial);
  }
  found = std::move(low);
  return found.length > 0 && found.loss < loss_;
}

LbfgsState Lbfgs::step(const LbfgsOptions& options, const Objective& objective, std::vector<double>& x,
                       bool renew) {
  if (!known_ || renew) {
    gradient_.resize(x.size());
    loss_ = objective(x, gradient_);
    known_ = true;
  }
  const double steepest = largest(gradient_);
  if (!std::isfinite(loss_) || !std::isfinite(steepest)) return LbfgsState::not_finite;
  if (steepest <= options.gradient_tolerance) return LbfgsState::gradient_small;
  Trial found;
  while (true) {
    std::vector<double> along = direction();
    const double slope = dot(gradient_, along);
    const bool descends = std::isfinite(slope) && slope < 0;
    if (descends) {
      double sum = 0;
      for (const double g : gradient_) sum += std::fabs(g);
      const double first = pairs_.empty() ? options.lr * std::min(1.0, 1 / sum) : options.lr;
      if (search(options, objective, x, along, first, found)) break;
    }
    // What is remembered may mislead; the gradient alone is tried before giving up.
    if (pairs_.empty()) return LbfgsState::no_lower_point;
    pairs_.clear();
  }
  Pair pair{std::vector<double>(x.size()), std::vector<double>(x.size())};
  for (size_t i = 0; i < x.size(); ++i) {
    pair.point[i] = found.x[i] - x[i];
    pair.gradient[i] = found.gradient[i] - gradient_[i];
  }
  // Only pairs of positive curvature keep H positive definite.
  if (dot(pair.point, pair.gradient) > 1e-12 * dot(pair.gradient, pair.gradient)) {
    if (pairs_.size() >= static_cast<size_t>(std::max(1, options.history))) pairs_.erase(pairs_.begin());
    pairs_.push_back(std::move(pair));
  }
  const double before = std::exchange(loss_, found.loss);
  gradient_ = std::move(found.gradient);
  x = std::move(found.x);
  const bool settled =
      before - loss_ <= options.loss_tolerance * std::max(std::fabs(before), std::fabs(loss_));
  return settled ? LbfgsState::loss_settled : LbfgsState::moved;
}

void Lbfgs::restore(std::vector<Pair> pairs) {
  pairs_ = std::move(pairs);
  known_ = false;
}

}  // namespace nodec::runtime
