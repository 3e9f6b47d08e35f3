// Counted loops in LLVM IR.
#pragma once

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/IRBuilder.h"

namespace nodec::codegen {

using Builder = llvm::IRBuilder<>;
using Carried = llvm::SmallVector<llvm::Value*, 8>;

// for (i = first; i < end; i += step) carried = body(i, carried), counting in 64 bits; gives what is carried
// at the end. `end` is `first` plus a multiple of `step` or not above `first`.
Carried counted_loop(Builder& b, llvm::Value* first, llvm::Value* end, int64_t step, Carried carried,
                     llvm::function_ref<Carried(llvm::Value* i, Carried carried)> body);
void counted_loop(Builder& b, llvm::Value* first, llvm::Value* end, int64_t step,
                  llvm::function_ref<void(llvm::Value* i)> body);

// if (condition) then().
void guarded(Builder& b, llvm::Value* condition, llvm::function_ref<void()> then);

}  // namespace nodec::codegen
