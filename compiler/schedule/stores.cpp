// Loops that fill buffers, by kind of node.
#include <limits>

#include "compiler/graph/op.hpp"
#include "compiler/schedule/tensors.hpp"

namespace nodec::schedule {

using graph::Element;
using graph::Extent;
using graph::Ref;
using NodeKind = graph::Kind;

void Tensors::store_element(const Location& to, const Index& at, Value value) {
  if (b_.type(value).kind == Kind::boolean) value = b_.select(value, b_.real(1), b_.real(0));
  b_.store(to.buffer, flat(to, at), value);
}

void Tensors::add_element(const Location& to, const Index& at, Value value, Element element) {
  const Value position = flat(to, at);
  const Buffer& buffer = writer_.program().buffers[to.buffer];
  if (element == Element::real && (buffer.lanes || buffer.storage == Storage::accumulator)) {
    return b_.accumulate(to.buffer, position, value);
  }
  const Value before = b_.load(to.buffer, position);
  b_.store(to.buffer, position,
           element == Element::real ? b_.add(before, value) : b_.integer_add(before, value));
}

void Tensors::store_into(Ref node, const Location& to) {
  const bool ready = location(node).buffer != none;
  if (!ready) {
    Ref contract = nullptr, bias = nullptr;
    if (biased(node, contract, bias)) return store_matrix(contract, matrix_product(contract), to, bias);
    switch (node->kind) {
      case NodeKind::contract: {
        const Product how = matrix_product(node);
        if (how.found) return store_matrix(node, how, to, nullptr);
        return store_sums(node, to);
      }
      case NodeKind::concat:
        return store_concat(node, to);
      case NodeKind::reduce:
        return store_reduce(node, to);
      case NodeKind::scatter_add:
        return store_scatter(node, to);
      case NodeKind::place:
        if (!invertible(node)) return store_place(node, to);
        break;
      case NodeKind::reshape:
        if (affine(node) && packed_from(to, node->type.shape, 0)) {
          const std::vector<Extent>& shape = node->operands[0]->type.shape;
          return store_into(node->operands[0], {to.buffer, to.offset, row_major(shape)});
        }
        break;
      default:
        break;
    }
  }
  if (node->is_splat(0) && node->type.element == Element::real && packed_from(to, node->type.shape, 0)) {
    return b_.fill(to.buffer, b_.extent(to.offset), b_.extent(node->type.size()), b_.real(0));
  }
  nest(node->type.shape, ready ? 1 : cost(node),
       [&](const Index& at) { store_element(to, at, element(node, at)); });
}

// Each part by loops of its own. A part whose own extent differs by lane is stored where each lane's own
// parts end.
void Tensors::store_concat(Ref node, const Location& to) {
  const size_t axis = static_cast<size_t>(node->as<graph::Axis>().axis);
  Extent first = 0;
  bool varies = false;
  for (const Ref part : node->operands) {
    const std::vector<Extent>& shape = part->type.shape;
    if (!varies) {
      Location there = to;
      there.offset = there.offset + first * to.strides[axis];
      store_into(part, there);
    } else {
      const Value start = own(first);
      nest(shape, cost(part), [&](const Index& at) {
        Index there = at;
        there[axis] = plus(at[axis], start);
        const Value room = inside(there[axis], node->type.shape[axis]);
        const Value mask = within(shape, at);
        Value value = element(part, at);
        if (b_.type(value).kind == Kind::boolean) value = b_.select(value, b_.real(1), b_.real(0));
        there[axis] = clamp(there[axis], node->type.shape[axis]);
        b_.store_masked(to.buffer, flat(to, there), value, mask == none ? room : b_.logical_and(room, mask));
      });
    }
    first = first + shape[axis];
    varies = varies || (!role_.uniform && writer_.rates().varies(shape[axis]));
  }
}

void Tensors::store_reduce(Ref node, const Location& to) {
  const graph::Reduce& reduce = node->as<graph::Reduce>();
  const Ref x = node->operands[0];
  const Element type = x->type.element;
  std::vector<Extent> reduced;
  for (const int axis : reduce.axes) reduced.push_back(x->type.shape[axis]);
  const double infinity = std::numeric_limits<double>::infinity();
  const double edge = type == Element::real ? infinity : b_.double_precision() ? 9e18 : 2147483647.0;
  double start = 1;
  if (reduce.reduction == graph::Reduction::max || reduce.reduction == graph::Reduction::argmax)
    start = -edge;
  if (reduce.reduction == graph::Reduction::min) start = edge;
  if (type == Element::boolean) start = reduce.reduction == graph::Reduction::max ? 0 : 1;
  const bool finds = reduce.reduction == graph::Reduction::argmax;
  const Location best = scratch("best", graph::Type{{}, type});
  const Location place = finds ? scratch("argmax", graph::Type{{}, Element::integer}) : Location{};
  nest(node->type.shape, cost(x) * 2, [&](const Index& at) {
    store_element(best, {}, literal(start, type));
    if (finds) store_element(place, {}, b_.integer(0));
    nest(reduced, cost(x) + 4, [&](const Index& inner) {
      Index full;
      size_t next_kept = 0, next_reduced = 0;
      for (size_t axis = 0; axis < x->type.shape.size(); ++axis) {
        const bool summed =
            next_reduced < reduce.axes.size() && reduce.axes[next_reduced] == static_cast<int>(axis);
        full.push_back(summed ? inner[next_reduced++] : at[next_kept++]);
      }
      const Value mask = within(reduced, inner);
      const Value value = element(x, full), before = load(best, {}, type);
      Value after = none;
      if (finds) {
        // The first of equals; a NaN is larger than everything.
        Value larger = none;
        if (type == Element::real) {
          larger = b_.logical_and(b_.logical_not(b_.not_equal(before, before)),
                                  b_.logical_or(b_.less(before, value), b_.not_equal(value, value)));
        } else {
          larger = b_.integer_less(before, value);
        }
        if (mask != none) larger = b_.logical_and(mask, larger);
        store_element(place, {},
                      b_.select(larger, integer_value(inner[0]), load(place, {}, Element::integer)));
        after = b_.select(larger, value, before);
      } else {
        switch (reduce.reduction) {
          case graph::Reduction::max:
            after = type == Element::boolean ? b_.logical_or(before, value) : b_.max(before, value);
            break;
          case graph::Reduction::min:
            after = type == Element::boolean ? b_.logical_and(before, value) : b_.min(before, value);
            break;
          default:
            after = type == Element::boolean   ? b_.logical_and(before, value)
                    : type == Element::integer ? b_.integer_mul(before, value)
                                               : b_.mul(before, value);
        }
        if (mask != none) after = b_.select(mask, after, before);
      }
      store_element(best, {}, after);
    });
    store_element(to, at, finds ? load(place, {}, Element::integer) : load(best, {}, type));
  });
}

std::pair<Index, Value> Tensors::placed(Ref place, const Index& at) {
  const graph::View& view = place->as<graph::View>();
  Index there;
  Value ok = within(place->operands[0]->type.shape, at);
  for (size_t axis = 0; axis < view.axes.size(); ++axis) {
    const graph::AxisMap& map = view.axes[axis];
    Value position = own(map.offset);
    if (map.dynamic) position = plus(position, offsets_.at(place)[axis].first);
    for (const auto& [from, coefficient] : map.terms)
      position = plus(position, times(at[from], b_.index(coefficient)));
    const Value in_range = inside(position, place->type.shape[axis]);
    ok = ok == none ? in_range : b_.logical_and(ok, in_range);
    there.push_back(clamp(position, place->type.shape[axis]));
  }
  return {there, ok == none ? b_.truth(true) : ok};
}

void Tensors::store_place(Ref node, const Location& to) {
  const Ref updates = node->operands[0];
  const Element type = node->type.element;
  nest(node->type.shape, 1, [&](const Index& at) { store_element(to, at, literal(0, type)); });
  nest(updates->type.shape, cost(updates), [&](const Index& at) {
    const auto [there, ok] = placed(node, at);
    add_element(to, there, b_.select(ok, element(updates, at), literal(0, type)), type);
  });
}

void Tensors::store_scatter(Ref node, const Location& to) {
  const Element type = node->type.element;
  const Ref updates = node->operands[0];
  nest(node->type.shape, 1, [&](const Index& at) { store_element(to, at, literal(0, type)); });
  nest(updates->type.shape, cost(updates), [&](const Index& at) {
    Index there;
    Value ok = within(updates->type.shape, at);
    for (size_t axis = 0; axis < node->type.shape.size(); ++axis) {
      const Value position = index_value(element(node->operands[axis + 1], at));
      const Value in_range = inside(position, node->type.shape[axis]);
      ok = ok == none ? in_range : b_.logical_and(ok, in_range);
      there.push_back(clamp(position, node->type.shape[axis]));
    }
    add_element(to, there, b_.select(ok, element(updates, at), literal(0, type)), type);
  });
}

void Tensors::store_output(const Wish& wish) {
  const Ref node = wish.node;
  nest(node->type.shape, cost(node), [&](const Index& at) {
    Value value = element(node, at);
    if (b_.type(value).kind == Kind::boolean) value = b_.select(value, b_.real(1), b_.real(0));
    if (b_.type(value).kind == Kind::integer) value = b_.to_real(value);
    const Value mask = within(node->type.shape, at);
    if (mask != none) value = b_.select(mask, value, b_.real(std::numeric_limits<double>::quiet_NaN()));
    store_element(wish.to, at, value);
  });
}

}  // namespace nodec::schedule
