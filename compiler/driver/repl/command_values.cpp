// :type, :time, :eval, :params
#include <algorithm>
#include <cstdio>
#include <iostream>

#include "compiler/driver/evaluate.hpp"
#include "compiler/driver/repl/bytes.hpp"
#include "compiler/driver/repl/commands.hpp"
#include "compiler/driver/repl/isolated.hpp"
#include "compiler/driver/repl/values.hpp"
#include "compiler/embed/assemble.hpp"

namespace nodec::driver {

void type_command(Interpreter& interpreter, Stretch arguments) {
  if (arguments.empty()) return interpreter.error("':type' takes an expression");
  Workspace with = interpreter.workspace;
  const syntax::ExprPtr expression = interpreter.expression(with, arguments);
  if (!expression) return;
  if (auto* name = std::get_if<syntax::NameRef>(&expression->node); name && name->primes == 0) {
    const Entry* entry = with.session.find(name->text);
    static const std::set<std::string> values = {"let", "const", "param", "dim"};
    if (entry && !values.count(entry->keyword())) {
      const std::string kind = entry->keyword();
      std::cout << "a " << (kind == "fn" ? "function" : kind) << "\n";
      return;
    }
  }
  const Result<Ready> ready = prepare(with, {expression});
  interpreter.tell(ready.diagnostics());
  if (ready) std::cout << types_of(*ready)[0] << "\n";
}

void time_command(Interpreter& interpreter, Stretch arguments) {
  if (arguments.empty()) return interpreter.error("':time' takes an expression");
  Workspace with = interpreter.workspace;
  const syntax::ExprPtr expression = interpreter.expression(with, arguments);
  if (!expression) return;
  const Isolated run = run_isolated([&] {
    const Result<Ready> ready = prepare(with, {expression});
    interpreter.tell(ready.diagnostics());
    if (!ready) return std::string();
    BenchOptions options;
    options.seconds = 0.3;
    const Result<Bench> bench = ready->model.bench(ready->data, ready->weights, options);
    interpreter.tell(bench.diagnostics());
    if (!bench) return std::string();
    for (const SampleFailure& failure : bench->failures) std::cerr << failure.text << "\n";
    std::printf("%.3g ms a run (median of %lld), compiled in %.0f ms", bench->forward.median,
                static_cast<long long>(bench->measurements), bench->compile_milliseconds);
    for (const Bench::Solve& solve : bench->solves)
      std::printf("\nsolve %s by %s: %.0f evaluations, %.0f steps, %.0f rejected", solve.field.c_str(),
                  solve.method.c_str(), solve.evaluations, solve.accepted, solve.rejected);
    std::printf("\n");
    return std::string();
  });
  report_end(interpreter, run);
}

void eval_command(Interpreter& interpreter, Stretch arguments) {
  const Workspace& workspace = interpreter.workspace;
  std::vector<bool> chosen = workspace.session.whole();
  for (size_t i = 0; i < chosen.size(); ++i)
    chosen[i] = chosen[i] && !workspace.session.entries()[i].is_let();
  const std::string name = interpreter.text(arguments);
  const Isolated run = run_isolated([&] {
    const Program program = name.empty() || !workspace.session.find(name) ? program_of(workspace, chosen)
                                                                          : program_of(workspace, {name});
    interpreter.tell(program.diagnostics());
    if (!program.ok()) return std::string();
    const Result<Model> model = program.model(name);
    interpreter.tell(model.diagnostics());
    if (!model) return std::string();
    const Result<Arrays> weights = weights_of(workspace, *model);
    interpreter.tell(weights.diagnostics());
    const Result<Dataset> data = data_of(workspace, *model);
    interpreter.tell(data.diagnostics());
    if (!weights || !data) return std::string();
    const Result<Evaluation> result = model->evaluate(*data, *weights);
    interpreter.tell(result.diagnostics());
    if (!result) return std::string();
    print_evaluation(*result, data->samples());
    for (const Description& d : model->outputs()) {
      const Array& array = result->outputs.at(d.name);
      std::string type = "real";
      for (size_t i = 0; i < array.shape.size(); ++i)
        type += (i ? ", " : "[") + std::to_string(array.shape[i]);
      if (!array.shape.empty()) type += "]";
      std::cout << d.name << ": " << value_text(array, type, workspace.digits) << "\n";
    }
    report(result->failures);
    return std::string();
  });
  report_end(interpreter, run);
}

namespace {

void list_parameters(Interpreter& interpreter) {
  const Workspace& workspace = interpreter.workspace;
  const std::vector<SessionParameter> list = parameters_of(workspace);
  if (list.empty()) std::cout << "no parameters\n";
  for (const SessionParameter& p : list) {
    const auto own = workspace.parameters.find(p.path);
    const bool kept = own != workspace.parameters.end() && own->second.shape == p.initial.shape;
    std::cout << p.path << ": " << value_text(kept ? own->second : p.initial, p.type, workspace.digits)
              << (kept ? "" : "  (initial)") << "\n";
  }
}

void set_parameter(Interpreter& interpreter, const std::string& path, Stretch value) {
  const std::vector<SessionParameter> list = parameters_of(interpreter.workspace);
  const auto found =
      std::find_if(list.begin(), list.end(), [&](const SessionParameter& p) { return p.path == path; });
  if (found == list.end()) {
    std::vector<std::string> paths;
    for (const SessionParameter& p : list) paths.push_back(p.path);
    const std::string near = source::nearest(path, paths);
    return interpreter.error("there is no parameter '" + path + "'" +
                             (near.empty() ? "; ':params' lists them" : "; did you mean '" + near + "'?"));
  }
  Workspace with = interpreter.workspace;
  const syntax::ExprPtr expression = interpreter.expression(with, value);
  if (!expression) return;
  const Isolated run = run_isolated([&] {
    const Result<Ready> ready = prepare(with, {expression});
    interpreter.tell(ready.diagnostics());
    if (!ready) return std::string();
    const Result<std::vector<std::vector<Value>>> values = evaluate(*ready);
    interpreter.tell(values.diagnostics());
    if (!values) return std::string();
    const Value& value = values->front().front();
    return to_bytes({{value.type, value.array}});
  });
  if (!report_end(interpreter, run) || run.result.empty()) return;
  auto [given, array] = *from_bytes(run.result).begin();
  if (array.shape.empty())
    array = {found->initial.shape, std::vector<double>(found->initial.values.size(), array.values[0])};
  if (array.shape != found->initial.shape)
    return interpreter.error("'" + path + "' is " + found->type + ", and this is " + given);
  Arrays changed = interpreter.workspace.parameters;
  changed[path] = std::move(array);
  if (check_parameters(interpreter, changed)) interpreter.workspace.parameters = std::move(changed);
}

}  // namespace

bool check_parameters(const Interpreter& interpreter, const Arrays& parameters) {
  Workspace with = interpreter.workspace;
  std::vector<bool> chosen = with.session.whole();
  for (size_t i = 0; i < chosen.size(); ++i) chosen[i] = chosen[i] && !with.session.entries()[i].is_let();
  with.parameters = parameters;
  const Model all = embed::all_parameters(program_of(with, chosen));
  const Result<Arrays> weights = weights_of(with, all);
  if (!weights) return false;
  const Result<Arrays> checked = all.check_weights(*weights);
  if (!checked) interpreter.tell(checked.diagnostics());
  return static_cast<bool>(checked);
}

void params_command(Interpreter& interpreter, Stretch arguments) {
  const std::string text = interpreter.text(arguments);
  if (text.empty()) return list_parameters(interpreter);
  if (text == "initial") {
    interpreter.workspace.parameters.clear();
    return;
  }
  if (const size_t equals = text.find('='); equals != std::string::npos) {
    std::string path = text.substr(0, equals);
    path.erase(path.find_last_not_of(" \t") + 1);
    return set_parameter(interpreter, path, {arguments.begin + equals + 1, arguments.end});
  }
  const std::vector<std::string> words = words_of(text);
  const Result<Arrays> arrays = read_arrays(interpreter.resolved(words[0]));
  interpreter.tell(arrays.diagnostics());
  if (!arrays) return;
  Arrays known;
  std::string others;
  const std::vector<SessionParameter> list = parameters_of(interpreter.workspace);
  for (const auto& [path, array] : *arrays) {
    const auto found = std::find_if(list.begin(), list.end(),
                                    [&, name = path](const SessionParameter& p) { return p.path == name; });
    if (found != list.end() && found->initial.shape == array.shape)
      known[path] = array;
    else
      others += (others.empty() ? "" : ", ") + path;
  }
  if (!others.empty())
    std::cerr << "warning: '" << words[0]
              << "' holds what is no parameter here, or has another shape: " << others << "\n";
  Arrays changed = interpreter.workspace.parameters;
  for (auto& [path, array] : known) changed[path] = array;
  if (check_parameters(interpreter, changed)) interpreter.workspace.parameters = std::move(changed);
}

}  // namespace nodec::driver
