// Gradients through solves, run by the interpreter: the discrete adjoint against differences of replayed
// steps.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "tests/unit/solvers_fixture.hpp"

using namespace nodec;
using namespace nodec::solvers_fixture;

namespace {

// Central difference of the replayed solve with respect to one number, extrapolated once.
double difference(const Field& field, const Options& options, const std::vector<double>& p,
                  const Sample& base,
                  const std::function<void(std::vector<double>& p, Sample& s, double by)>& move) {
  auto slope = [&](double by) {
    double value[2];
    for (int side : {0, 1}) {
      std::vector<double> parameters = p;
      Sample moved = base;
      move(parameters, moved, side ? by : -by);
      value[side] = replayed(field, options, p, base, parameters, moved);
    }
    return (value[1] - value[0]) / (2 * by);
  };
  return (4 * slope(5e-4) - slope(1e-3)) / 3;
}

void check_gradient(const Field& field, Options options, const std::vector<double>& p, const Sample& sample) {
  options.gradient = true;
  const Solution s = solve(field, p, options, {sample});
  REQUIRE(s.fault == "");
  REQUIRE(s.samples[0].status.code == 0);
  const Solution::One& one = s.samples[0];
  auto near = [](double a, double b) { return std::fabs(a - b) <= 1e-7 * std::max(1.0, std::fabs(b)); };
  for (size_t d = 0; d < sample.z0.size(); ++d) {
    const double expected =
        difference(field, options, p, sample, [&](auto&, Sample& m, double by) { m.z0[d] += by; });
    CHECK_MESSAGE(near(one.z0_bar[d], expected), "z0[" << d << "] " << one.z0_bar[d] << " " << expected);
  }
  for (size_t i = 0; i < p.size(); ++i) {
    const double expected =
        difference(field, options, p, sample, [&](auto& q, Sample&, double by) { q[i] += by; });
    CHECK_MESSAGE(near(s.parameters_bar[i], expected),
                  "p[" << i << "] " << s.parameters_bar[i] << " " << expected);
  }
  const double t0 = difference(field, options, p, sample, [&](auto&, Sample& m, double by) {
    m.t0 += by;
    if (options.initial_observed) m.times[0] += by;
  });
  CHECK_MESSAGE(near(one.t0_bar, t0), "t0 " << one.t0_bar << " " << t0);
  for (size_t i = options.initial_observed ? 1 : 0; i < sample.times.size(); ++i) {
    if (i + 1 < sample.times.size() && sample.times[i] == sample.times.back())
      continue;  // only one-sided differences
    const double expected =
        difference(field, options, p, sample, [&](auto&, Sample& m, double by) { m.times[i] += by; });
    CHECK_MESSAGE(near(one.times_bar[i], expected),
                  "times[" << i << "] " << one.times_bar[i] << " " << expected);
  }
  if (options.initial_observed) CHECK(one.times_bar[0] == 0);
}

Sample observed(std::vector<double> z0, double t0, std::vector<double> times) {
  Sample s{std::move(z0), t0, std::move(times), {}};
  for (size_t i = 0; i < s.times.size() * s.z0.size(); ++i)
    s.bar.push_back(std::cos(1.7 * static_cast<double>(i) + 0.3));
  return s;
}

Options options(Tableau tableau, graph::StepRule rule, double step) {
  Options o;
  o.tableau = std::move(tableau);
  o.rule = rule;
  o.step = step;
  o.rtol = o.atol = 1e-4;
  return o;
}

}  // namespace

TEST_CASE("the discrete adjoint is the gradient of the steps taken") {
  for (const Tableau& rk : {euler(), heun(), rk4(), bosh3(), dopri5(), tsit5()})
    for (graph::StepRule rule :
         {graph::StepRule::adaptive, graph::StepRule::fixed_step, graph::StepRule::equal_steps}) {
      if (rule == graph::StepRule::adaptive && !rk.adaptive()) continue;
      const double step = rule == graph::StepRule::adaptive     ? 0
                          : rule == graph::StepRule::fixed_step ? 0.3
                                                                : 7;
      const std::string name = rk.name + " " + std::to_string(static_cast<int>(rule));
      CAPTURE(name);
      check_gradient(lotka_volterra(), options(rk, rule, step), {1.5, 1.0, 1.0, 3.0},
                     observed({1.0, 1.2}, 0.2, {0.47, 0.9, 1.61, 2.3}));
      check_gradient(forced_oscillator(), options(rk, rule, step), {1.3, 0.2, 2.0},
                     observed({1.0, 0.1}, 3.1, {2.0, 1.35, 0.7}));
      for (const std::vector<double>& times : {std::vector<double>{0.47, 0.9, 1.61, 2.3}, {2.3}})
        check_gradient(costs(), options(rk, rule, step), {1.3, 0.7},
                       observed({1.0, 0.1, 0.3, -0.2}, 0.2, times));
    }
}

TEST_CASE("the gradient with the initial value observed") {
  Options o = options(tsit5(), graph::StepRule::adaptive, 0);
  o.initial_observed = true;
  check_gradient(forced_oscillator(), o, {1.3, 0.2, 2.0}, observed({1.0, 0.1}, 0.5, {0.5, 1.3, 2.0, 4.0}));
}

TEST_CASE("a field of quadratures alone") {
  Field field = cosine();
  field.quadratures = 1;
  check_gradient(field, options(tsit5(), graph::StepRule::adaptive, 0), {}, observed({0.3}, 0.5, {1.3, 4.0}));
  Options o = options(dopri5(), graph::StepRule::adaptive, 0);
  o.gradient = true;
  for (graph::AdjointKind kind : {graph::AdjointKind::checkpoint, graph::AdjointKind::backsolve}) {
    o.adjoint = kind;
    const Solution s = solve(field, {}, o, {observed({0.3}, 0.5, {1.3, 4.0})});
    REQUIRE(s.fault == "");
    CHECK(s.samples[0].z[1] == doctest::Approx(0.3 + std::sin(4.0) - std::sin(0.5)).epsilon(1e-4));
    CHECK(s.samples[0].z0_bar[0] == doctest::Approx(std::cos(0.3) + std::cos(2.0)));
  }
}

TEST_CASE("a quadrature steps to the bits of a state that might be read, and has its gradient") {
  Field as_states = costs();
  as_states.quadratures = 0;
  for (graph::AdjointKind kind : {graph::AdjointKind::checkpoint, graph::AdjointKind::backsolve})
    for (const Tableau& rk : {heun(), bosh3(), dopri5(), tsit5()})
      for (const std::vector<double>& times : {std::vector<double>{0.47, 0.9, 2.3}, {2.3}}) {
        CAPTURE(rk.name);
        Options o = options(rk, graph::StepRule::adaptive, 0);
        o.in_norm = {true, true, true, true};
        o.gradient = true;
        o.adjoint = kind;
        o.adjoint_rtol = o.adjoint_atol = 1e-7;
        const Sample sample = observed({1.0, 0.1, 0.3, -0.2}, 0.2, times);
        const Solution a = solve(costs(), {1.3, 0.7}, o, {sample}),
                       b = solve(as_states, {1.3, 0.7}, o, {sample});
        REQUIRE(a.fault == "");
        REQUIRE(b.fault == "");
        const Solution::One &x = a.samples[0], &y = b.samples[0];
        CHECK(x.statistics.evaluations == y.statistics.evaluations);
        CHECK(x.statistics.rejected == y.statistics.rejected);
        const size_t last = 4 * (times.size() - 1);
        for (size_t d = 0; d < 4; ++d) CHECK(x.z[last + d] == y.z[last + d]);
        const double tolerance = kind == graph::AdjointKind::checkpoint ? 1e-13 : 1e-5;
        for (size_t d = 0; d < x.z.size(); ++d) CHECK(x.z[d] == doctest::Approx(y.z[d]).epsilon(1e-13));
        for (size_t d = 0; d < 4; ++d) CHECK(x.z0_bar[d] == doctest::Approx(y.z0_bar[d]).epsilon(tolerance));
        for (size_t i = 0; i < 2; ++i)
          CHECK(a.parameters_bar[i] == doctest::Approx(b.parameters_bar[i]).epsilon(tolerance));
        CHECK(x.t0_bar == doctest::Approx(y.t0_bar).epsilon(tolerance));
        // Without cotangents of times nothing else changes.
        o.times = false;
        const Solution untimed = solve(costs(), {1.3, 0.7}, o, {sample});
        REQUIRE(untimed.fault == "");
        CHECK(untimed.samples[0].z0_bar == x.z0_bar);
        CHECK(untimed.parameters_bar == a.parameters_bar);
      }
}

TEST_CASE("the gradient of a wide state, by loops") {
  check_gradient(wide(11), options(bosh3(), graph::StepRule::adaptive, 0), {0.6},
                 observed(std::vector<double>(11, 0.5), 0.0, {0.7, 1.5}));
}

TEST_CASE("the gradient with respect to the ends of an interval of no length is the field") {
  for (graph::AdjointKind kind : {graph::AdjointKind::checkpoint, graph::AdjointKind::backsolve}) {
    Options o = options(tsit5(), graph::StepRule::adaptive, 0);
    o.gradient = true;
    o.adjoint = kind;
    const Solution s = solve(decay(), {0.5}, o, {{{3.0}, 2, {2.0}, {2.0}}});
    REQUIRE(s.fault == "");
    CHECK(s.samples[0].z0_bar[0] == 2.0);
    CHECK(s.samples[0].times_bar[0] == doctest::Approx(2.0 * -1.5));
    CHECK(s.samples[0].t0_bar == doctest::Approx(2.0 * 1.5));
    CHECK(s.parameters_bar[0] == 0);
  }
}

TEST_CASE("equal neighbors among the times share the state's cotangent") {
  for (graph::AdjointKind kind : {graph::AdjointKind::checkpoint, graph::AdjointKind::backsolve}) {
    Options o = options(tsit5(), graph::StepRule::adaptive, 0);
    o.rtol = o.atol = o.adjoint_rtol = o.adjoint_atol = 1e-11;
    o.gradient = true;
    o.adjoint = kind;
    const Solution twice =
        solve(decay(), {0.5}, o, {{{3.0}, 0, {1.0, 1.0, 2.0, 2.0}, {0.5, 0.25, 1.0, 2.0}}});
    const Solution once = solve(decay(), {0.5}, o, {{{3.0}, 0, {1.0, 2.0}, {0.75, 3.0}}});
    REQUIRE(twice.fault == "");
    CHECK(twice.samples[0].z0_bar[0] == doctest::Approx(once.samples[0].z0_bar[0]).epsilon(1e-9));
    CHECK(twice.parameters_bar[0] == doctest::Approx(once.parameters_bar[0]).epsilon(1e-9));
    const auto& a = twice.samples[0].times_bar;
    CHECK(a[0] + a[1] == doctest::Approx(once.samples[0].times_bar[0]).epsilon(1e-9));
    CHECK(a[2] + a[3] == doctest::Approx(once.samples[0].times_bar[1]).epsilon(1e-9));
  }
}

TEST_CASE("gradients sum over samples with numbers of observations of their own") {
  Options o = options(dopri5(), graph::StepRule::adaptive, 0);
  o.gradient = true;
  const std::vector<double> p{1.5, 1.0, 1.0, 3.0};
  const std::vector<Sample> samples{observed({1.0, 1.2}, 0, {0.5, 3.0}), observed({2.0, 0.4}, 1, {1.5}),
                                    observed({0.5, 1.0}, 0, {0.1, 0.2, 0.3, 2.0, 2.5}),
                                    observed({1.0, 1.0}, 1, {1.0}), observed({1.0, 2.0}, 0, {-0.5, -0.7})};
  for (graph::AdjointKind kind : {graph::AdjointKind::checkpoint, graph::AdjointKind::backsolve}) {
    o.adjoint = kind;
    const Solution all = solve(lotka_volterra(), p, o, samples);
    REQUIRE(all.fault == "");
    std::vector<double> sum(4, 0.0);
    for (const Sample& sample : samples) {
      const Solution one = solve(lotka_volterra(), p, o, {sample});
      for (int i = 0; i < 4; ++i) sum[i] += one.parameters_bar[i];
    }
    for (int i = 0; i < 4; ++i) CHECK(all.parameters_bar[i] == doctest::Approx(sum[i]).epsilon(1e-12));
  }
}

TEST_CASE("backsolve converges to the discrete adjoint as the tolerance falls") {
  const std::vector<double> p{1.3, 0.2, 2.0};
  const Sample sample = observed({1.0, 0.1}, 0.5, {0.5, 1.3, 2.0, 4.0});
  for (bool initial_observed : {false, true}) {
    Options o = options(dopri5(), graph::StepRule::adaptive, 0);
    o.gradient = true;
    o.initial_observed = initial_observed;
    o.rtol = o.atol = 1e-12;
    const Solution exact = solve(forced_oscillator(), p, o, {sample});
    o.adjoint = graph::AdjointKind::backsolve;
    double last = 0;
    for (double tolerance : {1e-5, 1e-7, 1e-9, 1e-11}) {
      CAPTURE(tolerance);
      o.rtol = o.atol = o.adjoint_rtol = o.adjoint_atol = tolerance;
      const Solution s = solve(forced_oscillator(), p, o, {sample});
      REQUIRE(s.fault == "");
      double error = 0;
      for (int d = 0; d < 2; ++d)
        error = std::max(error, std::fabs(s.samples[0].z0_bar[d] - exact.samples[0].z0_bar[d]));
      for (int i = 0; i < 3; ++i)
        error = std::max(error, std::fabs(s.parameters_bar[i] - exact.parameters_bar[i]));
      for (int i = 0; i < 4; ++i)
        error = std::max(error, std::fabs(s.samples[0].times_bar[i] - exact.samples[0].times_bar[i]));
      error = std::max(error, std::fabs(s.samples[0].t0_bar - exact.samples[0].t0_bar));
      CHECK(error < 100 * tolerance);
      if (last > 0) CHECK(error < last / 10);
      last = error;
    }
  }
}

TEST_CASE("a fixed step's backsolve") {
  Options o = options(rk4(), graph::StepRule::fixed_step, 0.01);
  o.gradient = true;
  const std::vector<double> p{1.5, 1.0, 1.0, 3.0};
  const Sample sample = observed({1.0, 1.2}, 0.2, {0.47, 0.9, 2.3});
  const Solution exact = solve(lotka_volterra(), p, o, {sample});
  o.adjoint = graph::AdjointKind::backsolve;
  const Solution s = solve(lotka_volterra(), p, o, {sample});
  REQUIRE(s.fault == "");
  for (int i = 0; i < 4; ++i)
    CHECK(s.parameters_bar[i] == doctest::Approx(exact.parameters_bar[i]).epsilon(1e-6));
  for (int d = 0; d < 2; ++d)
    CHECK(s.samples[0].z0_bar[d] == doctest::Approx(exact.samples[0].z0_bar[d]).epsilon(1e-6));
}
