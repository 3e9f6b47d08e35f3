// exp and its kin: x = n ln 2 + r, a polynomial in r, a scaling by 2ⁿ.
//
// Polynomials are minimax fits (tests/bench/elementary_fit.py).
#include <numbers>

#include "compiler/graph/elementary_arithmetic.hpp"

namespace nodec::graph {
namespace elementary {
namespace {

// (eʳ − 1 − r) / r², weighted for eʳ.
constexpr double exp_single[] = {0.50000000953748321955, 0.16666518604509858524, 0.041666205422594038361,
                                 0.0083689177822063127183, 0.0013950513382236437275};
constexpr double exp_wide[] = {
    0.50000000000000127919,   0.16666666666666699191,    0.041666666666514938014,    0.008333333333307123607,
    0.0013888888947154562558, 0.00019841269917564240876, 0.000024801489787245880211, 2.7557216135960800006e-6,
    2.7631339257254871147e-7, 2.5117914145925392477e-8};
// The same, weighted for eʳ − 1.
constexpr double expm1_single[] = {0.50000000442974991031,   0.16666666814714735767,
                                   0.041666360347853059408,  0.0083332734492751170616,
                                   0.0013940674221877138655, 0.00019914004455890123098};
constexpr double expm1_wide[] = {0.5,
                                 0.16666666666666676204,
                                 0.041666666666666699969,
                                 0.0083333333333218816306,
                                 0.0013888888888867345783,
                                 0.00019841269885572559069,
                                 0.000024801587359762498048,
                                 2.7557244705023733581e-6,
                                 2.7557243319717401198e-7,
                                 2.5108881373683837379e-8,
                                 2.092429643739316245e-9};

// 2 tanh ½x = (x + x³ P(x²)) / (1 + x² Q(x²)) for single precision, |x| ≤ 9.02: relative error 2^−25.3.
constexpr double tanh_numerator[] = {0.0314962974616, 0.000159990849940, 8.60913637336e-8};
constexpr double tanh_denominator[] = {0.114829587696, 0.00139581322106, 2.73966538513e-6};

// Past these, eˣ is 0 or infinite, whatever is added to x below.
double exp_low(const Primitives& p) { return p.double_precision() ? -746 : -104; }
double exp_high(const Primitives& p) { return p.double_precision() ? 712 : 91; }

struct Expm1 {
  Value n;     // integer
  Value tail;  // eʳ − 1
};

Expm1 expm1_parts(Primitives& p, Value x) {
  const ExpReduction reduced = reduce_exp(p, x);
  const Value r = reduced.remainder;
  const Value tail = p.fma(p.mul(r, r), polynomial(p, r, expm1_single, expm1_wide), r);
  return {p.to_integer(reduced.n), tail};
}

// (eˣ − 1) / 2 for x ≥ 0 up to where e^x / 2 overflows: 4 (2^(n−3) (eʳ − 1) + (2^(n−3) − ⅛)).
Value half_expm1(Primitives& p, Value x) {
  const Expm1 parts = expm1_parts(p, x);
  const Value eighth = power_of_two(p, p.integer_sub(parts.n, p.integer(3)));
  return p.mul(p.real(4), p.fma(parts.tail, eighth, p.sub(eighth, p.real(0.125))));
}

}  // namespace

ExpReduction reduce_exp(Primitives& p, Value x) {
  const Value n = p.round(p.mul(x, p.real(std::numbers::log2e))), minus_n = p.neg(n);
  return {n, p.fma(minus_n, ln2.part(p, 1), p.fma(minus_n, ln2.part(p, 0), x))};
}

Value exp_of_pair(Primitives& p, Pair x, int shift) {
  const double low = exp_low(p), high = exp_high(p);
  // Outside the bounds a low part could be NaN, and does not matter.
  const Value inside = p.logical_and(p.less(p.real(low), x.high), p.less(x.high, p.real(high)));
  const Value tail = p.select(inside, x.low, p.real(0));
  const ExpReduction reduced = reduce_exp(p, clamp(p, x.high, low, high));
  const Value r = p.add(reduced.remainder, tail);
  const Value value = p.fma(p.mul(r, r), polynomial(p, r, exp_single, exp_wide), r);
  return scale(p, p.add(p.real(1), value), p.integer_add(p.to_integer(reduced.n), p.integer(shift)));
}

}  // namespace elementary

using namespace elementary;

PrimitiveValue exp_body(Primitives& p, PrimitiveValue x) {
  const ExpReduction reduced = reduce_exp(p, clamp(p, x, exp_low(p), exp_high(p)));
  const Value r = reduced.remainder;
  const Value tail = p.fma(p.mul(r, r), polynomial(p, r, exp_single, exp_wide), r);
  return scale(p, p.add(p.real(1), tail), p.to_integer(reduced.n));
}

// 2ⁿ (eʳ − 1) + (2ⁿ − 1), halved so that n = 1024 does not overflow.
PrimitiveValue expm1_body(Primitives& p, PrimitiveValue x) {
  const Expm1 parts = expm1_parts(p, clamp(p, x, -60, p.double_precision() ? 710 : 89));
  const Value half = power_of_two(p, p.integer_sub(parts.n, p.integer(2)));
  const Value value = p.mul(p.real(4), p.fma(parts.tail, half, p.sub(half, p.real(0.25))));
  return or_tiny(p, x, value);
}

// With E = (e^|x| − 1) / 2: sinh |x| = E + E / (2E + 1).
PrimitiveValue sinh_body(Primitives& p, PrimitiveValue x) {
  const Value e = half_expm1(p, clamp(p, p.abs(x), 0, p.double_precision() ? 711 : 90));
  const Value quotient = p.div(e, p.fma(p.real(2), e, p.real(1)));
  const Value value = p.select(p.less(e, p.real(infinity)), p.add(e, quotient), e);
  return or_tiny(p, x, with_sign(p, value, x));
}

// With h = e^|x| / 2: cosh x = h + 1 / (4h).
PrimitiveValue cosh_body(Primitives& p, PrimitiveValue x) {
  const Value h = exp_of_pair(p, {p.abs(x), p.real(0)}, -1);
  return p.add(h, p.div(p.real(0.25), h));
}

// Single precision: with n / d = 2 tanh ½x, tanh x = nd / (d² + ¼n²), where errors of n and d cancel as the
// value nears 1. Double: with e = (e^(2|x|) − 1) / 2, tanh |x| = e / (e + 1).
PrimitiveValue tanh_body(Primitives& p, PrimitiveValue x) {
  if (!p.double_precision()) {
    const Value bounded = clamp(p, x, -9.02, 9.02), z = p.mul(bounded, bounded);
    const Value n = p.fma(p.mul(bounded, z), polynomial(p, z, tanh_numerator), bounded);
    const Value d = p.fma(z, polynomial(p, z, tanh_denominator), p.real(1));
    const Value value = p.div(p.mul(n, d), p.fma(p.mul(p.real(0.25), n), n, p.mul(d, d)));
    return clamp(p, value, -1, 1);
  }
  const Value e = half_expm1(p, clamp(p, p.mul(p.real(2), p.abs(x)), 0, 44));
  return or_tiny(p, x, with_sign(p, p.div(e, p.add(e, p.real(1))), x));
}

// e = e^−|x| never overflows: 1 / (1 + e), or e / (1 + e) for negative x.
PrimitiveValue sigmoid_body(Primitives& p, PrimitiveValue x) {
  const Value one = p.real(1), e = exp_body(p, p.neg(p.abs(x)));
  return p.div(p.select(p.less(x, p.real(0)), e, one), p.add(one, e));
}

// max(x, 0) + log(1 + e^−|x|).
PrimitiveValue softplus_body(Primitives& p, PrimitiveValue x) {
  const Value zero = p.real(0), positive = p.select(p.less(x, zero), zero, x);
  return p.add(positive, log1p_body(p, exp_body(p, p.neg(p.abs(x)))));
}

PrimitiveValue elu_body(Primitives& p, PrimitiveValue x) {
  return p.select(p.less(p.real(0), x), x, expm1_body(p, x));
}

}  // namespace nodec::graph
