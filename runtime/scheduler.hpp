// Batches to tiles on threads: workspaces, noise, sums over samples in a fixed order.
//
// A batch is cut into tiles of L rows, consecutive tiles form groups, and groups chunks. The tiles of a group
// run side by side where that keeps their lanes busy (tile_group.hpp). Every chunk has accumulators of its
// own, which are added by a fixed tree. Threads for which there is no chunk help with the large products of
// others (team.hpp). How many groups and chunks there are depends on the batch, L and the
// memory that tiles take, never on threads: so the same bits come out for any number of threads. Once a batch
// of its kind has been run, a run allocates nothing.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/abi.hpp"
#include "runtime/memory.hpp"
#include "runtime/threads.hpp"
#include "runtime/tile_group.hpp"

namespace nodec::runtime {

enum class NoiseKind : uint8_t { normal, uniform };  // N(0, 1); [0, 1)

// Compiled functions and what the scheduler must know of them.
struct Code {
  Function sizes = nullptr, prologue = nullptr, pool = nullptr, part = nullptr,
           epilogue = nullptr;  // prologue, pool, epilogue: null when empty; part: or tiles run one by one
  int lanes = 8;
  bool double_precision = true;
  int tapes = 0, solves = 0, lengths = 0;
};

struct NoiseSlot {
  uint64_t stream;
  NoiseKind kind;
  int64_t elements;  // of one sample
};

// One run. Nothing is owned; everything must live until `run` returns. Reals are of the code's precision.
struct Batch {
  std::span<const int64_t> samples;     // [rows] index of each row's sample in the data
  std::span<const int64_t> identities;  // [rows] which sample's noise; empty: the indices above
  const void* parameters = nullptr;
  std::span<const void* const> data;  // by slot
  std::span<const int64_t> strides;   // by slot
  const void* settings = nullptr;
  std::span<const int64_t> lengths;         // the largest, as the data are laid out
  std::span<const int32_t> sample_lengths;  // [sample][length] of the whole data, or empty
  std::span<void* const> outputs;           // by slot, [rows][elements]
  void* totals = nullptr;
  std::span<const NoiseSlot> noise;
  uint64_t seed = 0, step = 0;                // of the noise
  const std::atomic<bool>* cancel = nullptr;  // looked at between tiles and steps
};

// The steps of a batch's solves, tile by tile, kept so that another run can follow them.
class Recorded {
 public:
  Recorded() = default;
  ~Recorded();
  Recorded(const Recorded&) = delete;
  Recorded& operator=(const Recorded&) = delete;

  // Where the steps begin that a row took, in order. Of the code that was run, and of a tape whose entries
  // take so many reals of a lane (step_rows).
  std::vector<double> step_starts(const Code& code, int64_t row, int tape, int64_t entry_rows) const;

 private:
  friend class Scheduler;
  std::vector<Tape> tapes_;  // [tile][tape]
};

enum class RunState : uint8_t { done, canceled, out_of_memory };

struct Failed {
  int64_t row;
  Status status;
};

// How many lanes did useful work, and how many there were: in passes of the loops that lanes leave apart, or,
// where there are none, in evaluations.
struct LaneUse {
  int64_t useful = 0, computed = 0;
};

// Bytes up to which tapes of one of `threads` threads (0: as many as the machine runs) are better kept than
// computed anew: its share of the last level of the cache, within bounds.
int64_t worth_keeping(int threads);

class Scheduler {
 public:
  // `tape_bytes` bounds the tapes of all threads together; 0: three quarters of the machine's memory. pooled:
  // lanes may move to other tiles; their results are the same bits as without, since groups are formed the
  // same way.
  explicit Scheduler(const Code& code, int threads = 0, int64_t tape_bytes = 0, bool pooled = true);
  ~Scheduler();

  // Runs all functions. `record` keeps the tapes of this batch; `replay` follows tapes kept before, of the
  // same samples in the same order (the code must have been compiled for it). At most one of the two.
  RunState run(const Batch& batch, Recorded* record = nullptr, const Recorded* replay = nullptr);

  // Makes room for batches of this kind before the first: what that run reads, its outputs and totals, need
  // not be there yet. False when there is not enough memory.
  bool reserve(const Batch& batch);

  int threads() const { return threads_.count(); }
  // Of the last run, by row; statistics: [row][solve].
  std::span<const Status> status() const { return status_; }
  std::span<const Statistics> statistics() const { return statistics_; }
  LaneUse lane_use() const;  // of the last run
  int group_tiles() const { return group_tiles_; }
  // Rows that failed, ascending.
  std::vector<Failed> failures() const;
  // Bytes of arenas, tapes and accumulators in use.
  int64_t workspace_bytes() const;

 private:
  struct Worker;

  bool prepare(const Batch& batch, Call& call, Sizes& sizes, bool alone);
  int choose_group(const Sizes& sizes) const;
  void run_chunk(const Batch& batch, const Call& call, Worker& worker, int64_t chunk, std::vector<Tape>* kept,
                 bool replay, Team* team);
  void fill_noise(const Batch& batch, int64_t first, int64_t end);
  template <class Real>
  void reduce(int64_t first, int64_t end);

  Code code_;
  Threads threads_;
  int64_t tape_limit_;  // of one thread
  bool pooled_;
  std::vector<Part> parts_;
  std::vector<Belonging> belongings_;
  int group_tiles_ = 1;
  // Of the current run: a group's tiles run side by side; that even one tile runs part by part.
  bool together_ = false, by_parts_ = false;
  std::vector<Worker> workers_;
  AlignedMemory uniforms_, accumulators_, noise_;
  std::vector<const void*> noise_slots_;
  std::vector<int32_t> row_lengths_;
  std::vector<Status> status_;
  std::vector<Statistics> statistics_;
  int64_t rows_ = 0, tiles_ = 0, groups_ = 0, chunks_ = 0, chunk_stride_ = 0,
          accumulator_count_ = 0;  // of the current run; stride in reals
};

}  // namespace nodec::runtime
