// The solvers' forward pass, run by the interpreter.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "tests/unit/solvers_fixture.hpp"

using namespace nodec;
using namespace nodec::solvers_fixture;

namespace {

Options fixed(Tableau tableau, double steps) {
  Options o;
  o.tableau = std::move(tableau);
  o.rule = graph::StepRule::equal_steps;
  o.step = steps;
  return o;
}
Options adaptive(Tableau tableau, double tolerance) {
  Options o;
  o.tableau = std::move(tableau);
  o.rtol = o.atol = tolerance;
  return o;
}
bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

}  // namespace

TEST_CASE("every tableau converges at its order") {
  for (const Tableau& rk : {euler(), heun(), rk4(), bosh3(), dopri5(), tsit5()}) {
    CAPTURE(rk.name);
    const std::vector<double> p{1.0, 0.1, 0.5};
    const Sample sample{{1.0, 0.5}, 0, {2.0}, {}};
    const Options exact = fixed(tsit5(), 2000);
    const Solution reference = solve(forced_oscillator(), p, exact, {sample});
    REQUIRE(reference.fault == "");
    double errors[2];
    for (int i = 0; i < 2; ++i) {
      const Solution s = solve(forced_oscillator(), p, fixed(rk, i == 0 ? 16 : 32), {sample});
      REQUIRE(s.fault == "");
      errors[i] = std::fabs(s.samples[0].z[0] - reference.samples[0].z[0]);
      CHECK(s.samples[0].statistics.accepted == (i == 0 ? 16 : 32));
    }
    CHECK(std::log2(errors[0] / errors[1]) == doctest::Approx(rk.order).epsilon(0.15));
  }
}

TEST_CASE("the error follows the tolerance over six decades") {
  for (const Tableau& rk : {bosh3(), dopri5(), tsit5()}) {
    CAPTURE(rk.name);
    const std::vector<double> p{1.5, 1.0, 1.0, 3.0};
    const Sample sample{{1.0, 1.0}, 0, {2.0, 5.0}, {}};
    const Solution reference = solve(lotka_volterra(), p, fixed(tsit5(), 5000), {sample});
    double last = 0;
    for (double tolerance : {1e-4, 1e-6, 1e-8, 1e-10}) {
      CAPTURE(tolerance);
      const Solution s = solve(lotka_volterra(), p, adaptive(rk, tolerance), {sample});
      REQUIRE(s.fault == "");
      CHECK(s.samples[0].status.code == 0);
      const double error = std::fabs(s.samples[0].z[2] - reference.samples[0].z[2]);
      CHECK(error < 200 * tolerance);
      if (last > 0) CHECK(error < last / 5);
      last = error;
    }
  }
}

TEST_CASE("cos t is integrated although the field reads no state") {
  const Solution s = solve(cosine(), {}, adaptive(dopri5(), 1e-9), {{{0.0}, 0, {1.0, 20.0}, {}}});
  REQUIRE(s.fault == "");
  CHECK(s.samples[0].z[0] == doctest::Approx(std::sin(1.0)).epsilon(1e-8));
  CHECK(s.samples[0].z[1] == doctest::Approx(std::sin(20.0)).epsilon(1e-8));
}

TEST_CASE("an integration backward in time retraces the one forward") {
  const std::vector<double> p{1.5, 1.0, 1.0, 3.0};
  const Options o = adaptive(tsit5(), 1e-11);
  const Solution there = solve(lotka_volterra(), p, o, {{{1.0, 1.0}, -1, {4.0}, {}}});
  REQUIRE(there.fault == "");
  const Solution back = solve(lotka_volterra(), p, o, {{there.samples[0].z, 4, {4.0, 2.0, -1.0}, {}}});
  REQUIRE(back.fault == "");
  CHECK(back.samples[0].z[0] == there.samples[0].z[0]);
  CHECK(back.samples[0].z[4] == doctest::Approx(1.0).epsilon(1e-8));
  CHECK(back.samples[0].z[5] == doctest::Approx(1.0).epsilon(1e-8));
  const Solution dt = solve(decay(), {1.0},
                            [] {
                              Options f = fixed(rk4(), 0.01);
                              f.rule = graph::StepRule::fixed_step;
                              return f;
                            }(),
                            {{{1.0}, 2, {1.005, 1.0}, {}}});
  CHECK(dt.samples[0].z[1] == doctest::Approx(std::exp(1.0)).epsilon(1e-8));
  CHECK(dt.samples[0].z[0] == doctest::Approx(std::exp(0.995)).epsilon(1e-6));
  CHECK(dt.samples[0].statistics.accepted == 100);
}

TEST_CASE("an interval of no length gives the initial state without steps") {
  const Solution s =
      solve(decay(), {1.0}, adaptive(dopri5(), 1e-6), {{{3.0}, 2, {2.0}, {}}, {{3.0}, 2, {2.0, 2.0}, {}}});
  REQUIRE(s.fault == "");
  CHECK(s.samples[0].z[0] == 3.0);
  CHECK(s.samples[1].z == std::vector<double>{3.0, 3.0});
  CHECK(s.samples[0].statistics.accepted == 0);
  CHECK(s.samples[0].statistics.evaluations == 0);
}

TEST_CASE("observations fall inside steps, on their ends, and on each other") {
  const std::vector<double> p{1.5, 1.0, 1.0, 3.0};
  Sample sample{{1.0, 1.0}, 0, {}, {}};
  for (int i = 0; i <= 3000; ++i) sample.times.push_back(i / 600.0);
  sample.times.insert(sample.times.begin() + 1500, sample.times[1500]);
  Options o = adaptive(tsit5(), 1e-8);
  o.initial_observed = true;
  const Solution many = solve(lotka_volterra(), p, o, {sample});
  REQUIRE(many.fault == "");
  const std::vector<double>& z = many.samples[0].z;
  CHECK(z[0] == 1.0);
  CHECK(z[2 * 1500] == z[2 * 1501]);
  const Solution end = solve(lotka_volterra(), p, o, {{{1.0, 1.0}, 0, {5.0}, {}}});
  CHECK(z[2 * 3001] == end.samples[0].z[0]);  // observing changes no step
  CHECK(many.samples[0].statistics.accepted == end.samples[0].statistics.accepted);
  const Solution exact =
      solve(lotka_volterra(), p, adaptive(tsit5(), 1e-12), {{{1.0, 1.0}, 0, {1.7, 3.2}, {}}});
  CHECK(z[2 * 1020] == doctest::Approx(exact.samples[0].z[0]).epsilon(1e-6));
  CHECK(z[2 * 1921] == doctest::Approx(exact.samples[0].z[2]).epsilon(1e-6));
}

TEST_CASE("a sample takes the same steps to the same bits alone and in any tile") {
  const Field field = lotka_volterra();
  const std::vector<double> p{1.5, 1.0, 1.0, 3.0};
  std::vector<Sample> samples;
  for (int i = 0; i < 7; ++i) {
    Sample s{{0.3 + 3 * i, 1.0 / (1 + i)}, 0.1 * i, {}, {}};
    for (int k = 1; k <= 1 + 2 * i; ++k) s.times.push_back(s.t0 + (i % 2 ? -0.4 : 0.7) * k * k / (1.0 + i));
    s.bar.assign(s.times.size() * 2, 0.25 * (i + 1));
    samples.push_back(s);
  }
  for (graph::AdjointKind adjoint : {graph::AdjointKind::checkpoint, graph::AdjointKind::backsolve})
    for (const Tableau& rk : {heun(), tsit5()}) {
      Options o = adaptive(rk, 1e-5);
      o.gradient = true;
      o.adjoint = adjoint;
      const Solution together = solve(field, p, o, samples);
      REQUIRE(together.fault == "");
      std::vector<Sample> reversed(samples.rbegin(), samples.rend());
      o.lanes = 8;
      const Solution wider = solve(field, p, o, reversed);
      REQUIRE(wider.fault == "");
      for (size_t i = 0; i < samples.size(); ++i) {
        o.lanes = 4;
        const Solution alone = solve(field, p, o, {samples[i]});
        REQUIRE(alone.fault == "");
        for (const Solution::One* other : {&together.samples[i], &wider.samples[samples.size() - 1 - i]}) {
          CHECK(same_bits(alone.samples[0].z, other->z));
          CHECK(same_bits(alone.samples[0].z0_bar, other->z0_bar));
          CHECK(same_bits(alone.samples[0].times_bar, other->times_bar));
          CHECK(alone.samples[0].t0_bar == other->t0_bar);
          CHECK(alone.samples[0].statistics.evaluations == other->statistics.evaluations);
          CHECK(alone.samples[0].statistics.accepted == other->statistics.accepted);
          CHECK(alone.samples[0].statistics.rejected == other->statistics.rejected);
        }
      }
    }
}

TEST_CASE("samples of very different stiffness in a tile step on their own") {
  const Options o = adaptive(dopri5(), 1e-6);
  const Solution s =
      solve(blow_up(), {}, o, {{{0.1}, 0, {1.0}, {}}, {{0.9999}, 0, {1.0}, {}}, {{-50.0}, 0, {1.0}, {}}});
  REQUIRE(s.fault == "");
  CHECK(s.samples[0].z[0] == doctest::Approx(0.1 / 0.9).epsilon(1e-5));
  CHECK(s.samples[1].z[0] == doctest::Approx(0.9999 / 0.0001).epsilon(1e-1));
  CHECK(s.samples[2].z[0] == doctest::Approx(-50.0 / 51).epsilon(1e-5));
  CHECK(s.samples[1].statistics.accepted > 2 * s.samples[0].statistics.accepted);
}

TEST_CASE("states out of the norm do not shorten steps") {
  const std::vector<double> p{1.0, 0.0, 40.0};
  const Sample sample{{1.0, 0.0}, 0, {5.0}, {}};
  Options all = adaptive(tsit5(), 1e-8), first = all;
  all.in_norm = {true, true};
  first.in_norm = {true, false};
  const Solution a = solve(forced_oscillator(), p, all, {sample}),
                 b = solve(forced_oscillator(), p, first, {sample});
  REQUIRE(a.fault == "");
  REQUIRE(b.fault == "");
  CHECK(b.samples[0].statistics.accepted < a.samples[0].statistics.accepted);
}

TEST_CASE("a wide state is stepped by loops") {
  const Solution s =
      solve(wide(20), {0.7}, adaptive(tsit5(), 1e-9), {{std::vector<double>(20, 1.0), 0, {0.5, 2.0}, {}}});
  REQUIRE(s.fault == "");
  CHECK(s.samples[0].z[0] == doctest::Approx(std::exp(-0.35)).epsilon(1e-7));
  // z_1 = e^(−pt) (1 + 0.05 t²)
  CHECK(s.samples[0].z[21] == doctest::Approx(std::exp(-1.4) * 1.2).epsilon(1e-7));
}

TEST_CASE("a solve in single precision") {
  Options o = adaptive(tsit5(), 1e-5);
  o.double_precision = false;
  const Solution s = solve(decay(), {1.0}, o, {{{1.0}, 0, {1.0, 3.0}, {}}});
  REQUIRE(s.fault == "");
  CHECK(s.samples[0].z[1] == doctest::Approx(std::exp(-3.0)).epsilon(1e-3));
}

TEST_CASE("a first step that is given is taken") {
  Options o = adaptive(tsit5(), 1e-6);
  const Solution chosen = solve(decay(), {1.0}, o, {{{1.0}, 0, {1.0}, {}}});
  o.step = 1e-4;
  const Solution given = solve(decay(), {1.0}, o, {{{1.0}, 0, {1.0}, {}}});
  REQUIRE(given.fault == "");
  const auto& a = chosen.samples[0].statistics;
  const auto& b = given.samples[0].statistics;
  CHECK(a.evaluations == 2 + 6 * (a.accepted + a.rejected));
  CHECK(b.evaluations == 1 + 6 * (b.accepted + b.rejected));
  CHECK(b.accepted > a.accepted);
}

TEST_CASE("evaluations are counted where they serve a sample") {
  const Solution s = solve(decay(), {1.0}, fixed(rk4(), 10), {{{1.0}, 0, {1.0}, {}}});
  CHECK(s.samples[0].statistics.evaluations == 40);
  const Solution e = solve(decay(), {1.0}, fixed(euler(), 10), {{{1.0}, 0, {1.0}, {}}});
  CHECK(e.samples[0].statistics.evaluations == 10);
}

TEST_CASE("failures name sample, time and state, and leave the others alone") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  SUBCASE("a solution that leaves every bound") {
    const Solution s = solve(blow_up(), {}, adaptive(tsit5(), 1e-6),
                             {{{1.0}, 0, {0.5, 2.0}, {}}, {{0.1}, 0, {1.0, 2.0}, {}}});
    REQUIRE(s.fault == "");
    CHECK(s.samples[0].status.code != 0);
    CHECK(s.samples[0].status.t == doctest::Approx(1.0).epsilon(1e-3));
    CHECK(s.samples[0].status.state == 0);
    CHECK(std::isnan(s.samples[0].z[0]));
    CHECK(std::isnan(s.samples[0].z[1]));
    CHECK(s.samples[1].status.code == 0);
    CHECK(s.samples[1].z[1] == doctest::Approx(0.1 / 0.8).epsilon(1e-5));
  }
  SUBCASE("a field that is not a number at the start") {
    const Solution s =
        solve(square_root(), {}, adaptive(tsit5(), 1e-6), {{{-1.0}, 0, {1.0}, {}}, {{4.0}, 0, {1.0}, {}}});
    CHECK(s.samples[0].status.code == static_cast<int>(runtime::Failure::not_finite));
    CHECK(s.samples[0].status.t == 0);
    CHECK(s.samples[1].z[0] == doctest::Approx(2.25).epsilon(1e-5));
  }
  SUBCASE("a field that stops being a number") {
    const Solution s = solve(square_root(), {}, adaptive(tsit5(), 1e-8), {{{1.0}, 0, {3.0}, {}}});
    CHECK(s.samples[0].status.code != 0);
    CHECK(s.samples[0].status.t == doctest::Approx(2.0).epsilon(1e-2));
    CHECK(std::isnan(s.samples[0].z[0]));
  }
  SUBCASE("a fixed step that overflows") {
    const Solution s = solve(blow_up(), {}, fixed(euler(), 20), {{{100.0}, 0, {10.0}, {}}});
    CHECK(s.samples[0].status.code == static_cast<int>(runtime::Failure::not_finite));
  }
  SUBCASE("too many steps") {
    Options o = adaptive(tsit5(), 1e-8);
    o.max_steps = 5;
    const Solution s = solve(lotka_volterra(), {1.5, 1, 1, 3}, o, {{{1.0, 1.0}, 0, {10.0}, {}}});
    CHECK(s.samples[0].status.code == static_cast<int>(runtime::Failure::step_limit));
    CHECK(s.samples[0].status.steps == 5);
  }
  SUBCASE("times and states that are not numbers") {
    const Solution s =
        solve(decay(), {1.0}, adaptive(tsit5(), 1e-8), {{{1.0}, 0, {nan}, {}}, {{nan}, 0, {1.0}, {}}});
    CHECK(s.samples[0].status.code == static_cast<int>(runtime::Failure::times_not_monotone));
    CHECK(s.samples[0].status.steps == 0);
    CHECK(std::isnan(s.samples[0].z[0]));
    CHECK(s.samples[1].status.code == static_cast<int>(runtime::Failure::not_finite));
  }
  SUBCASE("times that turn back") {
    Options o = adaptive(tsit5(), 1e-8);
    o.gradient = true;
    const std::vector<double> bar{1.0, 1.0, 1.0};
    const Solution s = solve(decay(), {1.0}, o,
                             {{{1.0}, 0, {0.5, 2.0, 1.0}, bar},
                              {{1.0}, 0, {0.5, 1.0, 2.0}, bar},
                              {{1.0}, 1, {0.5, 1.0, 2.0}, bar},
                              {{1.0}, 0, {-0.5, -1.0, 0.0}, bar},
                              {{1.0}, 2, {1.0, 1.0, 0.5}, bar},
                              {{1.0}, 0, {1.0, nan, 2.0}, bar}});
    REQUIRE(s.fault == "");
    const int places[] = {2, -1, 0, 0, -1, 1};
    const double times[] = {1.0, 0, 0.5, -0.5, 0, nan}, before[] = {2.0, 0, 1, 0, 0, 1};
    for (size_t i = 0; i < 6; ++i) {
      CAPTURE(i);
      const runtime::Status& status = s.samples[i].status;
      if (places[i] < 0) {
        CHECK(status.code == 0);
        CHECK(std::isfinite(s.samples[i].z[2]));
        continue;
      }
      CHECK(status.code == static_cast<int>(runtime::Failure::times_not_monotone));
      CHECK(status.steps == places[i]);
      CHECK((status.t == times[i] || (std::isnan(status.t) && std::isnan(times[i]))));
      CHECK(status.h == before[i]);
      for (const double z : s.samples[i].z) CHECK(std::isnan(z));
    }
    CHECK(s.samples[1].z[2] == doctest::Approx(std::exp(-2.0)).epsilon(1e-6));
  }
  SUBCASE("a step of nothing") {
    Options o = fixed(rk4(), 0);
    o.rule = graph::StepRule::fixed_step;
    const Solution s = solve(decay(), {1.0}, o, {{{1.0}, 0, {1.0}, {}}});
    CHECK(s.samples[0].status.code == static_cast<int>(runtime::Failure::step_underflow));
  }
}
