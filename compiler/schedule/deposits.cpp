// Sums over the batch, destination first: what is added goes straight into the accumulator, so that no
// sample's share of a parameter's gradient is ever stored.
#include <algorithm>

#include "compiler/graph/op.hpp"
#include "compiler/schedule/tensors.hpp"

namespace nodec::schedule {

using graph::Element;
using graph::Extent;
using graph::Ref;
using NodeKind = graph::Kind;

namespace {

bool is_op(Ref node, std::string_view name) {
  return node->is(NodeKind::map) && node->as<graph::Map>().op->name == name;
}

// Where the source's elements land when a view that shows each of them once, among zeros, is stored at `to`.
bool embeds(Ref node, const Location& to, Location& there) {
  const graph::View& view = node->as<graph::View>();
  const std::vector<Extent>&source = node->operands[0]->type.shape, &shown = node->type.shape;
  if (node->operands.size() > 1) return false;
  std::vector<bool> moved(shown.size(), false);
  there = {to.buffer, to.offset, {}};
  for (size_t axis = 0; axis < view.axes.size(); ++axis) {
    const graph::AxisMap& map = view.axes[axis];
    if (map.terms.size() != 1 || map.terms[0].second != 1 || moved[map.terms[0].first]) return false;
    const size_t along = static_cast<size_t>(map.terms[0].first);
    moved[along] = true;
    const Extent before = Extent(0) - map.offset;
    if (!before.nonnegative() || !(shown[along] - before - source[axis]).nonnegative()) return false;
    there.offset = there.offset + before * to.strides[along];
    there.strides.push_back(to.strides[along]);
  }
  for (size_t axis = 0; axis < shown.size(); ++axis) {
    if (!moved[axis] && shown[axis] != Extent(1)) return false;
  }
  return true;
}

}  // namespace

// into(to, a + b) = into(to, a), into(to, b); places, concatenations and reshapes of what is added move the
// destination. Only where that leads to products, scatters or a solve's cotangents: otherwise the sum is
// evaluated and added once.
void Tensors::split_deposits() {
  const auto varying = [&](Ref node) {
    const std::vector<graph::AxisMap>& axes = node->as<graph::View>().axes;
    return std::any_of(axes.begin(), axes.end(),
                       [&](const graph::AxisMap& map) { return writer_.rates().varies(map.offset); });
  };
  std::vector<Wish> result;
  for (const Wish& wish : wishes_) {
    if (wish.what != Wish::What::deposit) {
      result.push_back(wish);
      continue;
    }
    std::vector<Wish> pending{wish}, leaves;
    bool worth = false;
    while (!pending.empty()) {
      Wish w = pending.back();
      pending.pop_back();
      const Ref node = w.node;
      const bool accumulates = writer_.program().buffers[w.to.buffer].storage == Storage::accumulator;
      const auto descend = [&](Ref operand, Location to, bool negative) {
        pending.push_back({Wish::What::deposit, operand, std::move(to), w.negative != negative});
      };
      if (leaf(node) || (users_[node] > 1 && !node->is(NodeKind::contract) && !node->is(NodeKind::part))) {
        leaves.push_back(w);
      } else if (is_op(node, "add") || is_op(node, "sub")) {
        descend(node->operands[1], w.to, is_op(node, "sub"));
        descend(node->operands[0], w.to, false);
      } else if (is_op(node, "neg")) {
        descend(node->operands[0], w.to, true);
      } else if (node->is(NodeKind::contract) && accumulates && outer_product(node).found) {
        w.what = Wish::What::outer;
        leaves.push_back(w);
        worth = true;
      } else if (node->is(NodeKind::scatter_add) && !w.negative) {
        w.what = Wish::What::scatter;
        leaves.push_back(w);
        worth = true;
      } else if (node->is(NodeKind::place) && node->operands.size() > 1) {
        w.what = Wish::What::place;
        leaves.push_back(w);
        worth = true;
      } else if (node->is(NodeKind::reshape) && affine(node) && packed_from(w.to, node->type.shape, 0)) {
        const Ref operand = node->operands[0];
        descend(operand, {w.to.buffer, w.to.offset, row_major(operand->type.shape)}, false);
      } else if (node->is(NodeKind::place) && node->operands.size() == 1 && !node->as<graph::View>().fill &&
                 std::none_of(
                     node->as<graph::View>().axes.begin(), node->as<graph::View>().axes.end(),
                     [&](const graph::AxisMap& map) { return writer_.rates().varies(map.offset); })) {
        const Ref operand = node->operands[0];
        worth = true;
        descend(operand, look(node->as<graph::View>(), operand->type.rank(), w.to), false);
      } else if (Location there; node->is(NodeKind::view) && !varying(node) && embeds(node, w.to, there)) {
        descend(node->operands[0], there, false);
      } else if (node->is(NodeKind::concat)) {
        const size_t axis = static_cast<size_t>(node->as<graph::Axis>().axis);
        const bool varies = std::any_of(node->operands.begin(), node->operands.end(), [&](Ref part) {
          return writer_.rates().varies(part->type.shape[axis]);
        });
        Location to = w.to;
        if (varies) {
          leaves.push_back(w);
        } else {
          for (const Ref part : node->operands) {
            descend(part, to, false);
            to.offset = to.offset + part->type.shape[axis] * w.to.strides[axis];
          }
        }
      } else if (node->is(NodeKind::part) && node->operands[0]->is(NodeKind::adjoint) && users_[node] == 1 &&
                 !w.negative && accumulates &&
                 !part_deposits_.count({node->operands[0], node->as<graph::Part>().index})) {
        const int index = node->as<graph::Part>().index;
        const graph::Node& solve = *node->operands[0]->operands[0];
        if (index >= solve.as<graph::SolveInfo>().state_count() + 2) {
          part_deposits_[{node->operands[0], index}] = w.to;
          w.what = Wish::What::part;
          worth = true;
        }
        leaves.push_back(w);
      } else {
        leaves.push_back(w);
      }
    }
    if (worth) {
      result.insert(result.end(), leaves.begin(), leaves.end());
    } else {
      result.push_back(wish);
    }
  }
  wishes_ = std::move(result);
}

void Tensors::write_deposit(const Wish& wish) {
  switch (wish.what) {
    case Wish::What::outer:
      return deposit_outer(wish);
    case Wish::What::scatter:
      return deposit_scatter(wish);
    case Wish::What::place:
      return deposit_place(wish);
    case Wish::What::deposit:
      return deposit_elements(wish);
    default:
      return;  // a part: its solve has added it
  }
}

void Tensors::deposit_elements(const Wish& wish) {
  const Ref node = wish.node;
  if (node->is_splat(0)) return;
  nest(node->type.shape, cost(node), [&](const Index& at) {
    Value value = element(node, at);
    if (b_.type(value).kind == Kind::integer) value = b_.to_real(value);
    value = b_.splat(value);
    if (wish.negative) value = b_.neg(value);
    if (const Value mask = within(node->type.shape, at); mask != none)
      value = b_.select(mask, value, b_.real(0));
    if (role_.clear_idle) value = b_.select(b_.live(), value, b_.real(0));
    add_element(wish.to, at, value, Element::real);
  });
}

void Tensors::deposit_outer(const Wish& wish) {
  const Ref node = wish.node;
  const graph::Contract& c = node->as<graph::Contract>();
  Product how = outer_product(node);
  const auto extent_of = [&](char label) {
    for (size_t i = 0; i < 2; ++i) {
      const size_t axis = c.operands[i].find(label);
      if (axis != std::string::npos) return node->operands[i]->type.shape[axis];
    }
    return Extent(1);
  };
  const auto shape_of = [&](const std::string& labels) {
    std::vector<Extent> shape;
    for (const char label : labels) shape.push_back(extent_of(label));
    return shape;
  };
  const auto destination = [&](const std::string& labels) {
    Location at{wish.to.buffer, wish.to.offset, {}};
    for (const char label : labels) at.strides.push_back(wish.to.strides[c.result.find(label)]);
    return at;
  };
  // The second operand runs along the destination's rows without gaps.
  if (!packed_from(destination(how.batch), shape_of(how.batch), 0) &&
      packed_from(destination(how.kept), shape_of(how.kept), 0)) {
    std::swap(how.first, how.second);
    std::swap(how.kept, how.batch);
    std::swap(how.rows, how.columns);
  }
  const std::vector<Extent> summed = shape_of(how.summed), rows = shape_of(how.kept),
                            columns = shape_of(how.batch);
  bool clear = role_.clear_idle;
  for (const Extent& e : summed) clear = clear || writer_.rates().varies(e);
  const size_t depth = how.summed.size();
  const Location a = arranged(node->operands[how.first], c.operands[how.first], how.summed + how.kept, depth,
                              clear, wish.negative);
  const Location b = arranged(node->operands[how.second], c.operands[how.second], how.summed + how.batch,
                              depth, clear, false);
  const auto prefix = [&](const Location& at) {
    return Location{
        at.buffer, at.offset, {at.strides.begin(), at.strides.begin() + static_cast<std::ptrdiff_t>(depth)}};
  };
  const bool even_columns = packed_from(destination(how.batch), columns, 0);
  std::vector<Extent> both = rows;
  both.insert(both.end(), columns.begin(), columns.end());
  const bool even = packed_from(destination(how.kept + how.batch), both, 0);
  nest(summed, 64, [&](const Index& t) {
    const Value a_first = flat(prefix(a), t), b_first = flat(prefix(b), t);
    if (even) {
      return b_.outer(wish.to.buffer, b_.extent(wish.to.offset), a.buffer, a_first, b.buffer, b_first,
                      how.rows, how.columns);
    }
    // Row by row, or element by element where not even a row is without gaps.
    const Location to_rows = destination(how.kept), to_columns = destination(how.batch);
    const Location a_rows{a.buffer, 0, row_major(rows)}, b_columns{b.buffer, 0, row_major(columns)};
    nest(rows, 64, [&](const Index& r) {
      const Value row = flat(to_rows, r), a_at = plus(a_first, flat(a_rows, r));
      if (even_columns) {
        return b_.outer(wish.to.buffer, row, a.buffer, a_at, b.buffer, b_first, 1, how.columns);
      }
      nest(columns, 64, [&](const Index& k) {
        const Value first =
            plus(row, plus(flat(to_columns, k), times(b_.extent(to_columns.offset), b_.index(-1))));
        b_.outer(wish.to.buffer, first, a.buffer, a_at, b.buffer, plus(b_first, flat(b_columns, k)), 1, 1);
      });
    });
  });
}

// At a run-time place in the destination: the other elements are not touched.
void Tensors::deposit_place(const Wish& wish) {
  const Ref node = wish.node, updates = node->operands[0];
  check_offsets(node);
  nest(updates->type.shape, cost(updates), [&](const Index& at) {
    const auto [there, inside_result] = placed(node, at);
    Value value = element(updates, at);
    if (wish.negative) value = b_.neg(value);
    Value ok = inside_result;
    if (role_.clear_idle) ok = b_.logical_and(ok, b_.live());
    add_element(wish.to, there, b_.splat(b_.select(ok, value, b_.real(0))), Element::real);
  });
}

void Tensors::deposit_scatter(const Wish& wish) {
  const Ref node = wish.node, updates = node->operands[0];
  nest(updates->type.shape, cost(updates), [&](const Index& at) {
    Index there;
    Value ok = within(updates->type.shape, at);
    for (size_t axis = 0; axis < node->type.shape.size(); ++axis) {
      const Value position = index_value(element(node->operands[axis + 1], at));
      const Value in_range = inside(position, node->type.shape[axis]);
      ok = ok == none ? in_range : b_.logical_and(ok, in_range);
      there.push_back(clamp(position, node->type.shape[axis]));
    }
    if (role_.clear_idle) ok = b_.logical_and(ok, b_.live());
    add_element(wish.to, there, b_.splat(b_.select(ok, element(updates, at), b_.real(0))), Element::real);
  });
}

}  // namespace nodec::schedule
