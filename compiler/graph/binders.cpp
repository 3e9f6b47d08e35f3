// Lambdas: closing names a binder by its height, so that alpha-equal lambdas are one pointer; opening gives
// fresh variables; a lambda's frontier is what it captures. Every traversal is iterative: a chain may be any
// length.
#include <algorithm>
#include <unordered_set>

#include "compiler/graph/op.hpp"
#include "compiler/graph/simplify.hpp"
#include "compiler/graph/store.hpp"

namespace nodec::graph {
namespace {

using Memo = std::unordered_map<Ref, Ref>;

bool mentions(Ref node, int binder) {
  return std::binary_search(node->free.begin(), node->free.end(), binder);
}

// Visits what the roots reach, operands before users; descends into a node only if `enter` says so.
template <class Enter, class Visit>
void walk(std::span<const Ref> roots, Enter enter, Visit visit) {
  std::vector<std::pair<Ref, size_t>> stack;  // a node and the number of its operands already seen
  for (Ref root : roots) {
    if (!enter(root)) continue;
    stack.emplace_back(root, 0);
    while (!stack.empty()) {
      auto& [node, next] = stack.back();
      if (next < node->operands.size()) {
        Ref operand = node->operands[next++];
        if (enter(operand)) stack.emplace_back(operand, 0);
      } else {
        Ref done = node;
        stack.pop_back();
        visit(done);
      }
    }
  }
}

// Where the solve's frontier operands with these indices stand in the frontier of `rebuilt`, given what
// became of each. −1: no longer captured, which the verifier reports.
template <class Image>
std::vector<int> follow_frontier(Ref solve, Ref rebuilt, const std::vector<int>& indices, Image image) {
  int old_first = first_frontier_operand(solve), first = first_frontier_operand(rebuilt);
  std::vector<int> followed;
  for (int index : indices) {
    auto begin = rebuilt->operands.begin() + first;
    auto found = std::find(begin, rebuilt->operands.end(), image(solve->operands[old_first + index]));
    followed.push_back(found == rebuilt->operands.end() ? -1 : static_cast<int>(found - begin));
  }
  return followed;
}

// Renames the variables of one binder. What is renamed keeps its structure: nothing simplifies, so that
// lambdas that were equal stay equal whatever they are renamed to.
class Renaming {
 public:
  Renaming(const Graph& g, Graph::Store& store, int from, int to)
      : g_(g), store_(store), from_(from), to_(to) {}

  std::vector<Ref> operator()(const std::vector<Ref>& roots) {
    walk(
        roots, [&](Ref node) { return mentions(node, from_) && !memo_.contains(node); },
        [&](Ref node) { memo_.try_emplace(node, rename(node)); });
    std::vector<Ref> renamed;
    for (Ref root : roots) renamed.push_back(image(root));
    return renamed;
  }

 private:
  Ref image(Ref node) const {
    auto found = memo_.find(node);
    return found == memo_.end() ? node : found->second;
  }

  const Lambda* rename(const Lambda* lambda) {
    if (!std::binary_search(lambda->free.begin(), lambda->free.end(), from_)) return lambda;
    return store_.intern(
        Lambda{lambda->height, lambda->variables, (*this)(lambda->results), lambda->base, {}});
  }

  Ref rename(Ref node) {
    Node copy{.kind = node->kind,
              .type = node->type,
              .operands = {},
              .payload = node->payload,
              .parts = node->parts};
    copy.base = node->base;
    for (Ref operand : node->operands) copy.operands.push_back(image(operand));
    if (node->is(Kind::variable)) {
      copy.payload = Variable{to_, node->as<Variable>().index};
    } else if (const Lambda* lambda = held_lambda(node)) {
      const Lambda* renamed = rename(lambda);
      if (auto* solve = std::get_if<SolveInfo>(&copy.payload)) solve->field = renamed;
      if (auto* adjoint = std::get_if<AdjointInfo>(&copy.payload)) {
        adjoint->pullback = renamed;
        adjoint->frontier = follow_frontier(node->operands[0], copy.operands[0], adjoint->frontier,
                                            [&](Ref operand) { return image(operand); });
      }
      copy.operands.resize(first_frontier_operand(node));
      std::vector<Ref> captured = g_.frontier(renamed);
      copy.operands.insert(copy.operands.end(), captured.begin(), captured.end());
    }
    return store_.intern(std::move(copy));
  }

  const Graph& g_;
  Graph::Store& store_;
  int from_, to_;
  Memo memo_;
};

// Replaces nodes; what lies above them is built anew, simplified.
class Substitution {
 public:
  Substitution(Graph& g, const Memo& replacements)
      : g_(g), replacements_(replacements), memo_(replacements) {}

  std::vector<Ref> operator()(const std::vector<Ref>& roots) {
    walk(
        roots, [&](Ref node) { return !memo_.contains(node); },
        [&](Ref node) { memo_.try_emplace(node, rebuild(node)); });
    std::vector<Ref> images;
    for (Ref root : roots) images.push_back(memo_.at(root));
    return images;
  }

 private:
  // True when a replaced node occurs in the lambda's body, at any depth.
  bool touches(const Lambda* lambda) {
    auto [known, fresh] = touched_.try_emplace(lambda, false);
    if (!fresh) return known->second;
    bool found = false;
    std::unordered_set<Ref> seen;
    walk(
        lambda->results, [&](Ref node) { return !found && seen.insert(node).second; },
        [&](Ref node) {
          const Lambda* inside = held_lambda(node);
          if (replacements_.contains(node) || (inside != nullptr && touches(inside))) found = true;
        });
    return touched_[lambda] = found;
  }

  const Lambda* rebuild(const Lambda* lambda) {
    if (!touches(lambda)) return lambda;
    Graph::Opened opened = g_.open(lambda);
    std::vector<Ref> results = (*this)(opened.results);
    return g_.close(opened.variables, results);
  }

  Ref rebuild(Ref node) {
    std::vector<Ref> operands;
    for (Ref operand : node->operands) operands.push_back(memo_.at(operand));
    const Lambda* lambda = held_lambda(node);
    const Lambda* rebuilt = lambda != nullptr ? rebuild(lambda) : nullptr;
    if (operands == node->operands && rebuilt == lambda) return node;
    return rebuild(node, std::move(operands), rebuilt);
  }

  Ref rebuild(Ref node, std::vector<Ref> operands, const Lambda* lambda) {
    std::vector<Ref> rest(operands.begin() + 1, operands.end());
    const std::vector<Extent>& shape = node->type.shape;
    switch (node->kind) {
      case Kind::map:
        return g_.map(*node->as<Map>().op, operands);
      case Kind::contract:
        return g_.contract(node->as<Contract>().operands, node->as<Contract>().result, operands);
      case Kind::view:
        return g_.view(operands[0], node->as<View>(), shape, rest);
      case Kind::place:
        return g_.place(operands[0], node->as<View>(), shape, rest);
      case Kind::reshape:
        return g_.reshape(operands[0], shape);
      case Kind::gather:
        return g_.gather(operands[0], rest);
      case Kind::scatter_add:
        return g_.scatter_add(operands[0], rest, shape);
      case Kind::concat:
        return g_.concat(operands, node->as<Axis>().axis);
      case Kind::reduce:
        return g_.reduce(operands[0], node->as<Reduce>().reduction, node->as<Reduce>().axes);
      case Kind::part:
        return g_.part(operands[0], node->as<Part>().index);
      case Kind::batch_sum:
        return g_.batch_sum(operands[0]);
      case Kind::solve: {
        SolveInfo info = node->as<SolveInfo>();
        info.field = lambda;
        auto at = [&](int i) { return operands.begin() + i; };
        return g_.solve(info, {at(0), at(info.t0_operand())}, operands[info.t0_operand()],
                        operands[info.ts_operand()],
                        {at(info.control_operand(Control::rtol)), at(info.frontier_operand())});
      }
      case Kind::adjoint: {
        AdjointInfo info = node->as<AdjointInfo>();
        info.pullback = lambda;
        info.frontier = follow_frontier(node->operands[0], operands[0], info.frontier,
                                        [&](Ref operand) { return memo_.at(operand); });
        return g_.adjoint(operands[0], info,
                          {operands.begin() + 1, operands.begin() + first_frontier_operand(node)});
      }
      case Kind::constant:
      case Kind::parameter:
      case Kind::data:
      case Kind::setting:
      case Kind::random:
      case Kind::length:
      case Kind::variable:
      case Kind::iota:
        break;
    }
    return node;  // leaves have no operands that could change
  }

  Graph& g_;
  const Memo& replacements_;
  Memo memo_;
  std::unordered_map<const Lambda*, bool> touched_;
};

}  // namespace

std::vector<Ref> postorder(std::span<const Ref> roots) {
  std::vector<Ref> order;
  std::unordered_set<Ref> seen;
  walk(
      roots, [&](Ref node) { return seen.insert(node).second; }, [&](Ref node) { order.push_back(node); });
  return order;
}

const Lambda* Graph::close(const std::vector<Ref>& variables, const std::vector<Ref>& results) {
  Lambda lambda{.height = 1, .variables = {}, .results = results};
  for (Ref result : results) lambda.height = std::max(lambda.height, result->height + 1);
  for (Ref variable : variables) {
    lambda.variables.push_back(variable->type);
    lambda.base = variable->base;
  }
  if (!variables.empty()) {
    int binder = variables[0]->as<Variable>().binder;
    lambda.results = Renaming(*this, *store_, binder, lambda.height)(results);
  }
  return store_->intern(std::move(lambda));
}

Graph::Opened Graph::open(const Lambda* lambda) {
  Opened opened{variables(lambda->variables, lambda->base), lambda->results};
  if (!opened.variables.empty()) {
    int binder = opened.variables[0]->as<Variable>().binder;
    opened.results = Renaming(*this, *store_, lambda->height, binder)(lambda->results);
  }
  return opened;
}

std::vector<Ref> Graph::frontier(const Lambda* lambda) const {
  std::vector<Ref> found;
  std::unordered_set<Ref> seen;
  std::vector<Ref> stack(lambda->results.rbegin(), lambda->results.rend());
  while (!stack.empty()) {
    Ref node = stack.back();
    stack.pop_back();
    if (!seen.insert(node).second) continue;
    bool inside = mentions(node, lambda->height);
    if (!inside && node->base == Base::constant && node->free.empty()) continue;
    bool sinks = node->is(Kind::reshape) || (node->is(Kind::view) && whole_axes(node));
    if (inside || sinks) {
      stack.insert(stack.end(), node->operands.rbegin(), node->operands.rend());
    } else {
      found.push_back(node);
    }
  }
  return found;
}

std::vector<Ref> Graph::substitute(const std::vector<Ref>& roots, const Memo& replacements) {
  return Substitution(*this, replacements)(roots);
}

}  // namespace nodec::graph
