// What a sample gets does not depend on threads, on its batch, or on its place in it: compared bit for bit.
#include <algorithm>
#include <numeric>
#include <random>

#include "tests/conformance/problem.hpp"

namespace nodec::conformance {
namespace {

// Rates k from 0.1 to 200 and times of their own: samples of one batch take very different numbers of steps.
const char* const relaxation = R"(
use nn
field f {
  state z: real[3]
  input k: real
  layer net = mlp([4, 20, 3], tanh)
  z' = k * (net(concat(z, [t])) - z)
}
model m {
  dim T
  data t: real[T], y: real[3], k: real
  param scale: real = 0.9
  let z = solve f(z = scale * y, k = k) from 0 at t by dopri5(rtol = 1e-6, atol = 1e-7)
  output z
  metric size = mean(z^2)
  loss mean((z - 1)^2)
}
)";

const std::pair<Precision, Form> both_forms[] = {{Precision::f32, Form::lanes},
                                                 {Precision::f64, Form::lanes},
                                                 {Precision::f32, Form::features},
                                                 {Precision::f64, Form::features}};

Arrays random_samples(int64_t count) {
  std::mt19937_64 engine(7);
  std::uniform_real_distribution<double> uniform(0, 1);
  Arrays data;
  data["t"].shape = {count, 4};
  data["y"].shape = {count, 3};
  data["k"].shape = {count};
  for (int64_t i = 0; i < count; ++i) {
    double t = 0;
    for (int j = 0; j < 4; ++j) data["t"].values.push_back(t += uniform(engine));
    for (int j = 0; j < 3; ++j) data["y"].values.push_back(2 * uniform(engine) - 1);
    data["k"].values.push_back(std::pow(10, -1 + 3.3 * uniform(engine)));
  }
  return data;
}

std::vector<int64_t> numbers(int64_t count) {
  std::vector<int64_t> all(static_cast<size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

void check_same(const Arrays& whole, const Arrays& part, const std::vector<int64_t>& rows) {
  const Arrays expected = take(whole, rows);
  for (const auto& [name, array] : part) {
    CAPTURE(name);
    CHECK(array.values == expected.at(name).values);
  }
}

}  // namespace

TEST_CASE("loss and gradients have the same bits at any number of threads") {
  const Arrays data = random_samples(700);
  for (const auto& [precision, form] : both_forms) {
    Options options;
    options.precision = precision;
    options.threads = 1;
    options.form = form;
    const Gradient one = Problem(relaxation, options).gradient(data);
    CHECK(std::isfinite(one.loss));
    for (const int threads : {2, 3, 8}) {
      CAPTURE(threads);
      options.threads = threads;
      const Gradient many = Problem(relaxation, options).gradient(data);
      CHECK(many.loss == one.loss);
      for (const auto& [name, array] : one.parameters) CHECK(many.parameters.at(name).values == array.values);
      for (const auto& [name, array] : one.data) CHECK(many.data.at(name).values == array.values);
    }
  }
}

TEST_CASE("outputs and steps of a sample are the same alone, in any batch and in any order") {
  const int64_t count = 300;
  const Arrays data = random_samples(count);
  for (const auto& [precision, form] : both_forms) {
    Options options;
    options.precision = precision;
    options.form = form;
    const Problem problem(relaxation, options);
    const Evaluation whole = problem.evaluate(data);
    const SolveStatistics& steps = whole.solves.at(0);
    CHECK(*std::max_element(steps.accepted.begin(), steps.accepted.end()) >
          5 * *std::min_element(steps.accepted.begin(), steps.accepted.end()));
    std::vector<int64_t> shuffled = numbers(count);
    std::shuffle(shuffled.begin(), shuffled.end(), std::mt19937_64(3));
    for (const int64_t size : {1, 2, 4, 5, 17, 23, 24, 100, 300}) {
      CAPTURE(size);
      const std::vector<int64_t> rows(shuffled.begin(), shuffled.begin() + size);
      const Evaluation part = problem.evaluate(take(data, rows));
      check_same(whole.outputs, part.outputs, rows);
      for (int64_t i = 0; i < size; ++i) {
        const size_t own = static_cast<size_t>(i), there = static_cast<size_t>(rows[own]);
        CHECK(part.solves[0].evaluations[own] == steps.evaluations[there]);
        CHECK(part.solves[0].accepted[own] == steps.accepted[there]);
        CHECK(part.solves[0].rejected[own] == steps.rejected[there]);
      }
    }
  }
}

TEST_CASE("a sample's gradient of data is the same beside others, but for the mean over the batch") {
  const Arrays data = random_samples(64);
  for (const Form form : {Form::lanes, Form::features}) {
    Options options;
    options.form = form;
    const Problem problem(relaxation, options);
    const Gradient whole = problem.gradient(data);
    for (const int64_t row : {0, 13, 63}) {
      const Gradient alone = problem.gradient(take(data, {row}));
      for (const auto& [name, array] : alone.data) {
        const Arrays expected = take(whole.data, {row});
        for (size_t i = 0; i < array.values.size(); ++i)
          CHECK(array.values[i] == 64 * expected.at(name).values[i]);  // a power of two: exact
      }
    }
  }
}

TEST_CASE("a failed sample leaves the others as they are alone") {
  const char* text = R"(
field blow { state y: real; y' = y^2 }
model m { data y0: real; let y = solve blow(y = y0) from 0 to 1 by tsit5(rtol = 1e-8, atol = 1e-8); output y; loss y }
)";
  const Problem problem(text);
  std::vector<double> starts = {-1, 0.5, 3, 0, 0.25, -200};
  const Evaluation all = problem.evaluate({{"y0", vector(starts)}});
  REQUIRE(all.failures.size() == 1);
  CHECK(all.failures[0].sample == 2);
  for (size_t i = 0; i < starts.size(); ++i) {
    const double y = all.outputs.at("y").values[i];
    if (i == 2)
      CHECK(std::isnan(y));
    else
      CHECK(y == doctest::Approx(starts[i] / (1 - starts[i])).epsilon(1e-6));
  }
}

}  // namespace nodec::conformance
