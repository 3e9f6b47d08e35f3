// Whole files in and out of memory.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "runtime/error.hpp"

namespace nodec::runtime {

bool exists(const std::string& path);

// The bytes of a regular file (or of a pipe, to its end).
Result<std::vector<std::byte>> read_bytes(const std::string& path);

// Replaces `path` in one step: a reader sees the old file or the whole new one, whatever happens in between.
// Writes beside it, flushes to the disk, renames.
Result<Done> write_bytes(const std::string& path, std::span<const std::span<const std::byte>> pieces);
Result<Done> write_bytes(const std::string& path, std::span<const std::byte> bytes);

}  // namespace nodec::runtime
