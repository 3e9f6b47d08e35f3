// An initial value problem on numbers -> its solution to nearly the precision of doubles.
#include "compiler/graph/evaluate_extrapolation.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace nodec::graph {
namespace {

using Vector = std::vector<double>;

constexpr int most_rows = 10;
constexpr int fewest_rows = 4;

// What an error is measured against: each element's own size, and a thousandth of the largest that its group
// has had, so that an element that passes through zero does not stop the integration.
class Scale {
 public:
  Scale(const std::vector<size_t>& groups, const Vector& y)
      : groups_(groups), largest_(groups.size() - 1, 0.0) {
    include(y, 0.0, y);
  }
  // Also the increments h·f: a quadrature starts at zero.
  void include(const Vector& y, double h, const Vector& derivative) {
    for (size_t group = 0; group < largest_.size(); ++group)
      for (size_t i = groups_[group]; i < groups_[group + 1]; ++i) {
        const double size = std::max(std::abs(y[i]), std::abs(h * derivative[i]));
        if (size > largest_[group]) largest_[group] = size;
      }
  }
  // NaN counts as infinite.
  double error(const Vector& difference, const Vector& y) const {
    double worst = 0;
    for (size_t group = 0; group < largest_.size(); ++group)
      for (size_t i = groups_[group]; i < groups_[group + 1]; ++i) {
        if (!std::isfinite(difference[i])) return std::numeric_limits<double>::infinity();
        if (difference[i] == 0) continue;
        worst = std::max(worst, std::abs(difference[i]) / (std::abs(y[i]) + 1e-3 * largest_[group]));
      }
    return worst;
  }

 private:
  const std::vector<size_t>& groups_;
  Vector largest_;
};

// y(t + H) − y(t) by `steps` substeps. Increments instead of values keep the rounding relative to them.
class Midpoint {
 public:
  explicit Midpoint(size_t size) : point_(size), derivative_(size), before_(size), next_(size) {}

  void run(const RightHandSide& f, double t, double big_step, int steps, const Vector& y, const Vector& first,
           Vector& increment) {
    const size_t n = y.size();
    const double h = big_step / steps;
    std::fill(before_.begin(), before_.end(), 0.0);
    increment.resize(n);
    for (size_t i = 0; i < n; ++i) increment[i] = h * first[i];
    for (int step = 1; step <= steps; ++step) {
      for (size_t i = 0; i < n; ++i) point_[i] = y[i] + increment[i];
      f(t + step * h, point_, derivative_);
      if (step == steps) break;
      for (size_t i = 0; i < n; ++i) next_[i] = before_[i] + 2 * h * derivative_[i];
      std::swap(before_, increment);
      std::swap(increment, next_);
    }
    // Gragg's smoothing.
    for (size_t i = 0; i < n; ++i) increment[i] = 0.5 * (increment[i] + before_[i] + h * derivative_[i]);
  }

 private:
  Vector point_, derivative_, before_, next_;
};

}  // namespace

void extrapolate(const RightHandSide& f, double from, double to, Vector& y, const std::vector<size_t>& groups,
                 double tolerance, const std::function<void(double, const Vector&)>& each_step) {
  const size_t n = y.size();
  const double length = to - from;
  if (length == 0 || n == 0) return;
  Scale scale(groups, y);
  Midpoint midpoint(n);
  Vector derivative(n), difference(n), compensation(n, 0.0);
  std::vector<Vector> row(most_rows), last(most_rows);
  double t = from, h = 0.1 * length;
  f(t, y, derivative);
  while (t != to) {
    if (!(std::abs(h) > 1e-15 * std::max(std::abs(t), 1e-3 * std::abs(length)))) {
      std::fill(y.begin(), y.end(), std::numeric_limits<double>::quiet_NaN());
      return;
    }
    const bool ends = std::abs(h) >= 0.999 * std::abs(to - t);
    if (ends) h = to - t;
    scale.include(y, h, derivative);
    double error = std::numeric_limits<double>::infinity();
    int rows = 0;
    for (; rows < most_rows && error > tolerance; ++rows) {
      const int substeps = 2 * (rows + 1);
      midpoint.run(f, t, h, substeps, y, derivative, row[0]);
      for (int column = 1; column <= rows; ++column) {
        const double ratio = static_cast<double>(substeps) / (2 * (rows + 1 - column));
        row[column].resize(n);
        for (size_t i = 0; i < n; ++i)
          row[column][i] =
              row[column - 1][i] + (row[column - 1][i] - last[column - 1][i]) / (ratio * ratio - 1);
      }
      std::swap(row, last);
      if (rows + 1 < fewest_rows) continue;
      for (size_t i = 0; i < n; ++i) difference[i] = last[rows][i] - last[rows - 1][i];
      error = scale.error(difference, y);
    }
    const double growth =
        0.9 * std::pow(0.3 * tolerance / std::max(error, 1e-3 * tolerance), 1.0 / (2 * rows - 1));
    if (!(error <= tolerance)) {
      h *= std::isfinite(error) ? std::clamp(growth, 0.05, 0.5) : 0.1;
      continue;
    }
    for (size_t i = 0; i < n; ++i) {  // Kahan's sum
      const double increment = last[rows - 1][i] - compensation[i];
      const double sum = y[i] + increment;
      compensation[i] = (sum - y[i]) - increment;
      y[i] = sum;
    }
    t = ends ? to : t + h;
    if (each_step) each_step(t, y);
    h *= rows < 8 ? std::clamp(growth * 1.5, 0.5, 4.0) : std::clamp(growth, 0.2, 1.5);
    if (t != to) f(t, y, derivative);
  }
}

}  // namespace nodec::graph
