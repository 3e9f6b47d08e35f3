// Sizes of memory as functions of the lengths, and the function `sizes` that tells them to the runtime.
#include <algorithm>

#include "compiler/codegen/module_emitter.hpp"
#include "runtime/abi.hpp"

namespace nodec::codegen {

using namespace schedule;

llvm::Value* ModuleEmitter::address(Builder& b, llvm::Value* base, int64_t bytes) const {
  return bytes == 0 ? base : b.CreateInBoundsGEP(b.getInt8Ty(), base, b.getInt64(bytes));
}

llvm::Value* ModuleEmitter::field(Builder& b, llvm::Type* type, llvm::Value* structure,
                                  int64_t offset) const {
  return b.CreateLoad(type, address(b, structure, offset));
}

int64_t ModuleEmitter::length_index(const std::string& name) const {
  const std::vector<std::string>& names = program.interface.lengths;
  return std::find(names.begin(), names.end(), name) - names.begin();
}

llvm::Value* ModuleEmitter::extent(Builder& b, llvm::Value* call, const graph::Extent& extent) {
  llvm::Value* sum = b.getInt64(0);
  for (const auto& [atoms, coefficient] : extent.terms()) {
    llvm::Value* product = b.getInt64(coefficient);
    for (const std::string& atom : atoms) {
      llvm::Value* lengths = field(b, pointer, call, offsetof(runtime::Call, lengths));
      product = b.CreateMul(product, field(b, index, lengths, 8 * length_index(atom)));
    }
    sum = b.CreateAdd(sum, product);
  }
  return sum;
}

llvm::Value* ModuleEmitter::padded_bytes(Builder& b, llvm::Value* call, const Buffer& buffer) {
  const int64_t row = element_bytes(program, buffer.kind) * (in_rows(buffer) ? lanes : 1);
  llvm::Value* elements = extent(b, call, buffer.size);
  if (!buffer.size.is_constant()) {
    elements = b.CreateSelect(b.CreateICmpSGT(elements, b.getInt64(0)), elements, b.getInt64(0));
  }
  llvm::Value* lines =
      b.CreateAnd(b.CreateAdd(b.CreateMul(elements, b.getInt64(row)), b.getInt64(63)), b.getInt64(-64));
  // Neighbours a multiple of 4096 bytes apart would compete for the same sets of the first-level cache.
  llvm::Value* conflicts = b.CreateAnd(b.CreateICmpEQ(b.CreateAnd(lines, b.getInt64(4095)), b.getInt64(0)),
                                       b.CreateICmpSGT(lines, b.getInt64(0)));
  return b.CreateAdd(lines, b.CreateSelect(conflicts, b.getInt64(64), b.getInt64(0)));
}

llvm::Value* ModuleEmitter::offset_of(Builder& b, llvm::Value* call, BufferId id) {
  llvm::Value* offset = b.getInt64(0);
  for (BufferId other = 0; other < id; ++other) {
    if (program.buffers[other].storage != program.buffers[id].storage) continue;
    offset = b.CreateAdd(offset, padded_bytes(b, call, program.buffers[other]));
  }
  return offset;
}

int64_t ModuleEmitter::saved_bytes(Value v) const {
  const ValueType type = program.functions[program.pool].types[v];
  const int64_t bytes = element_bytes(program, type.kind) * (type.lanes ? lanes : 1);
  return (bytes + 63) / 64 * 64;
}

llvm::Value* ModuleEmitter::bytes_of(Builder& b, llvm::Value* call, Storage storage) {
  llvm::Value* sum = b.getInt64(0);
  for (const Buffer& buffer : program.buffers) {
    if (buffer.storage == storage) sum = b.CreateAdd(sum, padded_bytes(b, call, buffer));
  }
  return sum;
}

void ModuleEmitter::emit_sizes() {
  llvm::Function* function = define("sizes", nothing, {pointer, pointer}, true);
  seldom(function);
  Builder b(llvm::BasicBlock::Create(context, "entry", function));
  llvm::Value* call = function->getArg(0);
  const auto larger = [&](llvm::Value* x, llvm::Value* y) {
    return b.CreateSelect(b.CreateICmpSLT(x, y), y, x);
  };
  // What an activation and everything below it takes.
  std::map<FunctionId, llvm::Value*> needed;
  for (const FunctionId id : layout.callees_first) {
    llvm::Value *own = b.getInt64(0), *below = b.getInt64(0);
    for (const PartLayout& part : layout.functions[id].parts) {
      llvm::Value* sum = b.getInt64(0);
      for (const BufferId frame : part.arena)
        sum = b.CreateAdd(sum, padded_bytes(b, call, program.buffers[frame]));
      own = larger(own, sum);
    }
    for (const FunctionId callee : layout.functions[id].callees) below = larger(below, needed[callee]);
    needed[id] = b.CreateAdd(own, below);
  }
  const auto needed_by = [&](FunctionId id) -> llvm::Value* {
    return id == none ? b.getInt64(0) : needed[id];
  };
  llvm::Value* uniforms = b.CreateAdd(bytes_of(b, call, Storage::uniform),
                                      larger(needed_by(program.prologue), needed_by(program.epilogue)));
  llvm::Value* sizes = field(b, pointer, call, offsetof(runtime::Call, sizes));
  const auto tell = [&](int64_t offset, llvm::Value* value) {
    b.CreateStore(value, address(b, sizes, offset));
  };
  llvm::Value* bytes = b.getInt64(real_bytes());
  tell(offsetof(runtime::Sizes, uniforms), b.CreateExactSDiv(uniforms, bytes));
  tell(offsetof(runtime::Sizes, accumulators),
       b.CreateExactSDiv(bytes_of(b, call, Storage::accumulator), bytes));
  tell(offsetof(runtime::Sizes, arena_bytes), needed_by(program.pool));
  llvm::Value* frame = b.getInt64(0);
  int64_t belongings = 0, parts = 0;
  if (program.pool != none) {
    const FunctionLayout& pool = layout.functions[program.pool];
    for (const BufferId id : pool.kept)
      frame = b.CreateAdd(frame, padded_bytes(b, call, program.buffers[id]));
    for (const Value v : pool.saved) frame = b.CreateAdd(frame, b.getInt64(saved_bytes(v)));
    parts = static_cast<int64_t>(pool.parts.size());
    for (const PartLayout& part : pool.parts) {
      for (const Belonging& belonging : part.part.belongings)
        belongings += belonging.value != none ? 1 : static_cast<int64_t>(belonging.rows.ranges().size());
    }
  }
  tell(offsetof(runtime::Sizes, frame_bytes), frame);
  tell(offsetof(runtime::Sizes, parts), b.getInt64(parts));
  tell(offsetof(runtime::Sizes, belongings), b.getInt64(belongings));
  const bool shared = std::any_of(layout.functions.begin(), layout.functions.end(),
                                  [](const FunctionLayout& f) { return f.in_pool && f.shares; });
  tell(offsetof(runtime::Sizes, shared_work), b.getInt64(shared));
  if (parts > 1) {
    llvm::Value* room = b.CreateIsNotNull(field(b, pointer, call, offsetof(runtime::Call, parts)));
    guarded(b, room, [&] { emit_parts(b, call); });
  }
  b.CreateRetVoid();
}

void ModuleEmitter::emit_parts(Builder& b, llvm::Value* call) {
  const FunctionLayout& pool = layout.functions[program.pool];
  const Function& function = program.functions[program.pool];
  std::map<BufferId, llvm::Value*> places;
  std::map<Value, llvm::Value*> saved;
  llvm::Value* offset = b.getInt64(0);
  for (const BufferId id : pool.kept) {
    places[id] = offset;
    offset = b.CreateAdd(offset, padded_bytes(b, call, program.buffers[id]));
  }
  for (const Value v : pool.saved) {
    saved[v] = offset;
    offset = b.CreateAdd(offset, b.getInt64(saved_bytes(v)));
  }
  llvm::Value* to_parts = field(b, pointer, call, offsetof(runtime::Call, parts));
  llvm::Value* to_belongings = field(b, pointer, call, offsetof(runtime::Call, belongings));
  int64_t count = 0, number = 0;
  const auto belonging = [&](llvm::Value* first, llvm::Value* rows, Kind kind) {
    const int64_t at = count++ * static_cast<int64_t>(sizeof(runtime::Belonging));
    b.CreateStore(first, address(b, to_belongings, at + offsetof(runtime::Belonging, offset)));
    b.CreateStore(rows, address(b, to_belongings, at + offsetof(runtime::Belonging, rows)));
    b.CreateStore(b.getInt64(element_bytes(program, kind)),
                  address(b, to_belongings, at + offsetof(runtime::Belonging, element_bytes)));
  };
  for (const PartLayout& placed : pool.parts) {
    const Part& part = placed.part;
    const int64_t first = count;
    for (const Belonging& own : part.belongings) {
      if (own.value != none) {
        belonging(saved.at(own.value), b.getInt64(1), function.types[own.value].kind);
        continue;
      }
      const Buffer& buffer = program.buffers[own.buffer];
      const int64_t row = element_bytes(program, buffer.kind) * lanes;
      for (const RowSet::Range& range : own.rows.ranges()) {
        llvm::Value* end = b.getInt64(range.end);
        if (!buffer.size.is_constant()) {
          llvm::Value* size = extent(b, call, buffer.size);
          end = b.CreateSelect(b.CreateICmpSLT(size, end), size, end);
        }
        llvm::Value* from = b.CreateAdd(places.at(own.buffer), b.getInt64(range.first * row));
        belonging(from, b.CreateSub(end, b.getInt64(range.first)), buffer.kind);
      }
    }
    const int64_t at = number++ * static_cast<int64_t>(sizeof(runtime::Part));
    const auto whole = [&](int64_t where, llvm::Value* value) {
      b.CreateStore(value, address(b, to_parts, at + where));
    };
    const auto entry = [&](BufferId tape) -> llvm::Value* {
      if (tape == none) return b.getInt64(0);
      const Buffer& buffer = program.buffers[tape];
      return b.CreateMul(extent(b, call, buffer.size),
                         b.getInt64(element_bytes(program, buffer.kind) * lanes));
    };
    const auto slot = [&](BufferId tape) {
      return b.getInt32(tape == none ? ~0u : static_cast<uint32_t>(program.buffers[tape].slot));
    };
    whole(offsetof(runtime::Part, kind), b.getInt32(static_cast<uint32_t>(part.kind)));
    whole(offsetof(runtime::Part, tape), slot(part.tape));
    whole(offsetof(runtime::Part, cache), slot(part.cache));
    whole(offsetof(runtime::Part, first_belonging), b.getInt64(first));
    whole(offsetof(runtime::Part, belongings), b.getInt64(count - first));
    whole(offsetof(runtime::Part, entry_bytes), entry(part.tape));
    whole(offsetof(runtime::Part, cache_bytes), entry(part.cache));
    whole(offsetof(runtime::Part, work), b.getInt64(part.work));
  }
}

}  // namespace nodec::codegen
