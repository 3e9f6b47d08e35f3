// Tile program and target -> the name under which their object can be kept.
#include "compiler/jit/jit.hpp"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/SHA256.h"

namespace nodec::jit {

std::string fingerprint(const schedule::Program& program, const codegen::Target& target) {
  llvm::SHA256 hash;
  // NODEC_CODE_SOURCES is a digest of codegen and of this folder: what turns equal programs into other code.
  for (const std::string& part :
       {std::string(NODEC_CODE_SOURCES), std::string(LLVM_VERSION_STRING), target.triple, target.cpu,
        target.features, std::to_string(target.vector_bits)}) {
    hash.update(part);
    hash.update(llvm::StringRef("\0", 1));
  }
  hash.update(schedule::serialize(program));
  return llvm::toHex(hash.final(), true);
}

}  // namespace nodec::jit
