// Prepared solvers: the numbers of Model::evaluate and Model::gradient, products, refusals and statuses.
#include <doctest/doctest.h>

#include <cmath>
#include <numbers>
#include <thread>

#include "compiler/embed/include/nodec/eigen.hpp"
#include "compiler/embed/include/nodec/nodec.hpp"

using namespace nodec;

namespace {

const char* const pendulum = R"(
use nn
field pendulum {
  state q: real, v: real
  input torque: real
  param length: real in (0, inf) = 1.5
  layer friction = mlp([1, 8, 1], tanh)
  q' = v
  v' = -9.81 / length * sin(q) - friction([v])[0] + torque
}
model fit {
  dim T
  data t: real[T], start: real[2], torque: real, goal: real[T]
  let (q, v) = solve pendulum(q = start[0], v = start[1], torque = torque) at t by tsit5(rtol = 1e-7, atol = 1e-7)
  output angle = q
  output pair = [q, v]
  output half = length(1)
  metric worst = average(max((q - goal)^2))
  loss mean((q - goal)^2)
}
fn length(x) = x / 2
)";

Model model_of(const char* text, const Options& options = {}) {
  const Program program = Program::from_text("test.node", text, options);
  for (const Diagnostic& d : program.diagnostics()) INFO(d.rendered);
  REQUIRE(program.ok());
  return *program.model();
}

template <class Real>
Solver<Real> prepared(const Model& model, const PrepareOptions& options) {
  Result<Solver<Real>> solver = model.prepare<Real>(options);
  std::string text;
  for (const Diagnostic& d : solver.diagnostics()) text += d.rendered;
  INFO(text);
  REQUIRE(solver);
  return std::move(*solver);
}

std::string refusal(const Model& model, const PrepareOptions& options) {
  const Result<Solver<double>> solver = model.prepare<double>(options);
  return solver || solver.diagnostics().empty() ? "" : solver.diagnostics()[0].text;
}

// The same data in a solver and as arrays.
template <class Real>
Arrays fill(Solver<Real>& solver, int64_t samples, int64_t times) {
  Arrays arrays{{"t", {{samples, times}, {}}},
                {"start", {{samples, 2}, {}}},
                {"torque", {{samples}, {}}},
                {"goal", {{samples, times}, {}}}};
  for (int64_t s = 0; s < samples; ++s) {
    for (int64_t i = 0; i < times; ++i) {
      arrays["t"].values.push_back(0.25 * static_cast<double>(i) + 0.125);
      arrays["goal"].values.push_back(0.0625 * static_cast<double>(i - s));
    }
    arrays["start"].values.push_back(0.25 + 0.125 * static_cast<double>(s));
    arrays["start"].values.push_back(-0.5);
    arrays["torque"].values.push_back(0.5 * static_cast<double>(s % 3));
  }
  for (const auto& [name, array] : arrays) {
    const View<Real> to = solver.data(name);
    REQUIRE(to.size() == array.values.size());
    std::copy(array.values.begin(), array.values.end(), to.begin());
  }
  return arrays;
}

template <class Real>
void check_same(View<const Real> view, const Array& array) {
  REQUIRE(view.size() == array.values.size());
  CHECK(std::vector<int64_t>(view.shape().begin(), view.shape().end()) == array.shape);
  for (size_t i = 0; i < view.size(); ++i) CHECK(static_cast<double>(view[i]) == array.values[i]);
}

template <class Real>
void check_like_arrays(Precision precision, int64_t samples, int threads) {
  Options options;
  options.precision = precision;
  const Model model = model_of(pendulum, options);
  Solver<Real> solver = prepared<Real>(
      model, {.samples = samples, .lengths = {{"T", 5}}, .gradient = true, .threads = threads});
  const Dataset data = *model.bind(fill(solver, samples, 5));
  const Arrays weights = *model.initial_weights();
  const Evaluation evaluation = *model.evaluate(data, weights);
  const Gradient gradient = *model.gradient(data, weights);

  REQUIRE(solver.solve());
  for (const char* name : {"angle", "pair", "half", "loss"}) {
    INFO(name);
    check_same(solver.output(name), evaluation.outputs.at(name));
  }
  CHECK(solver.loss() == *evaluation.loss);
  CHECK(solver.metric("worst") == evaluation.metrics[0].second);
  REQUIRE(solver.gradient());
  CHECK(solver.loss() == gradient.loss);
  for (const Slot& slot : model.layout()) {
    INFO(slot.path);
    check_same(solver.parameter_gradient(slot.path), gradient.parameters.at(slot.path));
    CHECK(solver.parameter_gradient(slot.path).data() == solver.parameter_gradient().data() + slot.offset);
  }
  for (const char* name : {"t", "start", "torque", "goal"}) {
    INFO(name);
    check_same(solver.data_gradient(name), gradient.data.at(name));
  }
}

double dot(View<const double> a, View<double> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

TEST_CASE("a prepared solver gives the bits of evaluate and gradient") {
  check_like_arrays<double>(Precision::f64, 1, 1);
  check_like_arrays<double>(Precision::f64, 50, 1);
  check_like_arrays<double>(Precision::f64, 50, 2);
  check_like_arrays<float>(Precision::f32, 7, 1);
}

TEST_CASE("without samples, arrays have no sample axis") {
  const Model model = model_of(pendulum);
  Solver<double> solver = prepared<double>(model, {.lengths = {{"T", 5}}});
  fill(solver, 1, 5);
  REQUIRE(solver.solve());
  CHECK(solver.data("torque").shape().empty());
  CHECK(solver.output("pair").shape().size() == 2);
  CHECK(matrix(solver.output("pair")).rows() == 2);
  CHECK(vector(solver.output("angle"))[4] == solver.output("pair")[4]);
}

TEST_CASE("products with cotangents and tangents agree with each other and with the gradient") {
  const Model model = model_of(pendulum);
  for (const int64_t samples : {1, 5, 40}) {
    INFO(samples);
    Solver<double> solver = prepared<double>(
        model, {.samples = samples, .lengths = {{"T", 5}}, .gradient = true, .vjp = true, .jvp = true});
    fill(solver, samples, 5);
    REQUIRE(solver.gradient());
    REQUIRE(solver.solve());
    // With the loss's derivative as cotangent, vjp is the gradient.
    const double count = 5.0 * static_cast<double>(samples);
    for (size_t i = 0; i < solver.output("angle").size(); ++i)
      solver.output_cotangent("angle")[i] = 2 / count * (solver.output("angle")[i] - solver.data("goal")[i]);
    REQUIRE(solver.vjp());
    CHECK(solver.vjp_output("angle")[3] == doctest::Approx(solver.output("angle")[3]).epsilon(1e-12));
    for (size_t i = 0; i < solver.parameters().size(); ++i)
      CHECK(solver.parameter_cotangent()[i] == doctest::Approx(solver.parameter_gradient()[i]).epsilon(1e-9));
    for (size_t i = 0; i < solver.data("start").size(); ++i)
      CHECK(solver.data_cotangent("start")[i] ==
            doctest::Approx(solver.data_gradient("start")[i]).epsilon(1e-9));
    // ⟨c, J v⟩ = ⟨Jᵀ c, v⟩
    for (size_t i = 0; i < solver.output_cotangent("pair").size(); ++i)
      solver.output_cotangent("pair")[i] = std::sin(static_cast<double>(i));
    for (size_t i = 0; i < solver.parameters().size(); ++i)
      solver.parameter_tangent()[i] = std::cos(static_cast<double>(i));
    for (const char* name : {"start", "torque"})
      for (size_t i = 0; i < solver.data_tangent(name).size(); ++i)
        solver.data_tangent(name)[i] = std::cos(3 * static_cast<double>(i));
    REQUIRE(solver.vjp());
    REQUIRE(solver.jvp());
    const double forward = dot(solver.output_tangent("angle"), solver.output_cotangent("angle")) +
                           dot(solver.output_tangent("pair"), solver.output_cotangent("pair"));
    const double backward = dot(solver.parameter_cotangent(), solver.parameter_tangent()) +
                            dot(solver.data_cotangent("start"), solver.data_tangent("start")) +
                            dot(solver.data_cotangent("torque"), solver.data_tangent("torque"));
    // The tangent of a solve takes steps of its own: equal to the tolerance of the method.
    CHECK(forward == doctest::Approx(backward).epsilon(1e-5));
    CHECK(std::abs(forward) > 0.1);
  }
}

TEST_CASE("shared data have one gradient, the sum over samples") {
  const Model model = model_of(pendulum);
  Solver<double> one = prepared<double>(model, {.samples = 6, .lengths = {{"T", 5}}, .gradient = true});
  Solver<double> shared =
      prepared<double>(model, {.samples = 6, .lengths = {{"T", 5}}, .shared = {"torque"}, .gradient = true});
  for (Solver<double>* solver : {&one, &shared}) {
    for (const char* name : {"t", "goal", "start"})
      for (size_t i = 0; i < solver->data(name).size(); ++i)
        solver->data(name)[i] = 0.25 * static_cast<double>(i % 5) + 0.01;
    for (double& torque : solver->data("torque")) torque = 0.75;
    REQUIRE(solver->gradient());
  }
  CHECK(shared.data("torque").size() == 1);
  double sum = 0;
  for (const double g : one.data_gradient("torque")) sum += g;
  CHECK(shared.data_gradient("torque").size() == 1);
  CHECK(shared.data_gradient("torque")[0] == doctest::Approx(sum).epsilon(1e-10));
}

TEST_CASE("a selection leaves the other gradients out") {
  const Model model = model_of(pendulum);
  Solver<double> all = prepared<double>(model, {.lengths = {{"T", 5}}, .gradient = true});
  Solver<double> some = prepared<double>(model, {.lengths = {{"T", 5}},
                                                 .gradient = true,
                                                 .of_parameters = false,
                                                 .of_data = std::set<std::string>{"torque"}});
  fill(all, 1, 5);
  fill(some, 1, 5);
  REQUIRE(all.gradient());
  REQUIRE(some.gradient());
  CHECK(some.data_gradient("torque")[0] == doctest::Approx(all.data_gradient("torque")[0]).epsilon(1e-12));
  CHECK(!some.data_gradient("start"));
  CHECK(!some.parameter_gradient());
}

TEST_CASE("runs read and write the caller's memory") {
  const Model model = model_of(pendulum);
  Solver<double> solver = prepared<double>(model, {.lengths = {{"T", 5}}});
  fill(solver, 1, 5);
  REQUIRE(solver.solve());
  const std::vector<double> first(solver.output("angle").begin(), solver.output("angle").end());
  std::vector<double> parameters(solver.parameters().begin(), solver.parameters().end());
  std::vector<double> start(solver.data("start").begin(), solver.data("start").end()), angle(5);
  REQUIRE(solver.read_parameters(parameters));
  REQUIRE(solver.read_data("start", start));
  REQUIRE(solver.write_output("angle", angle));
  REQUIRE(solver.solve());
  CHECK(angle == first);
  start[0] += 0.5;
  REQUIRE(solver.solve());
  CHECK(angle != first);
  start[0] -= 0.5;
  parameters[0] *= 2;
  REQUIRE(solver.solve());
  CHECK(angle != first);
  REQUIRE(solver.read_parameters({}));
  REQUIRE(solver.solve());
  CHECK(angle == first);
  CHECK(!solver.read_data("start", std::span<const double>(start).first(1)));
  CHECK(!solver.read_data("no", start));
  CHECK(!solver.write_output("half", angle));
}

TEST_CASE("one model is used from many threads at once") {
  const Model model = model_of(pendulum);
  Solver<double> reference = prepared<double>(model, {.lengths = {{"T", 5}}, .gradient = true});
  fill(reference, 1, 5);
  REQUIRE(reference.gradient());
  std::vector<std::thread> threads;
  std::atomic<int> same{0};
  for (int n = 0; n < 4; ++n)
    threads.emplace_back([&] {
      Result<Solver<double>> solver = model.prepare<double>({.lengths = {{"T", 5}}, .gradient = true});
      for (const char* name : {"t", "start", "torque", "goal"})
        std::copy(reference.data(name).begin(), reference.data(name).end(), solver->data(name).begin());
      bool good = true;
      for (int i = 0; i < 200; ++i) good = good && solver->gradient();
      for (size_t i = 0; i < reference.parameters().size(); ++i)
        good = good && solver->parameter_gradient()[i] == reference.parameter_gradient()[i];
      same += good;
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(same == 4);
}

TEST_CASE("failures are statuses, and other samples' results stand") {
  const Model model = model_of(
      "field f { state z: real; z' = z^2 }\n"
      "model m { data x: real; let z = solve f(z = x) from 0 to 1 by dopri5(rtol = 1e-6, atol = 1e-6)\n"
      "output z; loss z }");
  Solver<double> solver = prepared<double>(model, {.samples = 3, .gradient = true});
  const View<double> x = solver.data("x");
  x[0] = 0.5, x[1] = 2, x[2] = 0.25;
  const Status status = solver.solve();
  CHECK(!status);
  CHECK(status.sample == 1);
  CHECK(status.failed == 1);
  CHECK((status.code == StatusCode::step_underflow || status.code == StatusCode::not_finite));
  CHECK(solver.output("z")[0] == doctest::Approx(1).epsilon(1e-4));
  CHECK(std::isnan(solver.loss()));
  REQUIRE(solver.failures().size() == 1);
  CHECK(solver.failures()[0].text.find("sample 1") != std::string::npos);
  CHECK(!solver.gradient());
  CHECK(std::isnan(solver.data_gradient("x")[1]));
  CHECK(solver.data_gradient("x")[0] == doctest::Approx(4.0 / 3).epsilon(1e-4));
  x[1] = 0;
  CHECK(solver.gradient());
  CHECK(!std::isnan(solver.loss()));
  CHECK(solver.vjp().code == StatusCode::not_prepared);
}

TEST_CASE("integer data are checked before each run") {
  const Model model = model_of("model m { data k: int in 1..4, y: real[4]; output z = y[k] }");
  Solver<double> solver = prepared<double>(model, {});
  std::copy_n(std::vector<double>{1, 2, 3, 4}.begin(), 4, solver.data("y").begin());
  CHECK(solver.solve());
  CHECK(solver.output("z")[0] == 2);
  for (const double wrong : {0., 4., -1., 1e300}) {
    solver.data("k")[0] = wrong;
    CHECK(solver.solve().code == StatusCode::integer_out_of_range);
  }
  for (const double wrong : {1.5, std::nan("")}) {
    solver.data("k")[0] = wrong;
    CHECK(solver.solve().code == StatusCode::not_an_integer);
  }
  solver.data("k")[0] = 3;
  CHECK(solver.solve());
  CHECK(solver.output("z")[0] == 4);
}

TEST_CASE("a run ends early when it is canceled") {
  struct Case {
    Form form;
    int64_t samples;
    const char* method;
    bool pooled = true;
  };
  constexpr const char* adaptive = "dopri5(rtol = 1e-9, atol = 1e-9, max_steps = 100000000)";
  constexpr const char* equal = "rk4(steps = 100000000)";
  constexpr const char* fixed = "rk4(dt = 1e-6)";
  for (const Case& c :
       {Case{Form::automatic, 1, adaptive}, Case{Form::automatic, 1, equal}, Case{Form::automatic, 1, fixed},
        Case{Form::lanes, 1, adaptive}, Case{Form::lanes, 1, equal}, Case{Form::automatic, 20, adaptive},
        Case{Form::automatic, 20, equal}, Case{Form::automatic, 20, fixed},
        Case{Form::automatic, 20, adaptive, false}, Case{Form::automatic, 200, equal, false}}) {
    const std::string method = c.method;
    CAPTURE(c.samples);
    CAPTURE(method);
    Options options;
    options.form = c.form;
    options.method = c.method;
    options.pooled = c.pooled;
    const Model model = model_of(
        "field f { state z: real; z' = sin(1000 * t) * z }\n"
        "model m { data x: real; output z = solve f(z = x) from 0 to 10000 by dopri5 }",
        options);
    Solver<double> solver = prepared<double>(model, {.samples = c.samples});
    std::atomic<bool> canceled{false};
    solver.cancel_by(&canceled);
    for (double& x : solver.data("x")) x = 1;
    std::thread later([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      canceled = true;
    });
    const auto start = std::chrono::steady_clock::now();
    CHECK(solver.solve().code == StatusCode::canceled);
    later.join();
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(5));
    CHECK(solver.solve().code == StatusCode::canceled);
  }
}

TEST_CASE("a canceled run leaves a solver that runs again") {
  const Model model = model_of(pendulum);
  Solver<double> solver = prepared<double>(model, {.lengths = {{"T", 5}}, .gradient = true});
  fill(solver, 1, 5);
  REQUIRE(solver.gradient());
  const std::vector<double> first(solver.parameter_gradient().begin(), solver.parameter_gradient().end());
  std::atomic<bool> canceled{true};
  solver.cancel_by(&canceled);
  CHECK(solver.gradient().code == StatusCode::canceled);
  canceled = false;
  REQUIRE(solver.gradient());
  CHECK(std::vector<double>(solver.parameter_gradient().begin(), solver.parameter_gradient().end()) == first);
}

TEST_CASE("what cannot be prepared is refused") {
  const Model model = model_of(pendulum);
  CHECK(refusal(model, {}).find("'T'") != std::string::npos);
  CHECK(refusal(model, {.samples = 0, .lengths = {{"T", 3}}}).find("at least one") != std::string::npos);
  CHECK(refusal(model, {.lengths = {{"T", 3}, {"U", 3}}}).find("'U'") != std::string::npos);
  CHECK(refusal(model, {.lengths = {{"T", 3}}, .shared = {"x"}}).find("'x'") != std::string::npos);
  CHECK(refusal(model, {.lengths = {{"T", 3}}, .of_data = std::set<std::string>{"x"}}).find("'x'") !=
        std::string::npos);
  CHECK(refusal(model, {.lengths = {{"T", 3}}, .weights = {{"a", {{}, {1}}}}}) != "");
  const Model without_loss = model_of("model m { data x: real; output y = x }");
  CHECK(refusal(without_loss, {.gradient = true}).find("no loss") != std::string::npos);
  CHECK(!model.prepare<float>({.lengths = {{"T", 3}}}));
}

TEST_CASE("a solver of a field takes its times when it runs") {
  const Program program =
      Program::from_text("f.node", "field f { state q: real, v: real; q' = v; v' = -q }\n");
  const Result<Model> model = program.integrate("f", {"q", "v"});
  REQUIRE(model);
  Solver<double> solver = prepared<double>(*model, {.lengths = {{"T", 3}}, .vjp = true, .jvp = true});
  solver.data("q")[0] = 1;
  for (size_t i = 0; i < 3; ++i) solver.data("t")[i] = std::numbers::pi / 4 * static_cast<double>(i + 1);
  REQUIRE(solver.solve());
  CHECK(solver.output("q")[1] == doctest::Approx(0).epsilon(1e-3).scale(1));
  CHECK(solver.output("v")[1] == doctest::Approx(-1).epsilon(1e-3));
  solver.output_cotangent("q")[1] = 1;
  REQUIRE(solver.vjp());
  CHECK(solver.data_cotangent("v")[0] == doctest::Approx(1).epsilon(1e-3));
  solver.data_tangent("v")[0] = 1;
  REQUIRE(solver.jvp());
  CHECK(solver.output_tangent("q")[1] == doctest::Approx(1).epsilon(1e-3));
}

TEST_CASE("times between the steps take values of dense output, and no step depends on them") {
  const Program program =
      Program::from_text("f.node", "field f { state q: real, v: real; q' = v; v' = -q }\n");
  const Result<Model> model = program.integrate("f", {"q", "v"});
  REQUIRE(model);
  constexpr int64_t many = 201;
  Solver<double> few = prepared<double>(*model, {.lengths = {{"T", 2}}});
  Solver<double> dense = prepared<double>(*model, {.lengths = {{"T", many}}});
  few.data("q")[0] = dense.data("q")[0] = 1;
  few.data("t")[0] = 1;
  few.data("t")[1] = 2;
  for (int64_t i = 0; i < many; ++i) dense.data("t")[static_cast<size_t>(i)] = 0.01 * static_cast<double>(i);
  dense.data("t")[100] = 1;
  REQUIRE(few.solve());
  REQUIRE(dense.solve());
  CHECK(dense.output("q")[100] == few.output("q")[0]);
  CHECK(dense.output("q")[200] == few.output("q")[1]);
  double worst = 0;
  for (size_t i = 0; i < many; ++i)
    worst = std::max(worst, std::abs(dense.output("q")[i] - std::cos(dense.data("t")[i])));
  CHECK(worst < 1e-4);
}

TEST_CASE("code can be made for another processor whose instructions this one has") {
  Options options;
  options.processor = "x86-64";
  const Model plain = model_of(pendulum, options);
  Solver<double> narrow = prepared<double>(plain, {.lengths = {{"T", 5}}, .gradient = true});
  Solver<double> native = prepared<double>(model_of(pendulum), {.lengths = {{"T", 5}}, .gradient = true});
  fill(narrow, 1, 5);
  fill(native, 1, 5);
  REQUIRE(narrow.gradient());
  REQUIRE(native.gradient());
  for (size_t i = 0; i < native.parameters().size(); ++i)
    CHECK(narrow.parameter_gradient()[i] == doctest::Approx(native.parameter_gradient()[i]).epsilon(1e-6));
  CHECK(plain.compile()->target == "x86-64");
  options.processor = "z80";
  CHECK(refusal(model_of(pendulum, options), {.lengths = {{"T", 5}}}).find("z80") != std::string::npos);
}

TEST_CASE("solvers outlive what they were made of, and parameters go to vectors and back") {
  std::optional<Solver<double>> solver;
  {
    const Model model = model_of(pendulum);
    solver = prepared<double>(model, {.lengths = {{"T", 5}}, .gradient = true});
    const std::vector<double> all = *model.parameter_vector<double>(*model.initial_weights());
    CHECK(all == std::vector<double>(solver->parameters().begin(), solver->parameters().end()));
    const Arrays weights = *model.weights_of<double>(all);
    CHECK(weights.at("pendulum.length").values == std::vector<double>{1.5});
    CHECK(solver->parameter("pendulum.length")[0] == 1.5);
    CHECK(model.layout()[0].low == 0);
    CHECK(!model.weights_of<double>(std::span<const double>(all).first(2)));
  }
  fill(*solver, 1, 5);
  CHECK(solver->gradient());
}
