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

llvm::Value* ModuleEmitter::bytes_of(Builder& b, llvm::Value* call, Storage storage) {
  llvm::Value* sum = b.getInt64(0);
  for (const Buffer& buffer : program.buffers) {
    if (buffer.storage == storage) sum = b.CreateAdd(sum, padded_bytes(b, call, buffer));
  }
  return sum;
}

void ModuleEmitter::emit_sizes() {
  llvm::Function* function = define("sizes", nothing, {pointer, pointer}, true);
  Builder b(llvm::BasicBlock::Create(context, "entry", function));
  llvm::Value* call = function->getArg(0);
  const auto larger = [&](llvm::Value* x, llvm::Value* y) {
    return b.CreateSelect(b.CreateICmpSLT(x, y), y, x);
  };
  // What an activation and everything below it takes.
  std::map<FunctionId, llvm::Value*> needed;
  for (const FunctionId id : layout.callees_first) {
    llvm::Value *own = b.getInt64(0), *below = b.getInt64(0);
    for (const BufferId frame : layout.functions[id].arena) {
      own = b.CreateAdd(own, padded_bytes(b, call, program.buffers[frame]));
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
  b.CreateRetVoid();
}

}  // namespace nodec::codegen
