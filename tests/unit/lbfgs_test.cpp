// L-BFGS on functions with known minima; its state, saved and restored.
#include <doctest/doctest.h>

#include <cmath>

#include "runtime/lbfgs.hpp"

namespace nodec::runtime {
namespace {

using Values = std::vector<double>;

double rosenbrock(std::span<const double> x, std::span<double> g) {
  double sum = 0;
  for (double& e : g) e = 0;
  for (size_t i = 0; i + 1 < x.size(); ++i) {
    const double a = 1 - x[i], b = x[i + 1] - x[i] * x[i];
    sum += a * a + 100 * b * b;
    g[i] += -2 * a - 400 * x[i] * b;
    g[i + 1] += 200 * b;
  }
  return sum;
}

struct Ran {
  LbfgsState state;
  int steps;
};
Ran minimize(const Objective& objective, Values& x, const LbfgsOptions& options = {}) {
  Lbfgs lbfgs;
  for (int step = 1; step <= 1000; ++step) {
    const double before = step == 1 ? INFINITY : lbfgs.loss();
    const LbfgsState state = lbfgs.step(options, objective, x, false);
    CHECK_FALSE(lbfgs.loss() > before);
    if (state != LbfgsState::moved) return {state, step};
  }
  return {LbfgsState::moved, 1000};
}

TEST_CASE("lbfgs: Rosenbrock's function in ten variables") {
  Values x(10, -1.2);
  int evaluations = 0;
  const Ran ran = minimize(
      [&](std::span<const double> at, std::span<double> g) {
        ++evaluations;
        return rosenbrock(at, g);
      },
      x);
  CHECK(ran.state == LbfgsState::gradient_small);
  CHECK(ran.steps < 120);
  CHECK(evaluations < 200);
  for (const double e : x) CHECK(e == doctest::Approx(1).epsilon(1e-6));
}

TEST_CASE("lbfgs: a badly scaled quadratic needs few steps") {
  Values x(20, 1);
  const Ran ran = minimize(
      [](std::span<const double> at, std::span<double> g) {
        double sum = 0;
        for (size_t i = 0; i < at.size(); ++i) {
          const double scale = std::pow(10.0, static_cast<double>(i) / 10);
          sum += scale * at[i] * at[i] / 2;
          g[i] = scale * at[i];
        }
        return sum;
      },
      x, {.history = 20});
  CHECK(ran.state != LbfgsState::moved);
  CHECK(ran.steps < 100);
  for (const double e : x) CHECK(std::fabs(e) < 1e-6);
}

TEST_CASE("lbfgs: the line search comes back from where the function is not defined") {
  // x − log x: not a number for x < 0, where the first step would lead.
  Values x = {30};
  const Ran ran = minimize(
      [](std::span<const double> at, std::span<double> g) {
        g[0] = 1 - 1 / at[0];
        return at[0] - std::log(at[0]);
      },
      x, {.lr = 100});
  CHECK(ran.state != LbfgsState::not_finite);
  CHECK(x[0] == doctest::Approx(1).epsilon(1e-5));
}

TEST_CASE("lbfgs: what stops it") {
  Values x = {0};
  const auto constant = [](std::span<const double>, std::span<double> g) {
    g[0] = 0;
    return 1.0;
  };
  CHECK(minimize(constant, x).state == LbfgsState::gradient_small);
  // A gradient that lies: no point is lower.
  const auto wrong = [](std::span<const double> at, std::span<double> g) {
    g[0] = at[0] > 0 ? -1 : 1;
    return std::fabs(at[0]) + 1;
  };
  CHECK(minimize(wrong, x).state == LbfgsState::no_lower_point);
  CHECK(x[0] == 0);
  const auto undefined = [](std::span<const double>, std::span<double> g) {
    g[0] = 1;
    return std::nan("");
  };
  CHECK(minimize(undefined, x).state == LbfgsState::not_finite);
}

TEST_CASE("lbfgs: a restored state takes the same steps") {
  const auto run = [](bool interrupted) {
    Values x(6, -0.5);
    Lbfgs lbfgs;
    for (int step = 0; step < 20; ++step) {
      if (interrupted && step == 11) {
        Lbfgs again;
        again.restore(lbfgs.pairs());
        lbfgs = std::move(again);
      }
      lbfgs.step({.history = 4}, rosenbrock, x, false);
      CHECK(lbfgs.pairs().size() <= 4);
    }
    return x;
  };
  CHECK(run(false) == run(true));
}

}  // namespace
}  // namespace nodec::runtime
