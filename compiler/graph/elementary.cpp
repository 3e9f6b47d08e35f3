// Elementary functions over machine primitives: argument reductions and series.
#include "compiler/graph/elementary.hpp"

#include <cmath>
#include <limits>
#include <numbers>

namespace nodec::graph {
namespace {

using Value = PrimitiveValue;

// Σ coefficients[i] xⁱ by Horner's rule.
Value polynomial(Primitives& p, Value x, std::span<const double> coefficients) {
  Value sum = p.real(coefficients.back());
  for (size_t i = coefficients.size() - 1; i-- > 0;) sum = p.fma(sum, x, p.real(coefficients[i]));
  return sum;
}

// The first `count` of first, first·ratio(1), first·ratio(1)·ratio(2), …
template <class Ratio>
std::vector<double> series(double first, int count, Ratio ratio) {
  std::vector<double> terms{first};
  for (int i = 1; i < count; ++i) terms.push_back(terms.back() * ratio(i));
  return terms;
}

// x with its last bits cleared, so that small integers times it are exact.
double leading(const Primitives& p, double x) {
  int exponent;
  double fraction = std::frexp(x, &exponent);
  int bits = p.double_precision() ? 32 : 12;
  return std::ldexp(std::trunc(std::ldexp(fraction, bits)), exponent - bits);
}

// x − n·period, in three parts of the period.
Value reduce(Primitives& p, Value x, Value n, double period) {
  double first = leading(p, period), second = leading(p, period - first), third = period - first - second;
  Value minus_n = p.neg(n);
  return p.fma(minus_n, p.real(third), p.fma(minus_n, p.real(second), p.fma(minus_n, p.real(first), x)));
}

// 2ⁿ for n in the range of normal exponents.
Value power_of_two(Primitives& p, Value n) {
  int bias = p.double_precision() ? 1023 : 127, mantissa = p.double_precision() ? 52 : 23;
  return p.real_of_bits(p.shift_left(p.integer_add(n, p.integer(bias)), mantissa));
}

Value clamp(Primitives& p, Value x, double low, double high) {
  Value least = p.real(low), most = p.real(high);
  x = p.select(p.less(x, least), least, x);
  return p.select(p.less(most, x), most, x);
}

// magnitude with the sign of x.
Value with_sign(Primitives& p, Value magnitude, Value x) {
  Value sign = p.shift_left(p.shift_right_logical(p.bits(x), p.double_precision() ? 63 : 31),
                            p.double_precision() ? 63 : 31);
  return p.real_of_bits(p.bit_or(p.bits(p.abs(magnitude)), sign));
}

// sin (quadrant 0) or cos (quadrant 1) of x.
Value circular(Primitives& p, Value x, int quadrant) {
  Value n = p.round(p.mul(x, p.real(2 / std::numbers::pi)));
  Value r = reduce(p, x, n, std::numbers::pi / 2), square = p.mul(r, r);
  int terms = p.double_precision() ? 10 : 6;
  auto sine_terms = series(1, terms, [](int i) { return -1.0 / (2 * i * (2 * i + 1)); });
  auto cosine_terms = series(1, terms, [](int i) { return -1.0 / (2 * i * (2 * i - 1)); });
  Value sine = p.mul(r, polynomial(p, square, sine_terms)), cosine = polynomial(p, square, cosine_terms);
  Value q = p.integer_add(p.to_integer(n), p.integer(quadrant));
  Value odd = p.integer_equal(p.bit_and(q, p.integer(1)), p.integer(1));
  Value flipped = p.integer_equal(p.bit_and(q, p.integer(2)), p.integer(2));
  Value value = p.select(odd, cosine, sine);
  return p.select(flipped, p.neg(value), value);
}

// atan of x ≥ 0: atan x = π/2 − atan 1/x, atan x = 2 atan(x / (1 + √(1 + x²))).
Value positive_atan(Primitives& p, Value x) {
  Value one = p.real(1), large = p.less(one, x);
  Value t = p.select(large, p.div(one, x), x);
  for (int half = 0; half < 2; ++half) t = p.div(t, p.add(one, p.sqrt(p.fma(t, t, one))));
  std::vector<double> terms;
  for (int i = 0; i < (p.double_precision() ? 12 : 6); ++i)
    terms.push_back((i % 2 == 0 ? 4.0 : -4.0) / (2 * i + 1));
  Value angle = p.mul(t, polynomial(p, p.mul(t, t), terms));
  return p.select(large, p.sub(p.real(std::numbers::pi / 2), angle), angle);
}

}  // namespace

Value exp_body(Primitives& p, Value x) {
  Value bounded = p.double_precision() ? clamp(p, x, -746, 710) : clamp(p, x, -105, 89);
  Value n = p.round(p.mul(bounded, p.real(std::numbers::log2e)));
  Value r = reduce(p, bounded, n, std::numbers::ln2);
  Value value = polynomial(p, r, series(1, p.double_precision() ? 15 : 9, [](int i) { return 1.0 / i; }));
  Value exponent = p.to_integer(n), half = p.shift_right(exponent, 1);
  return p.mul(p.mul(value, power_of_two(p, half)), power_of_two(p, p.integer_sub(exponent, half)));
}

Value log_body(Primitives& p, Value x) {
  bool wide = p.double_precision();
  int mantissa = wide ? 52 : 23;
  double least = wide ? std::numeric_limits<double>::min() : std::numeric_limits<float>::min();
  Value tiny = p.less(x, p.real(least));
  Value normal = p.select(tiny, p.mul(x, p.real(std::ldexp(1.0, mantissa + 1))), x);
  // x = m 2ᵏ with m in [√½, √2)
  Value bits = p.bits(normal);
  Value root = p.bits(p.real(std::numbers::sqrt2 / 2));
  Value k = p.shift_right(p.integer_sub(bits, root), mantissa);
  Value m = p.real_of_bits(p.integer_sub(bits, p.shift_left(k, mantissa)));
  k = p.integer_sub(k, p.select(tiny, p.integer(mantissa + 1), p.integer(0)));
  Value s = p.div(p.sub(m, p.real(1)), p.add(m, p.real(1)));
  std::vector<double> terms;
  for (int i = 0; i < (wide ? 13 : 6); ++i) terms.push_back(2.0 / (2 * i + 1));
  Value value = p.mul(s, polynomial(p, p.mul(s, s), terms));
  value = p.fma(p.to_real(k), p.real(std::numbers::ln2), value);
  Value zero = p.real(0), infinity = p.real(std::numeric_limits<double>::infinity());
  value = p.select(p.equal(x, infinity), x, value);
  value = p.select(p.equal(x, zero), p.neg(infinity), value);
  Value defined = p.less_equal(zero, x);
  return p.select(defined, value, p.real(std::numeric_limits<double>::quiet_NaN()));
}

// Kahan's correction: (u − 1) x / log u for u = eˣ rounded.
Value expm1_body(Primitives& p, Value x) {
  Value one = p.real(1), u = exp_body(p, x), less_one = p.sub(u, one);
  Value value = p.div(p.mul(less_one, x), log_body(p, u));
  value = p.select(p.equal(u, one), x, value);
  value = p.select(p.equal(less_one, p.real(-1)), less_one, value);
  return p.select(p.equal(u, p.real(std::numeric_limits<double>::infinity())), u, value);
}

Value log1p_body(Primitives& p, Value x) {
  Value one = p.real(1), u = p.add(one, x);
  Value value = p.div(p.mul(log_body(p, u), x), p.sub(u, one));
  value = p.select(p.equal(u, one), x, value);
  value = p.select(p.equal(u, p.real(0)), log_body(p, u), value);
  return p.select(p.equal(u, p.real(std::numeric_limits<double>::infinity())), u, value);
}

Value pow_body(Primitives& p, Value x, Value y) {
  Value magnitude = exp_body(p, p.mul(y, log_body(p, p.abs(x)))), zero = p.real(0), half = p.real(0.5);
  Value whole = p.equal(y, p.floor(y));
  Value odd = p.not_equal(p.mul(y, half), p.floor(p.mul(y, half)));
  Value negative = p.select(odd, p.neg(magnitude), magnitude);
  Value undefined = p.real(std::numeric_limits<double>::quiet_NaN());
  Value value = p.select(p.less(x, zero), p.select(whole, negative, undefined), magnitude);
  Value unit = p.logical_or(p.equal(y, zero), p.equal(x, p.real(1)));
  return p.select(unit, p.real(1), value);
}

Value sin_body(Primitives& p, Value x) { return circular(p, x, 0); }
Value cos_body(Primitives& p, Value x) { return circular(p, x, 1); }
Value tan_body(Primitives& p, Value x) { return p.div(sin_body(p, x), cos_body(p, x)); }

Value atan_body(Primitives& p, Value x) { return with_sign(p, positive_atan(p, p.abs(x)), x); }

Value atan2_body(Primitives& p, Value y, Value x) {
  Value zero = p.real(0), across = p.abs(x), up = p.abs(y);
  Value both_zero = p.logical_and(p.equal(across, zero), p.equal(up, zero));
  Value both_infinite = p.logical_and(p.equal(across, up), p.equal(p.sub(across, across), p.sub(up, up)));
  Value ratio = p.select(p.logical_and(p.equal(across, up), p.logical_not(both_infinite)), p.real(1),
                         p.div(up, across));
  Value angle = p.select(both_zero, zero, positive_atan(p, ratio));
  Value leftward = p.integer_less(p.bits(x), p.integer(0));
  angle = p.select(leftward, p.sub(p.real(std::numbers::pi), angle), angle);
  return with_sign(p, angle, y);
}

Value asin_body(Primitives& p, Value x) {
  Value one = p.real(1);
  return atan2_body(p, x, p.sqrt(p.mul(p.sub(one, x), p.add(one, x))));
}

Value acos_body(Primitives& p, Value x) {
  Value one = p.real(1);
  return atan2_body(p, p.sqrt(p.mul(p.sub(one, x), p.add(one, x))), x);
}

Value sinh_body(Primitives& p, Value x) {
  Value half = exp_body(p, p.mul(p.abs(x), p.real(0.5))), e = expm1_body(p, p.abs(x)), one = p.real(1);
  Value small = p.mul(p.real(0.5), p.add(e, p.div(e, p.add(e, one))));
  Value large = p.mul(p.mul(half, p.real(0.5)), half);
  return with_sign(p, p.select(p.less(p.abs(x), p.real(40)), small, large), x);
}

Value cosh_body(Primitives& p, Value x) {
  Value half = exp_body(p, p.mul(p.abs(x), p.real(0.5))), grown = p.mul(p.mul(half, p.real(0.5)), half);
  Value e = exp_body(p, p.neg(p.abs(x)));
  return p.fma(p.real(0.5), e, grown);
}

Value tanh_body(Primitives& p, Value x) {
  Value doubled = clamp(p, p.mul(p.real(2), p.abs(x)), 0, 60), e = expm1_body(p, doubled);
  return with_sign(p, p.div(e, p.add(e, p.real(2))), x);
}

Value sigmoid_body(Primitives& p, Value x) {
  Value one = p.real(1), e = exp_body(p, p.neg(p.abs(x))), denominator = p.add(one, e);
  return p.select(p.less(x, p.real(0)), p.div(e, denominator), p.div(one, denominator));
}

Value softplus_body(Primitives& p, Value x) {
  Value zero = p.real(0), positive = p.select(p.less(x, zero), zero, x);
  return p.add(positive, log1p_body(p, exp_body(p, p.neg(p.abs(x)))));
}

Value elu_body(Primitives& p, Value x) { return p.select(p.less(p.real(0), x), x, expm1_body(p, x)); }

// erf x = 2/√π e^(−x²) Σ 2ⁿ x^(2n+1) / (2n+1)!!: no term cancels another.
Value erf_body(Primitives& p, Value x) {
  Value bounded = clamp(p, x, -6, 6), square = p.mul(bounded, bounded);
  auto terms = series(2 * std::numbers::inv_sqrtpi, p.double_precision() ? 130 : 90,
                      [](int i) { return 2.0 / (2 * i + 1); });
  Value value = p.mul(p.mul(bounded, polynomial(p, square, terms)), exp_body(p, p.neg(square)));
  return p.select(p.less(p.real(5.95), p.abs(x)), with_sign(p, p.real(1), x), value);
}

// Γ(x) = Γ(x + 8) / (x (x + 1) … (x + 7)), then Stirling's series (Abramowitz, Stegun 6.1.41); reflection
// below ½.
Value lgamma_body(Primitives& p, Value x) {
  Value one = p.real(1), reflected = p.less(x, p.real(0.5));
  Value z = p.select(reflected, p.sub(one, x), x);
  Value product = z, shifted = z;
  for (int i = 1; i < 8; ++i) product = p.mul(product, p.add(z, p.real(i)));
  Value far = p.less(p.real(16), z);
  shifted = p.select(far, z, p.add(z, p.real(8)));
  Value inverse = p.div(one, shifted);
  constexpr double stirling[] = {1.0 / 12,   -1.0 / 360,      1.0 / 1260, -1.0 / 1680,
                                 1.0 / 1188, -691.0 / 360360, 1.0 / 156};
  Value tail = p.mul(inverse, polynomial(p, p.mul(inverse, inverse), stirling));
  Value value = p.mul(p.sub(shifted, p.real(0.5)), log_body(p, shifted));
  value = p.add(p.add(p.sub(value, shifted), p.real(0.5 * std::log(2 * std::numbers::pi))), tail);
  value = p.select(far, value, p.sub(value, log_body(p, product)));
  value = p.select(p.equal(z, p.real(std::numeric_limits<double>::infinity())), z, value);
  Value fraction = p.sub(x, p.floor(x));
  Value sine = p.abs(circular(p, p.mul(p.real(std::numbers::pi), fraction), 0));
  Value pole = p.equal(fraction, p.real(0));
  Value mirrored = p.sub(p.sub(p.real(std::log(std::numbers::pi)), log_body(p, sine)), value);
  mirrored = p.select(pole, p.real(std::numeric_limits<double>::infinity()), mirrored);
  return p.select(reflected, mirrored, value);
}

// ψ(x) = ψ(x + 8) − Σ 1/(x + i), then Abramowitz, Stegun 6.3.18; reflection for negative x.
Value digamma_body(Primitives& p, Value x) {
  Value one = p.real(1), zero = p.real(0), reflected = p.less_equal(x, zero);
  Value z = p.select(reflected, p.sub(one, x), x), value = zero;
  for (int i = 0; i < 8; ++i) value = p.sub(value, p.div(one, p.add(z, p.real(i))));
  z = p.add(z, p.real(8));
  Value inverse = p.div(one, z), square = p.mul(inverse, inverse);
  constexpr double terms[] = {-1.0 / 12,  1.0 / 120,     -1.0 / 252, 1.0 / 240,
                              -1.0 / 132, 691.0 / 32760, -1.0 / 12};
  value = p.add(value, p.sub(log_body(p, z), p.mul(p.real(0.5), inverse)));
  value = p.fma(square, polynomial(p, square, terms), value);
  Value fraction = p.sub(x, p.floor(x));
  Value angle = p.mul(p.real(std::numbers::pi), fraction);
  Value cotangent = p.div(cos_body(p, angle), sin_body(p, angle));
  Value mirrored = p.sub(value, p.mul(p.real(std::numbers::pi), cotangent));
  mirrored = p.select(p.equal(fraction, zero), p.real(std::numeric_limits<double>::quiet_NaN()), mirrored);
  return p.select(reflected, mirrored, value);
}

}  // namespace nodec::graph
