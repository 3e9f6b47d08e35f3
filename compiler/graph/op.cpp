// The op registry: the parts in one table, and names looked up in it.
#include "compiler/graph/op.hpp"

#include <unordered_map>

#include "compiler/graph/ops.hpp"

namespace nodec::graph {

std::span<const Op> ops() {
  static const std::vector<Op> table = [] {
    std::vector<Op> all;
    for (auto part : {arithmetic_ops(), function_ops(), discrete_ops()})
      all.insert(all.end(), part.begin(), part.end());
    return all;
  }();
  return table;
}

const Op* find_op(std::string_view name) {
  static const std::unordered_map<std::string_view, const Op*> by_name = [] {
    std::unordered_map<std::string_view, const Op*> index;
    for (const Op& op : ops()) index.emplace(op.name, &op);
    return index;
  }();
  auto found = by_name.find(name);
  return found == by_name.end() ? nullptr : found->second;
}

const Op& op(std::string_view name) { return *find_op(name); }

}  // namespace nodec::graph
