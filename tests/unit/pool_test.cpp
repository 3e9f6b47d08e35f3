// Lanes that move to other tiles against lanes that stay: the same bits of outputs, losses, failures and
// counts, and gradients of parameters to rounding; the same bits for any number of threads.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "nodec/nodec.hpp"

namespace nodec {
namespace {

struct Case {
  std::string text;
  std::vector<int64_t> batches{1000};
  double gain = 1;  // of the weights
  std::vector<Precision> precisions{Precision::f64, Precision::f32};
  std::string adjoint{};
};

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) ? !std::isnan(b[i]) : std::memcmp(&a[i], &b[i], sizeof(double)) != 0) return false;
  }
  return true;
}

double largest(const std::vector<double>& x) {
  double most = 0;
  for (const double e : x) most = std::max(most, std::abs(e));
  return most;
}

template <class Outcome>
bool same_failures(const Outcome& a, const Outcome& b) {
  if (a.failures.size() != b.failures.size()) return false;
  for (size_t i = 0; i < a.failures.size(); ++i) {
    if (a.failures[i].sample != b.failures[i].sample || a.failures[i].text != b.failures[i].text)
      return false;
  }
  return true;
}

void check_evaluation(const Evaluation& a, const Evaluation& b) {
  REQUIRE(a.outputs.size() == b.outputs.size());
  for (const auto& [name, values] : a.outputs) {
    INFO(name);
    CHECK(same_bits(values.values, b.outputs.at(name).values));
  }
  CHECK(same_bits({*a.loss}, {*b.loss}));
  for (size_t i = 0; i < a.metrics.size(); ++i) CHECK(a.metrics[i].second == b.metrics[i].second);
  CHECK(same_failures(a, b));
  REQUIRE(a.solves.size() == b.solves.size());
  for (size_t i = 0; i < a.solves.size(); ++i) {
    CHECK(a.solves[i].evaluations == b.solves[i].evaluations);
    CHECK(a.solves[i].accepted == b.solves[i].accepted);
    CHECK(a.solves[i].rejected == b.solves[i].rejected);
  }
}

struct Made {
  Model model;
  Dataset data;
  Arrays weights;

  Made(const Case& c, Precision precision, int64_t batch, bool pooled, int threads)
      : model(compiled(c, precision, pooled, threads)),
        data(*model.random_data(batch)),
        weights(*model.initial_weights()) {
    for (auto& [path, values] : weights)
      for (double& x : values.values) x *= c.gain;
  }
  static Model compiled(const Case& c, Precision precision, bool pooled, int threads) {
    Options options;
    options.precision = precision;
    options.pooled = pooled;
    options.threads = threads;
    options.adjoint = c.adjoint;
    const Result<Model> model = Program::from_text("m.node", c.text, options).model();
    REQUIRE(model);
    return *model;
  }
};

void check(const Case& c) {
  for (const Precision precision : c.precisions) {
    for (const int64_t batch : c.batches) {
      INFO("batch ", batch, precision == Precision::f64 ? ", f64" : ", f32");
      const Made alone(c, precision, batch, false, 1), one(c, precision, batch, true, 1),
          two(c, precision, batch, true, 2);
      const auto a = alone.model.evaluate(alone.data, alone.weights);
      REQUIRE(a);
      for (const Made* made : {&one, &two}) {
        const auto b = made->model.evaluate(made->data, made->weights);
        REQUIRE(b);
        check_evaluation(*a, *b);
      }
      const auto ga = alone.model.gradient(alone.data, alone.weights),
                 g1 = one.model.gradient(one.data, one.weights),
                 g2 = two.model.gradient(two.data, two.weights);
      REQUIRE(ga);
      REQUIRE(g1);
      REQUIRE(g2);
      CHECK(same_bits({ga->loss}, {g1->loss}));
      CHECK(same_failures(*ga, *g1));
      REQUIRE(ga->parameters.size() == g1->parameters.size());
      for (const auto& [path, values] : ga->parameters) {
        INFO(path);
        const std::vector<double>&x = values.values, &y = g1->parameters.at(path).values;
        CHECK(same_bits(y, g2->parameters.at(path).values));
        const double rounding = (precision == Precision::f64 ? 1e-13 : 2e-5) * (1 + largest(x));
        for (size_t e = 0; e < x.size(); ++e) {
          if (!std::isnan(x[e]) || !std::isnan(y[e])) CHECK(std::abs(x[e] - y[e]) <= rounding);
        }
      }
      for (const auto& [name, values] : ga->data) {
        INFO(name);
        CHECK(same_bits(values.values, g1->data.at(name).values));
      }
    }
  }
}

const char* const stiff = R"(
field f {
  state z: real[2]
  param k: real = 1
  z' = [z[1], k * (1 - z[0]^2) * z[1] - z[0]]
}
)";

TEST_CASE("an adaptive solve over batches that fill groups and tiles or do not") {
  check({std::string(stiff) + R"(
model m {
  data x: real[2]
  output y = solve f(z = 3 * x) from 0 to 4 by dopri5(rtol = 1e-5, atol = 1e-6)
  loss dot(y, y)
}
)",
         {1, 15, 16, 17, 255, 256, 257, 1000, 1024}});
}

TEST_CASE("observations at each sample's own times, whose gradients are wanted") {
  check({std::string(stiff) + R"(
model m {
  dim T
  data x: real[2], t: real[T]
  output y = solve f(z = 3 * x) from 0 at 4 * t by tsit5(rtol = 1e-5, atol = 1e-6)
  loss sum(y^2)
}
)",
         {300, 1000}});
}

TEST_CASE("spans of the samples' own, in constant steps and in chosen ones") {
  for (const char* method : {"rk4(dt = 0.03)", "dopri5(rtol = 1e-4)", "dop853(rtol = 1e-6)"}) {
    check({std::string(stiff) + R"(
model m {
  data x: real[2], span: real
  output y = solve f(z = x) from x[0] to x[0] + 3 * sigmoid(span) by )" +
               method + "\n  loss dot(y, y)\n}\n",
           {500}});
  }
}

TEST_CASE("steps that end at given times") {
  check({R"(
dim K = 5
field heater {
  state T: real
  input times: real[K], power: real[K]
  param cooling: real in (0, inf) = 0.3
  T' = power[search(times, t)] - cooling * T^3
}
model day {
  data power: real[K], late: real
  let times = [k + 0.3 * sigmoid(late) for k in 0..K]
  output T = solve heater(T = late, times = times, power = 3 * power) from 0 to 5 by tsit5(rtol = 1e-6, stops = times)
  loss T^2
}
)",
         {500}});
}

TEST_CASE("samples that fail, and those beside them") {
  check({std::string(stiff) + R"(
model m {
  data x: real[2]
  output y = solve f(z = 3 * x) from 0 to 4 by dopri5(rtol = 1e-6, max_steps = 30)
  loss dot(y, y)
}
)",
         {600}});
}

TEST_CASE("a solve after a solve, with a network around them") {
  check({R"(
use nn
field f {
  state z: real[3]
  input c: real[2]
  layer net = mlp([5, 16, 3], tanh)
  z' = net(concat(z, c))
}
model m {
  layer encode = mlp([4, 8, 3], tanh)
  layer decode = mlp([3, 8, 4], tanh)
  data x: real[4], c: real[2]
  sample e: real[3] ~ normal(0, 1)
  let a = solve f(z = encode(x) + 0.1 * e, c = c) from 0 to 1 by dopri5(rtol = 1e-5)
  let b = solve f(z = a, c = 2 * c) from 0 to 2 by tsit5(rtol = 1e-6)
  output y = decode(b)
  loss dot(y - x, y - x) + dot(a, a)
}
)",
         {700},
         3});
}

TEST_CASE("each sample's own matrix, read whole in every stage") {
  check({R"(
field f {
  state z: real[3]
  input A: real[3, 3]
  z' = tanh(A @ z)
}
model m {
  data A: real[3, 3], x: real[3]
  output y = solve f(z = x, A = 3 * A) from 0 to 3 by dopri5(rtol = 1e-6)
  loss dot(y, y)
}
)",
         {500}});
}

TEST_CASE("log-determinants and other quadratures") {
  check({R"(
use flows
use prob
field flow = mlp_flow([2, 16, 16, 2], tanh)
model density {
  data x: real[2]
  let (z0, ld) = solve flow(z = x) from 1 to 0 with logdet by dopri5(rtol = 1e-5, atol = 1e-5)
  output logp = normal_logpdf(z0, 0, 1) + ld
  loss -sum(logp)
}
)",
         {500},
         3});
}

TEST_CASE("adjoints by integration backward") {
  check({std::string(stiff) + R"(
model m {
  dim T
  data x: real[2], t: real[T]
  output y = solve f(z = 2 * x) from 0 at t by dopri5(rtol = 1e-6, atol = 1e-7)
  loss sum(y^2)
}
)",
         {400},
         1,
         {Precision::f64},
         "backsolve"});
}

TEST_CASE("solves inside loops stay where they are, beside one that does not") {
  check({std::string(stiff) + R"(
model m {
  dim T
  data x: real[2], t: real[T]
  let a = solve f(z = 3 * x) from 0 to 2 by dopri5(rtol = 1e-5)
  output y = fold h from a for i in 0..T {
    let g = solve f(z = h) from 0 to t[i] by dopri5(rtol = 1e-4)
    return tanh(g) + x
  }
  loss dot(y, y)
}
)",
         {300}});
}

TEST_CASE("samples of different lengths") {
  const Case c{std::string(stiff) + R"(
model m {
  dim T
  data x: real[2], t: real[T], weight: real[T]
  output y = solve f(z = 3 * x) from 0 at t by dopri5(rtol = 1e-5)
  loss sum(weight[k] * dot(y[k], y[k]) for k in 0..T)
}
)"};
  const int64_t samples = 500, longest = 7;
  Array x{{samples, 2}, {}}, t{{samples, longest}, {}}, weight{{samples, longest}, {}},
      lengths{{samples}, {}};
  for (int64_t s = 0; s < samples; ++s) {
    for (int64_t d = 0; d < 2; ++d) x.values.push_back(std::sin(static_cast<double>(7 * s + 3 * d)));
    lengths.values.push_back(static_cast<double>(1 + s * 5 % longest));
    for (int64_t k = 0; k < longest; ++k) {
      const bool has = static_cast<double>(k) < lengths.values.back();
      t.values.push_back(has ? 0.2 + 0.5 * static_cast<double>(k) + 0.001 * static_cast<double>(s) : NAN);
      weight.values.push_back(has ? std::cos(static_cast<double>(s + k)) : NAN);
    }
  }
  const Arrays arrays{{"x", x}, {"t", t}, {"weight", weight}, {"T", lengths}};
  std::vector<Evaluation> evaluations;
  std::vector<Gradient> gradients;
  for (const bool pooled : {false, true}) {
    const Model model = Made::compiled(c, Precision::f64, pooled, 2);
    const Result<Dataset> bound = model.bind(arrays);
    INFO((bound ? "" : bound.diagnostics()[0].rendered));
    REQUIRE(bound);
    const Dataset& data = *bound;
    evaluations.push_back(*model.evaluate(data, *model.initial_weights()));
    gradients.push_back(*model.gradient(data, *model.initial_weights()));
  }
  check_evaluation(evaluations[0], evaluations[1]);
  for (const auto& [name, values] : gradients[0].data)
    CHECK(same_bits(values.values, gradients[1].data.at(name).values));
  for (const auto& [path, values] : gradients[0].parameters)
    CHECK(values.values[0] == doctest::Approx(gradients[1].parameters.at(path).values[0]).epsilon(1e-12));
}

TEST_CASE("nearly all lanes are useful where steps vary") {
  const Case c{R"(
use nn
field flow {
  state z: real[2]
  layer net = mlp([2, 32, 32, 2], tanh)
  z' = net(z)
}
model m {
  data x: real[2]
  output y = solve flow(z = x) from 0 to 1 by dopri5(rtol = 1e-5, atol = 1e-6)
  loss dot(y, y)
}
)",
               {},
               4};
  double efficiency[2];
  for (const bool pooled : {false, true}) {
    const Made made(c, Precision::f32, 4096, pooled, 1);
    efficiency[pooled] = made.model.bench(made.data, made.weights, {4096, 0})->lane_efficiency;
  }
  CHECK(efficiency[0] < 0.9);
  CHECK(efficiency[1] > 0.95);
}

}  // namespace
}  // namespace nodec
