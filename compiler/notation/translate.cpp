// Expressions -> formulas of matrices and vectors.
#include "compiler/notation/translate.hpp"

#include <algorithm>
#include <map>

#include "compiler/graph/op.hpp"
#include "compiler/notation/product.hpp"

namespace nodec::notation {

using namespace graph;

namespace {

// integer_add is written as add is.
std::string_view name_of(const Op& op) {
  constexpr std::string_view prefix = "integer_";
  return op.name.starts_with(prefix) ? op.name.substr(prefix.size()) : op.name;
}

}  // namespace

bool is_map(Ref node, std::string_view op) {
  return node->is(Kind::map) && name_of(*node->as<Map>().op) == op;
}

namespace {

// Whether x is a factor of a product.
bool multiplies(Ref product, Ref x) {
  if (product == x) return true;
  if (is_map(product, "neg") || is_map(product, "div")) return multiplies(product->operands[0], x);
  return is_map(product, "mul") &&
         (multiplies(product->operands[0], x) || multiplies(product->operands[1], x));
}

}  // namespace

std::vector<Ref> written_operands(Ref node) {
  if (is_map(node, "where") && is_map(node->operands[0], "equal") && node->operands[1]->is_splat(0))
    for (const size_t i : {0, 1}) {
      const Ref zero = node->operands[0]->operands[i], x = node->operands[0]->operands[1 - i];
      if (zero->is_splat(0) && multiplies(node->operands[2], x)) return {node->operands[2]};
    }
  return node->operands;
}

Formula extent(const Extent& extent) {
  if (extent.is_constant()) return number(static_cast<double>(extent.value()));
  std::string text, latex;
  for (const char c : extent.text()) {
    text += c == '-' ? "−" : c == '*' ? "·" : std::string(1, c);
    latex += c == '*' ? "\\, " : std::string(1, c);
  }
  return literal(text, latex);
}

namespace {

// Templates of ops whose text is that of the language, where mathematics has a sign of its own.
std::string sign_of(const Op& op) {
  static const std::map<std::string_view, std::string_view> signs = {
      {"{0} <= {1}", "{0} ≤ {1}"},   {"{0} >= {1}", "{0} ≥ {1}"},  {"{0} == {1}", "{0} = {1}"},
      {"{0} != {1}", "{0} ≠ {1}"},   {"{0} and {1}", "{0} ∧ {1}"}, {"{0} or {1}", "{0} ∨ {1}"},
      {"not {0}", "¬{0}"},           {"abs({0})", "|{0}|"},        {"floor({0})", "⌊{0}⌋"},
      {"{0} // {1}", "⌊{0} / {1}⌋"}, {"{0} % {1}", "{0} mod {1}"}, {"sqrt({0})", "√({0})"},
      {"sigmoid({0})", "σ({0})"}};
  const auto found = signs.find(op.text);
  return std::string(found == signs.end() ? op.text : found->second);
}

bool converts(const Op& op) { return op.name == "to_real"; }

}  // namespace

Translator::Equation Translator::equation(const Formula& left, Ref node) {
  indices_.clear();
  if (node->operands.empty() && named(node)) return {left, name(names.at(node))};
  root_ = node;
  Formula right = plain(node);
  Formula at = left;
  if (!right) {
    std::vector<Formula> indices;
    for (int axis = 0; axis < node->type.rank(); ++axis) indices.push_back(fresh_index());
    at = index(left, indices);
    root_ = node;
    right = element(node, indices);
  }
  root_ = nullptr;
  return {at, right};
}

Formula Translator::fresh_index() {
  for (const char* letter : {"i", "j", "k", "l", "m", "n", "p", "r", "h", "s"})
    if (!taken(letter) && indices_.insert(letter).second) return literal(letter, letter);
  const std::string letter = "i" + std::to_string(indices_.size());
  indices_.insert(letter);
  return literal(letter, "i_{" + std::to_string(indices_.size()) + "}");
}

Formula Translator::plain(Ref node) {
  const bool written = node == root_;
  root_ = nullptr;
  if (!written) {
    if (named(node)) return name(names.at(node));
  }
  return plain_body(node);
}

Formula Translator::plain_body(Ref node) {
  switch (node->kind) {
    case Kind::constant:
      if (const double* value = splat(node)) return number(*value);
      {
        const std::vector<double>& values = node->as<Constant>().values;
        if (values.size() > 9 || node->type.rank() > 2) return nullptr;
        std::vector<Formula> entries;
        for (const double value : values) entries.push_back(number(value));
        if (node->type.rank() == 1) return tuple(entries);
        return matrix(static_cast<size_t>(node->type.shape[1].value()), entries);
      }
    case Kind::length:
      return extent(node->as<Length>().extent);
    case Kind::iota: {
      const Extent last = node->type.shape[0] - Extent(1);
      return literal("(0…" + last.text() + ")", "(0, \\dots, " + last.text() + ")");
    }
    case Kind::map:
      return map(
          node, [this](Ref x) { return plain(x); }, !node->type.scalar());
    case Kind::contract: {
      const Product product = flatten(node, [this](Ref x) { return !named(x) && passes(x); });
      return chain(product, [this](Ref x) { return plain(x); });
    }
    case Kind::view:
      return view(node);
    case Kind::place:
      return place(node);
    case Kind::concat:
      return concat(node);
    case Kind::gather: {
      std::vector<Formula> indices;
      if (node->type.rank() > 1) return nullptr;
      for (size_t i = 1; i < node->operands.size(); ++i) indices.push_back(plain(node->operands[i]));
      const Formula base = plain(node->operands[0]);
      if (!base || std::find(indices.begin(), indices.end(), nullptr) != indices.end()) return nullptr;
      return index(base, indices);
    }
    case Kind::reduce: {
      if (!node->type.scalar()) return nullptr;
      const Formula x = plain(node->operands[0]);
      if (!x) return nullptr;
      switch (node->as<Reduce>().reduction) {
        case Reduction::max:
          return call("max({0})", "\\max({0})", {x});
        case Reduction::min:
          return call("min({0})", "\\min({0})", {x});
        case Reduction::argmax:
          return call("argmax({0})", "\\operatorname{arg\\,max}({0})", {x});
        case Reduction::prod:
          return nullptr;
      }
      return nullptr;
    }
    case Kind::batch_sum: {
      const Formula x = plain(node->operands[0]);
      return x ? call("sum of {0} over samples", "\\sum_{\\text{samples}} {0}", {x}) : nullptr;
    }
    case Kind::reshape: {
      // A column or row of its own is the vector itself.
      const Type& type = node->operands[0]->type;
      const bool vector = std::count_if(type.shape.begin(), type.shape.end(),
                                        [](const Extent& e) { return !(e == Extent(1)); }) <= 1;
      if (vector && node->type.rank() <= 1) return plain(node->operands[0]);
      return applied(node);
    }
    default:
      return applied(node);
  }
}

Formula Translator::applied(Ref node) {
  std::string function = "f";
  std::vector<Ref> operands = node->operands;
  std::vector<Formula> subscript;
  Ref tuple = node;
  if (node->is(Kind::part)) {
    tuple = node->operands[0];
    subscript.push_back(number(node->as<Part>().index));
    operands.clear();
    if (tuple->is(Kind::solve)) {
      const SolveInfo& info = tuple->as<SolveInfo>();
      const auto first = tuple->operands.begin();
      operands.assign(first, first + info.state_count());
      operands.insert(operands.end(), first + info.frontier_operand(), tuple->operands.end());
    } else {
      operands.assign(tuple->operands.begin() + 1, tuple->operands.end());
    }
  }
  switch (tuple->kind) {
    case Kind::solve:
      function = tuple->as<SolveInfo>().rule == StepRule::recurrence ? "recur" : "solve";
      break;
    case Kind::adjoint:
      function = "pull";
      break;
    case Kind::reshape:
      function = "reshape";
      break;
    case Kind::concat:
      function = "concat";
      break;
    case Kind::place:
      function = "place";
      break;
    case Kind::view:
      function = "window";
      break;
    case Kind::scatter_add:
      function = "scatter";
      break;
    case Kind::random:
      function = "noise";
      break;
    default:
      break;
  }
  std::vector<Formula> arguments;
  std::string list;
  for (const Ref operand : operands) {
    Formula argument = plain(operand);
    if (!argument) argument = literal("…", "\\dots");
    // The templates of calls know ten arguments.
    if (arguments.size() == 9) {
      list += ", …";
      break;
    }
    list += (list.empty() ? "{" : ", {") + std::to_string(arguments.size()) + "}";
    arguments.push_back(argument);
  }
  const Formula value =
      call(function + "(" + list + ")", "\\operatorname{" + function + "}(" + list + ")", arguments);
  return index(value, subscript);
}

void Translator::collect(Ref node, bool negative, std::vector<Signed>& terms) const {
  for (size_t i = 0; i < 2; ++i) {
    const Ref operand = node->operands[i];
    const bool sign = negative != (i == 1 && is_map(node, "sub"));
    if (!named(operand) && (is_map(operand, "add") || is_map(operand, "sub")))
      collect(operand, sign, terms);
    else
      terms.push_back({operand, sign});
  }
}

Formula Translator::added(Ref node, const Operand& operand, bool of_vectors) {
  std::vector<Signed> terms;
  collect(node, false, terms);
  // What changes most stands first, and a number where it makes the sum begin without a sign.
  std::stable_sort(terms.begin(), terms.end(),
                   [this](const Signed& a, const Signed& b) { return rate(a.node) > rate(b.node); });
  const bool only_negative = std::all_of(terms.begin(), terms.end(), [](const Signed& t) {
    return splat(t.node) || t.negative || is_map(t.node, "neg");
  });
  if (only_negative)
    std::stable_partition(terms.begin(), terms.end(), [](const Signed& t) { return splat(t.node); });
  std::vector<Formula> formulas;
  while (of_vectors) {
    // As many placed parts as fit beside each other.
    std::vector<Signed> together, rest;
    for (const Signed& term : terms) {
      together.push_back(term);
      if (side_by_side(together)) continue;
      together.pop_back();
      rest.push_back(term);
    }
    const Formula parts = together.empty() ? nullptr : placed_side_by_side(together);
    if (!parts) break;
    formulas.push_back(parts);
    terms = rest;
  }
  for (const Signed& term : terms) {
    const Formula x = operand(term.node);
    if (!x) return nullptr;
    formulas.push_back(term.negative ? negate(x) : x);
  }
  return sum(formulas);
}

Formula Translator::multiplied(Ref node, const Operand& operand, bool tensor) {
  double sign = 1;
  std::vector<Ref> factors, stack{node};
  while (!stack.empty()) {
    const Ref next = stack.back();
    stack.pop_back();
    if ((next == node || !named(next)) && is_map(next, "mul")) {
      stack.push_back(next->operands[1]);
      stack.push_back(next->operands[0]);
    } else if (!named(next) && is_map(next, "neg")) {
      sign = -sign;
      stack.push_back(next->operands[0]);
    } else {
      factors.push_back(next);
    }
  }
  std::stable_sort(factors.begin(), factors.end(), [this](Ref a, Ref b) { return rate(a) < rate(b); });
  std::vector<Formula> scalars{number(sign)}, tensors, left, right;
  std::vector<Ref> seen;
  for (const Ref factor : factors) {
    // A vector beside a matrix scales its rows or its columns.
    if (tensor && node->type.rank() == 2 && factor->is(Kind::view) && !named(factor)) {
      const std::vector<int> axes = repeated_axes(*factor);
      if (axes.size() == 2 && factor->operands[0]->type.rank() == 1 && (axes[0] == -1 || axes[1] == -1)) {
        const Formula x = operand(factor->operands[0]);
        if (!x) return nullptr;
        (axes[0] == -1 ? right : left).push_back(x);
        continue;
      }
    }
    const auto count = std::count(factors.begin(), factors.end(), factor);
    if (std::find(seen.begin(), seen.end(), factor) != seen.end()) continue;
    seen.push_back(factor);
    const Formula x = operand(factor);
    if (!x) return nullptr;
    std::vector<Formula>& list = tensor && !is_number(factor) ? tensors : scalars;
    list.push_back(power(x, number(static_cast<double>(count))));
  }
  for (std::vector<Formula>* list : {&scalars, &tensors})
    std::stable_partition(list->begin(), list->end(), [](const Formula& x) {
      return x->form == Form::number || x->form == Form::name || x->form == Form::power ||
             x->form == Form::index;
    });
  if (!left.empty() || !right.empty()) {
    if (tensors.empty()) return nullptr;
    std::vector<Formula> product = scalars;
    if (!left.empty()) product.push_back(diagonal(hadamard({}, left)));
    product.push_back(hadamard({}, tensors));
    if (!right.empty()) product.push_back(diagonal(hadamard({}, right)));
    return times(product);
  }
  if (!tensors.empty()) return hadamard(scalars, tensors);
  // A quotient takes the other factors above its line.
  std::vector<Formula> above, below;
  for (const Formula& x : scalars) {
    const bool fraction = x->form == Form::quotient;
    above.push_back(fraction ? x->parts[0] : x);
    if (fraction) below.push_back(x->parts[1]);
  }
  return quotient(times(above), times(below));
}

// Operands are given by a function, so that elements are written by the same rules as whole tensors.
Formula Translator::map(Ref node, const Operand& operand, bool tensor) {
  const Op& op = *node->as<Map>().op;
  const std::string_view op_name = name_of(op);
  if (op_name == "add" || op_name == "sub") {
    return added(node, operand, tensor && node->type.rank() == 1);
  }
  if (op_name == "mul") return multiplied(node, operand, tensor);
  const std::vector<Ref> written = written_operands(node);
  if (op.name == "where" && written.size() == 1) return operand(written[0]);
  std::vector<Formula> arguments;
  for (const Ref x : written) {
    const Formula argument = operand(x);
    if (!argument) return nullptr;
    arguments.push_back(argument);
  }
  if (op_name == "neg") return negate(arguments[0]);
  if (op_name == "sqrt" && arguments[0]->form == Form::call && arguments[0]->text == "‖{0}‖²")
    return call("‖{0}‖", "\\lVert {0} \\rVert", arguments[0]->parts);
  if (op_name == "equal" && arguments[0]->form == Form::number) std::swap(arguments[0], arguments[1]);
  if (op.name == "div") return quotient(arguments[0], arguments[1]);
  if (op.name == "pow") return power(arguments[0], arguments[1]);
  if (op.name == "where") return cases(arguments[0], arguments[1], arguments[2]);
  if (converts(op)) return arguments[0];
  const bool between = op.text.starts_with("{0}") || op.text.starts_with("not");
  return between ? infix(sign_of(op), std::string(op.latex), arguments)
                 : call(sign_of(op), std::string(op.latex), arguments);
}

}  // namespace nodec::notation
