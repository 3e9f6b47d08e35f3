// Diagnostics and results as values: nothing of nodec throws across this border.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace nodec {

enum class Severity { error, warning, remark };

// A stretch of a file, from its first position to the one after its last.
struct Place {
  std::string file;          // "" when there is none
  int line = 0, column = 0;  // from 1; columns in code points
  int end_line = 0, end_column = 0;
};
struct Note {
  Place place;
  std::string text;
};
// Text to write in place of a stretch; an empty stretch inserts it.
struct Replacement {
  Place place;
  std::string text;
};

// One message about a program, its data or a run.
struct Diagnostic {
  Severity severity = Severity::error;
  std::string id;            // stable name of the kind of message, as `undefined_name`
  std::string file;          // "" when the message has no place
  int line = 0, column = 0;  // from 1; columns in code points
  std::string text;          // one line
  int end_line = 0, end_column = 0;
  std::vector<Note> notes;               // the other half of a disagreement, or the way out
  std::vector<Replacement> corrections;  // which together make one correction of the text
  std::string rendered;  // as the command line prints it: source line, caret and notes included
};

// What kind of error ended an operation; also nodec's exit status.
enum class Outcome { done = 0, wrong_input = 1, wrong_usage = 2, numerical_failure = 3 };

// A value, or the diagnostics that say why there is none. Warnings may accompany a value.
template <class T>
class Result {
 public:
  Result(T value, std::vector<Diagnostic> diagnostics = {})
      : value_(std::move(value)), diagnostics_(std::move(diagnostics)) {}
  static Result failed(std::vector<Diagnostic> diagnostics, Outcome outcome = Outcome::wrong_input) {
    Result r;
    r.diagnostics_ = std::move(diagnostics);
    r.outcome_ = outcome;
    return r;
  }
  explicit operator bool() const { return value_.has_value(); }
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }
  const std::vector<Diagnostic>& diagnostics() const { return diagnostics_; }
  Outcome outcome() const { return outcome_; }

 private:
  Result() = default;
  std::optional<T> value_;
  std::vector<Diagnostic> diagnostics_;
  Outcome outcome_ = Outcome::done;
};

}  // namespace nodec
