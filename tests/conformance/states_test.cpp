// States with known values, closed forms, orders of convergence, odd intervals.
#include "tests/conformance/problem.hpp"

namespace nodec::conformance {
namespace {

// The final state of a field given by its members, as text.
Array final_state(const std::string& members, const std::string& bindings, const std::string& state,
                  const std::string& interval, const std::string& method) {
  Problem problem("field f {\n" + members + "\n}\nmodel m {\n  data unused: real\n  let s = solve f(" +
                  bindings + ") " + interval + " by " + method + "\n" + state + "\n}\n");
  return problem.evaluate({{"unused", scalar(0)}}).outputs.at("out");
}

const std::string tight = "dop853(rtol = 1e-12, atol = 1e-14)";
const std::string one = "  output out = s";

}  // namespace

TEST_CASE("DETEST problems at t = 20") {
  struct Row {
    const char* equation;
    double initial, exact;
  };
  for (const Row& row :
       {Row{"y' = -y", 1, 2.061153622438557828e-9}, Row{"y' = -y^3 / 2", 1, 0.21821789023599238127},
        Row{"y' = y * cos(t)", 1, 2.4916502718504145235},
        Row{"y' = y / 4 * (1 - y / 20)", 1, 17.730166481314839849},
        Row{"y' = (y - t) / (y + t)", 4, -0.78878266889640142373}}) {
    CAPTURE(row.equation);
    const Array y = final_state("state y: real\n" + std::string(row.equation),
                                "y = " + std::to_string(row.initial), one, "from 0 to 20", tight);
    CHECK(std::fabs(y.values[0] - row.exact) < 1e-9 * std::fmax(1e-3, std::fabs(row.exact)));
  }
}

TEST_CASE("nonlinear systems: cubic spiral, van der Pol, Lorenz, Kepler") {
  check_close(final_state("state z: real[2]\n z' = z^3 @ [[-0.1, 2], [-2, -0.1]]", "z = [2, 0]", one,
                          "from 0 to 25", tight),
              {-0.443623486698634945, 0.279440641618938998}, 1e-9);
  check_close(final_state("state x: real, y: real\n x' = y\n y' = 2 * (1 - x^2) * y - x", "x = 2, y = 0",
                          "  let (x, y) = s\n  output out = [x, y]", "from 0 to 10", tight),
              {0.841553652197329878, -1.08904785682484969}, 1e-9);
  check_close(final_state("state u: real[3]\n"
                          " u' = [10 * (u[1] - u[0]), u[0] * (28 - u[2]) - u[1], u[0] * u[1] - 8 / 3 * u[2]]",
                          "u = [1, 0, 0]", one, "from 0 to 1", tight),
              {-9.40845056705603621, -9.09619907118647897, 28.5816276243923391}, 1e-9);
  check_close(
      final_state("state q: real[2]\n q'' = -q / norm(q)^3", "q = [0.1, 0], q' = [0, sqrt(19)]",
                  "  let (q, v) = s\n  output out = q", "from 0 to 20", "dop853(rtol = 1e-13, atol = 1e-14)"),
      {-1.2952662509875743677, 0.40039389637923215}, 1e-8);
}

TEST_CASE("an Arenstorf orbit closes after its period") {
  const Array end = final_state(
      R"(state q: real[2], v: real[2]
  let d1 = ((q[0] + 0.012277471)^2 + q[1]^2)^1.5
  let d2 = ((q[0] - 0.987722529)^2 + q[1]^2)^1.5
  q' = v
  v' = [q[0] + 2 * v[1] - 0.987722529 * (q[0] + 0.012277471) / d1 - 0.012277471 * (q[0] - 0.987722529) / d2,
        q[1] - 2 * v[0] - 0.987722529 * q[1] / d1 - 0.012277471 * q[1] / d2])",
      "q = [0.994, 0], v = [0, -2.00158510637908252240537862224]", "  let (q, v) = s\n  output out = q",
      "from 0 to 17.0652165601579625588917206249", "dop853(rtol = 1e-13, atol = 1e-13)");
  CHECK(std::fabs(end.values[0] - 0.994) < 1e-5);
  CHECK(std::fabs(end.values[1]) < 1e-5);
}

TEST_CASE("z' = -z^3 with its log-determinant") {
  const Array end =
      final_state("state z: real\n z' = -z^3", "z = 0.7", "  let (z, ld) = s\n  output out = [z, ld]",
                  "from 0 to 2 with logdet", tight);
  check_close(end, {0.406866735603367482, -1.62778390250395351}, 1e-10);
}

TEST_CASE("a linear flow with its log-determinant: a damped rotation") {
  // A = [[-0.2, 1.5], [-1.5, -0.2]]: z(t) = e^(-0.2 t) (rotation by 1.5 t), logdet = -0.4 t.
  const double T = 2.5, decay = std::exp(-0.2 * T), c = std::cos(1.5 * T), s = std::sin(1.5 * T);
  const Array end =
      final_state("state z: real[2]\n z' = [[-0.2, 1.5], [-1.5, -0.2]] @ z", "z = [1, 0.5]",
                  "  let (z, ld) = s\n  output out = concat(z, [ld])", "from 0 to 2.5 with logdet", tight);
  check_close(end, {decay * (c + 0.5 * s), decay * (-s + 0.5 * c), -0.4 * T}, 1e-10);
}

TEST_CASE("logistic growth, a fast start, a stiff oscillator and a chaotic one") {
  const Array logistic = final_state("state y: real\n y' = y * (1 - y)", "y = 0.1", "  output out = s",
                                     "at [0, 1, 5, 9]", tight);
  check_close(logistic, {0.1, 0.23196931668407395, 0.9428256185740148, 0.9988905440229229}, 1e-10);
  check_close(final_state("state y: real\n y' = y^2", "y = -200", one, "from 0 to 20", tight),
              {-200.0 / 4001}, 1e-9);
  check_close(final_state("state x: real, y: real\n x' = y\n y' = 25 * (1 - x^2) * y - x", "x = 2, y = 0",
                          "  let (x, y) = s\n  output out = [x, y]", "from 0 to 10", tight),
              {1.69388222013928543, -0.0362133916810013958}, 1e-9);
  check_close(final_state("state u: real[3]\n"
                          " u' = [10 * (u[1] - u[0]), u[0] * (28 - u[2]) - u[1], u[0] * u[1] - 8 / 3 * u[2]]",
                          "u = [1, 0, 0]", one, "from 0 to 10", "dop853(rtol = 1e-13, atol = 1e-13)"),
              {-5.85768538242409002, -5.83108248642610044, 23.9321329870275626}, 1e-7);
}

TEST_CASE("thousands of observation times, every one on the solution") {
  const Array y = final_state("state y: real\n y' = y * cos(t)", "y = 1", one, "at linspace(0, 20, 5001)",
                              "tsit5(rtol = 1e-9, atol = 1e-9)");
  REQUIRE(y.values.size() == 5001);
  for (size_t i = 0; i < y.values.size(); ++i)
    CHECK(y.values[i] ==
          doctest::Approx(std::exp(std::sin(20.0 * static_cast<double>(i) / 5000))).epsilon(1e-7));
}

TEST_CASE("backward integration returns, and nothing happens when the times are equal") {
  const std::string field = "state y: real\n y' = 0.2 + (y - (0.2 * t + 3))^5";
  CHECK(final_state(field, "y = 4.6", one, "from 8 to 1", "dopri5(rtol = 1e-10, atol = 1e-10)").values[0] ==
        doctest::Approx(3.2).epsilon(1e-9));
  CHECK(final_state(field, "y = 3.2", one, "from 1 to 8", "dopri5(rtol = 1e-10, atol = 1e-10)").values[0] ==
        doctest::Approx(4.6).epsilon(1e-9));
  CHECK(final_state(field, "y = 3.2", one, "from 1 to 1", "dopri5(rtol = 1e-10, atol = 1e-10)").values[0] ==
        3.2);
}

TEST_CASE("intervals of 1e-12 and 1e12") {
  CHECK(final_state("state y: real\n y' = -y", "y = 1", one, "from 0 to 1e-12",
                    "tsit5(rtol = 1e-8, atol = 1e-8)")
            .values[0] == doctest::Approx(1 - 1e-12).epsilon(1e-15));
  CHECK(final_state("state y: real\n y' = -y / 1e12", "y = 1", one, "from 0 to 1e12",
                    "tsit5(rtol = 1e-10, atol = 1e-10)")
            .values[0] == doctest::Approx(std::exp(-1.0)).epsilon(1e-8));
}

TEST_CASE("every method converges at its order") {
  struct Row {
    const char* name;
    int order, forced, linear;  // the coarser of two step counts, beyond which the leading term dominates
  };
  for (const Row& row : {Row{"euler", 1, 256, 256}, Row{"midpoint", 2, 64, 64}, Row{"heun", 2, 64, 64},
                         Row{"rk4", 4, 32, 32}, Row{"bosh3", 3, 64, 64}, Row{"dopri5", 5, 64, 16},
                         Row{"tsit5", 5, 256, 32}, Row{"dop853", 8, 12, 6}}) {
    for (const char* problem : {"2 * y / t + t^4 * sin(2 * t) - t^2 + 4 * t^3", "-y + 0 * t"}) {
      CAPTURE(row.name);
      CAPTURE(problem);
      const bool linear = problem[0] == '-';
      const auto error = [&](int steps) {
        const double exact = linear ? std::exp(-3.0) : [] {
          const double t = 4, pi = 3.14159265358979323846;
          return -0.5 * std::pow(t, 4) * std::cos(2 * t) + 0.5 * std::pow(t, 3) * std::sin(2 * t) +
                 0.25 * t * t * std::cos(2 * t) - std::pow(t, 3) + 2 * std::pow(t, 4) + (pi - 0.25) * t * t;
        }();
        // y(1) of the closed form above.
        const char* start = linear ? "y = 1" : "y = -0.25 * cos(2) + 0.5 * sin(2) + 1 + pi - 0.25";
        const Array y = final_state(std::string("state y: real\n y' = ") + problem, start, one, "from 1 to 4",
                                    std::string(row.name) + "(steps = " + std::to_string(steps) + ")");
        return std::fabs(y.values[0] - exact);
      };
      const int steps = linear ? row.linear : row.forced;
      const double slope = std::log2(error(steps) / error(2 * steps));
      CHECK(slope > row.order - 0.3);
      CHECK(slope < row.order + 1.3);
    }
  }
}

TEST_CASE("the error follows the tolerance over six decades") {
  for (const std::string method : {"bosh3", "dopri5", "tsit5", "dop853"}) {
    for (int decade = 3; decade <= 9; ++decade) {
      CAPTURE(method);
      CAPTURE(decade);
      const std::string tolerance = "1e-" + std::to_string(decade);
      const Array y = final_state("state y: real\n y' = y * cos(t)", "y = 1", one, "from 0 to 20",
                                  method + "(rtol = " + tolerance + ", atol = " + tolerance + ")");
      const double error = std::fabs(y.values[0] - 2.4916502718504145235);
      CHECK(error < 200 * std::pow(10.0, -decade));
    }
  }
}

}  // namespace nodec::conformance
