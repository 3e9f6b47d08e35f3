// Memory for generated code: aligned to a cache line, kept and reused between runs.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>

namespace nodec::runtime {

constexpr size_t cache_line = 64;

struct FreeMemory {
  void operator()(void* memory) const { std::free(memory); }
};

class AlignedMemory {
 public:
  // Room for `bytes`; false when there is none. Contents are lost when it has to move.
  bool reserve(size_t bytes) {
    if (bytes <= bytes_) return true;
    memory_.reset();
    bytes_ = 0;
    const size_t rounded = (bytes + cache_line - 1) / cache_line * cache_line;
    if (rounded < bytes) return false;
    memory_.reset(std::aligned_alloc(cache_line, rounded));
    if (!memory_) return false;
    bytes_ = rounded;
    return true;
  }
  std::byte* data() const { return static_cast<std::byte*>(memory_.get()); }
  size_t bytes() const { return bytes_; }

 private:
  std::unique_ptr<void, FreeMemory> memory_;
  size_t bytes_ = 0;
};

}  // namespace nodec::runtime
