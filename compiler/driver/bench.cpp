// `bench`: what each model of a file costs on this machine.
#include <cstdio>
#include <iostream>

#include "compiler/driver/arguments.hpp"
#include "compiler/driver/json.hpp"

namespace nodec::driver {
namespace {

using nlohmann::ordered_json;

constexpr int64_t default_batch = 1024;

ordered_json stages_json(const std::vector<TimedStage>& stages) {
  ordered_json out = ordered_json::object();
  for (const TimedStage& s : stages) out[s.name] = s.milliseconds;
  return out;
}

template <class Value>
ordered_json or_null(const std::optional<Value>& value) {
  return value ? ordered_json(*value) : ordered_json(nullptr);
}

ordered_json to_json(const Bench& b) {
  ordered_json lengths = ordered_json::object(), solves = ordered_json::array();
  for (const auto& [name, value] : b.lengths) lengths[name] = value;
  for (const Bench::Solve& s : b.solves)
    solves.push_back({{"field", s.field},
                      {"method", s.method},
                      {"evaluations", s.evaluations},
                      {"accepted", s.accepted},
                      {"rejected", s.rejected},
                      {"field_multiply_adds", s.field_multiply_adds},
                      {"vjp_multiply_adds", or_null(s.vjp_multiply_adds)}});
  ordered_json out = {{"model", b.model},         {"batch", b.batch}, {"threads", b.threads},
                      {"precision", b.precision}, {"form", b.form},   {"forward_ms", b.forward.median}};
  std::optional<double> median, least, ratio;
  if (b.gradient) {
    median = b.gradient->median;
    least = b.gradient->least;
    ratio = b.gradient->median / b.forward.median;
  }
  out["gradient_ms"] = or_null(median);
  out["gradient_over_forward"] = or_null(ratio);
  out["forward_least_ms"] = b.forward.least;
  out["gradient_least_ms"] = or_null(least);
  out["clock"] = b.clock;
  out["measurements"] = b.measurements;
  out["evaluations"] = b.evaluations;
  out["accepted"] = b.accepted;
  out["rejected"] = b.rejected;
  out["lane_efficiency"] = b.lane_efficiency;
  out["group_tiles"] = b.group_tiles;
  out["gradient_group_tiles"] = b.gradient_group_tiles;
  out["peak_gflops"] = b.peak_gflops;
  out["forward_peak"] = b.forward_peak;
  out["gradient_peak"] = or_null(b.gradient_peak);
  out["forward_multiply_adds"] = b.forward_multiply_adds;
  out["gradient_multiply_adds"] = or_null(b.gradient_multiply_adds);
  out["compile_ms"] = b.compile_milliseconds;
  const bool kept = !b.stages_cached.empty();
  out["compile_cached_ms"] = kept ? ordered_json(b.cached_milliseconds) : ordered_json(nullptr);
  out["stages_ms"] = stages_json(b.stages);
  out["stages_cached_ms"] = kept ? stages_json(b.stages_cached) : ordered_json(nullptr);
  out["bytes_per_sample"] = b.bytes_per_sample;
  out["lanes"] = b.lanes;
  out["target"] = b.target;
  out["lengths"] = lengths;
  out["solves"] = solves;
  out["failures"] = b.failures.size();
  return out;
}

void print_time(const char* what, const Bench::Time& time, const std::optional<double>& peak) {
  std::printf("  %-16s %10.4g ms, least %.4g", what, time.median, time.least);
  if (peak && *peak > 0) std::printf("; %.1f %% of the peak in matrix products", 100 * *peak);
  std::printf("\n");
}

void print_text(const Bench& b, bool random) {
  std::printf("model %s, %s, %s, batch %lld, %d thread%s, form %s of %d\n", b.model.c_str(),
              b.precision.c_str(), b.target.c_str(), static_cast<long long>(b.batch), b.threads,
              b.threads == 1 ? "" : "s", b.form.c_str(), b.lanes);
  if (random) std::printf("  %-16s random, of the seed\n", "data");
  for (const auto& [name, value] : b.lengths)
    std::printf("  %-16s %s = %lld%s%s%s\n", "length", name.c_str(), static_cast<long long>(value),
                random ? " (-D " : "", random ? name.c_str() : "", random ? "=N sets it)" : "");
  print_time("forward", b.forward, b.forward_peak);
  if (b.gradient) {
    print_time("gradient", *b.gradient, b.gradient_peak);
    std::printf("  %-16s %10.2f\n", "gradient/forward", b.gradient->median / b.forward.median);
  }
  for (const Bench::Solve& s : b.solves)
    std::printf("  %-16s %s by %s: %.1f evaluations, %.1f steps, %.1f rejected a sample\n", "solve",
                s.field.c_str(), s.method.c_str(), s.evaluations, s.accepted, s.rejected);
  std::printf("  %-16s %10.1f %%", "useful lanes", 100 * b.lane_efficiency);
  const bool differs = b.gradient && b.gradient_group_tiles != b.group_tiles;
  if (b.group_tiles > 1) {
    std::printf(", which move between %d tiles", b.group_tiles);
    if (differs) std::printf(", %d in the gradient", b.gradient_group_tiles);
  } else if (differs) {
    std::printf(", which move between %d tiles in the gradient", b.gradient_group_tiles);
  }
  std::printf("\n");
  std::printf("  %-16s %10.1f GFLOP/s, probed between %lld measurements of %s time\n", "peak", b.peak_gflops,
              static_cast<long long>(b.measurements), b.clock.c_str());
  std::printf("  %-16s %10lld bytes a sample\n", "memory", static_cast<long long>(b.bytes_per_sample));
  std::printf("  %-16s %10.1f ms", "compilation", b.compile_milliseconds);
  if (!b.stages_cached.empty()) std::printf(", %.1f with kept machine code", b.cached_milliseconds);
  std::printf("\n");
  const auto stages = [](const char* title, const std::vector<TimedStage>& list) {
    if (list.empty()) return;
    std::printf("  %-16s ", title);
    for (size_t i = 0; i < list.size(); ++i)
      std::printf("%s%s %.1f", i == 0 ? "" : ", ", list[i].name.c_str(), list[i].milliseconds);
    std::printf("\n");
  };
  stages("  cold", b.stages);
  stages("  kept", b.stages_cached);
}

std::optional<Dataset> data_for(const Arguments& arguments, const Model& model) {
  if (!arguments.data.empty()) return load_data(arguments, model);
  Result<Dataset> data = model.random_data(arguments.batch.value_or(default_batch));
  print(data.diagnostics(), arguments);
  if (!data) return {};
  return *data;
}

std::optional<std::vector<Model>> models_for(const Arguments& arguments) {
  if (!arguments.model.empty()) return load_models(arguments);
  const std::optional<Program> program = load(arguments);
  if (!program) return {};
  std::vector<std::string> names = program->models();
  if (names.empty()) names.emplace_back();  // for the message
  std::vector<Model> models;
  for (const std::string& name : names) {
    Result<Model> model = program->model(name);
    print(model.diagnostics(), arguments);
    if (!model) {
      arguments.said->status = static_cast<int>(model.outcome());
      return {};
    }
    models.push_back(*model);
  }
  return models;
}

}  // namespace

int bench(const Arguments& arguments) {
  const std::optional<std::vector<Model>> models = models_for(arguments);
  if (!models) return arguments.said->status;
  const std::optional<Arrays> weights = load_weights(arguments, *models);
  if (!weights) return arguments.said->status;
  ordered_json list = ordered_json::array();
  std::vector<SampleFailure> failures;
  for (const Model& model : *models) {
    const std::optional<Dataset> data = data_for(arguments, model);
    if (!data) return arguments.said->status;
    Arrays own;
    for (const Description& parameter : model.parameters()) own[parameter.name] = weights->at(parameter.name);
    const BenchOptions options{arguments.batch.value_or(0), arguments.seconds};
    const Result<Bench> measured = model.bench(*data, own, options);
    print(measured.diagnostics(), arguments);
    if (!measured) return static_cast<int>(measured.outcome());
    if (arguments.json)
      list.push_back(to_json(*measured));
    else if (!arguments.quiet)
      print_text(*measured, arguments.data.empty() && !model.data().empty());
    failures.insert(failures.end(), measured->failures.begin(), measured->failures.end());
  }
  if (arguments.json)
    std::cout << ordered_json{{"models", list}, {"diagnostics", to_json(arguments.said->diagnostics)}}.dump(2)
              << "\n";
  return report(failures);
}

}  // namespace nodec::driver
