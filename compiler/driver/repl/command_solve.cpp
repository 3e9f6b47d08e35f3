// :solve, :plot
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <numeric>

#include "compiler/driver/panels.hpp"
#include "compiler/driver/plot.hpp"
#include "compiler/driver/repl/blocks.hpp"
#include "compiler/driver/repl/commands.hpp"
#include "compiler/driver/repl/isolated.hpp"
#include "compiler/driver/repl/request.hpp"
#include "compiler/driver/solved_field.hpp"

namespace nodec::driver {
namespace {

// The numbers of all that a request computes, in the order of the stretches; nothing after printing errors.
std::optional<std::vector<Array>> numbers_of(const Interpreter& interpreter,
                                             const std::vector<Stretch>& stretches) {
  if (stretches.empty()) return std::vector<Array>();
  Workspace with = interpreter.workspace;
  std::vector<syntax::ExprPtr> expressions;
  for (const Stretch& stretch : stretches) {
    expressions.push_back(interpreter.expression(with, stretch));
    if (!expressions.back()) return {};
  }
  const Result<Ready> ready = prepare(with, expressions);
  interpreter.tell(ready.diagnostics());
  if (!ready) return {};
  const Result<std::vector<std::vector<Value>>> values = evaluate(*ready);
  interpreter.tell(values.diagnostics());
  if (!values) return {};
  std::vector<Array> arrays;
  for (const std::vector<Value>& parts : *values) {
    if (parts.size() != 1) {
      interpreter.error("a number or an array is wanted here, not a tuple of " +
                        std::to_string(parts.size()));
      return {};
    }
    arrays.push_back(parts[0].array);
  }
  return arrays;
}

std::optional<std::vector<double>> times_of(const Interpreter& interpreter, const Array* from,
                                            const Array* to, const Array* at, const Array* points,
                                            int64_t standard) {
  const auto scalar = [&](const Array* array, double otherwise) {
    return array ? array->values[0] : otherwise;
  };
  for (const Array* array : {from, to, points})
    if (array && !array->shape.empty()) {
      interpreter.error("'from', 'to' and 'points' take a number each");
      return {};
    }
  if (at) {
    if (at->shape.size() == 1 && at->values.size() >= 2) return at->values;
    interpreter.error("'at' takes an array of two times or more");
    return {};
  }
  const double first = scalar(from, 0), last = scalar(to, from ? first + 1 : 1);
  const double count = scalar(points, static_cast<double>(standard));
  if (!(count >= 2 && count <= 1e8) || count != std::floor(count)) {
    interpreter.error("'points' takes an integer of at least 2");
    return {};
  }
  std::vector<double> times;
  for (int64_t i = 0; i < static_cast<int64_t>(count); ++i)
    times.push_back(i + 1 == static_cast<int64_t>(count)
                        ? last
                        : first + (last - first) * static_cast<double>(i) / (count - 1));
  return times;
}

std::string type_text(const std::vector<int64_t>& shape) {
  std::string type = "real";
  for (size_t i = 0; i < shape.size(); ++i) type += (i ? ", " : "[") + std::to_string(shape[i]);
  return type + (shape.empty() ? "" : "]");
}

// Runs in the child.
std::optional<SolvedField> run_request(const Interpreter& interpreter, const SolveRequest& request,
                                       size_t offset, int64_t points, Arguments& arguments) {
  const auto placed = [&](const Stretch& s) { return Stretch{s.begin + offset, s.end + offset}; };
  std::vector<Stretch> stretches;
  for (const auto& [name, stretch] : request.values) stretches.push_back(placed(stretch));
  const auto clause = [&](const std::optional<Stretch>& s) {
    if (!s) return size_t{0};
    stretches.push_back(placed(*s));
    return stretches.size();
  };
  const size_t from = clause(request.from), to = clause(request.to), at = clause(request.at),
               count = clause(request.points);
  const std::optional<std::vector<Array>> numbers = numbers_of(interpreter, stretches);
  if (!numbers) return {};
  const auto number = [&](size_t i) { return i > 0 ? &(*numbers)[i - 1] : nullptr; };
  const std::optional<std::vector<double>> times =
      times_of(interpreter, number(from), number(to), number(at), number(count), points);
  if (!times) return {};
  Workspace with = interpreter.workspace;
  if (request.by) {
    const std::string by = interpreter.text(placed(*request.by));
    with.arguments.method = by.substr(by.find_first_not_of(" \t\n"));
    with.arguments.method.erase(with.arguments.method.find_last_not_of(" \t\n") + 1);
  }
  const std::optional<Program> program = field_program(interpreter, with, request.field);
  if (!program) return {};
  std::vector<std::string> given;
  for (const auto& [name, stretch] : request.values) given.push_back(name);
  const Result<Model> model = program->integrate(request.field, given);
  interpreter.tell(model.diagnostics());
  if (!model) return {};
  Arrays values;
  for (const Description& d : model->data()) {
    if (d.name == "t" || d.name == "t0") continue;
    const auto found = std::find(given.begin(), given.end(), d.name);
    if (found == given.end()) {
      interpreter.error("'" + d.name + "' has no value: give it, as " + request.field + "(" + d.name +
                        " = …), " + d.type);
      return {};
    }
    Array value = (*numbers)[static_cast<size_t>(found - given.begin())];
    const bool open = std::count(d.shape.begin(), d.shape.end(), -1) > 0;
    if (value.shape != d.shape && !(open && value.shape.size() == d.shape.size())) {
      interpreter.error("'" + d.name + "' is " + d.type + ", and this is " + type_text(value.shape));
      return {};
    }
    values[d.name] = std::move(value);
  }
  const Result<Arrays> weights = weights_of(with, *model);
  interpreter.tell(weights.diagnostics());
  if (!weights) return {};
  int status = 0;
  arguments = with.arguments;
  arguments.field = request.field;
  arguments.from = times->front();
  arguments.to = times->back();
  return integrate(arguments, *model, std::move(values), *times, *weights, status);
}

std::string field_state(const std::string& name, size_t k, size_t width) {
  return width == 1 ? name : name + "[" + std::to_string(k) + "]";
}

void print_table(const SolvedField& trajectory, int digits) {
  std::vector<std::vector<std::string>> columns;
  const std::vector<double>& t = trajectory.states.at("t").values;
  const auto add = [&](const std::string& name, const std::vector<double>& values, size_t width, size_t k) {
    std::vector<std::string>& column = columns.emplace_back();
    column.push_back(field_state(name, k, width));
    for (size_t row = 0; row < t.size(); ++row) {
      char text[40];
      std::snprintf(text, sizeof text, "%.*g", digits, values[row * width + k]);
      column.emplace_back(text);
    }
  };
  add("t", t, 1, 0);
  for (const Description& d : trajectory.model.outputs()) {
    const Array& states = trajectory.states.at(d.name);
    const size_t width = states.values.size() / t.size();
    for (size_t k = 0; k < width; ++k) add(d.name, states.values, width, k);
  }
  const auto columns_of = [](const std::string& text) {
    return static_cast<size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
  };
  for (size_t row = 0; row <= t.size(); ++row) {
    std::string line;
    for (const std::vector<std::string>& column : columns) {
      size_t width = 0;
      for (const std::string& cell : column) width = std::max(width, columns_of(cell));
      line += std::string(width - columns_of(column[row]) + (line.empty() ? 0 : 2), ' ') + column[row];
    }
    std::cout << line << "\n";
  }
}

void show_panels(const Interpreter& interpreter, const std::vector<Panel>& panels, const std::string& file) {
  if (!file.empty()) {
    const std::string problem = draw(panels, file);
    if (!problem.empty()) return interpreter.error(problem);
    std::cout << "picture: " << file << "\n";
    return;
  }
  BlockStyle style;
  winsize size{};
  style.color = ::isatty(STDOUT_FILENO) == 1;
  if (style.color && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    style.columns = std::clamp<int>(size.ws_col - 1, 40, 100);
  std::cout << blocks(panels, style);
}

void plot_expressions(const Interpreter& interpreter, const PlotRequest& request, size_t offset) {
  const auto placed = [&](const Stretch& s) { return Stretch{s.begin + offset, s.end + offset}; };
  Workspace with = interpreter.workspace;
  std::vector<syntax::ExprPtr> expressions;
  std::vector<std::string> names;
  std::vector<Stretch> stretches = request.expressions;
  if (request.over) stretches.push_back(*request.over);
  for (const Stretch& stretch : stretches) {
    expressions.push_back(interpreter.expression(with, placed(stretch)));
    if (!expressions.back()) return;
    std::string name = interpreter.text(placed(stretch));
    name.erase(0, name.find_first_not_of(" \t\n"));
    name.erase(name.find_last_not_of(" \t\n") + 1);
    names.push_back(name);
  }
  const Result<Ready> ready = prepare(with, expressions);
  interpreter.tell(ready.diagnostics());
  if (!ready) return;
  const Result<std::vector<std::vector<Value>>> values = evaluate(*ready);
  interpreter.tell(values.diagnostics());
  if (!values) return;
  std::vector<Component> lines;
  std::vector<double> x;
  if (request.over) {
    const Array& over = values->back().front().array;
    if (over.shape.size() != 1)
      return interpreter.error("'over' takes an array of one axis, not " + type_text(over.shape));
    x = over.values;
  }
  for (size_t i = 0; i < request.expressions.size(); ++i) {
    const std::vector<Value>& parts = (*values)[i];
    for (size_t part = 0; part < parts.size(); ++part) {
      const Array& array = parts[part].array;
      const std::string name = parts.size() == 1 ? names[i] : names[i] + "." + std::to_string(part);
      if (array.shape.empty() || array.shape[0] < 2)
        return interpreter.error("an array of at least two elements is drawn, not " + type_text(array.shape) +
                                 ": '" + name + "'");
      if (x.empty()) {
        x.resize(static_cast<size_t>(array.shape[0]));
        std::iota(x.begin(), x.end(), 0);
      }
      if (array.shape[0] != static_cast<int64_t>(x.size()))
        return interpreter.error("'" + name + "' is " + type_text(array.shape) + ", and the axis has " +
                                 std::to_string(x.size()) + " elements");
      add_components(name, array, lines);
    }
  }
  Panel panel = over_time(x, lines, {});
  panel.x_label = request.over ? names.back() : "index";
  show_panels(interpreter, {panel}, request.file);
}

void plot_session_model(const Interpreter& interpreter, const std::string& name, const std::string& file) {
  const Workspace& workspace = interpreter.workspace;
  const Program program = program_of(workspace, {name});
  interpreter.tell(program.diagnostics());
  if (!program.ok()) return;
  const Result<Model> model = program.model(name);
  interpreter.tell(model.diagnostics());
  if (!model) return;
  const Result<Arrays> weights = weights_of(workspace, *model);
  interpreter.tell(weights.diagnostics());
  const Result<Dataset> data = data_of(workspace, *model);
  interpreter.tell(data.diagnostics());
  if (!weights || !data) return;
  std::vector<Panel> panels;
  std::vector<SampleFailure> failures;
  if (add_model(workspace.arguments, *model, *weights, *data, panels, failures) != 0) return;
  report(failures);
  show_panels(interpreter, panels, file);
}

std::string kind_of(const Interpreter& interpreter, const std::string& name) {
  const Entry* entry = interpreter.workspace.session.find(name);
  return entry ? entry->keyword() : "";
}

}  // namespace

void solve_command(Interpreter& interpreter, Stretch arguments) {
  const std::string text = interpreter.text(arguments);
  const SolveRequest request = read_solve(text);
  if (!request.wrong.empty()) return interpreter.error(":solve: " + request.wrong);
  const Isolated run = run_isolated([&] {
    constexpr int64_t rows = 11;
    Arguments used;
    const std::optional<SolvedField> trajectory =
        run_request(interpreter, request, arguments.begin, rows, used);
    if (!trajectory) return std::string();
    if (report(trajectory->failures) != 0) return std::string();
    if (request.file.empty()) {
      print_table(*trajectory, interpreter.workspace.digits);
      return std::string();
    }
    std::set<std::string> along;
    for (const auto& [name, array] : trajectory->states) along.insert(name);
    if (const auto problem = write_arrays(request.file, trajectory->states, false, along)) {
      interpreter.tell({*problem});
      return std::string();
    }
    std::cout << "table: " << request.file << "\n";
    return std::string();
  });
  report_end(interpreter, run);
}

void plot_command(Interpreter& interpreter, Stretch arguments) {
  const std::string text = interpreter.text(arguments);
  if (text.empty()) return interpreter.error("':plot' takes a field, a model or expressions");
  const SolveRequest request = read_solve(text);
  const PlotRequest plot = read_plot(text);
  const std::string kind = kind_of(interpreter, request.field);
  const std::string& file = plot.file;
  if (!file.empty() && !file.ends_with(".svg") && !file.ends_with(".png"))
    return interpreter.error("a picture is .svg or .png, not '" + file + "'");
  if (kind == "field" && !request.wrong.empty()) return interpreter.error(":plot: " + request.wrong);
  const Isolated run = run_isolated([&] {
    if (kind == "model") {
      plot_session_model(interpreter, request.field, file);
    } else if (kind != "field") {
      plot_expressions(interpreter, plot, arguments.begin);
    } else {
      constexpr int64_t points = 200;
      Arguments used;
      const std::optional<SolvedField> trajectory =
          run_request(interpreter, request, arguments.begin, points, used);
      if (!trajectory) return std::string();
      report(trajectory->failures);
      show_panels(interpreter, panels_of(*trajectory, used), file);
    }
    return std::string();
  });
  report_end(interpreter, run);
}

}  // namespace nodec::driver
