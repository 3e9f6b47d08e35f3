// The reference evaluator: what every node means, in double precision, without LLVM.
#include "compiler/graph/evaluate.hpp"

#include <algorithm>
#include <stdexcept>
#include <unordered_map>

#include "compiler/graph/evaluate_kernel.hpp"
#include "compiler/graph/evaluate_solve.hpp"

namespace nodec::graph {
namespace {

// A node's value for each sample, or one for all: a tuple's parts, otherwise a single tensor.
using PerSample = std::vector<std::vector<Tensor>>;

class Evaluator {
 public:
  Evaluator(std::span<const Environment> samples, const ReferenceOptions& options)
      : samples_(samples), options_(options) {}

  const PerSample& value(Ref root) {
    std::vector<std::pair<Ref, size_t>> stack{{root, 0}};
    while (!stack.empty()) {
      auto& [node, child] = stack.back();
      if (values_.count(node)) {
        stack.pop_back();
      } else if (child < node->operands.size() && !bound(node)) {
        const Ref operand = node->operands[child++];
        if (!values_.count(operand)) stack.emplace_back(operand, 0);
      } else {
        values_.emplace(node, compute(*node));
        stack.pop_back();
      }
    }
    return values_.at(root);
  }

 private:
  bool bound(Ref node) const { return samples_[0].bound.count(node) > 0; }

  const std::vector<Tensor>& at(Ref node, size_t sample) const {
    const PerSample& values = values_.at(node);
    return values[values.size() == 1 ? 0 : sample];
  }

  std::vector<const Tensor*> operands_of(const Node& node, size_t sample, size_t first = 0) const {
    std::vector<const Tensor*> operands;
    for (size_t i = first; i < node.operands.size(); ++i)
      operands.push_back(at(node.operands[i], sample).data());
    return operands;
  }

  PerSample compute(const Node& node) const {
    if (node.is(Kind::batch_sum)) return {{sum_over_samples(node)}};
    PerSample result;
    const size_t count = node.base == Base::sample || follows_lengths(node) ? samples_.size() : 1;
    for (size_t sample = 0; sample < count; ++sample) result.push_back(compute(node, sample));
    return result;
  }

  // A value that all samples share, but for how much of it each one's own lengths reach.
  bool follows_lengths(const Node& node) const {
    const auto other = [&](const Environment& sample) { return sample.lengths != samples_[0].lengths; };
    if (std::none_of(samples_.begin(), samples_.end(), other)) return false;
    if (node.is(Kind::data) || node.is(Kind::parameter)) return false;
    const auto& shape = node.type.shape;
    if (std::any_of(shape.begin(), shape.end(), [](const Extent& e) { return !e.is_constant(); }))
      return true;
    return std::any_of(node.operands.begin(), node.operands.end(),
                       [&](Ref operand) { return values_.at(operand).size() > 1; });
  }

  std::vector<Tensor> compute(const Node& node, size_t sample) const {
    const Environment& environment = samples_[sample];
    const size_t batch = samples_.size();
    if (bound(&node)) {
      const auto found = environment.bound.find(&node);
      if (found == environment.bound.end())
        throw std::out_of_range("no value for %" + std::to_string(node.id));
      return {found->second};
    }
    if (node.operands.empty()) return {leaf_value(node, environment, batch)};
    switch (node.kind) {
      case Kind::part:
        return {at(node.operands[0], sample)[static_cast<size_t>(node.as<Part>().index)]};
      case Kind::solve:
        return solve_value(node, operands_of(node, sample), environment, batch, options_);
      case Kind::adjoint:
        return adjoint_value(node, operands_of(*node.operands[0], sample), operands_of(node, sample, 1),
                             environment, batch, options_);
      default:
        break;
    }
    Tensor result = make_tensor(resolve(node.type.shape, environment.lengths));
    make_kernel(node, environment.lengths)(operands_of(node, sample).data(), result);
    return {std::move(result)};
  }

  // In the order of the samples; a value of parameter base counts once for each.
  Tensor sum_over_samples(const Node& node) const {
    Tensor sum = at(node.operands[0], 0)[0];
    for (size_t sample = 1; sample < samples_.size(); ++sample) {
      const Tensor& value = at(node.operands[0], sample)[0];
      for (size_t e = 0; e < sum.values.size(); ++e) sum.values[e] += value.values[e];
    }
    return sum;
  }

  std::span<const Environment> samples_;
  const ReferenceOptions& options_;
  std::unordered_map<Ref, PerSample> values_;
};

}  // namespace

std::vector<std::vector<Tensor>> evaluate(std::span<const Ref> roots, std::span<const Environment> samples,
                                          const ReferenceOptions& options) {
  Evaluator evaluator(samples, options);
  std::vector<std::vector<Tensor>> results;
  for (Ref root : roots) {
    results.emplace_back();
    for (const std::vector<Tensor>& value : evaluator.value(root)) results.back().push_back(value[0]);
  }
  return results;
}

Tensor evaluate(Ref root, const Environment& sample, const ReferenceOptions& options) {
  return evaluate(std::span(&root, 1), std::span(&sample, 1), options)[0][0];
}

}  // namespace nodec::graph
