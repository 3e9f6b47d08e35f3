// Contracts -> the matrix kernel where one operand is shared by all samples, otherwise loops with a running
// sum.
#include <algorithm>

#include "compiler/graph/op.hpp"
#include "compiler/schedule/tensors.hpp"

namespace nodec::schedule {

using graph::Element;
using graph::Extent;
using graph::Ref;
using NodeKind = graph::Kind;

namespace {

// Below, loops with everything in registers are as good as the kernel.
constexpr int64_t smallest_matrix = 16;

bool has(const std::string& labels, char label) { return labels.find(label) != std::string::npos; }

bool distinct(const std::string& labels) {
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels.find(labels[i], i + 1) != std::string::npos) return false;
  }
  return true;
}

std::map<char, Extent> extents_of(Ref contract) {
  std::map<char, Extent> extents;
  const graph::Contract& c = contract->as<graph::Contract>();
  for (size_t i = 0; i < contract->operands.size(); ++i) {
    for (size_t axis = 0; axis < c.operands[i].size(); ++axis) {
      extents[c.operands[i][axis]] = contract->operands[i]->type.shape[axis];
    }
  }
  return extents;
}

std::vector<Extent> shape_of(const std::string& labels, const std::map<char, Extent>& extents) {
  std::vector<Extent> shape;
  for (const char label : labels) shape.push_back(extents.at(label));
  return shape;
}

// The strides of some of a location's axes, by label.
Location only(const Location& at, const std::string& labels, const std::string& wanted) {
  Location result{at.buffer, at.offset, {}};
  for (const char label : wanted) {
    const size_t axis = labels.find(label);
    result.strides.push_back(axis == std::string::npos ? Extent(0) : at.strides[axis]);
  }
  return result;
}

bool is_op(Ref node, std::string_view name) {
  return node->is(NodeKind::map) && node->as<graph::Map>().op->name == name;
}

}  // namespace

Product Tensors::matrix_product(Ref node) const {
  Product how;
  if (role_.uniform || !node->is(NodeKind::contract) || node->operands.size() != 2) return how;
  if (node->type.element != Element::real) return how;
  const graph::Contract& c = node->as<graph::Contract>();
  const bool left = !lanes(node->operands[0]), right = !lanes(node->operands[1]);
  if (left == right) return how;
  how.first = left ? 0 : 1;
  how.second = 1 - how.first;
  const std::string &w = c.operands[how.first], &x = c.operands[how.second];
  if (!distinct(w) || !distinct(x)) return how;
  std::string kept, summed;
  for (const char label : w) {
    if (has(c.result, label) == has(x, label)) return how;
    (has(c.result, label) ? kept : summed) += label;
  }
  for (const char label : x) {
    if (has(summed, label)) continue;
    if (!has(c.result, label)) return how;
    how.batch += label;
  }
  if (kept.empty() || summed.empty()) return how;
  how.transposed = w == summed + kept;
  if (!how.transposed && w != kept + summed) return how;
  const std::map<char, Extent> extents = extents_of(node);
  const Extent rows = size_from(shape_of(kept, extents), 0),
               columns = size_from(shape_of(summed, extents), 0);
  if (!rows.is_constant() || !columns.is_constant() || rows.value() * columns.value() < smallest_matrix)
    return how;
  how.rows = rows.value();
  how.columns = columns.value();
  how.kept = kept;
  how.summed = summed;
  how.found = true;
  return how;
}

// Not yet a bias when it varies by lane, or when the kernel's result has other users.
bool Tensors::biased(Ref node, Ref& contract, Ref& bias) const {
  if (role_.uniform || !is_op(node, "add") || node->type.element != Element::real) return false;
  for (int i = 0; i < 2; ++i) {
    contract = node->operands[i];
    bias = node->operands[1 - i];
    if (located_.count(contract) || lanes(bias)) continue;
    const auto users = users_.find(contract);
    if (users == users_.end() || users->second != 1) continue;
    const Product how = matrix_product(contract);
    if (!how.found) continue;
    const Location at = location(bias);
    if (at.buffer == none) continue;
    const Buffer& b = writer_.program().buffers[at.buffer];
    if (b.lanes || b.kind != Kind::real) continue;
    const std::map<char, Extent> extents = extents_of(contract);
    if (!packed_from(only(at, contract->as<graph::Contract>().result, how.kept), shape_of(how.kept, extents),
                     0))
      continue;
    return true;
  }
  return false;
}

Location Tensors::arranged(Ref node, const std::string& labels, const std::string& wanted, size_t suffix,
                           bool clear, bool negative) {
  std::vector<Extent> shape;
  for (const char label : wanted) shape.push_back(node->type.shape[labels.find(label)]);
  const Location there = location(node);
  if (!clear && !negative && there.buffer != none) {
    const Buffer& b = writer_.program().buffers[there.buffer];
    const Location as_wanted = only(there, labels, wanted);
    const bool rows =
        b.lanes && b.kind == Kind::real && (b.storage == Storage::frame || b.storage == Storage::argument);
    if (rows && packed_from(as_wanted, shape, suffix)) return as_wanted;
  }
  std::string permutation;
  for (const char label : wanted) permutation += static_cast<char>('a' + labels.find(label));
  const auto key = std::make_tuple(node, permutation, clear, negative);
  if (const auto found = arranged_.find(key); found != arranged_.end()) return found->second;
  const Location copy = scratch("rows", shape);
  nest(shape, cost(node), [&](const Index& at) {
    Index from;
    for (const char label : labels) from.push_back(at[wanted.find(label)]);
    Value value = b_.splat(element(node, from));
    if (negative) value = b_.neg(value);
    if (clear) {
      const Value mask = within(shape, at);
      if (mask != none) value = b_.select(mask, value, b_.real(0));
      if (role_.clear_idle) value = b_.select(b_.live(), value, b_.real(0));
    }
    store_element(copy, at, value);
  });
  return arranged_[key] = copy;
}

void Tensors::store_matrix(Ref contract, const Product& how, const Location& to, Ref bias) {
  const graph::Contract& c = contract->as<graph::Contract>();
  const std::map<char, Extent> extents = extents_of(contract);
  const BufferId packed = writer_.pack(contract->operands[how.first], how.rows, how.columns, how.transposed);
  const Location x = arranged(contract->operands[how.second], c.operands[how.second], how.batch + how.summed,
                              how.batch.size(), false, false);
  const std::vector<Extent> batch = shape_of(how.batch, extents), kept = shape_of(how.kept, extents);
  const Buffer& target = writer_.program().buffers[to.buffer];
  const bool direct = target.lanes &&
                      (target.storage == Storage::frame || target.storage == Storage::argument) &&
                      packed_from(only(to, c.result, how.kept), kept, 0);
  std::vector<Extent> full = batch;
  full.insert(full.end(), kept.begin(), kept.end());
  const Location rows = direct ? only(to, c.result, how.batch + how.kept) : scratch("product", full);
  const Location offset = bias ? only(location(bias), c.result, how.batch) : Location{};
  nest(batch, 64, [&](const Index& at) {
    const Location from{
        x.buffer, x.offset, {x.strides.begin(), x.strides.begin() + static_cast<std::ptrdiff_t>(at.size())}};
    const Location into{
        rows.buffer,
        rows.offset,
        {rows.strides.begin(), rows.strides.begin() + static_cast<std::ptrdiff_t>(at.size())}};
    b_.contract(into.buffer, flat(into, at), packed, from.buffer, flat(from, at), how.rows, how.columns,
                offset.buffer, bias ? flat(offset, at) : none);
  });
  if (direct) return;
  nest(contract->type.shape, 1, [&](const Index& at) {
    Index from;
    for (const char label : how.batch + how.kept) from.push_back(at[c.result.find(label)]);
    store_element(to, at, load(rows, from, Element::real));
  });
}

// The product of the first `count` operands at these labels.
Value Tensors::term(Ref contract, const std::map<char, Value>& at, size_t count) {
  const graph::Contract& c = contract->as<graph::Contract>();
  Value result = none;
  for (size_t i = 0; i < count; ++i) {
    Index index;
    for (const char label : c.operands[i]) index.push_back(at.at(label));
    const Value value = element(contract->operands[i], index);
    if (result == none) {
      result = value;
    } else if (contract->type.element == Element::integer) {
      result = b_.integer_mul(result, value);
    } else {
      result = b_.mul(result, value);
    }
  }
  return result;
}

void Tensors::store_sums(Ref node, const Location& to) {
  const graph::Contract& c = node->as<graph::Contract>();
  const std::map<char, Extent> extents = extents_of(node);
  std::string summed;
  for (const auto& [label, extent] : extents) {
    if (!has(c.result, label)) summed += label;
  }
  // Ascending in the order of the operands' axes.
  std::string order;
  for (const std::string& labels : c.operands) {
    for (const char label : labels) {
      if (has(summed, label) && !has(order, label)) order += label;
    }
  }
  const std::vector<Extent> inner = shape_of(order, extents);
  const bool whole = node->type.element != Element::integer;
  const size_t count = node->operands.size();
  int body = 1;
  for (const Ref operand : node->operands) body = std::min(10'000, body + cost(operand));
  const Extent terms = size_from(inner, 0);
  const bool short_sum = repeats(terms, body);
  const Location running =
      summed.empty() || short_sum ? Location{} : scratch("sum", graph::Type{{}, node->type.element});
  const int size = short_sum ? body * static_cast<int>(terms.value()) : body + 8;
  nest(node->type.shape, size, [&](const Index& at) {
    std::map<char, Value> labels;
    for (size_t i = 0; i < at.size(); ++i) labels[c.result[i]] = at[i];
    Value total = none;
    if (running.buffer != none) store_element(running, {}, literal(0, node->type.element));
    nest(inner, body, [&](const Index& position) {
      for (size_t i = 0; i < position.size(); ++i) labels[order[i]] = position[i];
      const Value before = running.buffer != none ? load(running, {}, node->type.element) : total;
      Value after = none;
      if (before == none) {
        after = term(node, labels, count);
      } else if (!whole) {
        after = b_.integer_add(before, term(node, labels, count));
      } else if (count == 1) {
        after = b_.add(before, term(node, labels, 1));
      } else {
        Index last;
        for (const char label : c.operands[count - 1]) last.push_back(labels.at(label));
        after = b_.fma(term(node, labels, count - 1), element(node->operands[count - 1], last), before);
      }
      if (const Value mask = within(inner, position); mask != none) {
        after = b_.select(mask, after, before == none ? literal(0, node->type.element) : before);
      }
      total = after;
      if (running.buffer != none) store_element(running, {}, after);
    });
    if (running.buffer != none) total = load(running, {}, node->type.element);
    store_element(to, at, total == none ? literal(0, node->type.element) : total);
  });
}

Product Tensors::outer_product(Ref node) const {
  Product how;
  if (role_.uniform || !node->is(NodeKind::contract) || node->operands.size() != 2) return how;
  if (node->type.element != Element::real || !lanes(node->operands[0]) || !lanes(node->operands[1]))
    return how;
  const graph::Contract& c = node->as<graph::Contract>();
  const std::string &a = c.operands[0], &b = c.operands[1];
  if (!distinct(a) || !distinct(b)) return how;
  for (const char label : a) {
    if (has(b, label) == has(c.result, label)) return how;
    if (has(b, label)) how.summed += label;
  }
  for (const char label : b) {
    if (has(a, label) == has(c.result, label)) return how;
  }
  for (const char label : c.result) (has(a, label) ? how.kept : how.batch) += label;
  if (how.kept.empty() && how.batch.empty()) return how;
  const std::map<char, Extent> extents = extents_of(node);
  const Extent rows = size_from(shape_of(how.kept, extents), 0),
               columns = size_from(shape_of(how.batch, extents), 0);
  if (!rows.is_constant() || !columns.is_constant()) return how;
  how.rows = rows.value();
  how.columns = columns.value();
  how.found = true;
  return how;
}

}  // namespace nodec::schedule
