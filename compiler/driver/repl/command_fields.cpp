// :derive, :jacobian, :trace, :adjoint, :emit
#include <algorithm>
#include <iostream>

#include "compiler/driver/repl/commands.hpp"
#include "compiler/driver/repl/isolated.hpp"
#include "compiler/embed/assemble.hpp"

namespace nodec::driver {
namespace {

bool is_heading(const std::string& line) {
  return line.size() > 3 && line.compare(0, 2, "  ") == 0 && line[2] >= 'A' && line[2] <= 'Z';
}

std::string cut(const std::string& text, const std::vector<std::string>& shown) {
  if (shown.empty()) return text;
  std::string out;
  bool wanted = true;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    if (is_heading(line))
      wanted = std::any_of(shown.begin(), shown.end(),
                           [&](const std::string& name) { return line.compare(2, name.size(), name) == 0; });
    if (wanted) out += line + "\n";
  }
  while (out.ends_with("\n\n")) out.pop_back();
  return out;
}

void derive_sections(Interpreter& interpreter, Stretch arguments, const std::vector<std::string>& shown) {
  const std::vector<std::string> words = words_of(interpreter.text(arguments));
  if (words.size() != 1) return interpreter.error("this command takes a field, as ':derive F'");
  const Isolated run = run_isolated([&] {
    const std::optional<Program> program = field_program(interpreter, interpreter.workspace, words[0]);
    if (!program) return std::string();
    const Result<DerivationReport> report = program->derive("", shown.empty());
    interpreter.tell(report.diagnostics());
    if (!report) return std::string();
    for (const DerivationReport::Field& field : report->fields)
      if (field.name == words[0]) std::cout << cut(field.text, shown);
    return std::string();
  });
  report_end(interpreter, run);
}

}  // namespace

std::optional<Program> field_program(const Interpreter& interpreter, const Workspace& workspace,
                                     const std::string& name) {
  const Program program = program_of(workspace, {name});
  interpreter.tell(program.diagnostics());
  if (!program.ok()) return {};
  const std::vector<std::string> fields = program.fields();
  if (std::count(fields.begin(), fields.end(), name)) return program;
  const Entry* entry = interpreter.workspace.session.find(name);
  if (entry) {
    const std::string kind = entry->keyword();
    interpreter.error("'" + name + "' is a " + kind +
                      (kind == "field"
                           ? " with arguments: declare an instance by 'field NAME = " + name + "(…)'"
                           : ", not a field"));
    return {};
  }
  std::vector<std::string> known;
  for (const Entry& e : interpreter.workspace.session.entries())
    if (std::string(e.keyword()) == "field") known.insert(known.end(), e.names.begin(), e.names.end());
  const std::string near = source::nearest(name, known);
  interpreter.error("there is no field '" + name + "'" +
                    (near.empty() ? "" : "; did you mean '" + near + "'?"));
  return {};
}

void derive_command(Interpreter& interpreter, Stretch arguments) {
  derive_sections(interpreter, arguments, {});
}
void jacobian_command(Interpreter& interpreter, Stretch arguments) {
  derive_sections(interpreter, arguments, {"Field", "Jacobian"});
}
void trace_command(Interpreter& interpreter, Stretch arguments) {
  derive_sections(interpreter, arguments, {"Field", "Jacobian", "Trace"});
}
void adjoint_command(Interpreter& interpreter, Stretch arguments) {
  derive_sections(interpreter, arguments, {"Field", "Jacobian", "Adjoint"});
}

void emit_command(Interpreter& interpreter, Stretch arguments) {
  static const std::vector<std::string> stages = {"ast", "graph", "adjoint", "tile", "llvm", "asm"};
  const std::string text = interpreter.text(arguments);
  const size_t stage_end = std::min(text.find_first_of(" \t\n"), text.size());
  const std::string stage = text.substr(0, stage_end);
  if (!std::count(stages.begin(), stages.end(), stage))
    return interpreter.error(
        "':emit' takes a stage, one of ast graph adjoint tile llvm asm, and a model, a field or an "
        "expression");
  const size_t begin = text.find_first_not_of(" \t\n", stage_end);
  if (begin == std::string::npos)
    return interpreter.error("':emit " + stage + "' takes a model, a field or an expression");
  const std::string name = text.substr(begin);
  const Entry* entry = interpreter.workspace.session.find(name);
  const std::string kind = entry ? entry->keyword() : "";
  const auto print = [&](const Result<Model>& model) {
    interpreter.tell(model.diagnostics());
    if (!model) return;
    const Result<std::string> emitted = model->emit(stage);
    interpreter.tell(emitted.diagnostics());
    if (emitted) std::cout << *emitted;
  };
  Workspace with = interpreter.workspace;
  syntax::ExprPtr expression;
  if (kind != "model" && kind != "field") {
    expression = interpreter.expression(with, {arguments.begin + begin, arguments.end});
    if (!expression) return;
  }
  const Isolated run = run_isolated([&] {
    if (expression) {
      const Result<Ready> ready = prepare(with, {expression});
      interpreter.tell(ready.diagnostics());
      if (!ready) return std::string();
      if (stage == "ast")
        std::cout << ready->program.syntax();
      else
        print(ready->model);
      return std::string();
    }
    const Program program = program_of(with, {name});
    interpreter.tell(program.diagnostics());
    if (!program.ok()) return std::string();
    if (stage == "ast")
      std::cout << program.syntax();
    else
      print(kind == "model" ? program.model(name) : program.integrate(name, {}));
    return std::string();
  });
  report_end(interpreter, run);
}

}  // namespace nodec::driver
