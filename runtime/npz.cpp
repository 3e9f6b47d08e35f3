// .npz archives: a .zip of .npy arrays.
#include <new>

#include "runtime/formats.hpp"
#include "runtime/npy.hpp"
#include "runtime/zip.hpp"

namespace nodec::runtime {
namespace {

constexpr std::string_view suffix = ".npy";

}  // namespace

Result<Arrays> read_npz(const std::string& file, std::span<const std::byte> bytes,
                        const std::shared_ptr<const void>& mapping) {
  const auto is_array = [](const std::string& name) { return name.ends_with(suffix); };
  Result<std::vector<ZipEntry>> entries = read_zip(file, bytes, is_array);
  if (!entries) return entries.errors();
  Arrays arrays;
  for (ZipEntry& entry : *entries) {
    const std::string name = entry.name.substr(0, entry.name.size() - suffix.size());
    Result<Array> array = read_npy(file, name, entry.contents(), entry.stored.data() ? mapping : nullptr);
    if (!array) return array.errors();
    entry.bytes = {};
    if (!arrays.add(name, std::move(*array))) return error(Problem::duplicate_array, file, name);
  }
  return arrays;
}

Result<std::vector<std::byte>> write_npz(const std::string& file, const Arrays& arrays, bool deflate) {
  std::vector<ZipEntry> entries;
  for (const auto& [name, array] : arrays.items())
    entries.push_back({name + std::string(suffix), write_npy(array)});
  return write_zip(file, entries, deflate);
}

}  // namespace nodec::runtime
