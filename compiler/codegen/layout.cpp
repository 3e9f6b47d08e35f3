// Decides where each function's buffers live.
#include "compiler/codegen/layout.hpp"

#include <algorithm>
#include <functional>

namespace nodec::codegen {

using namespace schedule;

namespace {

// Small frames stay on the stack, where LLVM can make registers of them and the caches hold the others; the
// rest goes to the arena.
constexpr int64_t stack_budget = 64 * 1024;

void visit(const Region& region, const std::function<void(const Instruction&)>& f) {
  for (const Instruction& instruction : region) {
    f(instruction);
    for (const Region& inner : instruction.regions) visit(inner, f);
  }
}

// Puts a part's memory on the stack or into the arena, in order.
void place(const Program& program, const std::vector<BufferId>& buffers, PartLayout& layout) {
  int64_t left = stack_budget;
  for (const BufferId id : buffers) {
    const Buffer& buffer = program.buffers[id];
    const int64_t row = element_bytes(program, buffer.kind) * (buffer.lanes ? program.lanes : 1);
    // A division, because the product of a huge size could overflow.
    if (buffer.size.is_constant() && buffer.size.value() <= left / row) {
      left -= buffer.size.value() * row;
      layout.stack.push_back(id);
    } else {
      layout.arena.push_back(id);
    }
  }
}

FunctionLayout lay_out_function(const Program& program, FunctionId id) {
  const Function& function = program.functions[id];
  FunctionLayout layout;
  std::vector<BufferId> used;
  std::set<BufferId> seen;
  const auto use = [&](BufferId buffer) {
    if (buffer != none && seen.insert(buffer).second) used.push_back(buffer);
  };
  const auto gather = [&](BufferId buffer) {
    if (buffer != none && strided(program, program.buffers[buffer])) layout.gathered.insert(buffer);
  };
  visit(function.body, [&](const Instruction& i) {
    for (const BufferId buffer : {i.buffer, i.source, i.third, i.fourth}) use(buffer);
    for (const CallArgument& argument : i.arguments) {
      use(argument.buffer);
      gather(argument.buffer);
    }
    if (i.opcode == Opcode::contract) gather(i.third);
    layout.shares |= worth_sharing(program, i);
    if (i.opcode == Opcode::outer) {
      gather(i.source);
      gather(i.third);
    }
    if (i.opcode == Opcode::reserve) layout.stops = true;
    layout.steps |= takes_steps(i);
    if (i.opcode == Opcode::call) layout.callees.insert(i.callee);
  });
  if (id == program.pool) {
    Cut cut = cut_pool(program, layout.gathered);
    if (cut.parts.size() > 1) {
      for (Part& part : cut.parts) {
        PartLayout& placed = layout.parts.emplace_back();
        place(program, part.local, placed);
        for (const BufferId buffer : part.local)
          if (layout.gathered.contains(buffer)) placed.gathered.insert(buffer);
        placed.part = std::move(part);
      }
      for (const BufferId buffer : cut.kept)
        if (layout.gathered.contains(buffer)) layout.parts[0].gathered.insert(buffer);
      layout.kept = std::move(cut.kept);
      layout.saved = std::move(cut.saved);
      return layout;
    }
  }
  PartLayout& whole = layout.parts.emplace_back();
  std::vector<BufferId> owned;
  for (const BufferId buffer : used) {
    if (program.buffers[buffer].storage == Storage::frame || layout.gathered.contains(buffer))
      owned.push_back(buffer);
  }
  place(program, owned, whole);
  whole.gathered = layout.gathered;
  whole.part.end = function.body.size();
  return layout;
}

}  // namespace

int64_t element_bytes(const Program& program, Kind kind) {
  return kind == Kind::index || program.double_precision ? 8 : 4;
}

bool takes_steps(const Instruction& loop) {
  if (loop.opcode == Opcode::iterate || loop.opcode == Opcode::unwind) return true;
  // Equal steps are taken in blocks, by a loop in a loop.
  return loop.opcode == Opcode::while_loop &&
         std::any_of(loop.regions[1].begin(), loop.regions[1].end(),
                     [](const Instruction& inner) { return inner.opcode == Opcode::for_loop; });
}

bool strided(const Program& program, const Buffer& buffer) {
  return program.lanes > 1 && buffer.lanes &&
         (buffer.storage == Storage::data || buffer.storage == Storage::noise);
}

bool in_rows(const Buffer& buffer) {
  return buffer.storage == Storage::accumulator ? buffer.unreduced : buffer.lanes;
}

bool worth_sharing(const Program& program, const Instruction& product) {
  if (product.opcode != Opcode::contract && product.opcode != Opcode::outer) return false;
  // Of one sample a product waits for its weights as long as eight would compute.
  constexpr int64_t least_work = int64_t{1} << 20, least_lanes = 8;
  return product.rows * product.columns >= least_work / std::max<int64_t>(least_lanes, program.lanes);
}

Layout lay_out(const Program& program) {
  Layout layout;
  for (FunctionId id = 0; id < static_cast<FunctionId>(program.functions.size()); ++id)
    layout.functions.push_back(lay_out_function(program, id));
  std::vector<bool> done(program.functions.size());
  const std::function<void(FunctionId)> finish = [&](FunctionId f) {
    if (done[f]) return;
    done[f] = true;
    for (const FunctionId callee : layout.functions[f].callees) finish(callee);
    layout.callees_first.push_back(f);
  };
  for (FunctionId f = 0; f < static_cast<FunctionId>(program.functions.size()); ++f) finish(f);
  if (program.pool != none) layout.functions[program.pool].in_pool = true;
  for (auto f = layout.callees_first.rbegin(); f != layout.callees_first.rend(); ++f) {
    if (!layout.functions[*f].in_pool) continue;
    for (const FunctionId callee : layout.functions[*f].callees) layout.functions[callee].in_pool = true;
  }
  for (const FunctionId f : layout.callees_first) {
    FunctionLayout& function = layout.functions[f];
    function.stops |= function.in_pool && function.steps;
    for (const FunctionId callee : function.callees) function.stops |= layout.functions[callee].stops;
  }
  return layout;
}

}  // namespace nodec::codegen
