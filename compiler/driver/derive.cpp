// `derive`: the Jacobian, its trace and the adjoint dynamics as mathematics.
#include <iostream>

#include "compiler/driver/arguments.hpp"
#include "compiler/driver/json.hpp"

namespace nodec::driver {
namespace {

using nlohmann::ordered_json;
using Report = DerivationReport;

ordered_json counts(const Report::Counts& c) {
  return {{"multiply_adds", c.multiply_adds}, {"operations", c.operations}};
}

ordered_json cost(const Report::Cost& c) {
  ordered_json out = counts(c.evaluation);
  out["sample"] = counts(c.sample);
  out["update"] = counts(c.update);
  return out;
}

void print_json(const Report& report, const Arguments& arguments) {
  ordered_json fields = ordered_json::array();
  for (const Report::Field& f : report.fields) {
    ordered_json states = ordered_json::object();
    for (const Description& d : f.states) states[d.name] = d.type;
    ordered_json trace = cost(f.trace);
    trace["naive_multiply_adds"] = f.naive_trace_multiply_adds;
    fields.push_back({{"name", f.name},
                      {"states", states},
                      {"field", cost(f.field)},
                      {"trace", trace},
                      {"vjp", cost(f.vjp)},
                      {"adjoint", cost(f.adjoint)},
                      {"jacobian", f.jacobian},
                      {"text", f.text},
                      {"latex", f.latex}});
  }
  ordered_json out;
  if (report.model.empty())
    out["model"] = nullptr;
  else
    out["model"] = report.model;
  out["fields"] = fields;
  out["diagnostics"] = to_json(arguments.said->diagnostics);
  std::cout << out.dump(2) << "\n";
}

}  // namespace

int derive(const Arguments& arguments) {
  const std::optional<Program> program = load(arguments);
  if (!program) return arguments.said->status;
  const Result<Report> report = program->derive(arguments.model, arguments.all);
  print(report.diagnostics(), arguments);
  if (!report) return static_cast<int>(report.outcome());
  if (arguments.json) {
    print_json(*report, arguments);
  } else {
    for (size_t i = 0; i < report->fields.size(); ++i) {
      const Report::Field& f = report->fields[i];
      std::cout << (i > 0 ? "\n" : "") << (arguments.notation == "latex" ? f.latex : f.text);
    }
  }
  if (!arguments.json && arguments.notation == "text")
    std::cout << "\n∘, powers, quotients and functions act element by element; indices count from 0.\n";
  if (arguments.time_passes) print_stages(program->stages());
  return 0;
}

}  // namespace nodec::driver
