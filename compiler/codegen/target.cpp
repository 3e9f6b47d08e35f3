// Describes the machine that this process runs on.
#include "compiler/codegen/target.hpp"

#include <algorithm>
#include <vector>

#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

namespace nodec::codegen {

Target host_target() {
  Target target;
  target.triple = llvm::sys::getProcessTriple();
  target.cpu = llvm::sys::getHostCPUName().str();
  const llvm::StringMap<bool> available = llvm::sys::getHostCPUFeatures();
  // Sorted, so that the same machine always gives the same text.
  std::vector<std::string> features;
  for (const auto& feature : available) {
    features.push_back((feature.second ? "+" : "-") + feature.first().str());
  }
  std::sort(features.begin(), features.end(),
            [](const std::string& a, const std::string& b) { return a.substr(1) < b.substr(1); });
  for (const std::string& feature : features) {
    target.features += (target.features.empty() ? "" : ",") + feature;
  }
  if (available.lookup("avx512f")) {
    target.vector_bits = 512;
  } else if (available.lookup("avx2")) {
    target.vector_bits = 256;
  }
  return target;
}

}  // namespace nodec::codegen
