// Initial value problems as graphs, for the tests of the evaluator and of differentiation.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "compiler/graph/algebra.hpp"
#include "compiler/graph/evaluate.hpp"
#include "compiler/graph/op.hpp"

namespace nodec::testing {

using namespace nodec::graph;

inline Type real(std::vector<Extent> shape) { return {std::move(shape), Element::real}; }

inline Tensor vector_of(std::vector<double> values) {
  const int64_t size = static_cast<int64_t>(values.size());
  return {{size}, std::move(values)};
}

// Heun's method with Euler's embedded, normalized.
inline const Tableau* heun(Graph& g) {
  Tableau rk;
  rk.name = "heun";
  rk.order = 2;
  rk.embedded_order = 1;
  rk.c = {0, 1};
  rk.a = {{}, {1}};
  rk.b = {0.5, 0.5};
  rk.error = {-0.5, 0.5};
  rk.main_stages = 2;
  REQUIRE(normalize(rk) == "");
  return g.tableau(rk);
}

inline const Tableau* euler(Graph& g) {
  Tableau rk;
  rk.name = "euler";
  rk.order = 1;
  rk.c = {0};
  rk.a = {{}};
  rk.b = {1};
  rk.main_stages = 1;
  REQUIRE(normalize(rk) == "");
  return g.tableau(rk);
}

// States that no equation reads.
inline void find_quadratures(SolveInfo& info, const std::vector<Ref>& results,
                             const std::vector<Ref>& states) {
  const std::vector<Ref> nodes = postorder(results);
  for (size_t i = 0; i < states.size(); ++i)
    info.states[i].quadrature = std::find(nodes.begin(), nodes.end(), states[i]) == nodes.end();
}

// (t, states) -> derivatives
using Field = std::function<std::vector<Ref>(Ref, const std::vector<Ref>&)>;

struct SolveOptions {
  StepRule rule = StepRule::adaptive;
  const Tableau* tableau = nullptr;  // heun
  double step = 0;
  bool initial_observed = false;
};

inline Ref solve(Graph& g, const Field& field, const std::vector<Ref>& initial, Ref t0, Ref ts,
                 const SolveOptions& options = {}) {
  std::vector<Type> types{Type{}};
  SolveInfo info{};
  for (size_t i = 0; i < initial.size(); ++i) {
    types.push_back(initial[i]->type);
    SolveState state;
    state.name = "z" + std::to_string(i);
    state.place = "test.node:1";
    info.states.push_back(state);
  }
  const std::vector<Ref> variables = g.variables(types);
  const std::vector<Ref> states(variables.begin() + 1, variables.end());
  const std::vector<Ref> results = field(variables[0], states);
  find_quadratures(info, results, states);
  info.field = g.close(variables, results);
  info.tableau = options.tableau ? options.tableau : heun(g);
  info.rule = options.rule;
  info.initial_observed = options.initial_observed;
  info.field_name = "test";
  info.place = "test.node:2";
  std::vector<Ref> controls(static_cast<size_t>(Control::count), g.constant(0.0));
  controls[static_cast<size_t>(Control::step)] = g.constant(options.step);
  return g.solve(info, initial, t0, ts, controls);
}

// Compares element by element, relative to the largest.
inline void check_close(const Tensor& found, const std::vector<double>& expected, double tolerance) {
  REQUIRE(found.values.size() == expected.size());
  double largest = 0;
  for (double x : expected) largest = std::max(largest, std::abs(x));
  for (size_t i = 0; i < expected.size(); ++i) {
    INFO("element " << i << ": " << found.values[i] << " against " << expected[i]);
    CHECK(std::abs(found.values[i] - expected[i]) <= tolerance * std::max(largest, 1e-300));
  }
}

// d/dε f(ε) at 0 by central differences of fourth order.
inline double slope(const std::function<double(double)>& f, double h = 1e-4) {
  return (8 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12 * h);
}

}  // namespace nodec::testing
