// A child process for each piece of work, and a pipe for its result.
#include "compiler/driver/repl/isolated.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iostream>
#include <new>

namespace nodec::driver {
namespace {

volatile sig_atomic_t interrupted = 0;
void note_interrupt(int) { interrupted = 1; }

void flush() {
  std::cout.flush();
  std::cerr.flush();
  std::fflush(stdout);
  std::fflush(stderr);
}

void write_all(int to, const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t n = ::write(to, text.data() + done, text.size() - done);
    if (n < 0 && errno != EINTR) return;  // the parent is gone
    if (n > 0) done += static_cast<size_t>(n);
  }
}

// Nothing of this process may outlive it here: not its handlers, nor what stands in its buffers.
[[noreturn]] void be_child(int to, pid_t parent, const std::function<std::string()>& work) {
  ::signal(SIGINT, SIG_DFL);
  // A group of its own, so that Ctrl-C at the terminal reaches it through the parent, once.
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  int status = 1;
  try {
    const std::string result = work();
    flush();
    write_all(to, result);
    status = 0;
  } catch (const std::bad_alloc&) {
    std::fputs("nodec: error: not enough memory\n", stderr);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "nodec: error: internal error: %s\n", error.what());
  }
  flush();
  ::_exit(status);
}

// What the child sends until it closes the pipe; hands interrupts on.
std::string receive(int from, pid_t child, bool& stopped) {
  std::string text;
  char chunk[1 << 16];
  for (;;) {
    // A signal between the test and the wait is seen a moment later.
    constexpr int milliseconds = 50;
    pollfd ready{from, POLLIN, 0};
    const int n = ::poll(&ready, 1, milliseconds);
    if (interrupted) {
      interrupted = 0;
      ::kill(child, stopped ? SIGKILL : SIGINT);
      stopped = true;
    }
    if (n <= 0) continue;
    const ssize_t got = ::read(from, chunk, sizeof chunk);
    if (got == 0) return text;
    if (got > 0) text.append(chunk, static_cast<size_t>(got));
    if (got < 0 && errno != EINTR) return text;
  }
}

}  // namespace

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = note_interrupt;
  ::sigaction(SIGINT, &action, nullptr);
}

bool take_interrupt() {
  const bool came = interrupted != 0;
  interrupted = 0;
  return came;
}

Isolated run_isolated(const std::function<std::string()>& work) {
  Isolated out;
  out.end = Isolated::End::failed;
  int ends[2];
  if (::pipe(ends) != 0) {
    out.why = std::strerror(errno);
    return out;
  }
  flush();
  const pid_t parent = ::getpid(), child = ::fork();
  if (child < 0) {
    out.why = std::strerror(errno);
    ::close(ends[0]);
    ::close(ends[1]);
    return out;
  }
  if (child == 0) {
    ::close(ends[0]);
    be_child(ends[1], parent, work);
  }
  ::setpgid(child, child);  // whoever comes first
  ::close(ends[1]);
  bool stopped = false;
  out.result = receive(ends[0], child, stopped);
  ::close(ends[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    out.end = Isolated::End::done;
  } else if (stopped) {
    out.end = Isolated::End::interrupted;
  } else if (WIFSIGNALED(status)) {
    out.why = std::string("it was ended by a signal: ") + ::strsignal(WTERMSIG(status));
  }
  return out;
}

}  // namespace nodec::driver
