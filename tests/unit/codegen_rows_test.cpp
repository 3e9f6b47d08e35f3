// Which rows code reads, may write and replaces, and where that cuts the function of a tile.
#include <doctest/doctest.h>

#include "compiler/codegen/layout.hpp"
#include "compiler/schedule/builder.hpp"

namespace nodec::codegen {
namespace {

using namespace schedule;

RowSet rows(std::initializer_list<RowSet::Range> ranges) {
  RowSet set;
  for (const RowSet::Range& range : ranges) set.add(range);
  return set;
}

FunctionId add_function(Program& program, const std::string& name) {
  program.functions.push_back({.name = name, .arguments = {}, .types = {}, .body = {}});
  return static_cast<FunctionId>(program.functions.size()) - 1;
}

TEST_CASE("sets of rows join what touches and keep apart what does not") {
  CHECK(rows({{0, 2}, {4, 6}, {2, 4}}).ranges() == std::vector<RowSet::Range>{{0, 6}});
  CHECK(rows({{5, 5}}).empty());
  CHECK(rows({{8, 9}, {0, 2}}).ranges() == std::vector<RowSet::Range>{{0, 2}, {8, 9}});
  CHECK(rows({{0, 10}}).without(rows({{2, 3}, {8, 12}})).ranges() ==
        std::vector<RowSet::Range>{{0, 2}, {3, 8}});
  CHECK(rows({{0, 4}, {6, 9}}).within(rows({{3, 7}})).ranges() == std::vector<RowSet::Range>{{3, 4}, {6, 7}});
  CHECK(rows({{0, 4}}).covers({1, 4}));
  CHECK(!rows({{0, 4}, {5, 8}}).covers({3, 6}));
}

struct Written {
  Program program;
  FunctionId function = add_function(program, "pool");
  Builder b{program, function};
  BufferId a = b.frame("a", 8), c = b.frame("c", 8);

  Touches touches() { return RowReader(program).touches(function, program.functions[function].body); }
};

TEST_CASE("a row that is stored before it is loaded is not read") {
  Written w;
  w.b.store(w.a, w.b.index(1), w.b.real(1));
  w.b.load(w.a, w.b.index(1));
  w.b.load(w.a, w.b.index(2));
  const Touched a = w.touches()[w.a];
  CHECK(a.read.ranges() == std::vector<RowSet::Range>{{2, 3}});
  CHECK(a.replaced.ranges() == std::vector<RowSet::Range>{{1, 2}});
}

TEST_CASE("stores of some lanes, at lanes' own rows and under conditions replace nothing") {
  Written w;
  Builder& b = w.b;
  const Value mask = b.less(b.load(w.c, b.index(0)), b.real(0));
  b.store_masked(w.a, b.index(0), b.real(1), mask);
  b.if_then(b.any(mask), [&] { b.store(w.a, b.index(1), b.real(1)); });
  b.store(w.a, b.to_integer(b.load(w.c, b.index(1))), b.real(1));
  b.while_loop([&] { return b.any(mask); }, [&] { b.store(w.a, b.index(2), b.real(1)); });
  for (int64_t row = 0; row < 3; ++row) b.store(w.c, b.index(2), b.load(w.a, b.index(row)));
  Touches found = w.touches();
  CHECK(found[w.a].read.covers({0, 3}));
  CHECK(found[w.a].replaced.empty());
  CHECK(found[w.a].written.covers({0, 8}));
  CHECK(found[w.c].read.ranges() == std::vector<RowSet::Range>{{0, 2}});
}

TEST_CASE("a loop replaces together what its turns replace one by one") {
  Written w;
  Builder& b = w.b;
  b.for_loop(b.index(0), b.index(3), [&](Value i) {
    const Value row = b.integer_mul(i, b.index(2));
    b.store(w.a, row, b.real(1));
    b.store(w.a, b.integer_add(row, b.index(1)), b.load(w.a, row));
  });
  b.for_loop(b.index(0), b.index(4),
             [&](Value i) { b.store(w.c, i, b.load(w.a, b.integer_add(i, b.index(3)))); });
  Touches found = w.touches();
  CHECK(found[w.a].written.ranges() == std::vector<RowSet::Range>{{0, 6}});
  CHECK(found[w.c].replaced.ranges() == std::vector<RowSet::Range>{{0, 4}});
  // Every other row by itself is no range, so that the second loop may read them as they were.
  CHECK(found[w.a].read.covers({6, 7}));
}

TEST_CASE("a callee's rows count from its argument's place") {
  Written w;
  const FunctionId callee = add_function(w.program, "field");
  w.program.functions[callee].arguments = {
      w.b.buffer(
          {.name = "x", .lanes = true, .storage = Storage::argument, .size = 2, .slot = 0, .values = {}}),
      w.b.buffer(
          {.name = "y", .lanes = true, .storage = Storage::argument, .size = 2, .slot = 1, .values = {}})};
  Builder inside(w.program, callee);
  inside.copy(w.program.functions[callee].arguments[1], inside.index(0),
              w.program.functions[callee].arguments[0], inside.index(0), inside.index(2));
  Builder b(w.program, w.function);
  b.call(callee, {{w.a, b.index(1)}, {w.a, b.index(4)}});
  b.load(w.a, b.index(5));
  Touches found = w.touches();
  CHECK(found[w.a].read.ranges() == std::vector<RowSet::Range>{{1, 3}});
  CHECK(found[w.a].replaced.ranges() == std::vector<RowSet::Range>{{4, 6}});
}

// A loop that leaves lanes apart: counts a row up to another's value by steps that only it sees.
Program counting(bool vote) {
  Program program;
  program.lanes = 8;
  program.pool = add_function(program, "pool");
  Builder b(program, program.pool);
  const BufferId data =
      b.buffer({.name = "x", .lanes = true, .storage = Storage::data, .size = 1, .values = {}});
  const BufferId result =
      b.buffer({.name = "y", .lanes = true, .storage = Storage::output, .size = 1, .values = {}});
  const BufferId sum = b.frame("sum", 1), scratch = b.frame("scratch", 1), before = b.frame("before", 1);
  const Value x = b.load(data, b.index(0));
  const Value limit = b.mul(x, x);
  const Value most = b.any(b.less(x, b.real(0)));
  b.store(sum, b.index(0), b.real(0));
  b.store(before, b.index(0), x);
  b.iterate([&] { return b.less(b.load(sum, b.index(0)), limit); },
            [&] {
              const Value s = b.load(sum, b.index(0));
              b.store(scratch, b.index(0), b.add(s, b.real(1)));
              Value next = b.load(scratch, b.index(0));
              if (vote) next = b.select(most, next, b.add(next, b.real(1)));
              b.store(sum, b.index(0), b.select(b.less(s, limit), next, s));
            },
            true);
  b.store(result, b.index(0), b.add(b.load(sum, b.index(0)), b.load(before, b.index(0))));
  return program;
}

TEST_CASE("a loop that lanes leave apart is a part, and takes along what it reads and leaves") {
  const Program program = counting(false);
  CHECK(verify(program) == "");
  const Layout layout = lay_out(program);
  const FunctionLayout& pool = layout.functions[program.pool];
  REQUIRE(pool.parts.size() == 3);
  const Part& sweep = pool.parts[1].part;
  CHECK(sweep.kind == runtime::PartKind::sweep);
  // The sum and the limit; neither what a pass makes for itself nor what waits behind the loop.
  REQUIRE(sweep.belongings.size() == 2);
  CHECK(program.buffers[sweep.belongings[0].buffer].name == "sum");
  CHECK(sweep.belongings[1].value != none);
  CHECK(pool.saved.size() == 1);
  CHECK(pool.kept.size() == 2);
  CHECK(pool.parts[1].stack.size() == 1);
}

TEST_CASE("a loop whose lanes agreed on something stays whole") {
  const Program program = counting(true);
  CHECK(verify(program) == "");
  CHECK(!lay_out(program).functions[program.pool].cut());
}

}  // namespace
}  // namespace nodec::codegen
