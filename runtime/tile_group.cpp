// Runs the parts of a tile's function over a group of tiles (see tile_group.hpp).
#include "runtime/tile_group.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>

namespace nodec::runtime {
namespace {

constexpr int64_t usual_entries = 16;

void* grow_tape(Tile* handed, Tape* tape, int64_t bytes) {
  GroupTile& tile = *static_cast<GroupTile*>(handed);
  if (bytes <= tape->bytes) return tape->base;
  const int64_t others = tile.budget ? tile.budget->used - tape->bytes : 0;
  const int64_t limit = (tile.budget ? tile.budget->limit : tile.tape_limit) - others;
  // Twice as much each time, so that a long solve copies little, and at first what a solve of usual length
  // takes; no more than asked for where that is too much.
  int64_t room = std::max<int64_t>({bytes, 2 * tape->bytes, tile.least_room});
  if (tile.budget && tape->bytes == 0) room = std::max(room, usual_entries * bytes);
  if (room > limit) room = bytes;
  room = (room + static_cast<int64_t>(cache_line) - 1) / static_cast<int64_t>(cache_line) *
         static_cast<int64_t>(cache_line);
  void* base =
      room <= limit && !tile.frozen ? std::aligned_alloc(cache_line, static_cast<size_t>(room)) : nullptr;
  if (!base) {
    tile.stopped = Stopped::out_of_memory;
    return tape->base;
  }
  if (tape->bytes > 0) std::memcpy(base, tape->base, static_cast<size_t>(tape->bytes));
  std::free(tape->base);
  if (tile.budget) tile.budget->used = others + room;
  tape->base = base;
  tape->bytes = room;
  return base;
}

void share_rows(Tile* handed, RowWork work, const void* operands, int64_t rows, int64_t grain) {
  Team* team = static_cast<GroupTile*>(handed)->team;
  team ? team->run(work, operands, rows, grain) : work(operands, 0, rows);
}

uint64_t lowest(int64_t lanes) { return lanes >= 64 ? ~uint64_t{0} : (uint64_t{1} << lanes) - 1; }

}  // namespace

GroupTile::GroupTile() : Tile{} {
  grow = grow_tape;
  share = share_rows;
}
GroupTile::~GroupTile() {
  for (Tape& tape : own_tapes) std::free(tape.base);
}

bool TileGroup::prepare(int tiles, int lanes, int tapes, int64_t frame_bytes, int64_t worth) {
  worth_ = worth;
  canceled_ = false;
  lanes_ = static_cast<uint32_t>(lanes);
  if (tiles_.size() < static_cast<size_t>(tiles)) tiles_.resize(static_cast<size_t>(tiles));
  for (GroupTile& tile : tiles_) {
    tile.stopped = Stopped::no;
    tile.passes = tile.lane_passes = 0;
  }
  for (size_t t = 0; t < static_cast<size_t>(tiles); ++t) {
    GroupTile& tile = tiles_[t];
    tile.sample_of_lane.resize(lanes_);
    tile.row_of_lane.resize(lanes_);
    tile.samples = tile.sample_of_lane.data();
    tile.rows = tile.row_of_lane.data();
    tile.own_tapes.resize(static_cast<size_t>(tapes), Tape{});
    for (Tape& tape : tile.own_tapes) tape.worth = worth / std::max(1, tapes);
    if (!tile.frame_memory.reserve(static_cast<size_t>(frame_bytes))) return false;
    tile.frame = tile.frame_memory.data();
  }
  return true;
}

bool TileGroup::reserve(TapeBudget& budget, std::span<const Part> parts) {
  constexpr size_t usual_passes = 1024, usual_moves = 8;
  const size_t places = tiles_.size() * lanes_;
  for (std::vector<uint32_t>* list : {&homes_, &at_home_, &moved_, &places_}) list->reserve(places);
  planned_.reserve(places);
  elements_.reserve(places);
  entries_.reserve(tiles_.size());
  logs_.resize(std::max(logs_.size(), parts.size()));
  for (Log& log : logs_) {
    log.passes.reserve(usual_passes);
    log.exchanges.reserve(usual_moves * places);
    log.arrangement.reserve(places);
  }
  // `usual_entries` times as much is had; pages that no entry is written to are never taken.
  constexpr int64_t entries = 4, enough_bytes = int64_t{256} << 10;
  for (GroupTile& tile : tiles_) {
    tile.budget = &budget;
    tile.least_room = least_tape;
    tile.frozen = false;
    const auto reserve_tape = [&](int32_t tape, int64_t entry) {
      const int64_t bytes = std::max(std::min(entries * entry, enough_bytes), entry);
      if (tape >= 0) grow_tape(&tile, &tile.own_tapes[static_cast<size_t>(tape)], bytes);
    };
    for (const Part& part : parts) {
      if (part.kind != PartKind::sweep) continue;
      reserve_tape(part.tape, part.entry_bytes);
      reserve_tape(part.cache, part.cache_bytes);
    }
    for (size_t tape = 0; tape < tile.own_tapes.size(); ++tape) reserve_tape(static_cast<int32_t>(tape), 1);
  }
  return stopped() == Stopped::no;
}

Stopped TileGroup::stopped() const {
  Stopped why = canceled_ ? Stopped::canceled : Stopped::no;
  for (const GroupTile& tile : tiles_) {
    if (tile.stopped == Stopped::canceled) return Stopped::canceled;
    if (tile.stopped != Stopped::no) why = tile.stopped;
  }
  return why;
}

bool TileGroup::stops(const std::atomic<bool>* cancel) {
  canceled_ = canceled_ || (cancel && cancel->load(std::memory_order_relaxed));
  return stopped() != Stopped::no;
}

int64_t TileGroup::passes() const {
  return std::accumulate(tiles_.begin(), tiles_.end(), int64_t{0},
                         [](int64_t sum, const GroupTile& tile) { return sum + tile.passes; });
}

int64_t TileGroup::lane_passes() const {
  return std::accumulate(tiles_.begin(), tiles_.end(), int64_t{0},
                         [](int64_t sum, const GroupTile& tile) { return sum + tile.lane_passes; });
}

size_t TileGroup::bytes() const {
  size_t bytes = 0;
  for (const GroupTile& tile : tiles_) {
    bytes += tile.frame_memory.bytes();
    for (const Tape& tape : tile.own_tapes) bytes += static_cast<size_t>(tape.bytes);
  }
  return bytes;
}

void TileGroup::run_part(const Work& work, GroupTile& tile, size_t part) {
  tile.part = static_cast<int64_t>(part);
  work.part(work.call, &tile);
}

void TileGroup::run(const Work& work, size_t count) {
  count_ = count;
  logs_.resize(work.parts.size());
  homes_.resize(count * lanes_);
  std::iota(homes_.begin(), homes_.end(), 0u);
  at_home_ = homes_;
  for (size_t part = 0; part < work.parts.size() && !stops(work.cancel); ++part) {
    switch (work.parts[part].kind) {
      case PartKind::straight:
        for (size_t t = 0; t < count_; ++t) run_part(work, tiles_[t], part);
        break;
      case PartKind::sweep:
        sweep(work, part);
        break;
      case PartKind::unwind:
        unwind(work, part);
        break;
    }
  }
}

void TileGroup::sweep(const Work& work, size_t number) {
  const Part& part = work.parts[number];
  Log& log = logs_[number];
  log.passes.clear();
  log.exchanges.clear();
  // What tiles keep beside their tapes is worth keeping as far as the cache holds that of all.
  int64_t kept = 0;
  const auto cached = [&](const GroupTile& tile) { return tile.tapes[part.cache].count * part.cache_bytes; };
  const int64_t caches = std::count_if(work.parts.begin(), work.parts.end(), [](const Part& other) {
    return other.kind == PartKind::sweep && other.cache >= 0;
  });
  const auto running = [&] {
    return std::any_of(tiles_.begin(), tiles_.begin() + static_cast<std::ptrdiff_t>(count_),
                       [](const GroupTile& tile) { return tile.running != 0; });
  };
  while (running()) {
    Pass pass{0, log.exchanges.size()};
    for (size_t t = 0; t < count_; ++t) {
      GroupTile& tile = tiles_[t];
      if (tile.running == 0) continue;
      const int64_t before = part.tape < 0 ? 0 : tile.tapes[part.tape].count;
      if (part.cache >= 0) {
        kept -= cached(tile);
        tile.tapes[part.cache].worth = std::max<int64_t>(0, worth_ / caches - kept);
      }
      run_part(work, tile, number);
      if (part.cache >= 0) kept += cached(tile);
      if (part.tape >= 0 && tile.tapes[part.tape].count > before) pass.recorded |= uint64_t{1} << t;
    }
    if (stops(work.cancel)) return;
    log.passes.push_back(pass);
    gather(work, part, static_cast<int64_t>(log.passes.size()));
    log.exchanges.insert(log.exchanges.end(), planned_.begin(), planned_.end());
  }
  log.arrangement = homes_;
  arrange(work, part, at_home_);
}

void TileGroup::unwind(const Work& work, size_t number) {
  const Part& part = work.parts[number];
  size_t recorder = number;
  while (work.parts[recorder].kind != PartKind::sweep || work.parts[recorder].tape != part.tape) --recorder;
  const Log& log = logs_[recorder];
  entries_.clear();
  for (size_t t = 0; t < count_; ++t) entries_.push_back(tiles_[t].tapes[part.tape].count);
  arrange(work, part, log.arrangement);
  for (size_t n = log.passes.size(); n-- > 0;) {
    const Pass& pass = log.passes[n];
    const size_t after = n + 1 < log.passes.size() ? log.passes[n + 1].exchanges : log.exchanges.size();
    planned_.assign(log.exchanges.begin() + static_cast<std::ptrdiff_t>(pass.exchanges),
                    log.exchanges.begin() + static_cast<std::ptrdiff_t>(after));
    std::reverse(planned_.begin(), planned_.end());
    exchange(work, part, planned_);
    for (size_t t = 0; t < count_; ++t) {
      if ((pass.recorded >> t & 1) == 0) continue;
      tiles_[t].entry = --entries_[t];
      run_part(work, tiles_[t], number);
    }
    if (stops(work.cancel)) return;
  }
}

void TileGroup::gather(const Work& work, const Part& part, int64_t passes) {
  planned_.clear();
  // An emptied tile saves its part in the passes to come, which are about a third of those gone where steps
  // vary by two. Moving a lane there and home again costs about that much of a pass's operations for each
  // row.
  constexpr int64_t moving_a_row = 6;
  const int64_t saved_passes = std::max<int64_t>(1, passes / 3);
  int64_t rows = 0;
  for (int64_t n = 0; n < part.belongings; ++n)
    rows += work.belongings[static_cast<size_t>(part.first_belonging + n)].rows;
  for (;;) {
    size_t emptied = count_;
    int fewest = 0, room = 0;
    for (size_t t = 0; t < count_; ++t) {
      const int lanes = std::popcount(tiles_[t].running);
      if (lanes == 0) continue;
      room += tiles_[t].live - lanes;
      if (emptied != count_ && lanes > fewest) continue;
      emptied = t;
      fewest = lanes;
    }
    if (emptied == count_) break;
    room -= tiles_[emptied].live - fewest;
    if (fewest > room || fewest * rows * moving_a_row > part.work * saved_passes) break;
    for (size_t t = 0; t < count_ && tiles_[emptied].running != 0; ++t) {
      if (t == emptied || tiles_[t].running == 0) continue;
      uint64_t free = lowest(tiles_[t].live) & ~tiles_[t].running;
      for (; free != 0 && tiles_[emptied].running != 0; free &= free - 1) {
        const uint64_t from = tiles_[emptied].running & (0 - tiles_[emptied].running), to = free & (0 - free);
        tiles_[emptied].running &= ~from;
        tiles_[t].running |= to;
        planned_.push_back(
            {static_cast<uint32_t>(t) * lanes_ + static_cast<uint32_t>(std::countr_zero(to)),
             static_cast<uint32_t>(emptied) * lanes_ + static_cast<uint32_t>(std::countr_zero(from))});
      }
    }
  }
  exchange(work, part, planned_);
}

void TileGroup::exchange(const Work& work, const Part& part, std::span<const Exchange> exchanges) {
  if (exchanges.empty()) return;
  for (const auto& [a, b] : exchanges) {
    GroupTile &first = tiles_[a / lanes_], &second = tiles_[b / lanes_];
    std::swap(first.sample_of_lane[a % lanes_], second.sample_of_lane[b % lanes_]);
    std::swap(first.row_of_lane[a % lanes_], second.row_of_lane[b % lanes_]);
    std::swap(homes_[a], homes_[b]);
  }
  for (int64_t n = 0; n < part.belongings; ++n) {
    const Belonging& belonging = work.belongings[static_cast<size_t>(part.first_belonging + n)];
    belonging.element_bytes == 8 ? exchange_rows<uint64_t>(belonging, exchanges)
                                 : exchange_rows<uint32_t>(belonging, exchanges);
  }
}

template <class Word>
void TileGroup::exchange_rows(const Belonging& belonging, std::span<const Exchange> exchanges) {
  elements_.clear();
  const auto place = [&](uint32_t lane) {
    return static_cast<std::byte*>(tiles_[lane / lanes_].frame) + belonging.offset +
           lane % lanes_ * sizeof(Word);
  };
  for (const auto& [a, b] : exchanges) elements_.push_back({place(a), place(b)});
  const size_t row_bytes = lanes_ * sizeof(Word);
  for (size_t row = 0; row < static_cast<size_t>(std::max<int64_t>(0, belonging.rows)); ++row) {
    for (const auto& [a, b] : elements_) {
      Word first, second;
      std::memcpy(&first, a + row * row_bytes, sizeof(Word));
      std::memcpy(&second, b + row * row_bytes, sizeof(Word));
      std::memcpy(a + row * row_bytes, &second, sizeof(Word));
      std::memcpy(b + row * row_bytes, &first, sizeof(Word));
    }
  }
}

void TileGroup::arrange(const Work& work, const Part& part, std::span<const uint32_t> homes) {
  planned_.clear();
  places_.resize(homes_.size());
  moved_ = homes_;
  for (uint32_t place = 0; place < moved_.size(); ++place) places_[moved_[place]] = place;
  for (uint32_t place = 0; place < homes.size(); ++place) {
    const uint32_t from = places_[homes[place]];
    if (from == place) continue;
    planned_.push_back({place, from});
    places_[moved_[place]] = from;
    std::swap(moved_[place], moved_[from]);
    places_[moved_[place]] = place;
  }
  exchange(work, part, planned_);
}

}  // namespace nodec::runtime
