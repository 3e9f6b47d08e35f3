// Counted loops in LLVM IR, tested at the bottom so that a body runs without a jump into the loop.
#include "compiler/codegen/loops.hpp"

namespace nodec::codegen {

Carried counted_loop(Builder& b, llvm::Value* first, llvm::Value* end, int64_t step, Carried carried,
                     llvm::function_ref<Carried(llvm::Value* i, Carried carried)> body) {
  llvm::Function* function = b.GetInsertBlock()->getParent();
  llvm::BasicBlock* before = b.GetInsertBlock();
  llvm::BasicBlock* loop = llvm::BasicBlock::Create(b.getContext(), "loop", function);
  llvm::BasicBlock* after = llvm::BasicBlock::Create(b.getContext(), "after", function);
  b.CreateCondBr(b.CreateICmpSLT(first, end), loop, after);

  b.SetInsertPoint(loop);
  llvm::PHINode* index = b.CreatePHI(b.getInt64Ty(), 2, "i");
  index->addIncoming(first, before);
  llvm::SmallVector<llvm::PHINode*, 8> inside;
  Carried values;
  for (llvm::Value* initial : carried) {
    llvm::PHINode* phi = b.CreatePHI(initial->getType(), 2);
    phi->addIncoming(initial, before);
    inside.push_back(phi);
    values.push_back(phi);
  }
  const Carried results = body(index, values);
  llvm::Value* next = b.CreateAdd(index, b.getInt64(step), "", false, true);
  llvm::BasicBlock* latch = b.GetInsertBlock();
  index->addIncoming(next, latch);
  for (size_t n = 0; n < results.size(); ++n) inside[n]->addIncoming(results[n], latch);
  b.CreateCondBr(b.CreateICmpSLT(next, end), loop, after);

  b.SetInsertPoint(after);
  Carried outside;
  for (size_t n = 0; n < results.size(); ++n) {
    llvm::PHINode* phi = b.CreatePHI(results[n]->getType(), 2);
    phi->addIncoming(carried[n], before);
    phi->addIncoming(results[n], latch);
    outside.push_back(phi);
  }
  return outside;
}

void counted_loop(Builder& b, llvm::Value* first, llvm::Value* end, int64_t step,
                  llvm::function_ref<void(llvm::Value* i)> body) {
  counted_loop(b, first, end, step, {}, [&](llvm::Value* i, Carried) {
    body(i);
    return Carried{};
  });
}

void guarded(Builder& b, llvm::Value* condition, llvm::function_ref<void()> then) {
  llvm::Function* function = b.GetInsertBlock()->getParent();
  llvm::BasicBlock* inside = llvm::BasicBlock::Create(b.getContext(), "then", function);
  llvm::BasicBlock* after = llvm::BasicBlock::Create(b.getContext(), "after", function);
  b.CreateCondBr(condition, inside, after);
  b.SetInsertPoint(inside);
  then();
  b.CreateBr(after);
  b.SetInsertPoint(after);
}

}  // namespace nodec::codegen
