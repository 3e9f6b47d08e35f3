// Any text: its canonical layout has the same tree and is its own layout.
#include "compiler/syntax/format.hpp"
#include "compiler/syntax/parser.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace nodec;

std::optional<std::string> formatted(const std::string& text) {
  source::Files files;
  source::Diagnostics diagnostics;
  return syntax::format(files, files.add("input.node", text), diagnostics);
}

std::optional<std::string> tree(const std::string& text) {
  source::Files files;
  source::Diagnostics diagnostics;
  const auto parsed = syntax::parse(files, files.add("input.node", text), diagnostics);
  if (diagnostics.has_errors()) return std::nullopt;
  return syntax::print(*parsed);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text = fuzz::as_text(data, size);
  const std::optional<std::string> layout = formatted(text), parsed = tree(text);
  fuzz::require(layout.has_value() == parsed.has_value(), "what parses has a layout");
  if (!layout) return 0;
  fuzz::require(tree(*layout) == parsed, "the layout has the tree of the text");
  fuzz::require(formatted(*layout) == layout, "the layout is its own layout");
  return 0;
}
