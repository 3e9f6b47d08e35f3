// Gradients against central differences that replay the recorded accepted steps.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "compiler/embed/run.hpp"
#include "runtime/random.hpp"

namespace nodec {
namespace {

// Which elements of an array are compared: all, or `limit` of them chosen by the seed.
std::vector<int64_t> chosen(int64_t size, int64_t limit, uint64_t seed, const std::string& name) {
  std::vector<int64_t> all(static_cast<size_t>(size));
  std::iota(all.begin(), all.end(), 0);
  if (size <= limit) return all;
  const runtime::RandomStream random(seed, runtime::stream_of(name), 0);
  for (int64_t i = 0; i < limit; ++i) {
    const int64_t j =
        i + static_cast<int64_t>(random.uniform(0, static_cast<uint64_t>(i)) * static_cast<double>(size - i));
    std::swap(all[static_cast<size_t>(i)], all[static_cast<size_t>(j)]);
  }
  all.resize(static_cast<size_t>(limit));
  std::sort(all.begin(), all.end());
  return all;
}

// The derivative of `f` at 0 by the five-point formula, (8(f(h) − f(−h)) − (f(2h) − f(−2h)))/12h, error
// O(h⁴). A kink of |x| or relu inside a stencil says nothing about the derivative beside it: while the
// formula does not give `expected`, the points of one side only are tried, (−25f(0) + 48f(h) − 36f(2h) +
// 16f(3h) − 3f(4h))/12h, and a smaller step, down to where rounding takes over; the nearest counts.
template <class F>
double difference(F&& f, double magnitude, double expected) {
  double best = 0, error = INFINITY;
  const auto consider = [&](double d) {
    if (std::fabs(d - expected) < error || !(error < INFINITY)) {
      best = d;
      error = std::fabs(d - expected);
    }
    return error <= 1e-8 * std::fabs(expected);
  };
  for (const double relative : {1e-4, 1e-5, 1e-6, 1e-7}) {
    const double h = relative * std::fmax(1, magnitude), ahead = f(h), behind = f(-h);
    if (consider((8 * (ahead - behind) - (f(2 * h) - f(-2 * h))) / (12 * h))) break;
    const double here = f(0);
    if (consider((-25 * here + 48 * ahead - 36 * f(2 * h) + 16 * f(3 * h) - 3 * f(4 * h)) / (12 * h))) break;
    if (consider((25 * here - 48 * behind + 36 * f(-2 * h) - 16 * f(-3 * h) + 3 * f(-4 * h)) / (12 * h)))
      break;
  }
  return best;
}

void record(GradientCheck::Row& row, double& scale, double& deviation, int64_t index, double analytic,
            double numeric) {
  scale = std::fmax(scale, std::fmax(std::fabs(analytic), std::fabs(numeric)));
  const double d = std::fabs(analytic - numeric);
  if (row.checked++ == 0 || d > deviation || std::isnan(d)) {
    deviation = d;
    row.worst = index;
    row.analytic = analytic;
    row.difference = numeric;
  }
}

}  // namespace

Result<GradientCheck> Model::check_gradient(const Dataset& data, const Arrays& weights,
                                            int64_t elements) const try {
  const Options& options = state->program->options;
  Result<Gradient> gradient = this->gradient(data, weights);
  if (!gradient) return Result<GradientCheck>::failed(gradient.diagnostics(), gradient.outcome());
  GradientCheck check;
  check.failures = gradient->failures;
  if (!check.failures.empty()) return check;

  std::vector<Diagnostic> diagnostics;
  const bool f64 = options.precision == Precision::f64, ragged = !data.state->binding.sample_lengths.empty();
  const embed::FormChoice form = embed::choose_form(state->model, options, data.samples());
  const auto recording = state->unit(data.state->shared, embed::Mode::record, form, ragged, diagnostics);
  const auto replaying = state->unit(data.state->shared, embed::Mode::replay, form, ragged, diagnostics);
  if (!recording || !replaying) return Result<GradientCheck>::failed(diagnostics);
  std::vector<int64_t> identities(static_cast<size_t>(data.samples())), rows(identities.size());
  std::iota(identities.begin(), identities.end(), 0);
  if (data.state->binding.samples > 0) rows = identities;
  std::vector<double> values = *embed::parameter_values(state->model, weights);
  embed::Settings settings;
  settings.samples = static_cast<double>(data.samples());
  runtime::Recorded tapes;
  embed::Runner recorder(recording, *data.state, f64, options.threads, options.seed, options.pooled);
  if (recorder.run(rows, values, settings, identities, &tapes) != runtime::RunState::done)
    return Result<GradientCheck>::failed(
        {embed::plain(Severity::error, "out_of_memory", "out of memory for the steps of the solves")});
  embed::Runner replayer(replaying, *data.state, f64, options.threads, options.seed, options.pooled);
  const auto loss = [&] {
    replayer.run(rows, values, settings, identities, nullptr, &tapes);
    return replayer.total_scalar("mean:loss");
  };
  const double base = std::fabs(gradient->loss);
  // Rounding of the loss alone makes differences of this size, a tolerance of 1e-6 or more below it.
  const double floor = std::fmax(base, 4e-3) * (f64 ? 1e-5 : 0.1);

  const auto finish = [&](GradientCheck::Row& row, double scale, double deviation) {
    row.error = deviation / std::fmax(scale, floor);
    // What is not a number stays the worst.
    if (std::isnan(row.error) || row.error > check.worst) check.worst = row.error;
    check.rows.push_back(row);
  };
  for (const runtime::Parameter& p : embed::parameter_layout(state->model)) {
    const Array& analytic = gradient->parameters.at(p.path);
    GradientCheck::Row row{"param:" + p.path, 0, p.size, 0, 0, 0, 0};
    double scale = 0, deviation = 0;
    for (const int64_t i : chosen(p.size, elements, options.seed, row.name)) {
      double& value = values[static_cast<size_t>(p.offset + i)];
      const double kept = value, expected = analytic.values[static_cast<size_t>(i)];
      const double numeric = difference(
          [&](double h) {
            value = kept + h;
            return loss();
          },
          std::fabs(kept), expected);
      value = kept;
      record(row, scale, deviation, i, expected, numeric);
    }
    finish(row, scale, deviation);
  }
  for (const runtime::BoundArray& array : data.state->binding.arrays) {
    const auto found = gradient->data.find(array.name);
    if (found == gradient->data.end()) continue;
    const Array& analytic = found->second;
    const int64_t size = static_cast<int64_t>(analytic.values.size());
    runtime::Reals copy = array.values.copied();
    replayer.override_data(array.name, &copy);
    GradientCheck::Row row{"data:" + array.name, 0, size, 0, 0, 0, 0};
    double scale = 0, deviation = 0;
    for (const int64_t i : chosen(size, elements, options.seed, row.name)) {
      const double kept = copy[static_cast<size_t>(i)], expected = analytic.values[static_cast<size_t>(i)];
      const double numeric = difference(
          [&](double h) {
            copy.set(static_cast<size_t>(i), kept + h);
            return loss();
          },
          std::fabs(kept), expected);
      copy.set(static_cast<size_t>(i), kept);
      record(row, scale, deviation, i, expected, numeric);
    }
    replayer.override_data(array.name, &array.values);
    finish(row, scale, deviation);
  }
  return Result<GradientCheck>(std::move(check), diagnostics);
} catch (...) {
  return Result<GradientCheck>::failed({embed::caught()});
}

}  // namespace nodec
