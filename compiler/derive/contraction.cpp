// A product of tensors over shared labels -> contractions of two at a time, in the cheapest order.
#include "compiler/derive/contraction.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <map>
#include <numeric>
#include <unordered_set>

#include "compiler/graph/cost.hpp"

namespace nodec::derive {
namespace {

using namespace graph;

// What an unknown length counts, and how many evaluations share what is computed once per update or once per
// solve.
constexpr double assumed_length = 64;
constexpr double evaluations_per_update = 1024, evaluations_per_solve = 32;

double share(const Node& node) {
  if (!node.free.empty()) return 1;
  return 1 / (node.base == Base::sample ? evaluations_per_solve : evaluations_per_update);
}

double size_of(const Extent& extent) {
  return extent.is_constant() ? static_cast<double>(extent.value()) : assumed_length;
}

// Labels are bits of a mask, factors those of a subset.
using Mask = uint64_t;

class Plan {
 public:
  Plan(Graph& g, const std::vector<std::string>& labels, const std::string& result,
       const std::vector<Ref>& factors, Ties ties)
      : g_(g), result_(result), ties_(ties), choices_(size_t{1} << factors.size()) {
    // Equal factors side by side, so that equal products of them are seen.
    std::vector<size_t> order(factors.size());
    std::iota(order.begin(), order.end(), size_t{0});
    const auto rank = [&](size_t f) { return std::pair(factors[f]->order, factors[f]->hash); };
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return rank(a) < rank(b); });
    result_mask_ = mask_of(result);
    for (const size_t i : order) {
      factors_.push_back(factors[i]);
      labels_.push_back(labels[i]);
      masks_.push_back(mask_of(labels[i]));
      for (size_t axis = 0; axis < labels[i].size(); ++axis)
        sizes_[static_cast<size_t>(number_of(labels[i][axis]))] = size_of(factors[i]->type.shape[axis]);
    }
  }

  Ref build() {
    const size_t all = choices_.size() - 1;
    for (size_t set = 1; set <= all; ++set) {
      choices_[set].kept = kept(set);
      choices_[set].share = share_of(set);
      if (std::has_single_bit(set)) continue;
      choices_[set].cost = std::numeric_limits<double>::infinity();
      // The part that holds the lowest factor, so that each split is seen once.
      const size_t lowest = set & (~set + 1);
      for (size_t part = (set - 1) & set; part > 0; part = (part - 1) & set) {
        if (!(part & lowest)) continue;
        const size_t rest = set ^ part;
        const double before = choices_[part].cost + (alike(part, rest) ? 0 : choices_[rest].cost);
        if (before > choices_[set].cost) continue;
        const double cost =
            before + choices_[set].share * (product(choices_[part].kept | choices_[rest].kept) +
                                            reading(part, set) + reading(rest, set));
        if (cost < choices_[set].cost || (cost == choices_[set].cost && ties_ == Ties::last))
          choices_[set].cost = cost, choices_[set].part = part;
      }
    }
    return build(all).first;
  }

 private:
  struct Choice {
    double cost = 0, share = 1;
    size_t part = 0;  // the other operand is the rest
    Mask kept = 0;    // of a single factor: its own labels
  };

  int number_of(char label) {
    const size_t at = names_.find(label);
    if (at != std::string::npos) return static_cast<int>(at);
    names_ += label;
    sizes_.push_back(1);
    return static_cast<int>(names_.size() - 1);
  }

  Mask mask_of(const std::string& word) {
    Mask mask = 0;
    for (char label : word) mask |= Mask{1} << number_of(label);
    return mask;
  }

  // What a subset's product must keep: labels that the result or a factor outside has.
  Mask kept(size_t set) const {
    Mask inside = 0, outside = result_mask_;
    for (size_t i = 0; i < masks_.size(); ++i) (set >> i & 1 ? inside : outside) |= masks_[i];
    return std::has_single_bit(set) ? inside : inside & outside;
  }

  // Whether two products without a common factor are one value: the same factors in order, joined by labels
  // alike. (False proves nothing.)
  bool alike(size_t a, size_t b) const {
    if (std::popcount(a) != std::popcount(b)) return false;
    const Mask kept_a = choices_[a].kept, kept_b = choices_[b].kept;
    std::map<char, char> to, from;
    for (; a; a &= a - 1, b &= b - 1) {
      const size_t i = static_cast<size_t>(std::countr_zero(a)), j = static_cast<size_t>(std::countr_zero(b));
      if (factors_[i] != factors_[j]) return false;
      for (size_t axis = 0; axis < labels_[i].size(); ++axis) {
        const char x = labels_[i][axis], y = labels_[j][axis];
        if (to.emplace(x, y).first->second != y || from.emplace(y, x).first->second != x) return false;
        if (has(kept_a, x) != has(kept_b, y)) return false;
      }
    }
    return true;
  }

  bool has(Mask labels, char label) const { return labels >> names_.find(label) & 1; }

  double share_of(size_t set) const {
    double most = 0;
    for (size_t i = 0; i < factors_.size(); ++i)
      if (set >> i & 1) most = std::max(most, share(*factors_[i]));
    return most;
  }

  // What a product that is computed less often costs where it is used: it is read each time, and its
  // cotangent is summed there.
  double reading(size_t set, size_t use) const {
    constexpr double element = 0.25;
    const bool made_before = !std::has_single_bit(set) && choices_[set].share < choices_[use].share;
    return made_before ? element * product(choices_[set].kept) : 0;
  }

  double product(Mask labels) const {
    double size = 1;
    for (; labels; labels &= labels - 1) size *= sizes_[static_cast<size_t>(std::countr_zero(labels))];
    return size;
  }

  // In the order in which the factors have them.
  std::string word(Mask labels) const {
    std::string text;
    for (size_t i = 0; i < names_.size(); ++i)
      if (labels >> i & 1) text += names_[i];
    return text;
  }

  // Depth: the number of factors.
  std::pair<Ref, std::string> build(size_t set) {
    const bool all = set == choices_.size() - 1;
    if (std::has_single_bit(set)) {
      const size_t i = static_cast<size_t>(std::countr_zero(set));
      if (!all) return {factors_[i], labels_[i]};
      return {g_.contract({labels_[i]}, result_, {factors_[i]}), result_};
    }
    const auto [a, a_labels] = build(choices_[set].part);
    const auto [b, b_labels] = build(set ^ choices_[set].part);
    const std::string result = all ? result_ : word(choices_[set].kept);
    return {g_.contract({a_labels, b_labels}, result, {a, b}), result};
  }

  Graph& g_;
  std::vector<std::string> labels_;
  const std::string& result_;
  Ties ties_;
  std::vector<Ref> factors_;
  std::string names_;          // of the labels, by number
  std::vector<double> sizes_;  // of the labels, by number
  std::vector<Mask> masks_;    // of the factors
  Mask result_mask_ = 0;
  std::vector<Choice> choices_;  // by subset
};

}  // namespace

Ref contract_in_order(Graph& g, const std::vector<std::string>& labels, const std::string& result,
                      const std::vector<Ref>& factors, Ties ties) {
  if (factors.empty()) return g.constant(1.0);
  return Plan(g, labels, result, factors, ties).build();
}

double price(const std::vector<Ref>& roots, const std::vector<Ref>& known) {
  const std::vector<Ref> had = postorder(known);
  const std::unordered_set<Ref> paid(had.begin(), had.end());
  const std::vector<Ref> nodes = postorder(roots);
  std::map<std::string, int64_t> lengths;
  for (Ref node : nodes)
    for (const Extent& extent : node->type.shape)
      for (const std::string& atom : extent.atoms())
        lengths.emplace(atom, static_cast<int64_t>(assumed_length));
  double total = 0;
  for (Ref node : nodes) {
    if (paid.count(node)) continue;
    const Cost one = cost(*node, lengths);
    double work = static_cast<double>(one.multiply_adds + one.operations);
    // Arrays that are only arranged are written too.
    if (node->is(Kind::place) || node->is(Kind::concat))
      work += static_cast<double>(node->type.size().evaluate(lengths));
    total += share(*node) * work;
  }
  return total;
}

}  // namespace nodec::derive
