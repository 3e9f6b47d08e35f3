// Solves inside loops: what a sample gets depends on nothing but the sample, and failures and steps are told.
#include <algorithm>
#include <cmath>
#include <random>

#include "tests/conformance/problem.hpp"

namespace nodec::conformance {
namespace {

const char* const ode_rnn = R"(
use nn
field f {
  state z: real[3]
  input k: real
  layer net = mlp([4, 12, 3], tanh)
  z' = k * (net(concat(z, [t])) - z)
}
model m {
  dim T
  data t: real[T + 1], y: real[T, 3], k: real
  param scale: real = 0.9
  layer cell = gru(3, 3)
  let h = fold h from scale * ones(3) for i in 0..T {
    let g = solve f(z = h, k = k) from t[i] to t[i + 1] by dopri5(rtol = 1e-6, atol = 1e-7)
    return cell(g, y[i])
  }
  output h
  loss mean((h - 1)^2)
}
)";

// Rates from 0.1 to 100 and lengths from 0 to 5: lanes of one tile take very different numbers of steps and
// runs.
Arrays random_samples(int64_t count) {
  std::mt19937_64 engine(5);
  std::uniform_real_distribution<double> uniform(0, 1);
  Arrays data;
  data["t"].shape = {count, 6};
  data["y"].shape = {count, 5, 3};
  data["k"].shape = {count};
  data["T"].shape = {count};
  for (int64_t i = 0; i < count; ++i) {
    double t = 0;
    for (int j = 0; j < 6; ++j) data["t"].values.push_back(t += uniform(engine));
    for (int j = 0; j < 15; ++j) data["y"].values.push_back(2 * uniform(engine) - 1);
    data["k"].values.push_back(std::pow(10, -1 + 3 * uniform(engine)));
    data["T"].values.push_back(static_cast<double>(i == 0 ? 5 : i % 6));
  }
  return data;
}

}  // namespace

TEST_CASE("solves in a loop: a sample's result and steps are the same in any batch") {
  const Arrays data = random_samples(90);
  for (const auto& [precision, form] :
       {std::pair(Precision::f32, Form::lanes), std::pair(Precision::f64, Form::lanes),
        std::pair(Precision::f32, Form::features), std::pair(Precision::f64, Form::features)}) {
    Options options;
    options.precision = precision;
    options.form = form;
    const Problem problem(ode_rnn, options);
    const Evaluation whole = problem.evaluate(data);
    CHECK(whole.failures.empty());
    // Row 0 has the largest length, so that arrays of all batches are padded alike.
    for (const std::vector<int64_t>& rows :
         {std::vector<int64_t>{0}, {0, 7}, {11, 0, 12, 30, 31}, {89, 3, 0, 44, 6, 71, 5, 21, 66, 2, 17}}) {
      const Evaluation part = problem.evaluate(take(data, rows));
      CHECK(part.outputs.at("h").values == take(whole.outputs, rows).at("h").values);
      for (size_t i = 0; i < rows.size(); ++i) {
        CHECK(part.solves[0].evaluations[i] == whole.solves[0].evaluations[static_cast<size_t>(rows[i])]);
        CHECK(part.solves[0].accepted[i] == whole.solves[0].accepted[static_cast<size_t>(rows[i])]);
      }
    }
    for (size_t i = 0; i < 90; ++i) {
      const bool none = data.at("T").values[i] == 0;
      CHECK((whole.solves[0].accepted[i] == 0) == none);
    }
  }
}

TEST_CASE("solves in a loop: gradients have the same bits at any number of threads") {
  const Arrays data = random_samples(200);
  Options options;
  options.threads = 1;
  const Gradient one = Problem(ode_rnn, options).gradient(data);
  CHECK(std::isfinite(one.loss));
  for (const int threads : {2, 5}) {
    options.threads = threads;
    const Gradient many = Problem(ode_rnn, options).gradient(data);
    CHECK(many.loss == one.loss);
    for (const auto& [name, array] : one.parameters) CHECK(many.parameters.at(name).values == array.values);
    for (const auto& [name, array] : one.data) CHECK(many.data.at(name).values == array.values);
  }
}

TEST_CASE("solves in a loop: the code does not grow with the number of steps") {
  const auto bytes = [](int steps) {
    const Problem problem(R"(
field f { state z: real[2]; param a: real = 0.3; z' = [z[1], -a * z[0]] }
model m {
  data x: real[2]
  let h = fold h from x for i in 0..)" +
                          std::to_string(steps) + R"( { return solve f(z = 0.99 * h) from 0 to 0.01 }
  output h
  loss sum(h^2)
}
)");
    const Result<CompileReport> report = problem.model().compile();
    REQUIRE_MESSAGE(static_cast<bool>(report), words(report.diagnostics()));
    return report->gradient_code_bytes;
  };
  const auto few = bytes(20), many = bytes(2000);
  CHECK(std::abs(static_cast<double>(many - few)) < 256);
}

TEST_CASE("solves in a loop: a failure names sample, time, state and line; other samples are as alone") {
  const Problem problem(R"(
field blow {
  state y: real
  y' = y^2
}
model m {
  dim T
  data y0: real, t: real[T]
  let y = fold y from y0 for i in 1..T { return solve blow(y = y) from t[i - 1] to t[i] by tsit5(rtol = 1e-8, atol = 1e-8) }
  output y
  loss y
}
)");
  Arrays data;
  data["y0"] = vector({-1, 0.4, 2.5, 0, 0.25, 2.5});
  data["t"] =
      matrix(6, 4, {0, 0.5, 1, 2, 0, 0.5, 1, 2, 0, 0.1, 1, 2, 0, 0, 0, 0, 0, 0.5, 0.5, 1, 0, 0.1, 1, 2});
  data["T"] = vector({4, 4, 4, 4, 4, 2});
  const Evaluation all = problem.evaluate(data);
  REQUIRE(all.failures.size() == 1);
  CHECK(all.failures[0].sample == 2);
  CHECK(all.failures[0].text.find("problem.node:4") != std::string::npos);
  CHECK(all.failures[0].text.find("state y of solve blow at t = 0.4") != std::string::npos);
  const double ends[] = {2, 2, 0, 0, 1, 0.1};
  for (size_t i = 0; i < 6; ++i) {
    const double y = all.outputs.at("y").values[i], y0 = data["y0"].values[i];
    if (i == 2)
      CHECK(std::isnan(y));
    else
      CHECK(y == doctest::Approx(y0 / (1 - y0 * ends[i])).epsilon(1e-6));
  }
  data["y0"].values[2] = 0.1;
  CHECK(problem.evaluate(data).failures.empty());
}

}  // namespace nodec::conformance
