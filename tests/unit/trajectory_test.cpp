// Trajectories: the values that a solve at those times gives, whatever the method, the direction and the
// shapes; their derivatives; what they refuse.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "compiler/embed/include/nodec/nodec.hpp"
#include "runtime/random.hpp"

using namespace nodec;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

struct Case {
  const char* text;
  std::vector<std::string> given;
  Arrays values;  // but t; with t0
  Options options = {};
};

Model integrated(const Case& c) {
  const Program program = Program::from_text("f.node", c.text, c.options);
  for (const Diagnostic& d : program.diagnostics()) INFO(d.rendered);
  REQUIRE(program.ok());
  const Result<Model> model = program.integrate("f", c.given);
  REQUIRE(model);
  return *model;
}

Trajectories solved(const Model& model, Arrays values, const Array& t) {
  values["t"] = t;
  const Result<Dataset> data = model.bind(values);
  REQUIRE(data);
  const Result<Trajectories> found = model.trajectories(*data, *model.initial_weights());
  std::string text;
  for (const Diagnostic& d : found.diagnostics()) text += d.rendered;
  INFO(text);
  REQUIRE(found);
  return *found;
}

std::string refusal(const Model& model, const Arrays& values) {
  const Result<Dataset> data = model.bind(values);
  REQUIRE(data);
  const Result<Trajectories> found = model.trajectories(*data, *model.initial_weights());
  return found || found.diagnostics().empty() ? "" : found.diagnostics()[0].text;
}

// Against a solve at the same times, from t0 to `end` (of each sample); relative to 1.
void check_values(const Case& c, const std::vector<double>& end, double tolerance) {
  const Model model = integrated(c);
  const bool samples = end.size() > 1;
  const int64_t count = static_cast<int64_t>(end.size());
  const Trajectories found = solved(model, c.values, samples ? Array{{count, 1}, end} : Array{{1}, end});
  REQUIRE(found.failures.empty());
  REQUIRE(found.samples.size() == end.size());

  constexpr int64_t asked = 64;
  const double t0 = c.values.at("t0").values[0];
  Arrays again = c.values;
  Array& t = again["t"];
  t.shape = samples ? std::vector<int64_t>{count, asked} : std::vector<int64_t>{asked};
  const runtime::RandomStream random(3, 1, 0);
  for (size_t s = 0; s < end.size(); ++s) {
    std::vector<double> fractions;
    for (uint64_t i = 0; i + 1 < asked; ++i) fractions.push_back(random.uniform(s, i));
    std::sort(fractions.begin(), fractions.end());
    for (const double x : fractions) t.values.push_back(t0 + (end[s] - t0) * x);
    t.values.push_back(end[s]);
  }
  const Result<Dataset> data = model.bind(again);
  REQUIRE(data);
  const Evaluation expected = *model.evaluate(*data, *model.initial_weights());
  for (size_t s = 0; s < end.size(); ++s) {
    const Trajectory& path = found.samples[s];
    CHECK(path.t0() == t0);
    CHECK(path.t1() == doctest::Approx(end[s]).epsilon(1e-7));
    CHECK(path.ends().size() == static_cast<size_t>(expected.solves[0].accepted[s]) + 1);
    std::vector<double> now(static_cast<size_t>(path.size())), rate(now.size()), ahead(now.size()),
        behind(now.size());
    double worst = 0, worst_rate = 0;
    for (size_t i = 0; i < asked; ++i) {
      const double time =
          std::clamp(t.values[s * asked + i], std::min(path.t0(), path.t1()), std::max(path.t0(), path.t1()));
      REQUIRE(path.at(time, now));
      for (const Trajectory::State& state : path.states()) {
        const Array& values = expected.outputs.at(state.name);
        for (int64_t e = 0; e < state.size; ++e) {
          const double value =
              values.values[(s * asked + i) * static_cast<size_t>(state.size) + static_cast<size_t>(e)];
          worst = std::max(worst, std::abs(now[static_cast<size_t>(state.offset + e)] - value) /
                                      std::max(1.0, std::abs(value)));
        }
      }
      // The derivative of the polynomial itself, by differences inside its step.
      const auto step = std::upper_bound(path.ends().begin(), path.ends().end(), time) - path.ends().begin();
      const double size = std::abs(end[s] - t0) * 1e-5;
      if (end[s] > t0 && step > 0 && step < std::ssize(path.ends()) &&
          time - size > path.ends()[static_cast<size_t>(step) - 1] &&
          time + size < path.ends()[static_cast<size_t>(step)]) {
        REQUIRE(path.derivative(time, rate));
        REQUIRE(path.at(time + size, ahead));
        REQUIRE(path.at(time - size, behind));
        for (size_t e = 0; e < rate.size(); ++e)
          worst_rate = std::max(worst_rate, std::abs((ahead[e] - behind[e]) / (2 * size) - rate[e]) /
                                                std::max(1.0, std::abs(rate[e])));
      }
    }
    CHECK(worst < tolerance);
    CHECK(worst_rate < std::max(1e-6, tolerance * 1e5));
  }
}

const char* const oscillator =
    "field f { state q: real, v: real; q' = v; v' = -q - 0.1 * v^3 + 0.2 * sin(3 * t) }\n";
const Arrays start{{"t0", {{}, {0.5}}}, {"q", {{}, {1}}}, {"v", {{}, {-0.25}}}};

}  // namespace

TEST_CASE("a trajectory gives what a solve at its times gives, by every kind of method") {
  for (const char* method :
       {"tsit5", "dopri5", "bosh3", "dop853", "rk4(steps = 30)", "heun(steps = 7)", "euler(dt = 0.11)"}) {
    for (const Form form : {Form::lanes, Form::features}) {
      const std::string by = method;
      CAPTURE(by);
      Case c{oscillator, {"q", "v"}, start};
      c.options.method = method;
      c.options.form = form;
      check_values(c, {4}, 1e-12);
      check_values(c, {-3}, 1e-12);
    }
  }
}

TEST_CASE("trajectories of samples that take different numbers of steps, to their own times") {
  Case c{oscillator, {"q", "v"}, {{"t0", {{}, {0.5}}}, {"q", {{3}, {1, 5, -20}}}, {"v", {{3}, {0, 0.5, 3}}}}};
  check_values(c, {1, 30, 0.75}, 1e-12);
  c.options.threads = 1;
  c.options.form = Form::features;
  check_values(c, {1, 30, 0.75}, 1e-12);
  c.options.precision = Precision::f32;
  check_values(c, {1, 6, 0.75}, 1e-5);
}

TEST_CASE("trajectories have the states' shapes, defaults, inputs, integrals and lengths") {
  const char* const text = R"(
dim N = 2
field f {
  state z: real[N, 2], work: real = 0.5
  input push: real[N]
  param rate: real = 0.75
  z' = [[z[i, 1], push[i] - rate * z[i, 0]] for i in 0..N]
  work' = sum(z * z)
}
)";
  const Case c{
      text,
      {"z", "push"},
      {{"t0", {{}, {0}}}, {"z", {{2, 2, 2}, {1, 0, 0, 1, 2, 2, -1, 0}}}, {"push", {{2, 2}, {1, 2, -1, 0}}}}};
  check_values(c, {2, 3}, 1e-12);
  const Trajectories found = solved(integrated(c), c.values, {{2, 1}, {2, 3}});
  const std::vector<Trajectory::State>& states = found.samples[1].states();
  REQUIRE(states.size() == 2);
  const Trajectory::State& z = states[0].name == "z" ? states[0] : states[1];
  const Trajectory::State& work = states[0].name == "z" ? states[1] : states[0];
  CHECK(z.shape == std::vector<int64_t>{2, 2});
  CHECK(z.size == 4);
  CHECK(work.name == "work");
  CHECK(work.size == 1);
  CHECK(z.offset + work.offset == (z.offset == 0 ? 4 : 1));
  std::vector<double> first(5);
  REQUIRE(found.samples[1].at(0, first));
  CHECK(first[static_cast<size_t>(work.offset)] == doctest::Approx(0.5));
  CHECK(first[static_cast<size_t>(z.offset) + 2] == doctest::Approx(-1));
}

TEST_CASE("a field with a loop of many turns has trajectories") {
  const char* const text = R"(
field f {
  state z: real
  z' = (fold a from z for i in 0..40 { return 0.9 * a + 0.1 * sin(a) - 0.01 * t })
}
)";
  check_values({text, {"z"}, {{"t0", {{}, {0}}}, {"z", {{}, {1}}}}}, {2}, 1e-13);
}

TEST_CASE("samples may have different numbers of times") {
  Case c{oscillator, {"q", "v"}, start};
  const Model model = integrated(c);
  c.values["q"] = {{2}, {1, 1}};
  c.values["T"] = {{2}, {1, 3}};
  const Trajectories found = solved(model, c.values, {{2, 3}, {2, 0, 0, 0.75, 1, 3}});
  REQUIRE(found.failures.empty());
  CHECK(found.samples[0].t1() == 2);
  CHECK(found.samples[1].t1() == 3);
  std::vector<double> early(2), late(2);
  REQUIRE(found.samples[0].at(0.6, early));
  REQUIRE(found.samples[1].at(0.6, late));
  CHECK(early[0] == doctest::Approx(late[0]).epsilon(1e-5));
}

TEST_CASE("a sample that fails has no trajectory, the others have theirs") {
  const Case c{
      "field f { state x: real; x' = x^2 }\n", {"x"}, {{"t0", {{}, {0}}}, {"x", {{3}, {0.5, 2, -1}}}}};
  const Trajectories found = solved(integrated(c), c.values, {{1}, {1}});
  REQUIRE(found.failures.size() == 1);
  CHECK(found.failures[0].sample == 1);
  const Trajectory& none = found.samples[1];
  double x = 7;
  CHECK(std::isnan(none.t0()));
  CHECK(std::isnan(none.t1()));
  CHECK(none.ends().empty());
  CHECK(!none.at(0.1, {&x, 1}));
  CHECK(!none.derivative(0.1, {&x, 1}));
  CHECK(x == 7);
  REQUIRE(found.samples[0].at(0.5, {&x, 1}));
  CHECK(x == doctest::Approx(0.5 / (1 - 0.25)).epsilon(1e-4));
  REQUIRE(found.samples[2].at(1, {&x, 1}));
  CHECK(x == doctest::Approx(-0.5).epsilon(1e-4));
  REQUIRE(found.samples[2].derivative(0.5, {&x, 1}));
  CHECK(x == doctest::Approx(1 / 2.25).epsilon(1e-2));
}

TEST_CASE("a trajectory over no time, and times that lie outside") {
  const Case c{oscillator, {"q", "v"}, start};
  const Model model = integrated(c);
  const Trajectory point = solved(model, c.values, {{1}, {0.5}}).samples[0];
  std::vector<double> now(2);
  CHECK(point.ends().size() == 1);
  REQUIRE(point.at(0.5, now));
  CHECK(now == std::vector<double>{1, -0.25});
  CHECK(!point.derivative(0.5, now));
  CHECK(!point.at(0.5000001, now));

  const Trajectory path = solved(model, c.values, {{3}, {0.5, 1, 2}}).samples[0];
  for (const double t : {0.4999, 2.0001, infinity, -infinity, std::nan("")}) {
    CAPTURE(t);
    CHECK(!path.at(t, now));
    CHECK(!path.derivative(t, now));
  }
  std::vector<double> wrong(3);
  CHECK(!path.at(1, wrong));
  CHECK(!path.derivative(1, {wrong.data(), 1}));
  CHECK(path.at(0.5, now));
  CHECK(path.at(2, now));
  const Trajectory copy = path;
  std::vector<double> same(2);
  REQUIRE(copy.at(2, same));
  CHECK(same == now);
}

TEST_CASE("what has no trajectory is told why") {
  const Case c{oscillator, {"q", "v"}, start};
  const Model model = integrated(c);
  Arrays values = start;
  values["t"] = {{0}, {}};
  CHECK(refusal(model, values).find("is empty") != std::string::npos);
  const Program program = Program::from_text(
      "m.node", std::string(oscillator) +
                    "model m { data a: real; let (q, v) = solve f(q = a, v = a) from 0 to 1; output q }");
  CHECK(refusal(*program.model(), {{"a", {{}, {1}}}}).find("Program::integrate") != std::string::npos);
}
