// Emits a module: types and attributes, then every function, then the four that the runtime calls.
#include "compiler/codegen/module_emitter.hpp"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "compiler/codegen/codegen.hpp"
#include "compiler/codegen/function_emitter.hpp"
#include "compiler/codegen/llvm_module.hpp"
#include "runtime/abi.hpp"

namespace nodec::codegen {

using namespace schedule;

ModuleEmitter::ModuleEmitter(const Program& program, const Target& target, llvm::Module& module)
    : program(program),
      target(target),
      module(module),
      context(module.getContext()),
      layout(lay_out(program)),
      lanes(program.lanes),
      real(program.double_precision ? llvm::Type::getDoubleTy(context) : llvm::Type::getFloatTy(context)),
      integer(llvm::Type::getIntNTy(context, program.double_precision ? 64 : 32)),
      boolean(llvm::Type::getInt1Ty(context)),
      index(llvm::Type::getInt64Ty(context)),
      pointer(llvm::PointerType::get(context, 0)),
      nothing(llvm::Type::getVoidTy(context)) {}

llvm::Type* ModuleEmitter::scalar(Kind kind) const {
  switch (kind) {
    case Kind::real:
      return real;
    case Kind::integer:
      return integer;
    case Kind::boolean:
      return boolean;
    case Kind::index:
      return index;
  }
  return real;
}

llvm::Type* ModuleEmitter::stored(Kind kind) const { return kind == Kind::boolean ? integer : scalar(kind); }

llvm::Type* ModuleEmitter::vector(llvm::Type* element, int width) const {
  return llvm::FixedVectorType::get(element, width);
}

llvm::Function* ModuleEmitter::define(const std::string& name, llvm::Type* result,
                                      llvm::ArrayRef<llvm::Type*> arguments, bool external) {
  llvm::Function* function = llvm::Function::Create(
      llvm::FunctionType::get(result, arguments, false),
      external ? llvm::Function::ExternalLinkage : llvm::Function::InternalLinkage, name, module);
  function->addFnAttr(llvm::Attribute::NoUnwind);
  function->addFnAttr("target-cpu", target.cpu);
  function->addFnAttr("target-features", target.features);
  // Wider vectors of the program are split into registers of this size.
  function->addFnAttr("prefer-vector-width", std::to_string(target.vector_bits));
  function->addFnAttr("min-legal-vector-width", std::to_string(target.vector_bits));
  return function;
}

llvm::Function* ModuleEmitter::kernel(const std::string& name, llvm::ArrayRef<llvm::Type*> arguments,
                                      llvm::function_ref<void(llvm::Function*, Builder&)> body) {
  llvm::Function*& known = kernels_[name];
  if (!known) {
    known = define("kernel." + name, nothing, arguments);
    known->addFnAttr(llvm::Attribute::NoInline);
    Builder b(llvm::BasicBlock::Create(context, "entry", known));
    body(known, b);
    b.CreateRetVoid();
  }
  return known;
}

llvm::Constant* ModuleEmitter::table(const Buffer& buffer) {
  llvm::Type* type = stored(buffer.kind);
  std::vector<llvm::Constant*> values;
  for (const double x : buffer.values) {
    values.push_back(type->isFloatingPointTy() ? llvm::ConstantFP::get(type, x)
                                               : llvm::ConstantInt::getSigned(type, static_cast<int64_t>(x)));
  }
  llvm::ArrayType* array = llvm::ArrayType::get(type, values.size());
  return new llvm::GlobalVariable(module, array, true, llvm::GlobalValue::PrivateLinkage,
                                  llvm::ConstantArray::get(array, values), "table." + buffer.name);
}

void ModuleEmitter::emit(const std::vector<FunctionId>& here, bool entries) {
  const bool alone = here.size() == program.functions.size();
  for (FunctionId id = 0; id < static_cast<FunctionId>(program.functions.size()); ++id) {
    const Function& function = program.functions[id];
    std::vector<llvm::Type*> arguments(3 + function.arguments.size(), pointer);
    code_[id] =
        define("node." + function.name, layout.functions[id].stops ? boolean : nothing, arguments, !alone);
    code_[id]->addFnAttr(llvm::Attribute::NoInline);
    if (!alone) code_[id]->setVisibility(llvm::GlobalValue::HiddenVisibility);
  }
  for (const FunctionId id : here) FunctionEmitter(*this, id).emit();
  if (entries) emit_entries();
}

void ModuleEmitter::emit_entries() {
  emit_sizes();
  // Prologue and epilogue run with no tile: they work in what follows the uniforms.
  const auto entry = [&](const char* name, FunctionId id) {
    llvm::Function* function = define(name, nothing, {pointer, pointer}, true);
    Builder b(llvm::BasicBlock::Create(context, "entry", function));
    if (id != none) {
      llvm::Value *call = function->getArg(0), *tile = function->getArg(1);
      llvm::Value* arena =
          id == program.pool
              ? field(b, pointer, tile, offsetof(runtime::Tile, arena))
              : b.CreateInBoundsGEP(b.getInt8Ty(), field(b, pointer, call, offsetof(runtime::Call, uniforms)),
                                    bytes_of(b, call, Storage::uniform));
      b.CreateCall(code(id), {call, tile, arena});
    }
    b.CreateRetVoid();
  };
  entry("prologue", program.prologue);
  entry("pool", program.pool);
  entry("epilogue", program.epilogue);
}

namespace {

Module emit_module(const Program& program, const Target& target, const std::vector<FunctionId>& here,
                   bool entries) {
  const auto start = std::chrono::steady_clock::now();
  auto result = std::make_unique<LlvmModule>();
  result->target = target;
  result->context = std::make_unique<llvm::LLVMContext>();
  result->module = std::make_unique<llvm::Module>("nodec", *result->context);
  result->module->setTargetTriple(target.triple);
  ModuleEmitter(program, target, *result->module).emit(here, entries);
  const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start;
  result->emit_milliseconds = taken.count();
  return Module(std::move(result));
}

// The largest functions first, each to the part that has least yet.
std::vector<std::vector<FunctionId>> divide(const Program& program, int parts) {
  const auto work = [&](FunctionId id) { return program.functions[id].types.size(); };
  std::vector<FunctionId> order(program.functions.size());
  std::iota(order.begin(), order.end(), FunctionId{0});
  std::stable_sort(order.begin(), order.end(), [&](FunctionId a, FunctionId b) { return work(a) > work(b); });
  const size_t most = std::max<size_t>(order.size(), 1);
  std::vector<std::vector<FunctionId>> divided(std::clamp<size_t>(parts, 1, most));
  std::vector<size_t> sums(divided.size());
  for (const FunctionId id : order) {
    const size_t least = std::min_element(sums.begin(), sums.end()) - sums.begin();
    divided[least].push_back(id);
    sums[least] += work(id) + 1;
  }
  return divided;
}

}  // namespace

Module emit(const Program& program, const Target& target) {
  std::vector<FunctionId> all(program.functions.size());
  std::iota(all.begin(), all.end(), FunctionId{0});
  return emit_module(program, target, all, true);
}

std::vector<Module> emit_parts(const Program& program, const Target& target, int parts) {
  std::vector<Module> modules;
  const std::vector<std::vector<FunctionId>> divided = divide(program, parts);
  for (const std::vector<FunctionId>& here : divided)
    modules.push_back(emit_module(program, target, here, modules.size() + 1 == divided.size()));
  return modules;
}

}  // namespace nodec::codegen
