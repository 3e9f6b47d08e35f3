// Little-endian integers in files, whatever the host.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace nodec::runtime {

// The integer of `count` bytes at `offset`, which must lie within `bytes`.
inline uint64_t little(std::span<const std::byte> bytes, size_t offset, size_t count) {
  uint64_t value = 0;
  for (size_t i = 0; i < count; ++i) value |= std::to_integer<uint64_t>(bytes[offset + i]) << (8 * i);
  return value;
}

inline void append_little(std::vector<std::byte>& bytes, uint64_t value, size_t count) {
  for (size_t i = 0; i < count; ++i) bytes.push_back(static_cast<std::byte>(value >> (8 * i) & 0xff));
}

}  // namespace nodec::runtime
