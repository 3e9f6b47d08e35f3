// Every tableau of the standard library, stepped: order, tolerance, gradients of its interpolant.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "tests/unit/semantics_fixture.hpp"
#include "tests/unit/solvers_fixture.hpp"

using namespace nodec;
using namespace nodec::solvers_fixture;

namespace {

// As the solve of a small model names it.
Tableau of_library(const std::string& method) {
  const semantics::test::Program program(
      "field f { state z: real; z' = -z }\nmodel m { data z0: real\n"
      "output z = solve f(z = z0) from 0 to 1 by " +
      method + "(steps = 4) }\n");
  REQUIRE(program.rendered == "");
  std::vector<graph::Ref> roots;
  for (const graph::Output& output : program.model().outputs) roots.push_back(output.value);
  for (const graph::Ref node : graph::postorder(roots))
    if (node->is(graph::Kind::solve)) return *node->as<graph::SolveInfo>().tableau;
  FAIL("no solve");
  return {};
}

const std::vector<std::string> methods{"euler", "midpoint", "heun",  "rk4",
                                       "bosh3", "dopri5",   "tsit5", "dop853"};

Solution oscillate(const Tableau& rk, graph::StepRule rule, double steps_or_tolerance, const Sample& sample,
                   bool gradient = false) {
  Options o;
  o.tableau = rk;
  o.rule = rule;
  if (rule == graph::StepRule::adaptive)
    o.rtol = o.atol = steps_or_tolerance;
  else
    o.step = steps_or_tolerance;
  o.gradient = gradient;
  Solution s = solve(forced_oscillator(), {1.0, 0.1, 0.5}, o, {sample});
  REQUIRE(s.fault == "");
  REQUIRE(s.samples[0].status.code == 0);
  return s;
}

}  // namespace

TEST_CASE("every method of the standard library converges at its order, and between steps") {
  const Sample sample{{1.0, 0.5}, 0, {1.3, 2.0}, {}};
  const Solution exact = oscillate(of_library("tsit5"), graph::StepRule::adaptive, 1e-13, sample);
  for (const std::string& method : methods) {
    CAPTURE(method);
    const Tableau rk = of_library(method);
    const int coarse = rk.order == 8 ? 4 : 16;
    double end[2], between[2];
    for (int i = 0; i < 2; ++i) {
      const Solution s = oscillate(rk, graph::StepRule::equal_steps, coarse << i, sample);
      between[i] = std::fabs(s.samples[0].z[0] - exact.samples[0].z[0]);
      end[i] = std::fabs(s.samples[0].z[2] - exact.samples[0].z[2]);
    }
    CHECK(std::log2(end[0] / end[1]) > rk.order - 0.6);
    CHECK(between[1] < 20 * std::pow(2.0 / (2 * coarse), std::min(rk.order, 4)));
  }
}

TEST_CASE("every adaptive method of the standard library meets its tolerance") {
  const Sample sample{{1.0, 0.5}, 0, {1.3, 7.7, 20.0}, {}};
  const Solution exact = oscillate(of_library("dop853"), graph::StepRule::adaptive, 1e-13, sample);
  for (const std::string& method : methods) {
    const Tableau rk = of_library(method);
    if (!rk.adaptive()) continue;
    CAPTURE(method);
    int64_t last = 0;
    for (double tolerance : {1e-4, 1e-6, 1e-8, 1e-10}) {
      CAPTURE(tolerance);
      const Solution s = oscillate(rk, graph::StepRule::adaptive, tolerance, sample);
      for (int i = 0; i < 6; ++i)
        CHECK(std::fabs(s.samples[0].z[i] - exact.samples[0].z[i]) < 100 * tolerance);
      CHECK(s.samples[0].statistics.evaluations > last);
      last = s.samples[0].statistics.evaluations;
    }
  }
}

TEST_CASE("the gradient of dop853's interpolant is that of replayed steps") {
  Options o;
  o.tableau = of_library("dop853");
  o.rtol = o.atol = 1e-4;
  const std::vector<double> p{1.0, 0.1, 0.5};
  const Sample sample{{1.0, 0.5}, 0.2, {0.9, 1.0, 4.1, 6.0}, {0.3, 1.0, -0.7, 0.2, 0.5, -1.0, 0.4, 0.9}};
  o.gradient = true;
  const Solution s = solve(forced_oscillator(), p, o, {sample});
  REQUIRE(s.fault == "");
  auto difference = [&](auto move) {
    auto slope = [&](double by) {
      std::vector<double> up = p, down = p;
      Sample above = sample, below = sample;
      move(up, above, by);
      move(down, below, -by);
      return (replayed(forced_oscillator(), o, p, sample, up, above) -
              replayed(forced_oscillator(), o, p, sample, down, below)) /
             (2 * by);
    };
    return (4 * slope(5e-4) - slope(1e-3)) / 3;
  };
  for (int i = 0; i < 3; ++i)
    CHECK(s.parameters_bar[i] ==
          doctest::Approx(difference([i](auto& q, Sample&, double by) { q[i] += by; })).epsilon(1e-8));
  for (int i = 0; i < 4; ++i)
    CHECK(s.samples[0].times_bar[i] ==
          doctest::Approx(difference([i](auto&, Sample& m, double by) { m.times[i] += by; })).epsilon(1e-8));
  CHECK(s.samples[0].t0_bar ==
        doctest::Approx(difference([](auto&, Sample& m, double by) { m.t0 += by; })).epsilon(1e-8));
}
