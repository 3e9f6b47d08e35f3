// Object -> functions in this process, by ORC: one session an object, freed with the last Code that uses it.
#include <chrono>
#include <cmath>
#include <cstring>
#include <mutex>

#include "compiler/jit/jit.hpp"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/TargetSelect.h"

namespace nodec::jit {
namespace {

namespace orc = llvm::orc;

// Everything that machine code may call outside itself: what the code generator makes of moves of memory, and
// of operations that the target lacks.
llvm::Error define_library(orc::LLJIT& session) {
  orc::SymbolMap symbols;
  const auto add = [&](const char* name, auto* function) {
    symbols[session.mangleAndIntern(name)] = {
        orc::ExecutorAddr::fromPtr(function),
        llvm::JITSymbolFlags::Exported | llvm::JITSymbolFlags::Callable};
  };
  add("memcpy", &std::memcpy);
  add("memmove", &std::memmove);
  add("memset", &std::memset);
  add("fma", static_cast<double (*)(double, double, double)>(&std::fma));
  add("fmaf", static_cast<float (*)(float, float, float)>(&std::fma));
  add("floor", static_cast<double (*)(double)>(&std::floor));
  add("floorf", static_cast<float (*)(float)>(&std::floor));
  add("sqrt", static_cast<double (*)(double)>(&std::sqrt));
  add("sqrtf", static_cast<float (*)(float)>(&std::sqrt));
  // Nothing changes the rounding mode from "to nearest, ties to even".
  add("roundeven", static_cast<double (*)(double)>(&std::nearbyint));
  add("roundevenf", static_cast<float (*)(float)>(&std::nearbyint));
  return session.getMainJITDylib().define(orc::absoluteSymbols(std::move(symbols)));
}

llvm::Expected<std::shared_ptr<orc::LLJIT>> link(const Object& object) {
  orc::JITTargetMachineBuilder builder{llvm::Triple(object.target.triple)};
  builder.setCPU(object.target.cpu);
  // Nothing here has constructors or thread-local data, which a platform would look after, nor searches the
  // process.
  auto session = orc::LLJITBuilder()
                     .setJITTargetMachineBuilder(std::move(builder))
                     .setLinkProcessSymbolsByDefault(false)
                     .setPlatformSetUp(orc::setUpInactivePlatform)
                     .create();
  if (!session) return session.takeError();
  if (auto error = define_library(**session)) return error;
  for (const std::vector<char>& file : object.files) {
    auto bytes = llvm::MemoryBuffer::getMemBufferCopy(llvm::StringRef(file.data(), file.size()), "nodec");
    if (auto error = (*session)->addObjectFile(std::move(bytes))) return error;
  }
  return std::shared_ptr<orc::LLJIT>(std::move(*session));
}

}  // namespace

Result<Code> load(const Object& object) {
  static std::once_flag once;
  std::call_once(once, [] { llvm::InitializeNativeTarget(); });
  const auto start = std::chrono::steady_clock::now();
  auto session = link(object);
  if (!session) return {std::nullopt, llvm::toString(session.takeError())};
  Code code;
  const std::pair<const char*, runtime::Function*> functions[] = {{"sizes", &code.sizes},
                                                                  {"prologue", &code.prologue},
                                                                  {"pool", &code.pool},
                                                                  {"part", &code.part},
                                                                  {"epilogue", &code.epilogue}};
  for (const auto& [name, place] : functions) {
    auto address = (*session)->lookup(name);
    if (!address) return {std::nullopt, llvm::toString(address.takeError())};
    *place = address->toPtr<runtime::Function>();
  }
  code.memory_ = *session;
  code.code_bytes = object.code_bytes;
  code.timings = object.timings;
  const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start;
  code.timings.link = taken.count();
  return {std::move(code), ""};
}

Result<Code> load(codegen::Module module) {
  Result<Object> object = compile(std::move(module));
  if (!object) return {std::nullopt, object.error};
  return load(*object);
}

}  // namespace nodec::jit
