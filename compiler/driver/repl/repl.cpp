// `repl`: lines from a terminal or a script -> inputs, interpreted one by one.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <iostream>
#include <sstream>

#include "compiler/driver/repl/gathering.hpp"
#include "compiler/driver/repl/history.hpp"
#include "compiler/driver/repl/isolated.hpp"
#include "compiler/driver/repl/terminal.hpp"

namespace nodec::driver {
namespace {

int run_script(Interpreter& interpreter) {
  Gathering gathering("<stdin>");
  std::string line;
  const auto run = [&](const Input& input) {
    if (!interpreter.over()) interpreter.run(input);
  };
  while (!interpreter.over() && std::getline(std::cin, line)) {
    if (line.ends_with('\r')) line.pop_back();
    for (const Input& input : gathering.take(line, true)) run(input);
    // As a program that a signal ends; what it was doing has been stopped.
    if (take_interrupt()) return 128 + SIGINT;
  }
  if (interpreter.over()) return 0;
  if (gathering.open()) {
    const Input& rest = *gathering.waiting();
    std::cerr << rest.source << ":" << rest.line << ": error: the input ends in the middle of a statement\n";
    return static_cast<int>(Outcome::wrong_input);
  }
  if (const std::optional<Input> last = gathering.finish()) run(*last);
  return 0;
}

int run_terminal(Interpreter& interpreter) {
  const Arguments& arguments = interpreter.workspace.arguments;
  Gathering gathering("<repl>");
  Terminal terminal([&](std::string_view line) {
    // What the line itself goes on with is part of where it stands.
    const std::string before = gathering.waiting() ? gathering.waiting()->text + "\n" : "";
    Candidates found = complete(interpreter.workspace, before + std::string(line));
    found.begin -= std::min(found.begin, before.size());
    return found;
  });
  if (!terminal.usable()) return run_script(interpreter);
  const std::string kept = history_file();
  for (const std::string& input : read_history(kept)) terminal.remember(input);
  if (!arguments.quiet)
    std::cout << "nodec " << version() << ". ':help' tells what can be said here, Ctrl-D leaves.\n"
              << std::flush;
  std::string line;
  while (!interpreter.over()) {
    const Terminal::Read read = terminal.read(gathering.waiting() ? "  ...> " : "nodec> ", line);
    if (read == Terminal::Read::interrupted || (read == Terminal::Read::end && gathering.waiting())) {
      gathering.abandon();
      continue;
    }
    if (read == Terminal::Read::end) break;
    for (const Input& input : gathering.take(line, false)) {
      // Comments forbid one line; then each is remembered by itself.
      std::string whole = on_one_line(input.text);
      if (whole.empty()) whole = input.text;
      std::stringstream lines(whole);
      for (std::string own; std::getline(lines, own);) {
        if (own.find_first_not_of(" \t") == std::string::npos) continue;
        terminal.remember(own);
        append_history(kept, own);
      }
      interpreter.run(input);
      take_interrupt();
    }
  }
  return 0;
}

}  // namespace

int repl(const Arguments& arguments) {
  if (arguments.json) {
    usage_error("repl prints no report: --json is of other verbs");
    return static_cast<int>(Outcome::wrong_usage);
  }
  const bool terminal = ::isatty(STDIN_FILENO) == 1;
  Interpreter interpreter(arguments, terminal);
  catch_interrupts();
  if (!arguments.file.empty() && !interpreter.load(arguments.file) && !terminal)
    return static_cast<int>(Outcome::wrong_input);
  return terminal ? run_terminal(interpreter) : run_script(interpreter);
}

}  // namespace nodec::driver
