// Which values of an expression get names of their own.
#pragma once

#include <functional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "compiler/graph/graph.hpp"

namespace nodec::notation {

using graph::Ref;

// Values that stand in several places, that are computed less often than what reads them, or that would make
// a line too long.
class Naming {
 public:
  // Expressions that are written as they stand.
  void add(const std::vector<Ref>& roots);
  // Expressions of which only what products in them cannot be multiplied out through counts.
  void add_product(Ref root, const std::function<bool(Ref)>& passes);
  // Has a name whatever else.
  void require(Ref node) { required_.insert(node); }

  // In an order in which each is made of those before.
  std::vector<Ref> choose(const std::function<int(Ref)>& rate);
  int uses(Ref node) const;

 private:
  void use(Ref node);
  void visit(Ref node, const std::function<bool(Ref)>& passes, std::unordered_set<Ref>& seen);

  std::vector<Ref> roots_;
  std::unordered_map<Ref, int> uses_;
  std::unordered_set<Ref> required_, counted_;
};

// A leaf, or what is written as shortly: z², −z, 3 z, zᵀ, z[0].
bool trivial(Ref node);

}  // namespace nodec::notation
