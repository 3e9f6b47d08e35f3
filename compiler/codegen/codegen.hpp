// Tile program -> LLVM IR.
//
// In: a verified Program and a Target. Out: a Module of explicit vector code, optimized no further than it is
// written. Never here: tensors, calculus, the choice of lanes; nor passes and machine code, which are jit's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "compiler/codegen/target.hpp"
#include "compiler/schedule/program.hpp"

namespace nodec::codegen {

struct LlvmModule;  // llvm_module.hpp

// LLVM IR with `sizes`, `prologue`, `pool` and `epilogue` of runtime/abi.hpp; movable, owned by one thread at
// a time.
class Module {
 public:
  explicit Module(std::unique_ptr<LlvmModule> llvm);
  Module(Module&&) noexcept;
  Module& operator=(Module&&) noexcept;
  ~Module();

  LlvmModule& llvm() { return *llvm_; }
  const LlvmModule& llvm() const { return *llvm_; }
  const Target& target() const;
  double emit_milliseconds() const;

 private:
  std::unique_ptr<LlvmModule> llvm_;
};

// The functions that the program lacks are emitted empty.
Module emit(const schedule::Program& program, const Target& target);
// The same code as at most `parts` modules that link with each other, of about equal work for a code
// generator.
std::vector<Module> emit_parts(const schedule::Program& program, const Target& target, int parts);

// LLVM's text of the module; what LLVM's verifier finds wrong with it, "" when nothing.
std::string print_llvm(const Module& module);
std::string verify_llvm(const Module& module);

}  // namespace nodec::codegen
