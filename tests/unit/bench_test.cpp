// Measurements: what is counted, what random data are, what is refused. No test asks how long anything takes.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "compiler/embed/peak.hpp"
#include "nodec/nodec.hpp"

namespace nodec {
namespace {

const char* const network = R"(
field net {
  state z: real[3]
  param W1: real[8, 3] ~ normal(0, 0.5), b1: real[8] = 0
  param W2: real[3, 8] ~ normal(0, 0.5)
  z' = W2 @ tanh(W1 @ z + b1) - 0.01 * z * sum(z^2)
}
model m {
  data z0: real[3]
  let z1 = solve net(z = z0) from 0 to 1 by rk4(steps = 5)
  loss sum(z1^2)
}
model outputs_only {
  data z0: real[3]
  output z = solve net(z = z0) from 0 to 1 by dopri5(rtol = 1e-3)
}
)";

Bench bench_of(const Program& program, const std::string& name, int64_t batch) {
  const Model model = *program.model(name);
  const Result<Dataset> data = model.random_data(batch);
  REQUIRE(data);
  Result<Bench> bench = model.bench(*data, *model.initial_weights(), {batch, 0});
  REQUIRE(bench);
  return *bench;
}

TEST_CASE("a measurement counts products, evaluations, steps and lanes") {
  Options options;
  options.precision = Precision::f32;
  options.threads = 1;
  const Bench b = bench_of(Program::from_text("m.node", network, options), "m", 40);
  REQUIRE(b.solves.size() == 1);
  // W1 z and W2 s, once; z·z is no matrix product. Back: each product's two cotangents.
  CHECK(b.solves[0].field_multiply_adds == 2 * 24);
  CHECK(b.solves[0].vjp_multiply_adds == 4 * 24);
  CHECK(b.solves[0].method == "rk4");
  CHECK(b.accepted == 5);
  CHECK(b.rejected == 0);
  CHECK(b.evaluations >= 20);
  CHECK(b.evaluations <= 21);
  CHECK(b.threads == 1);
  CHECK(b.batch == 40);
  // Equal steps: only the last tile has idle lanes.
  const int tiles = (40 + b.lanes - 1) / b.lanes;
  CHECK(b.lane_efficiency == doctest::Approx(40.0 / (tiles * b.lanes)));
  CHECK(b.measurements >= 3);
  CHECK(b.forward.least > 0);
  CHECK(b.forward.least <= b.forward.median);
  REQUIRE(b.gradient);
  REQUIRE(b.gradient_peak);
  CHECK(b.forward_multiply_adds == doctest::Approx(48 * b.evaluations));
  CHECK(b.gradient_multiply_adds == doctest::Approx(48 * b.evaluations + 96 * 4 * 5));
  CHECK(b.forward_peak > 0);
  CHECK(*b.gradient_peak > 0);
  CHECK(b.failures.empty());
}

TEST_CASE("without a loss there is no gradient to measure") {
  const Bench b = bench_of(Program::from_text("m.node", network), "outputs_only", 8);
  CHECK(!b.gradient);
  CHECK(!b.gradient_peak);
  CHECK(b.precision == "f64");
  CHECK(b.forward_peak > 0);
  CHECK(b.stages_cached.empty());
  CHECK(b.stages.front().name == "parse");
  CHECK(b.stages.back().name == "jit");
}

TEST_CASE("products of the steps back are counted where they are those of the way there") {
  Options options;
  options.adjoint = "backsolve";
  const Bench b = bench_of(Program::from_text("m.node", network, options), "m", 8);
  CHECK(b.gradient);
  CHECK(!b.gradient_peak);
}

TEST_CASE("random data have the declared shapes, times in order and integers in range") {
  const Program program = Program::from_text("m.node", R"(
dim K = 4
field decay { state y: real; param k: real = 1; y' = -k * y }
model m {
  dim T
  data start: real, t: real[T], kind: int[T] in 2..K, y0: real
  output y = solve decay(y = y0) from start at t
  loss sum((y - kind)^2)
}
)");
  const Model model = *program.model();
  const Result<Dataset> data = model.random_data(5);
  REQUIRE(data);
  CHECK(data->samples() == 5);
  for (int64_t sample = 0; sample < 5; ++sample) {
    const Array t = data->values("t", sample), kind = data->values("kind", sample);
    REQUIRE(t.values.size() == Model::default_length);
    CHECK(data->values("start", sample).values[0] == 0);
    CHECK(t.values.front() > 0);
    CHECK(t.values.back() <= 1);
    CHECK(std::is_sorted(t.values.begin(), t.values.end()));
    for (const double k : kind.values) CHECK((k == 2 || k == 3));
  }
  CHECK(data->values("t", 0).values != data->values("t", 1).values);
  CHECK((*model.random_data(5)).values("t", 3).values == data->values("t", 3).values);
  REQUIRE(model.evaluate(*data, *model.initial_weights()));
  CHECK(model.evaluate(*data, *model.initial_weights())->failures.empty());
}

TEST_CASE("a batch takes samples again when there are fewer, and at least one") {
  const Program program = Program::from_text("m.node", network);
  const Model model = *program.model("m");
  const Result<Dataset> data = model.bind({{"z0", {{2, 3}, {1, 2, 3, 4, 5, 6}}}});
  REQUIRE(data);
  const Arrays weights = *model.initial_weights();
  CHECK(model.bench(*data, weights, {7, 0})->batch == 7);
  CHECK(model.bench(*data, weights, {0, 0})->batch == 2);
  const Result<Bench> none = model.bench(*data, weights, {-1, 0});
  CHECK(!none);
  CHECK(none.diagnostics()[0].id == "batch_too_small");
}

TEST_CASE("memory counts lengths as they are") {
  const char* const text = R"(
field decay { state y: real; param k: real = 1; y' = -k * y }
model m {
  dim T
  data t: real[T], y0: real
  let y = solve decay(y = y0) at t
  loss sum(y^2)
}
)";
  Options longer;
  longer.dims["T"] = 100 * Model::default_length;
  const Bench some = bench_of(Program::from_text("m.node", text), "m", 8);
  const Bench more = bench_of(Program::from_text("m.node", text, longer), "m", 8);
  // At least the state and its cotangent at each time.
  CHECK(some.bytes_per_sample >= 2 * 8 * Model::default_length);
  CHECK(more.bytes_per_sample >= some.bytes_per_sample + 2 * 8 * 99 * Model::default_length);
}

TEST_CASE("the peak probe runs on all its threads") {
  for (const bool f64 : {false, true}) {
    embed::PeakProbe one(f64, 1), two(f64, 2);
    REQUIRE(one.error().empty());
    CHECK(std::isfinite(one.gflops()));
    CHECK(one.gflops() > 0);
    CHECK(two.gflops() > 0);
  }
}

}  // namespace
}  // namespace nodec
