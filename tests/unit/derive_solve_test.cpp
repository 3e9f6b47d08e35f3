// Gradients through solves: published values, closed forms, finite differences.
#include "compiler/derive/derive.hpp"
#include "tests/unit/solve_fixtures.hpp"

using namespace nodec::testing;
using namespace nodec::derive;

namespace {

std::vector<Ref> gradients(Graph& g, Ref loss, const std::vector<Ref>& wrt) {
  Refusal refusal;
  const std::vector<Ref> result = vjp(g, {loss}, {g.constant(1.0)}, wrt, &refusal);
  REQUIRE_MESSAGE(!refusal, refusal.message);
  std::vector<Output> outputs{{"loss", loss}};
  for (Ref x : result) outputs.push_back({"bar", x});
  CHECK(verify(g, outputs) == "");
  return result;
}

Ref half_square(Graph& g, Ref x) { return scale(g, 0.5, dot(g, x, x)); }

// A field with time, two states, captured parameters and a hoisted product of them.
struct Mixed {
  Graph g;
  Ref p = g.parameter("p", real({2})), W = g.parameter("W", real({2, 2})), x0 = g.parameter("x0", real({2})),
      y0 = g.parameter("y0", {}), t0 = g.parameter("t0", {}), ts = g.parameter("ts", real({4}));
  Environment sample;

  Mixed() {
    sample.parameters = {{"p", vector_of({0.7, -0.4})},   {"W", {{2, 2}, {0.3, -1.1, 0.8, 0.2}}},
                         {"x0", vector_of({0.5, -0.25})}, {"y0", Tensor::scalar(0.8)},
                         {"t0", Tensor::scalar(0.1)},     {"ts", vector_of({0.35, 0.6, 0.6, 1.3})}};
  }
  std::vector<Ref> all() const { return {p, W, x0, y0, t0, ts}; }

  Ref loss(SolveOptions options) {
    const Field field = [&](Ref t, const std::vector<Ref>& z) -> std::vector<Ref> {
      const Ref hidden = apply(g, "tanh", {add(g, matmul(g, W, z[0]), mul(g, mul(g, p, p), t))});
      return {sub(g, hidden, mul(g, z[0], z[1])),
              apply(g, "sin", {add(g, sum_all(g, z[0]), mul(g, t, z[1]))})};
    };
    const Ref solved = solve(g, field, {x0, y0}, t0, ts, options);
    const Ref weight = to_real(g, g.iota(4));
    const Ref x = g.part(solved, 0), y = g.part(solved, 1);
    return add(g, half_square(g, x), dot(g, add(g, weight, g.constant(0.5)), apply(g, "sin", {y})));
  }

  // Every gradient against differences of the evaluator, element by element.
  void check(Ref loss, double tolerance, const std::vector<std::string>& names) {
    const std::vector<Ref> wrt = all();
    const std::vector<Ref> bars = gradients(g, loss, wrt);
    for (size_t i = 0; i < wrt.size(); ++i) {
      const std::string name = wrt[i]->as<Leaf>().name;
      if (std::find(names.begin(), names.end(), name) == names.end()) continue;
      INFO("gradient of " << name);
      std::vector<double> expected;
      for (size_t k = 0; k < sample.parameters[name].values.size(); ++k)
        expected.push_back(slope(
            [&](double step) {
              Environment moved = sample;
              moved.parameters[name].values[k] += step;
              return evaluate(loss, moved).values[0];
            },
            1e-3));
      check_close(evaluate(bars[i], sample), expected, tolerance);
    }
  }
};

}  // namespace

TEST_CASE("gradients of a neural ODE are the published ones") {
  Graph g;
  const Ref w1 = g.parameter("W1", real({3, 2})), b1 = g.parameter("b1", real({3})),
            w2 = g.parameter("W2", real({2, 3})), b2 = g.parameter("b2", real({2})),
            z0 = g.parameter("z0", real({2}));
  Environment sample;
  Tensor W1{{3, 2}, {}}, W2{{2, 3}, {}};
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 2; ++j) W1.values.push_back(std::sin(1 + 2 * i + j));
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 3; ++j) W2.values.push_back(std::cos(1 + 3 * i + j) / 2);
  sample.parameters = {{"W1", W1},
                       {"b1", vector_of({-0.1, 0, 0.1})},
                       {"W2", W2},
                       {"b2", vector_of({0.05, -0.05})},
                       {"z0", vector_of({0.5, -0.25})}};
  const auto right = [&](Ref z) {
    return add(g, matmul(g, w2, apply(g, "tanh", {add(g, matmul(g, w1, z), b1)})), b2);
  };
  const Field field = [&](Ref, const std::vector<Ref>& z) -> std::vector<Ref> { return {right(z[0])}; };
  const Ref ts = g.constant({1}, real({1}));
  const Ref end = at(g, g.part(solve(g, field, {z0}, g.constant(0.0), ts), 0), 0, 0);
  const Ref loss = half_square(g, sub(g, end, g.constant(1.0, real({2}))));
  const auto bars = gradients(g, loss, {z0, w1, b1, w2, b2});
  check_close(evaluate(end, sample), {0.67543706813942297483, -0.44661622651683105105}, 1e-13);
  check_close(evaluate(loss, sample), {1.0990198017798645052}, 1e-13);
  check_close(evaluate(bars[0], sample), {0.47161647561841598, -0.83041672677063205}, 1e-12);
  check_close(evaluate(bars[1], sample),
              {0.22869261872968919, -0.13510026334099286, -0.090879554698742032, 0.053046449521376503,
               -0.29824755026556197, 0.1753278402702116},
              1e-12);
  check_close(evaluate(bars[2], sample), {0.38989425793901492, -0.15700042734873846, -0.51125059278031451},
              1e-12);
  check_close(evaluate(bars[3], sample),
              {0.007031132362471712, 0.01085751201004335, -0.015675612772223932, -0.08822479203034244,
               -0.38854147770355587, 0.40696249290311032},
              1e-12);
  check_close(evaluate(bars[4], sample), {0.063606881949592519, -1.1478720991036877}, 1e-12);

  // The log-determinant, and gradients of it: derivatives of the derived trace.
  const Field traced = [&](Ref, const std::vector<Ref>& z) -> std::vector<Ref> {
    Refusal refusal;
    const Ref f = right(z[0]);
    return {f, divergence(g, f, z[0], &refusal), dot(g, z[0], z[0])};
  };
  const Ref both = solve(g, traced, {z0, g.constant(0.0), g.constant(0.0)}, g.constant(0.0), ts);
  const Ref logdet = at(g, g.part(both, 1), 0, 0);
  const auto trace_bars = gradients(g, logdet, {z0, b1});
  check_close(evaluate(logdet, sample), {0.1076842508272823518}, 1e-12);
  check_close(evaluate(at(g, g.part(both, 2), 0, 0), sample), {0.47075846773226530935}, 1e-12);
  check_close(evaluate(trace_bars[0], sample), {-0.19921895322355583, -0.12728962527208361}, 1e-12);
  check_close(evaluate(trace_bars[1], sample),
              {0.0047772717954949453, 0.090751854745169629, 0.22530015873775554}, 1e-12);
}

TEST_CASE("gradients of Lotka-Volterra over a hundred observations are the published ones") {
  Graph g;
  const Ref p = g.parameter("p", real({4})), u0 = g.parameter("u0", real({2}));
  const Field field = [&](Ref, const std::vector<Ref>& z) -> std::vector<Ref> {
    const Ref x = at(g, z[0], 0, 0), y = at(g, z[0], 0, 1), xy = mul(g, x, y);
    const auto rate = [&](int i) { return at(g, p, 0, i); };
    return {stack(g, {sub(g, mul(g, rate(0), x), mul(g, rate(1), xy)),
                      sub(g, mul(g, rate(3), xy), mul(g, rate(2), y))})};
  };
  std::vector<double> times;
  for (int k = 0; k <= 100; ++k) times.push_back(k / 10.0);
  const Ref states = g.part(
      solve(g, field, {u0}, g.constant(0.0), g.constant(times, real({101})), {.initial_observed = true}), 0);
  const Ref loss = sum_all(g, states);
  Environment sample;
  sample.parameters = {{"p", vector_of({1.5, 1, 3, 1})}, {"u0", vector_of({1, 1})}};
  const auto bars = gradients(g, loss, {p, u0});
  check_close(evaluate(loss, sample), {450.764064039538806}, 1e-12);
  check_close(evaluate(bars[0], sample),
              {8.30536266231655326, -159.484292715138636, 75.2035082137727725, -339.195092766060907}, 1e-11);
  check_close(evaluate(bars[1], sample), {-39.1275412226680944, -8.78778021899264268}, 1e-11);
}

TEST_CASE("adaptive solves: every gradient agrees with differences, times too") {
  Mixed mixed;
  mixed.check(mixed.loss({}), 1e-9, {"p", "W", "x0", "y0", "t0", "ts"});
}

TEST_CASE("with the initial value observed, the first time has no gradient of its own") {
  Mixed mixed;
  mixed.sample.parameters["t0"] = Tensor::scalar(0.35);
  const Ref loss = mixed.loss({.initial_observed = true});
  mixed.check(loss, 1e-9, {"p", "W", "x0", "y0"});
  Refusal refusal;
  const auto bars = vjp(mixed.g, {loss}, {mixed.g.constant(1.0)}, {mixed.t0, mixed.ts}, &refusal);
  CHECK(evaluate(bars[1], mixed.sample).values[0] == 0);
  CHECK(std::abs(evaluate(bars[0], mixed.sample).values[0]) > 1e-3);
}

TEST_CASE("backward integration has gradients") {
  Mixed mixed;
  mixed.sample.parameters["t0"] = Tensor::scalar(1.5);
  mixed.sample.parameters["ts"] = vector_of({1.1, 0.9, 0.9, 0.2});
  mixed.check(mixed.loss({}), 1e-9, {"p", "W", "x0", "y0", "t0", "ts"});
}

TEST_CASE("fixed steps: the adjoint is the exact derivative of the steps, times too") {
  Mixed mixed;
  const std::vector<std::string> names{"p", "W", "x0", "y0", "t0", "ts"};
  // No observation stands where steps meet: the cubic interpolant has no second derivative there.
  mixed.check(mixed.loss({.rule = StepRule::fixed_step, .step = 0.17}), 1e-9, names);
  mixed.check(mixed.loss({.rule = StepRule::equal_steps, .step = 7}), 1e-9, names);
  mixed.check(mixed.loss({.rule = StepRule::fixed_step, .tableau = euler(mixed.g), .step = 0.17}), 1e-9,
              names);
  mixed.sample.parameters["t0"] = Tensor::scalar(1.5);
  mixed.sample.parameters["ts"] = vector_of({1.1, 0.9, 0.9, 0.2});
  mixed.check(mixed.loss({.rule = StepRule::fixed_step, .step = 0.17}), 1e-9, names);
}

TEST_CASE("a solve over no time: the gradient of its end is f") {
  for (const StepRule rule : {StepRule::adaptive, StepRule::fixed_step}) {
    Graph g;
    const Ref z0 = g.parameter("z0", {}), t0 = g.parameter("t0", {}), t1 = g.parameter("t1", real({1}));
    const Field field = [&](Ref t, const std::vector<Ref>& z) -> std::vector<Ref> {
      return {add(g, mul(g, z[0], z[0]), t)};
    };
    const Ref end = at(g, g.part(solve(g, field, {z0}, t0, t1, {.rule = rule, .step = 0.1}), 0), 0, 0);
    Environment sample;
    sample.parameters = {{"z0", Tensor::scalar(3)}, {"t0", Tensor::scalar(0.5)}, {"t1", vector_of({0.5})}};
    const auto bars = gradients(g, end, {z0, t0, t1});
    CHECK(evaluate(end, sample).values[0] == 3);
    CHECK(evaluate(bars[0], sample).values[0] == 1);
    CHECK(evaluate(bars[1], sample).values[0] == doctest::Approx(-9.5));
    CHECK(evaluate(bars[2], sample).values[0] == doctest::Approx(9.5));
  }
}

TEST_CASE("the gradient of a parameter is summed over samples of different times") {
  Graph g;
  const Ref k = g.parameter("k", {}), t1 = g.data("t", real({1}), false);
  const Field field = [&](Ref, const std::vector<Ref>& z) -> std::vector<Ref> {
    return {neg(g, mul(g, k, z[0]))};
  };
  const Ref loss = at(g, g.part(solve(g, field, {g.constant(1.0)}, g.constant(0.0), t1), 0), 0, 0);
  const Ref bar = gradients(g, g.batch_sum(loss), {k})[0];
  CHECK(bar->base == Base::parameter);
  std::vector<Environment> samples(3);
  double expected = 0;
  for (size_t i = 0; i < samples.size(); ++i) {
    const double t = 1.0 + 4 * static_cast<double>(i);
    samples[i].parameters["k"] = Tensor::scalar(0.7);
    samples[i].data["t"] = vector_of({t});
    expected += -t * std::exp(-0.7 * t);
  }
  CHECK(evaluate(std::vector<Ref>{bar}, samples)[0][0].values[0] == doctest::Approx(expected).epsilon(1e-12));
}

TEST_CASE("a pullback shares the field's own nodes") {
  Mixed mixed;
  const Ref loss = mixed.loss({});
  const auto bars = gradients(mixed.g, loss, {mixed.W});
  const Node* adjoint = nullptr;
  for (Ref node : postorder(bars))
    if (node->is(Kind::adjoint)) adjoint = node;
  REQUIRE(adjoint);
  const Lambda* field = adjoint->operands[0]->as<SolveInfo>().field;
  const Lambda* pullback = adjoint->as<AdjointInfo>().pullback;
  const auto tanh_of = [](const Lambda* lambda) {
    Ref found = nullptr;
    for (Ref node : postorder(lambda->results))
      if (node->is(Kind::map) && node->as<Map>().op->name == "tanh") found = node;
    return found;
  };
  REQUIRE(tanh_of(field));
  CHECK(tanh_of(field) == tanh_of(pullback));
  // Only W was asked for.
  CHECK(adjoint->as<AdjointInfo>().frontier.size() == 1);
}
