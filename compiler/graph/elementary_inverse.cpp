// atan, atan2, asin, acos: reductions to small arguments, then odd polynomials.
//
// Polynomials are minimax fits (tests/bench/elementary_fit.py).
#include <numbers>

#include "compiler/graph/elementary_arithmetic.hpp"

namespace nodec::graph {
namespace elementary {
namespace {

// (atan t − t) / t³ in t², |t| ≤ √2 − 1.
constexpr double atan_single[] = {-0.33332955100437014213, 0.19977919597581281002, -0.13879774940694054135,
                                  0.080600510910778845823};
constexpr double atan_wide[] = {-0.33333333333333198981,  0.1999999999995404097,   -0.14285714280244061529,
                                0.11111110785903308683,   -0.09090897829412395697, 0.076920615074045495149,
                                -0.066631188632483075769, 0.058479975462784409914, -0.050397930166865447829,
                                0.03807695749001025814,   -0.017920755761310055824};
// (asin t − t) / t³ in t², |t| ≤ ½.
constexpr double asin_single[] = {0.16666753923599136143, 0.074952418809053287135, 0.045477088110017321285,
                                  0.024147646798543440839, 0.042218496318828375118};
constexpr double asin_wide[] = {0.16666666666665382744,  0.075000000003430512441,  0.044642856823482829764,
                                0.030381959331057408072, 0.022371753531166923887,  0.017359770955720778499,
                                0.013884600156060423817, 0.012173267651152817177,  0.0065109044542405712372,
                                0.019573767367511059003, -0.016293860182327781289, 0.031958823373374902625};

// The angle of the point (x, y) of the first quadrant, in two parts: y/x, (y − x)/(y + x) + π/4 or −x/y +
// π/2, whichever quotient is small.
Pair first_quadrant(Primitives& p, Value y, Value x) {
  const Value steepness = p.real(std::numbers::sqrt2 - 1), zero = p.real(0);
  const Value steep = p.less(x, p.mul(steepness, y)), flat = p.less(y, p.mul(steepness, x));
  const Value numerator = p.select(steep, p.neg(x), p.select(flat, y, p.sub(y, x)));
  const Value denominator = p.select(steep, y, p.select(flat, x, p.add(y, x)));
  Value t = p.div(numerator, denominator);
  // Both zero: 0. Both infinite: π/4.
  const Value nothing = p.equal(p.add(x, y), zero);
  const Value both_infinite = p.logical_and(p.equal(x, y), p.equal(x, p.real(infinity)));
  t = p.select(p.logical_or(nothing, both_infinite), zero, t);
  const auto base = [&](int i) {
    const Value quarter = p.select(nothing, zero, quarter_pi.part(p, i));
    return p.select(steep, half_pi.part(p, i), p.select(flat, zero, quarter));
  };
  const Value z = p.mul(t, t), tail = p.mul(p.mul(t, z), polynomial(p, z, atan_single, atan_wide));
  const Pair sum = exact_sum(p, base(0), t);
  return {sum.high, p.add(sum.low, p.add(base(1), tail))};
}

Value asin_series(Primitives& p, Value t, Value z) {
  return p.fma(p.mul(t, z), polynomial(p, z, asin_single, asin_wide), t);
}

}  // namespace
}  // namespace elementary

using namespace elementary;

PrimitiveValue atan_body(Primitives& p, PrimitiveValue x) {
  const Pair angle = first_quadrant(p, p.abs(x), p.real(1));
  return with_sign(p, p.add(angle.high, angle.low), x);
}

PrimitiveValue atan2_body(Primitives& p, PrimitiveValue y, PrimitiveValue x) {
  // Both times a power of two that keeps their sum finite and products with ½ out of the denormals; what that
  // takes from the smaller one does not matter.
  const bool wide = p.double_precision();
  const Value height = p.abs(y), width = p.abs(x), size = p.add(width, height), one = p.real(1);
  const Value up =
      p.select(p.less(size, p.real(wide ? 0x1p-900 : 0x1p-90)), p.real(wide ? 0x1p200 : 0x1p30), one);
  const Value scale = p.select(p.less(p.real(wide ? 0x1p900 : 0x1p90), size), p.real(0.25), up);
  const Pair angle = first_quadrant(p, p.mul(height, scale), p.mul(width, scale));
  const Value leftward = p.integer_equal(sign_bit(p, x), p.integer(1)), two = p.real(2);
  // π − angle
  const Pair mirrored = exact_sum_ordered(p, p.mul(two, half_pi.part(p, 0)), p.neg(angle.high));
  const Value low = p.add(mirrored.low, p.sub(p.mul(two, half_pi.part(p, 1)), angle.low));
  const Value direct = p.add(angle.high, angle.low);
  return with_sign(p, p.select(leftward, p.add(mirrored.high, low), direct), y);
}

// |x| ≤ ½: a series. Else asin |x| = π/2 − 2 asin √((1 − |x|) / 2).
PrimitiveValue asin_body(Primitives& p, PrimitiveValue x) {
  const Value a = p.abs(x), half = p.real(0.5), central = p.less_equal(a, half);
  const Value z = p.select(central, p.mul(x, x), p.mul(half, p.sub(p.real(1), a)));
  const Value series = asin_series(p, p.select(central, a, p.sqrt(z)), z);
  const Value outer = p.add(p.fma(p.real(-2), series, half_pi.part(p, 0)), half_pi.part(p, 1));
  return with_sign(p, p.select(central, series, outer), x);
}

PrimitiveValue acos_body(Primitives& p, PrimitiveValue x) {
  const Value a = p.abs(x), half = p.real(0.5), two = p.real(2), central = p.less_equal(a, half);
  const Value z = p.select(central, p.mul(x, x), p.mul(half, p.sub(p.real(1), a)));
  const Value series = asin_series(p, p.select(central, x, p.sqrt(z)), z);
  const Value right = p.mul(two, series), low = half_pi.part(p, 1);
  const Value left = p.add(p.sub(p.mul(two, half_pi.part(p, 0)), right), p.mul(two, low));
  const Value inner = p.add(p.sub(half_pi.part(p, 0), series), low);
  return p.select(central, inner, p.select(p.less(x, p.real(0)), left, right));
}

}  // namespace nodec::graph
