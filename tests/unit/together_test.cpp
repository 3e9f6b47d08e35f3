// Equal steps taken together beside the same steps taken one by one, which is what a start of each sample's
// own makes of them: every bit, count, failure and gradient.
#include <doctest/doctest.h>

#include <bit>
#include <string>
#include <vector>

#include "compiler/embed/include/nodec/nodec.hpp"

namespace nodec {
namespace {

struct Results {
  Evaluation forward;
  Gradient gradient;
};

// z' = z² + p sin(t) w, with the quadrature q' = z, from z = x.
Results run(const std::string& start, const std::string& times, const std::string& method,
            Precision precision, int64_t samples, double spread) {
  const std::string text =
      "field f {\n  state z: real, w: real, q: real\n  param p: real = 0.3\n"
      "  z' = z^2 + p * sin(t) * w\n  w' = -w * z\n  q' = z\n}\n"
      "model m {\n  data x: real, start: real\n"
      "  let (z, w, q) = solve f(z = x, w = 1, q = 0) from " +
      start + " at [" + times + "] by " + method +
      "\n  output z\n  output q\n  loss sum(z * z) + sum(q * w)\n}\n";
  Options options;
  options.precision = precision;
  options.form = Form::lanes;
  options.threads = 1;
  const Program program = Program::from_text("m.node", text, options);
  for (const Diagnostic& d : program.diagnostics()) INFO(d.rendered);
  REQUIRE(program.ok());
  const Result<Model> model = program.model();
  Array x{{samples}, {}}, zeros{{samples}, std::vector<double>(static_cast<size_t>(samples), 0.0)};
  for (int64_t s = 0; s < samples; ++s)
    x.values.push_back(spread * static_cast<double>(s + 1) / static_cast<double>(samples));
  const Result<Dataset> bound = model->bind({{"x", x}, {"start", zeros}});
  REQUIRE(bound);
  const Arrays weights = *model->initial_weights();
  const Result<Evaluation> forward = model->evaluate(*bound, weights);
  REQUIRE(forward);
  const Result<Gradient> gradient = model->gradient(*bound, weights);
  REQUIRE(gradient);
  return {*forward, *gradient};
}

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (std::bit_cast<uint64_t>(a[i]) != std::bit_cast<uint64_t>(b[i]) && (a[i] == a[i] || b[i] == b[i]))
      return false;
  return true;
}

void check_same(const Results& together, const Results& apart) {
  for (const auto& [name, values] : together.forward.outputs)
    CHECK(same_bits(values.values, apart.forward.outputs.at(name).values));
  const SolveStatistics &a = together.forward.solves.at(0), &b = apart.forward.solves.at(0);
  CHECK(a.evaluations == b.evaluations);
  CHECK(a.accepted == b.accepted);
  CHECK(a.rejected == b.rejected);
  REQUIRE(together.forward.failures.size() == apart.forward.failures.size());
  for (size_t i = 0; i < apart.forward.failures.size(); ++i) {
    CHECK(together.forward.failures[i].sample == apart.forward.failures[i].sample);
    CHECK(together.forward.failures[i].text == apart.forward.failures[i].text);
  }
  CHECK(same_bits(together.gradient.parameters.at("f.p").values, apart.gradient.parameters.at("f.p").values));
  CHECK(same_bits(together.gradient.data.at("x").values, apart.gradient.data.at("x").values));
}

void compare(const std::string& times, const std::string& method, int64_t samples, double spread) {
  for (const Precision precision : {Precision::f32, Precision::f64}) {
    CAPTURE(times);
    CAPTURE(method);
    CAPTURE(samples);
    const Results together = run("0", times, method, precision, samples, spread),
                  apart = run("start", times, method, precision, samples, spread);
    check_same(together, apart);
  }
}

}  // namespace

TEST_CASE("steps taken together are those taken one by one") {
  for (const char* method :
       {"euler(steps = 1)", "heun(steps = 2)", "rk4(steps = 65)", "rk4(steps = 200)", "dopri5(steps = 67)"}) {
    compare("1", method, 5, 0.5);
    compare("0.01, 0.3, 0.3, 0.999, 1", method, 17, 0.5);
  }
  compare("-1", "rk4(steps = 130)", 5, 0.5);
  compare("0, 0", "rk4(steps = 3)", 5, 0.5);
}

TEST_CASE("a lane that fails among steps taken together fails where it would alone") {
  // Solutions from x pass infinity at t = 1 / x.
  for (const char* method : {"rk4(steps = 100)", "rk4(steps = 1000)", "dopri5(steps = 300)"}) {
    compare("2", method, 9, 3);
    compare("0.2, 0.4, 2", method, 17, 30);
  }
}

}  // namespace nodec
