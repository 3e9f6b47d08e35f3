// log and its kin: x = m 2ᵏ, then log m = 2 atanh s with s = (m − 1) / (m + 1).
//
// Polynomials are minimax fits (tests/bench/elementary_fit.py).
#include <numbers>

#include "compiler/graph/elementary_arithmetic.hpp"

namespace nodec::graph {
namespace elementary {
namespace {

// (2 atanh s − 2 s) / s³ in s².
constexpr double log_single[] = {0.66666665645074827186, 0.40000335284999911679, 0.28537301990538150197,
                                 0.2358228597470291249};
constexpr double log_wide[] = {0.66666666666667344574, 0.39999999999414322245, 0.28571428742475741039,
                               0.22222198563362893949, 0.18183564873559645548, 0.15314035654664693436,
                               0.14796107279774825033};
// (atanh(s) / s − 1 − s²/3) / s⁴ in s².
constexpr double pow_single[] = {0.2000000762356403028, 0.14281091921778724078, 0.1152500796390599157};
constexpr double pow_wide[] = {0.2,
                               0.14285714285714687304,
                               0.11111111110825664616,
                               0.090909091681612047277,
                               0.076922974361121167807,
                               0.066674045976494598489,
                               0.058530625369295298724,
                               0.058621294882312605472};

// What log x is where no reduction applies, else value.
Value log_special(Primitives& p, Value x, Value value) {
  const Value zero = p.real(0);
  value = p.select(p.less(x, p.real(infinity)), value, x);  // infinity and NaN are their own logarithms
  value = p.select(p.equal(x, zero), p.real(-infinity), value);
  return p.select(p.less(x, zero), p.real(not_a_number), value);
}

// log x to about 12 bits more than the machine's, for positive finite x.
Pair log_pair(Primitives& p, Value x) {
  const LogReduction reduced = reduce_log(p, x);
  // s = f / (2 + f) as high + low.
  const Pair below = exact_sum_ordered(p, p.real(2), reduced.f);
  const Value inverse = p.div(p.real(1), below.high), s = p.mul(reduced.f, inverse);
  const Value rest = p.fma(p.neg(s), below.low, p.fma(p.neg(s), below.high, reduced.f));
  const Value s_low = p.mul(rest, inverse);
  // z = s², c = ⅓ + z (⅕ + …), u = z c; log m = 2 s (1 + u).
  const Pair square = exact_product(p, s, s);
  const Value z = square.high, z_low = p.fma(p.mul(p.real(2), s), s_low, square.low);
  Pair c = exact_sum_ordered(p, one_third.part(p, 0), p.mul(z, polynomial(p, z, pow_single, pow_wide)));
  c.low = p.add(c.low, one_third.part(p, 1));
  Pair u = exact_product(p, z, c.high);
  u.low = p.add(u.low, p.fma(z, c.low, p.mul(z_low, c.high)));
  Pair t = exact_product(p, s, u.high);
  t.low = p.add(t.low, p.fma(s, u.low, p.mul(s_low, u.high)));
  const Pair sum = exact_sum_ordered(p, s, t.high);
  const Value low = p.add(sum.low, p.add(s_low, t.low));
  // + k ln 2
  const Value k = p.to_real(reduced.k), two = p.real(2);
  const Pair whole = exact_product(p, k, ln2.part(p, 0));
  const Pair total = exact_sum_ordered(p, whole.high, p.mul(two, sum.high));
  const Value tail = p.fma(two, low, p.add(total.low, p.fma(k, ln2.part(p, 1), whole.low)));
  return exact_sum_ordered(p, total.high, tail);
}

}  // namespace

LogReduction reduce_log(Primitives& p, Value x) {
  const bool wide = p.double_precision();
  const int mantissa = mantissa_bits(p), lift = mantissa + 1;
  const Value denormal = p.less(x, p.real(wide ? 0x1p-1022 : 0x1p-126));
  const Value bits = p.bits(p.select(denormal, p.mul(x, p.real(wide ? 0x1p53 : 0x1p24)), x));
  const Value root = p.bits(p.real(std::numbers::sqrt2 / 2));
  const Value k = p.shift_right(p.integer_sub(bits, root), mantissa);
  const Value m = p.real_of_bits(p.integer_sub(bits, p.shift_left(k, mantissa)));
  return {p.integer_sub(k, p.select(denormal, p.integer(lift), p.integer(0))), p.sub(m, p.real(1))};
}

// log(1 + f) = f − (½f² − s (½f² + R)), R = s² (⅔ + …), for s = f / (2 + f): the leading term is exact.
Value log_of(Primitives& p, LogReduction x, Value c) {
  const Value f = x.f, k = p.to_real(x.k), s = p.div(f, p.add(p.real(2), f)), z = p.mul(s, s);
  const Value half = p.mul(p.mul(p.real(0.5), f), f);
  const Value series = p.mul(z, polynomial(p, z, log_single, log_wide));
  const Value small = p.fma(s, p.add(half, series), p.fma(k, ln2.part(p, 1), c));
  return p.fma(k, ln2.part(p, 0), p.sub(f, p.sub(half, small)));
}

}  // namespace elementary

using namespace elementary;

PrimitiveValue log_body(Primitives& p, PrimitiveValue x) {
  return log_special(p, x, log_of(p, reduce_log(p, x), p.real(0)));
}

// With u = 1 + x rounded and c its error: log u + c / u, where c / u matters only for u near 1 or of few
// bits.
PrimitiveValue log1p_body(Primitives& p, PrimitiveValue x) {
  const Pair sum = exact_sum(p, p.real(1), x);
  const LogReduction reduced = reduce_log(p, sum.high);
  const Value most = p.integer(100), k = reduced.k;
  const Value down = power_of_two(p, p.integer_sub(p.integer(0), p.select(p.integer_less(k, most), k, most)));
  const Value scaled = p.mul(sum.low, down);  // against m
  const Value correction = p.fma(p.neg(scaled), reduced.f, scaled);
  return or_tiny(p, x, log_special(p, sum.high, log_of(p, reduced, correction)));
}

// e^(y log |x|) with the logarithm and the product as unevaluated sums; special values as IEEE 754's pow.
PrimitiveValue pow_body(Primitives& p, PrimitiveValue x, PrimitiveValue y) {
  const Value magnitude = p.abs(x), zero = p.real(0), one = p.real(1), half = p.real(0.5);
  const Pair logarithm = log_pair(p, magnitude);
  const Value high = log_special(p, magnitude, logarithm.high);
  const Pair product = exact_product(p, y, high);
  const Value value = exp_of_pair(p, {product.high, p.fma(y, logarithm.low, product.low)}, 0);

  const Value whole = p.equal(y, p.floor(y)), halved = p.mul(y, half);
  const Value odd = p.logical_and(whole, p.not_equal(halved, p.floor(halved)));
  const Value below = p.integer_equal(sign_bit(p, x), p.integer(1));
  Value result = p.select(p.logical_and(below, odd), p.neg(value), value);
  const Value undefined =
      p.logical_and(p.logical_and(p.less(x, zero), p.less(p.real(-infinity), x)), p.logical_not(whole));
  result = p.select(undefined, p.real(not_a_number), result);
  const Value unit_base = p.logical_and(p.equal(magnitude, one), p.equal(p.abs(y), p.real(infinity)));
  const Value unit = p.logical_or(p.logical_or(p.equal(y, zero), p.equal(x, one)), unit_base);
  return p.select(unit, one, result);
}

}  // namespace nodec::graph
