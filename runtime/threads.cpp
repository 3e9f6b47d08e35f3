// Jobs to threads.
#include "runtime/threads.hpp"

#include <algorithm>
#include <system_error>

namespace nodec::runtime {

Threads::Threads(int count) {
  if (count <= 0) count = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  workers_.reserve(static_cast<size_t>(count - 1));
  for (int w = 1; w < count; ++w) {
    try {
      workers_.emplace_back([this, w] { work(w); });
    } catch (const std::system_error&) {
      break;  // fewer threads than asked for give the same results
    }
  }
}

Threads::~Threads() {
  stop_.store(true);
  job_.fetch_add(1);
  job_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void Threads::start(Call call, const void* context) {
  if (workers_.empty()) {
    call(context, 0);
    return;
  }
  call_ = call;
  context_ = context;
  running_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
  job_.fetch_add(1, std::memory_order_release);
  job_.notify_all();
  call(context, 0);
  for (int left = running_.load(std::memory_order_acquire); left > 0;
       left = running_.load(std::memory_order_acquire)) {
    running_.wait(left, std::memory_order_acquire);
  }
}

void Threads::work(int worker) {
  uint32_t seen = 0;
  while (true) {
    job_.wait(seen, std::memory_order_acquire);
    seen = job_.load(std::memory_order_acquire);
    if (stop_.load()) return;
    call_(context_, worker);
    if (running_.fetch_sub(1, std::memory_order_release) == 1) running_.notify_one();
  }
}

}  // namespace nodec::runtime
