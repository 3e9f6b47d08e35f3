// What machine code is made for.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace nodec::codegen {

struct Target {
  std::string triple;
  std::string cpu;
  std::string features;   // "+avx2,+fma,…"
  int vector_bits = 128;  // widest registers worth using
  friend bool operator==(const Target&, const Target&) = default;
};

// The machine that this process runs on.
Target host_target();
// Another processor of its kind, by LLVM's name (x86-64-v3, znver3), or "native"; nothing for a name that is
// not known.
std::optional<Target> named_target(const std::string& cpu);
std::vector<std::string> target_names();
// A feature of the target that the machine does not have, "" if there is none: then its code runs there.
std::string first_lacking(const Target& target, const Target& machine);

}  // namespace nodec::codegen
