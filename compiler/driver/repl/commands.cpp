// The table of commands, and their help.
#include "compiler/driver/repl/commands.hpp"

#include <algorithm>
#include <iostream>

#include "compiler/driver/repl/isolated.hpp"

namespace nodec::driver {
namespace {

std::string usage(const Command& command) {
  return std::string(":") + command.name + (*command.arguments ? " " : "") + command.arguments;
}

// Commands whose first letters these are.
std::vector<const Command*> beginning_with(const std::string& letters) {
  std::vector<const Command*> list;
  for (const Command& command : commands())
    if (std::string(command.name).starts_with(letters)) list.push_back(&command);
  return list;
}

}  // namespace

const std::vector<Command>& commands() {
  static const std::vector<Command> table = {
      {"help", "[COMMAND]", "this list, or how a command is used", "", ":help fit", false, help},
      {"type", "e", "the type of an expression, which is not computed", "",
       ":type solve pendulum(q = 1, p = 0) at linspace(0, 1, 5)", true, type_command},
      {"time", "e", "how long an expression takes: to compile, and to run",
       "Compiled anew, then run for a third of a second.", ":time solve pendulum(q = 1, p = 0) from 0 to 10",
       true, time_command},
      {"eval", "[M]", "outputs, metrics and loss of a model on the data", "", ":eval fit", false,
       eval_command},
      {"solve", "F(z = e, …) [from e] [to e] [points n] [by METHOD] [> FILE]",
       "a field's states along time, as a table",
       "From 0 to 1 by 11 points where nothing else is said; 'at e' takes the times of an array instead. The "
       "values are\n"
       "expressions. A file is .csv, .npz or .safetensors.",
       ":solve pendulum(q = 1, p = 0) to 10 by dopri5(rtol = 1e-8)", true, solve_command},
      {"plot", "F(z = e, …) … | M | e, … [over e] [> FILE]",
       "a picture: of a field's trajectory, of a model beside its data, of arrays",
       "Of a field, with the clauses of ':solve'; of a model, its outputs beside the data; of expressions, "
       "arrays along\n"
       "their first axis, or over another array. Drawn in the terminal, or by gnuplot into a file, .svg or "
       ".png.",
       ":plot sin(x), cos(x) over x > waves.svg", true, plot_command},
      {"derive", "F", "the Jacobian of a field, its trace, the adjoint dynamics, and what each costs", "",
       ":derive pendulum", false, derive_command},
      {"jacobian", "F", "the Jacobian of a field", "", ":jacobian pendulum", false, jacobian_command},
      {"trace", "F", "the trace of a field's Jacobian", "", ":trace pendulum", false, trace_command},
      {"adjoint", "F", "the adjoint dynamics of a field", "", ":adjoint pendulum", false, adjoint_command},
      {"emit", "STAGE X", "a stage of compilation of a model, a field or an expression",
       "Stages: ast graph adjoint tile llvm asm.", ":emit graph pendulum", true, emit_command},
      {"data", "[FILE [y=COLUMN,COLUMN …] | none]",
       "the data of models and expressions; alone, what they are",
       "Files as of 'nodec FILE eval --data', columns of a .csv as of '--columns'. Expressions read arrays "
       "by their names,\n"
       "whole: of a .csv, whole columns.",
       ":data pelts.csv y=hare,lynx", false, data_command},
      {"fit", "[M] [OPTION = e, …]", "train a model; its parameters are kept, also after Ctrl-C",
       "Options as in 'train { … }', in place of the model's own: steps or epochs, batch, optimizer, clip, "
       "freeze.\n"
       "'M,N' trains two models in turn.",
       ":fit fit optimizer = adam(lr = 1e-2), steps = 500", true, fit_command},
      {"params", "[PATH = e | FILE | initial]",
       "the parameters; set one, load a file, go back to the initial values",
       "Files are .safetensors or .npz.", ":params k = 0.7", true, params_command},
      {"set", "[NAME [=] VALUE | NAME default]", "what holds for all that is computed; alone, a list of it",
       "seed precision method rtol atol adjoint threads samples form digits remarks", ":set rtol 1e-8", false,
       set_command},
      {"show", "[NAME]", "the declarations of the session, or one of them", "", ":show pendulum", false,
       show_command},
      {"drop", "NAME …", "take declarations away", "", ":drop x y", false, drop_command},
      {"load", "FILE", "add the declarations of a .node file", "", ":load model.node", false, load_command},
      {"save", "FILE", "write a .node file that brings this session back",
       "Declarations, and in lines that begin with '#:' lets, settings and the name of the data file. "
       "Parameters that\n"
       "were fitted or set stand beside it in a .safetensors file. 'nodec repl FILE' reads them all.",
       ":save session.node", false, save_command},
      {"reset", "", "forget everything", "", ":reset", false, reset_command},
      {"quit", "", "leave, as Ctrl-D does", "", ":quit", false, quit_command},
  };
  return table;
}

const Command* find_command(const std::string& name) {
  for (const Command& command : commands())
    if (name == command.name) return &command;
  // A few letters will do where they are one command's alone.
  const std::vector<const Command*> list = beginning_with(name);
  return !name.empty() && list.size() == 1 ? list[0] : nullptr;
}

void run_command(Interpreter& interpreter) {
  const std::string& text = interpreter.input().text;
  const size_t colon = text.find(':');
  const size_t end = std::min(text.find_first_of(" \t\r\n", colon), text.size());
  const std::string name = text.substr(colon + 1, end - colon - 1);
  if (const Command* command = find_command(name)) {
    size_t begin = end, stop = text.size();
    while (begin < stop && std::isspace(static_cast<unsigned char>(text[begin]))) ++begin;
    while (stop > begin && std::isspace(static_cast<unsigned char>(text[stop - 1]))) --stop;
    return command->run(interpreter, {begin, stop});
  }
  std::vector<std::string> names;
  for (const Command& command : commands()) names.emplace_back(command.name);
  const std::vector<const Command*> several = beginning_with(name);
  std::string hint;
  if (!name.empty() && several.size() > 1) {
    for (const Command* command : several)
      hint += (hint.empty() ? " (:" : ", :") + std::string(command->name);
    hint += ")";
  } else if (const std::string near = source::nearest(name, names); !near.empty()) {
    hint = "; did you mean ':" + near + "'?";
  }
  interpreter.error("there is no command ':" + name + "'" + (hint.empty() ? "; ':help' lists them" : hint));
}

void help(Interpreter& interpreter, Stretch arguments) {
  std::string name = interpreter.text(arguments);
  if (name.starts_with(":")) name.erase(0, 1);
  if (!name.empty()) {
    const Command* command = find_command(name);
    if (!command) return interpreter.error("there is no command ':" + name + "'; ':help' lists them");
    std::cout << usage(*command) << "\n  " << command->summary << "\n";
    if (*command->details) {
      std::string details = command->details;
      for (size_t at = 0; (at = details.find('\n', at)) != std::string::npos; at += 3)
        details.insert(at + 1, "  ");
      std::cout << "  " << details << "\n";
    }
    std::cout << "Example:\n  " << command->example << "\n";
    return;
  }
  std::cout
      << "An expression is evaluated and shown: solve decay(z = 1) from 0 to 2\n"
         "A declaration is kept: field, model, layer, fn, param, const, dim, use, tableau, and 'let x = e' "
         "for a value.\n"
         "Declare it again, and what depends on it follows. A line goes on while a bracket is open.\n"
         "Tab completes, the arrows bring earlier lines back, Ctrl-C stops what runs, Ctrl-D leaves.\n\n";
  constexpr size_t column = 12;
  for (const Command& command : commands()) {
    std::string head = std::string(":") + command.name;
    head.resize(std::max(head.size() + 1, column), ' ');
    std::cout << head << command.summary << "\n";
  }
  std::cout << "\n':help COMMAND' shows how one is used.\n";
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  for (size_t at = 0; at < text.size();) {
    at = text.find_first_not_of(" \t\r\n", at);
    if (at == std::string::npos) break;
    const bool quoted = text[at] == '"';
    const size_t begin = quoted ? at + 1 : at;
    const size_t end =
        std::min(quoted ? text.find('"', begin) : text.find_first_of(" \t\r\n", begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    at = end + (quoted ? 1 : 0);
  }
  return words;
}

void quit_command(Interpreter& interpreter, Stretch) { interpreter.leave(); }

}  // namespace nodec::driver
