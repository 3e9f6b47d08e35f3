// A product of tensors over shared labels -> contractions of two at a time, in the cheapest order.
#include "compiler/derive/contraction.hpp"

#include <limits>
#include <map>

namespace nodec::derive {
namespace {

using namespace graph;

// What an unknown length counts, and how many evaluations share what is computed once per update.
constexpr double assumed_length = 64;
constexpr double evaluations_per_update = 1024;

class Plan {
 public:
  Plan(Graph& g, const std::vector<std::string>& labels, const std::string& result,
       const std::vector<Ref>& factors)
      : g_(g), labels_(labels), result_(result), factors_(factors), best_(size_t{1} << factors.size()) {
    for (size_t i = 0; i < factors.size(); ++i)
      for (size_t axis = 0; axis < labels[i].size(); ++axis) {
        const Extent& extent = factors[i]->type.shape[axis];
        extents_[labels[i][axis]] =
            extent.is_constant() ? static_cast<double>(extent.value()) : assumed_length;
      }
  }

  Ref build() {
    const size_t all = best_.size() - 1;
    for (size_t set = 1; set <= all; ++set) {
      if ((set & (set - 1)) == 0) continue;
      best_[set].cost = std::numeric_limits<double>::infinity();
      // The part that holds the lowest factor, so that each split is seen once.
      for (size_t part = (set - 1) & set; part > 0; part = (part - 1) & set) {
        if (!(part & (set & (~set + 1)))) continue;
        const size_t rest = set ^ part;
        const double cost = best_[part].cost + best_[rest].cost + price(part, rest);
        if (cost < best_[set].cost) best_[set] = {cost, part};
      }
    }
    return build(all).first;
  }

 private:
  struct Choice {
    double cost = 0;
    size_t part = 0;  // the other operand is the rest
  };

  // What a subset's product must keep: labels that the result or a factor outside has.
  std::string kept(size_t set) const {
    std::string outside = result_, kept;
    for (size_t i = 0; i < factors_.size(); ++i)
      if (!(set >> i & 1)) outside += labels_[i];
    for (size_t i = 0; i < factors_.size(); ++i)
      for (char label : labels_[i])
        if ((set >> i & 1) && outside.find(label) != std::string::npos &&
            kept.find(label) == std::string::npos)
          kept += label;
    return kept;
  }

  std::string labels_of(size_t set) const {
    if ((set & (set - 1)) != 0) return kept(set);
    size_t i = 0;
    while (!(set >> i & 1)) ++i;
    return labels_[i];
  }

  double price(size_t a, size_t b) const {
    std::string seen;
    double cost = 1;
    for (char label : labels_of(a) + labels_of(b)) {
      if (seen.find(label) != std::string::npos) continue;
      seen += label;
      cost *= extents_.at(label);
    }
    for (size_t i = 0; i < factors_.size(); ++i)
      if (((a | b) >> i & 1) && (factors_[i]->base == Base::sample || !factors_[i]->free.empty()))
        return cost;
    return cost / evaluations_per_update;
  }

  // Depth: the number of factors.
  std::pair<Ref, std::string> build(size_t set) {
    const bool all = set == best_.size() - 1;
    if ((set & (set - 1)) == 0) {
      size_t i = 0;
      while (!(set >> i & 1)) ++i;
      if (!all) return {factors_[i], labels_[i]};
      return {g_.contract({labels_[i]}, result_, {factors_[i]}), result_};
    }
    const auto [a, a_labels] = build(best_[set].part);
    const auto [b, b_labels] = build(set ^ best_[set].part);
    const std::string result = all ? result_ : kept(set);
    return {g_.contract({a_labels, b_labels}, result, {a, b}), result};
  }

  Graph& g_;
  const std::vector<std::string>& labels_;
  const std::string& result_;
  const std::vector<Ref>& factors_;
  std::map<char, double> extents_;
  std::vector<Choice> best_;
};

}  // namespace

Ref contract_in_order(Graph& g, const std::vector<std::string>& labels, const std::string& result,
                      const std::vector<Ref>& factors) {
  if (factors.empty()) return g.constant(1.0);
  return Plan(g, labels, result, factors).build();
}

}  // namespace nodec::derive
