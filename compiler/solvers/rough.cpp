// Polynomials of low degree with short chains of operations (see rough.hpp).
#include "compiler/solvers/rough.hpp"

#include <cstdint>

namespace nodec::solvers {

namespace {

int mantissa_bits(const Builder& b) { return b.double_precision() ? 52 : 23; }

// c0 + c1 x
Value line(Builder& b, double c0, double c1, Value x) { return b.fma(b.real(c1), x, b.real(c0)); }

}  // namespace

Value rough_log2(Builder& b, Value x) {
  // x = 2ᵏ m with m in [√½, √2); the bits of √½ without the last ones.
  const int mantissa = mantissa_bits(b);
  const int64_t root_half = b.double_precision() ? 0x3fe6a09e00000000 : 0x3f3504f3;
  const Value bits = b.bits(x);
  const Value k = b.shift_right(b.integer_sub(bits, b.integer(root_half)), mantissa);
  const Value m = b.real_of_bits(b.integer_sub(bits, b.shift_left(k, mantissa)));
  // log2(1 + f) / f, minimax; in pairs.
  const Value f = b.sub(m, b.real(1)), f2 = b.mul(f, f);
  const Value low = line(b, 1.4427030283020785, -0.7212235135217844, f);
  const Value middle = line(b, 0.4796711598043254, -0.3658553691343408, f);
  const Value high = line(b, 0.31982744036347016, -0.21153348438419367, f);
  const Value quotient = b.fma(b.fma(high, f2, middle), f2, low);
  return b.fma(quotient, f, b.to_real(k));
}

Value rough_exp2(Builder& b, Value x) {
  // Added to 1.5 · 2^mantissa, x leaves its nearest integer in the last bits.
  const int mantissa = mantissa_bits(b);
  const Value shift = b.real(b.double_precision() ? 0x1.8p52 : 0x1.8p23);
  const Value shifted = b.add(x, shift);
  const Value r = b.sub(x, b.sub(shifted, shift)), r2 = b.mul(r, r);
  const Value first = line(b, 1.0000001510423506, 0.6931210354290063, r);
  const Value second = line(b, 0.24021865616216864, 0.05592202910737008, r);
  const Value power = b.fma(b.fma(r2, b.real(0.009685706537914118), second), r2, first);
  return b.real_of_bits(b.integer_add(b.bits(power), b.shift_left(b.bits(shifted), mantissa)));
}

}  // namespace nodec::solvers
