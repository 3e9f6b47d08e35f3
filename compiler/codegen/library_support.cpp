// What the runtime's objects do for generated code, as functions of the module: tapes that grow, sums.
#include "compiler/codegen/library_batch.hpp"

namespace nodec::codegen {
namespace {

constexpr int64_t line = 64;

// Twice as much each time, so that a long solve copies little; what is left where that is less. The last tape
// that grew grows where it is.
llvm::Function* emit_grow(ModuleEmitter& m) {
  llvm::Function* function = m.define("grow", m.pointer, {m.pointer, m.pointer, m.index});
  m.seldom(function);
  Builder b(llvm::BasicBlock::Create(m.context, "entry", function));
  llvm::Value *tile = function->getArg(0), *tape = function->getArg(1), *wanted = function->getArg(2);
  const auto bytes_from = [&](llvm::Value* from, llvm::Value* to) {
    return b.CreateSub(b.CreatePtrToInt(to, m.index), b.CreatePtrToInt(from, m.index));
  };
  llvm::Value* base = m.field(b, m.pointer, tape, offsetof(runtime::Tape, base));
  llvm::Value* have = m.field(b, m.index, tape, offsetof(runtime::Tape, bytes));
  llvm::Value* next = m.field(b, m.pointer, tile, offsetof(LibraryTile, next));
  llvm::Value* end = m.field(b, m.pointer, tile, offsetof(LibraryTile, end));
  llvm::Value* last = b.CreateICmpEQ(b.CreateInBoundsGEP(b.getInt8Ty(), base, have), next);
  llvm::Value* place = b.CreateSelect(last, base, next);
  llvm::Value* twice = b.CreateShl(have, 1);
  llvm::Value* usual = b.CreateSelect(b.CreateICmpSLT(wanted, twice), twice, wanted);
  usual = b.CreateAnd(b.CreateAdd(usual, b.getInt64(line - 1)), b.getInt64(-line));
  llvm::Value* left = b.CreateAnd(bytes_from(place, end), b.getInt64(-line));
  llvm::Value* room = b.CreateSelect(b.CreateICmpSLT(left, usual), left, usual);
  llvm::BasicBlock* none = llvm::BasicBlock::Create(m.context, "none", function);
  llvm::BasicBlock* some = llvm::BasicBlock::Create(m.context, "some", function);
  b.CreateCondBr(b.CreateICmpSLT(room, wanted), none, some);
  b.SetInsertPoint(none);
  b.CreateStore(b.getInt32(static_cast<uint32_t>(runtime::Stopped::out_of_memory)),
                m.address(b, tile, offsetof(runtime::Tile, stopped)));
  b.CreateRet(base);
  b.SetInsertPoint(some);
  guarded(b, b.CreateAnd(b.CreateNot(last), b.CreateICmpSGT(have, b.getInt64(0))),
          [&] { b.CreateMemCpy(place, llvm::Align(line), base, llvm::Align(line), have); });
  b.CreateStore(b.CreateInBoundsGEP(b.getInt8Ty(), place, room),
                m.address(b, tile, offsetof(LibraryTile, next)));
  b.CreateStore(place, m.address(b, tape, offsetof(runtime::Tape, base)));
  b.CreateStore(room, m.address(b, tape, offsetof(runtime::Tape, bytes)));
  b.CreateRet(place);
  return function;
}

llvm::Function* emit_share(ModuleEmitter& m) {
  llvm::Function* function =
      m.define("share", m.nothing, {m.pointer, m.pointer, m.pointer, m.index, m.index});
  m.seldom(function);
  Builder b(llvm::BasicBlock::Create(m.context, "entry", function));
  llvm::FunctionType* work = llvm::FunctionType::get(m.nothing, {m.pointer, m.index, m.index}, false);
  b.CreateCall(work, function->getArg(1), {function->getArg(2), b.getInt64(0), function->getArg(3)});
  b.CreateRetVoid();
  return function;
}

llvm::Function* emit_add(ModuleEmitter& m) {
  llvm::Function* function = m.define("add", m.nothing, {m.pointer, m.pointer, m.index});
  function->addFnAttr(llvm::Attribute::NoInline);
  Builder b(llvm::BasicBlock::Create(m.context, "entry", function));
  counted_loop(b, b.getInt64(0), function->getArg(2), 1, [&](llvm::Value* n) {
    llvm::Value* to = b.CreateInBoundsGEP(m.real, function->getArg(0), n);
    llvm::Value* from = b.CreateInBoundsGEP(m.real, function->getArg(1), n);
    b.CreateStore(b.CreateFAdd(b.CreateLoad(m.real, to), b.CreateLoad(m.real, from)), to);
  });
  b.CreateRetVoid();
  return function;
}

llvm::Function* emit_spoil(ModuleEmitter& m) {
  llvm::Function* function = m.define("spoil", m.nothing, {m.pointer, m.index});
  m.seldom(function);
  Builder b(llvm::BasicBlock::Create(m.context, "entry", function));
  counted_loop(b, b.getInt64(0), function->getArg(1), 1, [&](llvm::Value* n) {
    b.CreateStore(llvm::ConstantFP::getNaN(m.real), b.CreateInBoundsGEP(m.real, function->getArg(0), n));
  });
  b.CreateRetVoid();
  return function;
}

}  // namespace

Support emit_support(ModuleEmitter& m) { return {emit_grow(m), emit_share(m), emit_add(m), emit_spoil(m)}; }

}  // namespace nodec::codegen
