// Arithmetic of the tile program's interpreter: instructions that read and write values alone.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "compiler/schedule/interpret_memory.hpp"

namespace nodec::schedule::interpreter {

inline int64_t floor_quotient(int64_t a, int64_t b) {
  if (b == 0) return 0;
  if (b == -1) return static_cast<int64_t>(0 - static_cast<uint64_t>(a));
  const int64_t quotient = a / b;
  return (a % b != 0 && (a < 0) != (b < 0)) ? quotient - 1 : quotient;
}

inline int64_t floor_remainder(int64_t a, int64_t b) {
  if (b == 0 || b == -1) return 0;
  const int64_t remainder = a % b;
  return (remainder != 0 && (remainder < 0) != (b < 0)) ? remainder + b : remainder;
}
template <class Real>
class Arithmetic : public Memory<Real> {
 protected:
  using Base = Memory<Real>;
  using Base::call_, Base::get, Base::holds, Base::lanes_, Base::lengths_, Base::live, Base::need,
      Base::program_, Base::set, Base::sum_lanes, Base::tainted, Base::tile_, Base::type, Base::width,
      Base::word, Base::wrap;
  using typename Base::Int;
  using typename Base::Unsigned;

 public:
  using Base::Base;

 protected:
  template <class F>
  void lanewise(const Instruction& i, F f) {
    for (int l = 0; l < width(i.result); ++l) {
      bool taint = false;
      for (Value operand : i.operands) taint |= tainted(operand, l);
      set(i.result, l, f(l), taint);
    }
  }
  template <class F>
  void reals(const Instruction& i, F f) {
    if constexpr (std::is_invocable_v<F, Real, Real, Real>)
      lanewise(i, [&](int l) {
        return word(f(get(i.operands[0], l).real, get(i.operands[1], l).real, get(i.operands[2], l).real));
      });
    else if constexpr (std::is_invocable_v<F, Real, Real>)
      lanewise(i, [&](int l) { return word(f(get(i.operands[0], l).real, get(i.operands[1], l).real)); });
    else
      lanewise(i, [&](int l) { return word(f(get(i.operands[0], l).real)); });
  }
  template <class F>
  void integers(const Instruction& i, F f) {
    lanewise(i, [&](int l) {
      return word(wrap(
          i.result, static_cast<uint64_t>(f(get(i.operands[0], l).integer, get(i.operands[1], l).integer))));
    });
  }
  template <class F>
  void shift(const Instruction& i, F f) {
    lanewise(i, [&](int l) {
      return word(wrap(i.result, static_cast<uint64_t>(f(get(i.operands[0], l).integer))));
    });
  }
  // A condition whose other operand decides is defined even if this one is not.
  void logic(const Instruction& i, int64_t deciding) {
    for (int l = 0; l < width(i.result); ++l) {
      const Value a = i.operands[0], b = i.operands[1];
      const bool decided = (!tainted(a, l) && get(a, l).integer == deciding) ||
                           (!tainted(b, l) && get(b, l).integer == deciding);
      const int64_t x = get(a, l).integer, y = get(b, l).integer;
      set(i.result, l, word(decided ? deciding : (deciding ? x | y : x & y)),
          !decided && (tainted(a, l) || tainted(b, l)));
    }
  }
  // False when the instruction is of another kind.
  bool compute(const Instruction& i) {
    const std::vector<Value>& x = i.operands;
    switch (i.opcode) {
      case Opcode::constant_real:
        lanewise(i, [&](int) { return word(static_cast<Real>(i.real_value)); });
        break;
      case Opcode::constant_integer:
      case Opcode::constant_index:
        lanewise(i, [&](int) { return word(wrap(i.result, i.integer_value)); });
        break;
      case Opcode::constant_boolean:
        lanewise(i, [&](int) { return word(i.integer_value != 0); });
        break;
      case Opcode::add:
        reals(i, [](Real a, Real b) { return Real(a + b); });
        break;
      case Opcode::sub:
        reals(i, [](Real a, Real b) { return Real(a - b); });
        break;
      case Opcode::mul:
        reals(i, [](Real a, Real b) { return Real(a * b); });
        break;
      case Opcode::div:
        reals(i, [](Real a, Real b) { return Real(a / b); });
        break;
      case Opcode::fma:
        reals(i, [](Real a, Real b, Real c) { return Real(std::fma(a, b, c)); });
        break;
      case Opcode::neg:
        reals(i, [](Real a) { return Real(-a); });
        break;
      case Opcode::abs:
        reals(i, [](Real a) { return Real(std::fabs(a)); });
        break;
      case Opcode::sqrt:
        reals(i, [](Real a) { return Real(std::sqrt(a)); });
        break;
      case Opcode::floor:
        reals(i, [](Real a) { return Real(std::floor(a)); });
        break;
      case Opcode::round:
        reals(i, [](Real a) { return Real(std::nearbyint(a)); });
        break;
      case Opcode::less:
        reals(i, [](Real a, Real b) { return a < b; });
        break;
      case Opcode::less_equal:
        reals(i, [](Real a, Real b) { return a <= b; });
        break;
      case Opcode::equal:
        reals(i, [](Real a, Real b) { return a == b; });
        break;
      case Opcode::not_equal:
        reals(i, [](Real a, Real b) { return !(a == b); });
        break;
      case Opcode::logical_and:
        logic(i, 0);
        break;
      case Opcode::logical_or:
        logic(i, 1);
        break;
      case Opcode::logical_not:
        lanewise(i, [&](int l) { return word(get(x[0], l).integer == 0); });
        break;
      case Opcode::select:
        for (int l = 0; l < width(i.result); ++l) {
          const Value chosen = get(x[0], l).integer ? x[1] : x[2];
          set(i.result, l, get(chosen, l), tainted(x[0], l) || tainted(chosen, l));
        }
        break;
      case Opcode::integer_add:
        integers(i, [](int64_t a, int64_t b) { return uint64_t(a) + uint64_t(b); });
        break;
      case Opcode::integer_sub:
        integers(i, [](int64_t a, int64_t b) { return uint64_t(a) - uint64_t(b); });
        break;
      case Opcode::integer_mul:
        integers(i, [](int64_t a, int64_t b) { return uint64_t(a) * uint64_t(b); });
        break;
      case Opcode::integer_divide:
        integers(i, floor_quotient);
        break;
      case Opcode::integer_modulo:
        integers(i, floor_remainder);
        break;
      case Opcode::integer_less:
        lanewise(i, [&](int l) { return word(get(x[0], l).integer < get(x[1], l).integer); });
        break;
      case Opcode::integer_equal:
        lanewise(i, [&](int l) { return word(get(x[0], l).integer == get(x[1], l).integer); });
        break;
      case Opcode::bit_and:
        integers(i, [](int64_t a, int64_t b) { return a & b; });
        break;
      case Opcode::bit_or:
        integers(i, [](int64_t a, int64_t b) { return a | b; });
        break;
      case Opcode::bit_xor:
        integers(i, [](int64_t a, int64_t b) { return a ^ b; });
        break;
      case Opcode::shift_left:
        shift(i, [&](int64_t a) { return uint64_t(a) << i.integer_value; });
        break;
      case Opcode::shift_right:
        shift(i, [&](int64_t a) { return a >> i.integer_value; });
        break;
      case Opcode::shift_right_logical:
        shift(i, [&](int64_t a) { return static_cast<Unsigned>(a) >> i.integer_value; });
        break;
      case Opcode::bits:
        lanewise(i, [&](int l) { return word(static_cast<int64_t>(std::bit_cast<Int>(get(x[0], l).real))); });
        break;
      case Opcode::real_of_bits:
        lanewise(i, [&](int l) { return word(std::bit_cast<Real>(static_cast<Int>(get(x[0], l).integer))); });
        break;
      case Opcode::to_integer:
        lanewise(i, [&](int l) {
          const Real value = get(x[0], l).real;
          const Real limit = -static_cast<Real>(std::numeric_limits<Int>::min());  // 2^31 or 2^63: exact
          if (value != value) return word(int64_t{0});
          if (value >= limit) return word(static_cast<int64_t>(std::numeric_limits<Int>::max()));
          if (value < -limit) return word(static_cast<int64_t>(std::numeric_limits<Int>::min()));
          return word(static_cast<int64_t>(value));
        });
        break;
      case Opcode::to_real:
        lanewise(i, [&](int l) { return word(static_cast<Real>(get(x[0], l).integer)); });
        break;
      case Opcode::index_of:
      case Opcode::integer_of:
        lanewise(i, [&](int l) { return word(wrap(i.result, get(x[0], l).integer)); });
        break;
      case Opcode::splat:
        lanewise(i, [&](int) { return get(x[0], 0); });
        break;
      case Opcode::lane:
        lanewise(i, [&](int l) { return word(static_cast<int64_t>(l)); });
        break;
      case Opcode::live:
        lanewise(i, [&](int l) { return word(l < live()); });
        break;
      case Opcode::any:
        set(i.result, 0, word(holds(x[0])), false);
        break;
      case Opcode::largest: {
        int64_t largest = need(x[0], 0).integer;
        for (int l = 1; l < width(x[0]); ++l) largest = std::max(largest, need(x[0], l).integer);
        set(i.result, 0, word(largest), false);
        break;
      }
      case Opcode::lane_sum: {
        std::vector<Real> terms(lanes_);
        for (int l = 0; l < lanes_; ++l) terms[l] = need(x[0], l).real;
        set(i.result, 0, word(sum_lanes(terms)), false);
        break;
      }
      case Opcode::length: {
        const auto found = lengths_.find(i.name);
        if (found == lengths_.end()) throw Fault{"length " + i.name + " is not in the interface"};
        set(i.result, 0, word(found->second), false);
        break;
      }
      case Opcode::sample_length: {
        const std::vector<std::string>& names = program_.interface.lengths;
        const int64_t slot = std::find(names.begin(), names.end(), i.name) - names.begin();
        if (slot == static_cast<int64_t>(names.size()))
          throw Fault{"length " + i.name + " is not in the interface"};
        lanewise(i, [&](int l) {
          const bool own = call_.sample_lengths && tile_;
          return word(
              own ? int64_t{call_.sample_lengths[tile_->rows[l] * static_cast<int64_t>(names.size()) + slot]}
                  : call_.lengths[slot]);
        });
        break;
      }
      default:
        return false;
    }
    return true;
  }
};

}  // namespace nodec::schedule::interpreter
