// Paths to bytes and back, atomically.
#include "runtime/files.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

namespace nodec::runtime {
namespace {

// An open file, closed when it goes out of scope.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }
  bool close() {
    const int number = number_;
    number_ = -1;
    return ::close(number) == 0;
  }

 private:
  int number_;
};

std::string reason() { return std::strerror(errno); }

bool write_all(int file, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return true;
}

// So that the new name itself survives a power cut. Some file systems refuse this; the data are safe either
// way.
void flush_folder(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const Descriptor file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (file.number() >= 0) ::fsync(file.number());
}

}  // namespace

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

Result<std::vector<std::byte>> read_bytes(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.number() < 0) return error(Problem::cannot_open, path, reason());
  struct stat status {};
  if (::fstat(file.number(), &status) != 0) return error(Problem::cannot_read, path, reason());
  if (S_ISDIR(status.st_mode)) return error(Problem::cannot_read, path, "it is a folder");
  std::vector<std::byte> bytes;
  try {
    // One byte more than the file has, so that its end is seen without growing.
    bytes.resize(S_ISREG(status.st_mode) ? static_cast<size_t>(status.st_size) + 1 : size_t{1} << 16);
    size_t size = 0;
    while (true) {
      if (size == bytes.size()) bytes.resize(2 * size);
      const ssize_t count = ::read(file.number(), bytes.data() + size, bytes.size() - size);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return error(Problem::cannot_read, path, reason());
      if (count == 0) break;
      size += static_cast<size_t>(count);
    }
    bytes.resize(size);
  } catch (const std::bad_alloc&) {
    return error(Problem::out_of_memory, path, "the file");
  }
  return bytes;
}

std::optional<Mapping> map_bytes(const std::string& path, size_t smallest) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (file.number() < 0 || ::fstat(file.number(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  const size_t size = static_cast<size_t>(status.st_size);
  if (size < smallest || size == 0) return {};
  void* const start = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.number(), 0);
  if (start == MAP_FAILED) return {};
  const std::shared_ptr<const void> owner(start,
                                          [size](const void* at) { ::munmap(const_cast<void*>(at), size); });
  return Mapping{{static_cast<const std::byte*>(start), size}, owner};
}

Result<Done> write_bytes(const std::string& path, std::span<const std::span<const std::byte>> pieces) {
  // A device or a pipe (/dev/stdout) cannot be replaced; it is written as it stands.
  struct stat status {};
  const bool exists = ::stat(path.c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) return error(Problem::cannot_write, path, "it is a folder");
  if (exists && !S_ISREG(status.st_mode)) {
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    bool good = file.number() >= 0;
    for (size_t i = 0; good && i < pieces.size(); ++i) good = write_all(file.number(), pieces[i]);
    if (!good) return error(Problem::cannot_write, path, reason());
    return Done{};
  }
  // Through a link, so that what it points to is replaced and not the link.
  const std::unique_ptr<char, void (*)(void*)> real(exists ? ::realpath(path.c_str(), nullptr) : nullptr,
                                                    std::free);
  const std::string target = real ? real.get() : path;
  std::string temporary = target + ".XXXXXX";
  Descriptor file(::mkstemp(temporary.data()));
  if (file.number() < 0) return error(Problem::cannot_write, path, reason());
  // mkstemp makes a private file; the result gets the rights of what it replaces, or the usual ones.
  const mode_t mask = ::umask(0);
  ::umask(mask);
  bool good = ::fchmod(file.number(), exists ? status.st_mode & 07777 : 0666 & ~mask) == 0;
  for (size_t i = 0; good && i < pieces.size(); ++i) good = write_all(file.number(), pieces[i]);
  good = good && ::fsync(file.number()) == 0;
  good = good && file.close();
  good = good && ::rename(temporary.c_str(), target.c_str()) == 0;
  if (!good) {
    const std::string why = reason();
    ::unlink(temporary.c_str());
    return error(Problem::cannot_write, path, why);
  }
  flush_folder(target);
  return Done{};
}

Result<Done> write_bytes(const std::string& path, std::span<const std::byte> bytes) {
  const std::span<const std::byte> pieces[] = {bytes};
  return write_bytes(path, std::span<const std::span<const std::byte>>(pieces));
}

}  // namespace nodec::runtime
