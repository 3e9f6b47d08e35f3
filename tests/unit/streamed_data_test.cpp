// Data that are converted batch by batch give the bits of data that are converted at once.
#include <doctest/doctest.h>

#include <cstdio>
#include <random>

#include "compiler/embed/data.hpp"
#include "nodec/nodec.hpp"
#include "runtime/files.hpp"
#include "runtime/npy.hpp"

namespace nodec {
namespace {

constexpr int64_t samples = 1 << 20, width = 9;  // 72 MiB of f64

const char* const text = R"(
model m {
  data x: real[9]
  sample noise: real ~ normal(0, 1)
  param w: real[9] ~ normal(0, 1)
  output y = dot(w, x)
  metric size = abs(y)
  loss (y + 0.1 * noise - 1)^2
  train { optimizer = sgd(lr = 1e-2), batch = 32, steps = 50 }
}
)";

struct File {
  File() {
    std::mt19937_64 engine(3);
    std::uniform_real_distribution<double> uniform(-1, 1);
    std::vector<double> values(static_cast<size_t>(samples * width));
    for (double& v : values) v = uniform(engine);
    const auto array = runtime::Array::of({samples, width}, std::span<const double>(values));
    REQUIRE(runtime::write_bytes(path, runtime::write_npy(array)));
  }
  ~File() { std::remove(path.c_str()); }
  const std::string path = "nodec_streamed.npy";
};

Dataset streamed(const Model& model, const std::string& path) {
  const runtime::Result<runtime::DataFile> file = runtime::read_data("x=" + path);
  REQUIRE(file);
  runtime::BindOptions options;
  options.double_precision = false;
  options.largest_copy = 0;
  runtime::Result<runtime::Binding> bound = runtime::bind(*file, {{"x", {runtime::Extent(width)}}}, options);
  REQUIRE(bound);
  REQUIRE(!bound->arrays[0].values.has_address());
  auto state = std::make_shared<Dataset::State>(*model.read("x=" + path)->state);
  state->binding = std::move(*bound);
  return Dataset{state};
}

TEST_CASE("a training run on a file of f64 gives f32's bits, converted at once or batch by batch") {
  const File file;
  Options options;
  options.precision = Precision::f32;
  const Program program = Program::from_text("m.node", text, options);
  REQUIRE(program.ok());
  const Result<Model> model = program.model("");
  REQUIRE(model);
  const Dataset at_once = *model->read("x=" + file.path), by_batch = streamed(*model, file.path);
  const Arrays start = *model->initial_weights();
  const Result<Training> first = train({{*model, at_once, {}}}, start, {}),
                         second = train({{*model, by_batch, {}}}, start, {});
  REQUIRE(first);
  REQUIRE(second);
  CHECK(first->last_loss == second->last_loss);
  CHECK(first->weights.at("m.w").values == second->weights.at("m.w").values);
  CHECK(first->weights.at("m.w").values != start.at("m.w").values);

  const Result<Gradient> a = model->gradient(at_once, start), b = model->gradient(by_batch, start);
  REQUIRE(a);
  REQUIRE(b);
  CHECK(a->loss == b->loss);
  CHECK(a->data.at("x").values == b->data.at("x").values);
}

}  // namespace
}  // namespace nodec
