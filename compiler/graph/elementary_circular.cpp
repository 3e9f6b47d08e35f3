// sin, cos, tan: x = n π/2 + r, then polynomials in r.
//
// Up to 2¹⁸ (single) or 2³⁰ (double precision), r is x − n π/2 with π/2 in three parts. Beyond, the product
// of x's digits with those digits of 2/π that matter (Payne, Hanek, SIGNUM 18 (1983) 19): bits of 2/π that
// contribute multiples of 4 are dropped, for each exponent of x, when the table is made. Polynomials are
// minimax fits (tests/bench/elementary_fit.py).
#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

#include "compiler/graph/elementary_arithmetic.hpp"

namespace nodec::graph {
namespace elementary {
namespace {

// (sin r − r) / r³ and (cos r − 1 + ½r²) / r⁴ in r².
constexpr double sin_single[] = {-0.16666654908522371398, 0.0083321758441596897667,
                                 -0.00019516977334181232357};
constexpr double sin_wide[] = {-0.16666666666666631862,    0.0083333333333223702471,
                               -0.00019841269829771317625, 2.7557313678706418479e-6,
                               -2.5050755966650370389e-8,  1.5896666767038678525e-10};
constexpr double cos_single[] = {0.041666646807310819869, -0.0013887364488630332386,
                                 0.000024438091112073295037};
constexpr double cos_wide[] = {0.041666666666666599155,    -0.0013888888888874065038,
                               0.000024801587289443505682, -2.7557314340650691944e-7,
                               2.0875721620846797143e-9,   -1.1359559113917042768e-11};

struct Angle {
  Value quarters;   // integer
  Value remainder;  // r
};

struct SineCosine {
  Value sine, cosine;  // of r
};

SineCosine sine_cosine(Primitives& p, Value r) {
  const Value z = p.mul(r, r);
  const Value sine = p.fma(p.mul(r, z), polynomial(p, z, sin_single, sin_wide), r);
  const Value inner = p.fma(z, polynomial(p, z, cos_single, cos_wide), p.real(-0.5));
  return {sine, p.fma(z, inner, p.real(1))};
}

Angle reduce_moderate(Primitives& p, Value x) {
  const Value n = p.round(p.mul(x, p.real(2 / std::numbers::pi))), minus_n = p.neg(n);
  Value r = p.fma(minus_n, half_pi.part(p, 0), x);
  r = p.fma(minus_n, half_pi.part(p, 1), r);
  if (!p.double_precision()) r = p.fma(minus_n, half_pi.part(p, 2), r);
  return {p.to_integer(n), r};
}

// ---- huge arguments
// The digits of 2/π after the point, 32 a word: 1280 bits, more than any exponent asks for.
constexpr uint32_t two_over_pi[] = {
    0xA2F9836E, 0x4E441529, 0xFC2757D1, 0xF534DDC0, 0xDB629599, 0x3C439041, 0xFE5163AB, 0xDEBBC561,
    0xB7246E3A, 0x424DD2E0, 0x06492EEA, 0x09D1921C, 0xFE1DEB1C, 0xB129A73E, 0xE88235F5, 0x2EBB4484,
    0xE99C7026, 0xB45F7E41, 0x3991D639, 0x835339F4, 0x9C845F8B, 0xBDF9283B, 0x1FF897FF, 0xDE05980F,
    0xEF2F118B, 0x5A0A6D1F, 0x6D367ECF, 0x27CB09B7, 0x4F463F66, 0x9E5FEA2D, 0x7527BAC7, 0xEBE5F17B,
    0x3D0739F7, 0x8A5292EA, 0x6BFB5FB1, 0x1F8D5D08, 0x56033046, 0xFC7B6BAB, 0xF0CFBC20, 0x9AF4361D,
};

// Bits [first, first + count) after the point of 2/π as an integer; bits before the point are 0.
uint64_t bits_of_two_over_pi(int first, int count) {
  uint64_t value = 0;
  for (int bit = first; bit < first + count; ++bit) {
    const bool set = bit >= 0 && (two_over_pi[bit / 32] >> (31 - bit % 32) & 1) != 0;
    value = value << 1 | (set ? 1 : 0);
  }
  return value;
}

// For numbers of one precision: x = m 2ᵉ with 1 ≤ |m| < 2, x · 2/π ≡ m (t₀ + t₁ + t₂ + t₃) modulo 4, as m's
// last bit counts 2^(e − bits): the digits of 2/π up to the one that counts 4 at m's last bit are left out.
struct HugeTable {
  int first_exponent;
  std::array<std::vector<double>, 4> parts;
};

HugeTable make_table(int mantissa, int first_exponent, int last_exponent) {
  HugeTable table{first_exponent, {}};
  for (int e = first_exponent; e <= last_exponent; ++e) {
    // Bit i after the point (from 0) counts 2^(−1 − i); times 2^(e − mantissa) it stays below 4 from here on.
    int first = e - mantissa - 2;
    for (auto& part : table.parts) {
      part.push_back(std::ldexp(static_cast<double>(bits_of_two_over_pi(first, mantissa + 1)),
                                e - first - mantissa - 1));
      first += mantissa + 1;
    }
  }
  return table;
}

const HugeTable& huge_table(bool wide) {
  static const HugeTable single = make_table(23, 17, 127), twice = make_table(52, 29, 1023);
  return wide ? twice : single;
}

Angle reduce_huge(Primitives& p, Value x) {
  const int mantissa = mantissa_bits(p), bias = p.double_precision() ? 1023 : 127;
  const HugeTable& table = huge_table(p.double_precision());
  const Value bits = p.bits(x);
  const Value exponent = p.integer_sub(p.shift_right_logical(p.shift_left(bits, 1), mantissa + 1),
                                       p.integer(bias + table.first_exponent));
  // Of the lanes that are not huge, infinite or NaN, the index must be valid, whatever comes out.
  const Value first = p.integer(0), last = p.integer(static_cast<int64_t>(table.parts[0].size()) - 1);
  Value index = p.select(p.integer_less(exponent, first), first, exponent);
  index = p.select(p.integer_less(last, index), last, index);
  const Value one = p.bits(p.real(1)), keep = p.integer((int64_t{1} << mantissa) - 1);
  const Value magnitude = p.real_of_bits(p.bit_or(p.bit_and(bits, keep), one));
  const Value m = p.select(p.less(x, p.real(0)), p.neg(magnitude), magnitude);

  // m (t₀ + t₁ + t₂ + t₃) modulo 4, exact down to the last product.
  const auto part = [&](int i) { return p.table(table.parts[static_cast<size_t>(i)], index); };
  Pair a = exact_product(p, m, part(0));
  a.high = p.fma(p.real(-4), p.round(p.mul(a.high, p.real(0.25))), a.high);
  const Pair b = exact_product(p, m, part(1)), c = exact_product(p, m, part(2));
  const Pair s = exact_sum(p, a.high, a.low), t = exact_sum(p, s.high, b.high);
  const Value n = p.round(t.high), whole_free = p.sub(t.high, n);
  const Pair u = exact_sum(p, s.low, t.low), v = exact_sum(p, u.high, b.low),
             w = exact_sum(p, v.high, c.high);
  const Pair f = exact_sum(p, whole_free, w.high);
  const Value dust = p.add(p.add(u.low, v.low), p.add(w.low, p.fma(m, part(3), c.low)));
  const Pair fraction = exact_sum_ordered(p, f.high, p.add(f.low, dust));
  // times π/2
  const Pair r = exact_product(p, fraction.high, half_pi.part(p, 0));
  const Value low = p.fma(fraction.high, half_pi.part(p, 1), p.fma(fraction.low, half_pi.part(p, 0), r.low));
  const Value undefined = p.sub(x, x);  // NaN for infinite x, else 0
  return {p.to_integer(n), p.add(p.add(r.high, low), undefined)};
}

Value huge(Primitives& p, Value x) {
  return p.less(p.real(p.double_precision() ? 0x1p30 : 0x1p18), p.abs(x));
}

// sin of an angle of `quarters` more right angles.
Value sine_of(Primitives& p, Angle angle, int quarters) {
  const SineCosine parts = sine_cosine(p, angle.remainder);
  const Value q = p.integer_add(angle.quarters, p.integer(quarters)), zero = p.integer(0);
  const Value odd = p.logical_not(p.integer_equal(p.bit_and(q, p.integer(1)), zero));
  const Value value = p.select(odd, parts.cosine, parts.sine);
  // Bit 1 of q is the sign.
  const Value sign = p.shift_left(p.bit_and(q, p.integer(2)), p.double_precision() ? 62 : 30);
  return p.real_of_bits(p.bit_xor(p.bits(value), sign));
}

Value tangent_of(Primitives& p, Angle angle) {
  const SineCosine parts = sine_cosine(p, angle.remainder);
  const Value odd = p.integer_equal(p.bit_and(angle.quarters, p.integer(1)), p.integer(1));
  return p.div(p.select(odd, p.neg(parts.cosine), parts.sine), p.select(odd, parts.sine, parts.cosine));
}

}  // namespace

Value moderate_sine(Primitives& p, Value x, int quarters) {
  return sine_of(p, reduce_moderate(p, x), quarters);
}

}  // namespace elementary

using namespace elementary;

PrimitiveValue sin_body(Primitives& p, PrimitiveValue x) {
  const Value common = or_tiny(p, x, moderate_sine(p, x, 0));
  return p.rarely(huge(p, x), common, [&] { return sine_of(p, reduce_huge(p, x), 0); });
}

PrimitiveValue cos_body(Primitives& p, PrimitiveValue x) {
  const Value common = moderate_sine(p, x, 1);
  return p.rarely(huge(p, x), common, [&] { return sine_of(p, reduce_huge(p, x), 1); });
}

PrimitiveValue tan_body(Primitives& p, PrimitiveValue x) {
  const Value common = or_tiny(p, x, tangent_of(p, reduce_moderate(p, x)));
  return p.rarely(huge(p, x), common, [&] { return tangent_of(p, reduce_huge(p, x)); });
}

}  // namespace nodec::graph
