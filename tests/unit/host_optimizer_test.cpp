// Optimizers of a host's own loop: the steps of `train`, values inside their intervals, refusals.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "compiler/embed/include/nodec/nodec.hpp"

using namespace nodec;

namespace {

const char* const decay = R"(
field decay {
  state z: real
  param rate: real in (0, inf) = 0.5, rest: real = 0.25
  z' = rest - rate * z
}
model fit {
  data t: real[3], y: real[3]
  let z = solve decay(z = y[0]) at t by rk4(steps = 4)
  loss mean((z - y)^2)
  train { optimizer = adam(lr = 5e-2, beta1 = 0.8), steps = 7 }
}
)";

Arrays records() {
  return {{"t", {{2, 3}, {0.5, 1, 2, 0.5, 1, 2}}}, {"y", {{2, 3}, {1, 0.7, 0.4, 2, 1.5, 0.75}}}};
}

double rosenbrock(std::span<const double> x, std::span<double> gradient) {
  const double a = 1 - x[0], b = x[1] - x[0] * x[0];
  gradient[0] = -2 * a - 400 * x[0] * b;
  gradient[1] = 200 * b;
  return a * a + 100 * b * b;
}

}  // namespace

TEST_CASE("a host's loop takes the steps of train") {
  const Model model = *Program::from_text("decay.node", decay).model();
  const Arrays initial = *model.initial_weights();
  const Arrays trained = model.train(*model.bind(records()), initial, {})->weights;

  Result<Solver<double>> solver =
      model.prepare<double>({.samples = 2, .gradient = true, .of_data = std::set<std::string>{}});
  REQUIRE(solver);
  for (const auto& [name, array] : records())
    std::copy(array.values.begin(), array.values.end(), solver->data(name).begin());
  Result<Optimizer> adam = Optimizer::make(model.layout(), "adam", {{"lr", 5e-2}, {"beta1", 0.8}});
  REQUIRE(adam);
  for (int i = 0; i < 7; ++i) {
    REQUIRE(solver->gradient());
    REQUIRE(adam->step(solver->parameters(), solver->parameter_gradient()));
  }
  CHECK(adam->steps() == 7);
  CHECK(solver->parameter("decay.rate")[0] ==
        doctest::Approx(trained.at("decay.rate").values[0]).epsilon(1e-13));
  CHECK(solver->parameter("decay.rest")[0] ==
        doctest::Approx(trained.at("decay.rest").values[0]).epsilon(1e-13));
  CHECK(trained.at("decay.rate").values[0] != initial.at("decay.rate").values[0]);
}

TEST_CASE("values stay inside their intervals, in both precisions") {
  std::vector<Slot> slots = unbounded(2);
  slots[0].low = 0;
  slots[0].high = 1;
  Result<Optimizer> sgd = Optimizer::make(slots, "sgd", {{"lr", 10}});
  REQUIRE(sgd);
  std::vector<double> values{0.5, 0.25};
  for (int i = 0; i < 50; ++i) REQUIRE(sgd->step(values, std::vector<double>{1, -1}));
  CHECK(values[0] > 0);
  CHECK(values[0] < 0.01);
  std::vector<float> rounded{0.5F, 0.25F};
  sgd->restart();
  for (int i = 0; i < 50; ++i) REQUIRE(sgd->step(rounded, std::vector<float>{-1, 1}));
  CHECK(rounded[0] < 1);
  CHECK(rounded[0] > 0.99F);
}

TEST_CASE("a step that cannot be taken moves nothing") {
  std::vector<Slot> slots = unbounded(2);
  slots[0].low = 0;
  Result<Optimizer> adam = Optimizer::make(slots);
  REQUIRE(adam);
  std::vector<double> values{1, 2};
  CHECK(!adam->step(values, std::vector<double>{1, std::nan("")}));
  CHECK(!adam->step(values, std::vector<double>{1}));
  CHECK(values == std::vector<double>{1, 2});
  values[0] = -1;
  CHECK(!adam->step(values, std::vector<double>{1, 1}));
  CHECK(adam->steps() == 0);
  values[0] = 1;
  CHECK(adam->step(values, std::vector<double>{1, 1}));
}

TEST_CASE("schedules change options from step to step") {
  Result<Optimizer> sgd = Optimizer::make(unbounded(1), "sgd", {{"lr", 1}});
  REQUIRE(sgd);
  std::vector<double> values{0};
  REQUIRE(sgd->step(values, std::vector<double>{1}));
  CHECK(values[0] == -1);
  CHECK(sgd->set("lr", 0.5));
  REQUIRE(sgd->step(values, std::vector<double>{1}));
  CHECK(values[0] == -1.5);
  CHECK(!sgd->set("beta1", 0.5));
  CHECK(!sgd->set("lr", std::nan("")));
}

TEST_CASE("lbfgs finds the minimum of Rosenbrock's function") {
  Result<Lbfgs> lbfgs = Lbfgs::make(unbounded(2));
  REQUIRE(lbfgs);
  std::vector<double> x{-1.2, 1};
  const Lbfgs::Outcome outcome = lbfgs->minimize(x, rosenbrock, 200);
  CHECK(outcome != Lbfgs::Outcome::moved);
  CHECK(x[0] == doctest::Approx(1).epsilon(1e-6));
  CHECK(lbfgs->loss() < 1e-12);
  // From elsewhere: what was learned of the first way is no harm.
  x = {2, -1};
  lbfgs->minimize(x, rosenbrock, 200);
  CHECK(x[1] == doctest::Approx(1).epsilon(1e-6));
}

TEST_CASE("lbfgs goes to the end of an interval, and says what it cannot begin with") {
  std::vector<Slot> slots{Slot{.path = "a", .high = 0.5}, Slot{.path = "b", .offset = 1}};
  Result<Lbfgs> lbfgs = Lbfgs::make(slots);
  REQUIRE(lbfgs);
  std::vector<double> x{-1, 1};
  lbfgs->minimize(x, rosenbrock, 500);
  CHECK(x[0] < 0.5);
  CHECK(x[0] == doctest::Approx(0.5).epsilon(1e-3));
  x[0] = 0.5;
  CHECK(lbfgs->step(x, rosenbrock) == Lbfgs::Outcome::wrong_values);
  x[0] = 0;
  const auto unknown = [](std::span<const double>, std::span<double>) { return std::nan(""); };
  CHECK(lbfgs->step(x, unknown) == Lbfgs::Outcome::not_finite);
}

TEST_CASE("unknown methods and options are errors that name what there is") {
  const auto text = [](const auto& result) {
    return result ? std::string() : result.diagnostics().at(0).text;
  };
  CHECK(text(Optimizer::make(unbounded(1), "adagrad")).find("adagrad") != std::string::npos);
  CHECK(text(Optimizer::make(unbounded(1), "adam", {{"momentum", 1}})).find("beta1") != std::string::npos);
  CHECK(text(Optimizer::make(unbounded(1), "lbfgs")).find("Lbfgs") != std::string::npos);
  CHECK(text(Optimizer::make(unbounded(1), "sgd", {{"lr", std::nan("")}})).find("lr") != std::string::npos);
  CHECK(text(Lbfgs::make(unbounded(1), {{"beta1", 1}})).find("history") != std::string::npos);
}
