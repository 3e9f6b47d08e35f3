// Tiles of one thread that run side by side, so that lanes which are done make room for lanes which are not.
//
// In: tiles whose lanes are at home. Out: the same after all parts of `pool`, every lane back at home.
// Between two passes of a loop the running lanes of a tile may move to free places of the others: a lane
// changes place with one that is done, of whatever the loop reads or writes. The moves of a sweep are logged,
// so that unwinding its tape meets at every entry the lanes that wrote it.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "runtime/abi.hpp"
#include "runtime/memory.hpp"
#include "runtime/team.hpp"

namespace nodec::runtime {

// Bytes of a tape that is used at all.
constexpr int64_t least_tape = 1 << 16;

// Bytes of tapes that one thread may have.
struct TapeBudget {
  int64_t limit = 0, used = 0;
};

// `grow` finds the limits behind the tile that generated code hands back.
struct GroupTile : Tile {
  AlignedMemory frame_memory;
  std::vector<int64_t> sample_of_lane, row_of_lane;
  std::vector<Tape> own_tapes;
  TapeBudget* budget = nullptr;  // of own tapes; none: the tapes are another's, each of `tape_limit` at most
  int64_t tape_limit = 0;
  int64_t least_room = 0;  // of a tape that is used at all: little when every tile keeps its own
  bool frozen = false;     // the tapes belong to a recording: they are read, never moved
  Team* team = nullptr;    // that shares its large products

  GroupTile();
  GroupTile(GroupTile&&) = default;
  ~GroupTile();
};

class TileGroup {
 public:
  struct Work {
    Function part;
    const Call* call;
    std::span<const Part> parts;
    std::span<const Belonging> belongings;
    const std::atomic<bool>* cancel;  // looked at between passes
  };

  // Room for that many tiles; false when there is not enough memory. worth: bytes of tapes that are better
  // kept than computed anew.
  bool prepare(int tiles, int lanes, int tapes, int64_t frame_bytes, int64_t worth);
  // Room for what runs of these parts note, in every tile's own tapes for a solve of usual length. False
  // when there is none.
  bool reserve(TapeBudget& budget, std::span<const Part> parts);
  GroupTile& tile(size_t n) { return tiles_[n]; }
  // All parts for the first `count` tiles.
  void run(const Work& work, size_t count);

  // Since `prepare`: why a tile did not run to its end.
  Stopped stopped() const;
  // Whether that is so, or is to be: a cancellation counts from when it was seen, also if it is taken back.
  bool stops(const std::atomic<bool>* cancel);
  // Since `prepare`: passes of sweeps by tiles, and lanes that ran in them.
  int64_t passes() const;
  int64_t lane_passes() const;
  size_t bytes() const;

 private:
  // Two places, tile · lanes + lane, whose lanes change.
  using Exchange = std::pair<uint32_t, uint32_t>;
  struct Pass {
    uint64_t recorded;  // tiles that wrote an entry
    size_t exchanges;   // before it
  };
  // What a sweep did.
  struct Log {
    std::vector<Pass> passes;
    std::vector<Exchange> exchanges;
    std::vector<uint32_t> arrangement;  // at the end: the home of the lane in each place
  };

  void run_part(const Work& work, GroupTile& tile, size_t part);
  void sweep(const Work& work, size_t part);
  void unwind(const Work& work, size_t part);
  // Empties tiles whose running lanes find room elsewhere, where that is worth it after so many passes.
  void gather(const Work& work, const Part& part, int64_t passes);
  void exchange(const Work& work, const Part& part, std::span<const Exchange> exchanges);
  template <class Word>
  void exchange_rows(const Belonging& belonging, std::span<const Exchange> exchanges);
  // Exchanges that bring to every place the lane of the home given.
  void arrange(const Work& work, const Part& part, std::span<const uint32_t> homes);

  std::vector<GroupTile> tiles_;
  size_t count_ = 0;
  int64_t worth_ = 0;
  uint32_t lanes_ = 1;
  bool canceled_ = false;
  std::vector<Log> logs_;                  // by part
  std::vector<uint32_t> homes_, at_home_;  // of the lane in each place; where none has moved
  std::vector<uint32_t> moved_, places_;  // while exchanges are planned: homes; the place of each home's lane
  std::vector<Exchange> planned_;
  std::vector<std::pair<std::byte*, std::byte*>> elements_;
  std::vector<int64_t> entries_;  // while unwinding, by tile: those left
};

}  // namespace nodec::runtime
