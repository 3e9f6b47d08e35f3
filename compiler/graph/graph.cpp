// The builders: each finds the result's type, lets the algebra simplify, and keeps what is left.
#include "compiler/graph/graph.hpp"

#include <algorithm>

#include "compiler/graph/op.hpp"
#include "compiler/graph/simplify.hpp"
#include "compiler/graph/store.hpp"

namespace nodec::graph {
namespace {

Node leaf(Kind kind, const Type& type, Payload payload, Base base) {
  Node node{.kind = kind, .type = type, .operands = {}, .payload = std::move(payload), .parts = {}};
  node.base = base;
  return node;
}

Node inner(Kind kind, const Type& type, std::vector<Ref> operands, Payload payload = {}) {
  return {.kind = kind,
          .type = type,
          .operands = std::move(operands),
          .payload = std::move(payload),
          .parts = {}};
}

}  // namespace

Extent Type::size() const {
  Extent size = 1;
  for (const Extent& extent : shape) size = size * extent;
  return size;
}

std::string Type::text() const {
  constexpr std::string_view names[] = {"real", "int", "bool", "tuple"};
  std::string text(names[static_cast<int>(element)]);
  for (size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "[" : ", ") + shape[i].text();
  return shape.empty() ? text : text + "]";
}

bool Node::is_splat(double value) const {
  if (!is(Kind::constant)) return false;
  const auto& values = as<Constant>().values;
  return values.size() == 1 && values[0] == value;
}

Graph::Graph() : store_(std::make_unique<Store>()) {}
Graph::~Graph() = default;

size_t Graph::size() const { return store_->nodes.size(); }

// ---- leaves

Ref Graph::constant(double value, const Type& type) {
  return store_->intern(leaf(Kind::constant, type, Constant{{value}}, Base::constant));
}

Ref Graph::constant(std::vector<double> values, const Type& type) {
  if (values.empty()) values = {0};
  Constant first{{values[0]}};
  if (std::all_of(values.begin(), values.end(), [&](double x) { return Constant{{x}} == first; }))
    values.resize(1);
  return store_->intern(leaf(Kind::constant, type, Constant{std::move(values)}, Base::constant));
}

Ref Graph::parameter(const std::string& path, const Type& type) {
  return store_->intern(leaf(Kind::parameter, type, Leaf{path}, Base::parameter));
}

Ref Graph::data(const std::string& name, const Type& type, bool shared) {
  return store_->intern(leaf(Kind::data, type, Leaf{name, shared}, shared ? Base::parameter : Base::sample));
}

Ref Graph::setting(const std::string& name) {
  return store_->intern(leaf(Kind::setting, {}, Leaf{name}, Base::parameter));
}

Ref Graph::random(int stream, Distribution distribution, const Type& type) {
  return store_->intern(leaf(Kind::random, type, Random{stream, distribution}, Base::sample));
}

Ref Graph::length(const Extent& extent, Base base) {
  Type type{{}, Element::integer};
  if (extent.is_constant()) return constant(static_cast<double>(extent.value()), type);
  return store_->intern(leaf(Kind::length, type, Length{extent}, base));
}

Ref Graph::iota(const Extent& extent) {
  Type type{{extent}, Element::integer};
  if (extent == Extent(0) || extent == Extent(1)) return constant(0, type);
  return store_->intern(leaf(Kind::iota, type, {}, Base::constant));
}

std::vector<Ref> Graph::variables(const std::vector<Type>& types, Base base) {
  int binder = store_->next_binder++;
  std::vector<Ref> variables;
  for (const Type& type : types) {
    int index = static_cast<int>(variables.size());
    variables.push_back(store_->intern(leaf(Kind::variable, type, Variable{binder, index}, base)));
  }
  return variables;
}

// ---- tensors

Ref Graph::map(const Op& op, std::vector<Ref> operands) {
  Type type = operands[0]->type;
  std::vector<Element> elements;
  for (Ref operand : operands) elements.push_back(operand->type.element);
  op.elements(elements, type.element);
  if (Ref simpler = simplify_map(*this, op, type, operands)) return simpler;
  return store_->intern(inner(Kind::map, type, std::move(operands), Map{&op}));
}

Ref Graph::contract(std::vector<std::string> labels, std::string result, std::vector<Ref> operands) {
  Type type;
  for (Ref operand : operands) type.element = operand->type.element;
  for (char label : result) {
    for (size_t i = 0; i < operands.size(); ++i) {
      size_t axis = labels[i].find(label);
      if (axis == std::string::npos) continue;
      type.shape.push_back(operands[i]->type.shape[axis]);
      break;
    }
  }
  Contract contract{std::move(labels), std::move(result)};
  if (Ref simpler = simplify_contract(*this, contract, type, operands)) return simpler;
  return store_->intern(inner(Kind::contract, type, std::move(operands), std::move(contract)));
}

Ref Graph::view(Ref source, View view, std::vector<Extent> shape, std::vector<Ref> offsets) {
  if (Ref simpler = simplify_view(*this, source, view, shape, offsets)) return simpler;
  Type type{std::move(shape), source->type.element};
  offsets.insert(offsets.begin(), source);
  return store_->intern(inner(Kind::view, type, std::move(offsets), std::move(view)));
}

Ref Graph::place(Ref updates, View view, std::vector<Extent> shape, std::vector<Ref> offsets) {
  if (Ref simpler = simplify_place(*this, updates, view, shape, offsets)) return simpler;
  Type type{std::move(shape), updates->type.element};
  offsets.insert(offsets.begin(), updates);
  return store_->intern(inner(Kind::place, type, std::move(offsets), std::move(view)));
}

Ref Graph::reshape(Ref x, std::vector<Extent> shape) {
  if (Ref simpler = simplify_reshape(*this, x, shape)) return simpler;
  return store_->intern(inner(Kind::reshape, {std::move(shape), x->type.element}, {x}));
}

Ref Graph::gather(Ref x, std::vector<Ref> indices) {
  if (Ref simpler = simplify_gather(*this, x, indices)) return simpler;
  Type type{indices[0]->type.shape, x->type.element};
  indices.insert(indices.begin(), x);
  return store_->intern(inner(Kind::gather, type, std::move(indices)));
}

Ref Graph::scatter_add(Ref updates, std::vector<Ref> indices, std::vector<Extent> shape) {
  if (Ref simpler = simplify_scatter_add(*this, updates, indices, shape)) return simpler;
  Type type{std::move(shape), updates->type.element};
  indices.insert(indices.begin(), updates);
  return store_->intern(inner(Kind::scatter_add, type, std::move(indices)));
}

Ref Graph::concat(std::vector<Ref> parts, int axis) {
  if (Ref simpler = simplify_concat(*this, parts, axis)) return simpler;
  Type type = parts[0]->type;
  for (size_t i = 1; i < parts.size(); ++i) type.shape[axis] = type.shape[axis] + parts[i]->type.shape[axis];
  return store_->intern(inner(Kind::concat, type, std::move(parts), Axis{axis}));
}

Ref Graph::reduce(Ref x, Reduction reduction, std::vector<int> axes) {
  Type type{{}, reduction == Reduction::argmax ? Element::integer : x->type.element};
  for (int axis = 0; axis < x->type.rank(); ++axis) {
    if (!std::binary_search(axes.begin(), axes.end(), axis)) type.shape.push_back(x->type.shape[axis]);
  }
  Reduce reduce{reduction, std::move(axes)};
  if (Ref simpler = simplify_reduce(*this, x, reduce, type)) return simpler;
  return store_->intern(inner(Kind::reduce, type, {x}, std::move(reduce)));
}

Ref Graph::batch_sum(Ref x) {
  if (x->is_splat(0)) return x;
  return store_->intern(inner(Kind::batch_sum, x->type, {x}));
}

// ---- structured nodes

Ref Graph::part(Ref tuple, int index) {
  if (Ref simpler = simplify_part(*this, tuple, index)) return simpler;
  return store_->intern(inner(Kind::part, tuple->parts[index], {tuple}, Part{index}));
}

Ref Graph::solve(SolveInfo info, std::vector<Ref> initial, Ref t0, Ref ts, std::vector<Ref> controls) {
  std::vector<Type> parts;
  for (Ref state : initial) {
    Type type = state->type;
    type.shape.insert(type.shape.begin(), ts->type.shape[0]);
    parts.push_back(std::move(type));
  }
  std::vector<Ref> operands = std::move(initial);
  operands.push_back(t0);
  operands.push_back(ts);
  operands.insert(operands.end(), controls.begin(), controls.end());
  std::vector<Ref> captured = frontier(info.field);
  operands.insert(operands.end(), captured.begin(), captured.end());
  Node node = inner(Kind::solve, {{}, Element::tuple}, std::move(operands), std::move(info));
  node.parts = std::move(parts);
  return store_->intern(std::move(node));
}

Ref Graph::adjoint(Ref solve, AdjointInfo info, std::vector<Ref> cotangents) {
  const auto& primal = solve->as<SolveInfo>();
  std::vector<Type> parts;
  for (int i = 0; i < primal.state_count(); ++i) parts.push_back(solve->operands[i]->type);
  parts.push_back(solve->operands[primal.t0_operand()]->type);
  parts.push_back(solve->operands[primal.ts_operand()]->type);
  for (int index : info.frontier) parts.push_back(solve->operands[primal.frontier_operand() + index]->type);
  std::vector<Ref> operands = std::move(cotangents);
  operands.insert(operands.begin(), solve);
  std::vector<Ref> captured = frontier(info.pullback);
  operands.insert(operands.end(), captured.begin(), captured.end());
  Node node = inner(Kind::adjoint, {{}, Element::tuple}, std::move(operands), std::move(info));
  node.parts = std::move(parts);
  return store_->intern(std::move(node));
}

const Tableau* Graph::tableau(Tableau tableau) {
  for (const Tableau& known : store_->tableaux) {
    if (known == tableau) return &known;
  }
  store_->tableaux.push_back(std::move(tableau));
  return &store_->tableaux.back();
}

}  // namespace nodec::graph
