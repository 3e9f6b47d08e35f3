// Decides where each function's buffers live.
#include "compiler/codegen/layout.hpp"

#include <functional>

namespace nodec::codegen {

using namespace schedule;

namespace {

// Small frames stay on the stack, where the first-level cache holds them; the rest goes to the arena.
constexpr int64_t stack_budget = 16 * 1024;

void visit(const Region& region, const std::function<void(const Instruction&)>& f) {
  for (const Instruction& instruction : region) {
    f(instruction);
    for (const Region& inner : instruction.regions) visit(inner, f);
  }
}

FunctionLayout lay_out_function(const Program& program, const Function& function) {
  FunctionLayout layout;
  std::vector<BufferId> used;
  std::set<BufferId> seen;
  const auto use = [&](BufferId id) {
    if (id != none && seen.insert(id).second) used.push_back(id);
  };
  const auto gather = [&](BufferId id) {
    if (id != none && strided(program, program.buffers[id])) layout.gathered.insert(id);
  };
  visit(function.body, [&](const Instruction& i) {
    for (const BufferId id : {i.buffer, i.source, i.third, i.fourth}) use(id);
    for (const CallArgument& argument : i.arguments) {
      use(argument.buffer);
      gather(argument.buffer);
    }
    if (i.opcode == Opcode::contract) gather(i.third);
    if (i.opcode == Opcode::outer) {
      gather(i.source);
      gather(i.third);
    }
    if (i.opcode == Opcode::reserve) layout.stops = true;
    if (i.opcode == Opcode::call) layout.callees.insert(i.callee);
  });
  int64_t left = stack_budget;
  for (const BufferId id : used) {
    const Buffer& buffer = program.buffers[id];
    if (buffer.storage != Storage::frame && !layout.gathered.contains(id)) continue;
    const int64_t row = element_bytes(program, buffer.kind) * (buffer.lanes ? program.lanes : 1);
    // A division, because the product of a huge size could overflow.
    if (buffer.size.is_constant() && buffer.size.value() <= left / row) {
      left -= buffer.size.value() * row;
      layout.stack.push_back(id);
    } else {
      layout.arena.push_back(id);
    }
  }
  return layout;
}

}  // namespace

int64_t element_bytes(const Program& program, Kind kind) {
  return kind == Kind::index || program.double_precision ? 8 : 4;
}

bool strided(const Program& program, const Buffer& buffer) {
  return program.lanes > 1 && buffer.lanes &&
         (buffer.storage == Storage::data || buffer.storage == Storage::noise);
}

bool in_rows(const Buffer& buffer) {
  return buffer.storage == Storage::accumulator ? buffer.unreduced : buffer.lanes;
}

Layout lay_out(const Program& program) {
  Layout layout;
  for (const Function& function : program.functions) {
    layout.functions.push_back(lay_out_function(program, function));
  }
  std::vector<bool> done(program.functions.size());
  const std::function<void(FunctionId)> finish = [&](FunctionId f) {
    if (done[f]) return;
    done[f] = true;
    for (const FunctionId callee : layout.functions[f].callees) {
      finish(callee);
      layout.functions[f].stops |= layout.functions[callee].stops;
    }
    layout.callees_first.push_back(f);
  };
  for (FunctionId f = 0; f < static_cast<FunctionId>(program.functions.size()); ++f) finish(f);
  if (program.pool != none) layout.functions[program.pool].in_pool = true;
  for (auto f = layout.callees_first.rbegin(); f != layout.callees_first.rend(); ++f) {
    if (!layout.functions[*f].in_pool) continue;
    for (const FunctionId callee : layout.functions[*f].callees) layout.functions[callee].in_pool = true;
  }
  return layout;
}

}  // namespace nodec::codegen
