// Inputs of earlier sessions, in a file that several sessions may add to at once.
#pragma once

#include <string>
#include <vector>

namespace nodec::driver {

// nodec/history in $XDG_STATE_HOME or ~/.local/state; "" where neither is known.
std::string history_file();

// The newest inputs of a file, oldest first; none where it cannot be read. A file that has grown long is cut.
std::vector<std::string> read_history(const std::string& file);

// Adds an input of one line. What cannot be written is not kept.
void append_history(const std::string& file, const std::string& input);

// An input of several lines as one that means the same; nothing where its comments forbid that.
std::string on_one_line(const std::string& input);

}  // namespace nodec::driver
