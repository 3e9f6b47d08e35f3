// What a model costs: compilation, forward and gradient runs beside the machine's measured peak.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "compiler/codegen/target.hpp"
#include "compiler/embed/deep_stack.hpp"
#include "compiler/embed/peak.hpp"
#include "compiler/embed/run.hpp"
#include "compiler/embed/stopwatch.hpp"
#include "compiler/graph/cost.hpp"

namespace nodec {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// ---- compilation

struct Made {
  std::unique_ptr<semantics::Module> module;
  const semantics::Model* model = nullptr;
  std::shared_ptr<const embed::Unit> unit;
  std::vector<TimedStage> stages;
};

// What is compiled and for what.
struct Wanted {
  const Model::State& model;
  std::set<std::string> shared;
  embed::FormChoice form;
  bool ragged;

  std::shared_ptr<const embed::Unit> unit(Made& made, embed::Mode mode, const std::string& cache,
                                          std::vector<Diagnostic>& diagnostics) const {
    const std::vector<std::string> names(shared.begin(), shared.end());
    Options options = model.program->options;
    options.cache = cache;
    embed::Compiled compiled = embed::on_deep_stack(
        [&] { return embed::compile(*made.module, *made.model, mode, names, form, options, ragged); });
    if (!compiled.unit)
      diagnostics.push_back(embed::plain(Severity::error, "cannot_compile", compiled.error));
    return compiled.unit;
  }

  // Every stage from the text on; without a unit, the diagnostics say why.
  Made make(embed::Mode mode, const std::string& cache, std::vector<Diagnostic>& diagnostics) const {
    Made made;
    const std::vector<TimedStage>& read = model.program->stages;
    std::copy_if(read.begin(), read.end(), std::back_inserter(made.stages),
                 [](const TimedStage& s) { return s.name == "parse"; });
    const Clock::time_point start = Clock::now();
    made.module = model.program->elaborate(shared, diagnostics);
    made.stages.push_back({"elaborate", milliseconds_since(start)});
    if (!made.module) return made;
    for (const semantics::Model& m : made.module->models)
      if (m.name == model.model.name) made.model = &m;
    made.unit = unit(made, mode, cache, diagnostics);
    if (made.unit) made.stages.insert(made.stages.end(), made.unit->stages.begin(), made.unit->stages.end());
    return made;
  }
};

double total(const std::vector<TimedStage>& stages) {
  return std::accumulate(stages.begin(), stages.end(), 0.0,
                         [](double sum, const TimedStage& s) { return sum + s.milliseconds; });
}

// ---- what the mathematics asks for

// The adjoint nodes that the roots reach, also inside the lambdas of solves and their pullbacks.
std::vector<graph::Ref> adjoints_of(std::span<const graph::Ref> roots) {
  std::vector<graph::Ref> found;
  std::set<const graph::Lambda*> seen;
  std::vector<std::vector<graph::Ref>> waiting = {{roots.begin(), roots.end()}};
  while (!waiting.empty()) {
    const std::vector<graph::Ref> from = std::move(waiting.back());
    waiting.pop_back();
    for (const graph::Ref node : graph::postorder(from)) {
      const graph::Lambda* inside = node->is(graph::Kind::solve)     ? node->as<graph::SolveInfo>().field
                                    : node->is(graph::Kind::adjoint) ? node->as<graph::AdjointInfo>().pullback
                                                                     : nullptr;
      if (node->is(graph::Kind::adjoint)) found.push_back(node);
      if (inside && seen.insert(inside).second) waiting.push_back(inside->results);
    }
  }
  return found;
}

// The solves of a unit with the work of each, in the order of its statistics.
struct Work {
  std::vector<Bench::Solve> solves;
  std::vector<int64_t> stages;  // of a step, those that the gradient goes back through
  bool same_steps = true;       // back as forward
};

Work work_of(Made& made, const embed::Runner& runner, embed::Mode mode, const std::set<std::string>& shared,
             const std::map<std::string, int64_t>& lengths) {
  Work work;
  std::vector<graph::Ref> adjoints;
  if (mode != embed::Mode::forward) {
    std::vector<graph::Ref> roots;
    for (const graph::Output& output :
         embed::derive_results(*made.module, *made.model, mode, {shared.begin(), shared.end()}).results)
      roots.push_back(output.value);
    adjoints = adjoints_of(roots);
  }
  for (const schedule::Interface::Solve& solve : runner.interface().solves) {
    Bench::Solve out;
    out.field = solve.field;
    int64_t stages = 0;
    for (const semantics::SolveUse& use : made.model->solves) {
      const graph::SolveInfo& info = use.node->as<graph::SolveInfo>();
      if (info.place != solve.place || info.field_name != solve.field) continue;
      out.method = use.method;
      out.field_multiply_adds = graph::matrix_multiply_adds(*info.field, 0, lengths);
      stages = info.tableau ? info.tableau->main_stages - 1 : 1;
      if (info.adjoint == graph::AdjointKind::backsolve) work.same_steps = false;
      for (const graph::Ref adjoint : adjoints) {
        const graph::SolveInfo& of = adjoint->operands[0]->as<graph::SolveInfo>();
        if (of.place == solve.place && of.field_name == solve.field)
          out.vjp_multiply_adds = graph::matrix_multiply_adds(*adjoint->as<graph::AdjointInfo>().pullback,
                                                              1 + of.state_count(), lengths);
      }
    }
    work.solves.push_back(std::move(out));
    work.stages.push_back(stages);
  }
  return work;
}

// ---- measuring

// One kind of run: repeated until it takes long enough to be timed.
class Timed {
 public:
  Timed(embed::Runner& runner, std::span<const int64_t> rows, std::span<const int64_t> identities,
        const std::vector<double>& parameters, const embed::Settings& settings)
      : runner_(runner), rows_(rows), identities_(identities), parameters_(parameters), settings_(settings) {}

  runtime::RunState warm_up() {
    constexpr double wanted = 3;
    runtime::RunState state = once();  // touches memory and fills the tapes
    const embed::Stopwatch watch(runner_.scheduler().threads());
    if (state == runtime::RunState::done) state = once();
    repetitions_ = static_cast<int64_t>(std::clamp(wanted / (watch.milliseconds() + 1e-6), 1.0, 1e4));
    return state;
  }
  double milliseconds() {
    const embed::Stopwatch watch(runner_.scheduler().threads());
    for (int64_t i = 0; i < repetitions_; ++i) once();
    return watch.milliseconds() / static_cast<double>(repetitions_);
  }

 private:
  runtime::RunState once() { return runner_.run(rows_, parameters_, settings_, identities_); }

  embed::Runner& runner_;
  std::span<const int64_t> rows_, identities_;
  const std::vector<double>& parameters_;
  const embed::Settings& settings_;
  int64_t repetitions_ = 1;
};

struct Measurement {
  double milliseconds, before, after;  // GFLOP/s of the probes beside it
  double peak() const { return (before + after) / 2; }
  double slower_probe() const { return std::min(before, after); }
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

// Where another process takes the core, the probes are slow: those measurements are left out, unless fewer
// than three would remain.
std::vector<Measurement> undisturbed(std::vector<Measurement> all, double best) {
  constexpr double least_share = 0.9;
  constexpr size_t fewest = 3;
  std::stable_sort(all.begin(), all.end(), [](const Measurement& a, const Measurement& b) {
    return a.slower_probe() > b.slower_probe();
  });
  while (all.size() > fewest && all.back().slower_probe() < least_share * best) all.pop_back();
  return all;
}

Bench::Time time_of(const std::vector<Measurement>& all) {
  Bench::Time time{0, std::numeric_limits<double>::infinity()};
  std::vector<double> values;
  for (const Measurement& m : all) {
    values.push_back(m.milliseconds);
    time.least = std::min(time.least, m.milliseconds);
  }
  time.median = median(values);
  return time;
}

// The share of the peak that `operations` in a run are, of the probes beside each.
double share_of(const std::vector<Measurement>& all, double operations) {
  std::vector<double> shares;
  for (const Measurement& m : all) shares.push_back(operations / (m.milliseconds * 1e6) / m.peak());
  return median(shares);
}

void measure(Timed& forward, Timed* gradient, embed::PeakProbe& probe, double seconds,
             std::vector<Measurement>& forwards, std::vector<Measurement>& gradients, double& best) {
  const Clock::time_point start = Clock::now();
  double before = probe.gflops();
  best = before;
  const auto take = [&](Timed& timed, std::vector<Measurement>& list) {
    const double taken = timed.milliseconds(), after = probe.gflops();
    list.push_back({taken, before, after});
    before = after;
    best = std::max(best, after);
  };
  while (forwards.size() < 3 || milliseconds_since(start) < 1e3 * seconds) {
    take(forward, forwards);
    if (gradient) take(*gradient, gradients);
  }
}

}  // namespace

Result<Bench> Model::bench(const Dataset& data, const Arrays& weights, const BenchOptions& given) const try {
  const Options& options = state->program->options;
  const bool f64 = options.precision == Precision::f64;
  const auto failed = [](std::vector<Diagnostic> why) { return Result<Bench>::failed(std::move(why)); };
  if (given.batch < 0)
    return failed({embed::plain(Severity::error, "batch_too_small", "a batch has at least one sample")});
  const Result<std::vector<double>> parameters = embed::parameter_values(state->model, weights);
  if (!parameters) return failed(parameters.diagnostics());
  const runtime::Binding& binding = data.state->binding;

  Bench out;
  out.model = name();
  out.precision = f64 ? "f64" : "f32";
  out.target = embed::target_of(options).target.cpu;
  out.batch = given.batch > 0 ? given.batch : data.samples();
  const embed::FormChoice form = embed::choose_form(state->model, options, out.batch);
  out.form = embed::name_of(form.form());
  out.lanes = form.lanes;
  std::map<std::string, int64_t> lengths;
  for (size_t i = 0; i < binding.length_names.size(); ++i) {
    out.lengths.emplace_back(binding.length_names[i], binding.lengths[i]);
    lengths[binding.length_names[i]] = binding.lengths[i];
  }

  const Wanted wanted{*state, data.state->shared, form, !binding.sample_lengths.empty()};
  const embed::Mode mode = !has_loss()                       ? embed::Mode::forward
                           : state->model.parameters.empty() ? embed::Mode::inputs
                                                             : embed::Mode::gradient;
  std::vector<Diagnostic> diagnostics;
  Made made = wanted.make(mode, "", diagnostics);
  if (!made.unit) return failed(diagnostics);
  out.stages = made.stages;
  out.compile_milliseconds = total(out.stages);
  if (!options.cache.empty()) {
    // The first may add what is not kept yet.
    for (int i = 0; i < 2; ++i) {
      const Made again = wanted.make(mode, options.cache, diagnostics);
      if (!again.unit) return failed(diagnostics);
      out.stages_cached = again.stages;
    }
    out.cached_milliseconds = total(out.stages_cached);
  }
  const std::shared_ptr<const embed::Unit> forward_unit =
      mode == embed::Mode::forward ? made.unit
                                   : wanted.unit(made, embed::Mode::forward, options.cache, diagnostics);
  if (!forward_unit) return failed(diagnostics);

  std::vector<int64_t> rows(static_cast<size_t>(out.batch)), identities(rows.size());
  std::iota(identities.begin(), identities.end(), 0);
  for (size_t i = 0; i < rows.size(); ++i)
    rows[i] = binding.arrays.empty() ? static_cast<int64_t>(i)
                                     : static_cast<int64_t>(i) % std::max<int64_t>(binding.samples, 1);
  embed::Settings settings;
  settings.samples = static_cast<double>(out.batch);
  settings.training = 1;
  embed::Runner forward(forward_unit, *data.state, f64, options.threads, options.seed, options.pooled);
  std::optional<embed::Runner> gradient;
  if (mode != embed::Mode::forward)
    gradient.emplace(made.unit, *data.state, f64, options.threads, options.seed, options.pooled);
  Timed forward_runs(forward, rows, identities, *parameters, settings);
  std::optional<Timed> gradient_runs;
  if (gradient) gradient_runs.emplace(*gradient, rows, identities, *parameters, settings);
  for (Timed* runs : {&forward_runs, gradient_runs ? &*gradient_runs : nullptr})
    if (const runtime::RunState ran = runs ? runs->warm_up() : runtime::RunState::done;
        ran != runtime::RunState::done)
      return failed({embed::run_failure(ran)});
  out.failures = forward.failures(identities);
  out.threads = forward.scheduler().threads();
  out.clock = out.threads == 1 ? "processor" : "wall";

  embed::PeakProbe probe(f64, out.threads);
  if (!probe.error().empty())
    return failed(
        {embed::plain(Severity::error, "cannot_compile", "internal error in jit: " + probe.error())});
  std::vector<Measurement> forwards, gradients;
  double best = 0;
  measure(forward_runs, gradient_runs ? &*gradient_runs : nullptr, probe, given.seconds, forwards, gradients,
          best);
  forwards = undisturbed(std::move(forwards), best);
  gradients = undisturbed(std::move(gradients), best);
  out.measurements = static_cast<int64_t>(forwards.size());
  out.forward = time_of(forwards);
  std::vector<double> probes;
  for (const Measurement& m : forwards) probes.push_back(m.peak());
  out.peak_gflops = median(probes);

  const runtime::LaneUse use = forward.scheduler().lane_use();
  if (use.computed > 0)
    out.lane_efficiency = static_cast<double>(use.useful) / static_cast<double>(use.computed);
  out.group_tiles = forward.scheduler().group_tiles();
  if (gradient) out.gradient_group_tiles = gradient->scheduler().group_tiles();
  Work work = work_of(made, forward, mode, data.state->shared, lengths);
  const std::vector<SolveStatistics> statistics = forward.statistics(made.model->solves);
  double products = 0, products_back = 0;
  for (size_t s = 0; s < work.solves.size(); ++s) {
    Bench::Solve& solve = work.solves[s];
    const auto mean = [&](const std::vector<int64_t>& values) {
      return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(out.batch);
    };
    solve.evaluations = mean(statistics[s].evaluations);
    solve.accepted = mean(statistics[s].accepted);
    solve.rejected = mean(statistics[s].rejected);
    out.evaluations += solve.evaluations;
    out.accepted += solve.accepted;
    out.rejected += solve.rejected;
    products += solve.evaluations * static_cast<double>(solve.field_multiply_adds);
    products_back += solve.accepted * static_cast<double>(work.stages[s]) *
                     static_cast<double>(solve.vjp_multiply_adds.value_or(0));
  }
  out.solves = std::move(work.solves);
  const double operations = 2 * static_cast<double>(out.batch);
  out.forward_multiply_adds = products;
  out.forward_peak = share_of(forwards, operations * products);
  if (gradient) {
    out.gradient = time_of(gradients);
    if (work.same_steps) {
      out.gradient_multiply_adds = products + products_back;
      out.gradient_peak = share_of(gradients, operations * (products + products_back));
    }
  }
  const double steps = out.accepted / std::max<double>(1, static_cast<double>(out.solves.size()));
  const double recorded = static_cast<double>(made.unit->record_bytes_per_step(lengths)) * steps,
               kept = static_cast<double>(made.unit->kept_bytes_per_step(lengths)) * steps,
               room = static_cast<double>(runtime::worth_keeping(out.threads) / made.unit->lanes);
  out.bytes_per_sample = made.unit->bytes_per_sample(lengths) +
                         static_cast<int64_t>(std::llround(recorded + std::min(kept, room)));
  return Result<Bench>(std::move(out), diagnostics);
} catch (...) {
  return Result<Bench>::failed({embed::caught()});
}

}  // namespace nodec
