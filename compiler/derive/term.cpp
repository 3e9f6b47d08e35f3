// Products of tensors over shared indices: restricted, closed, brought to one form, contracted.
#include <algorithm>
#include <numeric>
#include <set>
#include <string>
#include <tuple>

#include "compiler/derive/network.hpp"

namespace nodec::derive {

using namespace graph;

namespace {

constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

// a ≤ b for any lengths; nothing when that depends on them.
std::optional<bool> at_most(const Extent& a, const Extent& b) {
  if ((b - a).nonnegative()) return true;
  if ((a - b - Extent(1)).nonnegative()) return false;
  return {};
}

void for_each_index(Term& term, const std::function<void(Index&)>& f) {
  for (auto& word : term.indices)
    for (Index& index : word) f(index);
  for (Index& index : term.with) f(index);
  for (Index& index : term.axes) f(index);
}

// Intersects the range with [begin, begin + extent).
Left intersect(Range& range, const Extent& begin, const Extent& extent) {
  const Extent end = range.begin + range.extent, other = begin + extent;
  const std::optional<bool> later = at_most(range.begin, begin), sooner = at_most(other, end);
  if (!later || !sooner) return Left::unknown;
  const Extent from = *later ? begin : range.begin, to = *sooner ? other : end;
  const Extent size = to - from;
  if (size.is_constant()) {
    if (size.value() <= 0) return Left::nothing;
  } else if (*later != *sooner && !size.nonnegative()) {
    // Ends of two axes: either may come first.
    return Left::unknown;
  }
  range = {from, to - from};
  return Left::some;
}

}  // namespace

bool Term::fresh(const Extent& extent, Index& index) {
  for (char label : letters) {
    if (ranges.count(label)) continue;
    ranges[label] = {0, extent};
    index = {label, 0};
    return true;
  }
  return false;
}

bool Term::in_factor(char label) const {
  return std::any_of(indices.begin(), indices.end(), [&](const std::vector<Index>& word) {
    return std::any_of(word.begin(), word.end(), [&](const Index& i) { return i.label == label; });
  });
}

size_t Term::words() const {
  std::set<std::string> found;
  for (const auto& word : indices) {
    std::string labels;
    for (const Index& index : word) labels += index.label;
    found.insert(labels);
  }
  return found.size();
}

Left restrict_to(Term& term, const Index& index, const Extent& extent) {
  return intersect(term.ranges.at(index.label), Extent(0) - index.shift, extent);
}

Left identify(Term& term, Index a, Index b) {
  if (a.label == b.label) {
    if (a.shift == b.shift) return Left::some;
    const Extent apart = a.shift - b.shift;
    const bool never = (apart - Extent(1)).nonnegative() || (Extent(-1) - apart).nonnegative();
    return never ? Left::nothing : Left::unknown;
  }
  // b's label is a's moved by this.
  const Extent moved = a.shift - b.shift;
  const Range range = term.ranges.at(b.label);
  if (const Left left = intersect(term.ranges.at(a.label), range.begin - moved, range.extent);
      left != Left::some)
    return left;
  for_each_index(term, [&](Index& index) {
    if (index.label == b.label) index = {a.label, index.shift + moved};
  });
  term.ranges.erase(b.label);
  return Left::some;
}

namespace {

// Each label from 0 on; the factors cut to what their indices reach.
void cut(Graph& g, Term& term) {
  for (size_t f = 0; f < term.factors.size(); ++f)
    for (size_t axis = 0; axis < term.indices[f].size(); ++axis) {
      Index& index = term.indices[f][axis];
      const Range& range = term.ranges.at(index.label);
      const Extent& whole = term.factors[f]->type.shape[axis];
      if (!(range.extent == whole))
        term.factors[f] =
            slice(g, term.factors[f], static_cast<int>(axis), range.begin + index.shift, range.extent);
      index.shift = 0;
    }
  for (auto& [label, range] : term.ranges) range.begin = 0;
}

// Factors of one word become their product, in the order of their content.
void join_equal_words(Graph& g, Term& term) {
  std::map<std::string, std::vector<Ref>> groups;
  std::vector<std::string> order;
  for (size_t f = 0; f < term.factors.size(); ++f) {
    std::string word;
    for (const Index& index : term.indices[f]) word += index.label;
    if (!groups.count(word)) order.push_back(word);
    groups[word].push_back(term.factors[f]);
  }
  term.factors.clear();
  term.indices.clear();
  for (const std::string& word : order) {
    std::vector<Ref>& group = groups[word];
    // What is computed less often first, so that its product is too.
    std::stable_sort(group.begin(), group.end(), [](Ref a, Ref b) {
      return std::tuple(!a->free.empty(), a->base, a->order) <
             std::tuple(!b->free.empty(), b->base, b->order);
    });
    Ref product = group[0];
    for (size_t i = 1; i < group.size(); ++i) product = mul(g, product, group[i]);
    term.factors.push_back(product);
    std::vector<Index> indices;
    for (char label : word) indices.push_back({label, 0});
    term.indices.push_back(indices);
  }
}

// Sums each factor over the labels that it alone has.
void sum_alone(Graph& g, Term& term, const std::string& wanted) {
  for (size_t f = 0; f < term.factors.size(); ++f) {
    std::string word, kept;
    for (const Index& index : term.indices[f]) {
      word += index.label;
      bool outside = wanted.find(index.label) != std::string::npos;
      for (size_t other = 0; other < term.factors.size(); ++other)
        for (const Index& o : term.indices[other])
          outside = outside || (other != f && o.label == index.label);
      if (outside && kept.find(index.label) == std::string::npos) kept += index.label;
    }
    if (kept == word) continue;
    term.factors[f] = g.contract({word}, kept, {term.factors[f]});
    term.indices[f].clear();
    for (char label : kept) term.indices[f].push_back({label, 0});
  }
}

}  // namespace

Ref contract_term(Graph& g, Term term, const std::string& wanted, Ties ties) {
  if (term.coefficient == 0) return nullptr;
  double coefficient = term.coefficient;
  std::vector<Extent> counted;
  for (const auto& [label, range] : term.ranges) {
    if (term.in_factor(label) || wanted.find(label) != std::string::npos) continue;
    if (range.extent.is_constant())
      coefficient *= static_cast<double>(range.extent.value());
    else
      counted.push_back(range.extent);
  }
  cut(g, term);
  join_equal_words(g, term);
  sum_alone(g, term, wanted);
  join_equal_words(g, term);
  std::vector<std::string> labels;
  std::string present, have;
  for (const auto& word : term.indices) {
    labels.emplace_back();
    for (const Index& index : word) labels.back() += index.label;
    present += labels.back();
  }
  for (char label : wanted)
    if (present.find(label) != std::string::npos) have += label;
  Ref value = contract_in_order(g, labels, have, term.factors, ties);
  if (have != wanted) {
    std::vector<int> axes;
    std::vector<Extent> shape;
    for (char label : wanted) shape.push_back(term.ranges.at(label).extent);
    for (char label : have) axes.push_back(static_cast<int>(wanted.find(label)));
    value = expand(g, value, axes, shape);
  }
  for (const Extent& extent : counted) value = mul(g, value, to_real(g, g.length(extent)));
  return coefficient == 1 ? value : scale(g, coefficient, value);
}

namespace {

// What is equal for equal products: the factors, and their indices with labels numbered as they occur, in the
// order of the factors for which that is least.
struct Key {
  std::vector<Ref> factors;
  std::vector<std::pair<int, Extent>> indices;
  std::vector<Extent> extents;
  friend bool operator==(const Key&, const Key&) = default;
};

Key key_in_order(const Term& term, const std::vector<size_t>& order) {
  Key key;
  std::map<char, int> numbers;
  for (size_t f : order) {
    key.factors.push_back(term.factors[f]);
    for (const Index& index : term.indices[f]) {
      const Range& range = term.ranges.at(index.label);
      const auto [at, added] = numbers.emplace(index.label, static_cast<int>(numbers.size()));
      if (added) key.extents.push_back(range.extent);
      key.indices.emplace_back(at->second, index.shift + range.begin);
    }
  }
  std::vector<Extent> counted;
  for (const auto& [label, range] : term.ranges)
    if (!numbers.count(label)) counted.push_back(range.extent);
  std::sort(counted.begin(), counted.end());
  key.extents.insert(key.extents.end(), counted.begin(), counted.end());
  return key;
}

// Orders of equal factors that are tried; beyond, equal products may go unseen.
constexpr int most_orders = 1000;

Key key_of(const Term& term) {
  std::vector<size_t> order(term.factors.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto rank = [&](size_t f) { return std::pair(term.factors[f]->order, term.factors[f]->hash); };
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return rank(a) < rank(b); });
  Key best = key_in_order(term, order);
  // Every order of the runs of equal factors, as an odometer of permutations.
  std::vector<std::pair<size_t, size_t>> runs;
  for (size_t begin = 0; begin < order.size();) {
    size_t end = begin + 1;
    while (end < order.size() && rank(order[end]) == rank(order[begin])) ++end;
    if (end - begin > 1) {
      std::sort(order.begin() + static_cast<std::ptrdiff_t>(begin),
                order.begin() + static_cast<std::ptrdiff_t>(end));
      runs.emplace_back(begin, end);
    }
    begin = end;
  }
  for (int tried = 0; tried < most_orders; ++tried) {
    const bool more = std::any_of(runs.begin(), runs.end(), [&](const auto& run) {
      return std::next_permutation(order.begin() + static_cast<std::ptrdiff_t>(run.first),
                                   order.begin() + static_cast<std::ptrdiff_t>(run.second));
    });
    if (!more) break;
    Key key = key_in_order(term, order);
    if (std::tie(key.indices, key.extents) < std::tie(best.indices, best.extents)) best = std::move(key);
  }
  return best;
}

}  // namespace

bool close(Terms& terms) {
  Terms closed;
  for (Term& term : terms) {
    Left left = Left::some;
    for (size_t k = 0; k < term.axes.size() && left == Left::some; ++k)
      left = identify(term, term.with[k], term.axes[k]);
    if (left == Left::unknown) return false;
    if (left == Left::nothing) continue;
    term.with.clear();
    term.axes.clear();
    closed.push_back(std::move(term));
  }
  terms = std::move(closed);
  return true;
}

Ref sum_of(Graph& g, const Terms& terms, Ties ties) {
  std::vector<std::pair<Key, Term>> distinct;
  for (const Term& term : terms) {
    Key key = key_of(term);
    const auto same =
        std::find_if(distinct.begin(), distinct.end(), [&](const auto& other) { return other.first == key; });
    if (same == distinct.end())
      distinct.emplace_back(std::move(key), term);
    else
      same->second.coefficient += term.coefficient;
  }
  Ref total = nullptr;
  for (const auto& [key, term] : distinct) {
    const Ref value = contract_term(g, term, "", ties);
    if (!vanishes(value)) total = total ? add(g, total, value) : value;
  }
  return total;
}

}  // namespace nodec::derive
