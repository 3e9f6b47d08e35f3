// The value of a node at an index.
#include <algorithm>
#include <limits>

#include "compiler/graph/op.hpp"
#include "compiler/schedule/fused.hpp"
#include "compiler/schedule/tensors.hpp"
#include "runtime/abi.hpp"

namespace nodec::schedule {

using graph::Element;
using graph::Extent;
using graph::Ref;
using NodeKind = graph::Kind;

Value Tensors::literal(double x, Element element) {
  switch (element) {
    case Element::integer:
      return b_.integer(static_cast<int64_t>(x));
    case Element::boolean:
      return b_.truth(x != 0);
    default:
      return b_.real(x);
  }
}

// Conditions lie in memory as reals; data, parameters and settings are reals whatever their type.
Value Tensors::load(const Location& from, const Index& at, Element element) {
  const Value value = b_.load(from.buffer, flat(from, at));
  if (b_.type(value).kind != Kind::real || element == Element::real) return value;
  if (element == Element::boolean) return b_.not_equal(value, b_.real(0));
  return b_.to_integer(value);
}

Value Tensors::choose(Value ok, Value value, Value otherwise) {
  return ok == none ? value : b_.select(ok, value, otherwise);
}

Value Tensors::invalid(Element element) {
  return literal(element == Element::real ? std::numeric_limits<double>::quiet_NaN() : 0, element);
}

Value Tensors::inside(Value at, const Extent& extent) {
  const Value end = own(extent);
  const bool same = b_.type(at).kind == b_.type(end).kind;
  const Value i = same ? at : integer_value(at), n = same ? end : integer_value(end);
  const Value zero = b_.type(i).kind == Kind::index ? b_.index(0) : b_.integer(0);
  return b_.logical_and(b_.logical_not(b_.integer_less(i, zero)), b_.integer_less(i, n));
}

Value Tensors::clamp(Value at, const Extent& extent) {
  const bool index = b_.type(at).kind == Kind::index;
  const Value last = b_.extent(extent - Extent(1));
  const Value zero = index ? b_.index(0) : b_.integer(0);
  return b_.max(b_.min(at, index ? last : b_.integer_of(last)), zero);
}

Value Tensors::element(Ref node, const Index& at) {
  const Element element_type = node->type.element;
  if (const Location from = location(node); from.buffer != none) return load(from, at, element_type);
  switch (node->kind) {
    case NodeKind::constant:
      return literal(node->as<graph::Constant>().values[0], element_type);
    case NodeKind::length:
      return integer_value(own(node->as<graph::Length>().extent));
    case NodeKind::iota:
      return integer_value(at[0]);
    case NodeKind::map: {
      if (const std::optional<Fused> f = fused(node, writer_.rates())) {
        const Value first = element(f->first, at), second = element(f->second, at),
                    rest = element(f->rest, at);
        return b_.fma(f->negative_product ? b_.neg(first) : first, second,
                      f->negative_rest ? b_.neg(rest) : rest);
      }
      std::vector<Value> operands;
      for (const Ref operand : node->operands) operands.push_back(element(operand, at));
      return node->as<graph::Map>().op->body(b_, operands);
    }
    case NodeKind::contract:
      return product_element(node, at);
    case NodeKind::view:
      return view_element(node, at);
    case NodeKind::place:
      return place_element(node, at);
    case NodeKind::reshape:
      return reshape_element(node, at);
    case NodeKind::gather:
      return gather_element(node, at);
    case NodeKind::concat:
      return concat_element(node, at);
    default:
      writer_.refuse("a value is used before it is computed (%" + std::to_string(node->id) + ")");
      return literal(0, element_type);
  }
}

// A contract without sums.
Value Tensors::product_element(Ref node, const Index& at) {
  const graph::Contract& contract = node->as<graph::Contract>();
  std::map<char, Value> labels;
  for (size_t i = 0; i < at.size(); ++i) labels[contract.result[i]] = at[i];
  return term(node, labels, node->operands.size());
}

Value Tensors::view_element(Ref node, const Index& at) {
  const graph::View& view = node->as<graph::View>();
  const Ref source = node->operands[0];
  const std::vector<Extent>& shape = source->type.shape;
  Index from;
  Value ok = none;
  for (size_t axis = 0; axis < view.axes.size(); ++axis) {
    const graph::AxisMap& map = view.axes[axis];
    Value position = own(map.offset);
    Extent lowest = map.offset, highest = map.offset;
    for (const auto& [to, coefficient] : map.terms) {
      const Extent reach = Extent(coefficient) * (node->type.shape[to] - Extent(1));
      (coefficient < 0 ? lowest : highest) = (coefficient < 0 ? lowest : highest) + reach;
      position = plus(position, times(at[to], b_.index(coefficient)));
    }
    bool certain = lowest.nonnegative() && (shape[axis] - Extent(1) - highest).nonnegative();
    if (map.dynamic) {
      position = plus(position, offsets_.at(node)[axis].first);
      certain = false;
    }
    if (!certain && (view.fill || map.dynamic)) {
      const Value in_range = inside(position, shape[axis]);
      ok = ok == none ? in_range : b_.logical_and(ok, in_range);
    }
    // A lane's own index may leave the rows that exist where the lane's own sample has ended.
    if (!(certain && b_.type(position).kind == Kind::index)) position = clamp(position, shape[axis]);
    from.push_back(position);
  }
  const Value value = element(source, from);
  return choose(ok, value, view.fill ? literal(0, node->type.element) : invalid(node->type.element));
}

bool invertible(Ref place) {
  const graph::View& view = place->as<graph::View>();
  std::vector<bool> known(place->operands[0]->type.shape.size(), false);
  for (const graph::AxisMap& map : view.axes) {
    if (map.terms.size() > 1) return false;
    for (const auto& [axis, coefficient] : map.terms) known[axis] = true;
  }
  for (size_t axis = 0; axis < known.size(); ++axis) {
    if (!known[axis] && place->operands[0]->type.shape[axis] != Extent(1)) return false;
  }
  return true;
}

// The transpose of an affine map, read backwards: which update lands on this index, if any.
Value Tensors::place_element(Ref node, const Index& at) {
  const graph::View& view = node->as<graph::View>();
  const Ref updates = node->operands[0];
  const std::vector<Extent>& shape = updates->type.shape;
  Index from(shape.size(), none);
  Value ok = none;
  const auto require = [&](Value condition) { ok = ok == none ? condition : b_.logical_and(ok, condition); };
  const auto same = [&](Value a, Value b) {
    if (b_.type(a).kind == b_.type(b).kind) return b_.integer_equal(a, b);
    return b_.integer_equal(integer_value(a), integer_value(b));
  };
  for (size_t axis = 0; axis < view.axes.size(); ++axis) {
    const graph::AxisMap& map = view.axes[axis];
    Value position = own(map.offset);
    if (map.dynamic) position = plus(position, offsets_.at(node)[axis].first);
    if (map.terms.empty()) {
      require(same(at[axis], position));
      continue;
    }
    const auto [update, coefficient] = map.terms[0];
    Value distance = plus(at[axis], times(position, b_.index(-1)));
    if (from[update] != none) {
      require(same(distance, times(from[update], b_.index(coefficient))));
      continue;
    }
    if (coefficient != 1) {
      const bool index = b_.type(distance).kind == Kind::index;
      const Value step = index ? b_.index(coefficient) : b_.integer(coefficient);
      const Value quotient = b_.integer_divide(distance, step);
      require(same(b_.integer_mul(quotient, step), distance));
      distance = quotient;
    }
    // Where offset 0 and equal extents leave no choice, no test is needed.
    const bool whole = coefficient == 1 && !map.dynamic && map.offset == Extent(0) &&
                       (shape[update] - node->type.shape[axis]).nonnegative();
    if (!whole) {
      require(inside(distance, shape[update]));
      distance = clamp(distance, shape[update]);
    }
    from[update] = distance;
  }
  for (Value& i : from) {
    if (i == none) i = b_.index(0);
  }
  const Value zero = literal(0, node->type.element);
  if (ok != none && b_.known(ok) == 0) return zero;
  return choose(ok, element(updates, from), zero);
}

// Axes are matched in groups of equal size; within a group the flat index is split anew.
Value Tensors::reshape_element(Ref node, const Index& at) {
  const std::vector<Extent>&to = node->type.shape, &from = node->operands[0]->type.shape;
  Index result(from.size(), b_.index(0));
  size_t i = 0, j = 0;
  while (i < to.size() || j < from.size()) {
    size_t i_end = i, j_end = j;
    Extent left = 1, right = 1;
    do {
      const bool take_left =
          i_end < to.size() && (j_end >= from.size() || left == right || !(left - right).nonnegative());
      if (take_left) {
        left = left * to[i_end++];
      } else if (j_end < from.size()) {
        right = right * from[j_end++];
      }
      if (left == right && (i_end > i || i == to.size()) && (j_end > j || j == from.size())) break;
    } while (i_end < to.size() || j_end < from.size());
    if (i_end == i + 1 && j_end == j + 1) {
      result[j] = at[i];
    } else {
      Value position = b_.index(0);
      for (size_t axis = i; axis < i_end; ++axis) position = plus(times(position, own(to[axis])), at[axis]);
      for (size_t axis = j_end; axis-- > j;) {
        if (axis == j) {
          result[axis] = position;
          break;
        }
        if (from[axis] == Extent(1)) continue;
        const Value extent = own(from[axis]);
        const bool same = b_.type(position).kind == b_.type(extent).kind;
        const Value p = same ? position : integer_value(position), n = same ? extent : integer_value(extent);
        result[axis] = b_.integer_modulo(p, n);
        position = b_.integer_divide(p, n);
      }
      for (size_t axis = j; axis < j_end; ++axis) {
        if (b_.type(result[axis]).lanes) result[axis] = clamp(result[axis], from[axis]);
      }
    }
    i = i_end;
    j = j_end;
  }
  return element(node->operands[0], result);
}

Value Tensors::gather_element(Ref node, const Index& at) {
  const Ref source = node->operands[0];
  Index from;
  Value ok = none;
  for (size_t axis = 0; axis < source->type.shape.size(); ++axis) {
    const Value position = index_value(element(node->operands[axis + 1], at));
    const Value in_range = inside(position, source->type.shape[axis]);
    ok = ok == none ? in_range : b_.logical_and(ok, in_range);
    from.push_back(clamp(position, source->type.shape[axis]));
  }
  return choose(ok, element(source, from), invalid(node->type.element));
}

Value Tensors::concat_element(Ref node, const Index& at) {
  const size_t axis = static_cast<size_t>(node->as<graph::Axis>().axis);
  Extent first = 0;
  std::vector<Extent> firsts;
  for (const Ref part : node->operands) {
    firsts.push_back(first);
    first = first + part->type.shape[axis];
  }
  Value result = none;
  for (size_t i = node->operands.size(); i-- > 0;) {
    const Extent& extent = node->operands[i]->type.shape[axis];
    Index from = at;
    from[axis] = plus(at[axis], times(own(firsts[i]), b_.index(-1)));
    const Value in_range = inside(from[axis], extent);
    if (b_.known(in_range) == 0) continue;
    from[axis] = clamp(from[axis], extent);
    const Value value = element(node->operands[i], from);
    result = result == none ? value : b_.select(in_range, value, result);
  }
  return result == none ? invalid(node->type.element) : result;
}

// ---- failures

void Tensors::report(Value bad, Value at, const std::string& place) {
  if (role_.uniform) return;
  // A lane whose loop is over may have no step of its own whose indices it could repeat.
  Value counts = b_.live();
  if (role_.running != none) counts = b_.integer_equal(b_.load(role_.running, b_.index(0)), b_.integer(1));
  const Value mask = b_.logical_and(counts, b_.splat(bad));
  const Value code = b_.integer(static_cast<int64_t>(runtime::Failure::index_out_of_range));
  b_.if_then(b_.any(mask), [&] {
    b_.fail(writer_.place(place), mask, code, b_.real(0), b_.real(0), b_.integer(-1), integer_value(at));
  });
}

// Run-time offsets of a view or a place: evaluated once, reported where the shown box leaves the source.
void Tensors::check_offsets(Ref node) {
  const graph::View& view = node->as<graph::View>();
  const bool shows = node->is(NodeKind::view);
  const std::vector<Extent>& box = shows ? node->type.shape : node->operands[0]->type.shape;
  const std::vector<Extent>& whole = shows ? node->operands[0]->type.shape : node->type.shape;
  std::vector<std::pair<Value, Value>>& result = offsets_[node];
  if (!result.empty()) return;
  for (size_t axis = 0; axis < view.axes.size(); ++axis) {
    const graph::AxisMap& map = view.axes[axis];
    if (!map.dynamic) {
      result.push_back({none, none});
      continue;
    }
    const Value offset = index_value(element(node->operands[static_cast<size_t>(map.dynamic)], {}));
    Extent lowest = map.offset, highest = map.offset;
    for (const auto& [to, coefficient] : map.terms) {
      const Extent reach = Extent(coefficient) * (box[to] - Extent(1));
      (coefficient < 0 ? lowest : highest) = (coefficient < 0 ? lowest : highest) + reach;
    }
    const Value ok = b_.logical_and(inside(plus(offset, own(lowest)), whole[axis]),
                                    inside(plus(offset, own(highest)), whole[axis]));
    if (shows && !view.fill) report(b_.logical_not(ok), offset, view.place);
    result.push_back({offset, ok});
  }
}

void Tensors::check_indices(Ref node) {
  const std::vector<Extent>& source = node->operands[0]->type.shape;
  nest(node->type.shape, 16, [&](const Index& at) {
    const Value mask = within(node->type.shape, at);
    for (size_t axis = 0; axis < source.size(); ++axis) {
      const Value position = index_value(element(node->operands[axis + 1], at));
      Value bad = b_.logical_not(inside(position, source[axis]));
      if (b_.known(bad) == 0) continue;
      if (mask != none) bad = b_.logical_and(mask, bad);
      report(bad, position, "");
    }
  });
}

}  // namespace nodec::schedule
