// Structure: a function from its entry to its return, regions, while-loops, calls.
#include "compiler/codegen/function_emitter.hpp"

namespace nodec::codegen {

using namespace schedule;

FunctionEmitter::FunctionEmitter(ModuleEmitter& m, Piece piece)
    : m_(m),
      id_(piece.function),
      function_(m.program.functions[piece.function]),
      layout_(m.layout.functions[piece.function]),
      placed_(layout_.parts[piece.part]),
      code_(m.code(piece)),
      call_(code_->getArg(0)),
      tile_(code_->getArg(1)),
      arena_(code_->getArg(2)),
      setup_(llvm::BasicBlock::Create(m.context, "entry", code_)),
      b_(llvm::BasicBlock::Create(m.context, "body", code_)),
      values_(function_.types.size()),
      width_(m.lanes) {}

void FunctionEmitter::emit() {
  llvm::BasicBlock* body = b_.GetInsertBlock();
  if (m_.one_sample()) definitions_ = definitions_of(function_);
  place_frames();
  gather_strided();
  if (layout_.cut()) {
    part();
  } else {
    region(function_.body);
  }
  if (layout_.stops) {
    b_.CreateRet(b_.getFalse());
  } else {
    b_.CreateRetVoid();
  }
  setup_.CreateBr(body);
}

void FunctionEmitter::region(std::span<const Instruction> region) {
  for (const Instruction& i : region) define(i);
}

void FunctionEmitter::define(const Instruction& i) {
  instruction(i);
  if (i.result != none && !numbers_region(i) && function_.types[i.result].lanes) {
    values_[i.result] = spread(values_[i.result]);
  }
}

void FunctionEmitter::instruction(const Instruction& i) {
  switch (i.opcode) {
    case Opcode::load:
      values_[i.result] = load(i.buffer, operand(i, 0));
      return;
    case Opcode::store:
      return store(i.buffer, operand(i, 0), operand(i, 1), nullptr);
    case Opcode::store_masked:
      return store(i.buffer, operand(i, 0), operand(i, 1), spread(operand(i, 2)));
    case Opcode::accumulate:
      return accumulate(i.buffer, operand(i, 0), operand(i, 1));
    case Opcode::fill:
      return fill(i);
    case Opcode::copy:
      return copy(i);
    case Opcode::lend:
      return lend(i);
    case Opcode::reserve:
      return reserve(i);
    case Opcode::tape_room: {
      const Buffer& tape = buffer(i.buffer);
      llvm::Value* row = b_.getInt64(element_bytes(m_.program, tape.kind) * m_.lanes);
      llvm::Value* entry = setup_.CreateMul(m_.extent(setup_, call_, tape.size), row);
      values_[i.result] =
          b_.CreateUDiv(m_.field(b_, m_.index, tape_address(tape), offsetof(runtime::Tape, worth)), entry);
      return;
    }
    case Opcode::tape_count:
      values_[i.result] =
          m_.field(b_, m_.index, tape_address(buffer(i.buffer)), offsetof(runtime::Tape, count));
      return;
    case Opcode::set_tape_count:
      b_.CreateStore(operand(i, 0),
                     m_.address(b_, tape_address(buffer(i.buffer)), offsetof(runtime::Tape, count)));
      return;
    case Opcode::pack:
      return pack(i);
    case Opcode::contract:
      return contract(i);
    case Opcode::outer:
      return outer(i);
    case Opcode::for_loop:
      return for_loop(i);
    case Opcode::while_loop:
    case Opcode::iterate:
      return while_loop(i);
    case Opcode::unwind:
      return unwind(i);
    case Opcode::if_then:
      return if_then(i);
    case Opcode::call:
      return call(i);
    case Opcode::fail:
      return fail(i);
    case Opcode::statistics:
      return statistics(i);
    default:
      values_[i.result] = compute(i);
      return;
  }
}

void FunctionEmitter::while_loop(const Instruction& i) {
  llvm::BasicBlock* test = llvm::BasicBlock::Create(m_.context, "test", code_);
  llvm::BasicBlock* body = llvm::BasicBlock::Create(m_.context, "body", code_);
  llvm::BasicBlock* after = llvm::BasicBlock::Create(m_.context, "after", code_);
  b_.CreateBr(test);
  b_.SetInsertPoint(test);
  region(i.regions[0]);
  b_.CreateCondBr(any(values_[i.condition]), body, after);
  b_.SetInsertPoint(body);
  if (takes_steps(i)) stop_when_canceled();
  region(i.regions[1]);
  b_.CreateBr(test);
  b_.SetInsertPoint(after);
}

void FunctionEmitter::unwind(const Instruction& i) {
  llvm::Value* count = m_.field(b_, m_.index, tape_address(buffer(i.buffer)), offsetof(runtime::Tape, count));
  llvm::Value* newest = b_.CreateSub(count, b_.getInt64(1));
  counted_loop(b_, b_.getInt64(0), b_.CreateSub(count, operand(i, 0)), 1, [&](llvm::Value* n) {
    values_[i.result] = b_.CreateSub(newest, n);
    stop_when_canceled();
    region(i.regions[0]);
  });
}

void FunctionEmitter::if_then(const Instruction& i) {
  llvm::BasicBlock* then = llvm::BasicBlock::Create(m_.context, "then", code_);
  llvm::BasicBlock* otherwise = llvm::BasicBlock::Create(m_.context, "otherwise", code_);
  llvm::BasicBlock* after = llvm::BasicBlock::Create(m_.context, "after", code_);
  b_.CreateCondBr(operand(i, 0), then, otherwise);
  b_.SetInsertPoint(then);
  region(i.regions[0]);
  b_.CreateBr(after);
  b_.SetInsertPoint(otherwise);
  if (i.regions.size() > 1) region(i.regions[1]);
  b_.CreateBr(after);
  b_.SetInsertPoint(after);
}

void FunctionEmitter::call(const Instruction& i) {
  std::vector<llvm::Value*> arguments = {call_, tile_, arena_end_};
  for (const CallArgument& argument : i.arguments) {
    arguments.push_back(element_address(argument.buffer, values_[argument.offset]));
  }
  llvm::Value* stopped = b_.CreateCall(m_.code({i.callee, 0}), arguments);
  if (m_.layout.functions[i.callee].stops) stop_when(stopped);
}

void FunctionEmitter::stop_when_canceled() {
  if (!layout_.in_pool) return;
  llvm::LoadInst* canceled =
      b_.CreateLoad(b_.getInt8Ty(), tile_field(m_.pointer, offsetof(runtime::Tile, cancel)));
  canceled->setAtomic(llvm::AtomicOrdering::Monotonic);
  canceled->setAlignment(llvm::Align(1));
  stop_when(b_.CreateICmpNE(canceled, b_.getInt8(0)), [&] {
    b_.CreateStore(b_.getInt32(static_cast<uint32_t>(runtime::Stopped::canceled)),
                   m_.address(b_, tile_, offsetof(runtime::Tile, stopped)));
  });
}

void FunctionEmitter::stop_when(llvm::Value* condition, const std::function<void()>& first) {
  llvm::BasicBlock* stop = llvm::BasicBlock::Create(m_.context, "stop", code_);
  llvm::BasicBlock* after = llvm::BasicBlock::Create(m_.context, "after", code_);
  b_.CreateCondBr(condition, stop, after);
  b_.SetInsertPoint(stop);
  if (first) first();
  b_.CreateRet(b_.getTrue());
  b_.SetInsertPoint(after);
}

}  // namespace nodec::codegen
