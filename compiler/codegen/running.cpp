// Counted loops. What a loop reads and writes in a buffer of one element (a sum, a largest value) it carries
// in a register: through memory, each iteration would wait for the store of the one before.
#include <set>

#include "compiler/codegen/function_emitter.hpp"

namespace nodec::codegen {

using namespace schedule;

namespace {

struct Uses {
  std::set<BufferId> read, written, otherwise;
  bool plain = true;  // nothing but arithmetic, single elements, and such loops
};

void find_uses(const Region& region, const Function& function, Uses& uses) {
  for (const Instruction& i : region) {
    const bool uniform = !i.operands.empty() && !function.types[static_cast<size_t>(i.operands[0])].lanes;
    switch (i.opcode) {
      case Opcode::load:
        (uniform ? uses.read : uses.otherwise).insert(i.buffer);
        break;
      case Opcode::store:
      case Opcode::store_masked:
        (uniform ? uses.written : uses.otherwise).insert(i.buffer);
        break;
      case Opcode::for_loop:
        find_uses(i.regions[0], function, uses);
        break;
      default:
        if (!i.regions.empty() || i.buffer != none || !i.arguments.empty()) uses.plain = false;
        break;
    }
  }
}

}  // namespace

std::vector<BufferId> FunctionEmitter::carried_by(const Region& region) const {
  Uses uses;
  find_uses(region, function_, uses);
  std::vector<BufferId> carried;
  if (!uses.plain) return carried;
  for (const BufferId id : uses.written) {
    const Buffer& b = buffer(id);
    const bool single = b.storage == Storage::frame && b.size.is_constant() && b.size.value() == 1;
    if (single && uses.read.contains(id) && !uses.otherwise.contains(id)) carried.push_back(id);
  }
  return carried;
}

void FunctionEmitter::for_loop(const Instruction& i) {
  if (m_.one_sample()) {
    if (const std::optional<Widening> found = widen(m_.program, definitions_, carried_by(i.regions[0]), i))
      return widened_loop(i, *found);
  }
  const std::vector<BufferId> ids = carried_by(i.regions[0]);
  const std::map<BufferId, llvm::Value*> outside = held_;
  const auto row = [&](BufferId id) {
    llvm::Type* type = element_type(buffer(id));
    return in_rows(buffer(id)) ? static_cast<llvm::Type*>(lanes_of(type)) : type;
  };
  Carried initial;
  for (const BufferId id : ids) {
    const auto held = outside.find(id);
    initial.push_back(held != outside.end() ? held->second
                                            : b_.CreateAlignedLoad(row(id), base(id), alignment(buffer(id))));
  }
  const Carried last =
      counted_loop(b_, operand(i, 0), operand(i, 1), 1, initial, [&](llvm::Value* index, Carried values) {
        for (size_t n = 0; n < ids.size(); ++n) held_[ids[n]] = values[n];
        values_[i.result] = index;
        region(i.regions[0]);
        Carried results;
        for (const BufferId id : ids) results.push_back(held_.at(id));
        return results;
      });
  held_ = outside;
  for (size_t n = 0; n < ids.size(); ++n) {
    if (held_.contains(ids[n]))
      held_[ids[n]] = last[n];
    else
      b_.CreateAlignedStore(last[n], base(ids[n]), alignment(buffer(ids[n])));
  }
}

}  // namespace nodec::codegen
