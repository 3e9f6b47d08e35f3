// What machine code is made for.
#pragma once

#include <string>

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

}  // namespace nodec::codegen
