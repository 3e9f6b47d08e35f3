// Contractions -> one product of many factors.
#include "compiler/notation/product.hpp"

#include <algorithm>
#include <map>

#include "compiler/notation/translate.hpp"

namespace nodec::notation {

using namespace graph;

std::vector<int> repeated_axes(const graph::Node& node) {
  const View& view = node.as<View>();
  std::vector<int> source(static_cast<size_t>(node.type.rank()), -1);
  if (view.fill) return {};
  for (size_t axis = 0; axis < view.axes.size(); ++axis) {
    const AxisMap& map = view.axes[axis];
    if (map.dynamic || !(map.offset == Extent(0)) || map.terms.size() != 1 || map.terms[0].second != 1)
      return {};
    const auto to = static_cast<size_t>(map.terms[0].first);
    if (source[to] != -1 || !(node.type.shape[to] == node.operands[0]->type.shape[axis])) return {};
    source[to] = static_cast<int>(axis);
  }
  return source;
}

const double* splat(Ref node) {
  return node->is(Kind::constant) && node->as<Constant>().values.size() == 1
             ? node->as<Constant>().values.data()
             : nullptr;
}

bool is_number(Ref node) { return unrepeated(node)->type.scalar() || splat(node); }

Ref unrepeated(Ref node) {
  while (node->is(Kind::view) && node->operands[0]->type.scalar()) node = node->operands[0];
  return node;
}

namespace {

// Whether some axis has one element: it is no repetition.
bool single(Ref node) {
  return std::any_of(node->type.shape.begin(), node->type.shape.end(),
                     [](const Extent& e) { return e == Extent(1); });
}

class Flattening {
 public:
  Flattening(const std::function<bool(Ref)>& passes, bool repeats) : passes_(passes), repeats_(repeats) {}

  Product run(Ref contraction) {
    const Contract& contract = contraction->as<Contract>();
    product_.result = contract.result;
    std::string all = contract.result;
    for (const std::string& word : contract.operands) all += word;
    for (const char label : all) fresh_ = std::max(fresh_, static_cast<unsigned char>(label));
    for (size_t i = 0; i < contraction->operands.size(); ++i)
      add(contraction->operands[i], contract.operands[i]);
    return product_;
  }

  bool complete(const std::string& labels) const {
    return std::all_of(labels.begin(), labels.end(), [&](char label) {
      return std::any_of(product_.factors.begin(), product_.factors.end(),
                         [&](const Factor& f) { return f.labels.find(label) != std::string::npos; });
    });
  }
  const std::string& seen() const { return seen_; }

 private:
  void add(Ref node, const std::string& labels) {
    seen_ += labels;
    const double* value = splat(node);
    if (value && (labels.empty() || (repeats_ && !single(node)))) {
      product_.coefficient *= *value;
      return;
    }
    if (repeats_ && unrepeated(node) != node && !single(node)) return add(unrepeated(node), "");
    if (!passes_(node)) {
      product_.factors.push_back({node, labels});
      return;
    }
    if (is_map(node, "neg")) {
      product_.coefficient = -product_.coefficient;
      return add(node->operands[0], labels);
    }
    if (is_map(node, "mul")) {
      add(node->operands[0], labels);
      return add(node->operands[1], labels);
    }
    if (node->is(Kind::view)) {
      const std::vector<int> axes = repeated_axes(*node);
      const bool whole = std::find(axes.begin(), axes.end(), -1) == axes.end();
      if (!axes.empty() && (whole || repeats_)) {
        std::string below(node->operands[0]->type.shape.size(), ' ');
        for (size_t i = 0; i < axes.size(); ++i)
          if (axes[i] >= 0) below[static_cast<size_t>(axes[i])] = labels[i];
        return add(node->operands[0], below);
      }
    }
    if (node->is(Kind::contract)) {
      const Contract& contract = node->as<Contract>();
      std::map<char, char> names;
      for (size_t i = 0; i < contract.result.size(); ++i) names[contract.result[i]] = labels[i];
      for (size_t i = 0; i < node->operands.size(); ++i) {
        std::string word;
        for (const char label : contract.operands[i]) {
          const auto [at, added] = names.emplace(label, '\0');
          if (added) at->second = static_cast<char>(++fresh_);
          word += at->second;
        }
        add(node->operands[i], word);
      }
      return;
    }
    product_.factors.push_back({node, labels});
  }

  const std::function<bool(Ref)>& passes_;
  bool repeats_;  // whether what repeats along an axis is taken for what it repeats
  Product product_;
  std::string seen_;
  unsigned char fresh_ = 0;
};

}  // namespace

Product flatten(Ref contraction, const std::function<bool(Ref)>& passes) {
  Flattening bold(passes, true);
  const Product product = bold.run(contraction);
  // A sum over what nothing has is not told by the labels.
  if (bold.complete(bold.seen())) return product;
  return Flattening(passes, false).run(contraction);
}

namespace {

struct Edge {
  char from, to;
  Formula value;
  bool used = false;
};

// Vertices are labels; matrices are edges, vectors stand at vertices.
class Chain {
 public:
  Chain(const Product& product, const std::function<Formula(Ref)>& formula) : result_(product.result) {
    fine_ = read(product, formula);
  }

  Formula write(double coefficient) {
    if (!fine_) return nullptr;
    Formula value;
    if (result_.empty()) {
      value = number(1);
    } else if (result_.size() == 1) {
      value = vector(result_[0]);
    } else {
      value = between(result_[0], result_[1]);
    }
    if (!value) return nullptr;
    while (const char start = open_end()) {
      const Formula scalar = closed(start);
      if (!scalar) return nullptr;
      scalars_.push_back(scalar);
    }
    for (const Edge& edge : edges_)
      if (!edge.used) return nullptr;
    scalars_.insert(scalars_.begin(), number(coefficient));
    if (result_.empty()) return times(scalars_);
    return hadamard(scalars_, {value});
  }

 private:
  bool read(const Product& product, const std::function<Formula(Ref)>& formula) {
    if (result_.size() > 2) return false;
    for (Factor factor : product.factors) {
      Formula value = formula(factor.node);
      if (!value || factor.labels.size() > 2) return false;
      value = without_single_axes(product, factor, value);
      if (factor.labels.empty()) {
        scalars_.push_back(value);
      } else if (factor.labels.size() == 1) {
        at_[factor.labels[0]].push_back(value);
      } else if (factor.labels[0] == factor.labels[1]) {
        return false;
      } else {
        add_edge({factor.labels[0], factor.labels[1], value});
      }
    }
    for (const char label : result_)
      if (!known(label)) return false;
    return true;
  }

  // A sum over an axis of one element that nothing else has is that element.
  static Formula without_single_axes(const Product& product, Factor& factor, const Formula& value) {
    std::vector<Formula> indices;
    std::string kept;
    for (size_t axis = 0; axis < factor.labels.size(); ++axis) {
      const char label = factor.labels[axis];
      size_t count = std::count(product.result.begin(), product.result.end(), label);
      for (const Factor& f : product.factors) count += std::count(f.labels.begin(), f.labels.end(), label);
      const bool single = count == 1 && factor.node->type.shape[axis] == Extent(1);
      indices.push_back(single ? number(0) : literal(":", "{:}"));
      if (!single) kept += label;
    }
    if (kept.size() == factor.labels.size()) return value;
    factor.labels = kept;
    return index(value, indices);
  }

  bool known(char label) const { return at_.count(label) || degree(label) > 0; }

  void add_edge(const Edge& edge) {
    for (Edge& other : edges_) {
      if (other.from == edge.from && other.to == edge.to) {
        other.value = notation::hadamard({}, {other.value, edge.value});
        return;
      }
      if (other.from == edge.to && other.to == edge.from) {
        other.value = notation::hadamard({}, {other.value, transpose(edge.value)});
        return;
      }
    }
    edges_.push_back(edge);
  }

  int degree(char label) const {
    int n = 0;
    for (const Edge& edge : edges_) n += (edge.from == label) + (edge.to == label);
    return n;
  }

  Edge* next(char label) {
    for (Edge& edge : edges_)
      if (!edge.used && (edge.from == label || edge.to == label)) return &edge;
    return nullptr;
  }

  // The vectors at a label, multiplied; null when there are none.
  Formula take(char label) {
    const auto found = at_.find(label);
    if (found == at_.end()) return nullptr;
    std::vector<Formula> list = std::move(found->second);
    at_.erase(found);
    return notation::hadamard({}, list);
  }

  static Formula oriented(const Edge& edge, char from) {
    return edge.from == from ? edge.value : transpose(edge.value);
  }

  static void append(std::vector<Formula>& list, const Formula& matrix) {
    const bool identity = matrix->form == Form::literal && matrix->text == "I";
    if (!identity) list.push_back(matrix);
  }

  // A path's matrices from a label on, with what stands between them as diagonal matrices; `end`: where it
  // stops.
  bool path(char from, char& end, std::vector<Formula>& list) {
    end = from;
    while (Edge* edge = next(end)) {
      if (degree(end) > 2 || (end != from && result_.find(end) != std::string::npos)) break;
      if (end != from) {
        if (const Formula here = take(end)) list.push_back(diagonal(here));
      }
      edge->used = true;
      append(list, oriented(*edge, end));
      end = edge->from == end ? edge->to : edge->from;
    }
    return degree(end) <= 2;
  }

  // The vector over a label that a path from it gives.
  Formula vector(char label) {
    Formula here = take(label);
    if (degree(label) == 0) return here;
    if (degree(label) > 1) return nullptr;
    char end = label;
    std::vector<Formula> list;
    if (!path(label, end, list) || result_.find(end) != std::string::npos) return nullptr;
    const Formula last = take(end);
    if (!last || degree(end) != 1) return nullptr;
    list.push_back(last);
    const Formula product = times(list);
    return here ? notation::hadamard({}, {here, product}) : product;
  }

  Formula between(char a, char b) {
    if (degree(a) == 0 || degree(b) == 0 || !connected(a, b)) {
      const Formula left = vector(a), right = left ? vector(b) : nullptr;
      return right ? times({left, transpose(right)}) : nullptr;
    }
    if (degree(a) != 1 || degree(b) != 1) return nullptr;
    std::vector<Formula> list;
    if (const Formula here = take(a)) list.push_back(diagonal(here));
    char end = a;
    if (!path(a, end, list) || end != b) return nullptr;
    if (const Formula here = take(b)) list.push_back(diagonal(here));
    if (list.empty()) return literal("I", "I");
    return times(list);
  }

  bool connected(char a, char b) const {
    std::string reached(1, a);
    for (size_t i = 0; i < reached.size(); ++i)
      for (const Edge& edge : edges_)
        for (const auto& [from, to] : {std::pair{edge.from, edge.to}, {edge.to, edge.from}})
          if (from == reached[i] && reached.find(to) == std::string::npos) reached += to;
    return reached.find(b) != std::string::npos;
  }

  // A label where a part of the product that is a scalar begins.
  char open_end() const {
    for (const auto& [label, list] : at_)
      if (degree(label) <= 1) return label;
    for (const Edge& edge : edges_)
      if (!edge.used) return edge.from;
    return at_.empty() ? '\0' : at_.begin()->first;
  }

  // A scalar: xᵀ A B y, xᵀ y, ‖x‖², tr(A B).
  Formula closed(char start) {
    if (degree(start) == 0) return dot(start);
    if (degree(start) == 2) return trace(start);
    if (degree(start) > 2) return nullptr;
    const Formula first = take(start);
    char end = start;
    std::vector<Formula> list;
    if (!first || !path(start, end, list) || degree(end) != 1) return nullptr;
    const Formula last = take(end);
    if (!last) return nullptr;
    // Read from the end that needs fewer transpositions.
    const auto turned = [](const Formula& x) { return x->form == Form::transpose ? 1 : 0; };
    int transposed = 0, plain = 0;
    for (const Formula& x : list) (turned(x) ? transposed : plain) += x->form == Form::call ? 0 : 1;
    if (transposed > plain) {
      std::reverse(list.begin(), list.end());
      for (Formula& x : list)
        if (x->form != Form::call) x = transpose(x);
      list.insert(list.begin(), transpose(last));
      list.push_back(first);
    } else {
      list.insert(list.begin(), transpose(first));
      list.push_back(last);
    }
    return times(list);
  }

  Formula dot(char label) {
    std::vector<Formula> list = std::move(at_[label]);
    at_.erase(label);
    if (list.size() < 2) return nullptr;
    if (list.size() == 2 && same(list[0], list[1])) return call("‖{0}‖²", "\\lVert {0} \\rVert^2", {list[0]});
    const Formula first = list[0];
    list.erase(list.begin());
    return times({transpose(first), notation::hadamard({}, list)});
  }

  Formula trace(char start) {
    std::vector<Formula> list;
    char end = start;
    if (const Formula here = take(start)) list.push_back(diagonal(here));
    do {
      Edge* edge = next(end);
      if (!edge || degree(end) != 2) return nullptr;
      if (end != start) {
        if (const Formula here = take(end)) list.push_back(diagonal(here));
      }
      edge->used = true;
      append(list, oriented(*edge, end));
      end = edge->from == end ? edge->to : edge->from;
    } while (end != start);
    return call("tr({0})", "\\operatorname{tr}({0})", {times(list)});
  }

  std::string result_;
  std::vector<Formula> scalars_;
  std::map<char, std::vector<Formula>> at_;
  std::vector<Edge> edges_;
  bool fine_ = false;
};

}  // namespace

Formula chain(const Product& product, const std::function<Formula(Ref)>& formula) {
  return Chain(product, formula).write(product.coefficient);
}

}  // namespace nodec::notation
