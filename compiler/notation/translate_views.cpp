// Slices, transpositions, placements and concatenations -> x[1:3], Wᵀ, (x, 0, y), e[k].
#include <algorithm>

#include "compiler/graph/op.hpp"
#include "compiler/notation/product.hpp"
#include "compiler/notation/translate.hpp"

namespace nodec::notation {

using namespace graph;

namespace {

// Where a placed scalar or vector stands along an axis of its own.
struct Segment {
  int64_t from, to;
  Ref value;
};
bool as_segment(Ref node, Segment& segment) {
  const bool padded = node->is(Kind::view) && node->as<View>().fill && node->as<View>().axes.size() == 1;
  if (!(padded || node->is(Kind::place)) || node->type.rank() != 1 || node->operands.size() != 1)
    return false;
  const AxisMap& axis = node->as<View>().axes[0];
  const Ref value = node->operands[0];
  if (axis.dynamic || !axis.offset.is_constant() || value->type.rank() > 1 ||
      !node->type.shape[0].is_constant() || !value->type.size().is_constant())
    return false;
  if ((value->type.rank() == 1 || padded) && (axis.terms.size() != 1 || axis.terms[0].second != 1))
    return false;
  const int64_t from = padded ? -axis.offset.value() : axis.offset.value();
  segment = {from, from + value->type.size().value(), value};
  return segment.from >= 0 && segment.to <= node->type.shape[0].value();
}

// 0, or 0₃ for three of them.
Formula zeros(int64_t count) {
  if (count == 1) return number(0);
  const std::string digits = std::to_string(count);
  std::string text = "0";
  for (const char digit : digits) text += "\xE2\x82" + std::string(1, static_cast<char>(0x80 + digit - '0'));
  return literal(text, "0_{" + digits + "}");
}

Formula unit_vector(const Formula& at) { return index(literal("e", "e"), {at}); }

}  // namespace

bool Translator::as_part(const Signed& term, Placed& part) const {
  if (named(term.node)) return false;
  const bool minus = is_map(term.node, "neg");
  part.negative = term.negative != minus;
  Segment segment{};
  if (!as_segment(minus ? term.node->operands[0] : term.node, segment)) return false;
  part.from = segment.from;
  part.to = segment.to;
  part.value = segment.value;
  return true;
}

bool Translator::side_by_side(const std::vector<Signed>& terms) const {
  std::vector<Placed> parts(terms.size());
  for (size_t i = 0; i < terms.size(); ++i) {
    if (!as_part(terms[i], parts[i])) return false;
    for (size_t j = 0; j < i; ++j)
      if (parts[i].from < parts[j].to && parts[j].from < parts[i].to) return false;
  }
  return true;
}

// Placed parts that do not overlap stand side by side: (x, 0, y).
Formula Translator::placed_side_by_side(const std::vector<Signed>& terms) {
  if (!side_by_side(terms)) return nullptr;
  std::vector<Placed> segments(terms.size());
  for (size_t i = 0; i < terms.size(); ++i) as_part(terms[i], segments[i]);
  std::sort(segments.begin(), segments.end(),
            [](const Placed& a, const Placed& b) { return a.from < b.from; });
  std::vector<Formula> parts;
  int64_t at = 0;
  for (const Placed& segment : segments) {
    if (segment.from > at) parts.push_back(zeros(segment.from - at));
    const Formula value = plain(segment.value);
    if (!value) return nullptr;
    parts.push_back(segment.negative ? negate(value) : value);
    at = segment.to;
  }
  const int64_t all = terms[0].node->type.shape[0].value();
  if (all > at) parts.push_back(zeros(all - at));
  constexpr size_t most = 6;
  if (parts.size() == 1) return parts[0];
  return parts.size() <= most ? tuple(parts) : nullptr;
}

Formula Translator::view(Ref node) {
  const View& view = node->as<View>();
  const Ref source = node->operands[0];
  if (view.fill) {
    if (const Formula parts = placed_side_by_side({{node, false}})) return parts;
    // One element among zeros.
    const AxisMap& axis = view.axes[0];
    const bool one = view.axes.size() == 1 && source->type.shape[0] == Extent(1) && !axis.dynamic &&
                     node->type.rank() == 1 && axis.terms.size() == 1 && axis.terms[0].second == 1;
    const Formula x = one ? plain(source) : nullptr;
    return x ? times({x, unit_vector(extent(Extent(0) - axis.offset))}) : nullptr;
  }
  if (source->type.scalar()) return plain(source);
  const std::vector<int> axes = repeated_axes(*node);
  if (!axes.empty()) {
    std::vector<int> kept;
    for (size_t i = 0; i < axes.size(); ++i) {
      if (axes[i] >= 0)
        kept.push_back(axes[i]);
      else if (!(node->type.shape[i] == Extent(1)))
        return nullptr;
    }
    const Formula x = plain(source);
    if (!x) return nullptr;
    if (kept.size() == 2 && kept[0] == 1 && axes.size() == 2) return transpose(x);
    if (axes.size() == 2 && kept.size() == 1 && axes[0] == -1) return transpose(x);
    return std::is_sorted(kept.begin(), kept.end()) ? x : nullptr;
  }
  // Indices and slices, in the order of the source's axes.
  std::vector<Formula> indices;
  std::vector<int> order;
  for (size_t axis = 0; axis < view.axes.size(); ++axis) {
    const AxisMap& map = view.axes[axis];
    Formula offset = extent(map.offset);
    if (map.dynamic) {
      const Formula at = plain(node->operands[static_cast<size_t>(map.dynamic)]);
      if (!at) return nullptr;
      offset = sum({at, offset});
    }
    if (map.terms.empty()) {
      indices.push_back(offset);
      continue;
    }
    if (map.terms.size() != 1 || map.terms[0].second != 1) return nullptr;
    const int to = map.terms[0].first;
    if (std::find(order.begin(), order.end(), to) != order.end()) return nullptr;
    order.push_back(to);
    const Extent& count = node->type.shape[static_cast<size_t>(to)];
    if (!map.dynamic && map.offset == Extent(0) && count == source->type.shape[axis]) {
      indices.push_back(literal(":", "{:}"));
    } else {
      const Formula end = map.dynamic ? sum({offset, extent(count)}) : extent(map.offset + count);
      const bool from_start = !map.dynamic && map.offset == Extent(0);
      indices.push_back(from_start ? call(":{0}", "{:}{0}", {end})
                                   : call("{0}:{1}", "{0}{:}{1}", {offset, end}));
    }
  }
  if (order.size() > 2) return nullptr;
  // An axis of one element that nothing is read along makes a column or a row.
  for (int axis = 0; axis < node->type.rank(); ++axis) {
    const bool read = std::find(order.begin(), order.end(), axis) != order.end();
    if (!read && !(node->type.shape[static_cast<size_t>(axis)] == Extent(1))) return nullptr;
  }
  const bool row = order.size() == 1 && node->type.rank() == 2 && order[0] == 1;
  const Formula base = plain(source);
  if (!base) return nullptr;
  const bool turned = order.size() == 2 && order[0] > order[1];
  const Formula result = index(base, indices);
  return turned || row ? transpose(result) : result;
}

Formula Translator::place(Ref node) {
  if (const Formula parts = placed_side_by_side({{node, false}})) return parts;
  const View& view = node->as<View>();
  const Ref source = node->operands[0];
  const auto plain_axis = [&](size_t axis, int term) {
    const AxisMap& map = view.axes[axis];
    return !map.dynamic && map.offset == Extent(0) && map.terms.size() == 1 && map.terms[0].second == 1 &&
           map.terms[0].first == term;
  };
  if (view.axes.size() == 2 && plain_axis(0, 0) && plain_axis(1, 0) && source->type.rank() == 1) {
    const Formula x = plain(source);
    return !x ? nullptr : is_number(source) ? times({x, literal("I", "I")}) : diagonal(x);
  }
  const auto constant_axis = [&](size_t axis) { return view.axes[axis].terms.empty(); };
  const auto unit = [&](size_t axis) {
    const AxisMap& map = view.axes[axis];
    const Formula offset = extent(map.offset);
    const Formula at = map.dynamic ? plain(node->operands[static_cast<size_t>(map.dynamic)]) : number(0);
    return unit_vector(at ? sum({at, offset}) : literal("…", "\\dots"));
  };
  const Formula x = view.axes.size() <= 2 && source->type.rank() <= 1 ? plain(source) : nullptr;
  if (!x) return nullptr;
  if (view.axes.size() == 1 && constant_axis(0)) return times({x, unit(0)});
  if (view.axes.size() == 2 && source->type.rank() == 1) {
    if (constant_axis(0) && plain_axis(1, 0)) return times({unit(0), transpose(x)});
    if (constant_axis(1) && plain_axis(0, 0)) return times({x, transpose(unit(1))});
  }
  if (view.axes.size() == 2 && source->type.scalar() && constant_axis(0) && constant_axis(1))
    return times({x, unit(0), transpose(unit(1))});
  return nullptr;
}

Formula Translator::concat(Ref node) {
  const int axis = node->as<Axis>().axis;
  std::vector<Formula> parts;
  for (const Ref operand : node->operands) {
    const Formula part = plain(operand);
    if (!part) return nullptr;
    parts.push_back(part);
  }
  if (node->type.rank() == 1) return tuple(parts);
  if (node->type.rank() > 2) return nullptr;
  return matrix(axis == 0 ? 1 : parts.size(), parts);
}

}  // namespace nodec::notation
