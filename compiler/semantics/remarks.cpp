// What the elaborator decided, and what costs more than the text shows.
#include <unordered_set>

#include "compiler/derive/derive.hpp"
#include "compiler/graph/cost.hpp"
#include "compiler/semantics/elaborator.hpp"

namespace nodec::semantics {

using graph::Control;
using graph::Kind;

namespace {

std::string text_of(Ref value) {
  if (!value->is(Kind::constant)) return "…";
  const std::vector<double>& values = value->as<graph::Constant>().values;
  return values.size() == 1 ? source::Argument(values[0]).text : "[…]";
}

int64_t total(const graph::Cost& cost) { return cost.multiply_adds + cost.operations; }

}  // namespace

void Elaborator::remark_on_method(const std::string& field, Span span, const MethodUse& method,
                                  const graph::SolveInfo& info, bool method_chosen, bool adjoint_chosen) {
  if (!options_.remarks || (!method_chosen && !adjoint_chosen)) return;
  const auto control = [&](Control c) { return text_of(method.controls[static_cast<size_t>(c)]); };
  std::string by = method.name;
  if (method.rule == graph::StepRule::adaptive)
    by += "(rtol = " + control(Control::rtol) + ", atol = " + control(Control::atol) + ")";
  if (method.rule == graph::StepRule::fixed_step) by += "(dt = " + control(Control::step) + ")";
  if (method.rule == graph::StepRule::equal_steps) by += "(steps = " + control(Control::step) + ")";
  if (method_chosen) by += ", the default";
  const bool backward = info.adjoint == graph::AdjointKind::backsolve;
  const std::string adjoint =
      std::string(backward ? "backsolve" : "checkpoint") + (adjoint_chosen ? ", the default" : "");
  diagnostics_.report(Id::method_chosen, span, field, by, adjoint)
      .note(span, "'by' names a method and its tolerances, 'adjoint' how gradients are found");
}

void Elaborator::remark_on_trace(const std::vector<Ref>& variables, const std::vector<Ref>& results,
                                 const Extent& elements, Span span) {
  if (!options_.remarks) return;
  // The trace is the last of the results; it shares with the field what both need.
  std::vector<Ref> field(results.begin(), results.end() - 1);
  const int64_t alone = total(graph::cost(*g_.close(variables, field)));
  const int64_t all = total(graph::cost(*g_.close(variables, results))), own = all - alone;
  if (3 * own < all) return;
  auto& remark = diagnostics_.report(Id::exact_trace, span, elements.text(), own, all);
  const std::vector<Ref> states(variables.begin() + 1, variables.end() - 1);
  std::vector<Type> types;
  for (const Ref state : states) types.push_back(state->type);
  derive::Refusal refusal;
  const size_t streams = estimates_.size();
  const Ref estimate =
      derive::estimated_divergence(g_, field, states, probe_noise(types, 1, false, span), 1, &refusal);
  estimates_.resize(streams);
  if (!refusal) field.push_back(estimate);
  const int64_t estimated = total(graph::cost(*g_.close(variables, field))) - alone;
  // It never switches by itself: whether noise is worth that much is the user's to say.
  if (!refusal && own > 10 * estimated)
    remark.note(span, "'with logdet hutchinson' estimates it, without bias, in " + std::to_string(estimated) +
                          " operations of an evaluation");
  else
    remark.note(span,
                "it grows with the elements of the state and with the layers' widths: make both as small as "
                "the density allows");
}

// Inputs are constant during a solve as parameters are, but differ from sample to sample.
void Elaborator::remark_on_field(const Field& field) {
  if (!options_.remarks) return;
  const std::vector<Ref> changing(
      field.variables.begin(),
      field.variables.begin() + 1 + static_cast<std::ptrdiff_t>(field.states.size()));
  std::unordered_set<Ref> changes(changing.begin(), changing.end());
  int64_t all = 0, constant = 0;
  bool inputs = false;
  for (Ref node : graph::postorder(field.derivatives)) {
    bool here = changes.contains(node);
    for (Ref operand : node->operands) here = here || changes.contains(operand);
    if (here) changes.insert(node);
    if (node->type.element != graph::Element::real) continue;  // indices and conditions cost next to nothing
    const int64_t work = total(graph::cost(*node));
    all += work;
    if (here || work == 0) continue;
    constant += work;
    inputs = inputs || node->base == graph::Base::sample;
  }
  constexpr int64_t share = 20, few = 16;
  if (constant < few || constant * share < all) return;
  remark(Id::constant_during_solve, field.span, constant, all, field.name,
         inputs ? "solve" : "update of the parameters");
}

void Elaborator::remark_on_jacobian(const Tensor& result, const Tensor& by, Span span) {
  constexpr int64_t large = 10'000;
  const Extent size = result.type().size(), values = by.type().size();
  if (!options_.remarks || !size.is_constant() || !values.is_constant() || size.value() < large) return;
  diagnostics_.report(Id::large_jacobian, span, size.text(), size.value() / values.value(), values.text())
      .note(span, "'jvp' and 'vjp' multiply by it at the price of the function, 'div' takes its trace");
}

}  // namespace nodec::semantics
