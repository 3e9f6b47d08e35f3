// Where an input ends: by the language's own words and brackets.
#include "compiler/driver/repl/gathering.hpp"

#include <utility>

#include "compiler/driver/repl/commands.hpp"
#include "compiler/syntax/statements.hpp"

namespace nodec::driver {
namespace {

// The command of an input that is one; nothing of it is the language's unless it says so.
bool is_command(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string::npos && text[first] == ':';
}

syntax::Ending ending_of(const std::string& text) {
  if (!is_command(text)) return syntax::ending(text);
  const size_t colon = text.find(':');
  const size_t end = std::min(text.find_first_of(" \t\r\n", colon), text.size());
  const Command* command = find_command(text.substr(colon + 1, end - colon - 1));
  if (!command || !command->of_the_language) return syntax::Ending::whole;
  return syntax::ending(text.substr(end)) == syntax::Ending::open ? syntax::Ending::open
                                                                  : syntax::Ending::whole;
}

}  // namespace

bool Gathering::open() const { return waiting_ && ending_of(waiting_->text) == syntax::Ending::open; }

std::vector<Input> Gathering::take(const std::string& line, bool look_ahead) {
  ++line_;
  std::vector<Input> whole;
  if (waiting_) {
    const bool goes_on = open() || (!is_command(waiting_->text) && syntax::continues(line));
    const bool blank = syntax::ending(line) == syntax::Ending::empty;
    if (goes_on || blank) {
      waiting_->text += "\n" + line;
    } else {
      whole.push_back(std::move(*std::exchange(waiting_, std::nullopt)));
    }
  }
  if (!waiting_ && (is_command(line) || syntax::ending(line) != syntax::Ending::empty))
    waiting_ = Input{source_, line, line_};
  if (waiting_ && !open() && (!look_ahead || is_command(waiting_->text)))
    whole.push_back(std::move(*std::exchange(waiting_, std::nullopt)));
  return whole;
}

std::optional<Input> Gathering::finish() {
  if (open()) return {};
  return std::exchange(waiting_, std::nullopt);
}

}  // namespace nodec::driver
