// The derivative of a solve, both ways.
//
// Reverse: an adjoint node, whose pullback is the reverse derivative of the field,
// pullback (t, z…, κ…) = (κᵀ∂f/∂t, κᵀ∂f/∂z…, κᵀ∂f/∂c…) for what c the field captures and a derivative is
// wanted of (Chen et al. 2018; Hager 2000: both adjoints evaluate it, at their own κ). It is built on the
// field's opened body and under one binder with it, so that what both compute is one node.
// Forward: the solve of z' = f, ż' = (∂f/∂z) ż + (∂f/∂c) ċ, with ż out of the norm.
// Tolerances, step sizes and their limits count as constants: the steps taken are not differentiated. The
// times of a solve have no tangent.
#include <algorithm>

#include "compiler/derive/rules.hpp"

namespace nodec::derive {

using namespace graph;

namespace {

// Fresh variables of a field, further ones after them, and the derivatives over those.
struct OpenField {
  std::vector<Ref> variables, derivatives;
};
OpenField open_field(Graph& g, const Lambda* field, const std::vector<Type>& further) {
  const Graph::Opened body = g.open(field);
  std::vector<Type> types = field->variables;
  types.insert(types.end(), further.begin(), further.end());
  OpenField result{g.variables(types, body.variables[0]->base), {}};
  std::unordered_map<Ref, Ref> renamed;
  for (size_t i = 0; i < body.variables.size(); ++i) renamed[body.variables[i]] = result.variables[i];
  result.derivatives = g.substitute(body.results, renamed);
  return result;
}

std::vector<Type> state_types(const Node& solve) {
  std::vector<Type> types;
  for (int i = 0; i < solve.as<SolveInfo>().state_count(); ++i)
    types.push_back(solve.operands[static_cast<size_t>(i)]->type);
  return types;
}

bool moves(Ref tangent) { return tangent && !vanishes(tangent); }

}  // namespace

Ref make_adjoint(Graph& g, Ref solve, const std::vector<int>& frontier, const std::vector<Ref>& cotangents,
                 Refusal& refusal) {
  const SolveInfo& info = solve->as<SolveInfo>();
  const auto states = static_cast<std::ptrdiff_t>(info.states.size());
  const size_t first = static_cast<size_t>(info.frontier_operand());
  const OpenField field = open_field(g, info.field, state_types(*solve));
  std::vector<Ref> wrt(field.variables.begin(), field.variables.begin() + 1 + states);
  const std::vector<Ref> kappa(field.variables.begin() + 1 + states, field.variables.end());
  for (int index : frontier) wrt.push_back(solve->operands[first + static_cast<size_t>(index)]);
  // Per evaluation: the sum over the batch comes after the sum over evaluations.
  const std::vector<Ref> pulled = vjp(g, field.derivatives, kappa, wrt, &refusal, Over::sample);
  if (refusal) return nullptr;
  std::vector<Ref> full;
  for (size_t i = 0; i < info.states.size(); ++i)
    full.push_back(cotangents[i] ? cotangents[i] : zeros(g, solve->parts[i]));
  return g.adjoint(solve, {g.close(field.variables, pulled), frontier}, full);
}

void pull_solve(Pull& p) {
  Graph& g = p.d.g;
  const SolveInfo& info = p.node.as<SolveInfo>();
  const size_t states = info.states.size(), first = static_cast<size_t>(info.frontier_operand());
  std::vector<int> named;
  for (size_t i = first; i < p.node.operands.size(); ++i)
    if (p.wants(i)) named.push_back(static_cast<int>(i - first));
  const Ref adjoint = make_adjoint(g, &p.node, named, p.cotangents, p.refusal);
  if (!adjoint) return;
  // Initial values, t0 and ts stand in the same order among the solve's operands.
  for (size_t i = 0; i < states + 2; ++i)
    if (p.wants(i)) p.give(p.node.operands[i], g.part(adjoint, static_cast<int>(i)), 0);
  for (size_t i = 0; i < named.size(); ++i)
    p.give(p.node.operands[first + static_cast<size_t>(named[i])],
           g.part(adjoint, static_cast<int>(states + 2 + i)), 0);
}

Ref extend_by_tangents(Graph& g, const Node& solve, const std::vector<Ref>& tangents, Refusal& refusal) {
  const SolveInfo& info = solve.as<SolveInfo>();
  const size_t states = info.states.size(), first = static_cast<size_t>(info.frontier_operand());
  if (moves(tangents[states]) || moves(tangents[states + 1])) {
    if (!refusal) refusal = {"a second or forward derivative by the times of a solve", &solve};
    return nullptr;
  }
  const std::vector<Type> types = state_types(solve);
  const OpenField field = open_field(g, info.field, types);
  std::vector<Ref> wrt(field.variables.begin() + 1,
                       field.variables.begin() + 1 + static_cast<std::ptrdiff_t>(states));
  std::vector<Ref> along(field.variables.begin() + 1 + static_cast<std::ptrdiff_t>(states),
                         field.variables.end());
  for (size_t i = first; i < solve.operands.size(); ++i) {
    if (!moves(tangents[i])) continue;
    wrt.push_back(solve.operands[i]);
    along.push_back(tangents[i]);
  }
  std::vector<Ref> results = jvp(g, field.derivatives, wrt, along, &refusal);
  if (refusal) return nullptr;

  SolveInfo extended = info;
  std::vector<Ref> initial(solve.operands.begin(),
                           solve.operands.begin() + static_cast<std::ptrdiff_t>(states));
  Extent elements = 0;
  for (size_t i = 0; i < states; ++i) {
    SolveState state = info.states[i];
    state.name += " tangent";
    state.in_norm = false;
    const std::vector<Ref> read = postorder(results);
    state.quadrature = std::find(read.begin(), read.end(), field.variables[1 + states + i]) == read.end();
    extended.states.push_back(state);
    initial.push_back(moves(tangents[i]) ? tangents[i] : zeros(g, types[i]));
    elements = elements + types[i].size();
  }
  results.insert(results.begin(), field.derivatives.begin(), field.derivatives.end());
  extended.field = g.close(field.variables, results);
  std::vector<Ref> controls;
  for (int c = 0; c < static_cast<int>(Control::count); ++c) {
    Ref control = solve.operands[static_cast<size_t>(info.control_operand(static_cast<Control>(c)))];
    const bool by_element = static_cast<Control>(c) != Control::stops && !control->type.scalar();
    if (by_element) control = g.concat({control, g.constant(1.0, {{elements}, Element::real})}, 0);
    controls.push_back(control);
  }
  return g.solve(extended, initial, solve.operands[states], solve.operands[states + 1], controls);
}

Ref push_solve(Push& p) {
  const size_t states = p.node.as<SolveInfo>().states.size();
  const Ref extended = extend_by_tangents(p.d.g, p.node, p.tangents, p.refusal);
  for (size_t i = 0; extended && i < states; ++i)
    (*p.parts)[i] = p.d.g.part(extended, static_cast<int>(states + i));
  return nullptr;
}

}  // namespace nodec::derive
