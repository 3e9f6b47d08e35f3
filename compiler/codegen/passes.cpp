// Parts of a function that is cut at its loops: what they hand on to each other, and single passes of loops.
#include "compiler/codegen/function_emitter.hpp"

namespace nodec::codegen {

using namespace schedule;

void FunctionEmitter::part() {
  const Part& part = placed_.part;
  receive();
  const Instruction& first = function_.body[part.first];
  switch (part.kind) {
    case runtime::PartKind::straight: {
      region(std::span(function_.body).subspan(part.first, part.end - part.first));
      hand_on();
      if (part.end == function_.body.size()) return;
      const Instruction& next = function_.body[part.end];
      if (next.opcode != Opcode::iterate) return;
      b_.CreateStore(running_lanes(next), m_.address(b_, tile_, offsetof(runtime::Tile, running)));
      return;
    }
    case runtime::PartKind::sweep:
      return sweep(first);
    case runtime::PartKind::unwind:
      return unwind_part(first);
  }
}

void FunctionEmitter::receive() {
  std::map<Value, const Instruction*> definitions;
  for (const Instruction& i : function_.body) definitions[i.result] = &i;
  for (const Value v : placed_.part.loaded) {
    const ValueType type = function_.types[v];
    llvm::Type* stored = m_.stored(type.kind);
    llvm::Value* value =
        b_.CreateAlignedLoad(type.lanes ? m_.lanes_of(stored) : stored, saved_place(v), llvm::Align(64));
    if (type.kind == Kind::boolean)
      value = b_.CreateICmpNE(value, llvm::Constant::getNullValue(value->getType()));
    values_[v] = value;
  }
  for (const Value v : placed_.part.remade) define(*definitions.at(v));
}

void FunctionEmitter::hand_on() {
  for (const Value v : placed_.part.saved) {
    llvm::Value* value = values_[v];
    if (function_.types[v].kind == Kind::boolean)
      value = b_.CreateZExt(value, has_lanes(value) ? m_.lanes_of(m_.integer) : m_.integer);
    b_.CreateAlignedStore(value, saved_place(v), llvm::Align(64));
  }
}

llvm::Value* FunctionEmitter::saved_place(Value v) {
  int64_t offset = 0;
  for (const Value other : layout_.saved) {
    if (other == v) break;
    offset += m_.saved_bytes(other);
  }
  return m_.address(b_, kept_end_, offset);
}

llvm::Value* FunctionEmitter::running_lanes(const Instruction& sweep) {
  region(sweep.regions[0]);
  llvm::Value* mask = spread(values_[sweep.condition]);
  return b_.CreateZExt(b_.CreateBitCast(mask, b_.getIntNTy(static_cast<unsigned>(m_.lanes))), m_.index);
}

// Passes until no lane runs, or one.
void FunctionEmitter::sweep(const Instruction& i) {
  llvm::Value* once = code_->getArg(3);
  const auto place = [&](int64_t offset) { return m_.address(b_, tile_, offset); };
  llvm::BasicBlock* before = b_.GetInsertBlock();
  llvm::BasicBlock* pass = llvm::BasicBlock::Create(m_.context, "pass", code_);
  llvm::BasicBlock* after = llvm::BasicBlock::Create(m_.context, "after", code_);
  llvm::Value* first = m_.field(b_, m_.index, tile_, offsetof(runtime::Tile, running));
  b_.CreateCondBr(b_.CreateICmpNE(first, b_.getInt64(0)), pass, after);
  b_.SetInsertPoint(pass);
  llvm::PHINode* running = b_.CreatePHI(m_.index, 2, "running");
  running->addIncoming(first, before);
  const auto count = [&](int64_t offset, llvm::Value* by) {
    b_.CreateStore(b_.CreateAdd(m_.field(b_, m_.index, tile_, offset), by), place(offset));
  };
  stop_when_canceled();
  count(offsetof(runtime::Tile, passes), b_.getInt64(1));
  count(offsetof(runtime::Tile, lane_passes), b_.CreateUnaryIntrinsic(llvm::Intrinsic::ctpop, running));
  region(i.regions[1]);
  llvm::Value* left = running_lanes(i);
  running->addIncoming(left, b_.GetInsertBlock());
  b_.CreateStore(left, place(offsetof(runtime::Tile, running)));
  b_.CreateCondBr(b_.CreateAnd(b_.CreateICmpNE(left, b_.getInt64(0)), b_.CreateNot(once)), pass, after);
  b_.SetInsertPoint(after);
}

// All entries, or one.
void FunctionEmitter::unwind_part(const Instruction& i) {
  llvm::Value* once = code_->getArg(3);
  llvm::Value* count = m_.field(b_, m_.index, tape_address(buffer(i.buffer)), offsetof(runtime::Tape, count));
  llvm::Value* one = m_.field(b_, m_.index, tile_, offsetof(runtime::Tile, entry));
  llvm::Value* newest = b_.CreateSelect(once, one, b_.CreateSub(count, b_.getInt64(1)));
  llvm::Value* oldest = b_.CreateSelect(once, one, operand(i, 0));
  counted_loop(b_, oldest, b_.CreateAdd(newest, b_.getInt64(1)), 1, [&](llvm::Value* n) {
    values_[i.result] = b_.CreateSub(b_.CreateAdd(newest, oldest), n);
    stop_when_canceled();
    region(i.regions[0]);
  });
}

}  // namespace nodec::codegen
