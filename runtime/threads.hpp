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

  // Calls job(w) once for each w in [0, count()), the caller as w = 0, and returns when all are done. The job
  // must not throw. Calls of one team must not overlap. Allocates nothing.
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
  std::atomic<uint32_t> job_{0};  // number of the job to be done; workers wait for it to change
  std::atomic<int> running_{0};   // workers that have not finished it
  std::atomic<bool> stop_{false};
};

}  // namespace nodec::runtime
