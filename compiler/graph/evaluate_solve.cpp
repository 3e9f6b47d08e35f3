// Solve and adjoint nodes with the values of their operands -> the values of their parts.
#include "compiler/graph/evaluate_solve.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "compiler/graph/evaluate_extrapolation.hpp"
#include "compiler/graph/evaluate_function.hpp"

namespace nodec::graph {
namespace {

using Vector = std::vector<double>;

double dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

void add_scaled(Vector& to, double factor, const Vector& x) {
  for (size_t i = 0; i < to.size(); ++i) to[i] += factor * x[i];
}

// The parts of a flat vector as tensors of a function's arguments, and back from its results.
void scatter(const double* flat, Function& function, size_t first, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    Vector& values = function.argument(first + i).values;
    std::copy_n(flat, values.size(), values.begin());
    flat += values.size();
  }
}
void gather(const Function& function, size_t first, size_t count, double* flat) {
  for (size_t i = 0; i < count; ++i) {
    const Vector& values = function.result(first + i).values;
    flat = std::copy(values.begin(), values.end(), flat);
  }
}

// The numbers of one solve of one sample; its states are one flat vector.
struct Problem {
  const SolveInfo& info;
  size_t states;
  std::vector<std::vector<int64_t>> shapes;
  std::vector<size_t> groups;  // first element of each state, then the size
  Vector initial, times;
  double t0, step;
  Function field;

  Problem(const Node& solve, std::span<const Tensor* const> operands, const Environment& sample, size_t batch,
          const ReferenceOptions& options)
      : info(solve.as<SolveInfo>()),
        states(info.states.size()),
        times(operands[static_cast<size_t>(info.ts_operand())]->values),
        t0(operands[static_cast<size_t>(info.t0_operand())]->values[0]),
        step(operands[static_cast<size_t>(info.control_operand(Control::step))]->values[0]),
        field(*info.field, std::span(solve.operands).subspan(static_cast<size_t>(info.frontier_operand())),
              operands.subspan(static_cast<size_t>(info.frontier_operand())), sample, batch, options) {
    groups.push_back(0);
    for (size_t i = 0; i < states; ++i) {
      shapes.push_back(operands[i]->shape);
      initial.insert(initial.end(), operands[i]->values.begin(), operands[i]->values.end());
      groups.push_back(initial.size());
    }
  }

  size_t size() const { return initial.size(); }
  size_t first_observation() const { return info.initial_observed ? 1 : 0; }
  double end() const { return times.empty() ? t0 : times.back(); }

  void evaluate(double t, const double* z, double* derivative) {
    field.argument(0).values[0] = t;
    scatter(z, field, 1, states);
    field.run();
    gather(field, 0, states, derivative);
  }
  Vector evaluate(double t, const Vector& z) {
    Vector derivative(size());
    evaluate(t, z.data(), derivative.data());
    return derivative;
  }
};

// Cotangents of the operands, flat, and the pullback that makes them.
struct Reverse {
  Function pullback;
  Vector state, times, frontier;  // cotangents
  double t0 = 0;
  std::vector<Vector> observed;  // of the states at each time
  std::vector<std::vector<int64_t>> frontier_shapes;
  std::vector<size_t> groups;  // of [frontier]
  Vector pulled_state, pulled_frontier;
  double pulled_time = 0;

  Reverse(const Problem& p, const Node& adjoint, std::span<const Tensor* const> operands,
          const Environment& sample, size_t batch, const ReferenceOptions& options)
      : pullback(*adjoint.as<AdjointInfo>().pullback, std::span(adjoint.operands).subspan(1 + p.states),
                 operands.subspan(p.states), sample, batch, options),
        state(p.size(), 0.0),
        times(p.times.size(), 0.0),
        observed(p.times.size(), Vector(p.size())),
        pulled_state(p.size()) {
    for (size_t k = 0; k < p.times.size(); ++k)
      for (size_t i = 0; i < p.states; ++i) {
        const size_t width = p.groups[i + 1] - p.groups[i];
        std::copy_n(operands[i]->values.begin() + static_cast<std::ptrdiff_t>(k * width), width,
                    observed[k].begin() + static_cast<std::ptrdiff_t>(p.groups[i]));
      }
    groups.push_back(0);
    for (size_t i = 1 + p.states; i < pullback.result_count(); ++i) {
      frontier_shapes.push_back(pullback.result(i).shape);
      groups.push_back(groups.back() + pullback.result(i).values.size());
    }
    frontier.assign(groups.back(), 0.0);
    pulled_frontier.assign(groups.back(), 0.0);
  }

  // Of one evaluation of the field whose derivative has the cotangent κ, into pulled_*.
  void pull(const Problem& p, double t, const double* z, const double* kappa) {
    pullback.argument(0).values[0] = t;
    scatter(z, pullback, 1, p.states);
    scatter(kappa, pullback, 1 + p.states, p.states);
    pullback.run();
    pulled_time = pullback.result(0).values[0];
    gather(pullback, 1, p.states, pulled_state.data());
    gather(pullback, 1 + p.states, frontier_shapes.size(), pulled_frontier.data());
  }

  // The initial value is part[0] where it is observed, and does not move with t0.
  void finish(const Problem& p) {
    if (p.info.initial_observed && !observed.empty()) add_scaled(state, 1, observed[0]);
  }
};

// ---- adaptive solves

struct Point {
  double t;
  Vector z;
};

// The steps taken, and which of their ends the observations are.
struct Trajectory {
  std::vector<Point> points;
  std::vector<size_t> observations;
};

Trajectory integrate(Problem& p, double tolerance) {
  const RightHandSide f = [&](double t, const Vector& z, Vector& derivative) {
    p.evaluate(t, z.data(), derivative.data());
  };
  Trajectory trajectory{{{p.t0, p.initial}}, {}};
  Vector z = p.initial;
  double t = p.t0;
  for (size_t k = 0; k < p.times.size(); ++k) {
    if (k >= p.first_observation()) {
      extrapolate(f, t, p.times[k], z, p.groups, tolerance, [&](double time, const Vector& state) {
        trajectory.points.push_back({time, state});
      });
      t = p.times[k];
      if (!z.empty() && std::isnan(z[0])) trajectory.points.push_back({t, z});
    }
    trajectory.observations.push_back(trajectory.points.size() - 1);
  }
  return trajectory;
}

// a' = −aᵀ∂f/∂z, c̄' = −aᵀ∂f/∂c from each recorded point back to the one before, with z along and put right at
// every point; ∂L/∂t_k = (∂L/∂z(t_k))ᵀ f, ∂L/∂t0 = −a(t0)ᵀ f.
void adjoin(Problem& p, const Trajectory& trajectory, Reverse& reverse, double tolerance) {
  const size_t n = p.size(), captured = reverse.frontier.size();
  std::vector<size_t> groups = p.groups;
  for (size_t i = 1; i < p.groups.size(); ++i) groups.push_back(n + p.groups[i]);
  for (size_t i = 1; i < reverse.groups.size(); ++i) groups.push_back(2 * n + reverse.groups[i]);
  const RightHandSide f = [&](double t, const Vector& y, Vector& derivative) {
    p.evaluate(t, y.data(), derivative.data());
    reverse.pull(p, t, y.data(), y.data() + n);
    for (size_t i = 0; i < n; ++i) derivative[n + i] = -reverse.pulled_state[i];
    for (size_t i = 0; i < captured; ++i) derivative[2 * n + i] = -reverse.pulled_frontier[i];
  };
  Vector y(2 * n + captured, 0.0);
  size_t k = p.times.size();
  for (size_t point = trajectory.points.size(); point-- > 0;) {
    const Point& here = trajectory.points[point];
    const Vector slope = p.evaluate(here.t, here.z);
    while (k > p.first_observation() && trajectory.observations[k - 1] == point) {
      --k;
      reverse.times[k] = dot(reverse.observed[k], slope);
      for (size_t i = 0; i < n; ++i) y[n + i] += reverse.observed[k][i];
    }
    if (point > 0) {
      std::copy(here.z.begin(), here.z.end(), y.begin());
      extrapolate(f, here.t, trajectory.points[point - 1].t, y, groups, tolerance);
    } else {
      for (size_t i = 0; i < n; ++i) reverse.t0 -= y[n + i] * slope[i];
    }
  }
  std::copy_n(y.begin() + static_cast<std::ptrdiff_t>(n), n, reverse.state.begin());
  std::copy_n(y.begin() + static_cast<std::ptrdiff_t>(2 * n), captured, reverse.frontier.begin());
}

// ---- fixed steps

// Step i goes from t0 + i·h to t0 + (i + 1)·h, the last to the end exactly. At least one, of length 0 if need
// be.
struct Grid {
  double t0, end, h;
  int64_t count;

  explicit Grid(const Problem& p) : t0(p.t0), end(p.end()) {
    const double length = end - t0;
    if (p.info.rule == StepRule::equal_steps) {
      count = std::max<int64_t>(1, std::llround(p.step));
      h = length / static_cast<double>(count);
    } else {
      h = std::copysign(p.step, length);
      // A remainder of rounding size is no step of its own.
      count = std::max<int64_t>(1, static_cast<int64_t>(std::ceil(std::abs(length / p.step) * (1 - 1e-12))));
    }
  }
  double start(int64_t i) const { return t0 + static_cast<double>(i) * h; }
  double length(int64_t i) const { return i + 1 < count ? h : end - start(i); }
  bool reaches(int64_t i, double t) const {
    return i + 1 == count || (h > 0 ? t <= start(i + 1) : t >= start(i + 1));
  }
};

// b_i(θ), or its derivative.
double weight(const Tableau& rk, size_t stage, double theta, bool derivative) {
  if (stage >= rk.interpolant.size()) return 0;
  double sum = 0, power = derivative ? 1 : theta;
  for (size_t d = 0; d < rk.interpolant[stage].size(); ++d) {
    sum += rk.interpolant[stage][d] * power * (derivative ? static_cast<double>(d + 1) : 1.0);
    power *= theta;
  }
  return sum;
}

struct Stages {
  std::vector<Vector> states, slopes;
};

Stages take_stages(Problem& p, double t, double h, const Vector& z) {
  const Tableau& rk = *p.info.tableau;
  Stages stages;
  for (size_t i = 0; i < static_cast<size_t>(rk.stages()); ++i) {
    Vector state = z;
    for (size_t j = 0; j < std::min(i, rk.a[i].size()); ++j)
      add_scaled(state, h * rk.a[i][j], stages.slopes[j]);
    stages.slopes.push_back(p.evaluate(t + rk.c[i] * h, state));
    stages.states.push_back(std::move(state));
  }
  return stages;
}

// The proposal is the state of the last main stage.
const Vector& proposal(const Problem& p, const Stages& stages) {
  return stages.states[static_cast<size_t>(p.info.tableau->main_stages) - 1];
}

// States at the times, and at the start of every step.
std::pair<std::vector<Vector>, std::vector<Vector>> march(Problem& p, const Grid& grid) {
  const Tableau& rk = *p.info.tableau;
  std::vector<Vector> observed(p.times.size(), p.initial), starts;
  Vector z = p.initial;
  size_t k = p.first_observation();
  for (int64_t i = 0; i < grid.count; ++i) {
    starts.push_back(z);
    const double t = grid.start(i), h = grid.length(i);
    const Stages stages = take_stages(p, t, h, z);
    for (; k < p.times.size() && grid.reaches(i, p.times[k]); ++k) {
      if (h == 0) {
        observed[k] = z;
      } else if (p.times[k] == grid.end) {
        observed[k] = proposal(p, stages);
      } else {
        observed[k] = z;
        for (size_t s = 0; s < stages.slopes.size(); ++s)
          add_scaled(observed[k], h * weight(rk, s, (p.times[k] - t) / h, false), stages.slopes[s]);
      }
    }
    z = proposal(p, stages);
  }
  return {std::move(observed), std::move(starts)};
}

// The transpose of `march`, step by step from the last, stages taken anew. t̄ and h̄ of
// every step go to t0 and to the end by the grid's formula.
void march_back(Problem& p, const Grid& grid, const std::vector<Vector>& starts, Reverse& reverse) {
  const Tableau& rk = *p.info.tableau;
  const size_t main = static_cast<size_t>(rk.main_stages);
  double end_bar = 0;
  size_t k = p.times.size();
  for (int64_t i = grid.count; i-- > 0;) {
    const double t = grid.start(i), h = grid.length(i);
    const Vector& z = starts[static_cast<size_t>(i)];
    const Stages stages = take_stages(p, t, h, z);
    const size_t count = stages.slopes.size();
    double t_bar = 0, h_bar = 0;
    std::vector<Vector> state_bar(count, Vector(p.size(), 0.0)), slope_bar(count, Vector(p.size(), 0.0));
    Vector z_bar(p.size(), 0.0);
    state_bar[main - 1] = reverse.state;
    for (; k > p.first_observation() && (i == 0 || !grid.reaches(i - 1, p.times[k - 1])); --k) {
      const Vector& w = reverse.observed[k - 1];
      const double theta = h == 0 ? 1 : (p.times[k - 1] - t) / h;
      if (h == 0 || k == p.times.size()) {  // the end of the last step: it moves with h alone
        add_scaled(state_bar[main - 1], 1, w);
        if (k == p.times.size()) continue;
        const double moved = dot(w, stages.slopes[0]);
        reverse.times[k - 1] += moved;
        t_bar -= moved;
        continue;
      }
      add_scaled(z_bar, 1, w);
      double theta_bar = 0;
      for (size_t s = 0; s < count; ++s) {
        const double slope = dot(w, stages.slopes[s]), b = weight(rk, s, theta, false);
        add_scaled(slope_bar[s], h * b, w);
        h_bar += b * slope;
        theta_bar += h * weight(rk, s, theta, true) * slope;
      }
      reverse.times[k - 1] += theta_bar / h;
      t_bar -= theta_bar / h;
      h_bar -= theta * theta_bar / h;
    }
    for (size_t s = count; s-- > 0;) {
      reverse.pull(p, t + rk.c[s] * h, stages.states[s].data(), slope_bar[s].data());
      t_bar += reverse.pulled_time;
      h_bar += rk.c[s] * reverse.pulled_time;
      add_scaled(reverse.frontier, 1, reverse.pulled_frontier);
      add_scaled(state_bar[s], 1, reverse.pulled_state);
      add_scaled(z_bar, 1, state_bar[s]);
      for (size_t j = 0; j < std::min(s, rk.a[s].size()); ++j) {
        add_scaled(slope_bar[j], h * rk.a[s][j], state_bar[s]);
        h_bar += rk.a[s][j] * dot(state_bar[s], stages.slopes[j]);
      }
    }
    reverse.state = z_bar;
    if (p.info.rule == StepRule::equal_steps) {
      const double per_length = (h_bar + static_cast<double>(i) * t_bar) / static_cast<double>(grid.count);
      reverse.t0 += t_bar - per_length;
      end_bar += per_length;
    } else {
      const bool last = i + 1 == grid.count;
      reverse.t0 += t_bar - (last ? h_bar : 0);
      end_bar += last ? h_bar : 0;
    }
  }
  if (p.times.size() > p.first_observation())
    reverse.times.back() += end_bar;
  else
    reverse.t0 += end_bar;
}

// ---- recurrences: the states at each of the times, from the field at the one before

std::vector<Vector> iterate(Problem& p) {
  std::vector<Vector> states{p.initial};
  for (size_t k = 1; k < p.times.size(); ++k) states.push_back(p.evaluate(p.times[k - 1], states.back()));
  return states;
}

void iterate_back(const Problem& p, const std::vector<Vector>& states, Reverse& reverse) {
  for (size_t k = p.times.size(); k-- > 1;) {
    add_scaled(reverse.state, 1, reverse.observed[k]);
    reverse.pull(p, p.times[k - 1], states[k - 1].data(), reverse.state.data());
    reverse.state = reverse.pulled_state;
    add_scaled(reverse.frontier, 1, reverse.pulled_frontier);
  }
}

std::vector<Tensor> observed_parts(const Problem& p, const std::function<const Vector&(size_t)>& state) {
  std::vector<Tensor> parts;
  for (size_t i = 0; i < p.states; ++i) {
    std::vector<int64_t> shape = p.shapes[i];
    shape.insert(shape.begin(), static_cast<int64_t>(p.times.size()));
    Tensor part{std::move(shape), {}};
    for (size_t k = 0; k < p.times.size(); ++k)
      part.values.insert(part.values.end(), state(k).begin() + static_cast<std::ptrdiff_t>(p.groups[i]),
                         state(k).begin() + static_cast<std::ptrdiff_t>(p.groups[i + 1]));
    parts.push_back(std::move(part));
  }
  return parts;
}

}  // namespace

std::vector<Tensor> solve_value(const Node& solve, std::span<const Tensor* const> operands,
                                const Environment& sample, size_t batch, const ReferenceOptions& options) {
  Problem p(solve, operands, sample, batch, options);
  if (p.info.rule == StepRule::adaptive) {
    const Trajectory trajectory = integrate(p, options.tolerance);
    return observed_parts(
        p, [&](size_t k) -> const Vector& { return trajectory.points[trajectory.observations[k]].z; });
  }
  if (p.info.rule == StepRule::recurrence) {
    const std::vector<Vector> states = iterate(p);
    return observed_parts(p, [&](size_t k) -> const Vector& { return states[k]; });
  }
  const auto [observed, starts] = march(p, Grid(p));
  return observed_parts(p, [&points = observed](size_t k) -> const Vector& { return points[k]; });
}

std::vector<Tensor> adjoint_value(const Node& adjoint, std::span<const Tensor* const> primal,
                                  std::span<const Tensor* const> operands, const Environment& sample,
                                  size_t batch, const ReferenceOptions& options) {
  Problem p(*adjoint.operands[0], primal, sample, batch, options);
  Reverse reverse(p, adjoint, operands, sample, batch, options);
  if (p.info.rule == StepRule::adaptive) {
    adjoin(p, integrate(p, options.tolerance), reverse, options.tolerance);
  } else if (p.info.rule == StepRule::recurrence) {
    iterate_back(p, iterate(p), reverse);
  } else {
    const Grid grid(p);
    march_back(p, grid, march(p, grid).second, reverse);
  }
  reverse.finish(p);

  std::vector<Tensor> parts;
  const auto slice = [](const Vector& flat, size_t from, size_t to) {
    return Vector(flat.begin() + static_cast<std::ptrdiff_t>(from),
                  flat.begin() + static_cast<std::ptrdiff_t>(to));
  };
  for (size_t i = 0; i < p.states; ++i)
    parts.push_back({p.shapes[i], slice(reverse.state, p.groups[i], p.groups[i + 1])});
  parts.push_back(Tensor::scalar(reverse.t0));
  parts.push_back({{static_cast<int64_t>(reverse.times.size())}, reverse.times});
  for (size_t i = 0; i < reverse.frontier_shapes.size(); ++i)
    parts.push_back(
        {reverse.frontier_shapes[i], slice(reverse.frontier, reverse.groups[i], reverse.groups[i + 1])});
  return parts;
}

}  // namespace nodec::graph
