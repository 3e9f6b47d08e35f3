// Expressions -> the values in them that deserve names.
#include "compiler/notation/naming.hpp"

#include <algorithm>

#include "compiler/graph/op.hpp"
#include "compiler/notation/product.hpp"
#include "compiler/notation/translate.hpp"

namespace nodec::notation {

using namespace graph;

namespace {

bool leaf(Ref node) { return node->operands.empty() || node->is(Kind::length); }

// Written with what it is made of, and never for itself: a sign, a transposition, a slice, a tuple.
bool light(Ref node) {
  if (is_map(node, "where") && written_operands(node).size() == 1) return true;
  return node->is(Kind::view) || node->is(Kind::reshape) || node->is(Kind::solve) ||
         node->is(Kind::adjoint) || is_map(node, "neg") || is_map(node, "to_real");
}

Ref below(Ref light_node) { return written_operands(light_node)[0]; }

// What x^n multiplies with itself; null for other nodes.
Ref power_base(Ref node) {
  if (!is_map(node, "mul")) return nullptr;
  const auto base = [](Ref x) {
    const Ref inner = power_base(x);
    return inner ? inner : x;
  };
  return base(node->operands[0]) == base(node->operands[1]) ? base(node->operands[0]) : nullptr;
}

bool scaling(Ref node) {
  return (is_map(node, "mul") && (splat(node->operands[0]) || splat(node->operands[1]))) ||
         (is_map(node, "div") && splat(node->operands[1]));
}

// 0, 1, …, as numbers.
bool counts(Ref node) {
  return node->is(Kind::iota) || (is_map(node, "to_real") && counts(node->operands[0]));
}

bool elementary(Ref node) {
  static const std::vector<std::string_view> names = {"add", "sub", "mul", "div", "neg"};
  return node->is(Kind::map) &&
         std::any_of(names.begin(), names.end(), [&](std::string_view name) { return is_map(node, name); });
}

}  // namespace

bool trivial(Ref node) {
  // A range is written out once.
  if (node->is(Kind::map) && std::any_of(node->operands.begin(), node->operands.end(), counts)) return false;
  if (leaf(node)) return true;
  if (node->is(Kind::concat) || node->is(Kind::place))
    return node->base == Base::constant && node->free.empty() && node->type.rank() <= 2;
  if (const Ref base = power_base(node)) return trivial(base);
  if (scaling(node)) return trivial(node->operands[0]) && trivial(node->operands[1]);
  if (light(node) && !node->is(Kind::solve) && !node->is(Kind::adjoint))
    return std::all_of(node->operands.begin(), node->operands.end(), trivial);
  return false;
}

int Naming::uses(Ref node) const {
  const auto found = uses_.find(node);
  return found == uses_.end() ? 0 : found->second;
}

void Naming::use(Ref node) {
  while (light(node) && !node->operands.empty()) {
    if (!counted_.insert(node).second && !node->is(Kind::view) && !is_map(node, "neg")) return;
    const std::vector<Ref> operands = written_operands(node);
    for (size_t i = 1; i < operands.size(); ++i) use(operands[i]);
    node = operands[0];
  }
  ++uses_[node];
}

void Naming::add(const std::vector<Ref>& roots) {
  for (const Ref node : postorder(roots)) {
    if (!counted_.insert(node).second || light(node)) continue;
    // A power uses its base once.
    if (const Ref base = power_base(node)) {
      use(base);
      continue;
    }
    for (const Ref operand : node->operands) use(operand);
  }
  for (const Ref root : roots) {
    if (light(root)) use(root);
    roots_.push_back(root);
  }
}

void Naming::visit(Ref node, const std::function<bool(Ref)>& passes, std::unordered_set<Ref>& seen) {
  if (!seen.insert(node).second || leaf(node)) return;
  if (node->is(Kind::contract) && passes(node)) {
    for (const Factor& factor : flatten(node, passes).factors) {
      use(factor.node);
      visit(factor.node, passes, seen);
    }
    return;
  }
  if (counted_.count(node)) return;
  counted_.insert(node);
  for (const Ref operand : node->operands) {
    if (!light(node) && !(operand->is(Kind::contract) && passes(operand))) use(operand);
    visit(operand, passes, seen);
  }
}

void Naming::add_product(Ref root, const std::function<bool(Ref)>& passes) {
  std::unordered_set<Ref> seen;
  visit(root, passes, seen);
}

std::vector<Ref> Naming::choose(const std::function<int(Ref)>& rate) {
  constexpr int most_weight = 26, least_named = 3;
  std::unordered_set<Ref> named;
  std::unordered_map<Ref, int> weight;
  std::vector<Ref> all;
  for (const auto& [node, count] : uses_) all.push_back(node);
  std::sort(all.begin(), all.end(), [](Ref a, Ref b) { return a->id < b->id; });
  all.insert(all.begin(), roots_.begin(), roots_.end());

  const std::vector<Ref> order = postorder(all);
  std::unordered_set<Ref> slower;  // read by what is computed more often
  for (const Ref node : order)
    for (const Ref operand : node->operands)
      if (rate(operand) < rate(node)) slower.insert(operand);
  const auto weight_of = [&](Ref node) { return named.count(node) ? 1 : weight.at(node); };
  for (const Ref node : order) {
    int& own = weight[node];
    own = 1;
    if (leaf(node)) continue;
    if (const Ref base = power_base(node)) {
      own += weight_of(base);
    } else {
      const auto total = [&] {
        int sum = 1;
        for (const Ref operand : written_operands(node)) sum += weight_of(operand);
        return sum;
      };
      own = total();
      while (own > most_weight) {
        Ref heaviest = nullptr;
        for (Ref operand : node->operands) {
          while (light(operand) && !operand->operands.empty()) operand = below(operand);
          const bool heavier = !heaviest || weight_of(operand) > weight_of(heaviest);
          if (!named.count(operand) && heavier) heaviest = operand;
        }
        if (!heaviest || weight_of(heaviest) <= 4) break;
        named.insert(heaviest);
        for (Ref operand : node->operands)
          for (Ref inner = operand; inner != heaviest && light(inner) && !inner->operands.empty();
               inner = below(inner))
            weight[inner] = 2;
        own = total();
      }
    }
    if (required_.count(node)) named.insert(node);
    if (light(node) || trivial(node)) continue;
    const bool heavy = own >= least_named && uses(node) >= 2;
    const bool hoisted = slower.count(node) && rate(node) > 0 && own >= least_named &&
                         (!elementary(node) || own > most_weight / 3);
    if (heavy || hoisted) named.insert(node);
  }
  std::vector<Ref> result;
  for (const Ref node : order)
    if (named.count(node)) result.push_back(node);
  return result;
}

}  // namespace nodec::notation
