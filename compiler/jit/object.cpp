// Module -> object file or assembly text, by LLVM's code generator for the module's target.
#include <chrono>
#include <future>
#include <mutex>

#include "compiler/codegen/llvm_module.hpp"
#include "compiler/jit/jit.hpp"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Analysis/TargetTransformInfo.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/OptBisect.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"
#include "llvm/Transforms/Scalar.h"

namespace nodec::jit {
namespace {

class Clock {
 public:
  double milliseconds() const {
    const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start_;
    return taken.count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

std::unique_ptr<llvm::TargetMachine> machine_for(const codegen::Target& target, std::string& error) {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
  });
  const llvm::Target* found = llvm::TargetRegistry::lookupTarget(target.triple, error);
  if (!found) return nullptr;
  llvm::TargetOptions options;
  // Only the multiply-adds that are written as such may be fused.
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  // The code generator's second level takes a tenth more time and makes code that is no faster (spiral and a
  // density of 2-64-64-2: within 2 %).
  std::unique_ptr<llvm::TargetMachine> machine(
      found->createTargetMachine(target.triple, target.cpu, target.features, options, llvm::Reloc::PIC_,
                                 llvm::CodeModel::Small, llvm::CodeGenOptLevel::Less, true));
  if (!machine) error = "no code generator for " + target.triple;
  return machine;
}

// Leaves out passes of the code generator that find nothing in code which is written in vectors already, and
// in functions where little of the time goes those that take more time than they save there.
class Gate final : public llvm::OptPassGate {
 public:
  explicit Gate(const llvm::Module& module) {
    for (const llvm::Function& function : module)
      if (function.hasFnAttribute(codegen::plainly))
        plain_.insert(("function (" + function.getName() + ")").str());
  }
  bool isEnabled() const override { return true; }
  // Loops do not say which function they are of: that of the question before.
  bool shouldRunPass(const llvm::StringRef pass, llvm::StringRef of) override {
    if (of != "loop") in_plain_ = plain_.contains(of);
    return !left_out_.contains(pass) && !(in_plain_ && left_out_of_plain_.contains(pass));
  }

 private:
  llvm::StringSet<> plain_;
  bool in_plain_ = false;
  const llvm::StringSet<> left_out_of_plain_{"CodeGen Prepare",
                                             "Early Machine Loop Invariant Code Motion",
                                             "Loop Strength Reduction",
                                             "Machine Common Subexpression Elimination",
                                             "Machine Copy Propagation Pass",
                                             "Machine Instruction Scheduler",
                                             "Machine Loop Invariant Code Motion",
                                             "Machine code sinking"};
  const llvm::StringSet<> left_out_{"Canonicalize Freeze Instructions in Loops",
                                    "Constant Hoisting",
                                    "Early If-Conversion",
                                    "Expand memcmp() to load/stores",
                                    "Live Range Shrink",
                                    "Merge contiguous icmps into a memcmp",
                                    "Partially inline calls to library functions",
                                    "TLS Variable Hoist",
                                    "X86 Avoid Store Forwarding Blocks",
                                    "X86 Domain Reassignment Pass",
                                    "X86 Partial Reduction",
                                    "X86 cmov Conversion"};
};

// The few passes that pay for code which is written in vectors already: they fold addresses and constants and
// drop what nothing reads. Vectorizers and unrollers would cost more time than the program runs.
bool write(codegen::Module& module, llvm::TargetMachine& machine, llvm::CodeGenFileType type,
           llvm::raw_pwrite_stream& stream) {
  llvm::Module& ir = *module.llvm().module;
  ir.setDataLayout(machine.createDataLayout());
  Gate gate(ir);
  ir.getContext().setOptPassGate(gate);
  llvm::legacy::PassManager passes;
  passes.add(llvm::createTargetTransformInfoWrapperPass(machine.getTargetIRAnalysis()));
  passes.add(llvm::createSROAPass());
  passes.add(llvm::createEarlyCSEPass());
  passes.add(llvm::createCFGSimplificationPass());
  if (machine.addPassesToEmitFile(passes, stream, nullptr, type, true)) return false;
  passes.run(ir);
  return true;
}

// Adds what a file tells of itself.
void describe(const std::vector<char>& bytes, Object& object) {
  auto file = llvm::object::ObjectFile::createObjectFile(
      llvm::MemoryBufferRef(llvm::StringRef(bytes.data(), bytes.size()), "nodec"));
  if (!file) return llvm::consumeError(file.takeError());
  for (const llvm::object::SectionRef& section : (*file)->sections()) {
    if (section.isText()) object.code_bytes += static_cast<int64_t>(section.getSize());
  }
  for (const llvm::object::SymbolRef& symbol : (*file)->symbols()) {
    llvm::Expected<uint32_t> flags = symbol.getFlags();
    llvm::Expected<llvm::StringRef> name = symbol.getName();
    if (flags && name && !name->empty() && (*flags & llvm::object::SymbolRef::SF_Undefined))
      object.undefined.push_back(name->str());
    if (!flags) llvm::consumeError(flags.takeError());
    if (!name) llvm::consumeError(name.takeError());
  }
}

Result<std::vector<char>> file_of(codegen::Module& module) {
  std::string error;
  const auto machine = machine_for(module.target(), error);
  if (!machine) return {std::nullopt, error};
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  if (!write(module, *machine, llvm::CodeGenFileType::ObjectFile, stream)) {
    return {std::nullopt, "the target writes no object files"};
  }
  return {std::vector<char>(bytes.begin(), bytes.end()), ""};
}

}  // namespace

Result<Object> compile(codegen::Module module) {
  std::vector<codegen::Module> parts;
  parts.push_back(std::move(module));
  return compile(std::move(parts));
}

Result<Object> compile(std::vector<codegen::Module> parts) {
  Object object;
  const Clock generating;
  std::vector<std::future<Result<std::vector<char>>>> others;
  for (size_t n = 1; n < parts.size(); ++n)
    others.push_back(std::async(std::launch::async, [&part = parts[n]] { return file_of(part); }));
  std::string error;
  const auto keep = [&](Result<std::vector<char>> file) {
    if (!file) {
      error = file.error;
      return;
    }
    describe(*file, object);
    object.files.push_back(std::move(*file));
  };
  keep(file_of(parts.at(0)));
  for (auto& other : others) keep(other.get());
  if (!error.empty()) return {std::nullopt, error};
  object.target = parts[0].target();
  for (const codegen::Module& part : parts) object.timings.emit += part.emit_milliseconds();
  object.timings.generate = generating.milliseconds();
  return {std::move(object), ""};
}

Result<std::string> assembly(codegen::Module module) {
  std::string error;
  const auto machine = machine_for(module.target(), error);
  if (!machine) return {std::nullopt, error};
  llvm::SmallVector<char, 0> text;
  llvm::raw_svector_ostream stream(text);
  if (!write(module, *machine, llvm::CodeGenFileType::AssemblyFile, stream)) {
    return {std::nullopt, "the target writes no assembly"};
  }
  return {std::string(text.begin(), text.end()), ""};
}

}  // namespace nodec::jit
