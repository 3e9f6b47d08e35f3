// Log-determinants estimated from random directions: unbiased, exact where noise cancels, a function of the
// seed, the step and the sample alone.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "tests/conformance/problem.hpp"

namespace nodec::conformance {
namespace {

std::string flow(const std::string& estimator, const std::string& method = "dopri5(steps = 6)") {
  return R"(
use nn
field flow {
  state z: real[3], cost: real = 0, w: real = 0.3
  layer net = mlp([4, 12, 12, 3], tanh)
  z' = net(concat(z, w)) + cos(t)
  cost' = dot(z', z')
  w' = sin(w) * z[0]
}
model m {
  data x: real[3]
  let (z, cost, w, ld) = solve flow(z = x) from 1 to 0 with logdet )" +
         estimator + " by " + method + R"(
  output ld
  loss dot(z, z) / 2 + 0.1 * cost + ld * ld - ld
}
)";
}

Array points(int64_t count, bool alike) {
  std::mt19937_64 engine(3);
  std::normal_distribution<double> normal;
  Array x{{count, 3}, {}};
  for (int64_t i = 0; i < 3 * count; ++i)
    x.values.push_back(alike && i >= 3 ? x.values[static_cast<size_t>(i - 3)] : normal(engine));
  return x;
}

Options with(uint64_t seed, int threads = 0) {
  Options options;
  options.seed = seed;
  options.threads = threads;
  return options;
}

TEST_CASE("an estimated log-determinant is the exact one in the mean") {
  const Arrays one{{"x", points(1, false)}}, many{{"x", points(20000, true)}};
  const double exact = Problem(flow("")).evaluate(one).outputs.at("ld").values[0];
  double deviations[2];
  for (const bool normal : {false, true}) {
    for (const int probes : {1, 4}) {
      const std::string estimator = "hutchinson(noise = " + std::string(normal ? "normal" : "rademacher") +
                                    ", probes = " + std::to_string(probes) + ")";
      CAPTURE(estimator);
      const std::vector<double> found = Problem(flow(estimator)).evaluate(many).outputs.at("ld").values;
      const double count = static_cast<double>(found.size());
      const double mean = std::accumulate(found.begin(), found.end(), 0.0) / count;
      double squares = 0;
      for (const double x : found) squares += (x - mean) * (x - mean);
      const double deviation = std::sqrt(squares / count);
      CHECK(deviation > 0);
      CHECK(std::fabs(mean - exact) < 4 * deviation / std::sqrt(count));
      deviations[probes == 4] = deviation;
    }
    CHECK(deviations[1] / deviations[0] == doctest::Approx(0.5).epsilon(0.05));  // 1/√probes
  }
}

TEST_CASE("the gradient of an estimate is exact for the noise that was drawn") {
  for (const char* estimator : {"hutchinson", "hutchinson(probes = 3, noise = normal)"}) {
    for (const char* method : {"dopri5(rtol = 1e-6, atol = 1e-6)", "rk4(steps = 4)"}) {
      CAPTURE(estimator);
      CAPTURE(method);
      const Problem problem(flow(estimator, method));
      const auto check = problem.model().check_gradient(problem.bind({{"x", points(3, false)}}),
                                                        Problem(flow(estimator, method)).weights());
      REQUIRE_MESSAGE(static_cast<bool>(check), words(check.diagnostics()));
      CHECK(check->worst < 1e-7);
    }
  }
}

TEST_CASE("noise is a function of the seed and the sample, and of nothing else") {
  const auto estimates = [](const Options& options, int64_t samples) {
    return Problem(flow("hutchinson"), options)
        .evaluate({{"x", points(samples, false)}})
        .outputs.at("ld")
        .values;
  };
  Options drawn = with(5, 1);
  const Arrays weights = Problem(flow("hutchinson"), drawn).weights();
  const std::vector<double> all = estimates(drawn, 70);
  CHECK(estimates(with(5, 3), 70) == all);
  const std::vector<double> some = estimates(with(5, 2), 9);
  CHECK(some == std::vector<double>(all.begin(), all.begin() + 9));
  // Another seed with the same weights.
  Problem other(flow("hutchinson"), with(6, 1));
  other.weights() = weights;
  CHECK(other.evaluate({{"x", points(70, false)}}).outputs.at("ld").values != all);
  // Samples of one value differ by their noise.
  const std::vector<double> alike =
      Problem(flow("hutchinson")).evaluate({{"x", points(20, true)}}).outputs.at("ld").values;
  CHECK(std::count(alike.begin(), alike.end(), alike[0]) < 20);
}

TEST_CASE("noise is drawn once for a solve, and once for each") {
  // For z' = A z every evaluation gives εᵀ A ε: however many there are, so does the integral.
  const auto text = [](int steps) {
    return R"(
field linear { state z: real[3]; param A: real[3, 3] ~ normal(0, 1); z' = A @ z }
model m {
  data x: real[3]
  let (_, once) = solve linear(z = x) from 0 to 1 with logdet hutchinson by rk4(steps = )" +
           std::to_string(steps) + R"()
  let (_, again) = solve linear(z = x) from 0 to 1 with logdet hutchinson by rk4(steps = 3)
  output once
  output again
}
)";
  };
  const Arrays data{{"x", points(8, false)}};
  const Evaluation few = Problem(text(1)).evaluate(data), many = Problem(text(40)).evaluate(data);
  check_close(many.outputs.at("once"), few.outputs.at("once").values, 1e-12);
  CHECK(few.outputs.at("once").values != few.outputs.at("again").values);
}

TEST_CASE("signs estimate a diagonal Jacobian's trace exactly") {
  const auto text = [](const std::string& estimator) {
    return "field f { state z: real[4], v: real[2] = 1; z' = -z^3 + sin(t); v' = tanh(v) * sum(v * 0 + 1) }\n"
           "model m { data x: real[4]\n let (z, v, ld) = solve f(z = x) from 0 to 2 with logdet " +
           estimator + " by rk4(steps = 20)\n output ld }";
  };
  Array x{{2, 4}, {0.7, -0.2, 1.1, 0.4, 0.1, 0.3, -0.8, 1.7}};
  const std::vector<double> exact = Problem(text("")).evaluate({{"x", x}}).outputs.at("ld").values;
  for (const char* estimator : {"hutchinson", "hutchinson(probes = 5)"})
    check_close(Problem(text(estimator)).evaluate({{"x", x}}).outputs.at("ld"), exact, 1e-12);
}

TEST_CASE("a loop that is written out draws noise in every step") {
  const Evaluation found = Problem(R"(
field linear() { state z: real[3]; param A: real[3, 3] = 0.5; z' = A @ z }
field block[k] = linear() for k in 0..2
model m {
  data x: real[3]
  let (_, before, last) = fold (h, a, b) from (x, 0, 0) for k in 0..2 {
    let (_, ld) = solve block[k](z = x) from 0 to 1 with logdet hutchinson(noise = normal) by rk4(steps = 3)
    return (x, b, ld)
  }
  output before
  output last
}
)")
                               .evaluate({{"x", points(4, false)}});
  for (size_t i = 0; i < 4; ++i)
    CHECK(found.outputs.at("before").values[i] != found.outputs.at("last").values[i]);
}

}  // namespace
}  // namespace nodec::conformance
