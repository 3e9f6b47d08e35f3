// An expression -> whether its value is certainly finite, given that what users provide and states are.
#include "compiler/derive/finite.hpp"

#include <algorithm>
#include <cmath>

#include "compiler/graph/op.hpp"

namespace nodec::derive {
namespace {

using namespace graph;

// Functions that map finite reals to finite reals.
constexpr std::string_view finite_ops[] = {"add",      "sub",           "mul",     "neg",  "abs", "sign",
                                           "min",      "max",           "tanh",    "sin",  "cos", "sigmoid",
                                           "softplus", "relu",          "elu",     "atan", "erf", "floor",
                                           "where",    "stop_gradient", "to_real", "atan2"};

bool finite_by_itself(const Node& node) {
  if (node.type.element == Element::integer || node.type.element == Element::boolean) return true;
  switch (node.kind) {
    case Kind::constant: {
      const std::vector<double>& values = node.as<Constant>().values;
      return std::all_of(values.begin(), values.end(), [](double x) { return std::isfinite(x); });
    }
    case Kind::map: {
      const std::string_view name = node.as<Map>().op->name;
      return std::find(std::begin(finite_ops), std::end(finite_ops), name) != std::end(finite_ops);
    }
    default:
      return true;
  }
}

}  // namespace

bool Finiteness::operator()(Ref x) {
  std::vector<std::pair<Ref, size_t>> stack{{x, 0}};
  while (!stack.empty()) {
    auto& [node, child] = stack.back();
    if (known_.count(node)) {
      stack.pop_back();
    } else if (node->is(Kind::part) || !finite_by_itself(*node)) {
      // A solve's state is finite or its sample has failed.
      known_[node] = node->is(Kind::part);
      stack.pop_back();
    } else if (child < node->operands.size()) {
      const Ref operand = node->operands[child++];
      if (!known_.count(operand)) stack.emplace_back(operand, 0);
    } else {
      known_[node] =
          std::all_of(node->operands.begin(), node->operands.end(), [&](Ref o) { return known_.at(o); });
      stack.pop_back();
    }
  }
  return known_.at(x);
}

}  // namespace nodec::derive
