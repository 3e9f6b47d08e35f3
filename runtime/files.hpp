// Whole files in and out of memory.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/error.hpp"

namespace nodec::runtime {

bool exists(const std::string& path);

// The bytes of a regular file (or of a pipe, to its end).
Result<std::vector<std::byte>> read_bytes(const std::string& path);

// The bytes of a regular file, read when they are looked at and not kept when memory is short; what keeps
// them. Nothing for what cannot be mapped (a pipe). The file must not shrink meanwhile.
struct Mapping {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;
};
std::optional<Mapping> map_bytes(const std::string& path, size_t smallest);

// Replaces `path` in one step: a reader sees the old file or the whole new one, whatever happens in between.
// Writes beside it, flushes to the disk, renames.
Result<Done> write_bytes(const std::string& path, std::span<const std::span<const std::byte>> pieces);
Result<Done> write_bytes(const std::string& path, std::span<const std::byte> bytes);

}  // namespace nodec::runtime
