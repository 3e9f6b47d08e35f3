// Source files, positions and diagnostics: the bottom layer.
//
// In: text. Out: files with line tables; diagnostics with spans, notes and a rendering with carets.
// Never here: knowledge of the language. A message's id, severity and wording stand in diagnostics.def alone.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nodec::source {

// A half-open range of bytes [begin, end) in one file. file < 0: no place (a command-line option, say).
struct Span {
  int32_t file = -1;
  uint32_t begin = 0, end = 0;
  bool known() const { return file >= 0; }
  friend bool operator==(const Span&, const Span&) = default;
};

// The smallest span that holds both (same file; otherwise the first).
Span join(Span a, Span b);

// Line and column count from 1; columns are code points.
struct Position {
  int line = 1, column = 1;
};

// Owns the text of every file of one compilation.
class Files {
 public:
  int32_t add(std::string name, std::string text);
  const std::string& name(int32_t file) const { return files_[file].name; }
  const std::string& text(int32_t file) const { return files_[file].text; }
  int count() const { return static_cast<int>(files_.size()); }
  Position position(int32_t file, uint32_t byte) const;
  // The text of a line (from 1), without its end.
  std::string_view line(int32_t file, int line) const;
  // "file:line" of the span's beginning, "" when unknown.
  std::string place(Span span) const;

 private:
  struct File {
    std::string name, text;
    std::vector<uint32_t> line_starts;
  };
  std::deque<File> files_;
};

enum class Severity : uint8_t { error, warning, remark };

// Every message of nodec: one line each in diagnostics.def.
enum class Id : uint16_t {
#define DIAGNOSTIC(id, severity, wording) id,
#include "compiler/source/diagnostics.def"
#undef DIAGNOSTIC
};
struct Message {
  std::string_view id;
  Severity severity;
  std::string_view wording;  // "{}" stands for an argument
};
const Message& message(Id id);
int message_count();
const Message& message_at(int index);

struct Note {
  Span span;
  std::string text;
  bool use = false;  // of what holds the diagnostic's place: a call, an instance
};

// What to write in place of a span; an empty span inserts. Shown only where the way out is certain enough to
// be typed in without thinking.
struct Fix {
  Span span;
  std::string text;
};

struct Diagnostic {
  Id id;
  Severity severity;
  Span span;
  std::string text;  // the wording with its arguments filled in
  std::vector<Note> notes;
  std::vector<Fix> fixes{};  // all together make one correction
  // Chainable. A note says where the other half of the disagreement comes from, or the way out.
  Diagnostic& note(Span at, std::string words) {
    notes.push_back({at, std::move(words)});
    return *this;
  }
  Diagnostic& fix(Span at, std::string replacement) {
    if (at.known()) fixes.push_back({at, std::move(replacement)});
    return *this;
  }
};

// An argument of a message: text or a number.
struct Argument {
  std::string text;
  Argument(std::string_view s) : text(s) {}
  Argument(const std::string& s) : text(s) {}
  Argument(const char* s) : text(s) {}
  Argument(long long n) : text(std::to_string(n)) {}
  Argument(unsigned long long n) : text(std::to_string(n)) {}
  Argument(long n) : text(std::to_string(n)) {}
  Argument(unsigned long n) : text(std::to_string(n)) {}
  Argument(int n) : text(std::to_string(n)) {}
  Argument(double x);  // shortest text that reads back
};

// Collects diagnostics in order. The same (id, span, text) is kept once; past a limit errors are only counted
// and warnings dropped.
class Diagnostics {
 public:
  template <class... A>
  Diagnostic& report(Id id, Span span, A&&... arguments) {
    return add(id, span, {Argument(std::forward<A>(arguments))...});
  }
  bool has_errors() const { return errors_ > 0; }
  int errors() const { return errors_; }
  // Further errors are only counted.
  bool full() const;
  const std::deque<Diagnostic>& all() const { return list_; }
  // Adds a note to every error from the one of this index on whose place lies in `inside`.
  void note_since(size_t index, Span inside, Span at, const std::string& words);
  void clear();

 private:
  Diagnostic& add(Id id, Span span, std::vector<Argument> arguments);
  std::deque<Diagnostic> list_;
  Diagnostic dropped_{};
  int errors_ = 0;
};

// "file:line:column: error: text [id]", the source line, a caret or range, what to write there instead; then
// the notes likewise.
std::string render(const Files& files, const Diagnostic& diagnostic);
std::string render(const Files& files, const Diagnostics& diagnostics);

// The candidate nearest to a misspelt word, or "" when none is near (edit distance, at most a third of its
// length).
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace nodec::source
