// Any text: a module whose graphs obey their invariants, or diagnostics that render; in bounded work.
#include "compiler/semantics/module.hpp"
#include "compiler/syntax/parser.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace nodec;

void require_valid(const semantics::Module& module, const semantics::Model& model) {
  std::vector<graph::Output> results = model.outputs;
  results.insert(results.end(), model.metrics.begin(), model.metrics.end());
  if (model.loss) results.push_back({"loss", model.loss});
  const std::string wrong = graph::verify(module.graph, results);
  fuzz::require(wrong.empty(), wrong.c_str());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  source::Files files;
  source::Diagnostics diagnostics;
  const int32_t file = files.add("input.node", fuzz::as_text(data, size));
  const std::shared_ptr<const syntax::File> tree = syntax::parse(files, file, diagnostics);
  if (diagnostics.has_errors()) return 0;
  semantics::Options options;
  // Much less than users have, so that an input that uses it up takes no second.
  options.work = semantics::default_work / 50;
  const semantics::Reader no_files = [](const std::string&) { return std::nullopt; };
  const auto module = semantics::elaborate(*tree, options, no_files, files, diagnostics);
  const std::string rendered = source::render(files, diagnostics);
  fuzz::require(!diagnostics.has_errors() || !rendered.empty(), "an error has a text");
  fuzz::require(module || diagnostics.has_errors(), "what fails says why");
  if (!module || diagnostics.has_errors()) return 0;
  for (const semantics::Model& model : module->models) require_valid(*module, model);
  for (const semantics::Field& field : module->fields) {
    source::Diagnostics of_field;
    const auto model = semantics::solve_model(*module, field, {}, options, files, of_field);
    fuzz::require(model || of_field.has_errors(), "what fails says why");
    if (model) require_valid(*module, *model);
  }
  return 0;
}
