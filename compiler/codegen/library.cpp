// Emits the functions of a library, and which of its programs runs a batch (see library.hpp).
#include "compiler/codegen/library.hpp"

#include <chrono>
#include <optional>

#include "compiler/codegen/library_batch.hpp"
#include "compiler/codegen/llvm_module.hpp"

namespace nodec::codegen {

using namespace schedule;

namespace {

// Keeps what the program's module calls `name` for itself, so that the next program's may be called so too.
llvm::Function* take(llvm::Module& module, const char* name) {
  llvm::Function* function = module.getFunction(name);
  function->setLinkage(llvm::GlobalValue::InternalLinkage);
  function->setName(std::string("one.") + name);
  return function;
}

struct Batch {
  int64_t samples;
  llvm::Function *run, *room;
};

// `name(inputs, …)` by the batch of the most samples that there are enough for.
void dispatch(ModuleEmitter& m, const std::string& name, const std::vector<Batch>& batches,
              llvm::Function* Batch::*chosen, uint64_t without_inputs) {
  llvm::FunctionType* type = (batches[0].*chosen)->getFunctionType();
  llvm::Function* function = m.define(name, type->getReturnType(), type->params().vec(), true);
  m.seldom(function);
  Builder b(llvm::BasicBlock::Create(m.context, "entry", function));
  std::vector<llvm::Value*> arguments;
  for (llvm::Argument& argument : function->args()) arguments.push_back(&argument);
  llvm::BasicBlock* nothing = llvm::BasicBlock::Create(m.context, "nothing", function);
  llvm::BasicBlock* some = llvm::BasicBlock::Create(m.context, "some", function);
  b.CreateCondBr(b.CreateIsNull(arguments[0]), nothing, some);
  b.SetInsertPoint(nothing);
  b.CreateRet(llvm::ConstantInt::get(type->getReturnType(), without_inputs));
  b.SetInsertPoint(some);
  llvm::Value* samples = m.field(b, m.index, arguments[0], 0);
  for (size_t n = batches.size(); n-- > 0;) {
    llvm::BasicBlock* here = llvm::BasicBlock::Create(m.context, "batch", function);
    llvm::BasicBlock* fewer = n > 0 ? llvm::BasicBlock::Create(m.context, "fewer", function) : nullptr;
    if (n > 0) {
      b.CreateCondBr(b.CreateICmpSGE(samples, b.getInt64(batches[n].samples)), here, fewer);
    } else {
      b.CreateBr(here);
    }
    b.SetInsertPoint(here);
    b.CreateRet(b.CreateCall(batches[n].*chosen, arguments));
    if (fewer) b.SetInsertPoint(fewer);
  }
}

void emit_weights(llvm::Module& module, const Library& library, llvm::Type* real) {
  if (library.weights_name.empty()) return;
  std::vector<llvm::Constant*> values;
  for (const double x : library.weights) values.push_back(llvm::ConstantFP::get(real, x));
  llvm::ArrayType* type = llvm::ArrayType::get(real, values.size());
  new llvm::GlobalVariable(module, type, true, llvm::GlobalValue::ExternalLinkage,
                           llvm::ConstantArray::get(type, values), library.weights_name);
}

}  // namespace

Module emit_library(const Library& library, const Target& target) {
  const auto start = std::chrono::steady_clock::now();
  auto result = std::make_unique<LlvmModule>();
  result->target = target;
  result->context = std::make_unique<llvm::LLVMContext>();
  result->module = std::make_unique<llvm::Module>("nodec", *result->context);
  llvm::Module& module = *result->module;
  module.setTargetTriple(target.triple);
  std::optional<Support> support;
  for (const Library::Entry& entry : library.entries) {
    std::vector<Batch> batches;
    for (const Library::Entry::Variant& variant : entry.variants) {
      const Layout layout = lay_out(*variant.program);
      ModuleEmitter m(*variant.program, layout, target, module);
      m.emit(pieces(layout), true);
      const Functions functions{take(module, "sizes"), take(module, "prologue"), take(module, "pool"),
                                take(module, "epilogue")};
      module.getFunction("part")->eraseFromParent();
      if (!support) {
        support = emit_support(m);
        emit_weights(module, library, m.real);
      }
      BatchEmitter batch(m, library, entry, functions, *support);
      const std::string name = entry.name + "." + std::to_string(variant.program->lanes);
      batches.push_back({variant.samples, batch.emit_run(name), batch.emit_room(name + ".workspace")});
      if (&variant != &entry.variants.back()) continue;
      dispatch(m, entry.name, batches, &Batch::run, static_cast<uint64_t>(Refusal::bad_argument));
      dispatch(m, entry.name + "_workspace", batches, &Batch::room, 0);
    }
  }
  const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start;
  result->emit_milliseconds = taken.count();
  return Module(std::move(result));
}

}  // namespace nodec::codegen
