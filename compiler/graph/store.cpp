// Hash-consing: equal content is one node. Hashes are of the content alone, the same in every run; places
// ("file:line") are left out, so that no order, and no bit of a result, follows from where a file lies or
// what lines stand before.
#include "compiler/graph/store.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

#include "compiler/graph/limit.hpp"
#include "compiler/graph/op.hpp"

namespace nodec::graph {
namespace {

// Two hashes side by side: of everything, and of everything but the numbers of open binders.
struct Hash {
  uint64_t all = 0x6a09e667f3bcc908ull, order = 0xbb67ae8584caa73bull;

  static uint64_t mix(uint64_t h, uint64_t x) {
    // The finalizer of splitmix64 (Steele, Lea, Flood 2014).
    h ^= x + 0x9e3779b97f4a7c15ull + (h << 6) + (h >> 2);
    h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9ull;
    h = (h ^ (h >> 27)) * 0x94d049bb133111ebull;
    return h ^ (h >> 31);
  }
  void add(uint64_t x) {
    all = mix(all, x);
    order = mix(order, x);
  }
  void add_binder(int binder) {
    all = mix(all, static_cast<uint64_t>(binder));
    order = mix(order, static_cast<uint64_t>(std::min(binder, open_binder)));
  }
  void add(std::string_view text) {
    uint64_t h = 0xcbf29ce484222325ull;  // FNV-1a
    for (unsigned char c : text) h = (h ^ c) * 0x100000001b3ull;
    add(h);
    add(text.size());
  }
  void add(double x) { add(std::bit_cast<uint64_t>(x)); }
  void add(const Extent& e) {
    add(e.terms().size());
    for (const auto& [monomial, coefficient] : e.terms()) {
      add(static_cast<uint64_t>(coefficient));
      add(monomial.size());
      for (const std::string& atom : monomial) add(std::string_view(atom));
    }
  }
  void add(const Type& type) {
    add(static_cast<uint64_t>(type.element));
    add(type.shape.size());
    for (const Extent& e : type.shape) add(e);
  }
  void add(Ref node) {
    all = mix(all, node->hash);
    order = mix(order, node->order);
  }
  void add(const Lambda* lambda) {
    all = mix(all, lambda->hash);
    order = mix(order, lambda->order);
  }

  // ---- payloads
  void payload(const std::monostate&) {}
  void payload(const Constant& c) {
    add(c.values.size());
    for (double x : c.values) add(x);
  }
  void payload(const Leaf& l) {
    add(std::string_view(l.name));
    add(static_cast<uint64_t>(l.shared));
  }
  void payload(const Random& r) {
    add(static_cast<uint64_t>(r.stream));
    add(static_cast<uint64_t>(r.distribution));
  }
  void payload(const Length& l) { add(l.extent); }
  void payload(const Variable& v) {
    add_binder(v.binder);
    add(static_cast<uint64_t>(v.index));
  }
  void payload(const Map& m) { add(m.op->name); }
  void payload(const Contract& c) {
    for (const std::string& labels : c.operands) add(std::string_view(labels));
    add(std::string_view(c.result));
  }
  void payload(const View& v) {
    add(static_cast<uint64_t>(v.fill));
    for (const AxisMap& axis : v.axes) {
      add(axis.offset);
      add(static_cast<uint64_t>(axis.dynamic));
      add(axis.terms.size());
      for (auto [result_axis, coefficient] : axis.terms) {
        add(static_cast<uint64_t>(result_axis));
        add(static_cast<uint64_t>(coefficient));
      }
    }
  }
  void payload(const Axis& a) { add(static_cast<uint64_t>(a.axis)); }
  void payload(const Reduce& r) {
    add(static_cast<uint64_t>(r.reduction));
    for (int axis : r.axes) add(static_cast<uint64_t>(axis));
  }
  void payload(const Part& p) { add(static_cast<uint64_t>(p.index)); }
  void payload(const SolveInfo& s) {
    add(s.field);
    for (const SolveState& state : s.states) {
      add(std::string_view(state.name));
      add(static_cast<uint64_t>(state.quadrature) * 2 + static_cast<uint64_t>(state.in_norm));
    }
    if (s.tableau != nullptr) add(std::string_view(s.tableau->name));
    add(static_cast<uint64_t>(s.rule));
    add(static_cast<uint64_t>(s.adjoint));
    add(static_cast<uint64_t>(s.initial_observed));
    add(std::string_view(s.field_name));
  }
  void payload(const AdjointInfo& a) {
    add(a.pullback);
    for (int index : a.frontier) add(static_cast<uint64_t>(index));
  }
};

bool equal(const Node& a, const Node& b) {
  return a.kind == b.kind && a.type == b.type && a.operands == b.operands && a.payload == b.payload &&
         a.base == b.base && a.parts == b.parts;
}

bool comes_before(Ref a, Ref b) { return a->order != b->order ? a->order < b->order : a->hash < b->hash; }

// Names labels i, j, k, … by first occurrence in the result, then in the operands.
class Relabeling {
 public:
  char operator()(char label) {
    auto found = std::find(seen_.begin(), seen_.end(), label);
    if (found == seen_.end()) found = seen_.insert(seen_.end(), label);
    size_t index = static_cast<size_t>(found - seen_.begin());
    constexpr std::string_view letters = "ijklmnopqrstuvwxyzabcdefghABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return index < letters.size() ? letters[index] : static_cast<char>(128 + index - letters.size());
  }
  std::string operator()(const std::string& labels) {
    std::string renamed;
    for (char label : labels) renamed += (*this)(label);
    return renamed;
  }

 private:
  std::string seen_;
};

void relabel(Contract& c) {
  Relabeling rename;
  c.result = rename(c.result);
  for (std::string& labels : c.operands) labels = rename(labels);
}

// Equal factors are told apart by their labels, hence the second round.
void sort_contract(Node& node) {
  auto& c = std::get<Contract>(node.payload);
  for (int round = 0; round < 2; ++round) {
    std::vector<size_t> order(node.operands.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      if (node.operands[a] != node.operands[b]) return comes_before(node.operands[a], node.operands[b]);
      return round > 0 && c.operands[a] < c.operands[b];
    });
    Contract sorted{{}, c.result};
    std::vector<Ref> operands;
    for (size_t i : order) {
      sorted.operands.push_back(c.operands[i]);
      operands.push_back(node.operands[i]);
    }
    c = sorted;
    node.operands = operands;
    relabel(c);
  }
}

std::vector<int> without(const std::vector<int>& binders, int binder) {
  std::vector<int> rest;
  std::copy_if(binders.begin(), binders.end(), std::back_inserter(rest), [&](int b) { return b != binder; });
  return rest;
}

}  // namespace

bool operator==(const Constant& a, const Constant& b) {
  return std::equal(
      a.values.begin(), a.values.end(), b.values.begin(), b.values.end(),
      [](double x, double y) { return std::bit_cast<uint64_t>(x) == std::bit_cast<uint64_t>(y); });
}

std::vector<int> join(const std::vector<int>& a, const std::vector<int>& b) {
  if (a.empty() || a == b) return b;
  if (b.empty()) return a;
  std::vector<int> all;
  std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(all));
  return all;
}

const Lambda* held_lambda(Ref node) {
  if (node->is(Kind::solve)) return node->as<SolveInfo>().field;
  if (node->is(Kind::adjoint)) return node->as<AdjointInfo>().pullback;
  return nullptr;
}

int first_frontier_operand(Ref node) {
  if (node->is(Kind::solve)) return node->as<SolveInfo>().frontier_operand();
  return 1 + node->operands[0]->as<SolveInfo>().state_count();
}

void complete(Node& node) {
  node.free.clear();
  node.height = 0;
  if (!node.operands.empty()) node.base = Base::constant;
  for (Ref operand : node.operands) {
    node.base = std::max(node.base, operand->base);
    node.height = std::max(node.height, operand->height);
    node.free = join(node.free, operand->free);
  }
  if (node.is(Kind::variable)) node.free = {node.as<Variable>().binder};
  if (node.is(Kind::batch_sum)) node.base = Base::parameter;
  // Time is stepped per sample, also where nothing that a solve reads varies (compiler/README.md).
  if (node.is(Kind::solve) || node.is(Kind::adjoint)) node.base = Base::sample;
  if (const Lambda* lambda = held_lambda(&node)) {
    node.height = std::max(node.height, lambda->height);
    node.free = join(node.free, lambda->free);
  }
}

Ref Graph::Store::intern(Node node) {
  work += 4 + 2 * node.operands.size();
  if (work > work_limit) throw TooManyNodes{work_limit, "steps of simplification"};
  if (node.is(Kind::map) && node.as<Map>().op->commutative) {
    std::stable_sort(node.operands.begin(), node.operands.end(), comes_before);
  } else if (node.is(Kind::contract)) {
    sort_contract(node);
  }
  complete(node);
  Hash hash;
  hash.add(static_cast<uint64_t>(node.kind));
  hash.add(node.type);
  for (Ref operand : node.operands) hash.add(operand);
  if (node.is(Kind::variable)) hash.add(static_cast<uint64_t>(node.base));
  std::visit([&](const auto& payload) { hash.payload(payload); }, node.payload);
  node.hash = hash.all;
  node.order = hash.order;
  if (Ref known = node_table.find(node.hash, [&](const Node& other) { return equal(other, node); }))
    return known;
  if (nodes.size() >= nodes_limit) throw TooManyNodes{added_nodes, "graph nodes"};
  node.id = static_cast<int>(nodes.size());
  nodes.push_back(std::move(node));
  node_table.insert(nodes.back().hash, &nodes.back());
  return &nodes.back();
}

const Lambda* Graph::Store::intern(Lambda lambda) {
  Hash hash;
  hash.add(static_cast<uint64_t>(lambda.height));
  hash.add(static_cast<uint64_t>(lambda.base));
  for (const Type& type : lambda.variables) hash.add(type);
  lambda.free.clear();
  for (Ref result : lambda.results) {
    hash.add(result);
    lambda.free = join(lambda.free, result->free);
  }
  lambda.free = without(lambda.free, lambda.height);
  lambda.hash = hash.all;
  lambda.order = hash.order;
  auto same = [&](const Lambda& other) {
    return other.height == lambda.height && other.base == lambda.base &&
           other.variables == lambda.variables && other.results == lambda.results;
  };
  if (const Lambda* known = lambda_table.find(lambda.hash, same)) return known;
  lambdas.push_back(std::move(lambda));
  lambda_table.insert(lambdas.back().hash, &lambdas.back());
  return &lambdas.back();
}

}  // namespace nodec::graph
