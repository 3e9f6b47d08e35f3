// Wide layers: the same bits at any batch size, and machine code whose size does not follow the model's
// sizes.
#include <cmath>
#include <string>

#include "tests/conformance/problem.hpp"

namespace nodec::conformance {
namespace {

std::string layered(int width, int layers) {
  std::string sizes = "[3";
  for (int i = 0; i < layers; ++i) sizes += ", " + std::to_string(width);
  return R"(
use nn
field f {
  state z: real[3]
  layer net = mlp()" +
         sizes + R"(, 3], tanh)
  z' = net(z)
}
model m {
  dim T
  data t: real[T], y: real[3]
  let z = solve f(z = y) from 0 at t by dopri5(rtol = 1e-4, atol = 1e-4)
  output z
  loss mean(z^2)
}
)";
}

Arrays samples(int64_t count) {
  Arrays data;
  data["t"].shape = {2};
  data["t"].values = {0.25, 0.5};
  data["y"].shape = {count, 3};
  for (int64_t i = 0; i < 3 * count; ++i) data["y"].values.push_back(std::sin(1.7 * static_cast<double>(i)));
  return data;
}

CompileReport report_of(const std::string& text) {
  const Program program = Program::from_text("model.node", text);
  REQUIRE(program.ok());
  const Result<Model> model = program.model("m");
  REQUIRE(model);
  const Result<CompileReport> report = model->compile();
  REQUIRE(report);
  return *report;
}

}  // namespace

TEST_CASE("wide layers give a sample the same bits in batches of any size") {
  for (const auto& [precision, form] :
       {std::pair(Precision::f32, Form::lanes), std::pair(Precision::f64, Form::lanes),
        std::pair(Precision::f32, Form::features)}) {
    for (const int width : {64, 1024}) {
      CAPTURE(width);
      Options options;
      options.precision = precision;
      options.form = form;
      const Problem problem(layered(width, 2), options);
      const int64_t largest = width == 64 ? 1000 : 100;
      const Evaluation whole = problem.evaluate(samples(largest));
      const std::vector<double>& expected = whole.outputs.at("z").values;
      for (const int64_t size : {int64_t{1}, int64_t{3}, int64_t{20}, int64_t{100}}) {
        CAPTURE(size);
        const Evaluation part = problem.evaluate(samples(size));
        const std::vector<double>& z = part.outputs.at("z").values;
        CHECK(z == std::vector<double>(expected.begin(), expected.begin() + static_cast<int64_t>(z.size())));
      }
    }
  }
}

TEST_CASE("machine code does not grow with the width of a layer") {
  // Beyond the second level of the cache tiles are twice as wide, however large the layers are.
  for (const auto& [width, wider] : {std::pair<int64_t, int64_t>{64, 192}, {1024, 3072}}) {
    const CompileReport narrow = report_of(layered(width, 2)), wide = report_of(layered(wider, 2));
    CHECK(narrow.gradient_code_bytes > 0);
    CHECK(narrow.gradient_code_bytes < 100'000);
    CHECK(static_cast<double>(wide.gradient_code_bytes) ==
          doctest::Approx(static_cast<double>(narrow.gradient_code_bytes)).epsilon(0.02));
  }
}

TEST_CASE("the report counts a sample's memory and what is recorded of its steps") {
  const CompileReport narrow = report_of(layered(64, 2)), wide = report_of(layered(128, 2));
  // t, h, what became of the step, the next observation, the state and its derivative: 4 + 2·3 numbers.
  // And which of the steps kept it is.
  CHECK(narrow.record_bytes_per_step == 8 * (4 + 2 * 3 + 1));
  CHECK(wide.record_bytes_per_step == narrow.record_bytes_per_step);
  // Of each of six stages the state and both layers' activations.
  CHECK(narrow.kept_bytes_per_step == 8 * 6 * (3 + 2 * 64));
  CHECK(wide.kept_bytes_per_step == 8 * 6 * (3 + 2 * 128));
  CHECK(wide.bytes_per_sample > narrow.bytes_per_sample);
  CHECK(narrow.forward_code_bytes == 0);
}

}  // namespace nodec::conformance
