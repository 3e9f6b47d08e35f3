// The time that work takes: processor time of the calling thread where it works alone, so that other programs
// on the machine do not count, and wall time where it shares the work out.
#pragma once

#include <ctime>

namespace nodec::embed {

class Stopwatch {
 public:
  explicit Stopwatch(int threads)
      : clock_(threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC), start_(now()) {}
  double seconds() const { return now() - start_; }
  double milliseconds() const { return 1e3 * seconds(); }

 private:
  double now() const {
    timespec time{};
    clock_gettime(clock_, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  }

  clockid_t clock_;
  double start_;
};

}  // namespace nodec::embed
