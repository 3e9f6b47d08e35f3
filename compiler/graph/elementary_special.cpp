// erf, lgamma, digamma, trigamma.
//
// Polynomials are minimax fits (tests/bench/elementary_fit.py).
#include <cmath>
#include <numbers>

#include "compiler/graph/elementary_arithmetic.hpp"

namespace nodec::graph {
namespace elementary {
namespace {

// erf(x) / x in x², |x| ≤ 1.
constexpr double erf_small_single[] = {
    1.1283791657268291587,    -0.37612625823683729671,    0.11283585142055534625,    -0.026853811673379136917,
    0.0051883272106578823817, -0.00080101895993389530617, 0.000078538483988615505141};
constexpr double erf_small_wide[] = {
    1.1283791670955125657,     -0.37612638903183519541,     0.11283791670944184793,
    -0.026866170643111481407,  0.0052239776061186138528,    -0.00085483259293221707276,
    0.00012055293577152761939, -0.000014924712307185836806, 1.6447131638251597496e-6,
    -1.6206314289113782329e-7, 1.3710982748678366599e-8,    -7.7794729484268154071e-10};
// erfc(x) e^(x²) in t = (x − 2) / (x + 2), weighted by e^(−x²).
constexpr double erf_large_single[] = {0.25539613533245466292, -0.42718676937134384121,
                                       0.24147383888351317213, -0.080766670294728255069,
                                       -0.0024223096023079784902};
constexpr double erf_large_wide[] = {
    0.25539567631050575941,     -0.42718584741395683078,    0.24165819424246880226,
    -0.078978581016415562645,   0.0037328923985394228128,   0.0069974617856578247769,
    -0.00084714259052929279026, -0.00098197647940841065401, 0.000043536160726097569455,
    0.00017428847220494617655,  0.000027623182852356906639, -0.000026611497745731553774,
    -0.000012644112437003650386};
// log Γ(1 + y) / (y (y − 1)), 0 ≤ y ≤ 1.
constexpr double lgamma_single[] = {
    0.57721566455897966872,  -0.24525128244538316656,   0.15543066189582803684,   -0.11508701545237448953,
    0.091726358349210018043, -0.074677932908363767589,  0.057918930701373291826,  -0.03863806903434551564,
    0.019512198483314468903, -0.0063250927730421786493, 0.00095991397417539410529};
constexpr double lgamma_wide[] = {
    0.57721566490153286049,      -0.2452513685225802322,    0.15543426586392853236,
    -0.11514654256221940322,     0.092239008403352907595,   -0.077318167090370951794,
    0.066731705493782426797,     -0.058777685710186964426,  0.052554192118416635092,
    -0.047529519449126038431,    0.043342858986574558517,   -0.039672145068830475728,
    0.036118361069697312721,     -0.032151519612832686187,  0.027241456897354301022,
    -0.021217800707829455302,    0.014611236086545003352,   -0.0085407888816533921633,
    0.0040574145598455359136,    -0.0014880044744781073733, 0.00039225707704863016642,
    -0.000065800974578833260815, 5.256695074975529729e-6};

// π times the distance of x to the nearest whole number: sin and cos of it are those of πx but for their
// signs.
Value half_turns(Primitives& p, Value x) { return p.mul(p.real(std::numbers::pi), p.sub(x, p.round(x))); }

// log Γ(x) for x > 0. Below 8: log Γ(1 + y) for the fraction y, and the logarithm of the factors between;
// above, Stirling's series (Abramowitz, Stegun 6.1.41).
Value positive_lgamma(Primitives& p, Value x) {
  const Value one = p.real(1), eight = p.real(8);
  const Value far = p.less_equal(eight, x), below_one = p.less(x, one);
  const Value y = p.sub(x, p.floor(x));
  const Value near = p.mul(p.mul(y, p.sub(y, one)), polynomial(p, y, lgamma_single, lgamma_wide));
  // (x − 1)(x − 2) … down to 1 + y; each factor is exact.
  Value product = one;
  for (int i = 1; i < 7; ++i) {
    const Value factor = p.sub(x, p.real(i));
    product = p.select(p.less_equal(one, factor), p.mul(product, factor), product);
  }
  const Value argument = p.select(far, x, p.select(below_one, x, product));
  const Value logarithm = log_body(p, argument);
  const Value value = p.add(near, p.select(below_one, p.neg(logarithm), logarithm));

  constexpr double stirling[] = {1.0 / 12,   -1.0 / 360,      1.0 / 1260, -1.0 / 1680,
                                 1.0 / 1188, -691.0 / 360360, 1.0 / 156,  -3617.0 / 122400};
  const Value inverse = p.div(one, x);
  const Value tail = p.mul(inverse, polynomial(p, p.mul(inverse, inverse), stirling));
  const Value rest = p.add(p.real(0.5 * std::log(2 * std::numbers::pi) - 0.5), tail);
  const Value grown = p.fma(p.sub(x, p.real(0.5)), p.sub(logarithm, one), rest);
  const Value distant = p.select(p.less(x, p.real(infinity)), grown, x);
  return p.select(far, distant, p.select(p.less_equal(x, p.real(0)), p.real(infinity), value));
}

}  // namespace
}  // namespace elementary

using namespace elementary;

// |x| ≤ 1: x times a polynomial; else 1 − erfc x.
PrimitiveValue erf_body(Primitives& p, PrimitiveValue x) {
  const Value a = p.abs(x), one = p.real(1), two = p.real(2), square = p.mul(x, x);
  const Value near = p.mul(x, polynomial(p, square, erf_small_single, erf_small_wide));
  const Value bounded = clamp(p, a, 1, p.double_precision() ? 6 : 4);
  const Value t = p.div(p.sub(bounded, two), p.add(bounded, two));
  const Value e = exp_body(p, p.neg(p.mul(bounded, bounded)));
  const Value far = p.fma(p.neg(e), polynomial(p, t, erf_large_single, erf_large_wide), one);
  return p.select(p.less_equal(a, one), near, with_sign(p, far, x));
}

// log Γ(x) = log(π / |x sin πx|) − log Γ(−x) for negative x.
PrimitiveValue lgamma_body(Primitives& p, PrimitiveValue x) {
  const Value a = p.abs(x), value = positive_lgamma(p, a), zero = p.real(0);
  const Value sine = p.abs(moderate_sine(p, half_turns(p, a), 0));
  const Value ratio = p.div(p.real(std::numbers::pi), p.mul(a, sine));
  Value mirrored = p.sub(log_body(p, ratio), value);
  // A pole at every whole number; log of the ratio is infinite there, but so may Γ be.
  mirrored = p.select(p.equal(a, p.floor(a)), p.real(infinity), mirrored);
  return p.select(p.less(x, zero), mirrored, value);
}

// ψ(x) = ψ(x + 8) − Σ 1/(x + i), then Abramowitz, Stegun 6.3.18; ψ(−x) = ψ(x) + 1/x + π cot πx.
PrimitiveValue digamma_body(Primitives& p, PrimitiveValue x) {
  const Value one = p.real(1), zero = p.real(0), a = p.abs(x);
  Value value = zero;
  for (int i = 7; i >= 0; --i) value = p.sub(value, p.div(one, p.add(a, p.real(i))));
  const Value z = p.add(a, p.real(8)), inverse = p.div(one, z), square = p.mul(inverse, inverse);
  constexpr double terms[] = {-1.0 / 12,  1.0 / 120,     -1.0 / 252, 1.0 / 240,
                              -1.0 / 132, 691.0 / 32760, -1.0 / 12,  3617.0 / 8160};
  const Value series = p.fma(square, polynomial(p, square, terms), p.mul(p.real(-0.5), inverse));
  value = p.add(value, p.add(log_body(p, z), series));
  const Value angle = half_turns(p, a);
  const Value ratio = p.div(moderate_sine(p, angle, 1), moderate_sine(p, angle, 0));
  const Value cotangent = p.mul(p.real(std::numbers::pi), ratio);
  Value mirrored = p.add(value, p.add(p.div(one, a), cotangent));
  mirrored = p.select(p.equal(a, p.floor(a)), p.real(not_a_number), mirrored);
  return p.select(p.less_equal(x, zero), mirrored, value);
}

// ψ'(x) = ψ'(x + 8) + Σ 1/(x + i)², then Abramowitz, Stegun 6.4.12; ψ'(−x) = π²/sin² πx + 1/x² − ψ'(x).
PrimitiveValue trigamma_body(Primitives& p, PrimitiveValue x) {
  const Value one = p.real(1), zero = p.real(0), a = p.abs(x);
  const Value z = p.add(a, p.real(8)), inverse = p.div(one, z), square = p.mul(inverse, inverse);
  constexpr double terms[] = {1.0 / 6,  -1.0 / 30,     1.0 / 42, -1.0 / 30,
                              5.0 / 66, -691.0 / 2730, 7.0 / 6,  -3617.0 / 510};
  const Value series = p.fma(square, polynomial(p, square, terms), p.mul(p.real(0.5), inverse));
  Value value = p.fma(inverse, series, inverse), pole = zero;
  for (int i = 7; i >= 0; --i) {
    pole = p.div(one, p.add(a, p.real(i)));
    value = p.fma(pole, pole, value);
  }
  const Value turned = p.div(p.real(std::numbers::pi), moderate_sine(p, half_turns(p, a), 0));
  Value mirrored = p.fma(turned, turned, p.sub(p.mul(pole, pole), value));
  mirrored = p.select(p.equal(a, p.floor(a)), p.real(infinity), mirrored);
  return p.select(p.less_equal(x, zero), mirrored, value);
}

}  // namespace nodec::graph
