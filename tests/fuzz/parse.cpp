// Any text: a tree that prints, or diagnostics that render.
#include "compiler/syntax/parser.hpp"
#include "tests/fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace nodec;
  source::Files files;
  source::Diagnostics diagnostics;
  const int32_t file = files.add("input.node", fuzz::as_text(data, size));
  const std::shared_ptr<const syntax::File> tree = syntax::parse(files, file, diagnostics);
  if (tree && !diagnostics.has_errors()) syntax::print(*tree);
  const std::string rendered = source::render(files, diagnostics);
  fuzz::require(diagnostics.has_errors() != rendered.empty(), "an error has a text");
  source::Diagnostics of_expression;
  const syntax::ExprPtr expression = syntax::parse_expression(files, file, of_expression);
  if (expression && !of_expression.has_errors()) syntax::print(*expression);
  return 0;
}
