// The tables that make equal nodes one: complete a node (base, free variables, height, hashes), put
// commutative operands and contraction labels in their canonical order, and find the node or keep it.
#pragma once

#include <deque>
#include <utility>
#include <vector>

#include "compiler/graph/graph.hpp"

namespace nodec::graph {

// Pointers found by the content they point to: open addressing, the hash kept beside the pointer.
template <class T>
class Interned {
 public:
  // The known one with this hash for which `same` holds, or null.
  template <class Same>
  const T* find(uint64_t hash, Same same) const {
    for (size_t i = hash & mask();; i = (i + 1) & mask()) {
      if (slots_[i].second == nullptr) return nullptr;
      if (slots_[i].first == hash && same(*slots_[i].second)) return slots_[i].second;
    }
  }
  void insert(uint64_t hash, const T* known) {
    if (++count_ * 2 > slots_.size()) grow();
    place(hash, known);
  }

 private:
  size_t mask() const { return slots_.size() - 1; }
  void place(uint64_t hash, const T* known) {
    size_t i = hash & mask();
    while (slots_[i].second != nullptr) i = (i + 1) & mask();
    slots_[i] = {hash, known};
  }
  void grow() {
    std::vector<std::pair<uint64_t, const T*>> old(slots_.size() * 2);
    old.swap(slots_);
    for (auto [hash, known] : old) {
      if (known != nullptr) place(hash, known);
    }
  }

  std::vector<std::pair<uint64_t, const T*>> slots_{1024};  // a power of two
  size_t count_ = 0;
};

struct Graph::Store {
  static Store& of(Graph& g) { return *g.store_; }

  std::deque<Node> nodes;  // their addresses are stable
  std::deque<Lambda> lambdas;
  std::deque<Tableau> tableaux;
  Interned<Node> node_table;
  Interned<Lambda> lambda_table;
  int next_binder = open_binder;
  // Set by limit.hpp: how many nodes there may be, and how much may be looked at to make them: most nodes
  // that a derivative asks for are known or simplify, and joining arrays looks at every part.
  size_t nodes_limit = SIZE_MAX, work_limit = SIZE_MAX, work = 0;
  size_t added_nodes = 0;  // that the limit was given for

  // Kind, type, operands, payload and parts are given, and the base of a leaf. Nothing is simplified here.
  Ref intern(Node node);
  // Height, variables, results and base are given; the results are closed.
  const Lambda* intern(Lambda lambda);
};

// The lambdas that a node holds: a solve's field, an adjoint's pullback.
const Lambda* held_lambda(Ref node);
// Index of the first operand that stands in the frontier of the held lambda.
int first_frontier_operand(Ref node);
// Sorted union.
std::vector<int> join(const std::vector<int>& a, const std::vector<int>& b);
// Base, free variables and height as operands and payload determine them; a leaf's base stays as given.
void complete(Node& node);

}  // namespace nodec::graph
