// Checks what builders require and never test. The invariants:
//
//  1. Base, free variables and height are what operands and payload determine; roots are closed.
//  2. Constants hold one value or one for each element; parameters have constant extents; no extent is
//  negative.
//  3. map: the op's arity, operands of one shape, elements that fit the op's rule.
//  4. contract: a label for each axis, equal labels have equal extents, the result's labels are distinct and
//  occur;
//     numbers of one element.
//  5. view, place: an axis map for each axis of the source (of the place's result), over axes that exist,
//  ascending,
//     without zero coefficients; run-time offsets are integer scalars; what is not filled is not provably
//     outside.
//  6. reshape keeps the number of elements; gather and scatter_add have an integer index of one shape for
//  each axis;
//     concat's operands agree but along its axis; reduce's axes exist and ascend.
//  7. solve: field (real time, states) -> a derivative of each state's type; real times and controls; a
//  tableau, unless it is a recurrence; one
//     operand for each state and control and then the field's frontier; inside the field nothing that steps
//     time, unless it is a recurrence's, and no variable of a quadrature.
//  8. adjoint: of a solve; a cotangent of each part's type; its pullback (time, states, cotangents of the
//  derivatives)
//     -> cotangents of time, states and the named frontier operands; then the pullback's frontier.
//  9. part: of a tuple, within it. Tuples are used by part and adjoint alone.
// 10. batch_sum: of something free of variables.
#include <algorithm>
#include <map>
#include <unordered_set>

#include "compiler/graph/op.hpp"
#include "compiler/graph/simplify.hpp"
#include "compiler/graph/store.hpp"

namespace nodec::graph {
namespace {

const Type integer_scalar{{}, Element::integer};
const Type real_scalar{};

std::string check_derived(const Node& node) {
  Node again{.kind = node.kind,
             .type = node.type,
             .operands = node.operands,
             .payload = node.payload,
             .parts = node.parts};
  again.base = node.base;
  complete(again);
  if (again.base != node.base) return "base differs from its operands'";
  if (again.free != node.free) return "free variables differ from its operands'";
  if (again.height != node.height) return "height differs from its operands'";
  for (const Extent& extent : node.type.shape) {
    if (extent.is_constant() && extent.value() < 0) return "negative extent";
  }
  return "";
}

std::string check_constant(const Node& node) {
  auto count = static_cast<int64_t>(node.as<Constant>().values.size());
  if (count != 1 && node.type.size() != Extent(count)) return "number of values differs from the type's size";
  return "";
}

std::string check_map(const Node& node) {
  const Op& op = *node.as<Map>().op;
  if (static_cast<int>(node.operands.size()) != op.arity) return "wrong number of operands";
  std::vector<Element> elements;
  for (Ref operand : node.operands) {
    if (operand->type.shape != node.type.shape) return "operand of another shape";
    elements.push_back(operand->type.element);
  }
  Element result;
  if (!op.elements(elements, result)) return "elements do not fit the op";
  return result == node.type.element ? "" : "element is not the op's";
}

std::string check_contract(const Node& node) {
  const auto& contract = node.as<Contract>();
  if (contract.operands.size() != node.operands.size() || node.operands.empty())
    return "wrong number of label lists";
  std::map<char, Extent> extents;
  for (size_t i = 0; i < node.operands.size(); ++i) {
    const Type& type = node.operands[i]->type;
    if (type.element != node.type.element) return "operand of another element";
    if (static_cast<int>(contract.operands[i].size()) != type.rank()) return "wrong number of labels";
    for (int axis = 0; axis < type.rank(); ++axis) {
      auto [known, fresh] = extents.emplace(contract.operands[i][axis], type.shape[axis]);
      if (known->second != type.shape[axis]) return "one label for different extents";
    }
  }
  if (node.type.element != Element::real && node.type.element != Element::integer)
    return "element has no product";
  if (static_cast<int>(contract.result.size()) != node.type.rank()) return "wrong number of result labels";
  for (size_t axis = 0; axis < contract.result.size(); ++axis) {
    if (contract.result.find(contract.result[axis]) != axis) return "repeated result label";
    auto extent = extents.find(contract.result[axis]);
    if (extent == extents.end()) return "result label of no operand";
    if (extent->second != node.type.shape[axis]) return "result extent differs from its label's";
  }
  return "";
}

// A view reads `target` by indices over `shape`; a place writes it.
std::string check_view(const Node& node, const std::vector<Extent>& target,
                       const std::vector<Extent>& shape) {
  const auto& view = node.as<View>();
  if (node.operands[0]->type.element != node.type.element) return "source of another element";
  if (view.axes.size() != target.size()) return "wrong number of axis maps";
  for (size_t i = 1; i < node.operands.size(); ++i) {
    if (node.operands[i]->type != integer_scalar) return "run-time offset is not an integer scalar";
  }
  for (size_t k = 0; k < target.size(); ++k) {
    const AxisMap& axis = view.axes[k];
    int last = -1;
    for (auto [result_axis, coefficient] : axis.terms) {
      if (result_axis <= last || result_axis >= static_cast<int>(shape.size()))
        return "axis map over a wrong axis";
      if (coefficient == 0) return "axis map with a zero coefficient";
      last = result_axis;
    }
    if (axis.dynamic < 0 || axis.dynamic >= static_cast<int>(node.operands.size()))
      return "missing run-time offset";
    bool checked = !view.fill && axis.dynamic == 0;
    IndexRange range = index_range(axis, shape);
    Extent above = range.greatest - target[k], below = Extent(-1) - range.least;
    bool beyond = (above.is_constant() && above.value() >= 0) || (below.is_constant() && below.value() >= 0);
    if (checked && beyond) return "index out of range on axis " + std::to_string(k);
  }
  return "";
}

// updates or result at one index array for each axis of `target`.
std::string check_indices(const Node& node, const Type& target, const std::vector<Extent>& shape) {
  if (node.operands.size() != target.shape.size() + 1) return "wrong number of indices";
  for (size_t i = 1; i < node.operands.size(); ++i) {
    if (node.operands[i]->type != Type{shape, Element::integer}) return "index of a wrong type";
  }
  return node.operands[0]->type.element == node.type.element ? "" : "element differs from its operand's";
}

std::string check_concat(const Node& node) {
  int axis = node.as<Axis>().axis;
  if (axis < 0 || axis >= node.type.rank()) return "axis does not exist";
  Extent total = 0;
  for (Ref operand : node.operands) {
    Type type = operand->type;
    if (type.rank() != node.type.rank()) return "operand of another rank";
    total = total + type.shape[axis];
    type.shape[axis] = node.type.shape[axis];
    if (type != node.type) return "operand of another type";
  }
  return total == node.type.shape[axis] ? "" : "extents do not add up";
}

std::string check_reduce(const Node& node) {
  const auto& reduce = node.as<Reduce>();
  const Type& source = node.operands[0]->type;
  std::vector<Extent> kept;
  for (size_t i = 0; i < reduce.axes.size(); ++i) {
    if (reduce.axes[i] < 0 || reduce.axes[i] >= source.rank()) return "axis does not exist";
    if (i > 0 && reduce.axes[i] <= reduce.axes[i - 1]) return "axes do not ascend";
  }
  for (int axis = 0; axis < source.rank(); ++axis) {
    if (!std::binary_search(reduce.axes.begin(), reduce.axes.end(), axis)) kept.push_back(source.shape[axis]);
  }
  bool argmax = reduce.reduction == Reduction::argmax;
  if (argmax && reduce.axes.size() != 1) return "argmax over other than one axis";
  Type expected{kept, argmax ? Element::integer : source.element};
  return expected == node.type ? "" : "type differs from its operand's";
}

std::string check_frontier(const Node& node, const Graph& graph) {
  std::vector<Ref> expected = graph.frontier(held_lambda(&node));
  std::vector<Ref> given(node.operands.begin() + first_frontier_operand(&node), node.operands.end());
  return given == expected ? "" : "operands differ from its lambda's frontier";
}

// A recurrence's step may step time, and a field may hold recurrences, but not step time itself.
bool steps_time(const Lambda* lambda) {
  for (Ref node : postorder(lambda->results)) {
    // What the field captures is computed outside.
    bool inside = std::binary_search(node->free.begin(), node->free.end(), lambda->height);
    if (!inside || !node->is(Kind::solve)) continue;
    const auto& info = node->as<SolveInfo>();
    if (info.rule != StepRule::recurrence || steps_time(info.field)) return true;
  }
  return false;
}

std::string check_solve(const Node& node, const Graph& graph) {
  const auto& info = node.as<SolveInfo>();
  const bool steps = info.rule != StepRule::recurrence;
  if ((info.tableau == nullptr) == steps || info.field == nullptr) return "no tableau or no field";
  if (static_cast<int>(node.operands.size()) < info.frontier_operand()) return "operands are missing";
  std::vector<Type> variables{real_scalar}, results;
  const Type& times = node.operands[info.ts_operand()]->type;
  if (node.operands[info.t0_operand()]->type != real_scalar) return "initial time is not a real scalar";
  if (times.rank() != 1 || times.element != Element::real) return "times are not a real vector";
  for (int i = 0; i < info.state_count(); ++i) {
    Type type = node.operands[i]->type;
    if (type.element != Element::real) return "state is not real";
    variables.push_back(type);
    results.push_back(type);
    type.shape.insert(type.shape.begin(), times.shape[0]);
    if (node.parts[i] != type) return "part differs from its state's type";
  }
  if (info.field->variables != variables) return "field's variables differ from time and states";
  if (info.field->results.size() != results.size()) return "wrong number of derivatives";
  for (Ref read : postorder(info.field->results)) {
    if (!read->is(Kind::variable) || read->as<Variable>().binder != info.field->height) continue;
    const int state = read->as<Variable>().index - 1;
    if (state >= 0 && info.states[static_cast<size_t>(state)].quadrature)
      return "an equation reads a quadrature";
  }
  for (size_t i = 0; i < results.size(); ++i) {
    if (info.field->results[i]->type != results[i]) return "derivative differs from its state's type";
  }
  for (int i = 0; i < static_cast<int>(Control::count); ++i) {
    auto control = static_cast<Control>(i);
    const Type& type = node.operands[info.control_operand(control)]->type;
    bool array = control == Control::atol || control == Control::adjoint_atol || control == Control::stops;
    if (type.element != Element::real || type.rank() > (array ? 1 : 0)) return "control is not a real scalar";
  }
  if (steps && steps_time(info.field)) return "a solve inside a field";
  return check_frontier(node, graph);
}

std::string check_adjoint(const Node& node, const Graph& graph) {
  const auto& info = node.as<AdjointInfo>();
  Ref solve = node.operands[0];
  if (!solve->is(Kind::solve)) return "the primal is not a solve";
  const auto& primal = solve->as<SolveInfo>();
  std::vector<Type> variables = primal.field->variables, results = primal.field->variables;
  if (static_cast<int>(node.operands.size()) < 1 + primal.state_count()) return "cotangents are missing";
  for (int i = 0; i < primal.state_count(); ++i) {
    if (node.operands[1 + i]->type != solve->parts[i]) return "cotangent differs from its part's type";
    variables.push_back(solve->operands[i]->type);
  }
  int captured = static_cast<int>(solve->operands.size()) - primal.frontier_operand();
  for (int index : info.frontier) {
    if (index < 0 || index >= captured) return "a cotangent of something that the field does not capture";
    results.push_back(solve->operands[primal.frontier_operand() + index]->type);
  }
  if (info.pullback->variables != variables)
    return "pullback's variables differ from time, states and cotangents";
  if (info.pullback->results.size() != results.size()) return "wrong number of pullback's results";
  for (size_t i = 0; i < results.size(); ++i) {
    if (info.pullback->results[i]->type != results[i])
      return "pullback's result differs from its operand's type";
  }
  return check_frontier(node, graph);
}

std::string check_kind(const Node& node, const Graph& graph) {
  for (Ref operand : node.operands) {
    bool allowed = node.is(Kind::part) || node.is(Kind::adjoint);
    if (operand->type.element == Element::tuple && !allowed) return "tuple operand";
  }
  switch (node.kind) {
    case Kind::constant:
      return check_constant(node);
    case Kind::parameter:
      return node.type.size().is_constant() ? "" : "parameter of a run-time extent";
    case Kind::map:
      return check_map(node);
    case Kind::contract:
      return check_contract(node);
    case Kind::view:
      return check_view(node, node.operands[0]->type.shape, node.type.shape);
    case Kind::place:
      return check_view(node, node.type.shape, node.operands[0]->type.shape);
    case Kind::reshape:
      return node.type.size() == node.operands[0]->type.size() ? "" : "number of elements changes";
    case Kind::gather:
      return check_indices(node, node.operands[0]->type, node.type.shape);
    case Kind::scatter_add:
      return check_indices(node, node.type, node.operands[0]->type.shape);
    case Kind::concat:
      return check_concat(node);
    case Kind::reduce:
      return check_reduce(node);
    case Kind::solve:
      return check_solve(node, graph);
    case Kind::adjoint:
      return check_adjoint(node, graph);
    case Kind::part: {
      auto index = static_cast<size_t>(node.as<Part>().index);
      if (index >= node.operands[0]->parts.size()) return "no such part";
      return node.operands[0]->parts[index] == node.type ? "" : "type differs from the part's";
    }
    case Kind::batch_sum:
      if (!node.free.empty()) return "sums something that depends on a variable";
      return node.operands[0]->type == node.type ? "" : "type differs from its operand's";
    case Kind::data:
    case Kind::setting:
    case Kind::random:
    case Kind::length:
    case Kind::variable:
    case Kind::iota:
      break;
  }
  return "";
}

class Verifier {
 public:
  explicit Verifier(const Graph& graph) : graph_(graph) {}

  std::string check(std::span<const Ref> roots) {
    for (Ref node : postorder(roots)) {
      if (!seen_.insert(node).second) continue;
      std::string wrong = check_derived(*node);
      if (wrong.empty()) wrong = check_kind(*node, graph_);
      if (!wrong.empty()) return show(node) + ": " + wrong;
      const Lambda* lambda = held_lambda(node);
      if (lambda == nullptr) continue;
      int height = 1;
      for (Ref result : lambda->results) height = std::max(height, result->height + 1);
      if (height != lambda->height) return show(node) + ": its lambda's height is not above what is inside";
      if (std::string inside = check(lambda->results); !inside.empty()) return inside;
    }
    return "";
  }

 private:
  static std::string show(Ref node) {
    std::string text = print(std::vector<Output>{{"", node}});
    size_t end = text.rfind("output "), begin = text.rfind('\n', end - 2);
    return end < 2 ? node->type.text() : text.substr(begin + 1, end - begin - 2);
  }

  const Graph& graph_;
  std::unordered_set<Ref> seen_;
};

}  // namespace

std::string verify(const Graph& graph, std::span<const Output> outputs) {
  std::vector<Ref> roots;
  for (const Output& output : outputs) {
    if (!output.value->free.empty()) return "output " + output.name + ": depends on a variable";
    if (output.value->type.element == Element::tuple) return "output " + output.name + ": is a tuple";
    roots.push_back(output.value);
  }
  return Verifier(graph).check(roots);
}

}  // namespace nodec::graph
