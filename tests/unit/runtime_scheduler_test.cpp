// The scheduler over hand-written functions of the same form as compiled ones: rows, noise, sums, tapes,
// threads.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstring>
#include <thread>

#include "runtime/random.hpp"
#include "runtime/scheduler.hpp"

namespace nodec::runtime {
namespace {

constexpr int lanes = 4, elements = 3;

void sizes(const Call* call, Tile*) { *call->sizes = {1, 2, 256}; }

void prologue(const Call* call, Tile*) {
  static_cast<double*>(call->uniforms)[0] = 2 * static_cast<const double*>(call->parameters)[0];
}

// out[row] = 2 p Σ data[sample] + noise; sums: of out, and of live rows.
void pool(const Call* call, Tile* tile) {
  const double factor = static_cast<const double*>(call->uniforms)[0];
  double* sums = static_cast<double*>(tile->accumulators);
  for (int l = 0; l < lanes; ++l) {
    CHECK(tile->rows[l] == tile->row + std::min(l, tile->live - 1));
    const double* data = static_cast<const double*>(call->data[0]) + tile->samples[l] * call->data_strides[0];
    const double noise = call->noise ? static_cast<const double*>(call->noise[0])[tile->rows[l]] : 0;
    int64_t length = call->lengths[0];
    if (call->sample_lengths) length = call->sample_lengths[tile->rows[l]];
    double out = noise;
    for (int64_t e = 0; e < length; ++e) out += factor * data[e];
    if (l >= tile->live) continue;
    static_cast<double*>(call->outputs[0])[tile->rows[l]] = out;
    sums[0] += out;
    sums[1] += 1;
    tile->statistics[tile->rows[l]].accepted = tile->samples[l];
    if (tile->samples[l] == 13) tile->status[tile->rows[l]] = {2, 0, 1, 7, 0.5, 0.1};
  }
}

void epilogue(const Call* call, Tile*) { std::memcpy(call->totals, call->accumulators, 2 * sizeof(double)); }

Code code() {
  Code c;
  c.sizes = sizes;
  c.prologue = prologue;
  c.pool = pool;
  c.epilogue = epilogue;
  c.lanes = lanes;
  c.solves = 1;
  c.lengths = 1;
  return c;
}

struct Trial {
  std::vector<int64_t> samples;
  std::vector<double> data, outputs, totals = {-1, -1};
  std::vector<const void*> slots;
  std::vector<int64_t> strides = {elements}, lengths = {elements};
  std::vector<void*> output_slots;
  std::vector<NoiseSlot> noise = {{3, NoiseKind::normal, 1}};
  double parameter = 0.7;
  Batch batch;

  explicit Trial(int64_t rows, int64_t count = 1000) : outputs(static_cast<size_t>(rows), NAN) {
    const RandomStream random(1, 2, 3);
    for (int64_t i = 0; i < count * elements; ++i) data.push_back(random.normal(0, static_cast<uint64_t>(i)));
    for (int64_t r = 0; r < rows; ++r) samples.push_back((r * 7 + 1) % count);
    slots = {data.data()};
    output_slots = {outputs.data()};
    batch.samples = samples;
    batch.parameters = &parameter;
    batch.data = slots;
    batch.strides = strides;
    batch.lengths = lengths;
    batch.outputs = output_slots;
    batch.totals = totals.data();
    batch.noise = noise;
    batch.seed = 11;
    batch.step = 5;
  }
};

TEST_CASE("rows, noise and sums") {
  Trial p(10);
  Scheduler scheduler(code(), 1);
  REQUIRE(scheduler.run(p.batch) == RunState::done);
  double sum = 0;
  for (size_t row = 0; row < 10; ++row) {
    const double* x = p.data.data() + p.samples[row] * elements;
    double expected = RandomStream(11, 3, 5).normal(static_cast<uint64_t>(p.samples[row]), 0);
    for (int e = 0; e < elements; ++e) expected += 2 * p.parameter * x[e];
    CHECK(p.outputs[row] == expected);
    CHECK(scheduler.statistics()[row].accepted == p.samples[row]);
    sum += expected;
  }
  CHECK(p.totals[0] == doctest::Approx(sum).epsilon(1e-14));
  CHECK(p.totals[1] == 10);
}

TEST_CASE("the same bits for any number of threads") {
  for (const int64_t rows : {1, 5, 64, 257, 1001, 5000}) {
    std::vector<double> totals, outputs;
    for (const int threads : {1, 2, 3, 7}) {
      Trial p(rows);
      Scheduler scheduler(code(), threads);
      for (int again = 0; again < 3; ++again) REQUIRE(scheduler.run(p.batch) == RunState::done);
      if (threads == 1) {
        totals = p.totals;
        outputs = p.outputs;
      }
      CHECK(p.totals == totals);
      CHECK(p.outputs == outputs);
      CHECK(p.totals[1] == static_cast<double>(rows));
    }
  }
}

TEST_CASE("a sample's noise does not depend on the batch") {
  Trial all(20), one(1);
  one.samples[0] = all.samples[17];
  Scheduler scheduler(code(), 2);
  REQUIRE(scheduler.run(all.batch) == RunState::done);
  REQUIRE(scheduler.run(one.batch) == RunState::done);
  CHECK(one.outputs[0] == all.outputs[17]);
  const int64_t other = 12345;
  one.batch.identities = std::span(&other, 1);
  const double before = one.outputs[0];
  REQUIRE(scheduler.run(one.batch) == RunState::done);
  CHECK(one.outputs[0] != before);
}

TEST_CASE("lengths by sample reach the rows") {
  Trial p(6);
  std::vector<int32_t> lengths(1000);
  for (size_t s = 0; s < lengths.size(); ++s) lengths[s] = static_cast<int32_t>(s % 4);
  p.batch.sample_lengths = lengths;
  p.noise = {{3, NoiseKind::uniform, 1}};
  Scheduler scheduler(code(), 1);
  p.batch.noise = p.noise;
  REQUIRE(scheduler.run(p.batch) == RunState::done);
  for (size_t row = 0; row < 6; ++row) {
    double expected = RandomStream(11, 3, 5).uniform(static_cast<uint64_t>(p.samples[row]), 0);
    for (int e = 0; e < lengths[static_cast<size_t>(p.samples[row])]; ++e) {
      expected += 2 * p.parameter * p.data[static_cast<size_t>(p.samples[row] * elements + e)];
    }
    CHECK(p.outputs[row] == expected);
  }
}

TEST_CASE("failed rows are listed, and forgotten by the next run") {
  Trial p(30);
  p.samples[21] = 13;
  Scheduler scheduler(code(), 2);
  REQUIRE(scheduler.run(p.batch) == RunState::done);
  const std::vector<Failed> failures = scheduler.failures();
  REQUIRE(failures.size() == 1);
  CHECK(failures[0].row == 21);
  CHECK(failures[0].status.steps == 7);
  p.samples[21] = 14;
  REQUIRE(scheduler.run(p.batch) == RunState::done);
  CHECK(scheduler.failures().empty());
}

TEST_CASE("an empty batch has zero sums") {
  Trial p(0);
  Scheduler scheduler(code(), 2);
  REQUIRE(scheduler.run(p.batch) == RunState::done);
  CHECK(p.totals == std::vector<double>{0, 0});
}

TEST_CASE("cancellation") {
  Trial p(100);
  std::atomic<bool> cancel{true};
  p.batch.cancel = &cancel;
  Scheduler scheduler(code(), 2);
  CHECK(scheduler.run(p.batch) == RunState::canceled);
  cancel = false;
  CHECK(scheduler.run(p.batch) == RunState::done);
  CHECK(p.totals[1] == 100);
}

std::atomic<bool>* asked = nullptr;  // what a tile sets that asks for cancellation

void shared_sizes(const Call* call, Tile*) {
  *call->sizes = {1, 2, 256};
  call->sizes->shared_work = 1;
}

void cancelling_pool(const Call*, Tile* tile) {
  if (tile->row == lanes) *asked = true;
  if (tile->row == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

// While the first tile takes its time, a thread takes the last one after the cancellation, and others come to
// help with it.
TEST_CASE("cancellation sends away those who came to help") {
  Code c = code();
  c.sizes = shared_sizes;
  c.pool = cancelling_pool;
  c.epilogue = nullptr;
  Scheduler scheduler(c, 8);
  for (int again = 0; again < 200; ++again) {
    Trial p(3 * lanes, 20);
    std::atomic<bool> cancel{false};
    asked = &cancel;
    p.batch.cancel = &cancel;
    CHECK(scheduler.run(p.batch) == RunState::canceled);
  }
}

// Code that has seen the flag, which is false again when the runtime looks.
TEST_CASE("a cancellation that is taken back is one") {
  Code c = code();
  c.pool = [](const Call*, Tile* tile) {
    if (tile->row > 0) tile->stopped = Stopped::canceled;
  };
  std::atomic<bool> cancel{false};
  for (const int threads : {1, 2}) {
    Trial p(100), one(1);
    p.batch.cancel = one.batch.cancel = &cancel;
    Scheduler scheduler(c, threads);
    CHECK(scheduler.run(p.batch) == RunState::canceled);
    CHECK(scheduler.run(one.batch) == RunState::done);
  }
}

TEST_CASE("the workspace is kept from run to run") {
  Trial p(500);
  Scheduler scheduler(code(), 2);
  REQUIRE(scheduler.run(p.batch) == RunState::done);
  const int64_t bytes = scheduler.workspace_bytes();
  for (int i = 0; i < 5; ++i) REQUIRE(scheduler.run(p.batch) == RunState::done);
  CHECK(scheduler.workspace_bytes() == bytes);
}

// Writes (or, when lengths[0] is 0, reads) a growing log of the tile's rows, and gives its sum.
void tape_pool(const Call* call, Tile* tile) {
  Tape& tape = tile->tapes[0];
  double sum = 0;
  const int64_t entries = 100 * (tile->row + 1);
  if (call->lengths[0] != 0) {
    CHECK(tape.count == 0);
    for (int64_t i = 0; i < entries; ++i) {
      void* base = tile->grow(tile, &tape, (i + 1) * 8);
      if (tile->stopped != Stopped::no) return;
      static_cast<double*>(base)[i] = static_cast<double>(i + tile->row);
      tape.count = i + 1;
    }
  }
  CHECK(tape.count == entries);
  for (int64_t i = 0; i < tape.count; ++i) sum += static_cast<const double*>(tape.base)[i];
  for (int l = 0; l < tile->live; ++l) static_cast<double*>(call->outputs[0])[tile->rows[l]] = sum;
}

TEST_CASE("tapes grow, are kept and followed") {
  Trial p(50);
  Code c = code();
  c.pool = tape_pool;
  c.prologue = c.epilogue = nullptr;
  c.tapes = 1;
  Scheduler scheduler(c, 2);
  REQUIRE(scheduler.run(p.batch) == RunState::done);
  const std::vector<double> plain = p.outputs;
  Recorded recorded;
  REQUIRE(scheduler.run(p.batch, &recorded) == RunState::done);
  CHECK(p.outputs == plain);
  p.lengths[0] = 0;
  std::fill(p.outputs.begin(), p.outputs.end(), 0);
  Scheduler follower(c, 3);
  for (int again = 0; again < 2; ++again) {
    REQUIRE(follower.run(p.batch, nullptr, &recorded) == RunState::done);
    CHECK(p.outputs == plain);
  }
}

TEST_CASE("a tape beyond the limit") {
  Trial p(50);
  Code c = code();
  c.pool = tape_pool;
  c.prologue = c.epilogue = nullptr;
  c.tapes = 1;
  Scheduler scheduler(c, 2, 2 * 16384);
  CHECK(scheduler.run(p.batch) == RunState::out_of_memory);
  Trial small(4);
  CHECK(scheduler.run(small.batch) == RunState::done);
}

TEST_CASE("threads share out every part, and none is at work when a job returns") {
  Threads threads(4);
  for (int round = 0; round < 2000; ++round) {
    constexpr int parts = 100;
    std::atomic<int> next{0}, inside{0};
    std::array<std::atomic<int>, parts> done{};
    threads.run([&](int) {
      ++inside;
      for (int p = next++; p < parts; p = next++) ++done[static_cast<size_t>(p)];
      --inside;
    });
    REQUIRE(inside == 0);
    for (const std::atomic<int>& times : done) REQUIRE(times == 1);
  }
}

TEST_CASE("useful lanes: a tile evaluates until the last of its lanes is done") {
  Code c = code();
  c.sizes = [](const Call* call, Tile*) { *call->sizes = {0, 0, 64}; };
  c.prologue = nullptr;
  c.epilogue = nullptr;
  // Sample s needs s evaluations.
  c.pool = [](const Call*, Tile* tile) {
    for (int l = 0; l < tile->live; ++l) tile->statistics[tile->rows[l]].evaluations = tile->samples[l];
  };
  Scheduler scheduler(c, 2);
  const std::array<int64_t, 6> samples = {1, 2, 3, 4, 10, 5};
  Batch batch;
  batch.samples = samples;
  REQUIRE(scheduler.run(batch) == RunState::done);
  const LaneUse use = scheduler.lane_use();
  CHECK(use.useful == 25);
  CHECK(use.computed == 4 * 4 + 4 * 10);
}

}  // namespace
}  // namespace nodec::runtime
