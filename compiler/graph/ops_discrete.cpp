// Comparisons, logic, choice, integers and the conversions between elements. What has no cotangent says why.
#include <cmath>

#include "compiler/graph/algebra.hpp"
#include "compiler/graph/ops.hpp"

namespace nodec::graph {
namespace {

using Value = Primitives::Value;
using Values = std::span<const Value>;
using Refs = std::span<const Ref>;
using Body = Value (*)(Primitives&, Values);
using Reference = double (*)(const double*);

constexpr std::string_view condition = "its value is a condition";
constexpr std::string_view whole = "its value is an integer";
constexpr std::string_view of_discrete = "its operand is not real";

struct Notation {
  std::string_view text, latex;
};
constexpr Notation less{"{0} < {1}", "{0} < {1}"}, less_equal{"{0} <= {1}", "{0} \\le {1}"},
    greater{"{0} > {1}", "{0} > {1}"}, greater_equal{"{0} >= {1}", "{0} \\ge {1}"},
    equal{"{0} == {1}", "{0} = {1}"}, not_equal{"{0} != {1}", "{0} \\ne {1}"};

// An op that calculus does not see: neither it nor the rest of this table but `where` has a derivative.
constexpr Op discrete(std::string_view name, Notation notation, std::string_view doc, int arity,
                      ElementRule elements, std::string_view reason, Reference reference, Body body, int cost,
                      bool commutative = false) {
  return {.name = name,
          .text = notation.text,
          .latex = notation.latex,
          .doc = doc,
          .arity = arity,
          .elements = elements,
          .reference = reference,
          .derivative = nullptr,
          .no_derivative = reason,
          .singular = false,
          .body = body,
          .cost = cost,
          .commutative = commutative,
          .callable = false};
}

constexpr ElementRule compares = all_are<Element::real, Element::boolean>;
constexpr ElementRule compares_integers = all_are<Element::integer, Element::boolean>;
constexpr ElementRule logical = all_are<Element::boolean>;
constexpr ElementRule integral = all_are<Element::integer>;

// A condition, then two of one element.
bool chooses(std::span<const Element> operands, Element& result) {
  result = operands[1];
  return operands[0] == Element::boolean && operands[1] == operands[2];
}

double floor_quotient(const double* x) { return x[1] == 0 ? 0 : std::floor(x[0] / x[1]); }

constexpr Op table[] = {
    discrete(
        "less", less, "True where x is below y.", 2, compares, condition,
        [](const double* x) -> double { return x[0] < x[1]; },
        [](Primitives& p, Values x) { return p.less(x[0], x[1]); }, 1),
    discrete(
        "less_equal", less_equal, "True where x is at most y.", 2, compares, condition,
        [](const double* x) -> double { return x[0] <= x[1]; },
        [](Primitives& p, Values x) { return p.less_equal(x[0], x[1]); }, 1),
    discrete(
        "greater", greater, "True where x is above y.", 2, compares, condition,
        [](const double* x) -> double { return x[0] > x[1]; },
        [](Primitives& p, Values x) { return p.less(x[1], x[0]); }, 1),
    discrete(
        "greater_equal", greater_equal, "True where x is at least y.", 2, compares, condition,
        [](const double* x) -> double { return x[0] >= x[1]; },
        [](Primitives& p, Values x) { return p.less_equal(x[1], x[0]); }, 1),
    discrete(
        "equal", equal, "True where x equals y.", 2, compares, condition,
        [](const double* x) -> double { return x[0] == x[1]; },
        [](Primitives& p, Values x) { return p.equal(x[0], x[1]); }, 1, true),
    discrete(
        "not_equal", not_equal, "True where x differs from y.", 2, compares, condition,
        [](const double* x) -> double { return x[0] != x[1]; },
        [](Primitives& p, Values x) { return p.not_equal(x[0], x[1]); }, 1, true),
    discrete(
        "and", {"{0} and {1}", "{0} \\wedge {1}"}, "True where both are.", 2, logical, condition,
        [](const double* x) -> double { return x[0] != 0 && x[1] != 0; },
        [](Primitives& p, Values x) { return p.logical_and(x[0], x[1]); }, 1, true),
    discrete(
        "or", {"{0} or {1}", "{0} \\vee {1}"}, "True where one or both are.", 2, logical, condition,
        [](const double* x) -> double { return x[0] != 0 || x[1] != 0; },
        [](Primitives& p, Values x) { return p.logical_or(x[0], x[1]); }, 1, true),
    discrete(
        "not", {"not {0}", "\\neg {0}"}, "True where the operand is not.", 1, logical, condition,
        [](const double* x) -> double { return x[0] == 0; },
        [](Primitives& p, Values x) { return p.logical_not(x[0]); }, 1),
    // The derivative is the choice of 1 and 0: what multiplies a cotangent by it must choose, not multiply,
    // or an infinite derivative in the branch not taken becomes NaN.
    {.name = "where",
     .text = "where({0}, {1}, {2})",
     .latex = "\\begin{cases} {1} & {0} \\\\ {2} & \\text{otherwise} \\end{cases}",
     .doc = "The second operand where the first is true, else the third.",
     .arity = 3,
     .elements = chooses,
     .reference = [](const double* x) { return x[0] != 0 ? x[1] : x[2]; },
     .derivative =
         [](Graph& g, Refs x, Ref y, int i) {
           if (i == 0) return zeros(g, y->type);
           return where(g, x[0], g.constant(i == 1 ? 1 : 0, y->type), g.constant(i == 1 ? 0 : 1, y->type));
         },
     .no_derivative = {},
     .singular = false,
     .body = [](Primitives& p, Values x) { return p.select(x[0], x[1], x[2]); },
     .cost = 1},

    // ---- integers
    discrete(
        "integer_add", {"{0} + {1}", "{0} + {1}"}, "The sum of integers.", 2, integral, whole,
        [](const double* x) { return x[0] + x[1]; },
        [](Primitives& p, Values x) { return p.integer_add(x[0], x[1]); }, 1, true),
    discrete(
        "integer_sub", {"{0} - {1}", "{0} - {1}"}, "The difference of integers.", 2, integral, whole,
        [](const double* x) { return x[0] - x[1]; },
        [](Primitives& p, Values x) { return p.integer_sub(x[0], x[1]); }, 1),
    discrete(
        "integer_mul", {"{0} * {1}", "{0} \\, {1}"}, "The product of integers.", 2, integral, whole,
        [](const double* x) { return x[0] * x[1]; },
        [](Primitives& p, Values x) { return p.integer_mul(x[0], x[1]); }, 1, true),
    discrete(
        "integer_neg", {"-{0}", "-{0}"}, "The negative of an integer.", 1, integral, whole,
        [](const double* x) { return 0 - x[0]; },
        [](Primitives& p, Values x) { return p.integer_sub(p.integer(0), x[0]); }, 1),
    discrete(
        "integer_floor_divide", {"{0} // {1}", "\\left\\lfloor \\frac{{0}}{{1}} \\right\\rfloor"},
        "The quotient of integers rounded down; 0 where y is 0.", 2, integral, whole, floor_quotient,
        [](Primitives& p, Values x) { return p.integer_divide(x[0], x[1]); }, 20),
    discrete(
        "integer_modulo", {"{0} % {1}", "{0} \\bmod {1}"},
        "The remainder of integers, with the sign of y; 0 where y is 0.", 2, integral, whole,
        [](const double* x) { return x[1] == 0 ? 0 : x[0] - floor_quotient(x) * x[1]; },
        [](Primitives& p, Values x) { return p.integer_modulo(x[0], x[1]); }, 20),
    discrete(
        "integer_abs", {"abs({0})", "\\left| {0} \\right|"}, "The absolute value of an integer.", 1, integral,
        whole, [](const double* x) { return std::fabs(x[0]); },
        [](Primitives& p, Values x) {
          Value zero = p.integer(0);
          return p.select(p.integer_less(x[0], zero), p.integer_sub(zero, x[0]), x[0]);
        },
        3),
    discrete(
        "integer_sign", {"sign({0})", "\\operatorname{sign} {0}"}, "1, -1 or 0, as the integer's sign is.", 1,
        integral, whole, [](const double* x) -> double { return (x[0] > 0) - (x[0] < 0); },
        [](Primitives& p, Values x) {
          Value zero = p.integer(0);
          return p.select(p.integer_less(zero, x[0]), p.integer(1),
                          p.select(p.integer_less(x[0], zero), p.integer(-1), zero));
        },
        4),
    discrete(
        "integer_min", {"min({0}, {1})", "\\min({0}, {1})"}, "The lesser of two integers.", 2, integral,
        whole, [](const double* x) { return std::fmin(x[0], x[1]); },
        [](Primitives& p, Values x) { return p.select(p.integer_less(x[0], x[1]), x[0], x[1]); }, 2, true),
    discrete(
        "integer_max", {"max({0}, {1})", "\\max({0}, {1})"}, "The greater of two integers.", 2, integral,
        whole, [](const double* x) { return std::fmax(x[0], x[1]); },
        [](Primitives& p, Values x) { return p.select(p.integer_less(x[0], x[1]), x[1], x[0]); }, 2, true),
    discrete(
        "integer_less", less, "True where integer x is below y.", 2, compares_integers, condition,
        [](const double* x) -> double { return x[0] < x[1]; },
        [](Primitives& p, Values x) { return p.integer_less(x[0], x[1]); }, 1),
    discrete(
        "integer_less_equal", less_equal, "True where integer x is at most y.", 2, compares_integers,
        condition, [](const double* x) -> double { return x[0] <= x[1]; },
        [](Primitives& p, Values x) { return p.logical_not(p.integer_less(x[1], x[0])); }, 2),
    discrete(
        "integer_greater", greater, "True where integer x is above y.", 2, compares_integers, condition,
        [](const double* x) -> double { return x[0] > x[1]; },
        [](Primitives& p, Values x) { return p.integer_less(x[1], x[0]); }, 1),
    discrete(
        "integer_greater_equal", greater_equal, "True where integer x is at least y.", 2, compares_integers,
        condition, [](const double* x) -> double { return x[0] >= x[1]; },
        [](Primitives& p, Values x) { return p.logical_not(p.integer_less(x[0], x[1])); }, 2),
    discrete(
        "integer_equal", equal, "True where integer x equals y.", 2, compares_integers, condition,
        [](const double* x) -> double { return x[0] == x[1]; },
        [](Primitives& p, Values x) { return p.integer_equal(x[0], x[1]); }, 1, true),
    discrete(
        "integer_not_equal", not_equal, "True where integer x differs from y.", 2, compares_integers,
        condition, [](const double* x) -> double { return x[0] != x[1]; },
        [](Primitives& p, Values x) { return p.logical_not(p.integer_equal(x[0], x[1])); }, 2, true),

    // ---- conversions
    discrete(
        "to_real", {"real({0})", "{0}"}, "The real number that equals an integer.", 1,
        all_are<Element::integer, Element::real>, of_discrete, [](const double* x) { return x[0]; },
        [](Primitives& p, Values x) { return p.to_real(x[0]); }, 1),
    discrete(
        "to_integer", {"int({0})", "\\left\\lfloor {0} \\right\\rfloor"},
        "A real number rounded down to an integer.", 1, all_are<Element::real, Element::integer>, whole,
        [](const double* x) { return std::isnan(x[0]) ? 0 : std::floor(x[0]); },
        [](Primitives& p, Values x) { return p.to_integer(p.floor(x[0])); }, 2),
    discrete(
        "truth_to_real", {"[{0}]", "[{0}]"}, "1 where a condition holds, else 0.", 1,
        all_are<Element::boolean, Element::real>, of_discrete, [](const double* x) { return x[0]; },
        [](Primitives& p, Values x) { return p.select(x[0], p.real(1), p.real(0)); }, 1),
    discrete(
        "truth_to_integer", {"int({0})", "[{0}]"}, "1 where a condition holds, else 0, as an integer.", 1,
        all_are<Element::boolean, Element::integer>, whole, [](const double* x) { return x[0]; },
        [](Primitives& p, Values x) { return p.select(x[0], p.integer(1), p.integer(0)); }, 1),
};

}  // namespace

std::span<const Op> discrete_ops() { return table; }

}  // namespace nodec::graph
