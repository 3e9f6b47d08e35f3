// What the elementary functions share: polynomials, constants in parts, scaling by powers of two, unevaluated
// sums.
#pragma once

#include <initializer_list>
#include <limits>
#include <span>

#include "compiler/graph/elementary.hpp"

namespace nodec::graph::elementary {

using Value = PrimitiveValue;

// Σ coefficients[i] xⁱ by Horner's rule; the list for single or for double precision.
Value polynomial(Primitives& p, Value x, std::span<const double> single, std::span<const double> wide);
Value polynomial(Primitives& p, Value x, std::span<const double> coefficients);

// A number to more digits than the machine's: consecutive parts, each the rounding of what remains.
struct Constant {
  double high, low;
  Value part(Primitives& p, int i) const;  // 0, 1 or 2
};
inline constexpr Constant ln2{0.6931471805599453, 2.3190468138462996e-17};
inline constexpr Constant half_pi{1.5707963267948966, 6.123233995736766e-17};
inline constexpr Constant quarter_pi{0.7853981633974483, 3.061616997868383e-17};
inline constexpr Constant one_third{0.3333333333333333, 1.850371707708594e-17};

inline constexpr double infinity = std::numeric_limits<double>::infinity();
inline constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

// high + low, unevaluated, |low| at most half a unit in the last place of high.
struct Pair {
  Value high, low;
};
Pair exact_sum(Primitives& p, Value a, Value b);          // Knuth
Pair exact_sum_ordered(Primitives& p, Value a, Value b);  // Dekker; |a| ≥ |b| or a = 0
Pair exact_product(Primitives& p, Value a, Value b);

int mantissa_bits(const Primitives& p);
// Bounds that let NaN through.
Value clamp(Primitives& p, Value x, double low, double high);
// 2ⁿ for an integer n in the range of normal exponents.
Value power_of_two(Primitives& p, Value n);
// x 2ⁿ, rounded once also where the result is denormal; |n| up to twice the range of exponents.
Value scale(Primitives& p, Value x, Value n);
// |magnitude| with the sign of x.
Value with_sign(Primitives& p, Value magnitude, Value x);
// The integer 1 where x has its sign bit set, else 0.
Value sign_bit(Primitives& p, Value x);
// x where |x| is so small that an odd function f(x) = x + O(x²) rounds to it (keeps −0 and denormals), else
// value.
Value or_tiny(Primitives& p, Value x, Value value);

// ---- pieces that several functions use
// x = n ln 2 + r, |r| ≤ ½ ln 2.
struct ExpReduction {
  Value n;          // a whole real
  Value remainder;  // r
};
ExpReduction reduce_exp(Primitives& p, Value x);
// e^(high + low) 2^shift.
Value exp_of_pair(Primitives& p, Pair x, int shift);
// x = m 2ᵏ with m in [√½, √2), for positive x, denormals included; f = m − 1.
struct LogReduction {
  Value k;  // integer
  Value f;  // m − 1
};
LogReduction reduce_log(Primitives& p, Value x);
// sin of x + quarters · π/2, |x| at most 2¹⁸.
Value moderate_sine(Primitives& p, Value x, int quarters);
// k ln 2 + log(1 + f) + c for a correction c that is small against the result.
Value log_of(Primitives& p, LogReduction x, Value c);

}  // namespace nodec::graph::elementary
