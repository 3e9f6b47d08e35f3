// Forward mode: tangents of what expressions are made of -> their tangents.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "compiler/derive/pass.hpp"
#include "compiler/derive/rules.hpp"

namespace nodec::derive {

using namespace graph;

std::vector<Ref> sweep_forward(Directions& d, const std::vector<Ref>& outputs, const std::vector<Ref>& wrt,
                               const std::vector<Ref>& tangents, Refusal& refusal) {
  std::unordered_map<Ref, Ref> known;
  for (size_t i = 0; i < wrt.size(); ++i)
    if (!vanishes(tangents[i])) known[wrt[i]] = tangents[i];
  std::unordered_map<Ref, std::vector<Ref>> tuples;
  const std::unordered_set<Ref> independent(wrt.begin(), wrt.end());
  const auto tangent = [&](Ref node) -> Ref {
    const auto at = known.find(node);
    return at == known.end() ? nullptr : at->second;
  };
  for (Ref node : active_nodes(outputs, wrt)) {
    if (independent.count(node) || refusal) continue;
    std::vector<Ref> operands;
    for (Ref operand : node->operands) operands.push_back(tangent(operand));
    const bool still = std::all_of(operands.begin(), operands.end(), [](Ref t) { return !t; });
    const bool moved_tuple = std::any_of(node->operands.begin(), node->operands.end(),
                                         [&](Ref operand) { return tuples.count(operand) > 0; });
    if (still && !moved_tuple) continue;
    const Rule* rule = find_rule(node->kind);
    std::vector<Ref> parts(node->parts.size(), nullptr);
    Push push{d,
              *node,
              operands,
              [&](Ref below) { return independent.count(below) > 0; },
              tangent,
              refusal,
              &parts,
              [&](Ref tuple, int part) {
                const auto at = tuples.find(tuple);
                return at == tuples.end() ? nullptr : at->second[static_cast<size_t>(part)];
              }};
    const Ref result = rule ? rule->push(push) : nullptr;
    if (!parts.empty()) {
      if (std::any_of(parts.begin(), parts.end(), [](Ref t) { return !vanishes(t); }))
        tuples[node] = std::move(parts);
      continue;
    }
    if (!vanishes(result)) known[node] = result;
  }
  std::vector<Ref> results;
  for (Ref output : outputs) results.push_back(tangent(output));
  return results;
}

std::vector<Ref> jvp(Graph& g, const std::vector<Ref>& outputs, const std::vector<Ref>& wrt,
                     const std::vector<Ref>& tangents, Refusal* refusal) {
  Directions one(g, {});
  std::vector<Ref> results = sweep_forward(one, outputs, wrt, tangents, *refusal);
  for (size_t i = 0; i < outputs.size(); ++i)
    if (!results[i]) results[i] = zeros(g, outputs[i]->type);
  return results;
}

}  // namespace nodec::derive
