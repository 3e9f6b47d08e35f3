// Describes the machine that this process runs on, or another that is named.
#include "compiler/codegen/target.hpp"

#include <algorithm>
#include <vector>

#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"
#include "llvm/TargetParser/X86TargetParser.h"

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

std::optional<Target> named_target(const std::string& cpu) {
  if (cpu == "native") return host_target();
  Target target;
  target.triple = llvm::sys::getProcessTriple();
  if (!llvm::Triple(target.triple).isX86() || llvm::X86::parseArchX86(cpu, true) == llvm::X86::CK_None)
    return {};
  target.cpu = cpu;
  llvm::SmallVector<llvm::StringRef, 64> named;
  llvm::X86::getFeaturesForCPU(cpu, named);
  llvm::StringMap<bool> all;
  for (const llvm::StringRef feature : named) {
    all[feature] = true;
    llvm::X86::updateImpliedFeatures(feature, true, all);
  }
  std::vector<std::string> features;
  for (const auto& feature : all)
    if (feature.second) features.push_back(feature.first().str());
  std::sort(features.begin(), features.end());
  for (const std::string& feature : features)
    target.features += (target.features.empty() ? "+" : ",+") + feature;
  target.vector_bits = all.lookup("avx512f") ? 512 : all.lookup("avx2") ? 256 : 128;
  return target;
}

std::vector<std::string> target_names() {
  std::vector<std::string> names{"native"};
  if (!llvm::Triple(llvm::sys::getProcessTriple()).isX86()) return names;
  llvm::SmallVector<llvm::StringRef, 64> known;
  llvm::X86::fillValidCPUArchList(known, true);
  for (const llvm::StringRef name : known) names.push_back(name.str());
  return names;
}

std::string first_lacking(const Target& target, const Target& machine) {
  const std::string had = "," + machine.features + ",";
  for (size_t at = 0; at < target.features.size();) {
    const size_t end = std::min(target.features.find(',', at), target.features.size());
    const std::string feature = target.features.substr(at + 1, end - at - 1);
    // What a machine does not speak of, every one has.
    if (target.features[at] == '+' && had.find(",-" + feature + ",") != std::string::npos) return feature;
    at = end + 1;
  }
  return "";
}

}  // namespace nodec::codegen
