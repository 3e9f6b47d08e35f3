// `check`: parse and type-check.
#include <iostream>
#include <nlohmann/json.hpp>

#include "compiler/driver/arguments.hpp"

namespace nodec::driver {
namespace {

const char* word(Severity severity) {
  return severity == Severity::error ? "error" : severity == Severity::warning ? "warning" : "remark";
}

void print_json(const Program& program, const std::vector<Diagnostic>& diagnostics, bool ok) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Diagnostic& d : diagnostics)
    list.push_back({{"severity", word(d.severity)},
                    {"id", d.id},
                    {"file", d.file},
                    {"line", d.line},
                    {"column", d.column},
                    {"text", d.text}});
  const nlohmann::ordered_json out = {
      {"ok", ok}, {"models", program.models()}, {"fields", program.fields()}, {"diagnostics", list}};
  std::cout << out.dump(2) << "\n";
}

}  // namespace

int check(const Arguments& arguments) {
  const std::optional<Options> options = options_of(arguments);
  if (!options) return 2;
  const Program program = Program::from_file(arguments.file, *options);
  std::vector<Diagnostic> diagnostics = program.diagnostics();
  bool ok = program.ok();
  if (ok && !arguments.model.empty()) {
    const Result<Model> model = program.model(arguments.model);
    ok = static_cast<bool>(model);
    diagnostics.insert(diagnostics.end(), model.diagnostics().begin(), model.diagnostics().end());
  }
  print(diagnostics, arguments);
  if (arguments.json) {
    print_json(program, diagnostics, ok);
  } else if (ok && !arguments.quiet) {
    std::cout << arguments.file << ": ok, " << program.models().size() << " model"
              << (program.models().size() == 1 ? "" : "s") << ", " << program.fields().size() << " field"
              << (program.fields().size() == 1 ? "" : "s") << "\n";
  }
  if (arguments.time_passes) print_stages(program.stages());
  return ok ? 0 : 1;
}

}  // namespace nodec::driver
