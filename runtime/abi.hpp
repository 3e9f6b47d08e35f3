// What generated code and the runtime share: the only header of the runtime that the compiler's back end
// reads.
//
// Every compiled model has four functions, `void f(const Call*, Tile*)`:
//   sizes     writes Call::sizes from the lengths (tile null)
//   prologue  parameter-rate values: reads parameters and shared data, writes `uniforms` (tile null)
//   pool      one tile of samples: reads uniforms and data, writes per-sample outputs, adds to the tile's
//   accumulators epilogue  reads `accumulators` (reduced over chunks), writes `totals` (tile null)
// "real" is float or double, as compiled. Reals are stored row-major; per-sample arrays have the sample axis
// first.
#pragma once

#include <cstdint>

namespace nodec::runtime {

// Written by `sizes`, in elements of `real` unless it says bytes.
struct Sizes {
  int64_t uniforms;      // [uniforms], shared by all threads
  int64_t accumulators;  // [accumulators] of one chunk
  int64_t arena_bytes;   // workspace of one thread
};

// One run of a batch. Read by all threads; the runtime owns what the pointers name.
struct Call {
  const void* parameters;         // real, at the offsets of the interface
  const void* const* data;        // one array per data slot, real (ints are stored as reals)
  const int64_t* data_strides;    // elements from one sample to the next, 0 when shared
  const void* const* noise;       // one array per noise slot, [row][elements], real
  const void* settings;           // real, one each
  const int64_t* lengths;         // by length atom: the largest of the batch
  const int32_t* sample_lengths;  // [row][length atom], or null when every sample has the lengths above
  void* uniforms;                 // real
  const void* accumulators;       // real, reduced: the epilogue's input
  void* totals;                   // real: the epilogue's output, at the interface's offsets
  void* const* outputs;           // one array per per-sample output slot, [row][elements], real
  Sizes* sizes;
};

enum class Failure : int32_t {
  none = 0,
  step_underflow = 1,
  not_finite = 2,
  step_limit = 3,
  index_out_of_range = 4,
  times_not_monotone = 5  // or one of them is not finite
};

// What a failed sample reports, once (the first failure).
struct Status {
  int32_t code;   // Failure
  int32_t solve;  // index into the interface's solves; of index_out_of_range: into its places
  int32_t state;  // flat state element that failed first, −1 unknown
  int32_t steps;  // attempted so far; of index_out_of_range: the index; of times_not_monotone: which time,
                  // −1 the initial one
  double t, h;    // of times_not_monotone: that time and the one before
};
// Per row and solve.
struct Statistics {
  int64_t evaluations, accepted, rejected;
};

// A log that grows: entries of a solve's steps, lanes innermost. `grow` makes room for at least `bytes` in
// all, keeps the contents, and returns the new base; it returns the old one and sets Tile::out_of_memory when
// there is none.
struct Tape {
  void* base;
  int64_t bytes;
  int64_t count;  // entries in use
  int64_t worth;  // bytes up to which entries that can be computed anew are better kept
};

// One tile on one thread.
struct Tile {
  const int64_t*
      samples;  // [lanes] index of each lane's sample in the data arrays; idle lanes repeat a live one
  int64_t row;  // lane 0's place in the batch; lane l is row + l, idle lanes repeat the last live row
  const int64_t*
      rows;      // [lanes] place in the batch of each lane (outputs, noise, lengths, status, statistics)
  int32_t live;  // lanes 0 … live−1 carry a sample
  int32_t out_of_memory;
  void* accumulators;      // real, of this chunk
  void* arena;             // 64-byte aligned workspace
  Tape* tapes;             // one per recorded solve
  Status* status;          // [row]
  Statistics* statistics;  // [row][solve]
  void* (*grow)(Tile*, Tape*, int64_t bytes);
};

using Function = void (*)(const Call*, Tile*);

}  // namespace nodec::runtime
