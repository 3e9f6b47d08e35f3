// Graph -> SSA text: a line a node, operands before users; a lambda's body indented below the first node that
// holds it.
//
//   %3 = contract "ij,j->i" %1 %2 : real[50] @sample
//
// Constants whose elements agree stand where they are used. $h.i is variable i of the lambda of height h.
#include <charconv>
#include <unordered_map>

#include "compiler/graph/op.hpp"
#include "compiler/graph/store.hpp"

namespace nodec::graph {
namespace {

constexpr std::string_view kind_names[] = {
    "constant",    "parameter", "data",     "setting", "random",  "length",  "variable",
    "iota",        "map",       "contract", "view",    "place",   "reshape", "gather",
    "scatter_add", "concat",    "reduce",   "solve",   "adjoint", "part",    "batch_sum"};
constexpr std::string_view base_names[] = {"constant", "parameter", "sample"};
constexpr std::string_view control_names[] = {"rtol",         "atol",       "step",       "max_steps",
                                              "safety",       "min_factor", "max_factor", "adjoint_rtol",
                                              "adjoint_atol", "stops"};

std::string number(double x) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, x).ptr};
}

std::string literal(double x, Element element) {
  if (element == Element::boolean) return x != 0 ? "true" : "false";
  return number(x);
}

template <class... Parts>
std::string join(const Parts&... parts) {
  std::string text;
  (text.append(std::string_view(parts)), ...);
  return text;
}

// Adds an item to a comma-separated list.
template <class... Parts>
void list_item(std::string& list, const Parts&... parts) {
  if (!list.empty()) list += ", ";
  (list.append(std::string_view(parts)), ...);
}

std::string quoted(std::string_view text) { return join("\"", text, "\""); }

std::string constant_text(Ref node) {
  constexpr size_t most_shown = 8;
  const auto& values = node->as<Constant>().values;
  std::string text;
  for (size_t i = 0; i < values.size() && i < most_shown; ++i) {
    list_item(text, literal(values[i], node->type.element));
  }
  return join("[", text, values.size() > most_shown ? ", ...]" : "]");
}

class Printer {
 public:
  std::string text;

  void roots(std::span<const Ref> roots) {
    std::vector<std::pair<Ref, size_t>> stack;
    auto enter = [&](Ref node) {
      if (!inlined(node) && !find(node)) stack.emplace_back(node, 0);
    };
    for (Ref root : roots) {
      enter(root);
      while (!stack.empty()) {
        auto& [node, next] = stack.back();
        if (next < node->operands.size()) {
          enter(node->operands[next++]);
        } else {
          Ref done = node;
          stack.pop_back();
          if (!find(done)) line(done);
        }
      }
    }
  }

  std::string name(Ref node) const {
    if (node->is(Kind::constant) && node->as<Constant>().values.size() == 1) {
      return literal(node->as<Constant>().values[0], node->type.element);
    }
    if (node->is(Kind::variable)) {
      const auto& v = node->as<Variable>();
      bool open = v.binder >= open_binder;
      return join(open ? "$open" : "$", std::to_string(open ? v.binder - open_binder : v.binder), ".",
                  std::to_string(v.index));
    }
    const int* number = find(node);
    return number != nullptr ? join("%", std::to_string(*number)) : "%?";
  }

 private:
  static bool inlined(Ref node) {
    return node->is(Kind::variable) || (node->is(Kind::constant) && node->as<Constant>().values.size() == 1);
  }

  // Names given in a body hold there and in the bodies inside it: nodes of equal bodies are shared.
  const int* find(Ref node) const {
    for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
      auto found = scope->find(node);
      if (found != scope->end()) return &found->second;
    }
    return nullptr;
  }

  std::string list(std::span<const Ref> nodes) const {
    std::string joined;
    for (Ref node : nodes) list_item(joined, name(node));
    return joined;
  }

  std::string axis_text(const Node& node, const AxisMap& axis) const {
    std::string sum;
    for (auto [result_axis, coefficient] : axis.terms) {
      sum += sum.empty() ? (coefficient < 0 ? "-" : "") : (coefficient < 0 ? " - " : " + ");
      if (std::abs(coefficient) != 1) sum += join(std::to_string(std::abs(coefficient)), "*");
      sum += static_cast<char>('i' + result_axis);
    }
    if (axis.dynamic != 0) sum += join(sum.empty() ? "" : " + ", name(node.operands[axis.dynamic]));
    if (sum.empty()) return axis.offset.text();
    if (axis.offset == Extent(0)) return sum;
    std::string offset = axis.offset.text();
    return offset[0] == '-' ? join(sum, " - ", offset.substr(1)) : join(sum, " + ", offset);
  }

  // view (i, j) of %3[i + 1, 0], place (i) of %3 at [i + 1, 0]
  std::string view_text(const Node& node, bool place) const {
    const auto& view = node.as<View>();
    int rank = place ? node.operands[0]->type.rank() : node.type.rank();
    std::string axes, indices;
    for (int axis = 0; axis < rank; ++axis) list_item(axes, std::string(1, static_cast<char>('i' + axis)));
    for (const AxisMap& axis : view.axes) list_item(indices, axis_text(node, axis));
    return join(" (", axes, ") ", name(node.operands[0]), place ? " at [" : "[", indices, "]",
                view.fill ? " fill 0" : "");
  }

  std::string solve_text(const Node& node) const {
    const auto& info = node.as<SolveInfo>();
    constexpr std::string_view rules[] = {"adaptive", "fixed_step", "equal_steps", "recurrence"};
    constexpr std::string_view adjoints[] = {"checkpoint", "backsolve"};
    std::string states, controls;
    for (int i = 0; i < info.state_count(); ++i) {
      const SolveState& state = info.states[i];
      list_item(states, state.name, " = ", name(node.operands[i]), state.quadrature ? " quadrature" : "",
                state.in_norm ? "" : " out_of_norm");
    }
    for (int i = 0; i < static_cast<int>(Control::count); ++i) {
      Ref control = node.operands[info.control_operand(static_cast<Control>(i))];
      if (info.tableau == nullptr || (static_cast<Control>(i) == Control::stops && control->type.scalar()))
        continue;
      list_item(controls, control_names[i], " = ", name(control));
    }
    auto captured = std::span(node.operands).subspan(first_frontier_operand(&node));
    return join(" ", info.field_name, " by ", info.tableau ? info.tableau->name + " " : "",
                rules[static_cast<int>(info.rule)], " adjoint ", adjoints[static_cast<int>(info.adjoint)],
                " (", states, ") from ", name(node.operands[info.t0_operand()]), " at ",
                name(node.operands[info.ts_operand()]), info.initial_observed ? " initial_observed (" : " (",
                controls, ") frontier (", list(captured), ")");
  }

  std::string adjoint_text(const Node& node) const {
    auto operands = std::span(node.operands);
    size_t first = static_cast<size_t>(first_frontier_operand(&node));
    std::string wanted;
    for (int index : node.as<AdjointInfo>().frontier) list_item(wanted, std::to_string(index));
    return join(" ", name(operands[0]), " cotangents (", list(operands.subspan(1, first - 1)), ") to [",
                wanted, "] frontier (", list(operands.subspan(first)), ")");
  }

  std::string content(const Node& node) const {
    std::string operands;
    for (Ref operand : node.operands) operands += join(" ", name(operand));
    switch (node.kind) {
      case Kind::constant:
        return join(" ", constant_text(&node));
      case Kind::parameter:
      case Kind::data:
      case Kind::setting:
        return join(" ", quoted(node.as<Leaf>().name));
      case Kind::random:
        return std::string(node.as<Random>().distribution == Distribution::normal ? " normal "
                                                                                  : " uniform ") +
               std::to_string(node.as<Random>().stream);
      case Kind::length:
        return join(" ", node.as<Length>().extent.text());
      case Kind::contract: {
        const auto& contract = node.as<Contract>();
        std::string labels = contract.operands[0];
        for (size_t i = 1; i < contract.operands.size(); ++i) labels += join(",", contract.operands[i]);
        return join(" ", quoted(join(labels, "->", contract.result)), operands);
      }
      case Kind::view:
        return view_text(node, false);
      case Kind::place:
        return view_text(node, true);
      case Kind::concat:
        return join(operands, " axis ", std::to_string(node.as<Axis>().axis));
      case Kind::reduce: {
        constexpr std::string_view names[] = {"max", "min", "prod", "argmax"};
        std::string axes;
        for (int axis : node.as<Reduce>().axes) list_item(axes, std::to_string(axis));
        return join(" ", names[static_cast<int>(node.as<Reduce>().reduction)], operands, " axes [", axes,
                    "]");
      }
      case Kind::part:
        return join(" ", std::to_string(node.as<Part>().index), operands);
      case Kind::solve:
        return solve_text(node);
      case Kind::adjoint:
        return adjoint_text(node);
      case Kind::variable:
      case Kind::iota:
      case Kind::map:
      case Kind::reshape:
      case Kind::gather:
      case Kind::scatter_add:
      case Kind::batch_sum:
        break;
    }
    return operands;
  }

  std::string type_text(const Node& node) const {
    if (node.parts.empty()) return node.type.text();
    std::string text;
    for (const Type& part : node.parts) list_item(text, part.text());
    return join("(", text, ")");
  }

  void line(Ref node) {
    const Lambda* lambda = held_lambda(node);
    std::string word(node->is(Kind::map) ? node->as<Map>().op->name
                                         : kind_names[static_cast<int>(node->kind)]);
    std::string line = join(indent_, "%", std::to_string(next_), " = ", word, content(*node), " : ",
                            type_text(*node), " @", base_names[static_cast<int>(node->base)]);
    scopes_.back()[node] = next_++;
    text += line;
    if (lambda == nullptr) {
      text += "\n";
      return;
    }
    auto [known, fresh] = lambdas_.try_emplace(lambda, static_cast<int>(lambdas_.size()));
    text += join(" lambda #", std::to_string(known->second));
    if (!fresh) {
      text += "\n";
      return;
    }
    std::string variables;
    for (size_t i = 0; i < lambda->variables.size(); ++i) {
      list_item(variables, "$", std::to_string(lambda->height), ".", std::to_string(i), " : ",
                lambda->variables[i].text());
    }
    text += join(" (", variables, ") {\n");
    indent_ += "  ";
    scopes_.emplace_back();
    roots(lambda->results);
    text += join(indent_, "return ", list(lambda->results), "\n");
    scopes_.pop_back();
    indent_.resize(indent_.size() - 2);
    text += join(indent_, "}\n");
  }

  std::vector<std::unordered_map<Ref, int>> scopes_{1};
  std::unordered_map<const Lambda*, int> lambdas_;
  std::string indent_;
  int next_ = 0;
};

}  // namespace

std::string print(std::span<const Output> outputs) {
  Printer printer;
  std::string results;
  for (const Output& output : outputs) {
    printer.roots(std::span(&output.value, 1));
    results += join("output ", quoted(output.name), " = ", printer.name(output.value), " : ",
                    output.value->type.text(), " @", base_names[static_cast<int>(output.value->base)], "\n");
  }
  return printer.text + results;
}

}  // namespace nodec::graph
