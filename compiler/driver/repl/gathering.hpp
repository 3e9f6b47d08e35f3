// Lines, one after the other -> whole inputs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compiler/driver/repl/interpreter.hpp"

namespace nodec::driver {

class Gathering {
 public:
  explicit Gathering(std::string source) : source_(std::move(source)) {}

  // Takes a line, without its end, as the next one; the inputs that are whole then. look_ahead: an input may
  // still go on in the next line, as in a file (`let z = solve F(z = 1)`, then `from 0 to 1`); else its
  // line's end is its own.
  std::vector<Input> take(const std::string& line, bool look_ahead);
  // The end of all lines: what is whole now.
  std::optional<Input> finish();
  // Whether lines wait for more: an open bracket, a line that cannot end a statement.
  bool open() const;
  // Forgets what waits.
  void abandon() { waiting_.reset(); }
  // Text that waits, and where it begins.
  const std::optional<Input>& waiting() const { return waiting_; }

 private:
  std::string source_;
  int line_ = 0;
  std::optional<Input> waiting_;
};

}  // namespace nodec::driver
