// Arithmetic on reals, and the functions that comparisons and rounding make of it.
//
// At a kink the derivative is a subgradient: abs and relu have 0 at 0, elu 1; min and max of equal operands
// give each one half (the operands are not ordered, so neither may be preferred).
#include <cmath>

#include "compiler/graph/algebra.hpp"
#include "compiler/graph/elementary.hpp"
#include "compiler/graph/ops.hpp"

namespace nodec::graph {
namespace {

using Value = Primitives::Value;
using Values = std::span<const Value>;
using Refs = std::span<const Ref>;

Ref number(Graph& g, double x, Ref like) { return g.constant(x, like->type); }

Ref no_slope(Graph& g, Refs, Ref y, int) { return zeros(g, y->type); }

Value sign_body(Primitives& p, Values x) {
  Value zero = p.real(0);
  return p.select(p.less(zero, x[0]), p.real(1), p.select(p.less(x[0], zero), p.real(-1), x[0]));
}

double sign(const double* x) { return x[0] > 0 ? 1 : x[0] < 0 ? -1 : x[0]; }

// The winner of a comparison, or the operand that is NaN.
Value select_or_nan(Primitives& p, Value first_wins, Values x) {
  return p.select(p.not_equal(x[1], x[1]), x[1], p.select(first_wins, x[0], x[1]));
}

Value min_body(Primitives& p, Values x) {
  return p.select(p.not_equal(x[0], x[0]), x[0], select_or_nan(p, p.less(x[0], x[1]), x));
}

Value max_body(Primitives& p, Values x) {
  return p.select(p.not_equal(x[0], x[0]), x[0], select_or_nan(p, p.less(x[1], x[0]), x));
}

Ref extremum_derivative(Graph& g, Refs x, std::string_view wins, int i) {
  Ref one = number(g, 1, x[0]), half = number(g, 0.5, x[0]), zero = number(g, 0, x[0]);
  Ref tie = where(g, apply(g, "equal", {x[0], x[1]}), half, zero);
  return where(g, apply(g, wins, {x[i], x[1 - i]}), one, tie);
}

// x − y⌊x/y⌋: the sign of y, 0 for y = 0 only by NaN.
double modulo(const double* x) { return std::fma(-std::floor(x[0] / x[1]), x[1], x[0]); }

constexpr Op table[] = {
    {.name = "add",
     .text = "{0} + {1}",
     .latex = "{0} + {1}",
     .doc = "The sum.",
     .arity = 2,
     .elements = all_are<Element::real>,
     .reference = [](const double* x) { return x[0] + x[1]; },
     .derivative = [](Graph& g, Refs x, Ref, int) { return number(g, 1, x[0]); },
     .no_derivative = {},
     .singular = false,
     .body = [](Primitives& p, Values x) { return p.add(x[0], x[1]); },
     .cost = 1,
     .commutative = true,
     .callable = false},
    {.name = "sub",
     .text = "{0} - {1}",
     .latex = "{0} - {1}",
     .doc = "The difference.",
     .arity = 2,
     .elements = all_are<Element::real>,
     .reference = [](const double* x) { return x[0] - x[1]; },
     .derivative = [](Graph& g, Refs x, Ref, int i) { return number(g, i == 0 ? 1 : -1, x[0]); },
     .no_derivative = {},
     .singular = false,
     .body = [](Primitives& p, Values x) { return p.sub(x[0], x[1]); },
     .cost = 1,
     .callable = false},
    {.name = "mul",
     .text = "{0} * {1}",
     .latex = "{0} \\, {1}",
     .doc = "The product.",
     .arity = 2,
     .elements = all_are<Element::real>,
     .reference = [](const double* x) { return x[0] * x[1]; },
     .derivative = [](Graph&, Refs x, Ref, int i) { return x[1 - i]; },
     .no_derivative = {},
     .singular = false,
     .body = [](Primitives& p, Values x) { return p.mul(x[0], x[1]); },
     .cost = 1,
     .commutative = true,
     .callable = false},
    {.name = "div",
     .text = "{0} / {1}",
     .latex = "\\frac{{0}}{{1}}",
     .doc = "The quotient.",
     .arity = 2,
     .elements = all_are<Element::real>,
     .reference = [](const double* x) { return x[0] / x[1]; },
     .derivative = [](Graph& g, Refs x, Ref y,
                      int i) { return i == 0 ? div(g, number(g, 1, x[1]), x[1]) : neg(g, div(g, y, x[1])); },
     .no_derivative = {},
     .singular = true,
     .body = [](Primitives& p, Values x) { return p.div(x[0], x[1]); },
     .cost = 5,
     .callable = false},
    {.name = "neg",
     .text = "-{0}",
     .latex = "-{0}",
     .doc = "The negative.",
     .arity = 1,
     .elements = all_are<Element::real>,
     .reference = [](const double* x) { return -x[0]; },
     .derivative = [](Graph& g, Refs x, Ref, int) { return number(g, -1, x[0]); },
     .no_derivative = {},
     .singular = false,
     .body = [](Primitives& p, Values x) { return p.neg(x[0]); },
     .cost = 1,
     .callable = false},
    {.name = "floor_divide",
     .text = "{0} // {1}",
     .latex = "\\left\\lfloor \\frac{{0}}{{1}} \\right\\rfloor",
     .doc = "The quotient rounded down.",
     .arity = 2,
     .elements = all_are<Element::real>,
     .reference = [](const double* x) { return std::floor(x[0] / x[1]); },
     .derivative = no_slope,
     .no_derivative = {},
     .singular = false,
     .body = [](Primitives& p, Values x) { return p.floor(p.div(x[0], x[1])); },
     .cost = 6,
     .callable = false},
    {.name = "modulo",
     .text = "{0} % {1}",
     .latex = "{0} \\bmod {1}",
     .doc = "What is left of x after whole multiples of y; it has the sign of y.",
     .arity = 2,
     .elements = all_are<Element::real>,
     .reference = modulo,
     .derivative =
         [](Graph& g, Refs x, Ref, int i) {
           return i == 0 ? number(g, 1, x[0]) : neg(g, apply(g, "floor_divide", {x[0], x[1]}));
         },
     .no_derivative = {},
     .singular = true,
     .body = [](Primitives& p, Values x) { return p.fma(p.neg(p.floor(p.div(x[0], x[1]))), x[1], x[0]); },
     .cost = 8,
     .callable = false},
    {.name = "abs",
     .text = "abs({0})",
     .latex = "\\left| {0} \\right|",
     .doc = "The absolute value.",
     .arity = 1,
     .elements = all_are<Element::real>,
     .reference = [](const double* x) { return std::fabs(x[0]); },
     .derivative = [](Graph& g, Refs x, Ref, int) { return apply(g, "sign", {x[0]}); },
     .no_derivative = {},
     .singular = false,
     .body = [](Primitives& p, Values x) { return p.abs(x[0]); },
     .cost = 1},
    {.name = "sign",
     .text = "sign({0})",
     .latex = "\\operatorname{sign} {0}",
     .doc = "1, -1 or 0, as the argument's sign is.",
     .arity = 1,
     .elements = all_are<Element::real>,
     .reference = sign,
     .derivative = no_slope,
     .no_derivative = {},
     .singular = false,
     .body = sign_body,
     .cost = 4},
    {.name = "floor",
     .text = "floor({0})",
     .latex = "\\left\\lfloor {0} \\right\\rfloor",
     .doc = "The largest whole number that is not above the argument.",
     .arity = 1,
     .elements = all_are<Element::real>,
     .reference = [](const double* x) { return std::floor(x[0]); },
     .derivative = no_slope,
     .no_derivative = {},
     .singular = false,
     .body = [](Primitives& p, Values x) { return p.floor(x[0]); },
     .cost = 1},
    {.name = "min",
     .text = "min({0}, {1})",
     .latex = "\\min({0}, {1})",
     .doc = "The lesser of two; NaN if one of them is.",
     .arity = 2,
     .elements = all_are<Element::real>,
     .reference =
         [](const double* x) {
           return std::isnan(x[0]) ? x[0] : std::isnan(x[1]) ? x[1] : x[0] < x[1] ? x[0] : x[1];
         },
     .derivative = [](Graph& g, Refs x, Ref, int i) { return extremum_derivative(g, x, "less", i); },
     .no_derivative = {},
     .singular = false,
     .body = min_body,
     .cost = 6,
     .commutative = true},
    {.name = "max",
     .text = "max({0}, {1})",
     .latex = "\\max({0}, {1})",
     .doc = "The greater of two; NaN if one of them is.",
     .arity = 2,
     .elements = all_are<Element::real>,
     .reference =
         [](const double* x) {
           return std::isnan(x[0]) ? x[0] : std::isnan(x[1]) ? x[1] : x[0] > x[1] ? x[0] : x[1];
         },
     .derivative = [](Graph& g, Refs x, Ref, int i) { return extremum_derivative(g, x, "greater", i); },
     .no_derivative = {},
     .singular = false,
     .body = max_body,
     .cost = 6,
     .commutative = true},
    {.name = "relu",
     .text = "relu({0})",
     .latex = "\\operatorname{relu}({0})",
     .doc = "The argument where it is positive, else 0.",
     .arity = 1,
     .elements = all_are<Element::real>,
     .reference = [](const double* x) { return x[0] <= 0 ? 0 : x[0]; },
     .derivative =
         [](Graph& g, Refs x, Ref, int) {
           Ref zero = number(g, 0, x[0]);
           return where(g, apply(g, "less", {zero, x[0]}), number(g, 1, x[0]), zero);
         },
     .no_derivative = {},
     .singular = false,
     .body =
         [](Primitives& p, Values x) {
           Value zero = p.real(0);
           return p.select(p.less_equal(x[0], zero), zero, x[0]);
         },
     .cost = 2},
    {.name = "sqrt",
     .text = "sqrt({0})",
     .latex = "\\sqrt{{0}}",
     .doc = "The square root.",
     .arity = 1,
     .elements = all_are<Element::real>,
     .reference = [](const double* x) { return std::sqrt(x[0]); },
     .derivative = [](Graph& g, Refs x, Ref y, int) { return div(g, number(g, 0.5, x[0]), y); },
     .no_derivative = {},
     .singular = true,
     .body = [](Primitives& p, Values x) { return p.sqrt(x[0]); },
     .cost = 6},
    {.name = "stop_gradient",
     .text = "stop_gradient({0})",
     .latex = "\\operatorname{sg}({0})",
     .doc = "The argument, taken as a constant by differentiation.",
     .arity = 1,
     .elements = all_are<Element::real>,
     .reference = [](const double* x) { return x[0]; },
     .derivative = no_slope,
     .no_derivative = {},
     .singular = false,
     .body = [](Primitives&, Values x) { return x[0]; },
     .cost = 0},
};

}  // namespace

std::span<const Op> arithmetic_ops() { return table; }

}  // namespace nodec::graph
