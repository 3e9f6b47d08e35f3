// What generated code and the runtime share: the only header of the runtime that the compiler's back end
// reads.
//
// Every compiled model has five functions, `void f(const Call*, Tile*)`:
//   sizes     writes Call::sizes from the lengths, and Call::parts and Call::belongings if there is room
//   (tile
//             null)
//   prologue  parameter-rate values: reads parameters and shared data, writes `uniforms` (tile null)
//   pool      one tile of samples: reads uniforms and data, writes per-sample outputs, adds to the tile's
//             accumulators
//   part      one part of `pool`, Tile::part: all of them in order, loops until they are over, make `pool`
//   epilogue  reads `accumulators` (reduced over chunks), writes `totals` (tile null)
// "real" is float or double, as compiled. Reals are stored row-major; per-sample arrays have the sample axis
// first.
#pragma once

#include <cstdint>

namespace nodec::runtime {

// Written by `sizes`, in elements of `real` unless it says bytes.
struct Sizes {
  int64_t uniforms;         // [uniforms], shared by all threads
  int64_t accumulators;     // [accumulators] of one chunk
  int64_t arena_bytes;      // workspace of one thread
  int64_t frame_bytes = 0;  // of one tile: what outlives a part
  int64_t parts = 0;        // of `pool`; 1: it has no loop that lanes leave at different times
  int64_t belongings = 0;   // of all parts
  int64_t shared_work = 0;  // 1: `pool` has products that are worth sharing (Tile::share)
};

enum class PartKind : int32_t {
  straight,  // leaves Tile::running for a sweep behind it
  sweep,     // one pass of a loop for the lanes of Tile::running, of which it leaves those that go on
  unwind,    // one entry of a tape: Tile::entry
};

// A lane that moves to another tile between two passes of a loop takes along its element of each row.
struct Belonging {
  int64_t offset;  // of the first row in Tile::frame, in bytes; a row has an element for each lane
  int64_t rows;
  int64_t element_bytes;  // 4 or 8
};

struct Part {
  PartKind kind;
  int32_t tape;                         // that a sweep records on, or −1; that is unwound
  int32_t cache;                        // tape that a sweep may keep more on (see Tape::worth), or −1
  int64_t first_belonging, belongings;  // of Call::belongings
  int64_t entry_bytes, cache_bytes;     // of the tapes
  int64_t work;                         // of a pass: operations on rows, about
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
  Part* parts;  // written by `sizes`, or null
  Belonging* belongings;
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
// all, keeps the contents, and returns the new base; it returns the old one and sets Tile::stopped when
// there is none.
struct Tape {
  void* base;
  int64_t bytes;
  int64_t count;  // entries in use
  int64_t worth;  // bytes up to which entries that can be computed anew are better kept
};

// The rows of `lanes` reals that every entry of the steps of a solve begins with.
namespace step_rows {
constexpr int64_t t = 0, h = 1;  // where the step begins, and its size
constexpr int64_t kept = 2;      // 0: the lane did not step
constexpr int64_t cursor = 3;    // observations before it
constexpr int64_t states = 4;    // at t, of those that equations read
}  // namespace step_rows

// Rows first … end − 1 of a job.
using RowWork = void (*)(const void* operands, int64_t first, int64_t end);

// Why a tile did not run to its end.
enum class Stopped : int32_t { no = 0, out_of_memory = 1, canceled = 2 };

// Where Tile::cancel points when nobody may cancel.
inline constexpr uint8_t never_canceled = 0;

// One tile on one thread.
struct Tile {
  const int64_t*
      samples;  // [lanes] index of each lane's sample in the data arrays; idle lanes repeat a live one
  int64_t row;  // lane 0's place in the batch; lane l is row + l, idle lanes repeat the last live row
  const int64_t*
      rows;      // [lanes] place in the batch of each lane (outputs, noise, lengths, status, statistics)
  int32_t live;  // lanes 0 … live−1 carry a sample
  Stopped stopped;
  void* accumulators;      // real, of this chunk
  void* arena;             // 64-byte aligned workspace
  Tape* tapes;             // one per recorded solve
  Status* status;          // [row]
  Statistics* statistics;  // [row][solve]
  void* (*grow)(Tile*, Tape*, int64_t bytes);
  // Does all rows, in ranges that begin at multiples of `grain`; other threads may take some.
  void (*share)(Tile*, RowWork, const void* operands, int64_t rows, int64_t grain);
  void* frame;       // 64-byte aligned, of this tile alone
  int64_t part;      // which one `part` runs
  uint64_t running;  // lanes that take part in the next pass of a sweep, by bit
  int64_t entry;     // which one an unwinding part takes back
  // Of all sweeps: passes, and lanes that took part in them.
  int64_t passes, lane_passes;
  // Not 0, at any time: the run is canceled. Code looks at it in every step, or every block of equal ones; it
  // then says so in `stopped` and returns.
  const uint8_t* cancel = &never_canceled;
};

using Function = void (*)(const Call*, Tile*);

// How a batch is cut into groups of tiles and these into chunks, by whoever runs it: the order of the sums
// over samples, and so their bits, follow from this.
namespace cutting {
// Tiles of a group: as many as keep lanes busy, but a quarter of the batch at most, so that threads find
// work; fewer where their frames and the tapes of a solve of usual length would take more than the caches
// give back in time. Two tiles win less than they cost.
constexpr int64_t most_lanes = 512, most_tiles = 64, fewest_tiles = 3, parts_of_batch = 4, usual_steps = 16;
constexpr int64_t near_bytes = int64_t{6} << 20;
constexpr int64_t most_chunks = 64, affordable_chunks = 8;
constexpr int64_t most_accumulator_bytes = int64_t{1} << 30;  // of all chunks, where fewer chunks can help
}  // namespace cutting

}  // namespace nodec::runtime
