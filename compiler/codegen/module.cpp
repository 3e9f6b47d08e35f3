// The module that emission gives to the later stages, and its text.
#include "compiler/codegen/codegen.hpp"
#include "compiler/codegen/llvm_module.hpp"
#include "llvm/IR/Verifier.h"
#include "llvm/Support/raw_ostream.h"

namespace nodec::codegen {

Module::Module(std::unique_ptr<LlvmModule> llvm) : llvm_(std::move(llvm)) {}
Module::Module(Module&&) noexcept = default;
Module& Module::operator=(Module&&) noexcept = default;
Module::~Module() = default;

const Target& Module::target() const { return llvm_->target; }
double Module::emit_milliseconds() const { return llvm_->emit_milliseconds; }

std::string print_llvm(const Module& module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.llvm().module->print(stream, nullptr);
  return text;
}

std::string verify_llvm(const Module& module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  return llvm::verifyModule(*module.llvm().module, &stream) ? text : "";
}

}  // namespace nodec::codegen
