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
