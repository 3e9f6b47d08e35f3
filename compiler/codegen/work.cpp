// Counts operations (see work.hpp).
#include "compiler/codegen/work.hpp"

namespace nodec::codegen {

using namespace schedule;

namespace {

// Turns of a loop where they are not known.
constexpr int64_t some_turns = 8;
// Code with a smaller share of the work may be a tenth slower without being noticed.
constexpr int64_t smallest_share = 8;
// In the features form matrices are done so many elements at a time, the rest of a step is not.
constexpr int64_t elements_together = 16;

void find_constants(const Region& region, std::map<Value, int64_t>& found) {
  for (const Instruction& i : region) {
    if (i.opcode == Opcode::constant_index) found[i.result] = i.integer_value;
    for (const Region& inner : i.regions) find_constants(inner, found);
  }
}

}  // namespace

std::map<Value, int64_t> Work::constants(const Function& function) {
  std::map<Value, int64_t> found;
  find_constants(function.body, found);
  return found;
}

Work::Operations Work::of(std::span<const Instruction> code, const std::map<Value, int64_t>& counts) {
  Operations sum;
  for (const Instruction& i : code) {
    ++sum.own;
    ++sum.all;
    if (i.opcode == Opcode::call) sum.all += of(i.callee);
    if (i.opcode == Opcode::contract || i.opcode == Opcode::outer) sum.all += i.rows * i.columns;
    if (i.regions.empty()) continue;
    int64_t turns = i.opcode == Opcode::if_then ? 1 : some_turns;
    if (i.opcode == Opcode::for_loop) {
      const auto end = counts.find(i.operands[1]);
      if (end != counts.end()) turns = end->second;
    }
    for (const Region& inner : i.regions) {
      const Operations once = of(inner, counts);
      sum.own += turns * once.own;
      sum.all += turns * once.all;
    }
  }
  return sum;
}

int64_t Work::of(FunctionId function) {
  const auto known = known_.find(function);
  if (known != known_.end()) return known->second;
  const Function& f = program_.functions[function];
  return known_[function] = of(f.body, constants(f)).all;
}

bool Work::little(const Function& whole, std::span<const Instruction> piece) {
  const std::map<Value, int64_t> counts = constants(whole);
  const int64_t scalar = program_.lanes == 1 ? elements_together : 1;
  return smallest_share * scalar * of(piece, counts).own <= of(whole.body, counts).all;
}

}  // namespace nodec::codegen
