// Runs compiled programs over samples in memory with guards, in the form of the interpreter's results.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "compiler/codegen/codegen.hpp"
#include "compiler/jit/jit.hpp"
#include "compiler/schedule/interpret.hpp"

namespace nodec::test {

// Memory of exactly the size that was asked for, between guards; unwritten bytes read as NaN.
class Guarded {
 public:
  explicit Guarded(int64_t bytes) : bytes_(bytes), memory_(bytes + 2 * guard + 64, char(0xff)) {
    auto address = reinterpret_cast<uintptr_t>(memory_.data()) + guard;
    first_ = memory_.data() + ((address + 63) / 64 * 64 - reinterpret_cast<uintptr_t>(memory_.data()));
    std::fill(memory_.data(), first_, char(0x5a));
    std::fill(first_ + bytes_, memory_.data() + memory_.size(), char(0x5a));
  }
  char* data() { return first_; }
  bool intact() const {
    const auto whole = [](char c) { return c == char(0x5a); };
    return std::all_of<const char*>(memory_.data(), first_, whole) &&
           std::all_of<const char*>(first_ + bytes_, memory_.data() + memory_.size(), whole);
  }

 private:
  static constexpr int64_t guard = 4096;
  int64_t bytes_;
  std::vector<char> memory_;
  char* first_;
};

struct TapeMemory {
  runtime::Tile tile{};  // first: `grow` knows the memory by the tile
  std::vector<runtime::Tape> tapes;
  std::vector<std::vector<char>> bytes;
  int64_t limit = int64_t{1} << 30;
};

// Piece by piece from the end, as threads may come to them.
inline void share(runtime::Tile*, runtime::RowWork work, const void* operands, int64_t rows, int64_t grain) {
  for (int64_t end = rows; end > 0;) {
    const int64_t first = (end - 1) / grain * grain;
    work(operands, first, end);
    end = first;
  }
}

inline void* grow(runtime::Tile* tile, runtime::Tape* tape, int64_t bytes) {
  auto& memory = *reinterpret_cast<TapeMemory*>(tile);
  if (bytes > memory.limit) {
    tile->stopped = runtime::Stopped::out_of_memory;
    return tape->base;
  }
  std::vector<char> larger(bytes, char(0xff));  // exact, and always elsewhere
  std::vector<char>& old = memory.bytes[tape - memory.tapes.data()];
  std::copy(old.begin(), old.end(), larger.begin());
  old = std::move(larger);
  tape->bytes = bytes;
  return old.data();
}

struct CompiledRun {
  schedule::BatchResult result;
  bool guards_intact = true;
  bool out_of_memory = false;
  runtime::Sizes sizes{};
};

template <class Real>
CompiledRun run_compiled(const schedule::Program& program, const schedule::Batch& batch,
                         const jit::Code& code, int64_t tape_limit) {
  using schedule::Storage;
  CompiledRun run;
  const auto convert = [](const std::vector<double>& x) { return std::vector<Real>(x.begin(), x.end()); };
  std::vector<std::vector<Real>> data, noise, outputs;
  std::vector<const void*> data_pointers, noise_pointers;
  std::vector<void*> output_pointers;
  for (const auto& array : batch.data) data.push_back(convert(array));
  for (const auto& array : batch.noise) noise.push_back(convert(array));
  for (const auto& array : data) data_pointers.push_back(array.data());
  for (const auto& array : noise) noise_pointers.push_back(array.data());
  std::map<std::string, int64_t> lengths;
  for (size_t i = 0; i < program.interface.lengths.size(); ++i) {
    lengths[program.interface.lengths[i]] = batch.lengths.at(i);
  }
  std::vector<int64_t> strides(batch.data.size(), 0);
  int64_t totals = 0, tapes = 0;
  for (const schedule::Buffer& buffer : program.buffers) {
    const int64_t size = buffer.size.evaluate(lengths);
    if (buffer.storage == Storage::total) totals = std::max(totals, buffer.offset + size);
    if (buffer.storage == Storage::tape) tapes = std::max<int64_t>(tapes, buffer.slot + 1);
    if (buffer.storage == Storage::data && buffer.lanes) {
      strides.at(buffer.slot) = static_cast<int64_t>(batch.data[buffer.slot].size()) / batch.samples;
    }
    if (buffer.storage == Storage::output) {
      outputs.resize(std::max<size_t>(outputs.size(), buffer.slot + 1));
      outputs[buffer.slot].assign(size * batch.samples, std::numeric_limits<Real>::quiet_NaN());
    }
  }
  for (auto& array : outputs) output_pointers.push_back(array.data());
  const std::vector<Real> parameters = convert(batch.parameters), settings = convert(batch.settings);
  const size_t solves = std::max<size_t>(1, program.interface.solves.size());
  run.result.status.resize(batch.samples, runtime::Status{});
  run.result.statistics.resize(batch.samples * solves, runtime::Statistics{});

  runtime::Call call{};
  call.parameters = parameters.data();
  call.settings = settings.data();
  call.data = data_pointers.data();
  call.data_strides = strides.data();
  call.noise = noise_pointers.data();
  call.lengths = batch.lengths.data();
  call.sample_lengths = batch.sample_lengths.empty() ? nullptr : batch.sample_lengths.data();
  call.outputs = output_pointers.data();
  call.sizes = &run.sizes;
  code.sizes(&call, nullptr);
  Guarded uniforms(run.sizes.uniforms * sizeof(Real)), accumulators(run.sizes.accumulators * sizeof(Real)),
      total_values(totals * sizeof(Real)), arena(run.sizes.arena_bytes), frame(run.sizes.frame_bytes);
  std::memset(accumulators.data(), 0, run.sizes.accumulators * sizeof(Real));
  call.uniforms = uniforms.data();
  call.accumulators = accumulators.data();
  call.totals = total_values.data();

  code.prologue(&call, nullptr);
  for (int64_t first = 0; first < batch.samples; first += program.lanes) {
    std::vector<int64_t> rows(program.lanes);
    for (int l = 0; l < program.lanes; ++l) rows[l] = std::min(first + l, batch.samples - 1);
    TapeMemory memory;
    memory.tapes.resize(tapes, {nullptr, 0, 0, batch.tape_worth});
    memory.bytes.resize(tapes);
    memory.limit = tape_limit;
    memory.tile.samples = memory.tile.rows = rows.data();
    memory.tile.row = first;
    memory.tile.live = static_cast<int32_t>(std::min<int64_t>(program.lanes, batch.samples - first));
    memory.tile.accumulators = accumulators.data();
    memory.tile.arena = arena.data();
    memory.tile.frame = frame.data();
    memory.tile.tapes = memory.tapes.data();
    memory.tile.status = run.result.status.data();
    memory.tile.statistics = run.result.statistics.data();
    memory.tile.grow = grow;
    memory.tile.share = share;
    code.pool(&call, &memory.tile);
    run.out_of_memory |= memory.tile.stopped != runtime::Stopped::no;
  }
  code.epilogue(&call, nullptr);
  for (const auto& array : outputs) run.result.outputs.emplace_back(array.begin(), array.end());
  const auto* values = reinterpret_cast<const Real*>(total_values.data());
  run.result.totals.assign(values, values + totals);
  run.guards_intact =
      uniforms.intact() && accumulators.intact() && total_values.intact() && arena.intact() && frame.intact();
  return run;
}

inline CompiledRun run_compiled(const schedule::Program& program, const schedule::Batch& batch,
                                const jit::Code& code, int64_t tape_limit = int64_t{1} << 30) {
  return program.double_precision ? run_compiled<double>(program, batch, code, tape_limit)
                                  : run_compiled<float>(program, batch, code, tape_limit);
}

inline bool same_bits(double a, double b) { return (a != a && b != b) || std::memcmp(&a, &b, sizeof a) == 0; }

// "" or the first difference.
inline std::string difference(const schedule::BatchResult& a, const schedule::BatchResult& b) {
  const auto compare = [](const std::string& what, const std::vector<double>& x,
                          const std::vector<double>& y) {
    if (x.size() != y.size()) return what + ": sizes differ";
    for (size_t i = 0; i < x.size(); ++i) {
      if (!same_bits(x[i], y[i])) {
        char text[128];
        std::snprintf(text, sizeof text, "[%zu]: %.17g, %.17g", i, x[i], y[i]);
        return what + text;
      }
    }
    return std::string();
  };
  if (a.fault != b.fault) return a.fault + b.fault;
  if (a.outputs.size() != b.outputs.size()) return "numbers of outputs differ";
  for (size_t slot = 0; slot < a.outputs.size(); ++slot) {
    const std::string text = compare("output " + std::to_string(slot), a.outputs[slot], b.outputs[slot]);
    if (!text.empty()) return text;
  }
  for (size_t i = 0; i < a.status.size(); ++i) {
    const runtime::Status &x = a.status[i], &y = b.status[i];
    if (x.code != y.code || x.solve != y.solve || x.state != y.state || x.steps != y.steps || x.t != y.t ||
        x.h != y.h) {
      return "status " + std::to_string(i);
    }
  }
  for (size_t i = 0; i < a.statistics.size(); ++i) {
    const runtime::Statistics &x = a.statistics[i], &y = b.statistics[i];
    if (x.evaluations != y.evaluations || x.accepted != y.accepted || x.rejected != y.rejected) {
      return "statistics " + std::to_string(i);
    }
  }
  return compare("totals", a.totals, b.totals);
}

// The largest |a − b| / max(1, |a|) of outputs and totals; infinite where one alone is not a number or the
// results' sizes, failures or statistics differ.
inline double distance(schedule::BatchResult a, schedule::BatchResult b) {
  const double infinite = std::numeric_limits<double>::infinity();
  double largest = 0;
  const auto compare = [&](std::vector<double>& x, std::vector<double>& y) {
    if (x.size() != y.size()) largest = infinite;
    for (size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
      const double difference = std::abs(x[i] - y[i]) / std::max(1.0, std::abs(x[i]));
      const bool alike = x[i] == y[i] || (x[i] != x[i] && y[i] != y[i]);
      if (!alike) largest = difference < infinite ? std::max(largest, difference) : infinite;
    }
    x.clear(), y.clear();
  };
  if (a.outputs.size() != b.outputs.size()) return infinite;
  for (size_t slot = 0; slot < a.outputs.size(); ++slot) compare(a.outputs[slot], b.outputs[slot]);
  compare(a.totals, b.totals);
  return difference(a, b).empty() ? largest : infinite;
}

}  // namespace nodec::test
