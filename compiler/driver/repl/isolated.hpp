// Work that may take any time, or go wrong in any way, in a process of its own: Ctrl-C ends it there, and
// whatever happens to it, the session that asked for it stays as it was.
#pragma once

#include <functional>
#include <string>

namespace nodec::driver {

// Catches SIGINT from now on. Whether one came since the last call.
void catch_interrupts();
bool take_interrupt();

struct Isolated {
  enum class End {
    done,
    interrupted,
    failed,  // it ended by itself, without a result: `why`
  } end = End::done;
  std::string result;  // what the work returned
  std::string why;
};

// Calls `work` in a child of this process, which has the same memory, and waits. What it prints is printed.
// The first interrupt is handed on to the child, which dies of it unless `work` catches it; the second kills.
// This process must have one thread.
Isolated run_isolated(const std::function<std::string()>& work);

}  // namespace nodec::driver
