// The tile interpreter: meanings that other layers rely on, and the faults it finds.
#include "compiler/schedule/interpret.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include "compiler/schedule/builder.hpp"

using namespace nodec::schedule;

namespace {

// One pool function over a per-sample datum [2], with an output [size].
struct Fixture {
  Program program;
  BufferId data = none, output = none;

  explicit Fixture(const std::function<void(Builder&, Fixture&)>& write, int64_t size = 1, int lanes = 4,
                   bool double_precision = true) {
    program.lanes = lanes;
    program.double_precision = double_precision;
    program.functions.push_back({.name = "pool", .arguments = {}, .types = {}, .body = {}});
    program.pool = 0;
    Builder b(program, 0);
    data = b.buffer({.name = "x", .lanes = true, .storage = Storage::data, .size = 2});
    output = b.buffer({.name = "out", .lanes = true, .storage = Storage::output, .size = size});
    write(b, *this);
  }
  Value datum(Builder& b, int64_t i = 0) { return b.load(data, b.index(i)); }
  BatchResult run(std::vector<double> x) {
    Batch batch;
    batch.samples = static_cast<int64_t>(x.size()) / 2;
    batch.parameters = {0};
    batch.data = {std::move(x)};
    return interpret(program, batch);
  }
};

bool mentions(const std::string& text, const std::string& word) {
  return text.find(word) != std::string::npos;
}

}  // namespace

TEST_CASE("idle lanes of the last tile write nothing") {
  Fixture f([](Builder& b, Fixture& f) { b.store(f.output, b.index(0), b.mul(f.datum(b), f.datum(b, 1))); });
  const BatchResult r = f.run({1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  REQUIRE(r.fault == "");
  CHECK(r.outputs[0] == std::vector<double>{2, 12, 30, 56, 90});
}

TEST_CASE("single precision rounds after every operation") {
  Fixture f([](Builder& b,
               Fixture& f) { b.store(f.output, b.index(0), b.fma(f.datum(b), f.datum(b), b.real(-1))); },
            1, 4, false);
  const float x = 1.1f;
  const BatchResult r = f.run({1.1, 0});
  CHECK(r.outputs[0][0] == static_cast<double>(std::fma(x, x, -1.0f)));
}

TEST_CASE("conversion to integers truncates, saturates, and takes not-a-number to zero") {
  Fixture f(
      [](Builder& b, Fixture& f) { b.store(f.output, b.index(0), b.to_real(b.to_integer(f.datum(b)))); }, 1,
      4, false);
  const double inf = std::numeric_limits<double>::infinity();
  const BatchResult r = f.run({-2.7, 0, inf, 0, -inf, 0, std::nan(""), 0});
  CHECK(r.outputs[0] == std::vector<double>{-2, 2147483648.0, -2147483648.0, 0});
}

TEST_CASE("integers of single precision wrap at 32 bits") {
  Fixture f(
      [](Builder& b, Fixture& f) {
        const Value large = b.integer_add(b.to_integer(f.datum(b)), b.integer(2147483647));
        b.store(f.output, b.index(0), b.to_real(large));
      },
      1, 4, false);
  CHECK(f.run({1, 0}).outputs[0][0] == -2147483648.0);
}

TEST_CASE("memory that was never written may be selected away but not used") {
  Fixture away([](Builder& b, Fixture& f) {
    const BufferId frame = b.frame("never", 1);
    b.store(f.output, b.index(0),
            b.select(b.less(f.datum(b), b.real(0)), b.load(frame, b.index(0)), b.real(3)));
  });
  CHECK(away.run({1, 0}).fault == "");
  CHECK(mentions(away.run({-1, 0}).fault, "never written"));
  Fixture vote([](Builder& b, Fixture& f) {
    const BufferId frame = b.frame("never", 1);
    b.if_then(b.any(b.less(b.load(frame, b.index(0)), b.real(0))),
              [&] { b.store(f.output, b.index(0), f.datum(b)); });
  });
  CHECK(mentions(vote.run({1, 0}).fault, "never written"));
}

TEST_CASE("a masked store leaves the other lanes, written or not") {
  Fixture f([](Builder& b, Fixture& f) {
    const BufferId frame = b.frame("row", 1);
    const Value positive = b.less(b.real(0), f.datum(b));
    b.store_masked(frame, b.index(0), f.datum(b, 1), positive);
    b.store(f.output, b.index(0), b.select(positive, b.load(frame, b.index(0)), b.real(-1)));
  });
  const BatchResult r = f.run({1, 5, -1, 6, 2, 7});
  REQUIRE(r.fault == "");
  CHECK(r.outputs[0] == std::vector<double>{5, -1, 7});
}

TEST_CASE("an access outside its buffer is a fault that names it") {
  Fixture row([](Builder& b, Fixture& f) {
    const BufferId frame = b.frame("small", 2);
    b.fill(frame, b.index(0), b.index(2), b.real(0));
    b.for_loop(b.index(0), b.index(3), [&](Value i) { b.store(frame, i, f.datum(b)); });
  });
  CHECK(mentions(row.run({1, 0}).fault, "small"));
  CHECK(mentions(row.run({1, 0}).fault, "outside"));
  Fixture lanes([](Builder& b, Fixture& f) {
    b.store(f.output, b.index(0), b.load(f.data, b.to_integer(f.datum(b))));
  });
  CHECK(lanes.run({0, 5, 1, 6}).outputs[0] == std::vector<double>{0, 6});
  CHECK(mentions(lanes.run({0, 5, 2, 6}).fault, "outside"));
}

TEST_CASE("sums over samples take live lanes only") {
  auto sum = [](bool masked) {
    return [masked](Builder& b, Fixture& f) {
      const BufferId total = b.buffer({.name = "sum", .storage = Storage::accumulator});
      b.accumulate(total, b.index(0), masked ? b.select(b.live(), f.datum(b), b.real(0)) : f.datum(b));
      Program& program = b.program();
      program.functions.push_back({.name = "epilogue", .arguments = {}, .types = {}, .body = {}});
      program.epilogue = 1;
      Builder after(program, 1);
      const BufferId out = after.buffer({.name = "total", .storage = Storage::total});
      after.store(out, after.index(0), after.load(total, after.index(0)));
    };
  };
  Fixture masked(sum(true)), careless(sum(false));
  const BatchResult r = masked.run({1, 0, 2, 0, 3, 0, 4, 0, 5, 0});
  REQUIRE(r.fault == "");
  CHECK(r.totals[0] == 15);
  CHECK(mentions(careless.run({1, 0, 2, 0, 3, 0, 4, 0, 5, 0}).fault, "idle lane"));
}

TEST_CASE("a tape keeps its entries while it grows, and what was not stored is known") {
  auto write = [](bool whole) {
    return [whole](Builder& b, Fixture& f) {
      const BufferId tape = b.buffer({.name = "tape", .lanes = true, .storage = Storage::tape, .size = 2});
      b.for_loop(b.index(0), b.index(100), [&](Value i) {
        b.reserve(tape, b.index(1));
        const Value first = b.integer_mul(b.tape_count(tape), b.index(2));
        b.store(tape, first, b.add(f.datum(b), b.to_real(i)));
        if (whole) b.store(tape, b.integer_add(first, b.index(1)), f.datum(b, 1));
        b.set_tape_count(tape, b.integer_add(b.tape_count(tape), b.index(1)));
      });
      b.store(f.output, b.index(0), b.add(b.load(tape, b.index(2 * 73)), b.load(tape, b.index(2 * 5 + 1))));
    };
  };
  CHECK(Fixture(write(true)).run({1, 0.5, 2, 0.25}).outputs[0] == std::vector<double>{74.5, 75.25});
  CHECK(mentions(Fixture(write(false)).run({1, 0.5}).fault, "never written"));
}

TEST_CASE("the first failure of a sample is the one reported") {
  Fixture f([](Builder& b, Fixture& f) {
    b.program().interface.solves.resize(1);
    const Value negative = b.less(f.datum(b), b.real(0));
    for (int code : {2, 3})
      b.fail(0, negative, b.integer(code), f.datum(b), b.real(0.5), b.integer(1), b.integer(9));
    b.statistics(0, b.integer(7), b.integer(4), b.integer(2));
  });
  const BatchResult r = f.run({1, 0, -2, 0});
  REQUIRE(r.fault == "");
  CHECK(r.status[0].code == 0);
  CHECK(r.status[1].code == 2);
  CHECK(r.status[1].t == -2);
  CHECK(r.status[1].steps == 9);
  CHECK(r.statistics[0].evaluations == 7);
}
