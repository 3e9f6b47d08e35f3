// The state of a training run as a file, and what says that a file is of the same run.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/arrays.hpp"

namespace nodec::runtime {

// One thing that must be the same when a run goes on: "the seed", "7".
struct Trait {
  std::string name, value;
  bool digest = false;  // a number that says nothing to a reader
};

struct Checkpoint {
  std::vector<Trait> traits;
  Arrays state;
};

// A .safetensors file; replaced in one step (files.hpp).
Result<Done> write_checkpoint(const std::string& path, const Checkpoint& checkpoint);
Result<Checkpoint> read_checkpoint(const std::string& path);
Result<Checkpoint> read_checkpoint(const std::string& path, std::span<const std::byte> bytes);

// What differs, as a list for other_run: "the seed (1 there, 0 here), the training data"; "" when nothing
// does.
std::string difference(const std::vector<Trait>& there, const std::vector<Trait>& here);

// A digest of bytes and numbers, the same on every machine of this byte order.
class Digest {
 public:
  void add(std::span<const std::byte> bytes);
  void add(uint64_t number);
  void add(std::string_view text);
  std::string text() const;  // 16 hexadecimal digits

 private:
  uint64_t state_ = 0x9e3779b97f4a7c15;
};

}  // namespace nodec::runtime
