// Trajectories: where a recorded solve's steps end, then the solution at a few times within each of them,
// which determine its polynomials.
#include "nodec/trajectory.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "compiler/embed/run.hpp"
#include "compiler/graph/tableau.hpp"

namespace nodec {

// coefficients: [step][element][degree + 1], Σ c_j T_j(x) with x from −1 to 1 over the step.
struct Trajectory::Data {
  std::vector<State> states;
  std::vector<double> ends, coefficients;
  int64_t size = 0;
  int degree = 0;
};

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

// A step that holds a time, and where in it. None: a negative number.
struct Inside {
  int64_t step;
  double x;
};

Inside place_of(const std::vector<double>& ends, double t) {
  if (ends.empty() || std::isnan(t)) return {-1, 0};
  const bool forward = ends.back() >= ends.front();
  const double low = forward ? ends.front() : ends.back(), high = forward ? ends.back() : ends.front();
  if (t < low || t > high) return {-1, 0};
  const auto after = forward ? std::upper_bound(ends.begin(), ends.end(), t)
                             : std::upper_bound(ends.begin(), ends.end(), t, std::greater<>());
  const int64_t last = std::max<int64_t>(static_cast<int64_t>(ends.size()) - 2, 0);
  const int64_t step = std::clamp<int64_t>(after - ends.begin() - 1, 0, last);
  if (ends.size() == 1) return {step, 0};
  const double begin = ends[static_cast<size_t>(step)], end = ends[static_cast<size_t>(step) + 1];
  return {step, ((t - begin) - (end - t)) / (end - begin)};
}

// Σ c_j T_j(x) (Clenshaw 1955).
double series(const double* c, int degree, double x) {
  double ahead = 0, beyond = 0;
  for (int j = degree; j > 0; --j) {
    const double here = std::fma(2 * x, ahead, c[j] - beyond);
    beyond = ahead;
    ahead = here;
  }
  return std::fma(x, ahead, c[0] - beyond);
}

// Its derivative by x, Σ j c_j U_(j−1)(x).
double series_derivative(const double* c, int degree, double x) {
  double ahead = 0, beyond = 0;
  for (int j = degree; j > 0; --j) {
    const double here = std::fma(2 * x, ahead, j * c[j] - beyond);
    beyond = ahead;
    ahead = here;
  }
  return ahead;
}

// The points x_k = cos(π k/n), k = n … 0: from −1 to 1. Their values determine a polynomial of degree n.
double point(int k, int n) { return std::cos(std::numbers::pi * k / n); }

// From values at these points, in that order, to coefficients: c_j = 2/n Σ″_k f(x_k) cos(π j k/n), the first
// and the last of the sum and of the coefficients halved.
std::vector<double> transform(int n) {
  std::vector<double> matrix;
  for (int j = 0; j <= n; ++j)
    for (int k = n; k >= 0; --k) {
      const double halves = (k == 0 || k == n ? 0.5 : 1) * (j == 0 || j == n ? 0.5 : 1);
      matrix.push_back(2.0 / n * halves * std::cos(std::numbers::pi * ((j * k) % (2 * n)) / n));
    }
  return matrix;
}

int degree_of(const graph::Tableau& tableau) {
  size_t degree = 1;
  for (const std::vector<double>& row : tableau.interpolant) degree = std::max(degree, row.size());
  return static_cast<int>(degree);
}

// Where each sample's steps end; empty for one that fails.
struct Steps {
  std::vector<std::vector<double>> ends;
  std::vector<SampleFailure> failures;
};

Result<Steps> recorded_steps(const Model& model, const Dataset& data, const Arrays& weights) {
  const Model::State& state = *model.state;
  const Options& options = state.program->options;
  const runtime::Binding& binding = data.state->binding;
  const Result<std::vector<double>> values = embed::parameter_values(state.model, weights);
  if (!values) return Result<Steps>::failed(values.diagnostics());
  std::vector<Diagnostic> diagnostics;
  const bool f64 = options.precision == Precision::f64;
  const std::shared_ptr<const embed::Unit> unit = state.unit(
      data.state->shared, embed::Mode::record, embed::choose_form(state.model, options, data.samples()),
      !binding.sample_lengths.empty(), diagnostics);
  if (!unit) return Result<Steps>::failed(diagnostics);
  std::vector<int64_t> identities(static_cast<size_t>(data.samples())), rows(identities.size());
  std::iota(identities.begin(), identities.end(), 0);
  if (binding.samples > 0) rows = identities;
  embed::Settings settings;
  settings.samples = static_cast<double>(data.samples());
  embed::Runner runner(unit, *data.state, f64, options.threads, options.seed, options.pooled);
  runtime::Recorded tapes;
  const runtime::RunState ran = runner.run(rows, *values, settings, identities, &tapes);
  if (ran != runtime::RunState::done) return Result<Steps>::failed({embed::run_failure(ran)});

  Steps steps;
  steps.failures = runner.failures(identities);
  const runtime::Code code = embed::scheduler_code(*unit, f64);
  std::map<std::string, int64_t> lengths;
  for (size_t i = 0; i < binding.length_names.size(); ++i)
    lengths[binding.length_names[i]] = binding.lengths[i];
  const int64_t entry_rows = unit->record_bytes_per_step(lengths) / (f64 ? 8 : 4);
  const int64_t samples = data.samples();
  steps.ends.resize(static_cast<size_t>(samples));
  size_t failed = 0;
  for (int64_t s = 0; s < samples; ++s) {
    if (failed < steps.failures.size() && steps.failures[failed].sample == s) {
      ++failed;
      continue;
    }
    std::vector<double>& ends = steps.ends[static_cast<size_t>(s)];
    ends = tapes.step_starts(code, s, 0, entry_rows);
    const double t0 = data.values("t0", s).values.at(0), t1 = data.values("t", s).values.back();
    if (ends.empty()) ends.push_back(t0);
    if (t1 != t0) ends.push_back(t1);
  }
  return Result<Steps>(std::move(steps), diagnostics);
}

// The points of all steps, each one's first being the last of the one before.
std::vector<double> times_within(const std::vector<double>& ends, int degree) {
  std::vector<double> times;
  if (!ends.empty()) times.push_back(ends.front());
  for (size_t step = 0; step + 1 < ends.size(); ++step) {
    const double begin = ends[step], end = ends[step + 1];
    for (int k = degree - 1; k > 0; --k) times.push_back(begin + (end - begin) * (1 + point(k, degree)) / 2);
    times.push_back(end);
  }
  return times;
}

// The data once more, to be solved at other times: samples repeat their last one where others have more.
Arrays at_times(const Model& model, const Dataset& data, const std::vector<std::vector<double>>& times) {
  size_t most = 1;
  for (const std::vector<double>& own : times) most = std::max(most, own.size());
  Arrays arrays;
  for (const Description& d : model.data()) {
    Array& array = arrays[d.name];
    const bool each = data.has_sample_axis() && (d.name == "t" || !data.state->shared.count(d.name));
    const int64_t samples = each ? data.samples() : 1;
    for (int64_t s = 0; s < samples; ++s) {
      Array own = data.values(d.name, s);
      if (d.name == "t") {
        const double last = own.values.back();
        own.values = times[static_cast<size_t>(s)];
        own.values.resize(most, own.values.empty() ? last : own.values.back());
        own.shape = {static_cast<int64_t>(most)};
      }
      if (s == 0) array.shape = own.shape;
      array.values.insert(array.values.end(), own.values.begin(), own.values.end());
    }
    if (each) array.shape.insert(array.shape.begin(), samples);
  }
  return arrays;
}

// What is wrong with asking for trajectories, "" if nothing is.
std::string problem_with(const Model& model, const Dataset& data) {
  if (model.state->field.empty())
    return "trajectories are of the models that Program::integrate makes; model " + model.name() +
           " is another one";
  for (int64_t s = 0; s < data.samples(); ++s) {
    if (data.values("t", s).values.empty())
      return "t of sample " + std::to_string(s) + " is empty: give the time to solve to";
    for (const Description& d : model.data())
      if (d.name != "t" && data.values(d.name, s).shape != data.values(d.name, 0).shape)
        return "'" + d.name + "' differs in length between samples; only t may";
    if (data.state->binding.sample_lengths.empty()) break;
  }
  return "";
}

}  // namespace

Trajectory::Trajectory(std::shared_ptr<const Data> data) noexcept : data_(std::move(data)) {}
double Trajectory::t0() const noexcept { return data_->ends.empty() ? not_a_number : data_->ends.front(); }
double Trajectory::t1() const noexcept { return data_->ends.empty() ? not_a_number : data_->ends.back(); }
std::span<const double> Trajectory::ends() const noexcept { return data_->ends; }
const std::vector<Trajectory::State>& Trajectory::states() const noexcept { return data_->states; }
int64_t Trajectory::size() const noexcept { return data_->size; }

bool Trajectory::at(double t, std::span<double> out) const noexcept {
  const Inside place = place_of(data_->ends, t);
  if (place.step < 0 || static_cast<int64_t>(out.size()) != data_->size) return false;
  const int64_t width = data_->degree + 1;
  const double* c = data_->coefficients.data() + place.step * data_->size * width;
  for (double& value : out) {
    value = series(c, data_->degree, place.x);
    c += width;
  }
  return true;
}

bool Trajectory::derivative(double t, std::span<double> out) const noexcept {
  const Inside place = place_of(data_->ends, t);
  if (place.step < 0 || data_->ends.size() < 2 || static_cast<int64_t>(out.size()) != data_->size)
    return false;
  const int64_t width = data_->degree + 1;
  const double* c = data_->coefficients.data() + place.step * data_->size * width;
  const size_t step = static_cast<size_t>(place.step);
  const double rate = 2 / (data_->ends[step + 1] - data_->ends[step]);
  for (double& value : out) {
    value = rate * series_derivative(c, data_->degree, place.x);
    c += width;
  }
  return true;
}

Result<Trajectories> Model::trajectories(const Dataset& data, const Arrays& weights) const try {
  if (const std::string problem = problem_with(*this, data); !problem.empty())
    return Result<Trajectories>::failed({embed::plain(Severity::error, "no_trajectory", problem)});
  Result<Steps> steps = recorded_steps(*this, data, weights);
  if (!steps) return Result<Trajectories>::failed(steps.diagnostics());
  const graph::SolveInfo& info = state->model.solves.at(0).node->as<graph::SolveInfo>();
  const int degree = degree_of(*info.tableau);
  std::vector<std::vector<double>> times;
  for (const std::vector<double>& ends : steps->ends) times.push_back(times_within(ends, degree));
  Result<Dataset> again = bind(at_times(*this, data, times));
  if (!again) return Result<Trajectories>::failed(again.diagnostics());
  Result<Evaluation> found = evaluate(*again, weights);
  if (!found) return Result<Trajectories>::failed(found.diagnostics());

  std::vector<Trajectory::State> states;
  int64_t size = 0;
  const std::ptrdiff_t axes = data.has_sample_axis() ? 2 : 1;
  for (const Description& d : outputs()) {
    const std::vector<int64_t>& shape = found->outputs.at(d.name).shape;
    Trajectory::State s{d.name, {shape.begin() + axes, shape.end()}, size, 1};
    for (const int64_t e : s.shape) s.size *= e;
    size += s.size;
    states.push_back(std::move(s));
  }
  const std::vector<double> matrix = transform(degree);
  const size_t width = static_cast<size_t>(degree) + 1;
  Trajectories out;
  out.failures = std::move(steps->failures);
  for (size_t sample = 0; sample < steps->ends.size(); ++sample) {
    auto path = std::make_shared<Trajectory::Data>();
    path->states = states;
    path->size = size;
    path->degree = degree;
    path->ends = std::move(steps->ends[sample]);
    const size_t count = path->ends.empty() ? 0 : std::max<size_t>(1, path->ends.size() - 1);
    path->coefficients.assign(count * static_cast<size_t>(size) * width, 0);
    for (size_t step = 0; step < count; ++step)
      for (const Trajectory::State& s : states) {
        const Array& values = found->outputs.at(s.name);
        const size_t elements = static_cast<size_t>(s.size);
        const double* own = values.values.data() + sample * (values.values.size() / steps->ends.size());
        for (size_t e = 0; e < elements; ++e) {
          double* c = path->coefficients.data() +
                      (step * static_cast<size_t>(size) + static_cast<size_t>(s.offset) + e) * width;
          const auto value = [&](size_t point) {
            return own[(step * static_cast<size_t>(degree) + point) * elements + e];
          };
          if (path->ends.size() == 1) {
            c[0] = value(0);
            continue;
          }
          for (size_t j = 0; j < width; ++j)
            for (size_t k = 0; k < width; ++k) c[j] += matrix[j * width + k] * value(k);
        }
      }
    out.samples.emplace_back(std::move(path));
  }
  return Result<Trajectories>(std::move(out), steps.diagnostics());
} catch (...) {
  return Result<Trajectories>::failed({embed::caught()});
}

}  // namespace nodec
