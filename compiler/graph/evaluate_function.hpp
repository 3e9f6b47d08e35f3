// A closed lambda and the values of its frontier -> a function on numbers, compiled once, called often.
#pragma once

#include <functional>
#include <span>
#include <unordered_map>
#include <vector>

#include "compiler/graph/evaluate_kernel.hpp"

namespace nodec::graph {

class Function {
 public:
  // captured[i] is the value of the lambda's frontier[i].
  Function(const Lambda& lambda, std::span<const Ref> frontier, std::span<const Tensor* const> captured,
           const Environment& sample, size_t batch, const ReferenceOptions& options);

  // Shaped storage of the i-th variable: write the values, then run.
  Tensor& argument(size_t i) { return frame_[i]; }
  void run();
  const Tensor& result(size_t i) const { return *results_[i]; }
  size_t result_count() const { return results_.size(); }

 private:
  // Of a node with the lambda's variables, or before they have values.
  std::function<void()> step_of(const Node& node, size_t slot, const std::unordered_map<Ref, size_t>& slots,
                                const Environment& sample, size_t batch, const ReferenceOptions& options);

  std::vector<Tensor> frame_;                 // the variables first; never resized, steps point into it
  std::vector<std::vector<Tensor>> tuples_;   // components of solves and adjoints, by slot
  std::vector<std::function<void()>> steps_;  // what depends on the variables, operands first
  std::vector<const Tensor*> results_;
};

}  // namespace nodec::graph
