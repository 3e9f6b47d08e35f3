// What stands behind a Solver: units of one model with all memory that their runs read and write.
//
// In: a model, PrepareOptions. Out: runs of each operation, values in place. Never here: precision as a type
// (reals are bytes of one size or the other), names on the way of a run.
//
// Invariants: blocks do not move while this lives; each Run's batch points into this object alone, but for
// the blocks' `at`, which may be the caller's memory and are read anew before each run.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/embed/data.hpp"
#include "compiler/embed/run.hpp"
#include "runtime/memory.hpp"
#include "runtime/scheduler.hpp"

namespace nodec::embed {

enum class Operation : uint8_t { solve, gradient, vjp, jvp };

// Reals with a name. `at` is where runs read or write them.
struct Block {
  std::string name;
  std::vector<int64_t> shape;  // with the sample axis, if there is one
  int64_t elements = 0;        // of one sample
  int64_t size = 0;            // of all
  bool by_sample = false;
  runtime::AlignedMemory own;
  std::byte* at = nullptr;
  // Of integers: [low, high).
  bool integer = false;
  double low = 0, high = 0;
};

class Prepared {
 public:
  static std::unique_ptr<Prepared> make(const Model& model, const PrepareOptions& options,
                                        std::vector<Diagnostic>& diagnostics);

  Status run(Operation operation) noexcept;

  Block* data(std::string_view name) noexcept { return find(data_, name); }
  Block* cotangent(std::string_view output) noexcept { return find(cotangents_, output); }
  Block* data_tangent(std::string_view name) noexcept { return find(data_tangents_, name); }
  Block& parameters() noexcept { return parameters_; }
  Block* parameter_tangent() noexcept {
    return parameter_tangent_.own.data() ? &parameter_tangent_ : nullptr;
  }
  // Null where there is none.
  const runtime::Parameter* parameter(std::string_view path) const noexcept;
  // A result of an operation by its name in derive_results; null where there is none.
  const Block* result(Operation operation, std::string_view prefix, std::string_view name) const noexcept;
  Block* per_sample_output(std::string_view name) noexcept;
  // Of all parameters; null where the operation has none.
  const Block* parameter_result(Operation operation) const noexcept;
  // Of the last solve or gradient.
  double total(std::string_view prefix, std::string_view name) const noexcept;

  void draw(uint64_t number) noexcept { noise_ = number; }
  void cancel_by(const std::atomic<bool>* canceled) noexcept { cancel_ = canceled; }
  std::vector<SampleFailure> failures() const;
  int64_t samples() const noexcept { return rows_; }
  int64_t bytes() const noexcept;
  size_t real_bytes() const noexcept { return double_precision_ ? 8 : 4; }

 private:
  // A result that is not written to where it is read: a value of all samples that each is to have, or a piece
  // of the vector of parameters.
  struct Copy {
    const std::byte* from;
    std::byte* to;
    size_t bytes;
    int64_t times;
  };
  struct Source {
    const Block* block;
    size_t offset;  // in bytes
  };
  struct Run {
    explicit Run(std::shared_ptr<const Unit> compiled) : unit(std::move(compiled)) {}
    std::shared_ptr<const Unit> unit;
    std::vector<Source> sources;    // by slot of data
    std::vector<const void*> data;  // what they are in this run
    std::vector<int64_t> strides, lengths;
    std::vector<runtime::NoiseSlot> noise;
    std::vector<std::unique_ptr<Block>> results;  // in order of the interface
    std::vector<Block*> outputs;                  // by slot of outputs
    std::vector<void*> output_pointers;
    std::unique_ptr<Block> parameters;  // of all
    std::vector<Copy> copies;
    std::vector<Block*> sums;          // over samples: a sample that fails makes them unknown
    std::vector<Block*> data_results;  // of each sample
    runtime::AlignedMemory totals, settings;
    runtime::Batch batch;
    std::unique_ptr<runtime::Scheduler> scheduler;
  };
  Prepared() = default;

  template <class Blocks>
  static Block* find(Blocks& blocks, std::string_view name) noexcept {
    for (const std::unique_ptr<Block>& block : blocks)
      if (block->name == name) return block.get();
    return nullptr;
  }
  // Zeros; throws std::bad_alloc.
  void allocate(Block& block, std::vector<int64_t> shape, bool by_sample) const;
  void own(runtime::AlignedMemory& memory, size_t elements) const;
  std::unique_ptr<Run> make_run(std::shared_ptr<const Unit> unit, const Options& options, int threads);
  Source source_of(const std::string& slot) const;
  void lay_out_results(Run& run);
  void gather_parameters(Run& run);
  Status integers_valid() const noexcept;
  template <class Real>
  Status integers_valid(const Block& block) const noexcept;
  Status status_of(Run& run) noexcept;
  void forget(Run& run, int64_t row) noexcept;  // what a failed sample leaves

  bool double_precision_ = true, sample_axis_ = false;
  int64_t rows_ = 1;
  std::vector<int64_t> samples_;  // 0, 1, …
  std::map<std::string, int64_t> lengths_;
  runtime::ParameterLayout layout_;
  std::vector<std::unique_ptr<Block>> data_, cotangents_, data_tangents_;
  Block parameters_, parameter_tangent_;
  std::array<std::unique_ptr<Run>, 4> runs_;
  const Run* last_ = nullptr;       // of all
  const Run* last_loss_ = nullptr;  // of solve and gradient
  uint64_t noise_ = 0;
  const std::atomic<bool>* cancel_ = nullptr;
};

}  // namespace nodec::embed
