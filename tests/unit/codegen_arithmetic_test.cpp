// Every instruction without memory, compiled, against the interpreter: special values, both precisions, many
// widths.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "compiler/schedule/builder.hpp"
#include "tests/unit/compiled_batch.hpp"

namespace nodec {
namespace {

using schedule::Builder;
using schedule::Kind;
using schedule::Storage;
using schedule::Value;

std::vector<double> special_values(bool wide) {
  const double tiny =
      wide ? std::numeric_limits<double>::denorm_min() : double(std::numeric_limits<float>::denorm_min());
  const double least = wide ? std::numeric_limits<double>::min() : double(std::numeric_limits<float>::min());
  const double most = wide ? std::numeric_limits<double>::max() : double(std::numeric_limits<float>::max());
  const double infinity = std::numeric_limits<double>::infinity();
  return {0.0,   -0.0,  1,         -1,   2,     -3,       0.5,       -0.5,          1.5,          -1.5,
          2.5,   0.1,   7,         -7,   1e10,  -1e10,    3e9,       -2147483648.0, 2147483648.0, tiny,
          -tiny, least, least / 2, most, -most, infinity, -infinity, std::nan(""),  9.3e18,       -9.3e18};
}

struct Case {
  const char* name;
  std::function<Value(Builder&, Value, Value, Value)> body;  // reals to a real
};

Value of_condition(Builder& b, Value c) { return b.select(c, b.real(1), b.real(0)); }

// Values as they are would overflow integers at once; small ones reach every sign.
Value small(Builder& b, Value x) { return b.to_integer(x); }

std::vector<Case> cases() {
  return {
      {"add", [](Builder& b, Value x, Value y, Value) { return b.add(x, y); }},
      {"sub", [](Builder& b, Value x, Value y, Value) { return b.sub(x, y); }},
      {"mul", [](Builder& b, Value x, Value y, Value) { return b.mul(x, y); }},
      {"div", [](Builder& b, Value x, Value y, Value) { return b.div(x, y); }},
      {"fma", [](Builder& b, Value x, Value y, Value z) { return b.fma(x, y, z); }},
      {"mul and add stay apart", [](Builder& b, Value x, Value y, Value z) { return b.add(b.mul(x, y), z); }},
      {"neg", [](Builder& b, Value x, Value, Value) { return b.neg(x); }},
      {"abs", [](Builder& b, Value x, Value, Value) { return b.abs(x); }},
      {"sqrt", [](Builder& b, Value x, Value, Value) { return b.sqrt(x); }},
      {"floor", [](Builder& b, Value x, Value, Value) { return b.floor(x); }},
      {"round", [](Builder& b, Value x, Value, Value) { return b.round(x); }},
      {"min", [](Builder& b, Value x, Value y, Value) { return b.min(x, y); }},
      {"max", [](Builder& b, Value x, Value y, Value) { return b.max(x, y); }},
      {"less", [](Builder& b, Value x, Value y, Value) { return of_condition(b, b.less(x, y)); }},
      {"less_equal", [](Builder& b, Value x, Value y, Value) { return of_condition(b, b.less_equal(x, y)); }},
      {"equal", [](Builder& b, Value x, Value y, Value) { return of_condition(b, b.equal(x, y)); }},
      {"not_equal", [](Builder& b, Value x, Value y, Value) { return of_condition(b, b.not_equal(x, y)); }},
      {"clamp keeps NaN",
       [](Builder& b, Value x, Value, Value) { return b.select(b.less(b.real(9), x), b.real(9), x); }},
      {"logic",
       [](Builder& b, Value x, Value y, Value z) {
         const Value p = b.less(x, y), q = b.equal(y, z);
         return of_condition(
             b, b.logical_or(b.logical_and(p, b.logical_not(q)), b.logical_and(q, b.truth(true))));
       }},
      {"select of integers",
       [](Builder& b, Value x, Value y, Value) {
         return b.to_real(b.select(b.less(x, y), small(b, x), b.integer(-4)));
       }},
      {"select of conditions",
       [](Builder& b, Value x, Value y, Value z) {
         return of_condition(b, b.select(b.less(x, y), b.less(y, z), b.truth(false)));
       }},
      {"to_integer", [](Builder& b, Value x, Value, Value) { return b.to_real(b.to_integer(x)); }},
      {"bits", [](Builder& b, Value x, Value, Value) { return b.to_real(b.bits(x)); }},
      {"real_of_bits",
       [](Builder& b, Value x, Value, Value) { return b.real_of_bits(b.bit_xor(b.bits(x), b.integer(5))); }},
      {"integer_add", [](Builder& b, Value x, Value y,
                         Value) { return b.to_real(b.integer_add(small(b, x), small(b, y))); }},
      {"integer_sub", [](Builder& b, Value x, Value y,
                         Value) { return b.to_real(b.integer_sub(small(b, x), small(b, y))); }},
      {"integer_mul", [](Builder& b, Value x, Value y,
                         Value) { return b.to_real(b.integer_mul(small(b, x), small(b, y))); }},
      {"integer_divide", [](Builder& b, Value x, Value y,
                            Value) { return b.to_real(b.integer_divide(small(b, x), small(b, y))); }},
      {"integer_modulo", [](Builder& b, Value x, Value y,
                            Value) { return b.to_real(b.integer_modulo(small(b, x), small(b, y))); }},
      {"integer_divide by 3", [](Builder& b, Value x, Value,
                                 Value) { return b.to_real(b.integer_divide(small(b, x), b.integer(3))); }},
      {"integer_modulo by -4", [](Builder& b, Value x, Value,
                                  Value) { return b.to_real(b.integer_modulo(small(b, x), b.integer(-4))); }},
      {"integer_less", [](Builder& b, Value x, Value y,
                          Value) { return of_condition(b, b.integer_less(small(b, x), small(b, y))); }},
      {"integer_equal", [](Builder& b, Value x, Value y,
                           Value) { return of_condition(b, b.integer_equal(small(b, x), small(b, y))); }},
      {"bit_and",
       [](Builder& b, Value x, Value y, Value) { return b.to_real(b.bit_and(b.bits(x), b.bits(y))); }},
      {"bit_or",
       [](Builder& b, Value x, Value y, Value) { return b.to_real(b.bit_or(b.bits(x), b.bits(y))); }},
      {"shift_left", [](Builder& b, Value x, Value, Value) { return b.to_real(b.shift_left(b.bits(x), 7)); }},
      {"shift_right",
       [](Builder& b, Value x, Value, Value) { return b.to_real(b.shift_right(b.bits(x), 9)); }},
      {"shift_right_logical",
       [](Builder& b, Value x, Value, Value) { return b.to_real(b.shift_right_logical(b.bits(x), 9)); }},
      {"lane_sum", [](Builder& b, Value x, Value, Value) { return b.splat(b.lane_sum(x)); }},
      {"any",
       [](Builder& b, Value x, Value y, Value) { return b.splat(of_condition(b, b.any(b.less(x, y)))); }},
      {"largest",
       [](Builder& b, Value x, Value, Value) { return b.splat(b.to_real(b.largest(small(b, x)))); }},
      {"lane", [](Builder& b, Value, Value, Value) { return b.to_real(b.lane()); }},
      {"live", [](Builder& b, Value, Value, Value) { return of_condition(b, b.live()); }},
      {"table",
       [](Builder& b, Value x, Value, Value) {
         const double values[] = {0.1, -2, 1e30, 7};
         return b.table(values, b.integer_modulo(small(b, x), b.integer(4)));
       }},
  };
}

// Computes all cases of three values a sample.
schedule::Program program_of(int lanes, bool wide) {
  schedule::Program program;
  program.lanes = lanes;
  program.double_precision = wide;
  program.functions.emplace_back().name = "pool";
  program.pool = 0;
  Builder b(program, 0);
  const auto data = b.buffer({.name = "x", .lanes = true, .storage = Storage::data, .size = 3});
  const Value x = b.load(data, b.index(0)), y = b.load(data, b.index(1)), z = b.load(data, b.index(2));
  const std::vector<Case> all = cases();
  const auto output = b.buffer({.name = "results",
                                .lanes = true,
                                .storage = Storage::output,
                                .size = static_cast<int64_t>(all.size())});
  for (size_t n = 0; n < all.size(); ++n) {
    b.store(output, b.index(static_cast<int64_t>(n)), all[n].body(b, x, y, z));
  }
  return program;
}

void check(int lanes, bool wide, const codegen::Target& target) {
  CAPTURE(lanes);
  CAPTURE(wide);
  const schedule::Program program = program_of(lanes, wide);
  REQUIRE(schedule::verify(program) == "");
  codegen::Module module = codegen::emit(program, target);
  REQUIRE(codegen::verify_llvm(module) == "");
  auto code = jit::load(std::move(module));
  REQUIRE_MESSAGE(code, code.error);
  schedule::Batch batch;
  batch.data.resize(1);
  const std::vector<double> values = special_values(wide);
  for (size_t i = 0; i < values.size(); ++i) {
    for (size_t j = 0; j < values.size(); ++j) {
      for (const double x : {values[i], values[j], values[(3 * i + 5 * j) % values.size()]})
        batch.data[0].push_back(x);
    }
  }
  batch.samples = static_cast<int64_t>(batch.data[0].size() / 3);
  const schedule::BatchResult expected = schedule::interpret(program, batch);
  REQUIRE(expected.fault == "");
  const test::CompiledRun run = test::run_compiled(program, batch, *code);
  const std::vector<Case> all = cases();
  for (size_t i = 0; i < expected.outputs[0].size(); ++i) {
    const double a = expected.outputs[0][i], c = run.result.outputs[0][i];
    if (test::same_bits(a, c)) continue;
    const size_t sample = i / all.size();
    FAIL_CHECK(all[i % all.size()].name
               << " of " << batch.data[0][3 * sample] << ", " << batch.data[0][3 * sample + 1] << ", "
               << batch.data[0][3 * sample + 2] << ": expected " << a << ", got " << c);
    break;
  }
  CHECK(run.guards_intact);
}

TEST_CASE("compiled arithmetic has the interpreter's bits") {
  for (const bool wide : {false, true}) {
    for (const int lanes : {1, 4, 8, 16}) check(lanes, wide, codegen::host_target());
  }
}

TEST_CASE("compiled arithmetic has the interpreter's bits for lanes that fill no register") {
  check(3, false, codegen::host_target());
  check(6, true, codegen::host_target());
}

TEST_CASE("a processor without fused multiply-add or rounding instructions computes the same bits") {
  codegen::Target target = codegen::host_target();
  if (target.triple.starts_with("x86_64")) {
    target.cpu = "x86-64";
    target.features = "";
    target.vector_bits = 128;
    check(8, false, target);
    check(4, true, target);
  }
}

}  // namespace
}  // namespace nodec
