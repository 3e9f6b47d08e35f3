// Loops over one sample's elements, several at a time, against the interpreter that runs them one by one.
#include <doctest/doctest.h>

#include "compiler/codegen/widening.hpp"
#include "compiler/schedule/builder.hpp"
#include "tests/unit/compiled_batch.hpp"

namespace nodec {
namespace {

using schedule::BufferId;
using schedule::Builder;
using schedule::Opcode;
using schedule::Storage;
using schedule::Value;

constexpr int64_t size = 300, samples = 3;

// One function `pool` of a loop over `count` elements; x are data, y is stored and put out.
struct Loop {
  schedule::Program program;
  BufferId x, y;

  Loop(int64_t first, int64_t count, bool wide,
       const std::function<void(Builder&, BufferId x, BufferId y, Value i)>& body) {
    program.lanes = 1;
    program.double_precision = wide;
    program.functions.resize(1);
    program.functions[0].name = "pool";
    program.pool = 0;
    Builder b(program, 0);
    x = b.buffer({.name = "x", .lanes = true, .storage = Storage::data, .size = size});
    const auto output = b.buffer({.name = "out", .lanes = true, .storage = Storage::output, .size = size});
    y = b.frame("y", size);
    b.fill(y, b.index(0), b.index(size), b.real(0.5));
    b.for_loop(b.index(first), b.index(first + count), [&](Value i) { body(b, x, y, i); });
    b.copy(output, b.index(0), y, b.index(0), b.index(size));
  }

  bool widened() const {
    const schedule::Function& pool = program.functions[0];
    for (const schedule::Instruction& i : pool.body) {
      if (i.opcode == Opcode::for_loop)
        return codegen::widen(program, codegen::definitions_of(pool), {}, i).has_value();
    }
    return false;
  }
};

void check(const schedule::Program& program, double tolerance = 0) {
  REQUIRE(schedule::verify(program) == "");
  schedule::Batch batch;
  batch.samples = samples;
  std::vector<double> x;
  for (int64_t i = 0; i < samples * size; ++i) x.push_back(static_cast<double>((i * 7919) % 203) / 64 - 1.5);
  batch.data = {x};
  const schedule::BatchResult expected = schedule::interpret(program, batch);
  REQUIRE(expected.fault == "");
  for (const int bits : {128, 256, 512}) {
    codegen::Target target = codegen::host_target();
    if (bits > target.vector_bits) continue;
    target.vector_bits = bits;
    CAPTURE(bits);
    codegen::Module module = codegen::emit(program, target);
    REQUIRE(codegen::verify_llvm(module) == "");
    auto code = jit::load(std::move(module));
    REQUIRE_MESSAGE(code, code.error);
    const test::CompiledRun run = test::run_compiled(program, batch, *code);
    CHECK(run.guards_intact);
    if (tolerance == 0)
      CHECK(test::difference(expected, run.result) == "");
    else
      CHECK(test::distance(expected, run.result) < tolerance);
  }
}

const int64_t counts[] = {1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 65, 100};

TEST_CASE("arithmetic on rows: the interpreter's bits for every remainder") {
  for (const bool wide : {false, true}) {
    for (const int64_t count : counts) {
      CAPTURE(count);
      const Loop loop(3, count, wide, [](Builder& b, BufferId x, BufferId y, Value i) {
        const Value a = b.load(x, i), c = b.load(x, b.integer_add(i, b.index(150)));
        const Value fixed = b.load(x, b.index(1));
        const Value r = b.fma(a, c, b.div(fixed, b.sqrt(b.abs(c))));
        b.store(y, i, b.select(b.less(a, c), r, b.floor(a)));
      });
      CHECK(loop.widened());
      check(loop.program);
    }
  }
}

TEST_CASE("a row that is read and stored at the same place, and one beside it that is only read") {
  const Loop loop(0, 77, false, [](Builder& b, BufferId x, BufferId y, Value i) {
    b.store(y, i, b.add(b.load(y, i), b.load(x, i)));
    b.store_masked(y, i, b.mul(b.load(y, i), b.real(3)), b.less(b.load(x, i), b.real(0)));
    b.accumulate(y, b.integer_add(i, b.index(100)), b.load(x, i));
    b.store(y, b.integer_add(i, b.index(200)), b.load(x, b.integer_add(i, b.index(1))));
  });
  CHECK(loop.widened());
  check(loop.program);
}

TEST_CASE("strided and computed indices are gathered") {
  const Loop loop(2, 45, false, [](Builder& b, BufferId x, BufferId y, Value i) {
    const Value backward = b.integer_sub(b.index(120), b.integer_mul(i, b.index(2)));
    const Value clamped = b.max(b.min(b.integer_add(i, b.index(-9)), b.index(20)), b.index(0));
    const Value number = b.to_real(b.integer_of(b.integer_mul(i, b.index(3))));
    b.store(y, i, b.fma(b.load(x, backward), number, b.load(x, clamped)));
  });
  CHECK(loop.widened());
  check(loop.program);
}

TEST_CASE("what an iteration takes from another's memory runs one by one") {
  const std::vector<std::function<void(Builder&, BufferId, BufferId, Value)>> bodies = {
      [](Builder& b, BufferId, BufferId y, Value i) {  // carried along
        b.store(y, b.integer_add(i, b.index(1)), b.mul(b.load(y, i), b.real(1.25)));
      },
      [](Builder& b, BufferId x, BufferId y, Value i) {  // one place, read by the next
        b.store(y, b.index(0), b.sub(b.load(x, i), b.load(y, b.index(0))));
      },
      [](Builder& b, BufferId x, BufferId y, Value i) {  // two strides meet
        b.store(y, i, b.add(b.load(x, i), b.load(y, b.integer_mul(i, b.index(2)))));
      },
      [](Builder& b, BufferId x, BufferId y, Value i) {  // not a row
        b.store(y, b.integer_mul(i, b.index(2)), b.load(x, i));
      },
      [](Builder& b, BufferId x, BufferId y, Value i) {  // reads what an earlier one stored
        const Value before = b.load(y, b.integer_add(i, b.index(5)));
        b.store(y, i, b.load(x, i));
        b.store(y, b.integer_add(i, b.index(7)), before);
      },
  };
  for (size_t n = 0; n < bodies.size(); ++n) {
    CAPTURE(n);
    const Loop loop(1, 60, false, bodies[n]);
    CHECK_FALSE(loop.widened());
    check(loop.program);
  }
}

TEST_CASE("rows of one buffer that are further apart than the loop is long do not meet") {
  const Loop loop(0, 50, true, [](Builder& b, BufferId x, BufferId y, Value i) {
    b.store(y, b.integer_add(i, b.index(50)), b.add(b.load(y, i), b.load(x, i)));
  });
  CHECK(loop.widened());
  check(loop.program);
}

TEST_CASE("sums of a loop, masked ones too, agree to rounding") {
  for (const bool wide : {false, true}) {
    for (const int64_t count : counts) {
      CAPTURE(count);
      schedule::Program program;
      program.lanes = 1;
      program.double_precision = wide;
      program.functions.resize(1);
      program.functions[0].name = "pool";
      program.pool = 0;
      Builder b(program, 0);
      const auto x = b.buffer({.name = "x", .lanes = true, .storage = Storage::data, .size = size});
      const auto output = b.buffer({.name = "out", .lanes = true, .storage = Storage::output, .size = 3});
      BufferId sums[3];
      for (int n = 0; n < 3; ++n) {
        sums[n] = b.frame("sum", 1);
        b.store(sums[n], b.index(0), b.real(n + 1));
      }
      b.for_loop(b.index(0), b.index(count), [&](Value i) {
        const Value a = b.load(x, i), c = b.load(x, b.integer_add(i, b.index(100)));
        Value before[3];
        for (int n = 0; n < 3; ++n) before[n] = b.load(sums[n], b.index(0));
        b.store(sums[0], b.index(0), b.add(before[0], a));
        b.store(sums[1], b.index(0), b.fma(a, c, before[1]));
        b.store(sums[2], b.index(0), b.select(b.less(a, c), b.fma(a, a, before[2]), before[2]));
      });
      for (int n = 0; n < 3; ++n) b.store(output, b.index(n), b.load(sums[n], b.index(0)));
      check(program, wide ? 1e-13 : 1e-5);
    }
  }
}

}  // namespace
}  // namespace nodec
