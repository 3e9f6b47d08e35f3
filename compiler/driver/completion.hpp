// The command line as CLI11 knows it, and what is typed so far -> what may come next, for the shells.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace nodec::driver {

// What may stand for the last word, a line each: the word, and after a tab what it means. Where files may,
// a line ":files", the part of the word before the file's name, and the endings of such files ("": any),
// with tabs between. Names are those of the model file typed; what cannot be read has none.
std::string completions(CLI::App& app, const std::vector<std::string>& words);

// The script by which bash, zsh or fish asks `nodec --complete` for these; "" for another shell.
std::string completion_script(const std::string& shell);

}  // namespace nodec::driver
