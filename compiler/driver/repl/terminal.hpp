// Lines that are edited at a terminal: keys, history, completion.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "compiler/driver/repl/completion.hpp"

namespace nodec::driver {

class Terminal {
 public:
  // `complete` is asked with the line up to the cursor.
  explicit Terminal(std::function<Candidates(std::string_view)> complete);
  ~Terminal();
  Terminal(const Terminal&) = delete;
  // False where the terminal can do nothing that editing needs.
  bool usable() const;

  enum class Read { line, interrupted, end };
  // Without the end of the line.
  Read read(const std::string& prompt, std::string& line);
  void remember(const std::string& input);

 private:
  struct Editor;
  std::unique_ptr<Editor> editor_;
};

}  // namespace nodec::driver
