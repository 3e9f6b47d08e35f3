// Module -> the name under which its object can be kept.
#include "compiler/codegen/llvm_module.hpp"
#include "compiler/jit/jit.hpp"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/raw_ostream.h"

namespace nodec::jit {

std::string fingerprint(const codegen::Module& module) {
  llvm::SmallVector<char, 0> bitcode;
  llvm::raw_svector_ostream stream(bitcode);
  llvm::WriteBitcodeToFile(*module.llvm().module, stream);
  const codegen::Target& target = module.target();
  llvm::SHA256 hash;
  // NODEC_JIT_SOURCES is a digest of this folder: what turns equal IR into other code.
  for (const std::string& part : {std::string(NODEC_JIT_SOURCES), std::string(LLVM_VERSION_STRING),
                                  target.triple, target.cpu, target.features}) {
    hash.update(part);
    hash.update(llvm::StringRef("\0", 1));
  }
  hash.update(llvm::StringRef(bitcode.data(), bitcode.size()));
  return llvm::toHex(hash.final(), true);
}

}  // namespace nodec::jit
