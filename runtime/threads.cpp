// Jobs to threads.
#include "runtime/threads.hpp"

#include <algorithm>
#include <system_error>

namespace nodec::runtime {
namespace {

constexpr uint32_t open = uint32_t{1} << 31;

}  // namespace

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
  state_.store(open, std::memory_order_release);
  job_.fetch_add(1, std::memory_order_release);
  job_.notify_all();
  call(context, 0);
  for (uint32_t left = state_.fetch_and(~open, std::memory_order_acq_rel) & ~open; left > 0;
       left = state_.load(std::memory_order_acquire)) {
    state_.wait(left, std::memory_order_acquire);
  }
}

void Threads::work(int worker) {
  uint32_t seen = 0;
  while (true) {
    job_.wait(seen, std::memory_order_acquire);
    seen = job_.load(std::memory_order_acquire);
    if (stop_.load()) return;
    uint32_t state = state_.load(std::memory_order_acquire);
    while ((state & open) && !state_.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel)) {
    }
    if (!(state & open)) continue;  // the job is done already
    call_(context_, worker);
    if (state_.fetch_sub(1, std::memory_order_acq_rel) == 1) state_.notify_one();
  }
}

}  // namespace nodec::runtime
