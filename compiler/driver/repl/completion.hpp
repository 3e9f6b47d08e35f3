// What may stand at the end of a line that is being typed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "compiler/driver/repl/workspace.hpp"

namespace nodec::driver {

struct Candidates {
  size_t begin = 0;                // of the word that they complete, in the line
  std::vector<std::string> words;  // in order, each once
};

// `line`: up to the cursor. Files are looked for in the current folder.
Candidates complete(const Workspace& workspace, std::string_view line);

// What all words begin with.
std::string common_beginning(const std::vector<std::string>& words);

}  // namespace nodec::driver
