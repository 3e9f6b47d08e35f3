// `check`: parse and type-check.
#include <iostream>

#include "compiler/driver/arguments.hpp"
#include "compiler/driver/json.hpp"

namespace nodec::driver {
namespace {

void print_json(const Program& program, const std::vector<Diagnostic>& diagnostics, bool ok) {
  const nlohmann::ordered_json out = {{"ok", ok},
                                      {"models", program.models()},
                                      {"fields", program.fields()},
                                      {"diagnostics", to_json(diagnostics)}};
  std::cout << out.dump(2) << "\n";
}

}  // namespace

int check(const Arguments& arguments) {
  const std::optional<Options> options = options_of(arguments);
  if (!options) return 2;
  const Program program = Program::from_file(arguments.file, *options);
  std::vector<Diagnostic> diagnostics = program.diagnostics();
  int status = program.ok() ? 0 : 1;
  std::vector<std::string> models = program.models();
  if (!arguments.model.empty()) models = {arguments.model};
  for (size_t m = 0; status == 0 && m < models.size(); ++m) {
    const Result<Model> model = program.model(models[m]);
    status = static_cast<int>(model.outcome());
    diagnostics.insert(diagnostics.end(), model.diagnostics().begin(), model.diagnostics().end());
  }
  print(diagnostics, arguments);
  const bool ok = status == 0;
  if (arguments.json) {
    print_json(program, diagnostics, ok);
  } else if (ok && !arguments.quiet) {
    std::cout << arguments.file << ": ok, " << program.models().size() << " model"
              << (program.models().size() == 1 ? "" : "s") << ", " << program.fields().size() << " field"
              << (program.fields().size() == 1 ? "" : "s") << "\n";
  }
  if (arguments.time_passes) print_stages(program.stages());
  return status;
}

}  // namespace nodec::driver
