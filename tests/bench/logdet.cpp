// What the log-determinant costs: a flow's forward pass and its gradient with it and without, in one run.
//
//   logdet [SAMPLES] [STEPS] [REPETITIONS] [D H LAYERS]
//
// Both models take the same equal steps of dopri5, so that the field is evaluated as often; f32, one thread.
// Times are the least of alternating repetitions, of the process's own processor time: their ratios are what
// counts.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>
#include <string>
#include <vector>

#include "nodec/nodec.hpp"

namespace {

struct Shape {
  int64_t size, width, layers;
};

std::string text_of(const Shape& shape, int64_t steps) {
  std::string sizes = std::to_string(shape.size);
  for (int64_t i = 0; i < shape.layers; ++i) sizes += ", " + std::to_string(shape.width);
  sizes += ", " + std::to_string(shape.size);
  const std::string type = "real[" + std::to_string(shape.size) + "]";
  const std::string method = " from 0 to 1 by dopri5(steps = " + std::to_string(steps) + ")";
  return "use nn\n"
         "field flow {\n  state z: " +
         type + "\n  layer net = mlp([" + sizes +
         "], tanh)\n  z' = net(z)\n}\n"
         "model plain {\n  data x: " +
         type + "\n  let z = solve flow(z = x)" + method +
         "\n  loss dot(z, z) / 2\n}\n"
         "model density {\n  data x: " +
         type + "\n  let (z, ld) = solve flow(z = x) with logdet" + method +
         "\n  loss dot(z, z) / 2 - ld\n}\n";
}

template <class T>
T need(nodec::Result<T> result) {
  if (result) return *result;
  for (const nodec::Diagnostic& d : result.diagnostics()) std::fprintf(stderr, "%s\n", d.rendered.c_str());
  std::exit(1);
}

double seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

struct Subject {
  nodec::Model model;
  nodec::Dataset data;
  nodec::Arrays weights;
  int64_t evaluations = 0;
  double forward = 1e30, gradient = 1e30;

  void measure() {
    double begin = seconds();
    const nodec::Evaluation value = need(model.evaluate(data, weights));
    forward = std::min(forward, seconds() - begin);
    begin = seconds();
    need(model.gradient(data, weights));
    gradient = std::min(gradient, seconds() - begin);
    evaluations = value.solves.at(0).evaluations.at(0);
  }
};

void run(const Shape& shape, int64_t samples, int64_t steps, int64_t repetitions) {
  nodec::Options options;
  options.precision = nodec::Precision::f32;
  options.threads = 1;
  const nodec::Program program = nodec::Program::from_text("flow.node", text_of(shape, steps), options);
  std::mt19937 engine(1);
  std::normal_distribution<double> normal;
  nodec::Array x{{samples, shape.size}, {}};
  for (int64_t i = 0; i < samples * shape.size; ++i) x.values.push_back(normal(engine));
  std::vector<Subject> subjects;
  for (const char* name : {"plain", "density"}) {
    const nodec::Model model = need(program.model(name));
    subjects.push_back({model, need(model.bind({{"x", x}})), need(model.initial_weights())});
  }
  for (int64_t i = 0; i < repetitions; ++i)
    for (Subject& subject : subjects) subject.measure();
  const Subject &plain = subjects[0], &density = subjects[1];
  std::printf("%4ld %4ld %6ld %11ld | %8.3f %8.3f %6.2f | %8.3f %8.3f %6.2f\n", static_cast<long>(shape.size),
              static_cast<long>(shape.width), static_cast<long>(shape.layers),
              static_cast<long>(density.evaluations), 1e3 * plain.forward, 1e3 * density.forward,
              density.forward / plain.forward, 1e3 * plain.gradient, 1e3 * density.gradient,
              density.gradient / plain.gradient);
  if (plain.evaluations != density.evaluations)
    std::printf("evaluations differ: %ld\n", static_cast<long>(plain.evaluations));
  std::fflush(stdout);
}

}  // namespace

int main(int count, char** arguments) {
  std::array<int64_t, 6> given{1024, 16, 15, 0, 0, 0};
  for (int i = 1; i < count && i <= 6; ++i) given[static_cast<size_t>(i) - 1] = std::atoll(arguments[i]);
  std::printf("%ld samples, %ld steps; milliseconds\n", static_cast<long>(given[0]),
              static_cast<long>(given[1]));
  std::printf("   D    H layers evaluations |  forward   logdet  ratio | gradient   logdet  ratio\n");
  const std::vector<Shape> shapes =
      given[3] > 0 ? std::vector<Shape>{{given[3], given[4], given[5]}}
                   : std::vector<Shape>{{2, 64, 2}, {16, 64, 2}, {64, 64, 2}, {64, 128, 1}};
  for (const Shape& shape : shapes) run(shape, given[0], given[1], given[2]);
}
