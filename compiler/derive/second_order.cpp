// The derivative of a solve's adjoint, both ways, by derivatives of the solve alone.
//
// An adjoint is a = Jᵀλ, J = ∂(solve)/∂(operands x). With S̃(x, ẋ) = (z, J ẋ), the solve extended by tangents,
// the adjoint of S̃ for the cotangents (λ̇, λ) has for x the part Jᵀλ̇ + ∂⟨λ, J ẋ⟩/∂x, which is ȧ along (ẋ, λ̇);
// and ⟨w, Jᵀλ⟩ = ⟨J w, λ⟩, so that a cotangent w of a gives J w to λ and ∂⟨λ, J w⟩/∂x to x. On given steps
// both are exact.
#include <algorithm>

#include "compiler/derive/pass.hpp"
#include "compiler/derive/rules.hpp"

namespace nodec::derive {

using namespace graph;

namespace {

// Jᵀλ̇ + ∂⟨λ, J ẋ⟩/∂x for each operand of the solve, and J ẋ for each state.
struct Second {
  std::vector<Ref> operands, states;  // null: zero, or not wanted
};

// tangents: ẋ by operand of the solve. moved: λ̇, null for zero.
Second second_order(Graph& g, const Node& adjoint, const std::vector<Ref>& tangents,
                    const std::vector<Ref>& moved, const std::vector<bool>& wanted, Refusal& refusal) {
  const Ref solve = adjoint.operands[0];
  const SolveInfo& info = solve->as<SolveInfo>();
  const size_t states = info.states.size(), first = static_cast<size_t>(info.frontier_operand());
  // Tangents of what the field captures stand behind names: they must not count as made of what they may be
  // made of.
  std::vector<Ref> named = tangents;
  std::unordered_map<Ref, Ref> meaning;
  for (size_t i = first; i < named.size(); ++i) {
    if (vanishes(named[i])) continue;
    named[i] = g.variables({tangents[i]->type})[0];
    meaning[named[i]] = tangents[i];
  }
  const Ref extended = extend_by_tangents(g, *solve, named, refusal);
  if (!extended) return {};

  std::vector<Ref> captured;
  for (size_t i = first; i < solve->operands.size(); ++i)
    if (wanted[i]) captured.push_back(solve->operands[i]);
  const SolveInfo& twice = extended->as<SolveInfo>();
  const auto own = extended->operands.begin() + twice.frontier_operand();
  const std::vector<Ref> frontier(own, extended->operands.end());
  const std::vector<Ref> active = active_nodes(frontier, captured);
  std::vector<int> indices;
  std::vector<Ref> outputs;
  for (size_t i = 0; i < frontier.size(); ++i) {
    if (std::find(active.begin(), active.end(), frontier[i]) == active.end()) continue;
    indices.push_back(static_cast<int>(i));
    outputs.push_back(frontier[i]);
  }
  std::vector<Ref> cotangents = moved;
  for (size_t i = 0; i < states; ++i) cotangents.push_back(adjoint.operands[1 + i]);
  const Ref pulled = make_adjoint(g, extended, indices, cotangents, refusal);
  if (!pulled) return {};
  const auto part = [&](size_t i) { return g.part(pulled, static_cast<int>(i)); };

  Second result;
  std::vector<Ref> flat;
  for (size_t i = 0; i < states; ++i) flat.push_back(part(i));
  flat.push_back(part(2 * states));
  flat.push_back(part(2 * states + 1));
  std::vector<Ref> received;
  for (size_t i = 0; i < outputs.size(); ++i) received.push_back(part(2 * states + 2 + i));
  const std::vector<Ref> shares = vjp(g, outputs, received, captured, &refusal, Over::sample);
  if (refusal) return {};
  flat.insert(flat.end(), shares.begin(), shares.end());
  for (size_t i = 0; i < states; ++i) flat.push_back(g.part(extended, static_cast<int>(states + i)));
  flat = g.substitute(flat, meaning);
  for (Ref node : postorder(flat)) {
    if (!node->is(Kind::adjoint)) continue;
    const std::vector<int>& kept = node->as<AdjointInfo>().frontier;
    if (std::find(kept.begin(), kept.end(), -1) == kept.end()) continue;
    if (!refusal) refusal = {"a second derivative in this direction through a solve", &adjoint};
    return {};
  }

  result.operands.assign(solve->operands.size(), nullptr);
  std::copy_n(flat.begin(), states + 2, result.operands.begin());
  size_t next = states + 2;
  for (size_t i = first; i < solve->operands.size(); ++i)
    if (wanted[i]) result.operands[i] = flat[next++];
  result.states.assign(flat.begin() + static_cast<std::ptrdiff_t>(next), flat.end());
  return result;
}

// Which operand of the solve each part of its adjoint belongs to.
std::vector<size_t> operands_of_parts(const Node& adjoint) {
  const SolveInfo& info = adjoint.operands[0]->as<SolveInfo>();
  std::vector<size_t> result;
  for (size_t i = 0; i < info.states.size() + 2; ++i) result.push_back(i);
  for (int index : adjoint.as<AdjointInfo>().frontier)
    result.push_back(static_cast<size_t>(info.frontier_operand() + index));
  return result;
}

}  // namespace

Ref push_adjoint(Push& p) {
  Graph& g = p.d.g;
  const Ref solve = p.node.operands[0];
  const size_t states = solve->as<SolveInfo>().states.size();
  std::vector<Ref> tangents, moved;
  for (Ref operand : solve->operands) tangents.push_back(p.tangent_of(operand));
  for (size_t i = 0; i < states; ++i) moved.push_back(p.tangents[1 + i]);
  const std::vector<size_t> belongs = operands_of_parts(p.node);
  const int first = solve->as<SolveInfo>().frontier_operand();
  for (int c = 0; c < static_cast<int>(Control::count); ++c)
    tangents[static_cast<size_t>(first - 1 - c)] = nullptr;  // controls are constants
  if (std::all_of(tangents.begin(), tangents.end(), [](Ref t) { return vanishes(t); })) {
    if (std::all_of(moved.begin(), moved.end(), [](Ref t) { return vanishes(t); })) return nullptr;
    const Ref along = make_adjoint(g, solve, p.node.as<AdjointInfo>().frontier, moved, p.refusal);
    for (size_t i = 0; along && i < belongs.size(); ++i) (*p.parts)[i] = g.part(along, static_cast<int>(i));
    return nullptr;
  }
  std::vector<bool> wanted(solve->operands.size(), false);
  for (size_t operand : belongs) wanted[operand] = true;
  const Second second = second_order(g, p.node, tangents, moved, wanted, p.refusal);
  if (p.refusal) return nullptr;
  for (size_t i = 0; i < belongs.size(); ++i) (*p.parts)[i] = second.operands[belongs[i]];
  return nullptr;
}

void pull_adjoint(Pull& p) {
  const Ref solve = p.node.operands[0];
  const size_t states = solve->as<SolveInfo>().states.size();
  const std::vector<size_t> belongs = operands_of_parts(p.node);
  std::vector<Ref> tangents(solve->operands.size(), nullptr);
  for (size_t i = 0; i < belongs.size(); ++i) tangents[belongs[i]] = p.cotangents[i];
  std::vector<bool> wanted(solve->operands.size(), false);
  for (size_t i = 0; i < wanted.size(); ++i) wanted[i] = p.active(solve->operands[i]);
  const Second second =
      second_order(p.d.g, p.node, tangents, std::vector<Ref>(states, nullptr), wanted, p.refusal);
  if (p.refusal) return;
  for (size_t i = 0; i < states; ++i)
    if (p.wants(1 + i)) p.give(p.node.operands[1 + i], second.states[i], 0);
  for (size_t i = 0; i < wanted.size(); ++i)
    if (wanted[i] && second.operands[i]) p.give(solve->operands[i], second.operands[i], 0);
}

}  // namespace nodec::derive
