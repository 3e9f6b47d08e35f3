// Expressions of the graph -> formulas.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "compiler/graph/graph.hpp"
#include "compiler/notation/formula.hpp"

namespace nodec::notation {

using graph::Ref;

class Translator {
 public:
  // What is called by a name; everything else is written out.
  std::unordered_map<Ref, const Symbol*> names;
  // What products are multiplied out through.
  std::function<bool(Ref)> passes = [](Ref) { return false; };
  // Values that are written out though they have names.
  std::function<bool(Ref)> anonymous = [](Ref) { return false; };
  // How often a value is computed, in order: 0 constants, 1 once per update, 2 once per sample, 3 each time.
  std::function<int(Ref)> rate = [](Ref) { return 0; };
  // Letters that no index may have.
  std::function<bool(const std::string&)> taken = [](const std::string&) { return false; };

  // `left = value`, with indices on both sides where nothing else says it. The value is written out even if
  // the node has a name.
  struct Equation {
    Formula left, right;
  };
  Equation equation(const Formula& left, Ref node);

  // In terms of the node's names, without indices; null where that says too little.
  Formula plain(Ref node);
  // The element of these indices.
  Formula element(Ref node, const std::vector<Formula>& indices);

 private:
  struct Signed {
    Ref node;
    bool negative;
  };
  using Operand = std::function<Formula(Ref)>;

  Formula plain_body(Ref node);
  Formula element_body(Ref node, const std::vector<Formula>& indices);
  Formula map(Ref node, const Operand& operand, bool tensor);
  Formula added(Ref node, const Operand& operand, bool of_vectors);
  Formula multiplied(Ref node, const Operand& operand, bool tensor);
  // A placed part of a vector: where it stands among zeros.
  struct Placed {
    int64_t from = 0, to = 0;
    Ref value = nullptr;
    bool negative = false;
  };
  bool as_part(const Signed& term, Placed& part) const;
  bool side_by_side(const std::vector<Signed>& terms) const;
  Formula placed_side_by_side(const std::vector<Signed>& terms);
  Formula view(Ref node);
  Formula place(Ref node);
  Formula concat(Ref node);
  Formula applied(Ref node);
  Formula element_of_view(Ref node, const std::vector<Formula>& indices);
  Formula element_of_place(Ref node, const std::vector<Formula>& indices);
  Formula element_of_contract(Ref node, const std::vector<Formula>& indices);
  Formula element_of_reduce(Ref node, const std::vector<Formula>& indices);
  void collect(Ref node, bool negative, std::vector<Signed>& terms) const;
  Formula fresh_index();
  bool named(Ref node) const { return names.count(node) > 0 && !anonymous(node); }

  Ref root_ = nullptr;  // written out though it has a name
  std::set<std::string> indices_;
};

// The factors that a product is written with: of where(x = 0, 0, x y), which keeps a cotangent of 0 from
// meeting an infinite derivative, x y.
std::vector<Ref> written_operands(Ref node);

Formula extent(const graph::Extent& extent);
// Whether a node is a map by the op of this name.
bool is_map(Ref node, std::string_view op);

}  // namespace nodec::notation
