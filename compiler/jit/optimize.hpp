// The passes over a module before machine code.
#pragma once

#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"

namespace nodec::jit {

void run_passes(llvm::Module& module, llvm::TargetMachine* machine);

}  // namespace nodec::jit
