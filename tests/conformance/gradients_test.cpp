// Gradients with known values: a neural ODE, Lotka–Volterra, exponential decay, free fall; and a(t)·f for
// times.
#include "tests/conformance/problem.hpp"

namespace nodec::conformance {
namespace {

// z' = W2 tanh(W1 z + b1) + b2 with W1[i][j] = sin(1 + 2i + j), b1[i] = (i − 1)/10, W2[i][j] = cos(1 + 3i +
// j)/2.
std::string neural(const std::string& clauses) {
  return R"(
field f {
  state z: real[2]
  param W1: real[3, 2] = 0, b1: real[3] = 0, W2: real[2, 3] = 0, b2: real[2] = 0
  z' = W2 @ tanh(W1 @ z + b1) + b2
}
model m {
  data z0: real[2], t0: real, t1: real
  let z = solve f(z = z0) from t0 to t1 )" +
         clauses + R"(
  output z
  loss 0.5 * sum((z - 1)^2)
}
)";
}

void set_neural_weights(Arrays& weights) {
  Array W1{{3, 2}, {}}, b1{{3}, {}}, W2{{2, 3}, {}};
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 2; ++j) W1.values.push_back(std::sin(1.0 + 2 * i + j));
    b1.values.push_back((i - 1) / 10.0);
  }
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 3; ++j) W2.values.push_back(std::cos(1.0 + 3 * i + j) / 2);
  weights["f.W1"] = W1;
  weights["f.b1"] = b1;
  weights["f.W2"] = W2;
  weights["f.b2"] = vector({0.05, -0.05});
}

const Arrays neural_data = {{"z0", vector({0.5, -0.25})}, {"t0", scalar(0)}, {"t1", scalar(1)}};

void check_neural(const std::string& clauses, double tolerance) {
  CAPTURE(clauses);
  Problem problem(neural(clauses));
  set_neural_weights(problem.weights());
  check_close(problem.evaluate(neural_data).outputs.at("z"),
              {0.67543706813942297483, -0.44661622651683105105}, std::min(tolerance, 1e-10));
  const Gradient g = problem.gradient(neural_data);
  CHECK(g.loss == doctest::Approx(1.0990198017798645052).epsilon(tolerance));
  check_close(g.data.at("z0"), {0.47161647561841598, -0.83041672677063205}, tolerance);
  check_close(g.parameters.at("f.W1"),
              {0.22869261872968919, -0.13510026334099286, -0.090879554698742032, 0.053046449521376503,
               -0.29824755026556197, 0.1753278402702116},
              tolerance);
  check_close(g.parameters.at("f.b1"), {0.38989425793901492, -0.15700042734873846, -0.51125059278031451},
              tolerance);
  check_close(g.parameters.at("f.W2"),
              {0.007031132362471712, 0.01085751201004335, -0.015675612772223932, -0.08822479203034244,
               -0.38854147770355587, 0.40696249290311032},
              tolerance);
  check_close(g.parameters.at("f.b2"), {0.063606881949592519, -1.1478720991036877}, tolerance);
  // ∂L/∂t1 = a(t1)·f(z(t1)), ∂L/∂t0 = −a(t0)·f(z(t0)); the system is autonomous, so the two cancel.
  const double t1 = g.data.at("t1").values[0], t0 = g.data.at("t0").values[0];
  CHECK(t1 + t0 == doctest::Approx(0).epsilon(tolerance));
  CHECK(std::fabs(t1) > 1e-3);
}

}  // namespace

TEST_CASE("neural ODE: gradients of the checkpoint adjoint") {
  for (const std::string method : {"dopri5", "tsit5", "dop853"})
    check_neural("by " + method + "(rtol = 1e-12, atol = 1e-12)", 1e-9);
}

TEST_CASE("neural ODE: gradients of the backsolve adjoint") {
  check_neural("by dopri5(rtol = 1e-12, atol = 1e-12) adjoint backsolve", 1e-6);
}

TEST_CASE("neural ODE: log-determinant, action and their gradients") {
  Problem problem(R"(
field f {
  state z: real[2], action: real = 0
  param W1: real[3, 2] = 0, b1: real[3] = 0, W2: real[2, 3] = 0, b2: real[2] = 0
  z' = W2 @ tanh(W1 @ z + b1) + b2
  action' = sum(z^2)
}
model m {
  data z0: real[2]
  let (z, S, ld) = solve f(z = z0) from 0 to 1 with logdet by dop853(rtol = 1e-12, atol = 1e-12)
  output S
  loss ld
}
)");
  set_neural_weights(problem.weights());
  const Arrays data = {{"z0", vector({0.5, -0.25})}};
  CHECK(problem.evaluate(data).outputs.at("S").values[0] ==
        doctest::Approx(0.47075846773226530935).epsilon(1e-10));
  const Gradient g = problem.gradient(data);
  CHECK(g.loss == doctest::Approx(0.1076842508272823518).epsilon(1e-10));
  check_close(g.data.at("z0"), {-0.19921895322355583, -0.12728962527208361}, 1e-9);
  check_close(g.parameters.at("f.b1"), {0.0047772717954949453, 0.090751854745169629, 0.22530015873775554},
              1e-9);
}

TEST_CASE("neural ODE: the gradient of the end time is a(t1)·f") {
  Problem problem(neural("by dopri5(rtol = 1e-12, atol = 1e-12)"));
  set_neural_weights(problem.weights());
  const Array z = problem.evaluate(neural_data).outputs.at("z");
  const auto& w = problem.weights();
  double dot = 0;
  for (int i = 0; i < 2; ++i) {
    double f = w.at("f.b2").values[i];
    for (int k = 0; k < 3; ++k) {
      const double a =
          w.at("f.W1").values[2 * k] * z.values[0] + w.at("f.W1").values[2 * k + 1] * z.values[1];
      f += w.at("f.W2").values[3 * i + k] * std::tanh(a + w.at("f.b1").values[k]);
    }
    dot += (z.values[i] - 1) * f;
  }
  CHECK(problem.gradient(neural_data).data.at("t1").values[0] == doctest::Approx(dot).epsilon(1e-9));
}

TEST_CASE("Lotka–Volterra: state sum and its gradients") {
  for (const std::string clauses :
       {"by dopri5(rtol = 1e-12, atol = 1e-12)", "by tsit5(rtol = 1e-12, atol = 1e-12)",
        "by dop853(rtol = 1e-12, atol = 1e-12)", "by dopri5(rtol = 1e-12, atol = 1e-12) adjoint backsolve"}) {
    CAPTURE(clauses);
    const double tolerance = clauses.find("backsolve") == std::string::npos ? 1e-9 : 1e-6;
    Problem problem(R"(
field lv {
  state x: real, y: real
  param p: real[4] = [1.5, 1, 3, 1]
  x' = p[0] * x - p[1] * x * y
  y' = -p[2] * y + p[3] * x * y
}
model m {
  data u: real[2]
  let (x, y) = solve lv(x = u[0], y = u[1]) at linspace(0, 10, 101) )" +
                    clauses + R"(
  loss sum(x + y)
}
)");
    const Gradient g = problem.gradient({{"u", vector({1, 1})}});
    CHECK(g.loss == doctest::Approx(450.764064039538806).epsilon(1e-9));
    check_close(g.parameters.at("lv.p"),
                {8.30536266231655326, -159.484292715138636, 75.2035082137727725, -339.195092766060907},
                tolerance);
    check_close(g.data.at("u"), {-39.1275412226680944, -8.78778021899264268}, tolerance);
  }
}

TEST_CASE("exponential decay: dy/dk = −t exp(−kt) and its quadrature") {
  Problem problem(R"(
field decay { state y: real, G: real = 0; param k: real = 0.3; y' = -k * y; G' = y }
model m {
  data T: real
  let (y, G) = solve decay(y = 1) from 0 to T by dop853(rtol = 1e-12, atol = 1e-13)
  output y
  output G
  loss y
}
)");
  const Arrays data = {{"T", scalar(9)}};
  const Evaluation e = problem.evaluate(data);
  CHECK(e.outputs.at("y").values[0] == doctest::Approx(std::exp(-2.7)).epsilon(1e-10));
  CHECK(e.outputs.at("G").values[0] == doctest::Approx((1 - std::exp(-2.7)) / 0.3).epsilon(1e-10));
  const Gradient g = problem.gradient(data);
  check_close(g.parameters.at("decay.k"), {-9 * std::exp(-2.7)}, 1e-9);
  check_close(g.data.at("T"), {-0.3 * std::exp(-2.7)}, 1e-9);
}

TEST_CASE("Euler by hand: 1.1^10 and its derivative") {
  Problem problem(R"(
field grow { state y: real; y' = y }
model m { data y0: real; let y = solve grow(y = y0) from 0 to 1 by euler(dt = 0.1); output y; loss y }
)");
  const Arrays data = {{"y0", scalar(1)}};
  CHECK(problem.evaluate(data).outputs.at("y").values[0] ==
        doctest::Approx(std::pow(1.1, 10)).epsilon(1e-14));
  check_close(problem.gradient(data).data.at("y0"), {std::pow(1.1, 10)}, 1e-14);
}

TEST_CASE("free fall: the gradient with respect to gravity and mass") {
  Problem problem(R"(
field fall {
  state x: real, v: real = 0
  param g: real = 9.81, m: real = 2
  x' = v
  v' = -m * g / m
}
model drop {
  let (x, v) = solve fall(x = 10) at linspace(0, 2, 41) by dopri5(rtol = 1e-10, atol = 1e-10)
  loss sum(x)
}
)");
  const Gradient g = problem.gradient();
  check_close(g.parameters.at("fall.g"), {-27.675}, 1e-9);
  CHECK(std::fabs(g.parameters.at("fall.m").values[0]) < 1e-9);
}

TEST_CASE("the gradient of an observation time is the cotangent times the right-hand side") {
  // x = e^t: L = Σ w_i x(t_i), ∂L/∂t_i = w_i e^{t_i} for i ≥ 1; the initial time's moves every later state.
  Problem problem(R"(
field grow { state x: real; x' = x }
model m {
  dim T
  data t: real[T], w: real[T]
  let x = solve grow(x = 1) at t by dop853(rtol = 1e-13, atol = 1e-13)
  loss sum(w * x)
}
)");
  const std::vector<double> t = {0.25, 0.5, 1.25, 1.3, 2}, w = {1, -2, 0.5, 3, 1};
  const Gradient g = problem.gradient({{"t", vector(t)}, {"w", vector(w)}});
  std::vector<double> expected = {0};
  for (size_t i = 1; i < t.size(); ++i) {
    expected.push_back(w[i] * std::exp(t[i] - t[0]));
    expected[0] -= expected[i];
  }
  check_close(g.data.at("t"), expected, 1e-9);
}

}  // namespace nodec::conformance
