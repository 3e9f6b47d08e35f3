// Whole derivatives: the Jacobian of a tensor by a tensor, and its trace.
//
// Where a sum of products meets a factor, it may be distributed or multiplied out. Which is cheaper shows in
// the end: several ways are derived, and the one whose evaluation costs least is taken.
#include <algorithm>
#include <functional>
#include <limits>

#include "compiler/derive/contraction.hpp"
#include "compiler/derive/network.hpp"
#include "compiler/derive/pass.hpp"
#include "compiler/graph/op.hpp"

namespace nodec::derive {
namespace {

using namespace graph;

// Whether the derivative passes through a solve, which carries one direction at a time.
bool through_solve(Ref e, Ref x) {
  const std::vector<Ref> nodes = active_nodes({e}, {x});
  return std::any_of(nodes.begin(), nodes.end(),
                     [](Ref node) { return node->is(Kind::solve) || node->is(Kind::adjoint); });
}

constexpr int64_t most_directions = 64;

Ref unit(Graph& g, const Type& type, int64_t element) {
  std::vector<double> values(static_cast<size_t>(type.size().value()), 0.0);
  values[static_cast<size_t>(element)] = 1;
  return g.constant(values, type);
}

bool few(const Type& type) { return type.size().is_constant() && type.size().value() <= most_directions; }

// A solve for each direction: rows by reverse mode, columns by forward mode, whichever are fewer.
Ref jacobian_by_directions(Graph& g, Ref e, Ref x, Refusal& refusal) {
  std::vector<Extent> shape = e->type.shape;
  shape.insert(shape.end(), x->type.shape.begin(), x->type.shape.end());
  const bool rows = few(e->type) && (!few(x->type) || e->type.size().value() <= x->type.size().value());
  if (!rows && !few(x->type)) {
    refusal = {"the jacobian of more than 64 directions through a solve", e};
    return nullptr;
  }
  std::vector<Ref> parts;
  const int64_t count = (rows ? e : x)->type.size().value();
  for (int64_t i = 0; i < count && !refusal; ++i) {
    parts.push_back(rows ? vjp(g, {e}, {unit(g, e->type, i)}, {x}, &refusal, Over::sample)[0]
                         : jvp(g, {e}, {x}, {unit(g, x->type, i)}, &refusal)[0]);
  }
  if (refusal || parts.empty()) return nullptr;
  Ref stacked = stack(g, parts);
  if (!rows) {
    std::vector<int> order;
    for (int axis = 1; axis < stacked->type.rank(); ++axis) order.push_back(axis);
    order.push_back(0);
    stacked = transpose(g, stacked, order);
  }
  return g.reshape(stacked, shape);
}

bool smaller(const Extent& a, const Extent& b) {
  return a.is_constant() && (!b.is_constant() || a.value() < b.value());
}

// Beyond these a sum is multiplied out: a residual network doubles its terms with every block.
constexpr size_t term_limits[] = {16, 8, 4, 2, 1};

// The cheapest of what `make` gives for each choice that makes a difference; null for zero. It sets `longest`
// to the most terms that met.
Ref cheapest(const std::vector<Ref>& es, const Refusal& refusal,
             const std::function<Ref(const Choices& choices, size_t& longest)>& make) {
  Ref best = nullptr;
  double least = std::numeric_limits<double>::infinity();
  size_t longest = std::numeric_limits<size_t>::max();
  for (const size_t limit : term_limits) {
    if (limit >= longest) continue;  // the same as without a limit
    for (const Ties ties : {Ties::first, Ties::last}) {
      size_t met = 0;
      const Ref value = make({limit, ties}, met);
      if (refusal || !value) return nullptr;
      longest = met;
      const double cost = price({value}, es);
      if (cost < least) least = cost, best = value;
    }
  }
  return best;
}

Ref diagonal_sum(Graph& g, Ref matrix, const Extent& n) {
  return matrix ? g.contract({"ii"}, "", {g.reshape(matrix, {n, n})}) : nullptr;
}

Ref plus(Graph& g, Ref a, Ref b) { return a && b ? add(g, a, b) : a ? a : b; }

}  // namespace

Ref jacobian(Graph& g, Ref e, Ref x, Refusal* refusal) {
  std::vector<Extent> shape = e->type.shape;
  shape.insert(shape.end(), x->type.shape.begin(), x->type.shape.end());
  Ref result = nullptr;
  if (through_solve(e, x)) {
    result = jacobian_by_directions(g, e, x, *refusal);
  } else if (smaller(e->type.size(), x->type.size())) {
    Directions rows(g, e->type.shape);
    result = sweep_back(rows, {e}, {identity(g, e->type.shape)}, {x}, *refusal, Over::sample)[0];
  } else {
    result = cheapest({e}, *refusal, [&](const Choices& choices, size_t& longest) {
      Network network(g, x, choices, *refusal);
      const Terms terms = network.derive(e);
      longest = network.longest();
      return network.assemble(terms, *e, true);
    });
  }
  return result ? result : zeros(g, {shape, Element::real});
}

Ref divergence(Graph& g, Ref e, Ref x, Refusal* refusal) {
  return divergence(g, std::vector<Ref>{e}, std::vector<Ref>{x}, refusal);
}

Ref divergence(Graph& g, const std::vector<Ref>& es, const std::vector<Ref>& xs, Refusal* refusal) {
  const Ref trace = cheapest(es, *refusal, [&](const Choices& choices, size_t& longest) {
    Terms all;
    Ref others = nullptr;  // by whole Jacobians
    for (size_t i = 0; i < es.size(); ++i) {
      const Extent n = xs[i]->type.size();
      if (through_solve(es[i], xs[i])) {
        const Ref whole = jacobian_by_directions(g, es[i], xs[i], *refusal);
        others = plus(g, others, diagonal_sum(g, whole, n));
        continue;
      }
      Network network(g, xs[i], choices, *refusal);
      const Terms terms = network.derive(es[i]);
      longest = std::max(longest, network.longest());
      Terms closed = terms;
      if (close(closed))
        all.insert(all.end(), closed.begin(), closed.end());
      else
        others = plus(g, others, diagonal_sum(g, network.assemble(terms, *es[i], true), n));
    }
    return plus(g, sum_of(g, all, choices.ties), others);
  });
  return trace ? trace : g.constant(0.0);
}

}  // namespace nodec::derive
