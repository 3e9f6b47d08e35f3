// IDX files (as of the MNIST digits), plain or compressed by gzip: one array of big-endian numbers.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "runtime/arrays.hpp"

namespace nodec::runtime {

// Whether the bytes begin as an IDX or a gzip file does.
bool looks_like_idx(std::span<const std::byte> bytes);
// Element types 0x08 … 0x0E; values as they are stored (pixels 0 … 255).
Result<Array> read_idx(const std::string& file, std::span<const std::byte> bytes);

}  // namespace nodec::runtime
