// Runs a program over samples by the interpreter: supplies the memory that the runtime would.
#include <algorithm>
#include <cmath>
#include <memory>

#include "compiler/schedule/interpret.hpp"

namespace nodec::schedule {
namespace {

// The runtime's tapes for one tile; `grow` finds the store by the tile it is given.
struct TapeStore {
  runtime::Tile tile{};  // first, so that a tile's address is the store's
  std::vector<runtime::Tape> tapes;
  std::vector<std::vector<std::byte>> memory;
};

void* grow(runtime::Tile* tile, runtime::Tape* tape, int64_t bytes) {
  auto& store = *reinterpret_cast<TapeStore*>(tile);
  auto& memory = store.memory[tape - store.tapes.data()];
  memory.resize(std::max<size_t>(bytes, 2 * memory.size()));
  tape->bytes = static_cast<int64_t>(memory.size());
  return tape->base = memory.data();
}

template <class Real>
BatchResult run(const Program& program, const Batch& batch) {
  using Reals = std::vector<Real>;
  auto convert = [](const std::vector<double>& x) { return Reals(x.begin(), x.end()); };
  BatchResult result;
  runtime::Call call{};
  const Reals parameters = convert(batch.parameters), settings = convert(batch.settings);
  std::vector<Reals> data, noise, outputs;
  std::vector<const void*> data_pointers, noise_pointers;
  std::vector<void*> output_pointers;
  std::vector<int64_t> strides(batch.data.size(), 0);
  for (const auto& array : batch.data) data.push_back(convert(array));
  for (const auto& array : batch.noise) noise.push_back(convert(array));
  for (const auto& array : data) data_pointers.push_back(array.data());
  for (const auto& array : noise) noise_pointers.push_back(array.data());

  std::map<std::string, int64_t> lengths;
  for (size_t i = 0; i < program.interface.lengths.size(); ++i)
    lengths[program.interface.lengths[i]] = batch.lengths.at(i);
  int64_t totals = 0;
  int tapes = 0;
  for (const Buffer& buffer : program.buffers) {
    const int64_t size = buffer.size.evaluate(lengths);
    if (buffer.storage == Storage::total) totals = std::max(totals, buffer.offset + size);
    if (buffer.storage == Storage::tape) tapes = std::max(tapes, buffer.slot + 1);
    if (buffer.storage == Storage::data && buffer.lanes)
      strides.at(buffer.slot) = static_cast<int64_t>(batch.data[buffer.slot].size()) / batch.samples;
    if (buffer.storage == Storage::output) {
      outputs.resize(std::max<size_t>(outputs.size(), buffer.slot + 1));
      outputs[buffer.slot].assign(size * batch.samples, std::numeric_limits<Real>::quiet_NaN());
    }
  }
  for (auto& array : outputs) output_pointers.push_back(array.data());
  const size_t solves = std::max<size_t>(1, program.interface.solves.size());
  result.status.resize(batch.samples, runtime::Status{});
  result.statistics.resize(batch.samples * solves, runtime::Statistics{});

  call.parameters = parameters.data();
  call.settings = settings.data();
  call.data = data_pointers.data();
  call.data_strides = strides.data();
  call.noise = noise_pointers.data();
  call.lengths = batch.lengths.data();
  call.sample_lengths = batch.sample_lengths.empty() ? nullptr : batch.sample_lengths.data();
  call.outputs = output_pointers.data();
  const runtime::Sizes sizes = interpreted_sizes(program, call);
  Reals uniforms(sizes.uniforms, std::numeric_limits<Real>::quiet_NaN()),
      accumulators(sizes.accumulators, Real{0});
  Reals total_values(totals, std::numeric_limits<Real>::quiet_NaN());
  call.uniforms = uniforms.data();
  call.accumulators = accumulators.data();
  call.totals = total_values.data();

  if (program.prologue != none) result.fault = interpret(program, program.prologue, call, nullptr);
  for (int64_t first = 0; first < batch.samples && result.fault.empty() && program.pool != none;
       first += program.lanes) {
    std::vector<int64_t> rows(program.lanes);
    for (int l = 0; l < program.lanes; ++l) rows[l] = std::min(first + l, batch.samples - 1);
    TapeStore store;
    store.tapes.resize(tapes, {nullptr, 0, 0, batch.tape_worth});
    store.memory.resize(tapes);
    store.tile.samples = rows.data();
    store.tile.rows = rows.data();
    store.tile.row = first;
    store.tile.live = static_cast<int32_t>(std::min<int64_t>(program.lanes, batch.samples - first));
    store.tile.accumulators = accumulators.data();
    store.tile.tapes = store.tapes.data();
    store.tile.status = result.status.data();
    store.tile.statistics = result.statistics.data();
    store.tile.grow = grow;
    result.fault = interpret(program, program.pool, call, &store.tile);
  }
  if (program.epilogue != none && result.fault.empty())
    result.fault = interpret(program, program.epilogue, call, nullptr);
  for (const auto& array : outputs) result.outputs.emplace_back(array.begin(), array.end());
  result.totals.assign(total_values.begin(), total_values.end());
  return result;
}

}  // namespace

BatchResult interpret(const Program& program, const Batch& batch) {
  return program.double_precision ? run<double>(program, batch) : run<float>(program, batch);
}

}  // namespace nodec::schedule
