// A team of threads that lives as long as its owner and sleeps between jobs.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <type_traits>
#include <vector>

namespace nodec::runtime {

class Threads {
 public:
  // `count` in all, the caller among them; 0: as many as the machine has cores. One: nothing is started, jobs
  // run inline.
  explicit Threads(int count);
  ~Threads();
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

  int count() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls job(0) on the caller's thread and job(w), w in [1, count()), on every other that arrives before the
  // caller is done; returns when all that began have ended. A thread that the machine has no time for is not
  // waited for, so the job must share out its work as threads ask for it, and the caller's share may be all
  // of it. The job must not throw. Calls of one team must not overlap. Allocates nothing.
  template <class Job>
  void run(Job&& job) {
    using Body = std::remove_reference_t<Job>;
    start([](const void* context,
             int worker) { (*const_cast<Body*>(static_cast<const Body*>(context)))(worker); },
          &job);
  }

 private:
  using Call = void (*)(const void* context, int worker);
  void start(Call call, const void* context);
  void work(int worker);

  std::vector<std::thread> workers_;
  Call call_ = nullptr;
  const void* context_ = nullptr;
  std::atomic<uint32_t> job_{0};    // changes with every job; workers wait for that
  std::atomic<uint32_t> state_{0};  // `open` while workers may begin, plus the number of those at work
  std::atomic<bool> stop_{false};
};

}  // namespace nodec::runtime
