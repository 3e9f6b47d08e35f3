// One compiled model in many threads at once, for the thread sanitizer above all: prepared, evaluated,
// trained, solved and canceled side by side, the program long gone; every thread gets the bits that one
// thread got.
#include <nodec/nodec.hpp>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <thread>
#include <vector>

namespace {

const char* const text = R"(
use nn
field flow {
  state z: real[2]
  layer net = mlp([2, 8, 2], tanh)
  z' = net(z)
}
model m {
  dim T
  data t: real[T], y: real[T, 2]
  let z = solve flow(z = y[0]) at t by dopri5(rtol = 1e-6, atol = 1e-6)
  output z
  loss mean((z - y)^2)
  train { optimizer = adam(lr = 1e-2), steps = 3 }
}
)";
constexpr int64_t samples = 40, times = 5;

std::atomic<int> failures{0};

void expect(bool good, const char* what) {
  if (good) return;
  std::printf("failed: %s\n", what);
  ++failures;
}

nodec::Arrays arrays() {
  nodec::Arrays data{{"t", {{samples, times}, {}}}, {"y", {{samples, times, 2}, {}}}};
  for (int64_t i = 0; i < samples * times; ++i)
    data["t"].values.push_back(0.2 * static_cast<double>(i % times));
  for (int64_t i = 0; i < samples * times * 2; ++i)
    data["y"].values.push_back(0.01 * static_cast<double>(i % 97));
  return data;
}

using Bits = std::vector<double>;

void append(Bits& bits, nodec::View<const double> values) {
  bits.insert(bits.end(), values.begin(), values.end());
}

// All that a prepared solver gives.
Bits solved(const nodec::Model& model, int threads) {
  auto solver = model.prepare<double>(
      {.samples = samples, .lengths = {{"T", times}}, .gradient = true, .vjp = true, .threads = threads});
  if (!solver) return {};
  for (const auto& [name, array] : arrays())
    std::copy(array.values.begin(), array.values.end(), solver->data(name).begin());
  for (double& c : solver->output_cotangent("z")) c = 1;
  Bits bits;
  for (int round = 0; round < 3; ++round) {
    const bool good = solver->solve() && solver->gradient() && solver->vjp();
    expect(good, "a run");
    bits.clear();
    append(bits, solver->output("z"));
    append(bits, solver->parameter_gradient());
    append(bits, solver->data_gradient("y"));
    append(bits, solver->parameter_cotangent());
  }
  return bits;
}

// The same through calls that prepare nothing.
Bits evaluated(const nodec::Model& model) {
  auto data = model.bind(arrays());
  auto weights = model.initial_weights();
  auto evaluation = model.evaluate(*data, *weights);
  auto gradient = model.gradient(*data, *weights);
  auto training = model.train(*data, *weights, {});
  if (!evaluation || !gradient || !training) return {};
  Bits bits = evaluation->outputs.at("z").values;
  for (const auto& [path, array] : training->weights)
    bits.insert(bits.end(), array.values.begin(), array.values.end());
  bits.push_back(gradient->loss);
  return bits;
}

// A run of minutes, canceled by another thread.
void canceled() {
  nodec::Options options;
  options.form = nodec::Form::lanes;
  auto model = nodec::Program::from_text("long.node",
                                         "field f { state z: real; z' = sin(1000 * t) * z }\n"
                                         "model m { data x: real\n"
                                         "  output z = solve f(z = x) from 0 to 100000 by "
                                         "dopri5(rtol = 1e-9, atol = 1e-9, max_steps = 1000000000) }",
                                         options)
                   .model();
  auto solver = model->prepare<double>();
  if (!solver) return expect(false, "the long model is prepared");
  solver->data("x")[0] = 1;
  std::atomic<bool> flag{false};
  solver->cancel_by(&flag);
  std::thread other([&flag] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    flag = true;
  });
  expect(solver->solve().code == nodec::StatusCode::canceled, "a run is canceled from another thread");
  other.join();
}

}  // namespace

int main() {
  nodec::Options options;
  options.cache = (std::filesystem::temp_directory_path() / "nodec-threads-test").string();
  std::filesystem::remove_all(options.cache);
  std::optional<nodec::Model> model = *nodec::Program::from_text("threads.node", text, options).model();
  // Nothing is compiled yet: the threads do that at once.
  constexpr int threads = 8;
  std::vector<Bits> solves(threads), evaluations(threads);
  std::vector<std::thread> running;
  for (size_t n = 0; n < threads; ++n)
    running.emplace_back([&, n, mine = *model] {
      solves[n] = solved(mine, n % 2 == 0 ? 1 : 2);
      evaluations[n] = evaluated(mine);
      // A program of its own, with the folder of machine code shared.
      auto own = nodec::Program::from_text("threads.node", text, options).model();
      expect(own && solved(*own, 1) == solves[n], "a program of the thread's own gives the same bits");
      if (n == 0) canceled();
    });
  model.reset();
  for (std::thread& thread : running) thread.join();
  expect(!solves[0].empty() && !evaluations[0].empty(), "there are results");
  for (size_t n = 1; n < threads; ++n) {
    expect(solves[n] == solves[0], "each thread's solver gives the same bits");
    expect(evaluations[n] == evaluations[0], "each thread's calls give the same bits");
  }
  std::filesystem::remove_all(options.cache);
  std::printf("%d threads, %d failures\n", threads, failures.load());
  return failures == 0 ? 0 : 1;
}
