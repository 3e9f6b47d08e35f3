// The main thread's stack, as deep as the embedding interface's for reading text: sanitizers widen every
// frame.
#include <sys/resource.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.hpp"

// A stack grows up to the limit that held when its program began, so the program begins again.
extern "C" int LLVMFuzzerInitialize(int*, char*** arguments) {
  constexpr rlim_t wanted = rlim_t{64} << 20;
  rlimit stack{};
  if (::getrlimit(RLIMIT_STACK, &stack) != 0 || stack.rlim_cur >= wanted) return 0;
  stack.rlim_cur = wanted;
  if (::setrlimit(RLIMIT_STACK, &stack) == 0) ::execv("/proc/self/exe", *arguments);
  return 0;
}
