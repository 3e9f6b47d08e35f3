// A path, or a list of names and paths, to what the files hold.
#include <cctype>
#include <new>

#include "runtime/binding.hpp"
#include "runtime/files.hpp"
#include "runtime/formats.hpp"
#include "runtime/idx.hpp"

namespace nodec::runtime {
namespace {

// "image=FILE,label=FILE" as names and paths; nothing when the text is not so.
std::vector<std::pair<std::string, std::string>> named_files(const std::string& text) {
  const auto word = [](unsigned char c) { return std::isalnum(c) || c == '_' || c >= 0x80; };
  // Where a name and its "=" begin; a comma elsewhere is part of a path.
  std::vector<std::pair<size_t, size_t>> names;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = begin;
    while (end < text.size() && word(static_cast<unsigned char>(text[end]))) ++end;
    if (end > begin && end < text.size() && text[end] == '=') names.emplace_back(begin, end);
    const size_t comma = text.find(',', end);
    if (comma == std::string::npos) break;
    begin = comma + 1;
  }
  if (names.empty() || names.front().first != 0) return {};
  std::vector<std::pair<std::string, std::string>> list;
  for (size_t n = 0; n < names.size(); ++n) {
    const auto [begin, equals] = names[n];
    const size_t end = n + 1 < names.size() ? names[n + 1].first - 1 : text.size();
    list.emplace_back(text.substr(begin, equals - begin), text.substr(equals + 1, end - equals - 1));
  }
  return list;
}

Result<Array> read_one(const std::string& path) {
  if (extension(path) == ".npy") {
    const Result<Arrays> arrays = read_arrays(path);
    if (!arrays) return arrays.errors();
    return arrays->items().front().array;
  }
  Result<std::vector<std::byte>> bytes = read_bytes(path);
  if (!bytes) return bytes.errors();
  if (looks_like_idx(*bytes)) return read_idx(path, *bytes);
  return error(Problem::unknown_format, path, extension(path), "a .npy or an IDX file");
}

}  // namespace

Result<DataFile> read_data(const std::string& path) try {
  const auto files = named_files(path);
  if (!files.empty() && !exists(path)) {
    Arrays arrays;
    Errors errors;
    for (const auto& [name, file] : files) {
      Result<Array> array = read_one(file);
      if (!array) {
        errors.insert(errors.end(), array.errors().begin(), array.errors().end());
      } else if (!arrays.add(name, std::move(*array))) {
        errors.push_back(error(Problem::duplicate_array, path, name));
      }
    }
    if (!errors.empty()) return errors;
    return DataFile{path, std::move(arrays)};
  }
  if (extension(path) == ".csv") {
    Result<std::vector<std::byte>> bytes = read_bytes(path);
    if (!bytes) return bytes.errors();
    Result<Table> table = read_table(path, {reinterpret_cast<const char*>(bytes->data()), bytes->size()});
    if (!table) return table.errors();
    return DataFile{path, std::move(*table)};
  }
  Result<Arrays> arrays = read_arrays(path);
  if (!arrays) return arrays.errors();
  return DataFile{path, std::move(*arrays)};
} catch (const std::bad_alloc&) {
  return error(Problem::out_of_memory, path, "its arrays");
}

}  // namespace nodec::runtime
