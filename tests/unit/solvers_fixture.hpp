// Solves of small fields, written by hand as tile programs and run by the interpreter.
#pragma once

#include <cmath>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "compiler/graph/graph.hpp"
#include "compiler/schedule/builder.hpp"
#include "compiler/schedule/interpret.hpp"
#include "compiler/schedule/solving.hpp"
#include "compiler/solvers/solvers.hpp"

namespace nodec::solvers_fixture {

using graph::Tableau;
using schedule::Builder;
using schedule::Rows;
using schedule::Value;
using Values = std::vector<Value>;

// z' = f(t, z; p) and its transpose, over values of a few elements.
struct Field {
  int64_t size = 1, parameters = 0;
  int64_t quadratures = 0;  // the last of the elements: nothing reads them
  std::function<Values(Builder&, Value t, const Values& z, const Values& p)> derivative;
  struct Cotangents {
    Values z;
    Value t;
    Values p;
  };
  std::function<Cotangents(Builder&, Value t, const Values& z, const Values& p, const Values& kappa)>
      pullback;
};

Field lotka_volterra();     // p: α β γ δ
Field forced_oscillator();  // z'' = −p0 z − p1 z' + cos(p2 t), t-dependent
Field cosine();             // z' = cos t
Field costs();              // z' = (z1, −p0 z0), and of quadratures p1 z0² cos t, z0 z1
Field decay();              // z' = −p z
Field blow_up();            // z' = z²
Field square_root();        // z' = −sqrt(z): NaN below zero
Field wide(int64_t size);   // z_d' = −p z_d + 0.1 z_{d−1} t, too wide to unroll

Tableau euler();
Tableau heun();
Tableau rk4();
Tableau bosh3();
Tableau dopri5();
Tableau tsit5();

struct Options {
  Tableau tableau;
  graph::StepRule rule = graph::StepRule::adaptive;
  graph::AdjointKind adjoint = graph::AdjointKind::checkpoint;
  bool initial_observed = false;
  double rtol = 1e-6, atol = 1e-8, step = 0, max_steps = 100000, safety = 0.9, min_factor = 0.2,
         max_factor = 10;
  double adjoint_rtol = 1e-6, adjoint_atol = 1e-8;
  std::vector<bool> in_norm;  // one per element, which are then states of their own; empty: one state
  bool gradient = false;      // run the adjoint with the given cotangents
  bool times = true;          // whose cotangents of times are wanted
  bool double_precision = true;
  int lanes = 4;
};
// One sample's problem.
struct Sample {
  std::vector<double> z0;
  double t0 = 0;
  std::vector<double> times;
  std::vector<double> bar;  // [times][size] cotangents
};
struct Solution {
  std::string fault;
  struct One {
    std::vector<double> z;  // [times][size]
    std::vector<double> z0_bar, times_bar;
    double t0_bar = 0;
    runtime::Status status{};
    runtime::Statistics statistics{};
  };
  std::vector<One> samples;
  std::vector<double> parameters_bar;
};
// Solves all samples; those with fewer times than the longest have their own number.
Solution solve(const Field& field, const std::vector<double>& parameters, const Options& options,
               const std::vector<Sample>& samples);
// ⟨z, bar⟩ of one sample when the steps recorded at `base` are replayed at `moved` (with its parameters).
double replayed(const Field& field, const Options& options, const std::vector<double>& base_parameters,
                const Sample& base, const std::vector<double>& parameters, const Sample& moved);

}  // namespace nodec::solvers_fixture
