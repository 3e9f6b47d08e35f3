// Fields, solves and models: what elaboration makes of their declarations.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "tests/unit/semantics_fixture.hpp"

using namespace nodec;
using semantics::test::Program;
using semantics::test::vector;

namespace {

std::vector<std::string> paths(const semantics::Model& model) {
  std::vector<std::string> result;
  for (const auto& parameter : model.parameters) result.push_back(parameter.path);
  return result;
}

const graph::SolveInfo& solve_of(const semantics::Model& model, size_t i = 0) {
  return model.solves.at(i).node->as<graph::SolveInfo>();
}

double control(const semantics::Model& model, graph::Control which) {
  graph::Ref node = model.solves.at(0).node;
  return node->operands[solve_of(model).control_operand(which)]->as<graph::Constant>().values[0];
}

double scalar(graph::Ref root, const graph::Environment& sample) {
  return graph::evaluate(root, sample).values.at(0);
}

}  // namespace

TEST_CASE("layers own parameters under their path, in order of declaration") {
  Program program(R"(
use nn
layer net = mlp([2, 3, 4, 1], tanh)
model m { data x: real[2]; param gain: real = 2; layer own = dense(1, 1)
  output r = gain * own(net(x)) + sum(net.hidden[1].b) }
)");
  INFO(program.rendered);
  REQUIRE(program.module);
  CHECK(paths(program.model()) == std::vector<std::string>{"net.hidden.0.W", "net.hidden.0.b",
                                                           "net.hidden.1.W", "net.hidden.1.b", "net.out.W",
                                                           "net.out.b", "m.gain", "m.own.W", "m.own.b"});
  CHECK(program.model().parameters[2].source_path == "net.hidden[1].W");
  CHECK(program.model().parameters[2].type.text() == "real[4, 3]");
  CHECK(program.model().parameters[0].initializer.kind == semantics::Initializer::Kind::glorot_uniform);
}

TEST_CASE("a model lists only the parameters that it reads") {
  Program program("param a: real = 1\nparam b: real in (0, 1) = 0.5\nmodel m { output r = 2 * b }");
  REQUIRE(program.module);
  CHECK(paths(program.model()) == std::vector<std::string>{"b"});
  CHECK(program.model().parameters[0].interval->hi == 1);
}

TEST_CASE("a field is a function of its states, inputs and time") {
  Program program(R"(
field f { state z: real[2], c: real; input u: real = 3; param k: real = 1
  let s = z[0] + c'
  z' = [s, t * u]
  c' = k * z[1] }
model m { data a: real[2]
  let (dz, dc) = f(z = a, c = 0, t = 2)
  output dz
  output dc }
)");
  INFO(program.rendered);
  REQUIRE(program.module);
  graph::Environment sample;
  sample.data = {{"a", vector({5, 7})}};
  sample.parameters = {{"f.k", graph::Tensor::scalar(10)}};
  CHECK(graph::evaluate(program.model().outputs[0].value, sample).values == std::vector<double>{75, 6});
  CHECK(scalar(program.model().outputs[1].value, sample) == 70);
  const semantics::Field& field = program.module->fields.at(0);
  CHECK(field.states.size() == 2);
  CHECK(field.inputs.at(0).default_value != nullptr);
  CHECK(field.variables.size() == 4);
}

TEST_CASE("a second-order equation makes the derivative a state") {
  Program program(R"(
field f { state q: real; q'' = -4 * q - 0 * q' }
model m { let (q, v) = solve f(q = 1, q' = 0) from 0 to 1 by rk4(steps = 400)
  output q
  output v }
)");
  INFO(program.rendered);
  REQUIRE(program.module);
  CHECK(program.invalid() == "");
  CHECK(scalar(program.model().outputs[0].value, {}) == doctest::Approx(std::cos(2.0)).epsilon(1e-9));
  CHECK(scalar(program.model().outputs[1].value, {}) == doctest::Approx(-2 * std::sin(2.0)).epsilon(1e-9));
  CHECK(program.module->fields[0].states[1].name == "q'");
}

TEST_CASE("solves take their times in three ways") {
  const std::string field = "field f { state z: real; z' = 2 * t }\n";
  Program program(field + R"(
model m { dim T
  data t: real[T]
  output a = solve f(z = 0) from 1 to 3
  output b = solve f(z = 0) at t
  output c = solve f(z = 0) from 0 at t
  output d = solve f(z = 0) from 3 to 1 }
)");
  INFO(program.rendered);
  REQUIRE(program.module);
  CHECK(program.invalid() == "");
  graph::Environment sample;
  sample.data = {{"t", vector({1, 2, 4})}};
  sample.lengths = {{"T", 3}};
  auto result = [&](size_t i) { return graph::evaluate(program.model().outputs[i].value, sample).values; };
  CHECK(result(0)[0] == doctest::Approx(8));
  CHECK(result(1)[0] == 0);
  CHECK(result(1)[1] == doctest::Approx(3));
  CHECK(result(1)[2] == doctest::Approx(15));
  CHECK(result(2)[2] == doctest::Approx(16));
  CHECK(result(3)[0] == doctest::Approx(-8));
  CHECK(solve_of(program.model(), 1).initial_observed);
  CHECK_FALSE(solve_of(program.model(), 2).initial_observed);
}

TEST_CASE("the log-determinant is one more quadrature") {
  Program program(R"(
field f { state z: real, cost: real = 0; z' = -z^3; cost' = z^2 }
model m { let (z, c, ld) = solve f(z = 0.7) from 0 to 2 with logdet by dopri5(rtol = 1e-10, atol = 1e-12)
  output z
  output ld }
)");
  INFO(program.rendered);
  REQUIRE(program.module);
  const graph::SolveInfo& info = solve_of(program.model());
  REQUIRE(info.states.size() == 3);
  CHECK_FALSE(info.states[0].quadrature);
  CHECK(info.states[1].quadrature);
  CHECK(info.states[2].quadrature);
  CHECK(info.states[2].name == "logdet");
  CHECK(scalar(program.model().outputs[0].value, {}) == doctest::Approx(0.406866735603367482).epsilon(1e-11));
  CHECK(scalar(program.model().outputs[1].value, {}) == doctest::Approx(-1.62778390250395351).epsilon(1e-11));
}

TEST_CASE("methods have their defaults, and options override them") {
  const std::string text =
      "field f { state z: real, w: real = 0; z' = -z; w' = z }\n"
      "model m { let (z, w) = solve f(z = 1) from 0 to 1 by dopri5(rtol = 1e-7, norm = [z]) adjoint "
      "backsolve(rtol = 1e-5)\n"
      "  output z }";
  Program plain("field f { state z: real; z' = -z }\nmodel m { output z = solve f(z = 1) from 0 to 1 }");
  REQUIRE(plain.module);
  CHECK(solve_of(plain.model()).tableau->name == "tsit5");
  CHECK(control(plain.model(), graph::Control::rtol) == 1e-3);
  CHECK(control(plain.model(), graph::Control::atol) == 1e-6);
  CHECK(control(plain.model(), graph::Control::max_steps) == 100000);
  Program written(text);
  INFO(written.rendered);
  REQUIRE(written.module);
  CHECK(control(written.model(), graph::Control::rtol) == 1e-7);
  CHECK(control(written.model(), graph::Control::adjoint_rtol) == 1e-5);
  CHECK(solve_of(written.model()).adjoint == graph::AdjointKind::backsolve);
  CHECK_FALSE(solve_of(written.model()).states[1].in_norm);
  semantics::Options options;
  options.method = "rk4(steps = 10)";
  options.adjoint = "checkpoint";
  options.rtol = 1e-9;
  Program overridden(text, options);
  INFO(overridden.rendered);
  REQUIRE(overridden.module);
  CHECK(solve_of(overridden.model()).tableau->name == "rk4");
  CHECK(solve_of(overridden.model()).rule == graph::StepRule::equal_steps);
  CHECK(solve_of(overridden.model()).adjoint == graph::AdjointKind::checkpoint);
  options.method = "";
  Program tighter(text, options);
  REQUIRE(tighter.module);
  CHECK(control(tighter.model(), graph::Control::rtol) == 1e-9);
}

TEST_CASE("every built-in method is what its order says") {
  for (const char* method : {"euler", "midpoint", "heun", "rk4", "bosh3", "dopri5", "tsit5", "dop853"}) {
    auto error = [&](int steps) {
      Program program(
          "field f { state z: real; z' = z * cos(t) }\nmodel m { output z = solve f(z = 1) from 0 to 3 by " +
          std::string(method) + "(steps = " + std::to_string(steps) + ") }");
      INFO(program.rendered);
      REQUIRE(program.module);
      return std::abs(scalar(program.model().outputs[0].value, {}) - std::exp(std::sin(3.0)));
    };
    Program program("field f { state z: real; z' = z }\nmodel m { output z = solve f(z = 1) from 0 to 1 by " +
                    std::string(method) + "(steps = 1) }");
    REQUIRE(program.module);
    const int order = solve_of(program.model()).tableau->order;
    double slope = 0;
    for (int steps = 8; steps <= 64 && error(2 * steps) > 1e-13; steps *= 2) {
      slope = std::log2(error(steps) / error(2 * steps));
    }
    INFO(std::string(method), " slope ", slope);
    CHECK(slope > order - 0.5);
  }
}

TEST_CASE("a let that is differentiated by is independent of what it was made of") {
  Program program(R"(
model m { data a: real
  let y = a^2
  output by_let = grad(y^2 + a, y)
  output by_datum = grad(y^2 + a, a) }
)");
  INFO(program.rendered);
  REQUIRE(program.module);
  graph::Environment sample;
  sample.data = {{"a", graph::Tensor::scalar(3)}};
  CHECK(scalar(program.model().outputs[0].value, sample) == 18);
  CHECK(scalar(program.model().outputs[1].value, sample) == 4 * 27 + 1);
}

TEST_CASE("the derivative by a parameter is one sample's, through a solve too") {
  Program program(R"(
field f { state z: real; param k: real = 1; z' = -k * z }
model m { data a: real
  let z = solve f(z = a) from 0 to 1 by dopri5(rtol = 1e-9, atol = 1e-9)
  output g = grad(z, f.k)
  output h = grad(z * f.k, a) }
)");
  INFO(program.rendered);
  REQUIRE(program.module);
  graph::Environment one, two;
  one.data = {{"a", graph::Tensor::scalar(2)}};
  two.data = {{"a", graph::Tensor::scalar(5)}};
  one.parameters = two.parameters = {{"f.k", graph::Tensor::scalar(0.5)}};
  std::vector<graph::Ref> roots{program.model().outputs[0].value, program.model().outputs[1].value};
  auto results = graph::evaluate(roots, std::vector<graph::Environment>{one, two});
  REQUIRE(results[0].size() == 2);
  CHECK(results[0][0].values[0] == doctest::Approx(-2 * std::exp(-0.5)).epsilon(1e-9));
  CHECK(results[0][1].values[0] == doctest::Approx(-5 * std::exp(-0.5)).epsilon(1e-9));
  CHECK(results[1][0].values[0] == doctest::Approx(0.5 * std::exp(-0.5)).epsilon(1e-9));
}

TEST_CASE("metrics are averaged, before what surrounds an average") {
  Program program(R"(
model m { data x: real
  metric plain = x^2
  metric rms = sqrt(average(x^2))
  metric deviation = abs(x - average(x)) }
)");
  INFO(program.rendered);
  REQUIRE(program.module);
  std::vector<graph::Environment> samples(2);
  for (auto& sample : samples) sample.settings["batch"] = 2;
  samples[0].data = {{"x", graph::Tensor::scalar(1)}};
  samples[1].data = {{"x", graph::Tensor::scalar(7)}};
  std::vector<graph::Ref> roots;
  for (const auto& metric : program.model().metrics) roots.push_back(metric.value);
  auto results = graph::evaluate(roots, samples);
  CHECK(results[0].at(0).values[0] == 25);
  CHECK(results[1].at(0).values[0] == 5);
  CHECK(results[2].at(0).values[0] == 3);
}

TEST_CASE("samples are functions of a numbered stream of noise") {
  Program program(R"(
model first { sample a: real[2] ~ normal(1, 2)
  output a }
model second { dim N
  data y: real[N]
  sample s: int in 0..N - 1, u ~ uniform(-3, 3), b ~ bernoulli(0.25)
  output s = y[s]
  output w = u + 10 * b }
)");
  INFO(program.rendered);
  CHECK(program.ids() == std::vector<std::string>{"defined_twice"});
  Program fixed(R"(
model first { sample a: real[2] ~ normal(1, 2)
  output a }
model second { dim N
  data y: real[N]
  sample s: int in 0..N - 1, u ~ uniform(-3, 3), b ~ bernoulli(0.25)
  output v = y[s]
  output w = u + 10 * b }
)");
  INFO(fixed.rendered);
  REQUIRE(fixed.module);
  CHECK(fixed.invalid() == "");
  CHECK(fixed.model(0).samples[0].stream == 0);
  CHECK(fixed.model(1).samples[2].stream == 3);
  graph::Environment sample;
  sample.random = {{0, vector({0, 1})},
                   {1, graph::Tensor::scalar(0.6)},
                   {2, graph::Tensor::scalar(0.5)},
                   {3, graph::Tensor::scalar(0.1)}};
  sample.data = {{"y", vector({10, 20, 30, 40})}};
  sample.lengths = {{"N", 4}};
  CHECK(graph::evaluate(fixed.model(0).outputs[0].value, sample).values == std::vector<double>{1, 3});
  CHECK(scalar(fixed.model(1).outputs[0].value, sample) == 20);
  CHECK(scalar(fixed.model(1).outputs[1].value, sample) == 10);
}

TEST_CASE("lengths come from the data, and constant indices are checked against them") {
  Program program(
      "model m { dim T, N\n  data t: real[T], y: real[T, N, 2]\n  output a = t[3]\n  output b = y[0, 1:N] }");
  INFO(program.rendered);
  REQUIRE(program.module);
  CHECK(program.model().lengths == std::vector<std::string>{"T", "N"});
  auto slack = [&](int64_t T) {
    int64_t least = 0;
    for (const auto& requirement : program.model().requirements) {
      least = std::min(least, requirement.slack.evaluate({{"T", T}, {"N", 5}}));
    }
    return least;
  };
  CHECK(slack(4) == 0);
  CHECK(slack(3) < 0);
}

TEST_CASE("-D gives dims and consts") {
  semantics::Options options;
  options.dims = {{"H", 5}, {"g", 2}};
  Program program("dim H = 3\nconst g = 9.81\nparam W: real[H] = g\nmodel m { output W }", options);
  INFO(program.rendered);
  REQUIRE(program.module);
  CHECK(program.model().parameters[0].type.text() == "real[5]");
  CHECK(program.model().parameters[0].initializer.value->is_splat(2));
}

TEST_CASE("train names optimizers, options and groups of parameters") {
  Program program(R"(
use nn
layer net = mlp([1, 2, 1], tanh)
model m { data x: real[1]; param gain: real = 1
  loss sum(gain * net(x))
  train { optimizer = adam(lr = 1e-3 * 0.5^(epoch // 10)), batch = 64, epochs = 100, clip = 1
    optimizer.net.out = sgd(lr = 1e-2, momentum = 0.9)
    freeze = [net.hidden[0].W, gain] } }
)");
  INFO(program.rendered);
  REQUIRE(program.module);
  const semantics::TrainSpec& train = *program.model().train;
  REQUIRE(train.optimizers.size() == 2);
  CHECK(train.optimizers[1].path == "net.out");
  CHECK(train.freeze == std::vector<std::string>{"net.hidden.0.W", "m.gain"});
  graph::Environment run;
  run.settings["epoch"] = 25;
  CHECK(scalar(train.optimizers[0].options.at("lr"), run) == doctest::Approx(0.25e-3));
  CHECK(scalar(train.options.at("batch"), run) == 64);
}

TEST_CASE("files use each other relative to themselves") {
  Program program("use \"lib/a.node\"\nuse \"lib/b.node\" as b\nmodel m { output r = f(2) + b.g(3) }", {},
                  {{"lib/a.node", "use \"b.node\"\nfn f(x) = g(x) + 1"}, {"lib/b.node", "fn g(x) = 10 * x"}});
  INFO(program.rendered);
  REQUIRE(program.module);
  CHECK(scalar(program.model().outputs[0].value, {}) == 51);
}

TEST_CASE("a const without value is data of all samples") {
  Program program(
      "dim N = 2\nconst A: real[N, N]\nfield f { state z: real[N]; z' = A @ z }\n"
      "model m { data x: real[N]\n  output r = f(z = x) }");
  INFO(program.rendered);
  REQUIRE(program.module);
  REQUIRE(program.model().data.size() == 2);
  CHECK(program.model().data[1].constant);
}

TEST_CASE("a field alone makes a model of its initial values and times") {
  Program program("field f { state z: real, w: real = 4; input k: real; z' = -k * z; w' = 1 }");
  REQUIRE(program.module);
  source::Diagnostics diagnostics;
  semantics::Options options;
  auto model = semantics::solve_model(*program.module, program.module->fields[0], {"z"}, options,
                                      program.files, diagnostics);
  REQUIRE(model);
  graph::Environment sample;
  sample.data = {{"z", graph::Tensor::scalar(2)},
                 {"k", graph::Tensor::scalar(1)},
                 {"t0", graph::Tensor::scalar(0)},
                 {"t", vector({0, 1})}};
  sample.lengths = {{"T", 2}};
  CHECK(graph::verify(program.module->graph, model->outputs) == "");
  CHECK(graph::evaluate(model->outputs[0].value, sample).values[1] ==
        doctest::Approx(2 * std::exp(-1.0)).epsilon(1e-10));
  CHECK(graph::evaluate(model->outputs[1].value, sample).values[1] == doctest::Approx(5).epsilon(1e-12));
}

TEST_CASE("the standard library's layers and densities apply") {
  Program program(R"(
use nn
use prob
layer a = gru(2, 3); layer b = lstm(2, 3); layer c = rnn(2, 3); layer d = layer_norm(3)
model m { data x: real[2], h: real[3]
  let (u, v) = b(h, h, x)
  output by_gru = a(h, x)
  output by_lstm = concat(u, v)
  output by_rnn = c(h, x)
  output by_norm = d(h)
  output density = normal_logpdf(x, 0, 2) }
)");
  INFO(program.rendered);
  REQUIRE(program.module);
  CHECK(program.invalid() == "");
  graph::Environment sample;
  sample.data = {{"x", vector({1, -1})}, {"h", vector({0, 1, 2})}};
  for (const auto& parameter : program.model().parameters) {
    graph::Tensor value{{}, {}};
    int64_t size = 1;
    for (const auto& extent : parameter.type.shape) {
      value.shape.push_back(extent.value());
      size *= extent.value();
    }
    value.values.assign(static_cast<size_t>(size), parameter.path.starts_with("d.shift") ? 0.0 : 1.0);
    sample.parameters[parameter.path] = value;
  }
  auto result = [&](size_t i) { return graph::evaluate(program.model().outputs[i].value, sample).values; };
  // All weights 1: a gate sees 1 - 1 + 0 + 1 + 2 + 1 = 4.
  const double gate = 1 / (1 + std::exp(-4.0)), candidate = std::tanh(1 + gate * 3);
  CHECK(result(0)[2] == doctest::Approx(gate * 2 + (1 - gate) * candidate));
  const double memory = gate * 2 + gate * std::tanh(4.0);
  CHECK(result(1)[5] == doctest::Approx(memory));
  CHECK(result(1)[2] == doctest::Approx(gate * std::tanh(memory)));
  CHECK(result(2)[0] == doctest::Approx(std::tanh(4.0)));
  CHECK(result(3)[2] == doctest::Approx(1 / std::sqrt(2.0 / 3 + 1e-5)));
  CHECK(result(4)[0] == doctest::Approx(-0.25 - 2 * std::log(2.0) - std::log(2 * M_PI)));
}
