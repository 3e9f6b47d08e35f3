// A closed lambda and the values of its frontier -> a function on numbers, compiled once, called often.
#include "compiler/graph/evaluate_function.hpp"

#include "compiler/graph/evaluate_solve.hpp"

namespace nodec::graph {
namespace {

// Nodes in order, operands first; those in `known` and the lambda's variables are leaves.
std::vector<Ref> body_order(const Lambda& lambda, std::unordered_map<Ref, size_t>& slots) {
  std::vector<Ref> order;
  std::vector<std::pair<Ref, size_t>> stack;
  size_t next = slots.size() + lambda.variables.size();
  const auto visit = [&](Ref node) {
    if (slots.count(node)) return;
    if (node->is(Kind::variable) && node->as<Variable>().binder == lambda.height) {
      slots[node] = static_cast<size_t>(node->as<Variable>().index);
      return;
    }
    stack.emplace_back(node, 0);
  };
  for (Ref root : lambda.results) {
    visit(root);
    while (!stack.empty()) {
      auto& [node, child] = stack.back();
      if (child < node->operands.size()) {
        visit(node->operands[child++]);
        continue;
      }
      if (slots.emplace(node, next).second) {
        ++next;
        order.push_back(node);
      }
      stack.pop_back();
    }
  }
  return order;
}

}  // namespace

Function::Function(const Lambda& lambda, std::span<const Ref> frontier,
                   std::span<const Tensor* const> captured, const Environment& sample, size_t batch,
                   const ReferenceOptions& options) {
  const size_t variables = lambda.variables.size();
  std::unordered_map<Ref, size_t> slots;
  std::vector<const Tensor*> given;
  for (size_t i = 0; i < frontier.size(); ++i)
    if (slots.emplace(frontier[i], variables + given.size()).second) given.push_back(captured[i]);
  const std::vector<Ref> order = body_order(lambda, slots);

  const size_t first_computed = variables + given.size();
  frame_.resize(first_computed + order.size());
  tuples_.resize(frame_.size());
  std::vector<bool> varies(frame_.size(), false);
  for (size_t i = 0; i < variables; ++i) {
    frame_[i] = make_tensor(resolve(lambda.variables[i].shape, sample.lengths));
    varies[i] = true;
  }
  for (size_t i = 0; i < given.size(); ++i) frame_[variables + i] = *given[i];

  for (size_t i = 0; i < order.size(); ++i) {
    const Node& node = *order[i];
    const size_t slot = first_computed + i;
    if (node.operands.empty()) {
      frame_[slot] = leaf_value(node, sample, batch);
      continue;
    }
    for (Ref operand : node.operands) varies[slot] = varies[slot] || varies[slots.at(operand)];
    std::function<void()> step = step_of(node, slot, slots, sample, batch, options);
    if (varies[slot])
      steps_.push_back(std::move(step));
    else
      step();
  }
  for (Ref root : lambda.results) results_.push_back(&frame_[slots.at(root)]);
}

std::function<void()> Function::step_of(const Node& node, size_t slot,
                                        const std::unordered_map<Ref, size_t>& slots,
                                        const Environment& sample, size_t batch,
                                        const ReferenceOptions& options) {
  const auto operands_of = [&](const Node& user, size_t first) {
    std::vector<const Tensor*> operands;
    for (size_t i = first; i < user.operands.size(); ++i)
      operands.push_back(&frame_[slots.at(user.operands[i])]);
    return operands;
  };
  std::vector<Tensor>& parts = tuples_[slot];
  Tensor& result = frame_[slot];
  if (node.type.element != Element::tuple) result = make_tensor(resolve(node.type.shape, sample.lengths));
  switch (node.kind) {
    case Kind::solve:
      return [&, operands = operands_of(node, 0), batch] {
        parts = solve_value(node, operands, sample, batch, options);
      };
    case Kind::adjoint:
      return [&, primal = operands_of(*node.operands[0], 0), operands = operands_of(node, 1), batch] {
        parts = adjoint_value(node, primal, operands, sample, batch, options);
      };
    case Kind::part:
      return [&result, &tuple = tuples_[slots.at(node.operands[0])],
              index = static_cast<size_t>(node.as<Part>().index)] { result = tuple[index]; };
    default:
      break;
  }
  return [&result, operands = operands_of(node, 0), kernel = make_kernel(node, sample.lengths)] {
    kernel(operands.data(), result);
  };
}

void Function::run() {
  for (const std::function<void()>& step : steps_) step();
}

}  // namespace nodec::graph
