// The derivative of a solve: an adjoint node, whose pullback is the reverse derivative of the field.
//
// pullback (t, z…, κ…) = (κᵀ∂f/∂t, κᵀ∂f/∂z…, κᵀ∂f/∂c…) for what c the field captures and a derivative is
// wanted of (Chen et al. 2018; Hager 2000: both adjoints evaluate it, at their own κ). It is built on the
// field's opened body and under one binder with it, so that what both compute is one node.
// Tolerances, step sizes and their limits count as constants: the steps taken are not differentiated.
#include "compiler/derive/rules.hpp"

namespace nodec::derive {

using namespace graph;

void pull_solve(Pull& p) {
  Graph& g = p.d.g;
  const SolveInfo& info = p.node.as<SolveInfo>();
  if (p.d.lead() > 0) {
    if (!p.refusal) p.refusal = {"jacobian of an expression that contains a solve", &p.node};
    return;
  }
  const size_t states = info.states.size();

  const Graph::Opened body = g.open(info.field);
  std::vector<Type> types = info.field->variables;
  for (Ref derivative : body.results) types.push_back(derivative->type);
  const std::vector<Ref> variables = g.variables(types, body.variables[0]->base);
  std::unordered_map<Ref, Ref> renamed;
  for (size_t i = 0; i < body.variables.size(); ++i) renamed[body.variables[i]] = variables[i];
  const std::vector<Ref> derivatives = g.substitute(body.results, renamed);

  AdjointInfo adjoint_info{};
  std::vector<Ref> wrt(variables.begin(), variables.begin() + static_cast<std::ptrdiff_t>(1 + states));
  const std::vector<Ref> kappa(variables.begin() + static_cast<std::ptrdiff_t>(1 + states), variables.end());
  const size_t first = static_cast<size_t>(info.frontier_operand());
  for (size_t i = first; i < p.node.operands.size(); ++i)
    if (p.wants(i)) {
      adjoint_info.frontier.push_back(static_cast<int>(i - first));
      wrt.push_back(p.node.operands[i]);
    }
  // Per evaluation: the sum over the batch comes after the sum over evaluations.
  const std::vector<Ref> pulled = vjp(g, derivatives, kappa, wrt, &p.refusal, Over::sample);
  if (p.refusal) return;
  adjoint_info.pullback = g.close(variables, pulled);

  std::vector<Ref> cotangents;
  for (size_t i = 0; i < states; ++i)
    cotangents.push_back(p.cotangents[i] ? p.cotangents[i] : zeros(g, p.node.parts[i]));
  const std::vector<int> named = adjoint_info.frontier;
  const Ref adjoint = g.adjoint(&p.node, std::move(adjoint_info), cotangents);
  // Initial values, t0 and ts stand in the same order among the solve's operands.
  for (size_t i = 0; i < states + 2; ++i)
    if (p.wants(i)) p.give(p.node.operands[i], g.part(adjoint, static_cast<int>(i)), 0);
  for (size_t i = 0; i < named.size(); ++i)
    p.give(p.node.operands[first + static_cast<size_t>(named[i])],
           g.part(adjoint, static_cast<int>(states + 2 + i)), 0);
}

}  // namespace nodec::derive
