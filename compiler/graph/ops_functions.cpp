// The transcendental functions. Their bodies stand in elementary*.cpp, their references are the standard
// library's.
//
// Derivatives use the value y where that is cheaper than the argument. Those that can overflow where the
// function is unused (exp of a large number in the branch not taken) are singular too.
#include <cmath>
#include <limits>
#include <numbers>

#include "compiler/graph/algebra.hpp"
#include "compiler/graph/elementary.hpp"
#include "compiler/graph/ops.hpp"

namespace nodec::graph {
namespace {

using Value = Primitives::Value;
using Values = std::span<const Value>;
using Refs = std::span<const Ref>;
using Derivative = Ref (*)(Graph&, Refs, Ref, int);

Ref number(Graph& g, double x, Ref like) { return g.constant(x, like->type); }
Ref one_minus(Graph& g, Ref x) { return sub(g, number(g, 1, x), x); }
Ref one_plus(Graph& g, Ref x) { return add(g, number(g, 1, x), x); }
Ref reciprocal(Graph& g, Ref x) { return div(g, number(g, 1, x), x); }

double sigmoid(double x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }
double softplus(double x) {
  return std::isnan(x) ? x : std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x)));
}
// ψ(x) = ψ(x + 1) − 1/x up to where the asymptotic series (Abramowitz, Stegun 6.3.18) is exact to rounding;
// ψ(x) = ψ(1 − x) − π cot πx (6.3.7) for negative x.
double digamma(double x) {
  if (std::isnan(x) || x == std::numeric_limits<double>::infinity()) return x;
  if (x <= 0 && x == std::floor(x)) return std::numeric_limits<double>::quiet_NaN();
  double value = 0;
  if (x < 0) {
    double fraction = x - std::floor(x);
    value = -std::numbers::pi / std::tan(std::numbers::pi * fraction);
    x = 1 - x;
  }
  for (; x < 16; x += 1) value -= 1 / x;
  double square = 1 / (x * x), series = 0;
  for (double b : {-1.0 / 12, 691.0 / 32760, -1.0 / 132, 1.0 / 240, -1.0 / 252, 1.0 / 120, -1.0 / 12}) {
    series = (series + b) * square;
  }
  return value + std::log(x) - 0.5 / x + series;
}

// ψ'(x) = ψ'(x + 1) + 1/x², Abramowitz, Stegun 6.4.6 and 6.4.12; ψ'(x) = π²/sin² πx − ψ'(1 − x) (6.4.7) for
// negative x. Its poles have one sign.
double trigamma(double x) {
  if (std::isnan(x)) return x;
  if (x == std::numeric_limits<double>::infinity()) return 0;
  if (x <= 0 && x == std::floor(x)) return std::numeric_limits<double>::infinity();
  if (x < 0) {
    const double sine = std::sin(std::numbers::pi * (x - std::floor(x)));
    return std::numbers::pi * std::numbers::pi / (sine * sine) - trigamma(1 - x);
  }
  double value = 0;
  for (; x < 16; x += 1) value += 1 / (x * x);
  double square = 1 / (x * x), series = 0;
  for (double b : {7.0 / 6, -691.0 / 2730, 5.0 / 66, -1.0 / 30, 1.0 / 42, -1.0 / 30, 1.0 / 6}) {
    series = (series + b) * square;
  }
  return value + 1 / x + square / 2 + series / x;
}

double elu(double x) { return x > 0 ? x : std::expm1(x); }

Ref pow_derivative(Graph& g, Refs x, Ref y, int i) {
  if (i == 0) return mul(g, x[1], apply(g, "pow", {x[0], sub(g, x[1], number(g, 1, x[1]))}));
  // x^y log x tends to 0 with x.
  Ref zero = number(g, 0, y);
  return where(g, apply(g, "equal", {x[0], zero}), zero, mul(g, y, apply(g, "log", {x[0]})));
}

Ref atan2_derivative(Graph& g, Refs x, Ref, int i) {
  Ref square = add(g, mul(g, x[0], x[0]), mul(g, x[1], x[1]));
  return i == 0 ? div(g, x[1], square) : neg(g, div(g, x[0], square));
}

// What functions of one argument have in common.
template <double (*function)(double), Value (*body)(Primitives&, Value)>
constexpr Op unary(std::string_view name, std::string_view text, std::string_view latex, std::string_view doc,
                   Derivative derivative, bool singular, int cost) {
  return {.name = name,
          .text = text,
          .latex = latex,
          .doc = doc,
          .arity = 1,
          .elements = all_are<Element::real>,
          .reference = [](const double* x) { return function(x[0]); },
          .derivative = derivative,
          .no_derivative = {},
          .singular = singular,
          .body = [](Primitives& p, Values x) { return body(p, x[0]); },
          .cost = cost};
}

constexpr Op table[] = {
    unary<std::exp, exp_body>(
        "exp", "exp({0})", "e^{{0}}", "e to the power of the argument.",
        [](Graph&, Refs, Ref y, int) { return y; }, true, 12),
    unary<std::log, log_body>(
        "log", "log({0})", "\\ln {0}", "The natural logarithm.",
        [](Graph& g, Refs x, Ref, int) { return reciprocal(g, x[0]); }, true, 16),
    {.name = "pow",
     .text = "{0} ^ {1}",
     .latex = "{0}^{{1}}",
     .doc = "x to the power of y; NaN for negative x unless y is whole.",
     .arity = 2,
     .elements = all_are<Element::real>,
     .reference = [](const double* x) { return std::pow(x[0], x[1]); },
     .derivative = pow_derivative,
     .no_derivative = {},
     .singular = true,
     .body = [](Primitives& p, Values x) { return pow_body(p, x[0], x[1]); },
     .cost = 50,
     .callable = false},
    unary<std::sin, sin_body>(
        "sin", "sin({0})", "\\sin {0}", "The sine of an angle in radians.",
        [](Graph& g, Refs x, Ref, int) { return apply(g, "cos", {x[0]}); }, false, 20),
    unary<std::cos, cos_body>(
        "cos", "cos({0})", "\\cos {0}", "The cosine of an angle in radians.",
        [](Graph& g, Refs x, Ref, int) { return neg(g, apply(g, "sin", {x[0]})); }, false, 20),
    unary<std::tan, tan_body>(
        "tan", "tan({0})", "\\tan {0}", "The tangent of an angle in radians.",
        [](Graph& g, Refs, Ref y, int) { return one_plus(g, mul(g, y, y)); }, true, 30),
    unary<std::asin, asin_body>(
        "asin", "asin({0})", "\\arcsin {0}", "The angle in [-pi/2, pi/2] whose sine is the argument.",
        [](Graph& g, Refs x, Ref, int) {
          return reciprocal(g, apply(g, "sqrt", {one_minus(g, mul(g, x[0], x[0]))}));
        },
        true, 25),
    unary<std::acos, acos_body>(
        "acos", "acos({0})", "\\arccos {0}", "The angle in [0, pi] whose cosine is the argument.",
        [](Graph& g, Refs x, Ref, int) {
          return neg(g, reciprocal(g, apply(g, "sqrt", {one_minus(g, mul(g, x[0], x[0]))})));
        },
        true, 25),
    unary<std::atan, atan_body>(
        "atan", "atan({0})", "\\arctan {0}", "The angle in (-pi/2, pi/2) whose tangent is the argument.",
        [](Graph& g, Refs x, Ref, int) { return reciprocal(g, one_plus(g, mul(g, x[0], x[0]))); }, false, 25),
    {.name = "atan2",
     .text = "atan2({0}, {1})",
     .latex = "\\operatorname{atan2}({0}, {1})",
     .doc = "The angle in [-pi, pi] of the point whose ordinate is the first argument and whose abscissa the "
            "second.",
     .arity = 2,
     .elements = all_are<Element::real>,
     .reference = [](const double* x) { return std::atan2(x[0], x[1]); },
     .derivative = atan2_derivative,
     .no_derivative = {},
     .singular = true,
     .body = [](Primitives& p, Values x) { return atan2_body(p, x[0], x[1]); },
     .cost = 35},
    unary<std::sinh, sinh_body>(
        "sinh", "sinh({0})", "\\sinh {0}", "The hyperbolic sine.",
        [](Graph& g, Refs x, Ref, int) { return apply(g, "cosh", {x[0]}); }, true, 20),
    unary<std::cosh, cosh_body>(
        "cosh", "cosh({0})", "\\cosh {0}", "The hyperbolic cosine.",
        [](Graph& g, Refs x, Ref, int) { return apply(g, "sinh", {x[0]}); }, true, 20),
    unary<std::tanh, tanh_body>(
        "tanh", "tanh({0})", "\\tanh {0}", "The hyperbolic tangent.",
        [](Graph& g, Refs, Ref y, int) { return one_minus(g, mul(g, y, y)); }, false, 15),
    unary<sigmoid, sigmoid_body>(
        "sigmoid", "sigmoid({0})", "\\sigma({0})", "1 / (1 + exp(-x)).",
        [](Graph& g, Refs, Ref y, int) { return mul(g, y, one_minus(g, y)); }, false, 18),
    unary<softplus, softplus_body>(
        "softplus", "softplus({0})", "\\ln(1 + e^{{0}})", "log(1 + exp(x)).",
        [](Graph& g, Refs x, Ref, int) { return apply(g, "sigmoid", {x[0]}); }, false, 30),
    unary<elu, elu_body>(
        "elu", "elu({0})", "\\operatorname{elu}({0})", "The argument where it is positive, else exp(x) - 1.",
        [](Graph& g, Refs x, Ref y, int) {
          Ref zero = number(g, 0, x[0]);
          return where(g, apply(g, "less", {zero, x[0]}), number(g, 1, x[0]), one_plus(g, y));
        },
        false, 18),
    unary<std::erf, erf_body>(
        "erf", "erf({0})", "\\operatorname{erf} {0}",
        "The error function, 2/sqrt(pi) times the integral of exp(-s^2) from 0.",
        [](Graph& g, Refs x, Ref, int) {
          return scale(g, 2 * std::numbers::inv_sqrtpi, apply(g, "exp", {neg(g, mul(g, x[0], x[0]))}));
        },
        false, 30),
    unary<std::log1p, log1p_body>(
        "log1p", "log1p({0})", "\\ln(1 + {0})", "log(1 + x), accurate near 0.",
        [](Graph& g, Refs x, Ref, int) { return reciprocal(g, one_plus(g, x[0])); }, true, 20),
    unary<std::expm1, expm1_body>(
        "expm1", "expm1({0})", "e^{{0}} - 1", "exp(x) - 1, accurate near 0.",
        [](Graph& g, Refs, Ref y, int) { return one_plus(g, y); }, true, 16),
    unary<std::lgamma, lgamma_body>(
        "lgamma", "lgamma({0})", "\\ln \\left| \\Gamma({0}) \\right|",
        "The logarithm of the gamma function's absolute value.",
        [](Graph& g, Refs x, Ref, int) { return apply(g, "digamma", {x[0]}); }, true, 60),
    [] {
      Op op = unary<digamma, digamma_body>(
          "digamma", "digamma({0})", "\\psi({0})", "The derivative of lgamma.",
          [](Graph& g, Refs x, Ref, int) { return apply(g, "trigamma", {x[0]}); }, true, 60);
      op.callable = false;
      return op;
    }(),
    [] {
      Op op = unary<trigamma, trigamma_body>("trigamma", "trigamma({0})", "\\psi_1({0})",
                                             "The derivative of digamma.", nullptr, true, 60);
      op.no_derivative = "the tetragamma function is not provided";
      op.callable = false;
      return op;
    }(),
};

}  // namespace

std::span<const Op> function_ops() { return table; }

}  // namespace nodec::graph
