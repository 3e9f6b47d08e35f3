// Objects to files and back.
#include "compiler/embed/object_cache.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

#include "compiler/embed/include/nodec/nodec.hpp"
#include "runtime/checkpoint.hpp"
#include "runtime/files.hpp"

namespace nodec {
namespace {

namespace fs = std::filesystem;

constexpr uintmax_t most_bytes = uintmax_t{256} << 20;

// What stands before the object: then come the sizes of its files, and the files.
struct Header {
  char magic[8] = {'n', 'o', 'd', 'e', 'c', 'o', 'b', '2'};
  int64_t code_bytes = 0, files = 0;
  char digest[16] = {};
};

std::string digest_of(std::span<const std::byte> bytes) {
  runtime::Digest digest;
  digest.add(bytes);
  return digest.text();
}

// Machine code is run, so it must be the user's own.
bool is_private(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && status.st_uid == ::geteuid() && (status.st_mode & 022) == 0 &&
         !S_ISLNK(status.st_mode);
}

std::string file_of(const std::string& folder, const std::string& fingerprint) {
  return (fs::path(folder) / (fingerprint + ".o")).string();
}

void discard_oldest(const std::string& folder) {
  struct Kept {
    fs::path path;
    uintmax_t size;
    fs::file_time_type used;
  };
  std::vector<Kept> files;
  uintmax_t total = 0;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    std::error_code gone;  // another process may have discarded it
    const uintmax_t size = at->file_size(gone);
    const fs::file_time_type used = at->last_write_time(gone);
    if (gone || at->path().extension() != ".o") continue;
    files.push_back({at->path(), size, used});
    total += size;
  }
  if (total <= most_bytes) return;
  std::sort(files.begin(), files.end(), [](const Kept& a, const Kept& b) { return a.used < b.used; });
  for (const Kept& kept : files) {
    if (total <= most_bytes / 2) break;
    fs::remove(kept.path, error);
    total -= kept.size;
  }
}

}  // namespace

std::string default_cache() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache && *cache == '/') return std::string(cache) + "/nodec";
  const char* home = std::getenv("HOME");
  return home && *home == '/' ? std::string(home) + "/.cache/nodec" : "";
}

namespace embed {

std::optional<jit::Object> kept_object(const std::string& folder, const std::string& fingerprint,
                                       const codegen::Target& target) {
  const std::string path = file_of(folder, fingerprint);
  if (!is_private(folder) || !is_private(path)) return {};
  const runtime::Result<std::vector<std::byte>> file = runtime::read_bytes(path);
  if (!file || file->size() < sizeof(Header)) return {};
  Header header;
  std::memcpy(&header, file->data(), sizeof header);
  std::span<const std::byte> bytes = std::span(*file).subspan(sizeof header);
  if (std::memcmp(header.magic, Header{}.magic, sizeof header.magic) != 0 ||
      std::string_view(header.digest, sizeof header.digest) != digest_of(bytes))
    return {};
  const size_t files = static_cast<size_t>(header.files);
  if (files > bytes.size() / sizeof(uint64_t)) return {};
  std::vector<uint64_t> sizes(files);
  std::memcpy(sizes.data(), bytes.data(), files * sizeof(uint64_t));
  bytes = bytes.subspan(files * sizeof(uint64_t));
  jit::Object object;
  for (const uint64_t size : sizes) {
    if (size > bytes.size()) return {};
    const char* first = reinterpret_cast<const char*>(bytes.data());
    object.files.emplace_back(first, first + size);
    bytes = bytes.subspan(size);
  }
  std::error_code ignored;
  fs::last_write_time(path, fs::file_time_type::clock::now(), ignored);
  object.code_bytes = header.code_bytes;
  object.target = target;
  return object;
}

void keep_object(const std::string& folder, const std::string& fingerprint, const jit::Object& object) {
  std::error_code error;
  fs::create_directories(fs::path(folder).parent_path(), error);
  if (fs::create_directory(folder, error)) fs::permissions(folder, fs::perms::owner_all, error);
  if (!is_private(folder)) return;
  Header header;
  header.code_bytes = object.code_bytes;
  header.files = static_cast<int64_t>(object.files.size());
  std::vector<std::byte> bytes;
  const auto append = [&](std::span<const std::byte> more) {
    bytes.insert(bytes.end(), more.begin(), more.end());
  };
  for (const std::vector<char>& code : object.files) {
    const uint64_t size = code.size();
    append(std::as_bytes(std::span(&size, 1)));
  }
  for (const std::vector<char>& code : object.files) append(std::as_bytes(std::span(code)));
  digest_of(bytes).copy(header.digest, sizeof header.digest);
  const std::span<const std::byte> pieces[] = {std::as_bytes(std::span(&header, 1)), bytes};
  if (runtime::write_bytes(file_of(folder, fingerprint), pieces)) discard_oldest(folder);
}

}  // namespace embed
}  // namespace nodec
