// Reshapes in products: one axis becomes several, or several one.
#include <algorithm>
#include <set>

#include "compiler/derive/network.hpp"

namespace nodec::derive {

using namespace graph;

std::optional<std::vector<AxisGroup>> groups_of(const Node& reshape) {
  const std::vector<Extent>&from = reshape.operands[0]->type.shape, &to = reshape.type.shape;
  std::vector<AxisGroup> groups;
  size_t i = 0, j = 0;
  while (i < from.size() || j < to.size()) {
    if (i < from.size() && j < to.size() && from[i] == to[j]) {
      groups.push_back({{i++}, {j++}});
      continue;
    }
    if (i < from.size() && from[i] == Extent(1)) {
      groups.push_back({{i++}, {}});
      continue;
    }
    if (j < to.size() && to[j] == Extent(1)) {
      groups.push_back({{}, {j++}});
      continue;
    }
    if (i == from.size() || j == to.size()) return {};
    AxisGroup group{{i}, {j}};
    Extent left = from[i++], right = to[j++];
    while (!(left == right)) {
      if (!left.is_constant() || !right.is_constant()) return {};
      if (left.value() < right.value() && i < from.size()) {
        group.from.push_back(i);
        left = left * from[i++];
      } else if (right.value() < left.value() && j < to.size()) {
        group.to.push_back(j);
        right = right * to[j++];
      } else {
        return {};
      }
    }
    if (group.from.size() > 1 && group.to.size() > 1) return {};
    groups.push_back(std::move(group));
  }
  return groups;
}

namespace {

// One axis of a tensor as several.
Ref separated(Graph& g, Ref x, size_t axis, const std::vector<Extent>& extents) {
  std::vector<Extent> shape = x->type.shape;
  const auto at = shape.begin() + static_cast<std::ptrdiff_t>(axis);
  shape.insert(shape.erase(at), extents.begin(), extents.end());
  return g.reshape(x, shape);
}

}  // namespace

bool split(Graph& g, Term& term, const Index& index, const std::vector<Extent>& extents,
           std::vector<Index>& indices) {
  const char label = index.label;
  const Range range = term.ranges.at(label);
  Extent size = 1;
  for (const Extent& extent : extents) size = size * extent;
  const auto of_label = [&](const Index& other) { return other.label == label; };
  if (!(range.extent == size) || !(range.begin + index.shift == Extent(0)) ||
      std::any_of(term.with.begin(), term.with.end(), of_label) ||
      std::count_if(term.axes.begin(), term.axes.end(), of_label) > 1)
    return false;
  indices.resize(extents.size());
  for (size_t k = 0; k < extents.size(); ++k)
    if (!term.fresh(extents[k], indices[k])) return false;
  for (size_t f = 0; f < term.factors.size(); ++f) {
    std::vector<Index>& word = term.indices[f];
    for (size_t axis = word.size(); axis-- > 0;) {
      if (!of_label(word[axis])) continue;
      const Ref whole =
          slice(g, term.factors[f], static_cast<int>(axis), range.begin + word[axis].shift, size);
      term.factors[f] = separated(g, whole, axis, extents);
      const auto at = word.begin() + static_cast<std::ptrdiff_t>(axis);
      word.insert(word.erase(at), indices.begin(), indices.end());
    }
  }
  term.ranges.erase(label);
  return true;
}

void separate(Graph& g, Product& product, size_t i) {
  const Ref reshape = product.operands[i];
  if (!reshape->is(Kind::reshape)) return;
  const std::optional<std::vector<AxisGroup>> groups = groups_of(*reshape);
  if (!groups) return;
  Product apart = product;
  const std::vector<Extent>& from = reshape->operands[0]->type.shape;
  apart.operands[i] = reshape->operands[0];
  apart.labels[i].assign(from.size(), '?');
  bool merged = false;
  for (const AxisGroup& group : *groups) {
    if (group.from.size() == 1 && group.to.size() == 1) {
      apart.labels[i][group.from[0]] = product.labels[i][group.to[0]];
      continue;
    }
    if (group.from.size() < 2) return;
    merged = true;
    const char label = product.labels[i][group.to[0]];
    if (apart.result.find(label) != std::string::npos ||
        std::count(product.labels[i].begin(), product.labels[i].end(), label) > 1)
      return;
    std::string several;
    std::vector<Extent> extents;
    for (const size_t axis : group.from) {
      std::vector<std::string> words = apart.labels;
      words.push_back(several);
      char fresh = '?';
      if (!fresh_label(words, fresh)) return;
      several += fresh;
      extents.push_back(from[axis]);
      apart.labels[i][axis] = fresh;
    }
    for (size_t j = 0; j < apart.operands.size(); ++j) {
      if (j == i) continue;
      for (size_t axis; (axis = apart.labels[j].find(label)) != std::string::npos;) {
        apart.operands[j] = separated(g, apart.operands[j], axis, extents);
        apart.labels[j].replace(axis, 1, several);
      }
    }
  }
  if (merged) product = std::move(apart);
}

}  // namespace nodec::derive
