// A line for each input.
#include "compiler/driver/repl/history.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <span>

#include "compiler/syntax/statements.hpp"
#include "runtime/files.hpp"

namespace nodec::driver {
namespace {

constexpr size_t kept = 1000;     // inputs of a file that is cut
constexpr size_t longest = 5000;  // inputs of one that is not

}  // namespace

std::string history_file() {
  const char* state = std::getenv("XDG_STATE_HOME");
  // Relative paths are to be ignored (XDG Base Directory Specification).
  if (state && state[0] == '/') return std::string(state) + "/nodec/history";
  const char* home = std::getenv("HOME");
  return home && home[0] == '/' ? std::string(home) + "/.local/state/nodec/history" : "";
}

std::vector<std::string> read_history(const std::string& file) {
  std::vector<std::string> inputs;
  std::error_code none;
  if (file.empty() || !std::filesystem::is_regular_file(file, none)) return inputs;
  std::ifstream in(file, std::ios::binary);
  for (std::string line; std::getline(in, line);)
    if (!line.empty()) inputs.push_back(line);
  if (inputs.size() <= longest) return inputs;
  inputs.erase(inputs.begin(), inputs.end() - kept);
  std::string text;
  for (const std::string& input : inputs) text += input + "\n";
  // A file that cannot be cut stays as long as it is.
  static_cast<void>(runtime::write_bytes(file, std::as_bytes(std::span(text))));
  return inputs;
}

void append_history(const std::string& file, const std::string& input) {
  if (file.empty() || input.find('\n') != std::string::npos) return;
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(file).parent_path(), error);
  // One write at the file's end, whoever else writes there; inputs are their user's alone.
  const int to = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (to < 0) return;
  const std::string line = input + "\n";
  // Of a full disk the session need not hear.
  static_cast<void>(::write(to, line.data(), line.size()) < 0);
  ::close(to);
}

std::string on_one_line(const std::string& input) {
  if (input.find('\n') == std::string::npos) return input;
  if (input.find('#') != std::string::npos) return "";
  std::string out;
  const std::vector<syntax::Lexeme> list = syntax::lexemes(input);
  // Ends of lines count where the innermost open bracket is a brace.
  std::vector<char> open;
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string word = input.substr(list[i].begin, list[i].end - list[i].begin);
    if (i > 0) {
      const std::string between = input.substr(list[i - 1].end, list[i].begin - list[i - 1].end);
      const bool block = open.empty() || open.back() == '{';
      const std::string last = input.substr(list[i - 1].begin, list[i - 1].end - list[i - 1].begin);
      const bool ends = between.find('\n') != std::string::npos && block && word != "}" && last != "{" &&
                        syntax::ending(last) != syntax::Ending::open &&
                        !syntax::continues(input.substr(list[i].begin));
      const bool blank = !between.empty();
      out += between.find(';') != std::string::npos ? "; " : ends ? "; " : blank ? " " : "";
    }
    if (word == "(" || word == "[" || word == "{") open.push_back(word[0]);
    if ((word == ")" || word == "]" || word == "}") && !open.empty()) open.pop_back();
    out += word;
  }
  return out;
}

}  // namespace nodec::driver
