// Whole derivatives: the Jacobian of a tensor by a tensor, and its trace.
//
// The derivative by every element of x at once is carried through the expression as a sum of products of
// tensors over shared labels: an elementwise function contributes a factor of local
// derivatives, a contraction its other operands, a transposition renames. Only what is no such product is
// multiplied out, as a tensor with x's axes before the node's. Nothing is written out element by element.
#include <algorithm>
#include <unordered_map>

#include "compiler/derive/contraction.hpp"
#include "compiler/derive/pass.hpp"
#include "compiler/derive/rules.hpp"
#include "compiler/graph/op.hpp"

namespace nodec::derive {
namespace {

using namespace graph;

// Π factors, summed over the labels that neither `with` (x's axes) nor `axes` (the node's) has. A label that
// stands more than once in the two together is zero off its diagonal.
struct Term {
  std::vector<Ref> factors;
  std::vector<std::string> labels;
  std::string with, axes;

  std::vector<std::string> words() const {
    std::vector<std::string> result = labels;
    result.push_back(with);
    result.push_back(axes);
    return result;
  }
  void rename(char from, char to) {
    for (std::string& word : labels) std::replace(word.begin(), word.end(), from, to);
    std::replace(with.begin(), with.end(), from, to);
    std::replace(axes.begin(), axes.end(), from, to);
  }
};
using Terms = std::vector<Term>;

// Beyond this a sum is multiplied out: its terms are evaluated one by one.
constexpr size_t most_terms = 4;

class Network {
 public:
  Network(Graph& g, Ref x, Refusal& refusal)
      : g_(g), x_(x), directions_(g, x->type.shape), refusal_(refusal) {}

  Terms derive(Ref e) {
    for (Ref node : active_nodes({e}, {x_})) {
      if (refusal_) return {};
      Terms terms = node == x_ ? start() : push(*node);
      const bool long_product = std::any_of(terms.begin(), terms.end(),
                                            [](const Term& t) { return t.factors.size() >= most_factors; });
      if (terms.size() > most_terms || long_product) terms = whole(multiply_out(terms, *node));
      if (!terms.empty()) terms_[node] = std::move(terms);
    }
    return of(e);
  }

  // Σ terms as a tensor with the axes of `order`: a term's with + axes, or axes + with.
  Ref assemble(const Terms& terms, const Node& node, bool x_last) {
    Ref total = nullptr;
    for (const Term& term : terms) {
      const Ref value = assemble(term, node, x_last);
      total = total ? add(g_, total, value) : value;
    }
    return total;
  }

  // Axis k of the node closed with axis k of x.
  Ref trace(const Terms& terms) {
    Ref total = nullptr;
    for (Term term : terms) {
      for (size_t k = 0; k < term.axes.size(); ++k) term.rename(term.axes[k], term.with[k]);
      std::string seen;
      for (const std::string& word : term.labels) seen += word;
      for (size_t k = 0; k < term.with.size(); ++k) {
        if (seen.find(term.with[k]) != std::string::npos) continue;
        seen += term.with[k];
        term.factors.push_back(g_.constant(1.0, {{x_->type.shape[k]}, Element::real}));
        term.labels.push_back({term.with[k]});
      }
      const Ref value = contract_in_order(g_, term.labels, "", term.factors);
      total = total ? add(g_, total, value) : value;
    }
    return total;
  }

 private:
  Terms of(Ref node) const {
    const auto at = terms_.find(node);
    return at == terms_.end() ? Terms{} : at->second;
  }

  static std::string letters(size_t first, size_t count) {
    return std::string("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ").substr(first, count);
  }

  Terms start() const {
    const std::string labels = letters(0, x_->type.shape.size());
    return {{{}, {}, labels, labels}};
  }

  // A tensor with x's axes before the node's, as a single factor.
  Terms whole(Ref direction) const {
    if (vanishes(direction)) return {};
    const size_t with = x_->type.shape.size(), all = direction->type.shape.size();
    return {{{direction}, {letters(0, all)}, letters(0, with), letters(with, all - with)}};
  }

  Ref multiply_out(const Terms& terms, const Node& node) {
    return terms.empty() ? nullptr : assemble(terms, node, false);
  }

  Ref assemble(const Term& term, const Node& node, bool x_last) {
    const std::string wanted = x_last ? term.axes + term.with : term.with + term.axes;
    std::vector<Extent> shape = x_last ? node.type.shape : x_->type.shape;
    const std::vector<Extent>& rest = x_last ? x_->type.shape : node.type.shape;
    shape.insert(shape.end(), rest.begin(), rest.end());

    std::string present, have, once;
    std::vector<Extent> once_shape;
    for (const std::string& word : term.labels) present += word;
    for (size_t i = 0; i < wanted.size(); ++i) {
      if (once.find(wanted[i]) != std::string::npos) continue;
      once += wanted[i];
      once_shape.push_back(shape[i]);
      if (present.find(wanted[i]) != std::string::npos) have += wanted[i];
    }
    Ref value = contract_in_order(g_, term.labels, have, term.factors);
    if (have != once) {
      std::vector<int> axes;
      for (char label : have) axes.push_back(static_cast<int>(once.find(label)));
      value = expand(g_, value, axes, once_shape);
    }
    if (once == wanted) return value;
    View diagonal;
    for (char label : wanted) {
      AxisMap axis;
      axis.terms = {{static_cast<int>(once.find(label)), 1}};
      diagonal.axes.push_back(axis);
    }
    return g_.place(value, diagonal, shape);
  }

  Terms push(const Node& node) {
    Terms terms;
    if (node.is(Kind::map) && push_map(node, terms)) return terms;
    if (node.is(Kind::contract) && push_contract(node, terms)) return terms;
    if (node.is(Kind::view) && push_transpose(node, terms)) return terms;
    std::vector<Ref> tangents;
    for (Ref operand : node.operands) tangents.push_back(multiply_out(of(operand), *operand));
    const Rule* rule = find_rule(node.kind);
    if (!rule || std::all_of(tangents.begin(), tangents.end(), [](Ref t) { return !t; })) return {};
    Push push{directions_, node, tangents, is_x(), [&](Ref below) { return multiply_out(of(below), *below); },
              refusal_};
    return whole(rule->push(push));
  }

  // False for what has no local derivative to multiply with: a selection.
  bool push_map(const Node& node, Terms& result) {
    const Op& op = *node.as<Map>().op;
    if (op.name == "where" || !op.derivative) return false;
    if (const Power power = as_power(&node, is_x()); power.exponent > 1) {
      multiply(of(power.base), power_derivative(g_, power), result);
      return true;
    }
    for (size_t i = 0; i < node.operands.size(); ++i) {
      const Terms terms = of(node.operands[i]);
      if (!terms.empty())
        multiply(terms, op.derivative(g_, node.operands, &node, static_cast<int>(i)), result);
    }
    return true;
  }

  std::function<bool(Ref)> is_x() const {
    return [x = x_](Ref node) { return node == x; };
  }

  // Appends terms · local, elementwise.
  void multiply(const Terms& terms, Ref local, Terms& result) {
    if (vanishes(local)) return;
    for (Term term : terms) {
      if (local->is(Kind::constant) && local->as<Constant>().values.size() == 1) {
        const double factor = local->as<Constant>().values[0];
        if (factor != 1) {
          term.factors.push_back(g_.constant(factor));
          term.labels.push_back("");
        }
      } else {
        term.factors.push_back(local);
        term.labels.push_back(local->type.scalar() ? "" : term.axes);
      }
      result.push_back(std::move(term));
    }
  }

  bool push_contract(const Node& node, Terms& result) {
    const Contract& contract = node.as<Contract>();
    for (size_t i = 0; i < node.operands.size(); ++i)
      for (Term term : of(node.operands[i])) {
        std::unordered_map<char, char> names;
        for (size_t axis = 0; axis < contract.operands[i].size(); ++axis) {
          const auto [at, added] = names.emplace(contract.operands[i][axis], term.axes[axis]);
          if (added) continue;
          const char from = term.axes[axis];
          term.rename(from, at->second);
          for (auto& [label, name] : names)
            if (name == from) name = at->second;
        }
        std::vector<std::string> taken = term.words();
        const auto translate = [&](const std::string& word, std::string& translated) {
          for (char label : word) {
            if (!names.count(label)) {
              char fresh = '?';
              if (!fresh_label(taken, fresh)) return false;
              taken.push_back({fresh});
              names[label] = fresh;
            }
            translated += names.at(label);
          }
          return true;
        };
        for (size_t j = 0; j < node.operands.size(); ++j) {
          if (j == i) continue;
          std::string word;
          if (!translate(contract.operands[j], word)) return false;
          term.factors.push_back(node.operands[j]);
          term.labels.push_back(word);
        }
        term.axes.clear();
        if (!translate(contract.result, term.axes)) return false;
        result.push_back(std::move(term));
      }
    return true;
  }

  // A view that only permutes axes.
  bool push_transpose(const Node& node, Terms& result) {
    const View& view = node.as<View>();
    if (view.axes.size() != node.type.shape.size()) return false;
    std::vector<size_t> source(view.axes.size(), view.axes.size());
    for (size_t axis = 0; axis < view.axes.size(); ++axis) {
      const AxisMap& map = view.axes[axis];
      if (map.dynamic || !(map.offset == Extent(0)) || map.terms.size() != 1 || map.terms[0].second != 1)
        return false;
      const size_t to = static_cast<size_t>(map.terms[0].first);
      if (source[to] != view.axes.size() || !(node.type.shape[to] == node.operands[0]->type.shape[axis]))
        return false;
      source[to] = axis;
    }
    for (Term term : of(node.operands[0])) {
      std::string axes;
      for (size_t axis : source) axes += term.axes[axis];
      term.axes = axes;
      result.push_back(std::move(term));
    }
    return true;
  }

  Graph& g_;
  Ref x_;
  Directions directions_;
  Refusal& refusal_;
  std::unordered_map<Ref, Terms> terms_;
};

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
    Network network(g, x, *refusal);
    const Terms terms = network.derive(e);
    if (!terms.empty()) result = network.assemble(terms, *e, true);
  }
  return result ? result : zeros(g, {shape, Element::real});
}

Ref divergence(Graph& g, Ref e, Ref x, Refusal* refusal) {
  if (through_solve(e, x)) {
    const Ref whole = jacobian_by_directions(g, e, x, *refusal);
    if (!whole) return g.constant(0.0);
    const Extent n = x->type.size();
    return g.contract({"ii"}, "", {g.reshape(whole, {n, n})});
  }
  Network network(g, x, *refusal);
  const Terms terms = network.derive(e);
  return terms.empty() ? g.constant(0.0) : network.trace(terms);
}

}  // namespace nodec::derive
