// Messages and their arguments to a list of diagnostics.
#include "compiler/source/diagnostics.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace nodec::source {
namespace {

constexpr int error_limit = 50;
// Diagnostics of all kinds that are kept: nobody reads more warnings than this either.
constexpr size_t longest_list = 1000;
// Bytes of an argument that are shown: a name may be as long as its file.
constexpr size_t longest_argument = 1000;

constexpr std::array messages = {
#define DIAGNOSTIC(id, severity, wording) Message{#id, Severity::severity, wording},
#include "compiler/source/diagnostics.def"
#undef DIAGNOSTIC
};

std::string shortened(const std::string& text) {
  if (text.size() <= longest_argument) return text;
  size_t end = longest_argument;
  while ((static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

// Fills the wording's "{}" from left to right. An argument's own braces stay as they are.
std::string fill(std::string_view wording, const std::vector<Argument>& arguments) {
  std::string text;
  for (const Argument& argument : arguments) {
    const size_t hole = wording.find("{}");
    if (hole == std::string_view::npos) break;
    text += wording.substr(0, hole);
    text += shortened(argument.text);
    wording.remove_prefix(hole + 2);
  }
  text += wording;
  return text;
}

}  // namespace

const Message& message(Id id) { return messages[static_cast<size_t>(id)]; }
int message_count() { return static_cast<int>(messages.size()); }
const Message& message_at(int index) { return messages[static_cast<size_t>(index)]; }

Argument::Argument(double x) {
  char buffer[32];
  const auto result = std::to_chars(std::begin(buffer), std::end(buffer), x);
  text.assign(buffer, result.ptr);
}

Diagnostic& Diagnostics::add(Id id, Span span, std::vector<Argument> arguments) {
  const Message& wording = message(id);
  Diagnostic diagnostic{id, wording.severity, span, fill(wording.wording, arguments), {}};
  const bool known = std::any_of(list_.begin(), list_.end(), [&](const Diagnostic& d) {
    return d.id == id && d.span == span && d.text == diagnostic.text;
  });
  const bool is_error = diagnostic.severity == Severity::error;
  if (!known && is_error) ++errors_;
  const bool too_many = is_error ? errors_ > error_limit : list_.size() >= longest_list;
  if (known || too_many) {
    dropped_ = std::move(diagnostic);  // takes the notes of a diagnostic that is not kept
    return dropped_;
  }
  return list_.emplace_back(std::move(diagnostic));
}

void Diagnostics::note_since(size_t index, Span inside, Span at, const std::string& words) {
  constexpr size_t most_notes = 6;  // deep chains of calls repeat themselves
  for (size_t i = index; i < list_.size(); ++i) {
    Diagnostic& diagnostic = list_[i];
    // Of a chain of uses, the one inside is noted already: its place lies in the next one out.
    const bool chained = !diagnostic.notes.empty() && diagnostic.notes.back().use;
    const Span place = chained ? diagnostic.notes.back().span : diagnostic.span;
    const bool within = place.file == inside.file && inside.begin <= place.begin && place.end <= inside.end;
    if (diagnostic.severity != Severity::error || !within || diagnostic.notes.size() >= most_notes) continue;
    diagnostic.note(at, words);
    diagnostic.notes.back().use = true;
  }
}

bool Diagnostics::full() const { return errors_ >= error_limit; }

void Diagnostics::clear() {
  list_.clear();
  errors_ = 0;
}

}  // namespace nodec::source
