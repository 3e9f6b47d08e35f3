// Command-line arguments -> programs, models, weights and data, with errors printed as they occur.
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "compiler/driver/arguments.hpp"

namespace nodec::driver {

void usage_error(const std::string& text) { std::cerr << "nodec: error: " << text << "\n"; }

void print(const std::vector<Diagnostic>& diagnostics, const Arguments& arguments) {
  for (const Diagnostic& d : diagnostics) {
    if (d.severity == Severity::error || !arguments.quiet) std::cerr << d.rendered;
    arguments.said->diagnostics.push_back(d);
  }
}

void print_stages(const std::vector<TimedStage>& stages) {
  double total = 0;
  for (const TimedStage& s : stages) {
    std::fprintf(stderr, "%10.2f ms  %s\n", s.milliseconds, s.name.c_str());
    total += s.milliseconds;
  }
  std::fprintf(stderr, "%10.2f ms  total\n", total);
}

std::optional<Options> options_of(const Arguments& arguments) {
  Options options;
  for (const std::string& definition : arguments.definitions) {
    const size_t equals = definition.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == definition.size()) {
      usage_error("-D takes NAME=VALUE, not '" + definition + "'");
      return {};
    }
    const std::string name = definition.substr(0, equals), text = definition.substr(equals + 1);
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (*end != '\0') {
      usage_error("-D " + name + " takes a number, not '" + text + "'");
      return {};
    }
    options.constants[name] = value;
    if (value == std::floor(value) && std::fabs(value) < 9e15)
      options.dims[name] = static_cast<int64_t>(value);
  }
  if (arguments.target != "cpu") {
    usage_error("--target " + arguments.target + " is not supported yet; 'cpu' is");
    return {};
  }
  if (!arguments.no_cache) options.cache = default_cache();
  options.method = arguments.method;
  options.adjoint = arguments.adjoint;
  options.rtol = arguments.rtol;
  options.atol = arguments.atol;
  options.precision = arguments.precision == "f32" ? Precision::f32 : Precision::f64;
  options.form = arguments.form == "features" ? Form::features
                 : arguments.form == "lanes"  ? Form::lanes
                                              : Form::automatic;
  options.remarks = arguments.remarks;
  options.pooled = arguments.pooled;
  options.threads = arguments.threads;
  options.seed = arguments.seed;
  return options;
}

std::optional<Program> load(const Arguments& arguments) {
  const std::optional<Options> options = options_of(arguments);
  if (!options) return {};
  Program program = Program::from_file(arguments.file, *options);
  print(program.diagnostics(), arguments);
  if (!program.ok()) return {};
  return program;
}

std::optional<Model> load_model(const Arguments& arguments) {
  const std::optional<Program> program = load(arguments);
  if (!program) return {};
  Result<Model> model = program->model(arguments.model);
  print(model.diagnostics(), arguments);
  if (!model) {
    arguments.said->status = static_cast<int>(model.outcome());
    return {};
  }
  if (arguments.time_passes) print_stages(program->stages());
  return *model;
}

std::optional<std::vector<Model>> load_models(const Arguments& arguments) {
  const std::optional<Program> program = load(arguments);
  if (!program) return {};
  std::vector<Model> models;
  for (size_t begin = 0; begin <= arguments.model.size();) {
    const size_t end = std::min(arguments.model.find(',', begin), arguments.model.size());
    Result<Model> model = program->model(arguments.model.substr(begin, end - begin));
    print(model.diagnostics(), arguments);
    if (!model) {
      arguments.said->status = static_cast<int>(model.outcome());
      return {};
    }
    for (const Model& other : models)
      if (other.name() == model->name()) {
        usage_error("--model names " + other.name() + " twice");
        arguments.said->status = static_cast<int>(Outcome::wrong_usage);
        return {};
      }
    models.push_back(*model);
    begin = end + 1;
  }
  if (arguments.time_passes) print_stages(program->stages());
  return models;
}

std::optional<Arrays> load_weights(const Arguments& arguments, const std::vector<Model>& models) {
  if (arguments.weights.empty()) {
    Result<Arrays> initial = initial_weights(models);
    print(initial.diagnostics(), arguments);
    if (!initial) return {};
    return *initial;
  }
  Result<Arrays> arrays = read_arrays(arguments.weights);
  print(arrays.diagnostics(), arguments);
  if (!arrays) return {};
  Result<Arrays> weights = check_weights(models, *arrays);
  print(weights.diagnostics(), arguments);
  if (!weights) return {};
  return *weights;
}

std::optional<Arrays> load_weights(const Arguments& arguments, const Model& model) {
  return load_weights(arguments, std::vector<Model>{model});
}

std::optional<std::vector<Dataset>> load_data(const Arguments& arguments, const std::vector<Model>& models,
                                              const std::string& file) {
  std::vector<Dataset> all;
  // What one model does not use another may: a warning is one that every model gives.
  std::vector<Diagnostic> warnings;
  for (size_t m = 0; m < models.size(); ++m) {
    const std::string& own = models[m].data().empty() ? std::string() : file;
    Result<Dataset> data =
        models[m].read(models.size() > 1 ? own : file, arguments.columns, arguments.samples);
    if (!data) {
      print(data.diagnostics(), arguments);
      arguments.said->status = static_cast<int>(data.outcome());
      return {};
    }
    const std::vector<Diagnostic>& found = data.diagnostics();
    if (m == 0) {
      warnings = found;
    } else {
      std::erase_if(warnings, [&](const Diagnostic& d) {
        return std::none_of(found.begin(), found.end(),
                            [&](const Diagnostic& f) { return f.text == d.text; });
      });
    }
    all.push_back(*data);
  }
  print(warnings, arguments);
  return all;
}

std::optional<Dataset> load_data(const Arguments& arguments, const Model& model) {
  const std::optional<std::vector<Dataset>> data =
      load_data(arguments, std::vector<Model>{model}, arguments.data);
  if (!data) return {};
  return data->front();
}

bool write_file(const std::string& file, const Arguments& arguments, const Arrays& arrays) {
  const std::optional<Diagnostic> problem =
      write_arrays(file, arrays, false, {}, arguments.precision == "f32" ? Precision::f32 : Precision::f64);
  if (problem) print({*problem}, arguments);
  return !problem;
}

std::optional<Inputs> load_inputs(const Arguments& arguments) {
  std::optional<Model> model = load_model(arguments);
  if (!model) return {};
  std::optional<Arrays> weights = load_weights(arguments, *model);
  if (!weights) return {};
  std::optional<Dataset> data = load_data(arguments, *model);
  if (!data) return {};
  return Inputs{std::move(*model), std::move(*weights), std::move(*data)};
}

bool write_out(const Arguments& arguments, const Arrays& arrays, bool sample_axis,
               const std::set<std::string>& rows) {
  if (arguments.out.empty()) return true;
  const std::optional<Diagnostic> problem =
      write_arrays(arguments.out, arrays, sample_axis, rows,
                   arguments.precision == "f32" ? Precision::f32 : Precision::f64);
  if (problem) print({*problem}, arguments);
  return !problem;
}

int report(const std::vector<SampleFailure>& failures) {
  constexpr size_t shown = 10;
  for (size_t i = 0; i < failures.size() && i < shown; ++i) std::cerr << failures[i].text << "\n";
  if (failures.size() > shown) std::cerr << "and " << failures.size() - shown << " more samples\n";
  return failures.empty() ? 0 : static_cast<int>(Outcome::numerical_failure);
}

}  // namespace nodec::driver
