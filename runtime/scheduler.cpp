// Runs compiled functions over a batch.
#include "runtime/scheduler.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

#include "runtime/random.hpp"

namespace nodec::runtime {
namespace {

static_assert(sizeof(std::atomic<bool>) == 1, "compiled code reads it as a byte");

int64_t machine_memory() {
  const int64_t pages = ::sysconf(_SC_PHYS_PAGES), page = ::sysconf(_SC_PAGESIZE);
  return pages > 0 && page > 0 ? pages * page : int64_t{1} << 32;
}

// The range of items that part `index` of `parts` gets.
int64_t part_begin(int64_t items, int64_t parts, int64_t index) { return items * index / parts; }

void write_noise(const RandomStream& random, const NoiseSlot& slot, uint64_t sample, double* to) {
  for (int64_t e = 0; e < slot.elements; ++e) {
    const uint64_t element = static_cast<uint64_t>(e);
    to[e] = slot.kind == NoiseKind::normal ? random.normal(sample, element) : random.uniform(sample, element);
  }
}

void write_noise(const RandomStream& random, const NoiseSlot& slot, uint64_t sample, float* to) {
  for (int64_t e = 0; e < slot.elements; ++e) {
    const uint64_t element = static_cast<uint64_t>(e);
    // A uniform is cut, not rounded, to 24 bits: it stays below 1.
    to[e] = slot.kind == NoiseKind::normal
                ? static_cast<float>(random.normal(sample, element))
                : static_cast<float>(random.bits(sample, element) >> 40) * 0x1p-24f;
  }
}

}  // namespace

int64_t worth_keeping(int threads) {
  const int64_t whole = ::sysconf(_SC_LEVEL3_CACHE_SIZE);
  const int64_t sharing = threads > 0 ? threads : std::max<int64_t>(1, ::sysconf(_SC_NPROCESSORS_ONLN));
  return std::clamp<int64_t>(whole / 2 / sharing, int64_t{4} << 20, int64_t{16} << 20);
}

Recorded::~Recorded() {
  for (Tape& tape : tapes_) std::free(tape.base);
}

namespace {

template <class Real>
std::vector<double> starts(const Tape& tape, int64_t lanes, int64_t lane, int64_t entry_rows) {
  std::vector<double> times;
  const Real* entry = static_cast<const Real*>(tape.base);
  for (int64_t n = 0; n < tape.count; ++n, entry += entry_rows * lanes)
    if (entry[step_rows::kept * lanes + lane] > 0)
      times.push_back(static_cast<double>(entry[step_rows::t * lanes + lane]));
  return times;
}

}  // namespace

std::vector<double> Recorded::step_starts(const Code& code, int64_t row, int tape, int64_t entry_rows) const {
  const Tape& kept = tapes_[static_cast<size_t>(row / code.lanes * code.tapes + tape)];
  return code.double_precision ? starts<double>(kept, code.lanes, row % code.lanes, entry_rows)
                               : starts<float>(kept, code.lanes, row % code.lanes, entry_rows);
}

// One thread's tiles and their memory.
struct Scheduler::Worker {
  AlignedMemory arena;
  TapeBudget budget;
  TileGroup group;
  Team team;  // of the chunk with this worker's number, whoever runs it
};

Scheduler::Scheduler(const Code& code, int threads, int64_t tape_bytes, bool pooled)
    : code_(code),
      threads_(threads),
      tape_limit_((tape_bytes > 0 ? tape_bytes : machine_memory() / 4 * 3) / threads_.count()),
      pooled_(pooled),
      workers_(static_cast<size_t>(threads_.count())) {}

Scheduler::~Scheduler() = default;

int Scheduler::choose_group(const Sizes& sizes) const {
  using namespace cutting;
  int64_t bytes = std::max<int64_t>(1, sizes.frame_bytes);
  for (const Part& part : parts_) {
    if (part.kind == PartKind::sweep) bytes += (part.entry_bytes + part.cache_bytes) * usual_steps;
  }
  const int64_t tiles =
      std::min({most_lanes / code_.lanes, most_tiles, tiles_ / parts_of_batch, near_bytes / bytes});
  return tiles < fewest_tiles ? 1 : static_cast<int>(tiles);
}

// Sizes and makes room for everything. False when there is not enough memory.
bool Scheduler::prepare(const Batch& batch, Call& call, Sizes& sizes, bool alone) {
  const int64_t real_bytes = code_.double_precision ? 8 : 4;
  call.sizes = &sizes;
  if (code_.sizes) code_.sizes(&call, nullptr);
  if (sizes.uniforms < 0 || sizes.accumulators < 0 || sizes.arena_bytes < 0 || sizes.frame_bytes < 0)
    return false;

  rows_ = static_cast<int64_t>(batch.samples.size());
  tiles_ = (rows_ + code_.lanes - 1) / code_.lanes;
  group_tiles_ = 1;
  together_ = pooled_ && !alone;
  by_parts_ = false;
  if (code_.part && sizes.parts > 1) {
    parts_.resize(static_cast<size_t>(sizes.parts));
    belongings_.resize(static_cast<size_t>(sizes.belongings));
    call.parts = parts_.data();
    call.belongings = belongings_.data();
    code_.sizes(&call, nullptr);
    group_tiles_ = choose_group(sizes);
    // Between parts and their passes is where a run may end early.
    by_parts_ = together_ && (group_tiles_ > 1 || batch.cancel);
  }
  groups_ = (tiles_ + group_tiles_ - 1) / group_tiles_;
  accumulator_count_ = sizes.accumulators;
  const int64_t reals_a_line = static_cast<int64_t>(cache_line) / real_bytes;
  chunk_stride_ = (sizes.accumulators + reals_a_line - 1) / reals_a_line * reals_a_line;
  const int64_t affordable =
      cutting::most_accumulator_bytes / std::max<int64_t>(1, chunk_stride_ * real_bytes);
  chunks_ = std::min({groups_, cutting::most_chunks, std::max(cutting::affordable_chunks, affordable)});

  bool good = uniforms_.reserve(static_cast<size_t>(sizes.uniforms * real_bytes));
  // At least one set, so that the epilogue of an empty batch reads zeros.
  const int64_t sets = std::max<int64_t>(1, chunks_);
  good = good && accumulators_.reserve(static_cast<size_t>(sets * chunk_stride_ * real_bytes));
  if (good && chunks_ == 0 && accumulators_.data())
    std::memset(accumulators_.data(), 0, accumulators_.bytes());
  call.uniforms = uniforms_.data();
  call.accumulators = accumulators_.data();

  size_t noise_bytes = 0;
  for (const NoiseSlot& slot : batch.noise)
    noise_bytes += static_cast<size_t>(slot.elements * rows_ * real_bytes);
  good = good && noise_.reserve(noise_bytes);
  noise_slots_.clear();
  noise_bytes = 0;
  for (const NoiseSlot& slot : batch.noise) {
    noise_slots_.push_back(noise_.data() + noise_bytes);
    noise_bytes += static_cast<size_t>(slot.elements * rows_ * real_bytes);
  }
  call.noise = noise_slots_.data();

  for (Worker& worker : workers_) {
    good = good && worker.arena.reserve(static_cast<size_t>(sizes.arena_bytes));
    worker.budget.limit = tape_limit_;
    good = good && worker.group.prepare(together_ ? group_tiles_ : 1, code_.lanes, code_.tapes,
                                        sizes.frame_bytes, worth_keeping(threads_.count()));
  }
  status_.resize(static_cast<size_t>(rows_));
  statistics_.resize(static_cast<size_t>(rows_ * code_.solves));
  if (!batch.sample_lengths.empty()) {
    row_lengths_.resize(static_cast<size_t>(rows_ * code_.lengths));
    call.sample_lengths = row_lengths_.data();
  }
  return good;
}

bool Scheduler::reserve(const Batch& batch) try {
  Sizes sizes{};
  Call call{};
  call.lengths = batch.lengths.data();
  if (!prepare(batch, call, sizes, false)) return false;
  for (Worker& worker : workers_)
    if (!worker.group.reserve(worker.budget, parts_)) return false;
  return true;
} catch (const std::bad_alloc&) {
  return false;
}

RunState Scheduler::run(const Batch& batch, Recorded* record, const Recorded* replay) {
  Sizes sizes{};
  Call call{};
  call.parameters = batch.parameters;
  call.data = batch.data.data();
  call.data_strides = batch.strides.data();
  call.settings = batch.settings;
  call.lengths = batch.lengths.data();
  call.outputs = batch.outputs.data();
  call.totals = batch.totals;
  std::vector<Tape>* kept = nullptr;
  std::vector<Tape> followed;  // a copy of the descriptors: the tapes themselves are only read
  try {
    if (!prepare(batch, call, sizes, record || replay)) return RunState::out_of_memory;
    const size_t needed = static_cast<size_t>(tiles_ * code_.tapes);
    if (record) {
      for (size_t t = needed; t < record->tapes_.size(); ++t) std::free(record->tapes_[t].base);
      record->tapes_.resize(needed, Tape{});
      kept = &record->tapes_;
    } else if (replay) {
      followed = replay->tapes_;
      followed.resize(needed, Tape{});
      kept = &followed;
    }
  } catch (const std::bad_alloc&) {
    return RunState::out_of_memory;
  }

  if (code_.prologue) code_.prologue(&call, nullptr);
  std::atomic<int64_t> next{0};
  std::atomic<bool> stopped{false};
  if (code_.pool) {
    // Threads beyond the chunks go round the chunks' teams.
    const int64_t idle = sizes.shared_work ? threads_.count() - chunks_ : 0;
    for (int64_t chunk = 0; idle > 0 && chunk < chunks_; ++chunk)
      workers_[static_cast<size_t>(chunk)].team.open(
          static_cast<int>((idle - chunk + chunks_ - 1) / chunks_));
    const auto work = [&](int w) {
      Worker& worker = workers_[static_cast<size_t>(w)];
      int64_t number = next++;
      // Whoever takes a chunk closes its team, run or not: others may wait there.
      for (; number < chunks_; number = next++) {
        Team* team = idle > 0 ? &workers_[static_cast<size_t>(number)].team : nullptr;
        if (!stopped) run_chunk(batch, call, worker, number, kept, replay != nullptr, team);
        if (team) team->close();
        if (worker.group.stops(batch.cancel)) stopped = true;
      }
      const int64_t helper = number - chunks_;
      if (helper >= 0 && helper < idle)
        workers_[static_cast<size_t>(helper % chunks_)].team.help(static_cast<int>(helper / chunks_));
    };
    // Waking the others costs more than it gives when there is nothing to share.
    if (chunks_ > 1 || (chunks_ > 0 && idle > 0)) {
      threads_.run(work);
    } else {
      work(0);
    }
  }
  if (batch.cancel && batch.cancel->load(std::memory_order_relaxed)) return RunState::canceled;
  for (const Worker& worker : workers_) {
    if (worker.group.stopped() == Stopped::canceled) return RunState::canceled;
    if (worker.group.stopped() == Stopped::out_of_memory) return RunState::out_of_memory;
  }
  // Threads split the elements, not the chunks: each element's sum is the same whoever computes it.
  next = 0;
  if (chunks_ > 1 && accumulator_count_ > 0) {
    constexpr int64_t worth_a_thread = 1 << 14;
    const int64_t parts = std::min<int64_t>(threads_.count(), accumulator_count_ / worth_a_thread + 1);
    const auto part = [&](int) {
      for (int64_t p = next++; p < parts; p = next++) {
        const int64_t first = part_begin(accumulator_count_, parts, p),
                      end = part_begin(accumulator_count_, parts, p + 1);
        code_.double_precision ? reduce<double>(first, end) : reduce<float>(first, end);
      }
    };
    if (parts > 1) {
      threads_.run(part);
    } else {
      part(0);
    }
  }
  if (code_.epilogue) code_.epilogue(&call, nullptr);
  return RunState::done;
}

void Scheduler::run_chunk(const Batch& batch, const Call& call, Worker& worker, int64_t chunk,
                          std::vector<Tape>* kept, bool replay, Team* team) {
  const int64_t lanes = code_.lanes;
  const int64_t first_group = part_begin(groups_, chunks_, chunk),
                end_group = part_begin(groups_, chunks_, chunk + 1);
  const int64_t first_row = first_group * group_tiles_ * lanes,
                end_row = std::min(end_group * group_tiles_ * lanes, rows_);
  const size_t chunk_bytes = static_cast<size_t>(chunk_stride_) * (code_.double_precision ? 8 : 4);
  std::byte* accumulators = accumulators_.data() + static_cast<size_t>(chunk) * chunk_bytes;
  if (chunk_bytes > 0) std::memset(accumulators, 0, chunk_bytes);
  fill_noise(batch, first_row, end_row);
  std::fill(status_.begin() + first_row, status_.begin() + end_row, Status{0, 0, -1, 0, 0, 0});
  std::fill(statistics_.begin() + first_row * code_.solves, statistics_.begin() + end_row * code_.solves,
            Statistics{0, 0, 0});
  if (!batch.sample_lengths.empty()) {
    for (int64_t row = first_row; row < end_row; ++row) {
      const auto from =
          batch.sample_lengths.begin() + batch.samples[static_cast<size_t>(row)] * code_.lengths;
      std::copy(from, from + code_.lengths, row_lengths_.begin() + row * code_.lengths);
    }
  }
  for (int64_t group = first_group; group < end_group; ++group) {
    if (worker.group.stops(batch.cancel)) return;
    const int64_t first_tile = group * group_tiles_, end_tile = std::min(first_tile + group_tiles_, tiles_);
    for (int64_t number = first_tile; number < end_tile; ++number) {
      GroupTile& tile = worker.group.tile(together_ ? static_cast<size_t>(number - first_tile) : 0);
      tile.row = number * lanes;
      tile.live = static_cast<int32_t>(std::min(lanes, rows_ - tile.row));
      for (int64_t lane = 0; lane < lanes; ++lane) {
        const int64_t row = tile.row + std::min<int64_t>(lane, tile.live - 1);
        tile.row_of_lane[static_cast<size_t>(lane)] = row;
        tile.sample_of_lane[static_cast<size_t>(lane)] = batch.samples[static_cast<size_t>(row)];
      }
      tile.accumulators = accumulators;
      tile.arena = worker.arena.data();
      tile.team = team;
      tile.cancel = batch.cancel ? reinterpret_cast<const uint8_t*>(batch.cancel) : &never_canceled;
      tile.status = status_.data();
      tile.statistics = statistics_.data();
      tile.budget = kept ? nullptr : &worker.budget;
      tile.tape_limit = tape_limit_;
      tile.frozen = replay;
      tile.least_room = kept ? 1 << 10 : least_tape;
      tile.tapes = kept ? kept->data() + number * code_.tapes : tile.own_tapes.data();
      for (int t = 0; t < code_.tapes && !replay; ++t) tile.tapes[t].count = 0;
      if (by_parts_) continue;
      code_.pool(&call, &tile);
      if (worker.group.stopped() != Stopped::no) return;
    }
    if (by_parts_) {
      worker.group.run({code_.part, &call, parts_, belongings_, batch.cancel},
                       static_cast<size_t>(end_tile - first_tile));
      if (worker.group.stopped() != Stopped::no) return;
    }
  }
}

void Scheduler::fill_noise(const Batch& batch, int64_t first, int64_t end) {
  const std::span<const int64_t> identities = batch.identities.empty() ? batch.samples : batch.identities;
  for (size_t n = 0; n < batch.noise.size(); ++n) {
    const NoiseSlot& slot = batch.noise[n];
    const RandomStream random(batch.seed, slot.stream, batch.step);
    void* base = const_cast<void*>(noise_slots_[n]);
    for (int64_t row = first; row < end; ++row) {
      const uint64_t sample = static_cast<uint64_t>(identities[static_cast<size_t>(row)]);
      if (code_.double_precision) {
        write_noise(random, slot, sample, static_cast<double*>(base) + row * slot.elements);
      } else {
        write_noise(random, slot, sample, static_cast<float*>(base) + row * slot.elements);
      }
    }
  }
}

// Adds the chunks' accumulators pairwise into the first: ((0 + 1) + (2 + 3)) + …
template <class Real>
void Scheduler::reduce(int64_t first, int64_t end) {
  Real* base = reinterpret_cast<Real*>(accumulators_.data());
  for (int64_t distance = 1; distance < chunks_; distance *= 2) {
    for (int64_t chunk = 0; chunk + distance < chunks_; chunk += 2 * distance) {
      Real* to = base + chunk * chunk_stride_;
      const Real* from = base + (chunk + distance) * chunk_stride_;
      for (int64_t e = first; e < end; ++e) to[e] += from[e];
    }
  }
}

std::vector<Failed> Scheduler::failures() const {
  std::vector<Failed> list;
  for (size_t row = 0; row < status_.size(); ++row) {
    if (status_[row].code != 0) list.push_back({static_cast<int64_t>(row), status_[row]});
  }
  return list;
}

LaneUse Scheduler::lane_use() const {
  LaneUse use;
  for (const Worker& worker : workers_) {
    use.useful += worker.group.lane_passes();
    use.computed += worker.group.passes() * code_.lanes;
  }
  if (use.computed > 0) return use;
  // A tile evaluates all its lanes until the last of them is done.
  const size_t solves = static_cast<size_t>(code_.solves), lanes = static_cast<size_t>(code_.lanes);
  const size_t rows = static_cast<size_t>(rows_);
  for (size_t first = 0; first < rows; first += lanes) {
    for (size_t solve = 0; solve < solves; ++solve) {
      int64_t most = 0;
      for (size_t row = first; row < std::min(first + lanes, rows); ++row) {
        const int64_t evaluations = statistics_[row * solves + solve].evaluations;
        use.useful += evaluations;
        most = std::max(most, evaluations);
      }
      use.computed += most * code_.lanes;
    }
  }
  return use;
}

int64_t Scheduler::workspace_bytes() const {
  size_t bytes = uniforms_.bytes() + accumulators_.bytes() + noise_.bytes();
  for (const Worker& worker : workers_) {
    bytes += worker.arena.bytes() + worker.group.bytes();
  }
  return static_cast<int64_t>(bytes);
}

}  // namespace nodec::runtime
