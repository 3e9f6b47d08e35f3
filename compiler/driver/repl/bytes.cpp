// Names, shapes and values, each behind its length.
#include "compiler/driver/repl/bytes.hpp"

#include <cstring>

namespace nodec::driver {
namespace {

void append(std::string& to, const void* bytes, size_t count) {
  to.append(static_cast<const char*>(bytes), count);
}
void append(std::string& to, int64_t n) { append(to, &n, sizeof n); }

}  // namespace

std::string to_bytes(const Arrays& arrays) {
  std::string out;
  for (const auto& [name, array] : arrays) {
    append(out, static_cast<int64_t>(name.size()));
    out += name;
    append(out, static_cast<int64_t>(array.shape.size()));
    for (const int64_t n : array.shape) append(out, n);
    append(out, static_cast<int64_t>(array.values.size()));
    append(out, array.values.data(), array.values.size() * sizeof(double));
  }
  return out;
}

Arrays from_bytes(const std::string& bytes) {
  Arrays arrays;
  size_t at = 0;
  const auto take = [&](void* to, size_t count) {
    if (bytes.size() - at < count) return false;
    if (count > 0) std::memcpy(to, bytes.data() + at, count);
    at += count;
    return true;
  };
  for (;;) {
    int64_t size = 0, rank = 0, count = 0;
    if (!take(&size, sizeof size)) return arrays;
    std::string name(static_cast<size_t>(size), '\0');
    Array array;
    if (!take(name.data(), name.size()) || !take(&rank, sizeof rank)) return arrays;
    array.shape.resize(static_cast<size_t>(rank));
    if (!take(array.shape.data(), array.shape.size() * sizeof(int64_t)) || !take(&count, sizeof count))
      return arrays;
    array.values.resize(static_cast<size_t>(count));
    if (!take(array.values.data(), array.values.size() * sizeof(double))) return arrays;
    arrays[name] = std::move(array);
  }
}

}  // namespace nodec::driver
