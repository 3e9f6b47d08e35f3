// The features form beside the lanes form: same values to rounding, and a sample's bits whatever its batch.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "compiler/codegen/target.hpp"
#include "compiler/embed/include/nodec/nodec.hpp"
#include "tests/unit/random_array.hpp"

namespace nodec {
namespace {

using test::random_array;

Array times(int64_t samples, int64_t count) {
  Array a{{samples, count}, {}};
  for (int64_t s = 0; s < samples; ++s)
    for (int64_t j = 0; j < count; ++j)
      a.values.push_back(0.1 * static_cast<double>(j + 1) + 0.01 * static_cast<double>(s));
  return a;
}

struct Results {
  Evaluation forward;
  Gradient gradient;
};

Results run(const std::string& text, const Arrays& data, Form form, Precision precision) {
  Options options;
  options.form = form;
  options.precision = precision;
  options.threads = 1;
  const Program program = Program::from_text("m.node", text, options);
  for (const Diagnostic& d : program.diagnostics()) INFO(d.rendered);
  REQUIRE(program.ok());
  const Result<Model> model = program.model();
  REQUIRE(model);
  const Result<Dataset> bound = model->bind(data);
  REQUIRE_MESSAGE(bound, (bound.diagnostics().empty() ? "" : bound.diagnostics()[0].rendered));
  const Arrays weights = *model->initial_weights();
  const Result<Evaluation> forward = model->evaluate(*bound, weights);
  REQUIRE_MESSAGE(forward, (forward.diagnostics().empty() ? "" : forward.diagnostics()[0].rendered));
  const Result<Gradient> gradient = model->gradient(*bound, weights);
  REQUIRE_MESSAGE(gradient, (gradient.diagnostics().empty() ? "" : gradient.diagnostics()[0].rendered));
  return {*forward, *gradient};
}

void check_close(const Arrays& a, const Arrays& b, double tolerance) {
  REQUIRE(a.size() == b.size());
  for (const auto& [name, array] : a) {
    CAPTURE(name);
    const std::vector<double>& other = b.at(name).values;
    REQUIRE(array.values.size() == other.size());
    double scale = 1e-3;
    for (const double x : array.values) scale = std::isfinite(x) ? std::fmax(scale, std::fabs(x)) : scale;
    for (size_t i = 0; i < other.size(); ++i) {
      CAPTURE(i);
      const double x = array.values[i], y = other[i];
      const bool alike = x == y || (std::isnan(x) && std::isnan(y)) || std::fabs(x - y) <= tolerance * scale;
      CHECK_MESSAGE(alike, x << " and " << y);
    }
  }
}

void check_forms(const std::string& text, const Arrays& data) {
  for (const Precision precision : {Precision::f64, Precision::f32}) {
    const double tolerance = precision == Precision::f64 ? 1e-9 : 2e-3;
    const Results lanes = run(text, data, Form::lanes, precision);
    const Results features = run(text, data, Form::features, precision);
    check_close(lanes.forward.outputs, features.forward.outputs, tolerance);
    check_close(lanes.gradient.parameters, features.gradient.parameters, tolerance);
    check_close(lanes.gradient.data, features.gradient.data, tolerance);
    CHECK(lanes.forward.failures.size() == features.forward.failures.size());
  }
}

std::string net(int64_t width, const std::string& method) {
  const std::string h = std::to_string(width);
  return "use nn\nfield f {\n  state z: real[5]\n  layer net = mlp([6, " + h + ", " + h +
         ", 5], tanh)\n  z' = net(concat(z, [t]))\n}\nmodel m {\n  dim T\n  data x: real[5], t: real[T]\n"
         "  let z = solve f(z = x) from 0 at t by " +
         method + "\n  output z\n  loss mean(z^2)\n}\n";
}

TEST_CASE("layers of odd widths") {
  for (const int64_t width : {1, 3, 5, 17, 63, 65, 100}) {
    CAPTURE(width);
    check_forms(net(width, "rk4(steps = 7)"), {{"x", random_array({3, 5}, 1)}, {"t", times(3, 4)}});
  }
}

TEST_CASE("adaptive steps, dense output, times of each sample's own") {
  check_forms(net(17, "tsit5(rtol = 1e-7, atol = 1e-7)"),
              {{"x", random_array({4, 5}, 2)}, {"t", times(4, 6)}});
  check_forms(net(33, "dop853(rtol = 1e-8, atol = 1e-8)"),
              {{"x", random_array({2, 5}, 3)}, {"t", times(2, 3)}});
}

TEST_CASE("states of many elements, products that vary by sample, sums, and what indices compute") {
  check_forms(R"(
field f {
  state z: real[37], q: real
  param A: real[37, 37] ~ normal(0, 0.1), b: real[37] ~ uniform(-1, 1)
  input M: real[37, 37]
  z' = tanh(A @ z + b) - M @ z / 37 + [z[(i + 5) % 37] - z[36 - i] for i in 0..37] / 10
  q' = sum(z^2) + max(z)
}
model m {
  data x: real[37], M: real[37, 37]
  let (z, q) = solve f(z = x, q = 0, M = M) from 0 to 1 by dopri5(steps = 5)
  output z
  output q
  loss q + log(sum(exp(z)))
}
)",
              {{"x", random_array({3, 37}, 4)}, {"M", random_array({3, 37, 37}, 5)}});
}

TEST_CASE("recurrences over samples of their own lengths") {
  Array y = random_array({3, 6, 9}, 6), lengths{{3}, {6, 2, 4}};
  check_forms(R"(
use nn
model m {
  dim T
  data y: real[T, 9]
  layer cell = gru(9, 19)
  let h = fold h from zeros(19) for i in 0..T { return cell(h, y[i]) }
  output h
  loss mean(h^2)
}
)",
              {{"y", y}, {"T", lengths}});
}

TEST_CASE("an exact log-determinant") {
  check_forms(R"(
use nn
field f {
  state z: real[3]
  layer net = mlp([4, 21, 3], tanh)
  z' = net(concat(z, [t]))
}
model m {
  data x: real[3]
  let (z, l) = solve f(z = x) from 0 to 1 with logdet by dopri5(steps = 4)
  output z
  output l
  loss mean(z^2) - l
}
)",
              {{"x", random_array({5, 3}, 7)}});
}

TEST_CASE("a sample whose states are not finite fails alone") {
  Array x = random_array({4, 5}, 8);
  for (double& value : x.values) value = std::fabs(value) + 0.5;
  x.values[7] = -1;
  x.values[15] = 0;
  const std::string text =
      "field f { state z: real[5]; z' = log(z) / 4 }\n"
      "model m { data x: real[5]; let z = solve f(z = x) from 0 to 0.5 by rk4(steps = 3); output z; loss "
      "z[3] }";
  check_forms(text, {{"x", x}});
  const Evaluation run_alone = run(text, {{"x", x}}, Form::features, Precision::f32).forward;
  REQUIRE(run_alone.failures.size() == 2);
  CHECK(run_alone.failures[0].sample == 1);
  CHECK(std::isfinite(run_alone.outputs.at("z").values[0]));
}

TEST_CASE("a sample's bits do not depend on its batch") {
  const std::string text = net(65, "dopri5(rtol = 1e-6, atol = 1e-6)");
  const Array x = random_array({9, 5}, 9), t = times(9, 3);
  for (const Precision precision : {Precision::f64, Precision::f32}) {
    const Evaluation all = run(text, {{"x", x}, {"t", t}}, Form::features, precision).forward;
    for (int64_t s = 0; s < 9; ++s) {
      const Array one{{1, 5}, {x.values.begin() + 5 * s, x.values.begin() + 5 * s + 5}};
      const Array own{{1, 3}, {t.values.begin() + 3 * s, t.values.begin() + 3 * s + 3}};
      const Evaluation alone = run(text, {{"x", one}, {"t", own}}, Form::features, precision).forward;
      const std::vector<double>& z = all.outputs.at("z").values;
      CHECK(alone.outputs.at("z").values == std::vector<double>(z.begin() + 15 * s, z.begin() + 15 * s + 15));
    }
  }
}

TEST_CASE("the form follows the number of samples and the field's products") {
  const auto features = [](const std::string& text, const Arrays& data) {
    Options options;
    options.remarks = true;
    const Program program = Program::from_text("m.node", text, options);
    REQUIRE(program.ok());
    const Model model = *program.model();
    const Result<Evaluation> run = model.evaluate(*model.bind(data), *model.initial_weights());
    REQUIRE(run);
    for (const Diagnostic& d : run.diagnostics())
      if (d.id == "machine_code") return d.text.find("form features") != std::string::npos;
    return false;
  };
  const std::string decay =
      "field f { state z: real; z' = -z }\n"
      "model m { data x: real; output z = solve f(z = x) from 0 to 1 by rk4(steps = 2) }";
  const std::string matrices = net(20, "rk4(steps = 2)");
  CHECK(features(decay, {{"x", Array{{1}, {1}}}}));
  CHECK_FALSE(features(decay, {{"x", Array{{2}, {1, 2}}}}));
  CHECK(features(matrices, {{"x", random_array({1, 5}, 1)}, {"t", times(1, 2)}}));
  CHECK(features(decay, {{"x", Array{{1}, {1}}}}));
  CHECK_FALSE(features(decay, {{"x", Array{{2}, {1, 2}}}}));
  CHECK(features(matrices, {{"x", random_array({6, 5}, 1)}, {"t", times(6, 2)}}));
  CHECK_FALSE(features(matrices, {{"x", random_array({7, 5}, 1)}, {"t", times(7, 2)}}));
}

TEST_CASE("ensembles of tiny fields by steps of one size take four registers of lanes") {
  const auto lanes_of = [](const std::string& method) {
    Options options;
    options.precision = Precision::f32;
    const Program program = Program::from_text("m.node",
                                               "field f { state x: real, v: real; x' = v; v' = -x }\n"
                                               "model m { data a: real; let (x, v) = solve f(x = a, v = 0) "
                                               "from 0 to 1 by " +
                                                   method + "; output x; output v }",
                                               options);
    REQUIRE(program.ok());
    const Result<CompileReport> report = program.model()->compile();
    REQUIRE(report);
    CHECK(report->form == "lanes");
    return report->lanes;
  };
  CHECK(lanes_of("rk4(steps = 10)") == 4 * codegen::host_target().vector_bits / 32);
  CHECK(lanes_of("tsit5(rtol = 1e-3)") == std::max(16, 2 * codegen::host_target().vector_bits / 32));
}

}  // namespace
}  // namespace nodec
