// Rows to threads (see team.hpp).
#include "runtime/team.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

namespace nodec::runtime {
namespace {

void pause_once() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

// About the time of one product that is worth sharing. The machine may have fewer cores than there are
// threads.
constexpr int turns_before_sleep = 4096, turns_before_yield = 256;
// Jobs without helpers.
constexpr int longest_break = 1 << 10;

}  // namespace

void Team::open(int helpers) {
  helpers_ = std::clamp(helpers, 0, most_helpers);
  number_.store((number_.load(std::memory_order_relaxed) | 1) + 1, std::memory_order_release);
}

void Team::close() {
  number_.fetch_or(1, std::memory_order_release);
  number_.notify_all();
}

// Ranges are the same whoever does them. Where there are few, the owner's is not the empty one.
void Team::do_part(int part) const {
  const int64_t parts = helpers_ + 1, grains = (rows_ + grain_ - 1) / grain_;
  const auto begin = [&](int64_t p) { return (grains * p + parts - 1) / parts * grain_; };
  const int64_t first = begin(part), end = std::min(begin(part + 1), rows_);
  if (first < end) work_(operands_, first, end);
}

// Whether the part is this thread's to do: of that job, and not taken.
bool Team::claim(uint32_t number, int helper) {
  const uint64_t bit = uint64_t{1} << helper;
  uint64_t claims = claims_.load(std::memory_order_acquire);
  while (claims >> 32 == number && !(claims & bit)) {
    if (claims_.compare_exchange_weak(claims, claims | bit, std::memory_order_acq_rel)) return true;
  }
  return false;
}

void Team::run(RowWork work, const void* operands, int64_t rows, int64_t grain) {
  if (helpers_ == 0 || alone_ > 0) {
    alone_ = std::max(0, alone_ - 1);
    work(operands, 0, rows);
    return;
  }
  const auto begun = std::chrono::steady_clock::now();
  work_ = work;
  operands_ = operands;
  rows_ = rows;
  grain_ = grain;
  done_.store(0, std::memory_order_relaxed);
  const uint32_t number = number_.load(std::memory_order_relaxed) + 2;
  claims_.store(uint64_t{number} << 32, std::memory_order_release);
  number_.store(number, std::memory_order_release);
  number_.notify_all();
  do_part(0);
  uint32_t theirs = 0;
  for (int helper = 0; helper < helpers_; ++helper) {
    if (claim(number, helper)) {
      do_part(helper + 1);
    } else {
      ++theirs;
    }
  }
  const auto own_done = std::chrono::steady_clock::now();
  for (int turn = 0; done_.load(std::memory_order_acquire) != theirs; ++turn) {
    turn < turns_before_yield ? pause_once() : std::this_thread::yield();
  }
  // Parts are alike: they end about together unless a helper has been put off.
  const bool late = std::chrono::steady_clock::now() - own_done > 2 * (own_done - begun);
  break_ = late ? std::min(2 * break_ + 1, longest_break) : break_ / 2;
  if (late) alone_ = break_;
}

void Team::help(int helper) {
  if (helper >= helpers_) return;
  uint32_t seen = 0;
  while (true) {
    uint32_t number = number_.load(std::memory_order_acquire);
    for (int turn = 0; number == seen; ++turn) {
      if (turn < turns_before_sleep) {
        pause_once();
      } else {
        number_.wait(seen, std::memory_order_acquire);
      }
      number = number_.load(std::memory_order_acquire);
    }
    if (number & 1) return;
    seen = number;
    if (!claim(number, helper)) continue;
    do_part(helper + 1);
    done_.fetch_add(1, std::memory_order_release);
  }
}

}  // namespace nodec::runtime
