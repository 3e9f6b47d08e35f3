// The bytes by which kept machine code is found again.
#include <doctest/doctest.h>

#include <functional>
#include <set>

#include "compiler/schedule/program.hpp"

using namespace nodec::schedule;
using nodec::graph::Extent;

namespace {

Program small() {
  Program p;
  p.lanes = 4;
  p.buffers.push_back({"x", Kind::real, true, Storage::table, Extent::length("T"), 1, 2, {0.0, 1.5}, false});
  Instruction body{Opcode::load, 1, {0}};
  body.buffer = 0;
  Instruction loop{Opcode::for_loop, 0, {2, 3}};
  loop.regions = {{body}, {}};
  loop.arguments = {{0, 1}};
  p.functions.push_back({"pool", {0}, {{Kind::index, false}, {Kind::real, true}}, {loop}});
  p.pool = 0;
  p.interface.lengths = {"T"};
  p.interface.solves.push_back({"f", "a.node:1", {"z"}, {"a.node:2"}});
  return p;
}

}  // namespace

TEST_CASE("programs share their bytes exactly when machine code cannot tell them apart") {
  const auto instruction = [](auto change) {
    return [change](Program& p) { change(p.functions[0].body[0].regions[0][0]); };
  };
  const auto buffer = [](auto change) { return [change](Program& p) { change(p.buffers[0]); }; };
  const std::vector<std::function<void(Program&)>> changes = {
      [](Program& p) { p.lanes = 8; },
      [](Program& p) { p.double_precision = true; },
      [](Program& p) { p.ragged = true; },
      [](Program& p) { p.prologue = 0; },
      [](Program& p) { p.pool = none; },
      [](Program& p) { p.epilogue = 0; },
      [](Program& p) { p.buffers.push_back(p.buffers[0]); },
      [](Program& p) { p.functions.push_back(p.functions[0]); },
      [](Program& p) { p.interface.lengths = {"N"}; },
      [](Program& p) { p.interface.lengths.push_back("N"); },
      [](Program& p) { p.interface.solves.clear(); },
      [](Program& p) { p.functions[0].name = "poo"; },
      [](Program& p) { p.functions[0].arguments.clear(); },
      [](Program& p) { p.functions[0].types[1].lanes = false; },
      [](Program& p) { p.functions[0].types[1].kind = Kind::integer; },
      [](Program& p) { std::swap(p.functions[0].body[0].regions[0], p.functions[0].body[0].regions[1]); },
      [](Program& p) { p.functions[0].body[0].arguments[0].offset = 0; },
      [](Program& p) { p.functions[0].body[0].arguments[0].buffer = 1; },
      buffer([](Buffer& b) { b.name = "y"; }),
      buffer([](Buffer& b) { b.kind = Kind::integer; }),
      buffer([](Buffer& b) { b.lanes = false; }),
      buffer([](Buffer& b) { b.storage = Storage::frame; }),
      buffer([](Buffer& b) { b.size = Extent::length("T") + 1; }),
      buffer([](Buffer& b) { b.size = Extent::length("T") * Extent::length("T"); }),
      buffer([](Buffer& b) { b.size = 1; }),
      buffer([](Buffer& b) { b.slot = 2; }),
      buffer([](Buffer& b) { b.offset = -2; }),
      buffer([](Buffer& b) { b.values[0] = -0.0; }),
      buffer([](Buffer& b) { b.values.pop_back(); }),
      buffer([](Buffer& b) { b.unreduced = true; }),
      instruction([](Instruction& i) { i.opcode = Opcode::store; }),
      instruction([](Instruction& i) { i.result = 2; }),
      instruction([](Instruction& i) { i.operands = {1}; }),
      instruction([](Instruction& i) {
        i.operands = {0, 0};
      }),
      instruction([](Instruction& i) { i.real_value = 5e-324; }),
      instruction([](Instruction& i) { i.integer_value = INT64_MIN; }),
      instruction([](Instruction& i) { i.integer_value = INT64_MAX; }),
      instruction([](Instruction& i) { i.name = "T"; }),
      instruction([](Instruction& i) { i.buffer = 1; }),
      instruction([](Instruction& i) { i.source = 0; }),
      instruction([](Instruction& i) { i.third = 0; }),
      instruction([](Instruction& i) { i.fourth = 0; }),
      instruction([](Instruction& i) { i.rows = 1; }),
      instruction([](Instruction& i) { i.columns = 1; }),
      instruction([](Instruction& i) { i.transposed = true; }),
      instruction([](Instruction& i) { i.callee = 0; }),
      instruction([](Instruction& i) { i.condition = 0; }),
  };
  std::set<std::string> seen{serialize(small())};
  for (size_t n = 0; n < changes.size(); ++n) {
    Program changed = small();
    changes[n](changed);
    INFO("change ", n);
    CHECK(seen.insert(serialize(changed)).second);
  }

  Program renamed = small();
  renamed.interface.solves[0].place = "b.node:7";
  renamed.interface.parameters.push_back({"f.w", 0, 1});
  CHECK(serialize(renamed) == serialize(small()));
}
