// Fields -> their derivations as mathematics.
#include "compiler/notation/derivation.hpp"

#include <algorithm>

#include "compiler/embed/deep_stack.hpp"
#include "compiler/embed/state.hpp"
#include "compiler/graph/limit.hpp"

namespace nodec {
namespace {

using Report = DerivationReport;

Report::Counts counts(const graph::Cost& c) { return {c.multiply_adds, c.operations}; }

Report::Cost cost(const graph::RatedCost& c) {
  return {counts(c.evaluation), counts(c.sample), counts(c.update)};
}

// How many random vectors estimate the trace of a solve; 0 where it is exact.
int64_t probes_of(const graph::Node& solve, const notation::Field& field) {
  graph::Extent drawn = 0, elements = 0;
  const graph::Ref rate = solve.as<graph::SolveInfo>().field->results.back();
  for (const graph::Ref node : graph::postorder(std::span(&rate, 1)))
    if (node->is(graph::Kind::random) && node->as<graph::Random>().stream >= semantics::first_estimate)
      drawn = drawn + node->type.size();
  for (const notation::Quantity& state : field.states) elements = elements + state.node->type.size();
  if (drawn == graph::Extent(0)) return 0;
  const bool known = drawn.is_constant() && elements.is_constant() && elements.value() > 0;
  return known ? std::max<int64_t>(1, drawn.value() / elements.value()) : 1;
}

// The field of a solve, with what the solve says.
notation::Field describe(semantics::Module& module, const semantics::Field& field,
                         const semantics::SolveUse* use) {
  notation::Field out;
  out.name = field.name;
  out.place = field.place;
  out.time = field.variables[0];
  const size_t states = field.states.size();
  for (size_t i = 0; i < states; ++i) out.states.push_back({field.states[i].name, field.variables[1 + i]});
  // An input is a value of the sample, whatever a solve gives for it.
  std::unordered_map<graph::Ref, graph::Ref> inputs;
  for (size_t i = 0; i < field.inputs.size(); ++i) {
    const semantics::Variable& input = field.inputs[i];
    const graph::Ref node = module.graph.data(input.name, input.type, false);
    inputs[field.variables[1 + states + i]] = node;
    out.inputs.push_back({input.name, node});
  }
  out.derivatives = module.graph.substitute(field.derivatives, inputs);
  for (const semantics::ParameterDecl& p : field.parameters) {
    const bool inside = p.source_path.starts_with(field.name + ".");
    out.parameters.push_back({inside ? p.source_path.substr(field.name.size() + 1) : p.source_path,
                              module.graph.parameter(p.path, p.type)});
  }
  if (!use) return out;
  const graph::SolveInfo& info = use->node->as<graph::SolveInfo>();
  out.logdet = info.states.size() > states && info.states.back().name == "logdet";
  out.adjoint = info.adjoint == graph::AdjointKind::backsolve ? "backsolve" : "checkpoint";
  if (out.logdet) out.probes = probes_of(*use->node, out);
  out.solved =
      "solved by " + use->method + (out.logdet ? " with logdet" : "") + (out.probes > 0 ? " hutchinson" : "");
  return out;
}

}  // namespace

Result<DerivationReport> Program::derive(const std::string& model, bool all) const try {
  if (!ok()) return Result<Report>::failed(state->diagnostics);
  Report report;
  std::vector<Diagnostic> list;
  std::vector<std::pair<const semantics::Field*, const semantics::SolveUse*>> chosen;
  const std::vector<semantics::Field>& fields = state->module->fields;
  semantics::Model of_model;
  if (!model.empty() || !state->module->models.empty()) {
    const Result<Model> found = this->model(model);
    if (!found) return Result<Report>::failed(found.diagnostics(), found.outcome());
    list = found.diagnostics();
    of_model = found->state->model;
    report.model = found->name();
  }
  for (const semantics::SolveUse& use : of_model.solves) {
    const auto field = std::find_if(fields.begin(), fields.end(),
                                    [&](const semantics::Field& f) { return f.name == use.field; });
    const auto known =
        std::find_if(chosen.begin(), chosen.end(), [&](const auto& c) { return c.first->name == use.field; });
    if (field != fields.end() && known == chosen.end()) chosen.emplace_back(&*field, &use);
  }
  if (chosen.empty())
    for (const semantics::Field& field : fields) chosen.emplace_back(&field, nullptr);
  if (chosen.empty())
    return Result<Report>::failed({embed::plain(Severity::error, "no_field",
                                                "the file declares no field: there is nothing to derive")});
  const std::lock_guard lock(state->mutex);
  constexpr size_t most_nodes = 1'000'000;
  graph::limit(state->module->graph, most_nodes);
  for (const auto& [field, use] : chosen) {
    const notation::Field described = describe(*state->module, *field, use);
    const notation::Derivation derived =
        embed::on_deep_stack([&] { return notation::derive(state->module->graph, described, all); });
    if (!derived.refusal.empty())
      return Result<Report>::failed({embed::plain(Severity::error, "cannot_compile", derived.refusal)});
    Report::Field out;
    out.name = field->name;
    for (const semantics::Variable& s : field->states) {
      Description d{s.name, s.type.text(), {}};
      for (const graph::Extent& e : s.type.shape) d.shape.push_back(e.is_constant() ? e.value() : -1);
      out.states.push_back(std::move(d));
    }
    out.field = cost(derived.field);
    out.trace = cost(derived.trace);
    out.vjp = cost(derived.vjp);
    out.adjoint = cost(derived.adjoint);
    out.naive_trace_multiply_adds = derived.naive;
    out.jacobian = derived.jacobian;
    out.text = derived.text;
    out.latex = derived.latex;
    report.fields.push_back(std::move(out));
  }
  return Result<Report>(std::move(report), std::move(list));
} catch (...) {
  return Result<Report>::failed({embed::caught()});
}

}  // namespace nodec
