// Expressions -> formulas of their elements, with indices and sums.
#include <algorithm>
#include <map>

#include "compiler/graph/op.hpp"
#include "compiler/notation/product.hpp"
#include "compiler/notation/translate.hpp"

namespace nodec::notation {

using namespace graph;

Formula Translator::element(Ref node, const std::vector<Formula>& indices) {
  const bool written = node == root_;
  root_ = nullptr;
  if (!written) {
    if (named(node)) return index(name(names.at(node)), indices);
  }
  if (node->type.scalar()) {
    if (const Formula x = plain_body(node)) return x;
  }
  return element_body(node, indices);
}

Formula Translator::element_body(Ref node, const std::vector<Formula>& indices) {
  switch (node->kind) {
    case Kind::constant:
      if (node->as<Constant>().values.size() == 1) return number(node->as<Constant>().values[0]);
      break;
    case Kind::iota:
      return indices[0];
    case Kind::map:
      return map(
          node, [&](Ref x) { return element(x, indices); }, false);
    case Kind::contract:
      return element_of_contract(node, indices);
    case Kind::view:
      return element_of_view(node, indices);
    case Kind::place:
      return element_of_place(node, indices);
    case Kind::reduce:
      return element_of_reduce(node, indices);
    case Kind::gather: {
      std::vector<Formula> at;
      for (size_t i = 1; i < node->operands.size(); ++i) at.push_back(element(node->operands[i], indices));
      return element(node->operands[0], at);
    }
    case Kind::concat: {
      // The part that an index which is a number falls into.
      const auto axis = static_cast<size_t>(node->as<Axis>().axis);
      if (indices[axis]->form != Form::number) break;
      double at = indices[axis]->value;
      for (const Ref part : node->operands) {
        const Extent& count = part->type.shape[axis];
        if (!count.is_constant()) break;
        if (at < static_cast<double>(count.value())) {
          std::vector<Formula> within = indices;
          within[axis] = number(at);
          return element(part, within);
        }
        at -= static_cast<double>(count.value());
      }
      break;
    }
    case Kind::batch_sum:
      return call("sum of {0} over samples", "\\sum_{\\text{samples}} {0}",
                  {element(node->operands[0], indices)});
    default:
      break;
  }
  Formula whole = plain_body(node);
  if (!whole) whole = applied(node);
  return index(whole, indices);
}

Formula Translator::element_of_contract(Ref node, const std::vector<Formula>& indices) {
  const Product product = flatten(node, [this](Ref x) { return !named(x) && passes(x); });
  std::map<char, Formula> names_of;
  for (size_t i = 0; i < product.result.size(); ++i) names_of[product.result[i]] = indices[i];
  std::vector<Formula> summed;
  for (const Factor& factor : product.factors) {
    for (const char label : factor.labels) {
      if (names_of.count(label)) continue;
      names_of[label] = fresh_index();
      summed.push_back(names_of[label]);
    }
  }
  std::vector<Formula> factors{number(product.coefficient)};
  std::vector<int> exponents{1};
  for (const Factor& factor : product.factors) {
    std::vector<Formula> at;
    for (const char label : factor.labels) at.push_back(names_of.at(label));
    const Formula x = element(factor.node, at);
    const auto equal = std::find_if(factors.begin() + 1, factors.end(),
                                    [&](const Formula& other) { return same(other, x); });
    if (equal != factors.end()) {
      ++exponents[static_cast<size_t>(equal - factors.begin())];
      continue;
    }
    factors.push_back(x);
    exponents.push_back(1);
  }
  for (size_t i = 1; i < factors.size(); ++i) factors[i] = power(factors[i], number(exponents[i]));
  return big("Σ", "\\sum", times(factors), summed);
}

namespace {

// offset + Σ coefficient · index
Formula affine(const Formula& offset, const std::vector<std::pair<int, int64_t>>& terms,
               const std::vector<Formula>& indices) {
  std::vector<Formula> list;
  for (const auto& [axis, coefficient] : terms)
    list.push_back(times({number(static_cast<double>(coefficient)), indices[static_cast<size_t>(axis)]}));
  list.push_back(offset);
  return sum(list);
}

// 1 where an index is one of an axis of this extent, else 0.
Formula within(const Formula& index, const Extent& count) {
  if (count == Extent(1)) {
    // [i − 1 = 0] is [i = 1].
    const bool shifted = index->form == Form::sum && index->parts.size() == 2 &&
                         index->parts[1]->form == Form::number && index->parts[0]->form == Form::literal;
    const Formula left = shifted ? index->parts[0] : index;
    return call("[{0} = {1}]", "[{0} = {1}]", {left, shifted ? negate(index->parts[1]) : number(0)});
  }
  return call("[0 ≤ {0} < {1}]", "[0 \\le {0} < {1}]", {index, extent(count)});
}

}  // namespace

Formula Translator::element_of_view(Ref node, const std::vector<Formula>& indices) {
  const View& view = node->as<View>();
  std::vector<Formula> at;
  for (const AxisMap& axis : view.axes) {
    Formula offset = extent(axis.offset);
    if (axis.dynamic) {
      const Ref shift = node->operands[static_cast<size_t>(axis.dynamic)];
      offset = sum({element(shift, {}), offset});
    }
    at.push_back(affine(offset, axis.terms, indices));
  }
  const Formula value = element(node->operands[0], at);
  if (!view.fill) return value;
  std::vector<Formula> factors{value};
  for (size_t axis = 0; axis < view.axes.size(); ++axis)
    if (!(at[axis]->form == Form::literal && node->operands[0]->type.shape[axis] == node->type.shape[axis]))
      factors.push_back(within(at[axis], node->operands[0]->type.shape[axis]));
  return times(factors);
}

// y[r] = x[i] where r = offset + i, else 0.
Formula Translator::element_of_place(Ref node, const std::vector<Formula>& indices) {
  const View& view = node->as<View>();
  const Ref source = node->operands[0];
  std::vector<Formula> at(static_cast<size_t>(source->type.rank())), factors;
  for (size_t axis = 0; axis < view.axes.size(); ++axis) {
    const AxisMap& map = view.axes[axis];
    const bool single = map.terms.size() == 1 && map.terms[0].second == 1;
    if (map.dynamic || map.terms.size() > 1 || (map.terms.size() == 1 && !single))
      return index(applied(node), indices);
    if (map.terms.empty()) {
      factors.push_back(call("[{0} = {1}]", "[{0} = {1}]", {indices[axis], extent(map.offset)}));
      continue;
    }
    const Formula here = sum({indices[axis], negate(extent(map.offset))});
    const auto from = static_cast<size_t>(map.terms[0].first);
    Formula& known = at[from];
    if (known)
      factors.push_back(call("[{0} = {1}]", "[{0} = {1}]", {known, here}));
    else
      known = here;
    if (!(source->type.shape[from] == node->type.shape[axis]))
      factors.push_back(within(here, source->type.shape[from]));
  }
  for (const Formula& x : at)
    if (!x) return index(applied(node), indices);
  factors.insert(factors.begin(), element(source, at));
  return times(factors);
}

Formula Translator::element_of_reduce(Ref node, const std::vector<Formula>& indices) {
  const Reduce& reduce = node->as<Reduce>();
  std::vector<Formula> at, over;
  size_t next = 0;
  for (int axis = 0; axis < node->operands[0]->type.rank(); ++axis) {
    const bool reduced = std::find(reduce.axes.begin(), reduce.axes.end(), axis) != reduce.axes.end();
    if (reduced) over.push_back(fresh_index());
    at.push_back(reduced ? over.back() : indices[next++]);
  }
  const Formula x = element(node->operands[0], at);
  switch (reduce.reduction) {
    case Reduction::max:
      return big("max", "\\max", x, over);
    case Reduction::min:
      return big("min", "\\min", x, over);
    case Reduction::prod:
      return big("∏", "\\prod", x, over);
    case Reduction::argmax:
      return big("argmax", "\\operatorname*{arg\\,max}", x, over);
  }
  return x;
}

}  // namespace nodec::notation
