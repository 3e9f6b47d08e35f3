// Inputs of a session, one after the other -> what they show and what they change.
//
// In: whole statements and commands, with their places. Out: results on standard output, errors on standard
// error, the workspace. An input that fails leaves the workspace as it was.
// Never here: lines and keys.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "compiler/driver/repl/workspace.hpp"

namespace nodec::driver {

// A text and where it stands: its first line's number in a file or at the prompt.
struct Input {
  std::string source, text;
  int line = 1;

  // The text at its lines, so that messages name them; of it, what is not within [begin, end) is blank.
  std::string placed() const;
  std::string placed(size_t begin, size_t end) const;
};

// Places of a command's arguments in its input.
struct Stretch {
  size_t begin = 0, end = 0;
  bool empty() const { return begin >= end; }
};

class Interpreter {
 public:
  // interactive: declarations are confirmed, and pictures drawn for a terminal.
  Interpreter(const Arguments& arguments, bool interactive);

  void run(const Input& input);
  // Adds a file's declarations, and does what its lines '#:' say. False after printing what is wrong.
  bool load(const std::string& file);
  void leave() { over_ = true; }
  bool over() const { return over_; }

  // ---- for the commands
  Workspace workspace;
  bool interactive = false;
  const Input& input() const { return *input_; }
  std::string text(Stretch stretch) const {
    return input_->text.substr(stretch.begin, stretch.end - stretch.begin);
  }
  // Errors, and the warnings of this input.
  void tell(const std::vector<Diagnostic>& diagnostics) const;
  void error(const std::string& text) const;
  // A line for who is at a terminal.
  void note(const std::string& text) const;
  // An expression of the input, whose text the session of `with` then holds; null after printing errors.
  syntax::ExprPtr expression(Workspace& with, Stretch stretch) const;
  // Adopts the session if its new declarations are right; tells what they break. `names`: what they declare.
  bool adopt(Session next, const std::vector<syntax::DeclPtr>& added);
  void drop(const std::set<std::string>& names);
  void reset();
  // A path as the input means it: that of a file being loaded is relative to it.
  std::string resolved(const std::string& path) const;

 private:
  void statements(const Input& input);
  void show(const Workspace& with, const syntax::ExprPtr& expression) const;
  // Whether what these names declare is right; says so, or with `first` keeps the first error to itself.
  bool check(const Session& next, const std::set<std::string>& names, Diagnostic* first = nullptr) const;
  // Finds which of these entries fit, and of those that do not fit already, which do now; what breaks, in
  // words.
  std::string settle(Session& next, std::vector<size_t> dependents) const;
  // To who wrote a let where a const is wanted.
  void hint_at_lets(const Session& session, const std::vector<Diagnostic>& diagnostics) const;
  void keep_parameters(const Workspace& before, const std::set<std::string>& declared);
  void run_directives(const std::string& file, const std::string& text);

  Arguments first_;  // those of the command line
  const Input* input_ = nullptr;
  bool over_ = false;
  int depth_ = 0;       // of files that are being loaded
  std::string folder_;  // of the last of them
};

// Every parameter that the session's fields and models have, and those at its top level.
struct SessionParameter {
  std::string path, type;
  Array initial;
};
std::vector<SessionParameter> parameters_of(const Workspace& workspace);

}  // namespace nodec::driver
