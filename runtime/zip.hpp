// The entries of a .zip archive, and an archive of entries.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "runtime/error.hpp"

namespace nodec::runtime {

struct ZipEntry {
  std::string name;
  std::vector<std::byte> bytes;
  // Of an entry that was read and is not compressed: its place in the archive, and no bytes of its own.
  std::span<const std::byte> stored = {};
  std::span<const std::byte> contents() const { return stored.data() ? stored : bytes; }
};

// Reads every entry for which `wanted` holds: stored or deflated, with its checksum verified. Nothing in the
// archive is believed: offsets and sizes must lie within `archive`, entries must not overlap, and memory
// grows only with what inflates.
Result<std::vector<ZipEntry>> read_zip(const std::string& file, std::span<const std::byte> archive,
                                       const std::function<bool(const std::string& name)>& wanted);

// An archive in memory. Entries are deflated, or stored as they are. Each must be smaller than 4 GiB, and so
// must their sum.
Result<std::vector<std::byte>> write_zip(const std::string& file, std::span<const ZipEntry> entries,
                                         bool deflate);

}  // namespace nodec::runtime
