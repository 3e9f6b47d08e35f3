// Memory, control, calls, tapes and reports, compiled, against the interpreter.
#include <doctest/doctest.h>

#include <functional>

#include "compiler/schedule/builder.hpp"
#include "tests/unit/compiled_batch.hpp"

namespace nodec {
namespace {

using graph::Extent;
using schedule::BufferId;
using schedule::Builder;
using schedule::FunctionId;
using schedule::Kind;
using schedule::Storage;
using schedule::Value;

schedule::Program empty_program(int lanes, bool wide) {
  schedule::Program program;
  program.lanes = lanes;
  program.double_precision = wide;
  return program;
}

FunctionId add_function(schedule::Program& program, const char* name) {
  program.functions.emplace_back().name = name;
  return static_cast<FunctionId>(program.functions.size()) - 1;
}

// Deterministic numbers of both signs.
std::vector<double> numbers(size_t count, int seed) {
  std::vector<double> x(count);
  uint32_t state = 2463534242u + 7919u * seed;
  for (double& value : x) {
    state ^= state << 13, state ^= state >> 17, state ^= state << 5;
    value = float(int32_t(state)) * 0x1p-30f;
  }
  return x;
}

test::CompiledRun check(const schedule::Program& program, const schedule::Batch& batch) {
  REQUIRE(schedule::verify(program) == "");
  const schedule::BatchResult expected = schedule::interpret(program, batch);
  REQUIRE(expected.fault == "");
  // As one module, and as functions of several that call each other.
  test::CompiledRun run;
  const int most = static_cast<int>(std::min<size_t>(program.functions.size(), 3));
  for (int parts = 1; parts <= most; ++parts) {
    CAPTURE(parts);
    std::vector<codegen::Module> modules = codegen::emit_parts(program, codegen::host_target(), parts);
    CHECK(modules.size() == static_cast<size_t>(parts));
    for (const codegen::Module& module : modules) REQUIRE(codegen::verify_llvm(module) == "");
    const auto object = jit::compile(std::move(modules));
    REQUIRE_MESSAGE(object, object.error);
    auto code = jit::load(*object);
    REQUIRE_MESSAGE(code, code.error);
    run = test::run_compiled(program, batch, *code);
    CHECK(test::difference(expected, run.result) == "");
    CHECK(run.guards_intact);
  }
  return run;
}

void for_each_width(const std::function<void(int lanes, bool wide)>& f) {
  for (const bool wide : {false, true}) {
    for (const int lanes : {1, 4, 5, 8, 16}) {
      CAPTURE(lanes);
      CAPTURE(wide);
      f(lanes, wide);
    }
  }
}

TEST_CASE("each storage is found, the last tile is partly idle") {
  for_each_width([](int lanes, bool wide) {
    schedule::Program program = empty_program(lanes, wide);
    program.prologue = add_function(program, "prologue");
    program.pool = add_function(program, "pool");
    program.epilogue = add_function(program, "epilogue");
    const Extent T = Extent::length("T");
    Builder p(program, program.prologue);
    const auto parameters = p.buffer({.name = "w", .storage = Storage::parameter, .size = 3, .offset = 2});
    const auto settings = p.buffer({.name = "dt", .storage = Storage::setting, .size = 1, .offset = 1});
    const auto first = p.buffer({.name = "u", .storage = Storage::uniform, .size = T + 1});
    const auto second = p.buffer({.name = "v", .storage = Storage::uniform, .size = 3});
    p.each(T, [&](Value i) { p.store(first, i, p.mul(p.load(settings, p.index(0)), p.to_real(i))); });
    p.each(3, [&](Value i) { p.store(second, i, p.neg(p.load(parameters, i))); });

    Builder b(program, program.pool);
    const auto data = b.buffer({.name = "x", .lanes = true, .storage = Storage::data, .size = T, .slot = 0});
    const auto shared = b.buffer({.name = "s", .storage = Storage::data, .size = 2, .slot = 1});
    const auto noise =
        b.buffer({.name = "n", .lanes = true, .storage = Storage::noise, .size = 2, .slot = 0});
    const auto output =
        b.buffer({.name = "y", .lanes = true, .storage = Storage::output, .size = T, .slot = 0});
    const auto summed = b.buffer({.name = "a", .storage = Storage::accumulator, .size = T});
    const auto apart = b.buffer({.name = "b", .storage = Storage::accumulator, .size = 2, .unreduced = true});
    b.each(T, [&](Value i) {
      const Value x = b.add(b.load(data, i), b.load(first, i));
      b.store(output, i, b.mul(x, b.load(second, b.index(2))));
      b.accumulate(summed, i, b.select(b.live(), x, b.real(0)));
    });
    for (int i = 0; i < 2; ++i) {
      const Value x = b.mul(b.load(shared, b.index(i)), b.load(noise, b.index(1 - i)));
      b.accumulate(apart, b.index(i), b.select(b.live(), x, b.real(0)));
    }
    Builder e(program, program.epilogue);
    const auto totals = e.buffer({.name = "t", .storage = Storage::total, .size = 4, .offset = 1});
    e.store(totals, e.index(0), e.load(summed, e.index(4)));
    e.store(totals, e.index(1), e.load(apart, e.index(0)));
    e.store(totals, e.index(2), e.mul(e.load(apart, e.index(1)), e.load(second, e.index(0))));
    e.store(totals, e.index(3), e.load(first, e.index(2)));
    schedule::Batch batch;
    batch.samples = 2 * lanes + lanes / 2 + 1;
    const size_t n = batch.samples;
    batch.lengths = {5};
    batch.parameters = numbers(5, 1);
    batch.settings = numbers(2, 2);
    batch.data = {numbers(n * 5, 3), numbers(2, 4)};
    batch.noise = {numbers(n * 2, 5)};
    check(program, batch);
  });
}

TEST_CASE("frames on the stack and in the arena survive calls, down to the last byte") {
  for_each_width([](int lanes, bool wide) {
    schedule::Program program = empty_program(lanes, wide);
    const FunctionId pool = program.pool = add_function(program, "pool");
    const FunctionId middle = add_function(program, "middle"), leaf = add_function(program, "leaf");
    const Extent T = Extent::length("T");
    const auto argument = [&](Builder& b, const char* name, int slot) {
      const auto id =
          b.buffer({.name = name, .lanes = true, .storage = Storage::argument, .size = 2, .slot = slot});
      program.functions[b.function()].arguments.push_back(id);
      return id;
    };
    // Fills memory of its own to the end, then y = −x.
    Builder l(program, leaf);
    const auto lx = argument(l, "x", 0), ly = argument(l, "y", 1);
    const auto scratch = l.frame("scratch", 3 * T + 1);
    const auto table_frame = l.frame("plain", T, false);
    l.fill(scratch, l.index(0), l.extent(3 * T + 1), l.real(3));
    l.fill(table_frame, l.index(0), l.extent(T), l.real(0));
    for (int i = 0; i < 2; ++i) l.store(ly, l.index(i), l.neg(l.load(lx, l.index(i))));

    Builder m(program, middle);
    const auto mx = argument(m, "x", 0), my = argument(m, "y", 1);
    const auto kept = m.frame("kept", T * T), small = m.frame("small", 2), big = m.frame("big", 1024);
    m.each(T * T, [&](Value i) { m.store(kept, i, m.mul(m.load(mx, m.index(0)), m.to_real(i))); });
    m.fill(big, m.index(0), m.index(1024), m.real(-1));
    m.call(leaf, {{mx, m.index(0)}, {small, m.index(0)}});
    m.call(leaf, {{small, m.index(0)}, {my, m.index(0)}});
    m.store(my, m.index(1), m.add(m.load(kept, m.extent(T * T - 1)), m.load(big, m.index(1023))));

    Builder b(program, pool);
    const auto data = b.buffer({.name = "x", .lanes = true, .storage = Storage::data, .size = 6});
    const auto output = b.buffer({.name = "y", .lanes = true, .storage = Storage::output, .size = 2});
    const auto frame = b.frame("frame", 6 * T), result = b.frame("result", 7);
    b.copy(frame, b.extent(6 * T - 6), data, b.index(0), b.index(6));
    b.call(middle, {{frame, b.extent(6 * T - 2)}, {result, b.index(5)}});
    b.copy(output, b.index(0), result, b.index(5), b.index(2));
    schedule::Batch batch;
    batch.samples = lanes + 1;
    batch.data = {numbers(batch.samples * 6, 1)};
    for (const int64_t length : {1, 3, 64}) {
      batch.lengths = {length};
      const test::CompiledRun run = check(program, batch);
      CHECK(run.sizes.arena_bytes > 0);
    }
  });
}

TEST_CASE("samples' arrays are made contiguous for callees") {
  for_each_width([](int lanes, bool wide) {
    schedule::Program program = empty_program(lanes, wide);
    const FunctionId pool = program.pool = add_function(program, "pool");
    const FunctionId callee = add_function(program, "callee");
    Builder c(program, callee);
    for (int slot = 0; slot < 2; ++slot) {
      program.functions[callee].arguments.push_back(
          c.buffer({.name = "a", .lanes = true, .storage = Storage::argument, .size = 2, .slot = slot}));
    }
    const auto& arguments = program.functions[callee].arguments;
    c.store(arguments[1], c.index(0), c.mul(c.load(arguments[0], c.index(1)), c.real(2)));
    Builder b(program, pool);
    const auto data = b.buffer({.name = "x", .lanes = true, .storage = Storage::data, .size = 3});
    const auto output = b.buffer({.name = "y", .lanes = true, .storage = Storage::output, .size = 2});
    const auto result = b.frame("result", 1);
    b.call(callee, {{data, b.index(1)}, {result, b.index(0)}});
    b.store(output, b.index(0), b.load(result, b.index(0)));
    b.store(output, b.index(1), b.load(data, b.index(0)));
    schedule::Batch batch;
    batch.samples = lanes + 2;
    batch.data = {numbers(batch.samples * 3, 1)};
    check(program, batch);
  });
}

TEST_CASE("each lane reads and writes its own element") {
  for_each_width([](int lanes, bool wide) {
    schedule::Program program = empty_program(lanes, wide);
    program.pool = add_function(program, "pool");
    Builder b(program, program.pool);
    const auto data = b.buffer({.name = "x", .lanes = true, .storage = Storage::data, .size = 4, .slot = 0});
    const auto shared = b.buffer({.name = "s", .storage = Storage::data, .size = 4, .slot = 1});
    const auto output = b.buffer({.name = "y", .lanes = true, .storage = Storage::output, .size = 16});
    const auto sum = b.buffer({.name = "sum", .storage = Storage::accumulator, .size = 4});
    const auto apart =
        b.buffer({.name = "apart", .storage = Storage::accumulator, .size = 4, .unreduced = true});
    const auto frame = b.frame("frame", 4), whole = b.frame("whole", 4, true, Kind::integer),
               flags = b.frame("flags", 1, true, Kind::boolean), plain = b.frame("plain", 4, false);
    const Value i =
        b.integer_modulo(b.integer_add(b.lane(), b.to_integer(b.load(data, b.index(0)))), b.integer(4));
    b.fill(frame, b.index(0), b.index(4), b.real(0.5));
    b.fill(whole, b.index(0), b.index(4), b.integer(-9));
    b.copy(plain, b.index(0), shared, b.index(0), b.index(4));
    const Value x = b.load(data, i);
    const Value mask = b.less(x, b.real(0));
    b.store(flags, b.index(0), mask);
    b.store(frame, i, x);
    b.store(whole, i, i);
    b.store_masked(frame, b.integer_modulo(b.integer_add(i, b.integer(1)), b.integer(4)), b.load(shared, i),
                   b.load(flags, b.index(0)));
    b.store_masked(frame, b.index(0), b.load(plain, i), b.logical_not(mask));
    b.accumulate(frame, i, x);
    b.accumulate(frame, b.index(2), b.real(1));
    for (int e = 0; e < 4; ++e) {
      b.store(output, b.index(e), b.load(frame, b.index(e)));
      b.store(output, b.index(4 + e), b.to_real(b.load(whole, b.index(e))));
    }
    b.fill(output, b.index(8), b.index(8), b.real(7));
    b.store(output, b.integer_add(i, b.integer(8)), x);
    b.store_masked(output, b.integer_add(i, b.integer(12)), x, mask);
    b.store_masked(output, b.index(15), x, mask);
    const Value contribution = b.select(b.live(), x, b.real(0));
    b.accumulate(sum, i, contribution);
    b.accumulate(apart, i, contribution);
    program.epilogue = add_function(program, "epilogue");
    Builder e(program, program.epilogue);
    const auto totals = e.buffer({.name = "t", .storage = Storage::total, .size = 8});
    e.each(4, [&](Value k) {
      e.store(totals, k, e.load(sum, k));
      e.store(totals, e.integer_add(k, e.index(4)), e.load(apart, k));
    });
    schedule::Batch batch;
    batch.samples = 2 * lanes - 1;
    batch.data = {numbers(batch.samples * 4, 6), numbers(4, 7)};
    check(program, batch);
  });
}

TEST_CASE("loops, branches and lanes that finish one by one") {
  for_each_width([](int lanes, bool wide) {
    schedule::Program program = empty_program(lanes, wide);
    program.pool = add_function(program, "pool");
    Builder b(program, program.pool);
    const auto data = b.buffer({.name = "x", .lanes = true, .storage = Storage::data, .size = 1});
    const auto output = b.buffer({.name = "y", .lanes = true, .storage = Storage::output, .size = 4});
    const auto state = b.frame("state", 3), counter = b.frame("counter", 1, false, Kind::index);
    const Value x = b.load(data, b.index(0));
    b.store(state, b.index(0), b.abs(x));
    b.store(state, b.index(1), b.real(0));
    b.iterate([&] { return b.less(b.load(state, b.index(0)), b.real(100)); },
              [&] {
                const Value z = b.load(state, b.index(0));
                const Value going = b.less(z, b.real(100));
                b.store(state, b.index(0), b.select(going, b.fma(z, b.real(1.5), b.real(1)), z));
                b.store(state, b.index(1),
                        b.add(b.load(state, b.index(1)), b.select(going, b.real(1), b.real(0))));
              });
    b.store(counter, b.index(0), b.index(0));
    b.while_loop(
        [&] { return b.integer_less(b.load(counter, b.index(0)), b.index(5)); },
        [&] { b.store(counter, b.index(0), b.integer_add(b.load(counter, b.index(0)), b.index(2))); });
    b.store(state, b.index(2), b.to_real(b.load(counter, b.index(0))));
    b.if_then(
        b.any(b.less(x, b.real(-0.5))), [&] { b.store(output, b.index(3), b.real(1)); },
        [&] { b.store(output, b.index(3), b.real(2)); });
    b.if_then(b.integer_less(b.load(counter, b.index(0)), b.index(0)),
              [&] { b.store(state, b.index(2), b.real(-1)); });
    b.for_loop(b.index(3), b.index(3), [&](Value i) { b.store(state, i, b.real(-5)); });
    b.copy(output, b.index(0), state, b.index(0), b.index(3));
    schedule::Batch batch;
    batch.samples = 3 * lanes;
    batch.data = {numbers(batch.samples, 8)};
    check(program, batch);
  });
}

// Writes three growing entries a sample and reads them back last to first.
schedule::Program tape_program(int lanes, bool wide) {
  schedule::Program program = empty_program(lanes, wide);
  program.pool = add_function(program, "pool");
  const FunctionId writer = add_function(program, "writer");
  const Extent T = Extent::length("T");
  Builder w(program, writer);
  const auto value =
      w.buffer({.name = "value", .lanes = true, .storage = Storage::argument, .size = 1, .slot = 0});
  program.functions[writer].arguments.push_back(value);
  const auto tape =
      w.buffer({.name = "tape", .lanes = true, .storage = Storage::tape, .size = T + 1, .slot = 1});
  w.reserve(tape, w.index(1));
  const Value first = w.integer_mul(w.tape_count(tape), w.extent(T + 1));
  w.each(T + 1, [&](Value i) {
    w.store(tape, w.integer_add(first, i),
            w.add(w.load(value, w.index(0)), w.to_real(w.integer_add(first, i))));
  });
  w.set_tape_count(tape, w.integer_add(w.tape_count(tape), w.index(1)));
  Builder b(program, program.pool);
  const auto data = b.buffer({.name = "x", .lanes = true, .storage = Storage::data, .size = 1});
  const auto output = b.buffer({.name = "y", .lanes = true, .storage = Storage::output, .size = 2});
  const auto frame = b.frame("frame", 1);
  b.store(frame, b.index(0), b.load(data, b.index(0)));
  b.for_loop(b.index(0), b.index(3), [&](Value) { b.call(writer, {{frame, b.index(0)}}); });
  const Value last = b.integer_sub(b.integer_mul(b.tape_count(tape), b.extent(T + 1)), b.index(1));
  b.store(output, b.index(0), b.load(tape, last));
  b.store(output, b.index(1), b.load(tape, b.index(0)));
  return program;
}

TEST_CASE("tapes grow and move") {
  for_each_width([](int lanes, bool wide) {
    schedule::Batch batch;
    batch.samples = 2 * lanes;
    batch.lengths = {4};
    batch.data = {numbers(batch.samples, 9)};
    const test::CompiledRun run = check(tape_program(lanes, wide), batch);
    CHECK(!run.out_of_memory);
  });
}

TEST_CASE("a tape that cannot grow stops the tile") {
  const schedule::Program program = tape_program(8, false);
  auto code = jit::load(codegen::emit(program, codegen::host_target()));
  REQUIRE(code);
  schedule::Batch batch;
  batch.samples = 8;
  batch.lengths = {4};
  batch.data = {numbers(8, 9)};
  const test::CompiledRun run = test::run_compiled(program, batch, *code, 2 * 5 * 8 * 4);
  CHECK(run.out_of_memory);
  for (const double y : run.result.outputs[0]) CHECK(y != y);  // never written
}

TEST_CASE(
    "lanes outside a mask take the rows of the first lane inside it; where there is none, they keep theirs") {
  for_each_width([](int lanes, bool wide) {
    for (const int first : {0, 2, 4, 100}) {
      schedule::Program program = empty_program(lanes, wide);
      program.pool = add_function(program, "pool");
      Builder b(program, program.pool);
      const auto data =
          b.buffer({.name = "x", .lanes = true, .storage = Storage::data, .size = 6, .slot = 0});
      const auto output =
          b.buffer({.name = "y", .lanes = true, .storage = Storage::output, .size = 6, .slot = 0});
      const auto rows = b.frame("rows", 6);
      b.each(6, [&](Value i) { b.store(rows, i, b.load(data, i)); });
      // Lanes first, first + 2, … of those there are.
      const Value from = b.integer_sub(b.lane(), b.integer(first));
      const Value even = b.integer_equal(b.bit_and(from, b.integer(1)), b.integer(0));
      b.lend(rows, b.index(1), b.index(4), b.logical_and(even, b.integer_less(b.integer(-1), from)));
      b.each(6, [&](Value i) { b.store(output, i, b.load(rows, i)); });
      schedule::Batch batch;
      batch.samples = lanes + 1;
      batch.data = {numbers(6 * batch.samples, 5)};
      check(program, batch);
    }
  });
}

TEST_CASE("lengths of samples, with and without lengths of their own") {
  for_each_width([](int lanes, bool wide) {
    schedule::Program program = empty_program(lanes, wide);
    program.ragged = true;
    program.pool = add_function(program, "pool");
    Builder b(program, program.pool);
    const auto output = b.buffer({.name = "y", .lanes = true, .storage = Storage::output, .size = 2});
    const Extent T = Extent::length("T"), U = Extent::length("U");
    b.store(output, b.index(0), b.to_real(b.lane_extent(T * U - 2)));
    b.store(output, b.index(1), b.to_real(b.extent(T + U)));
    schedule::Batch batch;
    batch.samples = lanes + lanes / 2 + 1;
    batch.lengths = {6, 9};
    check(program, batch);
    for (int64_t i = 0; i < 2 * batch.samples; ++i)
      batch.sample_lengths.push_back(static_cast<int32_t>(i % 7));
    check(program, batch);
  });
}

TEST_CASE("the first failure is kept, statistics add up") {
  for_each_width([](int lanes, bool wide) {
    schedule::Program program = empty_program(lanes, wide);
    program.interface.solves.resize(3);
    program.pool = add_function(program, "pool");
    Builder b(program, program.pool);
    const auto data = b.buffer({.name = "x", .lanes = true, .storage = Storage::data, .size = 1});
    const Value x = b.load(data, b.index(0));
    b.fail(1, b.less(x, b.real(-0.5)), b.integer(2), x, b.mul(x, x), b.lane(), b.integer(17));
    b.fail(2, b.less(x, b.real(0)), b.integer(3), b.real(0.1), x, b.integer(-1), b.lane());
    b.statistics(1, b.lane(), b.integer(2), b.to_integer(b.mul(x, b.real(100))));
    b.statistics(2, b.integer(1), b.integer(2), b.integer(3));
    b.statistics(2, b.integer(1), b.lane(), b.integer(3));
    schedule::Batch batch;
    batch.samples = 3 * lanes - 2 > 0 ? 3 * lanes - 2 : 1;
    batch.data = {numbers(batch.samples, 10)};
    check(program, batch);
  });
}

TEST_CASE("a program without functions runs and needs nothing") {
  schedule::Batch batch;
  const test::CompiledRun run = check(empty_program(8, false), batch);
  CHECK(run.sizes.uniforms == 0);
  CHECK(run.sizes.accumulators == 0);
  CHECK(run.sizes.arena_bytes == 0);
}

}  // namespace
}  // namespace nodec
