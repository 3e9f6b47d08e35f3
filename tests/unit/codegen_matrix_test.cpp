// The matrix kernels against the interpreter: every remainder of rows, columns and lanes; bits that no width
// changes.
#include <doctest/doctest.h>

#include "compiler/schedule/builder.hpp"
#include "tests/unit/compiled_batch.hpp"

namespace nodec {
namespace {

using schedule::BufferId;
using schedule::Builder;
using schedule::Storage;
using schedule::Value;

std::vector<double> numbers(size_t count, uint32_t seed) {
  std::vector<double> x(count);
  uint32_t state = 88172645u + 104729u * seed;
  for (double& value : x) {
    state ^= state << 13, state ^= state >> 17, state ^= state << 5;
    value = float(int32_t(state)) * 0x1p-31f;
  }
  return x;
}

struct Shape {
  int64_t rows, columns;
};

const Shape shapes[] = {{1, 1},   {2, 3},   {3, 2},  {4, 4},    {5, 7},   {6, 5},
                        {7, 9},   {8, 1},   {9, 8},  {1, 64},   {50, 2},  {2, 50},
                        {64, 64}, {65, 65}, {64, 2}, {13, 129}, {31, 33}, {3, 200}};

// y = Wx + b and y' = Wᵀ-packed product without bias, for every shape, one output after another.
schedule::Program contract_program(int lanes, bool wide) {
  schedule::Program program;
  program.lanes = lanes;
  program.double_precision = wide;
  program.functions.resize(2);
  program.functions[0].name = "prologue";
  program.functions[1].name = "pool";
  program.prologue = 0;
  program.pool = 1;
  Builder p(program, 0), b(program, 1);
  const auto parameters = p.buffer({.name = "w", .storage = Storage::parameter, .size = 5000});
  const auto data = b.buffer({.name = "x", .lanes = true, .storage = Storage::data, .size = 210});
  const auto x = b.frame("x", 210);
  b.copy(x, b.index(0), data, b.index(0), b.index(210));
  int64_t outputs = 0;
  for (const Shape& s : shapes) outputs += 2 * s.rows;
  const auto output = b.buffer({.name = "y", .lanes = true, .storage = Storage::output, .size = outputs});
  const auto y = b.frame("y", 70);
  int64_t at = 0;
  for (const Shape& s : shapes) {
    for (const bool transposed : {false, true}) {
      const auto packed =
          p.buffer({.name = "packed", .storage = Storage::uniform, .size = (s.rows + 3) / 4 * 4 * s.columns});
      p.pack(packed, parameters, p.index(3), s.rows, s.columns, transposed);
      if (transposed) {
        b.contract(y, b.index(1), packed, data, b.index(2), s.rows, s.columns);
      } else {
        b.contract(y, b.index(1), packed, x, b.index(2), s.rows, s.columns, parameters, b.index(11));
      }
      b.copy(output, b.index(at), y, b.index(1), b.index(s.rows));
      at += s.rows;
    }
  }
  return program;
}

TEST_CASE("matrix times vectors, for shapes around the register tile and all widths") {
  for (const bool wide : {false, true}) {
    schedule::Batch batch;
    batch.samples = 33;
    batch.parameters = numbers(5000, 1);
    batch.data = {numbers(batch.samples * 210, 2)};
    std::vector<double> first;
    for (const int lanes : {1, 2, 4, 5, 8, 12, 16, 24, 32}) {
      CAPTURE(lanes);
      CAPTURE(wide);
      const schedule::Program program = contract_program(lanes, wide);
      REQUIRE(schedule::verify(program) == "");
      codegen::Module module = codegen::emit(program, codegen::host_target());
      REQUIRE(codegen::verify_llvm(module) == "");
      auto code = jit::load(std::move(module));
      REQUIRE_MESSAGE(code, code.error);
      const test::CompiledRun run = test::run_compiled(program, batch, *code);
      CHECK(run.guards_intact);
      if (first.empty()) {
        const schedule::BatchResult expected = schedule::interpret(program, batch);
        REQUIRE(expected.fault == "");
        first = expected.outputs[0];
      }
      schedule::BatchResult expected = run.result;
      expected.outputs = {first};
      if (lanes > 1) {
        CHECK(test::difference(expected, run.result) == "");
      } else {
        CHECK(test::distance(expected, run.result) < (wide ? 1e-14 : 1e-5));
      }
    }
  }
}

// Sums of outer products, apart and reduced, for every shape, into the totals.
schedule::Program outer_program(int lanes, bool wide, bool apart) {
  schedule::Program program;
  program.lanes = lanes;
  program.double_precision = wide;
  program.functions.resize(2);
  program.functions[0].name = "pool";
  program.functions[1].name = "epilogue";
  program.pool = 0;
  program.epilogue = 1;
  Builder b(program, 0), e(program, 1);
  const auto data = b.buffer({.name = "x", .lanes = true, .storage = Storage::data, .size = 210});
  const auto x = b.frame("x", 210);
  b.each(210, [&](Value i) { b.store(x, i, b.select(b.live(), b.load(data, i), b.real(0))); });
  int64_t size = 0;
  for (const Shape& s : shapes) size += s.rows * s.columns + 1;
  const auto totals = e.buffer({.name = "t", .storage = Storage::total, .size = size});
  int64_t at = 0;
  for (const Shape& s : shapes) {
    const auto sum = b.buffer(
        {.name = "sum", .storage = Storage::accumulator, .size = s.rows * s.columns + 1, .unreduced = apart});
    b.outer(sum, b.index(1), x, b.index(3), data, b.index(5), s.rows, s.columns);
    e.each(s.rows * s.columns + 1,
           [&](Value i) { e.store(totals, e.integer_add(i, e.index(at)), e.load(sum, i)); });
    at += s.rows * s.columns + 1;
  }
  return program;
}

TEST_CASE("sums of outer products, for shapes around the register tile and all widths") {
  for (const bool wide : {false, true}) {
    for (const bool apart : {false, true}) {
      for (const int lanes : {1, 2, 4, 5, 8, 12, 16, 32}) {
        CAPTURE(lanes);
        CAPTURE(wide);
        CAPTURE(apart);
        const schedule::Program program = outer_program(lanes, wide, apart);
        REQUIRE(schedule::verify(program) == "");
        codegen::Module module = codegen::emit(program, codegen::host_target());
        REQUIRE(codegen::verify_llvm(module) == "");
        auto code = jit::load(std::move(module));
        REQUIRE_MESSAGE(code, code.error);
        schedule::Batch batch;
        batch.samples = 2 * lanes - lanes / 3;
        batch.data = {numbers(batch.samples * 210, 4)};
        const schedule::BatchResult expected = schedule::interpret(program, batch);
        REQUIRE(expected.fault == "");
        const test::CompiledRun run = test::run_compiled(program, batch, *code);
        CHECK(test::difference(expected, run.result) == "");
        CHECK(run.guards_intact);
      }
    }
  }
}

TEST_CASE("the code of a matrix kernel does not grow with the matrix") {
  const auto bytes = [](int64_t rows, int64_t columns) {
    schedule::Program program;
    program.lanes = 16;
    program.functions.resize(1);
    program.functions[0].name = "pool";
    program.pool = 0;
    Builder b(program, 0);
    const auto packed = b.buffer({.name = "w", .storage = Storage::uniform, .size = rows * columns});
    const auto x = b.frame("x", columns), y = b.frame("y", rows);
    b.contract(y, b.index(0), packed, x, b.index(0), rows, columns);
    const auto object = jit::compile(codegen::emit(program, codegen::host_target()));
    return object.value ? object.value->code_bytes : 0;
  };
  CHECK(bytes(8, 8) > 0);
  CHECK(bytes(1024, 1024) < bytes(8, 8) + 200);
}

}  // namespace
}  // namespace nodec
