// One elementwise operation, one place: everything that is true of it whatever the target.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "compiler/graph/graph.hpp"

namespace nodec::graph {

// The machine's arithmetic on one lane, as an op's body sees it. `real` is f32 or f64, `bits` an integer of
// the same width; a schedule implements it by emitting tile instructions, a test by computing. Comparisons
// are ordered (false on NaN) except `not_equal`. fma is fused; nothing else is contracted or reordered.
class Primitives {
 public:
  using Value = int32_t;
  virtual ~Primitives() = default;
  virtual bool double_precision() const = 0;
  // reals
  virtual Value real(double x) = 0;
  virtual Value add(Value a, Value b) = 0;
  virtual Value sub(Value a, Value b) = 0;
  virtual Value mul(Value a, Value b) = 0;
  virtual Value div(Value a, Value b) = 0;
  virtual Value fma(Value a, Value b, Value c) = 0;  // a·b + c
  virtual Value neg(Value a) = 0;
  virtual Value abs(Value a) = 0;
  virtual Value sqrt(Value a) = 0;
  virtual Value floor(Value a) = 0;
  virtual Value round(Value a) = 0;  // to nearest, ties to even
  // comparisons of reals, logic on conditions
  virtual Value less(Value a, Value b) = 0;
  virtual Value less_equal(Value a, Value b) = 0;
  virtual Value equal(Value a, Value b) = 0;
  virtual Value not_equal(Value a, Value b) = 0;  // unordered: true on NaN
  virtual Value logical_and(Value a, Value b) = 0;
  virtual Value logical_or(Value a, Value b) = 0;
  virtual Value logical_not(Value a) = 0;
  virtual Value truth(bool b) = 0;
  virtual Value select(Value condition, Value a,
                       Value b) = 0;  // a, b both reals, both integers or both conditions
  // integers
  virtual Value integer(int64_t x) = 0;
  virtual Value integer_add(Value a, Value b) = 0;
  virtual Value integer_sub(Value a, Value b) = 0;
  virtual Value integer_mul(Value a, Value b) = 0;
  virtual Value integer_divide(Value a, Value b) = 0;  // rounds down; division by 0 gives 0
  virtual Value integer_modulo(Value a, Value b) = 0;  // sign of b; 0 for b = 0
  virtual Value integer_less(Value a, Value b) = 0;
  virtual Value integer_equal(Value a, Value b) = 0;
  virtual Value bit_and(Value a, Value b) = 0;
  virtual Value bit_or(Value a, Value b) = 0;
  virtual Value bit_xor(Value a, Value b) = 0;
  virtual Value shift_left(Value a, int n) = 0;
  virtual Value shift_right(Value a, int n) = 0;  // arithmetic
  virtual Value shift_right_logical(Value a, int n) = 0;
  // between the two
  virtual Value bits(Value real) = 0;
  virtual Value real_of_bits(Value integer) = 0;
  virtual Value to_integer(Value real) = 0;  // truncates; saturates outside the range, 0 for NaN
  virtual Value to_real(Value integer) = 0;
  virtual Value table(std::span<const double> values, Value index) = 0;  // index within range
  // `common` where the condition is false, else what `rare` gives. A condition that hardly ever holds: a
  // target may skip `rare` when no lane asks for it.
  virtual Value rarely(Value condition, Value common, const std::function<Value()>& rare) {
    return select(condition, rare(), common);
  }
};

// What an op's elements may be: operand elements -> result element, or nothing when they do not fit.
using ElementRule = bool (*)(std::span<const Element> operands, Element& result);

struct Op {
  std::string_view name;   // in the language where it is callable, and in printed graphs
  std::string_view text;   // infix or call notation, {0} {1} {2} for operands: "{0} + {1}"
  std::string_view latex;  // the same for LaTeX
  std::string_view doc;    // one sentence
  int arity;
  ElementRule elements;
  double (*reference)(const double* x);  // integers and conditions (0, 1) as doubles
  // ∂op/∂x_i as an expression of the operands x and the result y; null with the reason in no_derivative.
  Ref (*derivative)(Graph& g, std::span<const Ref> x, Ref y, int i);
  std::string_view no_derivative;
  // True where the derivative can be infinite or NaN at points where the value is finite or unused (sqrt,
  // log, /, ^): a cotangent that came through `where` must absorb it.
  bool singular;
  Primitives::Value (*body)(Primitives& p, std::span<const Primitives::Value> x);
  int cost;  // in elementary machine operations, f32
  bool commutative = false;
  bool callable = true;  // a function of the language by this name
};

// Every op, in the order of the reference.
std::span<const Op> ops();
// By name; null when there is none.
const Op* find_op(std::string_view name);
// By name, of an op known to exist.
const Op& op(std::string_view name);

}  // namespace nodec::graph
