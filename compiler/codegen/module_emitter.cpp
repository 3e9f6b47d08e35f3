// Emits a module: types and attributes, then every function, then the four that the runtime calls.
#include "compiler/codegen/module_emitter.hpp"

#include <algorithm>
#include <chrono>
#include <future>
#include <map>

#include "compiler/codegen/codegen.hpp"
#include "compiler/codegen/function_emitter.hpp"
#include "compiler/codegen/inlining.hpp"
#include "compiler/codegen/llvm_module.hpp"
#include "compiler/codegen/work.hpp"
#include "runtime/abi.hpp"

namespace nodec::codegen {

using namespace schedule;

std::vector<Piece> pieces(const Layout& layout) {
  std::vector<Piece> all;
  for (size_t f = 0; f < layout.functions.size(); ++f) {
    for (size_t part = 0; part < layout.functions[f].parts.size(); ++part)
      all.push_back({static_cast<FunctionId>(f), part});
  }
  return all;
}

namespace {

int64_t instructions(std::span<const Instruction> code) {
  int64_t count = 0;
  for (const Instruction& i : code) {
    ++count;
    for (const Region& inner : i.regions) count += instructions(inner);
  }
  return count;
}

}  // namespace

ModuleEmitter::ModuleEmitter(const Program& program, const Layout& layout, const Target& target,
                             llvm::Module& module)
    : program(program),
      target(target),
      module(module),
      context(module.getContext()),
      layout(layout),
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

void ModuleEmitter::seldom(llvm::Function* function) {
  function->addFnAttr(llvm::Attribute::OptimizeNone);
  function->addFnAttr(llvm::Attribute::NoInline);
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

void ModuleEmitter::emit(const std::vector<Piece>& here, bool entries) {
  const bool alone = here.size() == pieces(layout).size();
  Work work(program);
  // Small functions are nobody's piece: whoever calls them has copies.
  const std::set<FunctionId> copied = small_functions(program, layout, native());
  for (const Piece piece : pieces(layout)) {
    const Function& function = program.functions[piece.function];
    const FunctionLayout& placed = layout.functions[piece.function];
    std::vector<llvm::Type*> arguments(3 + function.arguments.size(), pointer);
    std::string name = "node." + function.name;
    if (placed.cut()) {
      arguments.push_back(boolean);
      name += "." + std::to_string(piece.part);
    }
    const bool own = alone || copied.contains(piece.function);
    llvm::Function* code = define(name, placed.stops ? boolean : nothing, arguments, !own);
    code->addFnAttr(llvm::Attribute::NoInline);
    if (!own) code->setVisibility(llvm::GlobalValue::HiddenVisibility);
    const Part& part = placed.parts[piece.part].part;
    if (piece.function == program.pool && copied.empty() &&
        work.little(function, std::span(function.body).subspan(part.first, part.end - part.first)))
      code->addFnAttr(plainly);
    code_[piece] = code;
  }
  for (const FunctionId id : copied) FunctionEmitter(*this, {id, 0}).emit();
  for (const Piece piece : here) {
    if (!copied.contains(piece.function)) FunctionEmitter(*this, piece).emit();
  }
  for (const FunctionId id : copied) {
    inline_calls(*code({id, 0}));
    code_.erase({id, 0});
  }
  if (entries) emit_entries();
}

void ModuleEmitter::emit_entries() {
  emit_sizes();
  // Prologue and epilogue run with no tile: they work in what follows the uniforms.
  const auto entry = [&](const char* name, FunctionId id) {
    llvm::Function* function = define(name, nothing, {pointer, pointer}, true);
    seldom(function);
    Builder b(llvm::BasicBlock::Create(context, "entry", function));
    if (id != none) {
      llvm::Value *call = function->getArg(0), *tile = function->getArg(1);
      llvm::Value* arena =
          b.CreateInBoundsGEP(b.getInt8Ty(), field(b, pointer, call, offsetof(runtime::Call, uniforms)),
                              bytes_of(b, call, Storage::uniform));
      b.CreateCall(code({id, 0}), {call, tile, arena});
    }
    b.CreateRetVoid();
  };
  entry("prologue", program.prologue);
  emit_pool();
  entry("epilogue", program.epilogue);
}

void ModuleEmitter::emit_pool() {
  const size_t parts = program.pool == none ? 0 : layout.functions[program.pool].parts.size();
  const auto run = [&](llvm::Function* function, Builder& b, size_t part, bool once) {
    llvm::Value *call = function->getArg(0), *tile = function->getArg(1);
    std::vector<llvm::Value*> arguments{call, tile, field(b, pointer, tile, offsetof(runtime::Tile, arena))};
    if (parts > 1) arguments.push_back(b.getInt1(once));
    return b.CreateCall(code({program.pool, part}), arguments);
  };
  llvm::Function* whole = define("pool", nothing, {pointer, pointer}, true);
  seldom(whole);
  Builder b(llvm::BasicBlock::Create(context, "entry", whole));
  llvm::BasicBlock* end = llvm::BasicBlock::Create(context, "end", whole);
  for (size_t part = 0; part < parts; ++part) {
    llvm::Value* stopped = run(whole, b, part, false);
    if (part + 1 == parts || !layout.functions[program.pool].stops) continue;
    llvm::BasicBlock* next = llvm::BasicBlock::Create(context, "part", whole);
    b.CreateCondBr(stopped, end, next);
    b.SetInsertPoint(next);
  }
  b.CreateBr(end);
  b.SetInsertPoint(end);
  b.CreateRetVoid();

  llvm::Function* single = define("part", nothing, {pointer, pointer}, true);
  seldom(single);
  b.SetInsertPoint(llvm::BasicBlock::Create(context, "entry", single));
  llvm::BasicBlock* after = llvm::BasicBlock::Create(context, "after", single);
  llvm::Value* wanted = field(b, index, single->getArg(1), offsetof(runtime::Tile, part));
  llvm::SwitchInst* choice = b.CreateSwitch(wanted, after, static_cast<unsigned>(parts));
  for (size_t part = 0; part < parts; ++part) {
    llvm::BasicBlock* here = llvm::BasicBlock::Create(context, "part", single);
    choice->addCase(b.getInt64(part), here);
    b.SetInsertPoint(here);
    run(single, b, part, true);
    b.CreateBr(after);
  }
  b.SetInsertPoint(after);
  b.CreateRetVoid();
}

namespace {

Module emit_module(const Program& program, const Layout& layout, const Target& target,
                   const std::vector<Piece>& here, bool entries) {
  const auto start = std::chrono::steady_clock::now();
  auto result = std::make_unique<LlvmModule>();
  result->target = target;
  result->context = std::make_unique<llvm::LLVMContext>();
  result->module = std::make_unique<llvm::Module>("nodec", *result->context);
  result->module->setTargetTriple(target.triple);
  ModuleEmitter(program, layout, target, *result->module).emit(here, entries);
  const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start;
  result->emit_milliseconds = taken.count();
  return Module(std::move(result));
}

// The largest pieces first, each to the part that has least yet.
std::vector<std::vector<Piece>> divide(const Program& program, const Layout& layout, int parts) {
  std::map<Piece, int64_t> work;
  for (const Piece piece : pieces(layout)) {
    const Function& function = program.functions[piece.function];
    const FunctionLayout& placed = layout.functions[piece.function];
    const Part& part = placed.parts[piece.part].part;
    work[piece] = placed.cut()
                      ? instructions(std::span(function.body).subspan(part.first, part.end - part.first))
                      : instructions(function.body);
  }
  std::vector<Piece> order = pieces(layout);
  std::stable_sort(order.begin(), order.end(), [&](Piece a, Piece b) { return work[a] > work[b]; });
  const size_t most = std::max<size_t>(order.size(), 1);
  std::vector<std::vector<Piece>> divided(std::clamp<size_t>(parts, 1, most));
  std::vector<int64_t> sums(divided.size());
  for (const Piece piece : order) {
    const size_t least = std::min_element(sums.begin(), sums.end()) - sums.begin();
    divided[least].push_back(piece);
    sums[least] += work[piece] + 1;
  }
  return divided;
}

}  // namespace

Module emit(const Program& program, const Target& target) {
  const Layout layout = lay_out(program);
  return emit_module(program, layout, target, pieces(layout), true);
}

std::vector<Module> emit_parts(const Program& program, const Target& target, int parts) {
  const Layout layout = lay_out(program);
  const std::vector<std::vector<Piece>> divided = divide(program, layout, parts);
  const auto emit_part = [&](size_t n) {
    return emit_module(program, layout, target, divided[n], n + 1 == divided.size());
  };
  std::vector<std::future<Module>> others;
  for (size_t n = 1; n < divided.size(); ++n) others.push_back(std::async(std::launch::async, emit_part, n));
  std::vector<Module> modules;
  modules.push_back(emit_part(0));
  for (std::future<Module>& other : others) modules.push_back(other.get());
  return modules;
}

}  // namespace nodec::codegen
