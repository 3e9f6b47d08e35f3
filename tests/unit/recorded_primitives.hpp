// Primitives that record what a body does, so that it can be run on many lanes at once.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

#include "compiler/graph/op.hpp"

namespace nodec::graph::testing {

// Records an op's body once; `run` then computes it by scalar arithmetic, 256 lanes at a time.
template <class Real>
class Recorder final : public Primitives {
 public:
  using Integer = std::conditional_t<sizeof(Real) == 8, int64_t, int32_t>;
  using Unsigned = std::make_unsigned_t<Integer>;
  static constexpr int lanes = 256;

  Value argument() { return record(Code::argument); }
  // Instructions but constants and arguments: what a lane costs.
  int operations() const {
    int n = 0;
    for (const Step& s : steps_) n += s.code > Code::integer;
    return n;
  }

  void run(const Real* const* arguments, Value result, Real* out) {
    values_.resize(steps_.size());
    int next = 0;
    for (size_t i = 0; i < steps_.size(); ++i) step(steps_[i], values_[i], arguments, next);
    for (int l = 0; l < lanes; ++l) out[l] = values_[static_cast<size_t>(result)].r[l];
  }

  bool double_precision() const override { return sizeof(Real) == 8; }
  Value real(double x) override { return record(Code::real, 0, 0, 0, x); }
  Value add(Value a, Value b) override { return record(Code::add, a, b); }
  Value sub(Value a, Value b) override { return record(Code::sub, a, b); }
  Value mul(Value a, Value b) override { return record(Code::mul, a, b); }
  Value div(Value a, Value b) override { return record(Code::div, a, b); }
  Value fma(Value a, Value b, Value c) override { return record(Code::fma, a, b, c); }
  Value neg(Value a) override { return record(Code::neg, a); }
  Value abs(Value a) override { return record(Code::abs, a); }
  Value sqrt(Value a) override { return record(Code::sqrt, a); }
  Value floor(Value a) override { return record(Code::floor, a); }
  Value round(Value a) override { return record(Code::round, a); }
  Value less(Value a, Value b) override { return record(Code::less, a, b); }
  Value less_equal(Value a, Value b) override { return record(Code::less_equal, a, b); }
  Value equal(Value a, Value b) override { return record(Code::equal, a, b); }
  Value not_equal(Value a, Value b) override { return record(Code::not_equal, a, b); }
  Value logical_and(Value a, Value b) override { return record(Code::bit_and, a, b); }
  Value logical_or(Value a, Value b) override { return record(Code::bit_or, a, b); }
  Value logical_not(Value a) override { return record(Code::logical_not, a); }
  Value truth(bool b) override { return record(Code::integer, 0, 0, 0, 0, b); }
  Value select(Value c, Value a, Value b) override { return record(Code::select, c, a, b); }
  Value integer(int64_t x) override { return record(Code::integer, 0, 0, 0, 0, x); }
  Value integer_add(Value a, Value b) override { return record(Code::integer_add, a, b); }
  Value integer_sub(Value a, Value b) override { return record(Code::integer_sub, a, b); }
  Value integer_mul(Value a, Value b) override { return record(Code::integer_mul, a, b); }
  Value integer_divide(Value a, Value b) override { return record(Code::integer_divide, a, b); }
  Value integer_modulo(Value a, Value b) override { return record(Code::integer_modulo, a, b); }
  Value integer_less(Value a, Value b) override { return record(Code::integer_less, a, b); }
  Value integer_equal(Value a, Value b) override { return record(Code::integer_equal, a, b); }
  Value bit_and(Value a, Value b) override { return record(Code::bit_and, a, b); }
  Value bit_or(Value a, Value b) override { return record(Code::bit_or, a, b); }
  Value bit_xor(Value a, Value b) override { return record(Code::bit_xor, a, b); }
  Value shift_left(Value a, int n) override { return record(Code::shift_left, a, 0, 0, 0, n); }
  Value shift_right(Value a, int n) override { return record(Code::shift_right, a, 0, 0, 0, n); }
  Value shift_right_logical(Value a, int n) override {
    return record(Code::shift_right_logical, a, 0, 0, 0, n);
  }
  Value bits(Value a) override { return record(Code::bits, a); }
  Value real_of_bits(Value a) override { return record(Code::real_of_bits, a); }
  Value to_integer(Value a) override { return record(Code::to_integer, a); }
  Value to_real(Value a) override { return record(Code::to_real, a); }
  Value table(std::span<const double> values, Value index) override {
    const Value v = record(Code::table, index);
    steps_.back().table = values;
    return v;
  }
  // Not counted: a target skips it.
  Value rarely(Value condition, Value common, const std::function<Value()>& rare) override {
    const int before = operations();
    const Value value = rare();
    rare_ += operations() - before;
    return select(condition, value, common);
  }
  int rare_operations() const { return rare_; }

 private:
  enum class Code : uint8_t {
    argument,
    real,
    integer,
    add,
    sub,
    mul,
    div,
    fma,
    neg,
    abs,
    sqrt,
    floor,
    round,
    less,
    less_equal,
    equal,
    not_equal,
    logical_not,
    select,
    integer_add,
    integer_sub,
    integer_mul,
    integer_divide,
    integer_modulo,
    integer_less,
    integer_equal,
    bit_and,
    bit_or,
    bit_xor,
    shift_left,
    shift_right,
    shift_right_logical,
    bits,
    real_of_bits,
    to_integer,
    to_real,
    table
  };
  struct Step {
    Code code;
    Value a, b, c;
    double x;
    int64_t n;
    std::span<const double> table;
  };
  // A lane's real and integer (or condition) side by side: which one a step uses, its code says.
  struct Lanes {
    Real r[lanes];
    Integer i[lanes];
    bool real = false;
  };

  Value record(Code code, Value a = 0, Value b = 0, Value c = 0, double x = 0, int64_t n = 0) {
    steps_.push_back({code, a, b, c, x, n, {}});
    return static_cast<Value>(steps_.size() - 1);
  }

  static Integer truncated(Real x) {
    if (std::isnan(x)) return 0;
    const Real limit = std::ldexp(Real(1), 8 * sizeof(Integer) - 1);
    if (x >= limit) return std::numeric_limits<Integer>::max();
    if (x < -limit) return std::numeric_limits<Integer>::min();
    return static_cast<Integer>(x);
  }

  void step(const Step& s, Lanes& out, const Real* const* arguments, int& next) {
    const auto& va = values_[static_cast<size_t>(s.a)];
    const auto& vb = values_[static_cast<size_t>(s.b)];
    const auto& vc = values_[static_cast<size_t>(s.c)];
    const Real *ra = va.r, *rb = vb.r, *rc = vc.r;
    const Integer *ia = va.i, *ib = vb.i;
    const auto reals = [&](auto f) {
      out.real = true;
      for (int l = 0; l < lanes; ++l) out.r[l] = f(l);
    };
    const auto integers = [&](auto f) {
      out.real = false;
      for (int l = 0; l < lanes; ++l) out.i[l] = static_cast<Integer>(f(l));
    };
    const auto u = [](Integer x) { return static_cast<Unsigned>(x); };
    const int n = static_cast<int>(s.n);
    switch (s.code) {
      case Code::argument: {
        const Real* x = arguments[next++];
        return reals([&](int l) { return x[l]; });
      }
      case Code::real:
        return reals([&](int) { return static_cast<Real>(s.x); });
      case Code::integer:
        return integers([&](int) { return s.n; });
      case Code::add:
        return reals([&](int l) { return ra[l] + rb[l]; });
      case Code::sub:
        return reals([&](int l) { return ra[l] - rb[l]; });
      case Code::mul:
        return reals([&](int l) { return ra[l] * rb[l]; });
      case Code::div:
        return reals([&](int l) { return ra[l] / rb[l]; });
      case Code::fma:
        return reals([&](int l) { return std::fma(ra[l], rb[l], rc[l]); });
      case Code::neg:
        return reals([&](int l) { return -ra[l]; });
      case Code::abs:
        return reals([&](int l) { return std::fabs(ra[l]); });
      case Code::sqrt:
        return reals([&](int l) { return std::sqrt(ra[l]); });
      case Code::floor:
        return reals([&](int l) { return std::floor(ra[l]); });
      case Code::round:
        return reals([&](int l) { return std::nearbyint(ra[l]); });
      case Code::less:
        return integers([&](int l) { return ra[l] < rb[l]; });
      case Code::less_equal:
        return integers([&](int l) { return ra[l] <= rb[l]; });
      case Code::equal:
        return integers([&](int l) { return ra[l] == rb[l]; });
      case Code::not_equal:
        return integers([&](int l) { return !(ra[l] == rb[l]); });
      case Code::logical_not:
        return integers([&](int l) { return !ia[l]; });
      case Code::select:
        if (vb.real) return reals([&](int l) { return ia[l] ? rb[l] : rc[l]; });
        return integers([&](int l) { return ia[l] ? ib[l] : vc.i[l]; });
      case Code::integer_add:
        return integers([&](int l) { return u(ia[l]) + u(ib[l]); });
      case Code::integer_sub:
        return integers([&](int l) { return u(ia[l]) - u(ib[l]); });
      case Code::integer_mul:
        return integers([&](int l) { return u(ia[l]) * u(ib[l]); });
      case Code::integer_divide:
      case Code::integer_modulo:
        return integers([](int) { return 0; });  // no body uses them
      case Code::integer_less:
        return integers([&](int l) { return ia[l] < ib[l]; });
      case Code::integer_equal:
        return integers([&](int l) { return ia[l] == ib[l]; });
      case Code::bit_and:
        return integers([&](int l) { return ia[l] & ib[l]; });
      case Code::bit_or:
        return integers([&](int l) { return ia[l] | ib[l]; });
      case Code::bit_xor:
        return integers([&](int l) { return ia[l] ^ ib[l]; });
      case Code::shift_left:
        return integers([&](int l) { return u(ia[l]) << n; });
      case Code::shift_right:
        return integers([&](int l) { return ia[l] >> n; });
      case Code::shift_right_logical:
        return integers([&](int l) { return u(ia[l]) >> n; });
      case Code::bits:
        return integers([&](int l) { return std::bit_cast<Integer>(ra[l]); });
      case Code::real_of_bits:
        return reals([&](int l) { return std::bit_cast<Real>(ia[l]); });
      case Code::to_integer:
        return integers([&](int l) { return truncated(ra[l]); });
      case Code::to_real:
        return reals([&](int l) { return static_cast<Real>(ia[l]); });
      case Code::table:
        return reals([&](int l) { return static_cast<Real>(s.table[static_cast<size_t>(ia[l])]); });
    }
  }

  std::vector<Step> steps_;
  std::vector<Lanes> values_;
  int rare_ = 0;
};

}  // namespace nodec::graph::testing
