// One tile on several threads: rows of its large products go to threads that have no tile of their own.
//
// In: work that is independent row by row. Out: all of its rows done. Each thread has a part of the rows of
// its own, so that what it read of the matrix last time is still in its cache; a part whose thread is not
// there is done by the owner of the tile, which therefore waits for no thread that has not begun. Where the
// machine has too few cores for all threads, one that has begun may be put off in the middle: after waiting
// for such a one the owner works alone for a while.
#pragma once

#include <atomic>
#include <cstdint>

#include "runtime/abi.hpp"

namespace nodec::runtime {

class Team {
 public:
  // A part is a bit.
  static constexpr int most_helpers = 31;

  // So many threads may help, by number from 0 on; the owner is none of them. Not while any helps.
  void open(int helpers);
  // The owner's: does work(operands, first, end) for ranges that make up [0, rows) and begin at multiples of
  // `grain`, and returns when all are done.
  void run(RowWork work, const void* operands, int64_t rows, int64_t grain);
  // The owner's: sends the helpers away.
  void close();
  // Takes part until the team is closed.
  void help(int helper);

 private:
  bool claim(uint32_t number, int helper);
  void do_part(int part) const;

  int helpers_ = 0;
  RowWork work_ = nullptr;
  const void* operands_ = nullptr;
  int64_t rows_ = 0, grain_ = 1;
  int alone_ = 0, break_ = 0;  // jobs that the owner still does alone; how many after the last late helper
  // What helpers wait for: twice the number of jobs so far, plus 1 once closed.
  alignas(64) std::atomic<uint32_t> number_{1};
  std::atomic<uint64_t> claims_{0};  // that number in the upper half, parts that a thread has taken below
  alignas(64) std::atomic<uint32_t> done_{0};  // parts that helpers have finished
};

}  // namespace nodec::runtime
