// What a Module holds, for the two layers that may see LLVM.
#pragma once

#include <memory>

#include "compiler/codegen/target.hpp"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"

namespace nodec::codegen {

// Attribute of functions in which little of a program's time goes.
inline constexpr char plainly[] = "nodec-plainly";

struct LlvmModule {
  Target target;
  double emit_milliseconds = 0;
  std::unique_ptr<llvm::LLVMContext> context;
  std::unique_ptr<llvm::Module> module;  // destroyed before its context
};

}  // namespace nodec::codegen
