// Limits and signals of this process.
#include "compiler/driver/process.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>

namespace nodec::driver {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;  // shadow memory counts as the process's own
#else
constexpr bool sanitized = false;
#endif

rlim_t machine_memory() {
  const long pages = ::sysconf(_SC_PHYS_PAGES), size = ::sysconf(_SC_PAGESIZE);
  if (pages <= 0 || size <= 0) return RLIM_INFINITY;
  rlim_t memory = static_cast<rlim_t>(pages) * static_cast<rlim_t>(size);
  for (const char* file : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    std::ifstream in(file);
    // "max" stands for no limit, and is no number.
    if (uint64_t limit = 0; in >> limit && limit > 0) memory = std::min<rlim_t>(memory, limit);
  }
  return memory;
}

extern "C" void file_shrunk(int) {
  constexpr char text[] = "nodec: error: a file became shorter while it was read\n";
  // Nothing can be done about a message that cannot be written.
  if (::write(STDERR_FILENO, text, sizeof text - 1) < 0) ::_exit(1);
  ::_exit(1);
}

}  // namespace

void limit_memory() {
  rlimit now{};
  if (sanitized || ::getrlimit(RLIMIT_DATA, &now) != 0 || now.rlim_cur != RLIM_INFINITY) return;
  now.rlim_cur = std::min(now.rlim_max, machine_memory());
  ::setrlimit(RLIMIT_DATA, &now);
}

void tell_of_shrunk_files() {
  struct sigaction action {};
  action.sa_handler = file_shrunk;
  ::sigaction(SIGBUS, &action, nullptr);
}

}  // namespace nodec::driver
