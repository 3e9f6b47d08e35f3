// `compile`: machine code, a report of what was derived and what it costs, or the text of a stage.
#include <cstdio>
#include <iostream>

#include "compiler/driver/arguments.hpp"
#include "compiler/driver/json.hpp"
#include "compiler/driver/library.hpp"

namespace nodec::driver {
namespace {

using nlohmann::ordered_json;

ordered_json describe(const std::vector<Description>& list) {
  ordered_json out = ordered_json::object();
  for (const Description& d : list) out[d.name] = d.type;
  return out;
}

void print_json(const CompileReport& r, const Arguments& arguments) {
  ordered_json fields = ordered_json::array();
  for (const CompileReport::Field& f : r.fields)
    fields.push_back(
        {{"name", f.name},
         {"states", describe(f.states)},
         {"method", f.method},
         {"adjoint", f.adjoint},
         {"field", {{"multiply_adds", f.field_multiply_adds}, {"operations", f.field_operations}}},
         {"vjp", {{"multiply_adds", f.vjp_multiply_adds}, {"operations", f.vjp_operations}}}});
  ordered_json stages = ordered_json::object();
  for (const TimedStage& s : r.stages) stages[s.name] = s.milliseconds;
  const ordered_json out = {{"model", r.model},
                            {"precision", r.precision},
                            {"target", r.target},
                            {"form", r.form},
                            {"form_reason", r.form_reason},
                            {"lanes", r.lanes},
                            {"data", describe(r.data)},
                            {"parameters", describe(r.parameters)},
                            {"outputs", describe(r.outputs)},
                            {"metrics", describe(r.metrics)},
                            {"parameter_count", r.parameter_count},
                            {"fields", fields},
                            {"forward_code_bytes", r.forward_code_bytes},
                            {"gradient_code_bytes", r.gradient_code_bytes},
                            {"bytes_per_sample", r.bytes_per_sample},
                            {"record_bytes_per_step", r.record_bytes_per_step},
                            {"kept_bytes_per_step", r.kept_bytes_per_step},
                            {"stages_ms", stages},
                            {"total_ms", r.total_milliseconds},
                            {"diagnostics", to_json(arguments.said->diagnostics)}};
  std::cout << out.dump(2) << "\n";
}

void print_list(const char* title, const std::vector<Description>& list) {
  for (const Description& d : list) {
    std::printf("  %-10s %s: %s\n", title, d.name.c_str(), d.type.c_str());
    title = "";
  }
}

void print_text(const CompileReport& r) {
  std::printf("model %s, %s, %s, form %s (%s), tiles of %d\n", r.model.c_str(), r.precision.c_str(),
              r.target.c_str(), r.form.c_str(), r.form_reason.c_str(), r.lanes);
  print_list("data", r.data);
  print_list("parameters", r.parameters);
  if (r.parameter_count > 0)
    std::printf("  %-10s %lld numbers\n", "", static_cast<long long>(r.parameter_count));
  print_list("outputs", r.outputs);
  print_list("metrics", r.metrics);
  for (const CompileReport::Field& f : r.fields) {
    std::printf("solve %s by %s, adjoint %s\n", f.name.c_str(), f.method.c_str(), f.adjoint.c_str());
    print_list("states", f.states);
    std::printf("  an evaluation of the field:  %lld multiply-adds, %lld elementwise operations\n",
                static_cast<long long>(f.field_multiply_adds), static_cast<long long>(f.field_operations));
    if (f.vjp_multiply_adds + f.vjp_operations > 0)
      std::printf("  of its vjp, adjoint stage:   %lld multiply-adds, %lld elementwise operations\n",
                  static_cast<long long>(f.vjp_multiply_adds), static_cast<long long>(f.vjp_operations));
  }
  if (r.gradient_code_bytes > 0)
    std::printf(
        "machine code: %lld bytes of the loss and its gradient; outputs are compiled when they are asked "
        "for\n",
        static_cast<long long>(r.gradient_code_bytes));
  else
    std::printf("machine code: %lld bytes, no gradient\n", static_cast<long long>(r.forward_code_bytes));
  std::printf("memory: %lld bytes a sample", static_cast<long long>(r.bytes_per_sample));
  if (r.record_bytes_per_step > 0)
    std::printf(", and %lld for each of its accepted steps", static_cast<long long>(r.record_bytes_per_step));
  if (r.kept_bytes_per_step > 0)
    std::printf("; %lld more of the stages while the cache holds them",
                static_cast<long long>(r.kept_bytes_per_step));
  std::printf("\n");
  std::printf("compiled in %.1f ms\n", r.total_milliseconds);
}

const std::string stage_after(const std::string& pass) {
  if (pass == "parse") return "ast";
  if (pass == "elaborate") return "graph";
  if (pass == "derive") return "adjoint";
  if (pass == "schedule") return "tile";
  return pass == "codegen" ? "llvm" : "asm";
}

int print_stage(const std::string& text, const Arguments& arguments) {
  if (!arguments.out.empty()) return write_text(arguments, arguments.out, text) ? 0 : 1;
  std::cout << text;
  return 0;
}

// The tree of a file that parses, also where its names or shapes are wrong.
int print_syntax(const Arguments& arguments) {
  const std::optional<Options> options = options_of(arguments);
  if (!options) return 2;
  const Program program = Program::from_file(arguments.file, *options);
  const std::string text = program.syntax();
  if (text.empty() && !program.ok()) {
    print(program.diagnostics(), arguments);
    return 1;
  }
  return print_stage(text, arguments);
}

}  // namespace

int compile(const Arguments& arguments) {
  const std::string stage = arguments.emit_after.empty() ? arguments.emit : stage_after(arguments.emit_after);
  if (stage == "ast") return print_syntax(arguments);
  const std::optional<Program> program = load(arguments);
  if (!program) return 1;
  const Result<Model> model = program->model(arguments.model);
  print(model.diagnostics(), arguments);
  if (!model) return static_cast<int>(model.outcome());
  if (emits_files(arguments)) return compile_library(arguments, *model);
  if (!stage.empty()) {
    const Result<std::string> text = model->emit(stage);
    print(text.diagnostics(), arguments);
    if (!text) return static_cast<int>(text.outcome());
    return print_stage(*text, arguments);
  }
  const Result<CompileReport> report = model->compile();
  print(report.diagnostics(), arguments);
  if (!report) return static_cast<int>(report.outcome());
  if (arguments.json)
    print_json(*report, arguments);
  else if (!arguments.quiet)
    print_text(*report);
  if (arguments.time_passes) print_stages(report->stages);
  return 0;
}

}  // namespace nodec::driver
