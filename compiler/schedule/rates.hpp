// When each node can be computed: in the prologue, per sample in the pool, or in the epilogue
// (derivation.md's rates).
#pragma once

#include <set>
#include <span>
#include <string>
#include <unordered_map>

#include "compiler/graph/graph.hpp"

namespace nodec::schedule {

enum class Rate : uint8_t {
  prologue,  // parameter base
  epilogue,  // parameter base, of sums over the batch
  sample,    // per sample; solves and what depends on them even where the graph says parameter base
};

// Rates of the nodes that were classified, by one pass each over what their operands have.
class Rates {
 public:
  explicit Rates(bool ragged) : ragged_(ragged) {}

  // Classifies what the roots reach, not inside lambdas. Lengths that shared data bind are found here too.
  void classify(std::span<const graph::Ref> roots);
  Rate of(graph::Ref node) const;
  // Whether samples of one batch can differ in this extent.
  bool varies(const graph::Extent& e) const;
  // The first node that needs a sum over the batch to compute a sample: there is no order for it.
  graph::Ref cyclic() const { return cyclic_; }

 private:
  bool depends_on_length(graph::Ref node) const;

  bool ragged_;
  std::set<std::string> shared_lengths_;
  std::unordered_map<graph::Ref, Rate> rates_;
  graph::Ref cyclic_ = nullptr;
};

}  // namespace nodec::schedule
