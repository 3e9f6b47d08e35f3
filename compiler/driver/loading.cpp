// Command-line arguments -> programs, models, weights and data, with errors printed as they occur.
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "compiler/driver/arguments.hpp"

namespace nodec::driver {

void usage_error(const std::string& text) { std::cerr << "nodec: error: " << text << "\n"; }

void print(const std::vector<Diagnostic>& diagnostics, const Arguments& arguments) {
  for (const Diagnostic& d : diagnostics)
    if (d.severity == Severity::error || !arguments.quiet) std::cerr << d.rendered;
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
  options.method = arguments.method;
  options.adjoint = arguments.adjoint;
  options.rtol = arguments.rtol;
  options.atol = arguments.atol;
  options.precision = arguments.precision == "f32" ? Precision::f32 : Precision::f64;
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
  if (!model) return {};
  if (arguments.time_passes) print_stages(program->stages());
  return *model;
}

std::optional<Arrays> load_weights(const Arguments& arguments, const Model& model) {
  if (arguments.weights.empty()) {
    Result<Arrays> initial = model.initial_weights();
    print(initial.diagnostics(), arguments);
    if (!initial) return {};
    return *initial;
  }
  Result<Arrays> arrays = read_arrays(arguments.weights);
  print(arrays.diagnostics(), arguments);
  if (!arrays) return {};
  Result<Arrays> weights = model.check_weights(*arrays);
  print(weights.diagnostics(), arguments);
  if (!weights) return {};
  return *weights;
}

std::optional<Dataset> load_data(const Arguments& arguments, const Model& model) {
  Result<Dataset> data = model.read(arguments.data, arguments.columns, arguments.samples);
  print(data.diagnostics(), arguments);
  if (!data) return {};
  return *data;
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
