// Lambdas -> operation counts.
#include "compiler/graph/cost.hpp"

#include <algorithm>
#include <set>

namespace nodec::graph {
namespace {

int64_t size_of(const Type& type, const std::map<std::string, int64_t>& lengths) {
  int64_t n = 1;
  for (const Extent& e : type.shape) n *= e.evaluate(lengths);
  return n;
}

// Extents by label.
int64_t product_of_labels(const Node& node, const std::map<std::string, int64_t>& lengths) {
  const Contract& contract = node.as<Contract>();
  std::map<char, int64_t> extents;
  for (size_t i = 0; i < node.operands.size(); ++i)
    for (size_t axis = 0; axis < contract.operands[i].size(); ++axis)
      extents[contract.operands[i][axis]] = node.operands[i]->type.shape[axis].evaluate(lengths);
  int64_t n = 1;
  for (const auto& [label, extent] : extents) n *= extent;
  return n;
}

}  // namespace

Cost cost(const Node& node, const std::map<std::string, int64_t>& lengths) {
  std::map<std::string, int64_t> known = lengths;
  auto know = [&](const Type& type) {
    for (const Extent& e : type.shape)
      for (const std::string& atom : e.atoms()) known.emplace(atom, 1);
  };
  know(node.type);
  for (const Ref operand : node.operands) know(operand->type);
  Cost result;
  if (node.is(Kind::contract)) {
    const int64_t n = product_of_labels(node, known);
    if (node.operands.size() == 1)
      result.operations = n;
    else
      result.multiply_adds = n * static_cast<int64_t>(node.operands.size() - 1);
  } else if (node.is(Kind::map)) {
    result.operations = size_of(node.type, known);
  } else if (node.is(Kind::reduce) || node.is(Kind::scatter_add)) {
    result.operations = size_of(node.operands[0]->type, known);
  }
  return result;
}

Cost cost(const Lambda& lambda, const std::map<std::string, int64_t>& lengths) {
  Cost total;
  for (const Ref node : postorder(lambda.results)) {
    if (!std::binary_search(node->free.begin(), node->free.end(), lambda.height)) continue;
    total = total + cost(*node, lengths);
  }
  return total;
}

namespace {

bool is_matrix_product(const Node& node) {
  if (!node.is(Kind::contract) || node.operands.size() < 2) return false;
  const Contract& contract = node.as<Contract>();
  std::set<char> all;
  size_t most = 0;
  bool sums_over_matrix = false;
  for (const std::string& axes : contract.operands) {
    const std::set<char> own(axes.begin(), axes.end());
    all.insert(own.begin(), own.end());
    most = std::max(most, own.size());
    const bool sums = std::any_of(own.begin(), own.end(), [&](const char label) {
      return contract.result.find(label) == std::string::npos;
    });
    sums_over_matrix = sums_over_matrix || (sums && own.size() >= 2);
  }
  return sums_over_matrix || all.size() > most;
}

}  // namespace

int64_t matrix_multiply_adds(const Lambda& lambda, int first, const std::map<std::string, int64_t>& lengths) {
  int64_t total = 0;
  std::set<Ref> dependent;
  for (const Ref node : postorder(lambda.results)) {
    const bool own = node->is(Kind::variable) && node->as<Variable>().binder == lambda.height &&
                     node->as<Variable>().index >= first;
    const bool depends = own || std::any_of(node->operands.begin(), node->operands.end(),
                                            [&](const Ref operand) { return dependent.contains(operand); });
    if (!depends) continue;
    dependent.insert(node);
    if (is_matrix_product(*node)) total += cost(*node, lengths).multiply_adds;
  }
  return total;
}

RatedCost cost_by_rate(std::span<const Ref> results, const std::map<std::string, int64_t>& lengths) {
  RatedCost total;
  for (const Ref node : postorder(results)) {
    Cost& sum = !node->free.empty()          ? total.evaluation
                : node->base == Base::sample ? total.sample
                                             : total.update;
    sum = sum + cost(*node, lengths);
  }
  return total;
}

}  // namespace nodec::graph
