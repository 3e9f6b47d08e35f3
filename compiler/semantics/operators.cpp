// Operators: elementwise ones with broadcasting and promotion, powers, products.
#include <algorithm>
#include <array>
#include <cmath>

#include "compiler/graph/algebra.hpp"
#include "compiler/graph/op.hpp"
#include "compiler/semantics/elaborator.hpp"

namespace nodec::semantics {

using graph::Element;
using graph::Kind;

namespace {

// Ops that keep ints ints; every other op of numbers is real.
constexpr std::array integer_ops = {"add",        "sub",     "mul",   "neg",       "floor_divide",
                                    "modulo",     "abs",     "min",   "max",       "less",
                                    "less_equal", "greater", "equal", "not_equal", "greater_equal"};

bool keeps_integers(std::string_view op) {
  return std::find(integer_ops.begin(), integer_ops.end(), op) != integer_ops.end();
}

struct Spelled {
  const char *op, *symbol;
};

Spelled spelled(syntax::Binary op) {
  switch (op) {
    case syntax::Binary::add:
      return {"add", "+"};
    case syntax::Binary::subtract:
      return {"sub", "-"};
    case syntax::Binary::multiply:
      return {"mul", "*"};
    case syntax::Binary::divide:
      return {"div", "/"};
    case syntax::Binary::floor_divide:
      return {"floor_divide", "//"};
    case syntax::Binary::modulo:
      return {"modulo", "%"};
    case syntax::Binary::matmul:
      return {"", "@"};
    case syntax::Binary::power:
      return {"pow", "^"};
    case syntax::Binary::less:
      return {"less", "<"};
    case syntax::Binary::less_equal:
      return {"less_equal", "<="};
    case syntax::Binary::greater:
      return {"greater", ">"};
    case syntax::Binary::greater_equal:
      return {"greater_equal", ">="};
    case syntax::Binary::equal:
      return {"equal", "=="};
    case syntax::Binary::not_equal:
      return {"not_equal", "!="};
    case syntax::Binary::logical_and:
      return {"and", "and"};
    case syntax::Binary::logical_or:
      return {"or", "or"};
  }
  return {"", ""};
}

std::string quoted(const char* symbol) { return std::string("the operands of '") + symbol + "'"; }

}  // namespace

Tensor Elaborator::arithmetic_operand(const Tensor& x, Span span, const std::string& what) {
  if (x.element() == Element::boolean) fail(Id::condition_in_arithmetic, span, what, x.type().text());
  return x;
}

Tensor Elaborator::elementwise(std::string_view op, std::vector<Tensor> operands,
                               const std::vector<Span>& spans, Span at, const std::string& what) {
  const bool logical = op == "and" || op == "or" || op == "not";
  const size_t first = op == "where" ? 1 : 0;  // of the operands that share an element
  bool reals = !keeps_integers(op) && op != "where", conditions = false;
  for (size_t i = first; i < operands.size(); ++i) {
    const Tensor& x = operands[i];
    conditions = conditions || x.element() == Element::boolean;
    reals = reals || x.element() == Element::real;
    if (logical && x.element() != Element::boolean) fail(Id::not_a_condition, spans[i], x.type().text());
  }
  if (op == "where" && conditions && operands[1].element() != operands[2].element()) {
    diagnostics_.report(Id::elements_differ, spans[2], operands[2].type().text(), operands[1].type().text())
        .note(spans[1], "this is " + operands[1].type().text());
    throw Abandon{};
  }
  if (!logical && op != "where") {
    for (size_t i = 0; i < operands.size(); ++i) arithmetic_operand(operands[i], spans[i], what);
  }
  std::optional<Affine> affine;
  if (!reals && !conditions && operands.size() == 2 && operands[0].rank() == 0 && operands[1].rank() == 0) {
    affine = combine(op, operands[0], operands[1]);
    if (affine && affine->fixed()) return from_affine(*affine);
  }
  std::vector<int> loops;
  std::vector<Extent> shape = operands[0].shape();
  Tensor sofar = operands[0];
  for (size_t i = 0; i < operands.size(); ++i) {
    loops = union_of(loops, operands[i].loops);
    std::vector<Extent> both;
    if (!graph::broadcast_shapes(shape, operands[i].shape(), both)) {
      // Blame the operand that brought the axis in the way: the first that disagrees with this one by itself.
      size_t other = first;
      for (size_t j = 0; j < i; ++j) {
        if (!graph::broadcast_shapes(operands[j].shape(), operands[i].shape(), both)) other = j;
      }
      broadcast(operands[other], spans[other], operands[i], spans[i], at, what);
    }
    shape = both;
  }
  check_size({shape, Element::real}, at);
  std::vector<Ref> refs;
  for (size_t i = 0; i < operands.size(); ++i) {
    Tensor x = reals && i >= first && !logical ? real(operands[i]) : operands[i];
    refs.push_back(fit(x, loops, shape));
  }
  Tensor result = tensor_of(graph::apply(g_, op, refs), loops);
  if (affine) result.affine = affine;
  if (!loops.empty() && !affine) result.affine = std::nullopt;
  return result;
}

Value Elaborator::unary(const syntax::UnaryOp& op, Span span, Scope& scope) {
  Tensor x = tensor(*op.operand, scope);
  if (op.op == syntax::Unary::logical_not) {
    return {elementwise("not", {x}, {op.operand->span}, span, "the operand of 'not'")};
  }
  arithmetic_operand(x, op.operand->span, "the operand of '-'");
  if (op.op == syntax::Unary::plus) return {x};
  if (x.affine) {
    if (x.affine->fixed()) return {from_affine(*x.affine * -1)};
    return {Tensor{graph::neg(g_, x.ref), x.loops, *x.affine * -1}};
  }
  return {elementwise("neg", {x}, {op.operand->span}, span, "the operand of '-'")};
}

Value Elaborator::binary(const syntax::BinaryOp& op, Span span, Scope& scope) {
  Tensor a = tensor(*op.left, scope);
  Tensor b = tensor(*op.right, scope);
  return {binary_values(op.op, a, op.left->span, b, op.right->span, span)};
}

Tensor Elaborator::binary_values(syntax::Binary op, const Tensor& a, Span a_span, const Tensor& b,
                                 Span b_span, Span at) {
  const Spelled how = spelled(op);
  if (op == syntax::Binary::matmul) return product(a, a_span, b, b_span, at);
  if (op == syntax::Binary::power) return power(a, a_span, b, b_span, at);
  if ((op == syntax::Binary::equal || op == syntax::Binary::not_equal) && a.element() == Element::boolean &&
      b.element() == Element::boolean) {
    Tensor both_or_neither =
        elementwise("where", {a, b, elementwise("not", {b}, {b_span}, at, quoted(how.symbol))},
                    {a_span, b_span, b_span}, at, quoted(how.symbol));
    return op == syntax::Binary::equal ? both_or_neither
                                       : elementwise("not", {both_or_neither}, {at}, at, quoted(how.symbol));
  }
  if (op == syntax::Binary::equal || op == syntax::Binary::not_equal)
    warn_of_equal_reals(a, b, at, how.symbol);
  if ((op == syntax::Binary::floor_divide || op == syntax::Binary::modulo) &&
      a.element() == Element::integer && b.integer() == 0) {
    fail(Id::division_by_zero, b_span);
  }
  return elementwise(how.op, {a, b}, {a_span, b_span}, at, quoted(how.symbol));
}

// Comparing with a whole number, with a count of the run or with itself asks something that rounding leaves
// alone.
void Elaborator::warn_of_equal_reals(const Tensor& a, const Tensor& b, Span at, const char* symbol) {
  auto exact = [](const Tensor& x) {
    if (x.element() != Element::real || x.ref->is(Kind::setting)) return true;
    if (!x.ref->is(Kind::constant)) return false;
    const std::vector<double>& values = x.ref->as<graph::Constant>().values;
    return std::all_of(values.begin(), values.end(), [](double v) { return std::floor(v) == v; });
  };
  if (exact(a) || exact(b) || a.ref == b.ref) return;
  diagnostics_.report(Id::reals_compared, at, symbol)
      .note(at, "write 'abs(a - b) < ε', with the ε that is meant");
}

Tensor Elaborator::integer_power(const Tensor& base, int64_t exponent) {
  const std::vector<Span> none(2);
  if (exponent < 0) {
    Tensor one = number(1);
    return elementwise("div", {one, integer_power(real(base), -exponent)}, none, {}, "");
  }
  Tensor result = base.element() == Element::integer ? integer(Extent(1)) : number(1);
  bool started = false;
  Tensor square = base;
  for (int64_t bits = exponent; bits > 0; bits >>= 1) {
    if (bits & 1) {
      result = started ? elementwise("mul", {result, square}, none, {}, "") : square;
      started = true;
    }
    if (bits > 1) square = elementwise("mul", {square, square}, none, {}, "");
  }
  if (started) return result;
  return {fit(result, base.loops, base.shape()), base.loops, base.rank() == 0 ? result.affine : std::nullopt};
}

Tensor Elaborator::power(const Tensor& base, Span base_span, const Tensor& exponent, Span exponent_span,
                         Span at) {
  arithmetic_operand(base, base_span, "the base of '^'");
  arithmetic_operand(exponent, exponent_span, "the exponent of '^'");
  constexpr int64_t largest_product = 1024;
  std::optional<double> constant;
  if (exponent.rank() == 0 && exponent.ref->is(Kind::constant)) {
    constant = exponent.ref->as<graph::Constant>().values[0];
  }
  if (constant && std::floor(*constant) == *constant && std::abs(*constant) <= largest_product) {
    const bool stays_integer = exponent.element() == Element::integer && *constant >= 0;
    return integer_power(stays_integer ? base : real(base), static_cast<int64_t>(*constant));
  }
  if (constant == 0.5) return elementwise("sqrt", {base}, {base_span}, at, "the base of '^'");
  return elementwise("pow", {base, exponent}, {base_span, exponent_span}, at, quoted("^"));
}

Tensor Elaborator::product(const Tensor& a, Span a_span, const Tensor& b, Span b_span, Span at) {
  arithmetic_operand(a, a_span, quoted("@"));
  arithmetic_operand(b, b_span, quoted("@"));
  auto refuse = [&](Id id) {
    diagnostics_.report(id, at, a.type().text(), b.type().text())
        .note(a_span, "this is " + a.type().text())
        .note(b_span, "this is " + b.type().text());
    throw Abandon{};
  };
  if (a.rank() < 1 || a.rank() > 2 || b.rank() < 1 || b.rank() > 2) refuse(Id::product_ranks);
  if (a.shape().back() != b.shape().front()) {
    auto& diagnostic = diagnostics_.report(Id::product_shapes, at, a.type().text(), b.type().text())
                           .note(a_span, "this is " + a.type().text())
                           .note(b_span, "this is " + b.type().text());
    // A matrix that fits the vector from its other side was most likely meant to.
    const bool left = a.rank() == 2 && b.rank() == 1 && a.shape()[0] == b.shape()[0];
    const bool right = a.rank() == 1 && b.rank() == 2 && b.shape()[1] == a.shape()[0];
    if (left || right) {
      const Span matrix = left ? a_span : b_span;
      diagnostic.note(matrix, "its transpose fits");
      if (matrix.known())
        diagnostic.fix(
            matrix,
            "transpose(" + files_.text(matrix.file).substr(matrix.begin, matrix.end - matrix.begin) + ")");
    }
    throw Abandon{};
  }
  const std::string left = a.rank() == 2 ? "ij" : "j", right = b.rank() == 2 ? "jk" : "j";
  const std::string result = std::string(a.rank() == 2 ? "i" : "") + (b.rank() == 2 ? "k" : "");
  Tensor product = contract({left, right}, result, {a, b});
  check_size(product.type(), at);
  return product;
}

}  // namespace nodec::semantics
