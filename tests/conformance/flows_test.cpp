// Continuous normalizing flows: log-determinants against the flow map's Jacobian and closed forms, mass, the
// continuity equation.
#include <cmath>
#include <random>

#include "tests/conformance/problem.hpp"

namespace nodec::conformance {
namespace {

struct Flow {
  const char* name;
  int dims;
  const char* declaration;  // of a field `flow` with a state z
};

const Flow flows[] = {
    {"one hidden layer", 3, "field flow = mlp_flow([3, 16, 3], tanh)"},
    {"two hidden layers", 2, "field flow = mlp_flow([2, 12, 12, 2], softplus)"},
    {"gates of time", 3, "field flow = concat_squash_flow([3, 12, 12, 3], tanh)"},
    {"planar", 4, "field flow = planar_flow(4, 6)"},
    {"gates of the state", 2,
     "field flow { state z: real[2]; layer a = mlp([2, 8, 2], tanh); layer b = mlp([2, 8, 2], sigmoid)\n"
     " z' = a(z) * b(z) + cos(t) * [sin(z[0] * z[1]), z[0]] }"},
    {"gradient of a potential", 2,
     "field flow { state z: real[2]; layer net = time_mlp([2, 8, 1], tanh); z' = -grad(net(z, t)[0], z) }"},
};

std::string use(const Flow& flow) {
  return std::string("use nn\nuse flows\nuse prob\n") + flow.declaration + "\n";
}

Array random_points(int64_t count, int64_t dims, uint64_t seed, double scale = 1) {
  std::mt19937_64 engine(seed);
  std::normal_distribution<double> normal(0, scale);
  Array x{{count, dims}, {}};
  for (int64_t i = 0; i < count * dims; ++i) x.values.push_back(normal(engine));
  return x;
}

// Weights that bend space more than initial ones.
void enlarge(Arrays& weights) {
  for (auto& [name, array] : weights)
    for (double& w : array.values) w *= 1.5;
}

// p at t = 1 of a field that is standard normal noise at t = 0.
const char* const density = R"(
model density {
  data x: real[2]
  let (z0, ld) = solve flow(z = x) from 1 to 0 with logdet by dopri5(rtol = 1e-6, atol = 1e-6)
  output p = exp(normal_logpdf(z0, 0, 1) + ld)
}
)";

// ∫ p over a square, by the trapezoidal rule, which is exact to rounding for what is smooth and vanishes at
// the border.
double mass(const Problem& problem, double half_side, int64_t side) {
  Array x{{side * side, 2}, {}};
  const double spacing = 2 * half_side / static_cast<double>(side - 1);
  for (int64_t i = 0; i < side * side; ++i)
    for (const int64_t k : {i % side, i / side})
      x.values.push_back(-half_side + spacing * static_cast<double>(k));
  const Evaluation e = problem.evaluate({{"x", x}});
  double sum = 0;
  for (const double p : e.outputs.at("p").values) sum += p;
  return sum * spacing * spacing;
}

}  // namespace

TEST_CASE("the log-determinant is that of the flow map's Jacobian, and of the variational equations") {
  for (const Flow& flow : flows) {
    CAPTURE(flow.name);
    const std::string D = std::to_string(flow.dims);
    Problem problem(use(flow) + R"(
field variational {
  state z: real[D], Φ: real[D, D]
  let f = flow(z = z, t = t)
  z' = f
  Φ' = jacobian(f, z) @ Φ
}
dim D = )" + D + R"(
model m {
  data x: real[D]
  let (z, ld) = solve flow(z = x) from 0.2 to 1.5 with logdet by dop853(rtol = 1e-11, atol = 1e-11)
  let (_, Φ) = solve variational(z = x, Φ = eye(D)) from 0.2 to 1.5 by dop853(rtol = 1e-11, atol = 1e-11)
  output ld
  output of_map = logabsdet(jacobian(z, x))
  output of_variations = logabsdet(Φ)
}
)",
                    {}, "m");
    enlarge(problem.weights());
    const Evaluation e = problem.evaluate({{"x", random_points(20, flow.dims, 1)}});
    check_close(e.outputs.at("of_map"), e.outputs.at("ld").values, 1e-8, 1);
    check_close(e.outputs.at("of_variations"), e.outputs.at("ld").values, 1e-8, 1);
    double size = 0;
    for (const double ld : e.outputs.at("ld").values) size = std::fmax(size, std::fabs(ld));
    CHECK(size > 0.1);
  }
}

TEST_CASE("the exact trace is the sum of the directional derivatives along the axes") {
  for (const Flow& flow : flows) {
    CAPTURE(flow.name);
    const std::string D = std::to_string(flow.dims);
    Problem problem(use(flow) + "model m {\n  data x: real[" + D + "], s: real\n" +
                    "  let f = flow(z = x, t = s)\n  output trace = div(f, x)\n" +
                    "  output by_axes = sum(jvp(f, x, eye(" + D + ")[i])[i] for i in 0.." + D + ")\n}\n");
    enlarge(problem.weights());
    const Evaluation e = problem.evaluate({{"x", random_points(50, flow.dims, 2)}, {"s", scalar(0.3)}});
    check_close(e.outputs.at("trace"), e.outputs.at("by_axes").values, 1e-13, 1);
  }
}

TEST_CASE("forward and backward, state and log-determinant return") {
  for (const Flow& flow : flows) {
    CAPTURE(flow.name);
    Problem problem(use(flow) + "model m {\n  data x: real[" + std::to_string(flow.dims) + R"(]
  let (z, forward) = solve flow(z = x) from 0 to 2 with logdet by tsit5(rtol = 1e-10, atol = 1e-10)
  let (back, backward) = solve flow(z = z) from 2 to 0 with logdet by tsit5(rtol = 1e-10, atol = 1e-10)
  output distance = norm(back - x)
  output rest = forward + backward
}
)");
    enlarge(problem.weights());
    const Evaluation e = problem.evaluate({{"x", random_points(20, flow.dims, 3)}});
    check_close(e.outputs.at("distance"), std::vector<double>(20, 0), 1e-7, 1);
    check_close(e.outputs.at("rest"), std::vector<double>(20, 0), 1e-7, 1);
  }
}

TEST_CASE("probability mass is conserved by random fields") {
  for (const Flow& flow : flows) {
    if (flow.dims != 2) continue;
    CAPTURE(flow.name);
    const Problem problem(use(flow) + density);
    CHECK(mass(problem, 16, 321) == doctest::Approx(1).epsilon(1e-4));
  }
}

TEST_CASE("probability mass is conserved by a trained field") {
  const std::string text = R"(use flows
use prob
field flow = mlp_flow([2, 32, 32, 2], tanh)
model two_clusters {
  sample side: real ~ bernoulli(0.3), ε: real[2] ~ normal(0, 0.4)
  let x = ε + [1 - 3 * side, side]
  let (z0, ld) = solve flow(z = x) from 1 to 0 with logdet
  loss -normal_logpdf(z0, 0, 1) - ld
  train { optimizer = adam(lr = 1e-2), batch = 64, steps = 300 }
}
)" + std::string(density);
  Problem fit(text, {}, "two_clusters"), problem(text, {}, "density");
  const Result<Training> trained = fit.model().train(fit.bind({}, 5000), fit.weights(), {});
  REQUIRE_MESSAGE(static_cast<bool>(trained), words(trained.diagnostics()));
  // The entropy of the two clusters is 1.6; that of a normal distribution fitted to them 2.4.
  CHECK(trained->last_loss < 1.9);
  problem.weights() = trained->weights;
  CHECK(mass(problem, 8, 321) == doctest::Approx(1).epsilon(1e-3));
}

TEST_CASE("the density along the flow satisfies the continuity equation") {
  for (const Flow& flow : flows) {
    CAPTURE(flow.name);
    const int64_t D = flow.dims, count = 12;
    Problem problem(use(flow) + "model m {\n  data x: real[" + std::to_string(D) + R"(], T: real
  let (z0, ld) = solve flow(z = x) from T to 0 with logdet by dop853(rtol = 1e-12, atol = 1e-12)
  let f = flow(z = x, t = T)
  output p = exp(normal_logpdf(z0, 0, 1) + ld)
  output f
  output trace = div(f, x)
  loss p
}
)");
    enlarge(problem.weights());
    const Array x = random_points(count, D, 4);
    const Array T = {{count}, std::vector<double>(count, 0.8)};
    const Evaluation e = problem.evaluate({{"x", x}, {"T", T}});
    const Gradient exact = problem.gradient({{"x", x}, {"T", T}});
    const auto central = [&](int64_t axis) {  // −1: time
      constexpr double h = 3e-5;
      std::vector<double> values[2];
      for (const int side : {0, 1}) {
        Array moved = x, time = T;
        for (int64_t i = 0; i < count; ++i) {
          double& v = axis < 0 ? time.values[static_cast<size_t>(i)]
                               : moved.values[static_cast<size_t>(i * D + axis)];
          v += side ? h : -h;
        }
        values[side] = problem.evaluate({{"x", moved}, {"T", time}}).outputs.at("p").values;
      }
      for (size_t i = 0; i < values[1].size(); ++i) values[1][i] = (values[1][i] - values[0][i]) / (2 * h);
      return values[1];
    };
    const std::vector<double> rate = central(-1);
    std::vector<std::vector<double>> slope;
    for (int64_t k = 0; k < D; ++k) slope.push_back(central(k));
    double largest = 0;
    for (int64_t i = 0; i < count; ++i) {
      const size_t s = static_cast<size_t>(i);
      const double p = e.outputs.at("p").values[s], inflow = p * e.outputs.at("trace").values[s];
      // ∂p/∂t + f·∇p + p div f, by differences and by the gradient of nodec (of the mean, hence the count).
      double by_differences = rate[s] + inflow;
      double by_gradient = static_cast<double>(count) * exact.data.at("T").values[s] + inflow;
      for (int64_t k = 0; k < D; ++k) {
        const size_t element = static_cast<size_t>(i * D + k);
        const double f = e.outputs.at("f").values[element];
        by_differences += f * slope[static_cast<size_t>(k)][s];
        by_gradient += f * static_cast<double>(count) * exact.data.at("x").values[element];
      }
      CAPTURE(i);
      CHECK(std::fabs(by_differences) < 1e-7);
      CHECK(std::fabs(by_gradient) < 1e-9);
      largest = std::fmax(largest, std::fabs(rate[s]));
    }
    CHECK(largest > 1e-3);
  }
}

TEST_CASE("the gradient of the log-determinant of z' = -z^3 has a closed form") {
  // z(T) = z0/s, ln dz(T)/dz0 = −3/2 ln(1 + 2 z0² T), with s² = 1 + 2 z0² T; k scales time.
  for (const std::string adjoint : {"checkpoint", "backsolve"}) {
    CAPTURE(adjoint);
    Problem problem(R"(
field f { state z: real; param k: real = 1; z' = -k * z^3 }
model m {
  data z0: real, T: real
  let (z, ld) = solve f(z = z0) from 0 to T with logdet by dop853(rtol = 1e-12, atol = 1e-12) adjoint )" +
                    adjoint + R"(
  output ld
  loss ld
}
)");
    const double z0 = 0.7, T = 2, s2 = 1 + 2 * z0 * z0 * T;
    const Arrays data = {{"z0", scalar(z0)}, {"T", scalar(T)}};
    check_close(problem.evaluate(data).outputs.at("ld"), {-1.62778390250395351}, 1e-10);
    const double tolerance = adjoint == "checkpoint" ? 1e-9 : 1e-7;
    const Gradient g = problem.gradient(data);
    check_close(g.data.at("z0"), {-6 * z0 * T / s2}, tolerance);
    check_close(g.data.at("T"), {-3 * z0 * z0 / s2}, tolerance);
    check_close(g.parameters.at("f.k"), {-3 * z0 * z0 * T / s2}, tolerance);
  }
}

TEST_CASE("a linear flow's log-determinant is T tr A, its gradient T times the unit matrix") {
  Problem problem(R"(
field f { state z: real[3]; param A: real[3, 3] ~ normal(0, 1); z' = A @ z }
model m {
  data x: real[3], T: real
  let (z, ld) = solve f(z = x) from 0 to T with logdet by dop853(rtol = 1e-12, atol = 1e-12)
  output ld
  loss ld
}
)");
  const Arrays data = {{"x", vector({1, -2, 0.5})}, {"T", scalar(1.7)}};
  const std::vector<double>& A = problem.weights().at("f.A").values;
  check_close(problem.evaluate(data).outputs.at("ld"), {1.7 * (A[0] + A[4] + A[8])}, 1e-11, 1);
  const Gradient g = problem.gradient(data);
  check_close(g.parameters.at("f.A"), {1.7, 0, 0, 0, 1.7, 0, 0, 0, 1.7}, 1e-11, 1);
  check_close(g.data.at("T"), {A[0] + A[4] + A[8]}, 1e-11, 1);
  check_close(g.data.at("x"), {0, 0, 0}, 1e-11, 1);
}

TEST_CASE("with several states the log-determinant is of all of them; running costs leave it unchanged") {
  Problem problem(R"(
use nn
layer net = mlp([3, 16, 2], tanh)
field alone { state x: real[2]; x' = net(concat(x, t)) }
field halves {
  state a: real, b: real, cost: real = 0
  let f = net([a, b, t])
  a' = f[0]
  b' = f[1]
  cost' = a'^2 + sum(jacobian(f, b)^2)
}
field symplectic {
  state q: real[2], p: real[2]
  let H = sum(net(concat(q, p[0]))^2) + dot(p, p) * cos(q[1])
  q' = grad(H, p)
  p' = -grad(H, q)
}
model m {
  data x: real[2]
  let (z, ld) = solve alone(x = x) from 0 to 1 with logdet by dop853(rtol = 1e-10, atol = 1e-10)
  let (a, b, cost, ld2) = solve halves(a = x[0], b = x[1]) from 0 to 1 with logdet by dop853(rtol = 1e-10, atol = 1e-10)
  let (q, p, ld3) = solve symplectic(q = x, p = [1, -x[0]]) from 0 to 1 with logdet by dop853(rtol = 1e-10, atol = 1e-10)
  output difference = [z[0] - a, z[1] - b, ld - ld2, ld3]
  output sizes = [ld, cost]
}
)");
  enlarge(problem.weights());
  const Evaluation e = problem.evaluate({{"x", random_points(10, 2, 5)}});
  check_close(e.outputs.at("difference"), std::vector<double>(40, 0), 1e-8, 1);
  for (const double size : e.outputs.at("sizes").values) CHECK(std::fabs(size) > 1e-4);
}

}  // namespace nodec::conformance
