// What can be said at the prompt beside the language: commands, which begin with a colon.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compiler/driver/repl/interpreter.hpp"

namespace nodec::driver {

struct Command {
  const char* name;
  const char* arguments;  // for the help
  const char* summary;
  const char* details;  // "" or some lines
  const char* example;
  bool of_the_language;  // its arguments go on while a bracket is open
  void (*run)(Interpreter&, Stretch arguments);
};
const std::vector<Command>& commands();
const Command* find_command(const std::string& name);

// Does what an input that begins with a colon says.
void run_command(Interpreter& interpreter);

void help(Interpreter& interpreter, Stretch arguments);
// values
void type_command(Interpreter& interpreter, Stretch arguments);
void time_command(Interpreter& interpreter, Stretch arguments);
void eval_command(Interpreter& interpreter, Stretch arguments);
void params_command(Interpreter& interpreter, Stretch arguments);
// fields
void derive_command(Interpreter& interpreter, Stretch arguments);
void jacobian_command(Interpreter& interpreter, Stretch arguments);
void trace_command(Interpreter& interpreter, Stretch arguments);
void adjoint_command(Interpreter& interpreter, Stretch arguments);
void emit_command(Interpreter& interpreter, Stretch arguments);
void solve_command(Interpreter& interpreter, Stretch arguments);
void plot_command(Interpreter& interpreter, Stretch arguments);
void fit_command(Interpreter& interpreter, Stretch arguments);
// the session
void data_command(Interpreter& interpreter, Stretch arguments);
void set_command(Interpreter& interpreter, Stretch arguments);
void show_command(Interpreter& interpreter, Stretch arguments);
void drop_command(Interpreter& interpreter, Stretch arguments);
void load_command(Interpreter& interpreter, Stretch arguments);
void save_command(Interpreter& interpreter, Stretch arguments);
void reset_command(Interpreter& interpreter, Stretch arguments);
void quit_command(Interpreter& interpreter, Stretch arguments);

// ---- shared by the commands
// Words of the arguments, separated by space; those between double quotes may hold it.
std::vector<std::string> words_of(const std::string& text);
// The program of one field; nothing after printing an error.
std::optional<Program> field_program(const Interpreter& interpreter, const Workspace& workspace,
                                     const std::string& name);
std::vector<std::string> setting_names();
// Whether the models and fields of the session can have these parameters; prints what is wrong.
bool check_parameters(const Interpreter& interpreter, const Arrays& parameters);
// Prints what a child of this process did not say.
struct Isolated;
bool report_end(const Interpreter& interpreter, const Isolated& run);

}  // namespace nodec::driver
