// Solves and their adjoints through the scheduler, the solvers and the interpreter against the reference
// evaluator.
#include <random>

#include "compiler/derive/derive.hpp"
#include "tests/unit/lowered_batch.hpp"
#include "tests/unit/solve_fixtures.hpp"
#include "tests/unit/solvers_fixture.hpp"

namespace nodec {
namespace {

using namespace nodec::graph;
using testing::Field;
using testing::real;
using testing::vector_of;

const Extent N = Extent::length("N");

struct Steps {
  StepRule rule = StepRule::equal_steps;
  double step = 6;
  AdjointKind adjoint = AdjointKind::checkpoint;
  bool initial_observed = false;
  Ref atol = nullptr;
  const Tableau* tableau = nullptr;  // Heun's
};

Ref solve(Graph& g, const Field& field, const std::vector<Ref>& initial, Ref t0, Ref ts, const Steps& steps) {
  std::vector<Type> types{Type{}};
  SolveInfo info{};
  for (size_t i = 0; i < initial.size(); ++i) {
    types.push_back(initial[i]->type);
    info.states.push_back({.name = "z" + std::to_string(i), .place = "test.node:" + std::to_string(i + 1)});
  }
  const std::vector<Ref> variables = g.variables(types);
  const std::vector<Ref> states(variables.begin() + 1, variables.end());
  const std::vector<Ref> results = field(variables[0], states);
  testing::find_quadratures(info, results, states);
  info.field = g.close(variables, results);
  info.tableau = steps.tableau ? g.tableau(*steps.tableau) : testing::heun(g);
  info.rule = steps.rule;
  info.adjoint = steps.adjoint;
  info.initial_observed = steps.initial_observed;
  info.field_name = "spiral";
  info.place = "test.node:9";
  std::vector<Ref> controls(static_cast<size_t>(Control::count), g.constant(0.0));
  const auto set = [&](Control c, double x) { controls[static_cast<size_t>(c)] = g.constant(x); };
  const bool adaptive = steps.rule == StepRule::adaptive;
  set(Control::rtol, 1e-7);
  set(Control::atol, 1e-7);
  set(Control::step, adaptive ? 0 : steps.step);
  set(Control::max_steps, 100000);
  set(Control::safety, 0.9);
  set(Control::min_factor, 0.2);
  set(Control::max_factor, 10);
  set(Control::adjoint_rtol, 1e-8);
  set(Control::adjoint_atol, 1e-8);
  if (steps.atol) controls[static_cast<size_t>(Control::atol)] = steps.atol;
  return g.solve(info, initial, t0, ts, controls);
}

std::vector<Ref> gradients(Graph& g, Ref loss, const std::vector<Ref>& wrt) {
  derive::Refusal refusal;
  std::vector<Ref> bars = derive::vjp(g, {loss}, {g.constant(1.0)}, wrt, &refusal);
  REQUIRE_MESSAGE(!refusal, refusal.message);
  return bars;
}

size_t count(const std::string& text, const std::string& what) {
  size_t n = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

std::string function_of(const std::string& text, const std::string& name) {
  const size_t first = text.find("function " + name + "(");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find("\n}", first) - first);
}

// Two states, a layer, time, an input per sample, a table of the sample's, shared data; observed at times of
// its own.
struct Model {
  Graph g;
  Ref w1 = g.parameter("W1", real({6, 3})), b1 = g.parameter("b1", real({6})),
      w2 = g.parameter("W2", real({3, 6})), rate = g.parameter("rate", {});
  Ref start = g.data("start", real({3}), false), input = g.data("input", {}, false),
      table = g.data("table", real({4}), false), y = g.data("y", real({N, 3}), false),
      ts = g.data("t", real({N}), false), shared = g.data("shared", real({3}), true);

  std::vector<Environment> samples(int count, bool ragged) {
    std::mt19937 engine(7);
    std::uniform_real_distribution<double> uniform(-0.8, 0.8);
    const auto tensor = [&](std::vector<int64_t> shape) {
      Tensor x{shape, {}};
      int64_t size = 1;
      for (const int64_t n : shape) size *= n;
      for (int64_t i = 0; i < size; ++i) x.values.push_back(uniform(engine));
      return x;
    };
    Environment first;
    first.parameters = {
        {"W1", tensor({6, 3})}, {"b1", tensor({6})}, {"W2", tensor({3, 6})}, {"rate", Tensor::scalar(0.7)}};
    const Tensor common = tensor({3});
    std::vector<Environment> result;
    for (int s = 0; s < count; ++s) {
      Environment e = first;
      const int64_t n = ragged ? 1 + s % 4 : 3;
      e.lengths["N"] = n;
      Tensor times{{n}, {}};
      for (int64_t i = 0; i < n; ++i) times.values.push_back(0.31 * static_cast<double>(i + 1) + 0.05 * s);
      e.data = {{"start", tensor({3})}, {"input", tensor({})}, {"table", tensor({4})},
                {"y", tensor({n, 3})},  {"t", times},          {"shared", common}};
      e.settings["samples"] = count;
      result.push_back(e);
    }
    return result;
  }

  // The cost is a quadrature.
  Ref states(const Steps& steps, Ref* cost = nullptr, bool cost_first = false) {
    const Field field = [&](Ref t, const std::vector<Ref>& z) -> std::vector<Ref> {
      const Ref h = apply(g, "tanh", {add(g, add(g, matmul(g, w1, z[0]), b1), mul(g, input, t))});
      const Ref drive =
          mul(g, apply(g, "sin", {at(g, table, 0, 2)}), mul(g, shared, apply(g, "exp", {rate})));
      return {add(g, matmul(g, w2, h), drive), mul(g, dot(g, z[0], z[0]), rate)};
    };
    const Field swapped = [&](Ref t, const std::vector<Ref>& z) -> std::vector<Ref> {
      const std::vector<Ref> slopes = field(t, {z[1], z[0]});
      return {slopes[1], slopes[0]};
    };
    std::vector<Ref> initial{start, mul(g, input, rate)};
    if (cost_first) std::swap(initial[0], initial[1]);
    const Ref solved = solve(g, cost_first ? swapped : field, initial, g.constant(0.0), ts, steps);
    if (cost) *cost = g.part(solved, cost_first ? 0 : 1);
    return g.part(solved, cost_first ? 1 : 0);
  }

  Ref loss(Ref z, Ref cost) {
    const Ref difference = sub(g, z, y);
    const Ref own = add(g, dot(g, difference, difference), sum_all(g, apply(g, "sin", {cost})));
    return div(g, g.batch_sum(own), g.setting("samples"));
  }
};

TEST_CASE("fixed steps: states and every gradient are the reference's") {
  for (const bool ragged : {false, true}) {
    CAPTURE(ragged);
    Model m;
    Ref cost = nullptr;
    const Ref z = m.states({}, &cost);
    const Ref loss = m.loss(z, cost);
    const auto bars =
        gradients(m.g, loss, {m.w1, m.b1, m.w2, m.rate, m.start, m.input, m.table, m.shared, m.ts});
    test::check_against_reference({{"z", z},
                                   {"loss", loss},
                                   {"W1", bars[0]},
                                   {"b1", bars[1]},
                                   {"W2", bars[2]},
                                   {"rate", bars[3]},
                                   {"start", bars[4]},
                                   {"input", bars[5]},
                                   {"table", bars[6]},
                                   {"shared", bars[7]},
                                   {"t", bars[8]}},
                                  m.samples(6, ragged), 1e-11);
  }
}

TEST_CASE("products in sums are rounded alike, whether a tape keeps them or they are computed anew") {
  Graph g;
  const Ref start = g.data("start", real({2}), false);
  const Field field = [&](Ref t, const std::vector<Ref>& z) -> std::vector<Ref> {
    const Ref product = mul(g, z[0], z[1]), sine = apply(g, "sin", {sub(g, product, z[0])});
    // The product is read by itself, in a sum, in a difference, and on either side of it.
    return {add(g, mul(g, product, t), apply(g, "tanh", {product})),
            sub(g, apply(g, "exp", {sine}), mul(g, product, sine))};
  };
  const Ref solved = solve(g, field, {at(g, start, 0, 0), at(g, start, 0, 1)}, g.constant(0.0),
                           g.constant({0.9}, real({1})), {});
  const Ref end = g.part(solved, 1);
  const Ref loss = g.batch_sum(dot(g, end, end));
  const std::vector<Ref> bars = gradients(g, loss, {start});
  std::vector<Environment> samples;
  for (int s = 0; s < 5; ++s) {
    Environment& e = samples.emplace_back();
    e.data["start"] = {{2}, {0.3 + 0.2 * s, 0.7 - 0.3 * s}};
  }
  test::check_against_reference({{"end", end}, {"start", bars[0]}}, samples, 1e-11);
}

TEST_CASE("adaptive steps: states and gradients to the tolerance, by checkpoint and by backsolve") {
  for (const AdjointKind kind : {AdjointKind::checkpoint, AdjointKind::backsolve}) {
    CAPTURE(static_cast<int>(kind));
    Model m;
    Ref cost = nullptr;
    const Ref z = m.states({.rule = StepRule::adaptive, .adjoint = kind}, &cost);
    const Ref loss = m.loss(z, cost);
    const auto bars = gradients(m.g, loss, {m.w1, m.b1, m.rate, m.start, m.input, m.ts});
    test::check_against_reference({{"z", z},
                                   {"loss", loss},
                                   {"W1", bars[0]},
                                   {"b1", bars[1]},
                                   {"rate", bars[2]},
                                   {"start", bars[3]},
                                   {"input", bars[4]},
                                   {"t", bars[5]}},
                                  m.samples(5, true), 2e-5);
  }
}

TEST_CASE("quadratures by every method are the reference's, at the end and inside steps") {
  using namespace solvers_fixture;
  for (const Tableau& rk : {euler(), rk4(), bosh3(), dopri5(), tsit5()}) {
    for (const bool at_end : {false, true}) {
      CAPTURE(rk.name);
      CAPTURE(at_end);
      Model m;
      if (at_end) m.ts = m.g.constant({0.8}, real({1}));
      Ref cost = nullptr;
      const Ref z = m.states({.tableau = &rk}, &cost, true);
      const Ref own = add(m.g, sum_all(m.g, mul(m.g, z, z)), sum_all(m.g, apply(m.g, "sin", {cost})));
      const Ref loss = m.g.batch_sum(own);
      std::vector<Ref> wrt{m.w1, m.rate, m.start, m.input};
      if (!at_end) wrt.push_back(m.ts);
      const auto bars = gradients(m.g, loss, wrt);
      std::vector<Output> results{{"z", z}, {"cost", cost}, {"loss", loss}};
      for (size_t i = 0; i < bars.size(); ++i) results.push_back({"bar" + std::to_string(i), bars[i]});
      test::check_against_reference(results, m.samples(4, !at_end), 1e-11);
    }
  }
}

TEST_CASE("a quadrature keeps no stages, and stages that are taken anew are without it") {
  Model m;
  m.ts = m.g.constant({0.8}, real({1}));
  Ref cost = nullptr;
  const Tableau rk = solvers_fixture::dopri5();
  const Ref z = m.states({.rule = StepRule::adaptive, .tableau = &rk}, &cost, true);
  const Ref loss = m.g.batch_sum(add(m.g, sum_all(m.g, z), sum_all(m.g, cost)));
  const auto lowered = test::lower({{"W1", gradients(m.g, loss, {m.w1})[0]}}, m.samples(3, false));
  CHECK(count(lowered.text, ": real[21][lane] frame") == 3);  // k there and back, ȳ: 7 stages of 3
  CHECK(count(lowered.text, "buffer @rates_sum") == 2);       // the proposal's and its error's
  CHECK(count(lowered.text, "buffer @quadrature_stages") == 0);
  CHECK(count(lowered.text, "function field") == 2);
}

TEST_CASE("names and tolerances of a quadrature that is declared first are its own") {
  Model m;
  const Ref z = m.states(
      {.rule = StepRule::adaptive, .atol = m.g.constant({1e-2, 1e-7, 1e-7, 1e-7}, real({4}))}, nullptr, true);
  const auto lowered = test::check_against_reference({{"z", z}}, m.samples(4, false), 1e-4);
  CHECK(lowered.program.interface.solves[0].elements ==
        std::vector<std::string>{"z1[0]", "z1[1]", "z1[2]", "z0"});
  CHECK(lowered.program.interface.solves[0].places.back() == "test.node:1");
}

TEST_CASE("the field has one kernel a layer, and weights' gradients are outer products in the pullback") {
  Model m;
  Ref cost = nullptr;
  const Ref z = m.states({}, &cost);
  const Ref loss = m.loss(z, cost);
  const auto bars = gradients(m.g, loss, {m.w1, m.b1, m.w2});
  const auto lowered = test::lower({{"W1", bars[0]}, {"b1", bars[1]}, {"W2", bars[2]}}, m.samples(3, false));
  const std::string field = function_of(lowered.text, "field"), pull = function_of(lowered.text, "pullback");
  CHECK(count(field, "contract ") == 2);
  CHECK(count(field, "@b1.") == 1);
  CHECK(count(pull, "outer ") == 2);
  CHECK(count(pull, "contract ") == 2);               // the layers transposed: what they gave is on the tape
  CHECK(count(lowered.text, "function field") == 2);  // with the quadrature and, for steps not kept, without
  CHECK(count(lowered.text, "real[18][lane] frame") == 0);
}

TEST_CASE("two solves of one field share its function; gradients of both are added") {
  Model m;
  const Field field = [&](Ref, const std::vector<Ref>& z) -> std::vector<Ref> {
    return {matmul(m.g, m.w2, apply(m.g, "tanh", {add(m.g, matmul(m.g, m.w1, z[0]), m.b1)}))};
  };
  const Ref ts = m.g.constant({0.4, 0.9}, real({2}));
  const Ref first = m.g.part(solve(m.g, field, {m.start}, m.g.constant(0.0), ts, {}), 0);
  const Ref second = m.g.part(solve(m.g, field, {at(m.g, first, 0, 1)}, m.g.constant(0.2), ts,
                                    {.rule = StepRule::fixed_step, .step = 0.15}),
                              0);
  const Ref loss = m.g.batch_sum(dot(m.g, second, second));
  const auto bars = gradients(m.g, loss, {m.w1, m.b1, m.start});
  const auto lowered = test::check_against_reference(
      {{"second", second}, {"W1", bars[0]}, {"b1", bars[1]}, {"start", bars[2]}}, m.samples(7, false), 1e-11);
  CHECK(count(lowered.text, "function field") == 1);
}

TEST_CASE("a solve of parameters alone runs in the pool") {
  Graph g;
  const Ref p = g.parameter("p", real({4})), u0 = g.parameter("u0", real({2}));
  const Field field = [&](Ref, const std::vector<Ref>& z) -> std::vector<Ref> {
    const Ref x = at(g, z[0], 0, 0), y = at(g, z[0], 0, 1), xy = mul(g, x, y);
    const auto rate = [&](int i) { return at(g, p, 0, i); };
    return {stack(g, {sub(g, mul(g, rate(0), x), mul(g, rate(1), xy)),
                      sub(g, mul(g, rate(3), xy), mul(g, rate(2), y))})};
  };
  const Ref ts = g.constant({0, 0.4, 0.9}, real({3}));
  const Ref z = g.part(solve(g, field, {u0}, g.constant(0.0), ts, {.step = 40, .initial_observed = true}), 0);
  const Ref loss = sum_all(g, z);
  const auto bars = gradients(g, loss, {p, u0});
  Environment sample;
  sample.parameters = {{"p", vector_of({1.5, 1, 3, 1})}, {"u0", vector_of({1, 1})}};
  test::check_against_reference({{"z", z}, {"loss", loss}, {"p", bars[0]}, {"u0", bars[1]}}, {sample}, 1e-11);
}

TEST_CASE("a tolerance for each element, and names for a failure's report") {
  Model m;
  const Ref z =
      m.states({.rule = StepRule::adaptive, .atol = m.g.constant({1e-7, 1e-6, 1e-7, 1e-5}, real({4}))});
  const auto lowered = test::check_against_reference({{"z", z}}, m.samples(4, false), 1e-4);
  REQUIRE(lowered.program.interface.solves.size() == 1);
  CHECK(lowered.program.interface.solves[0].elements ==
        std::vector<std::string>{"z0[0]", "z0[1]", "z0[2]", "z1"});
  CHECK(lowered.program.interface.solves[0].places.back() == "test.node:2");
}

TEST_CASE("a sample that needs a sum over the batch is refused") {
  Graph g;
  const Ref x = g.data("x", {}, false);
  const Ref centered = sub(g, x, g.batch_sum(x));
  schedule::Request request;
  request.results = {{"centered", centered}};
  const auto solvers = solvers::make_solvers();
  std::string refusal;
  schedule::lower(request, *solvers, &refusal);
  CHECK(refusal != "");
}

}  // namespace
}  // namespace nodec
