// One compiled unit on one dataset: what the scheduler needs, laid out once, and its results by name.
//
// In: a Unit, a bound dataset, parameter values, settings. Out: per-sample arrays and totals. Never here:
// optimisation, files, what the numbers mean.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "compiler/embed/parameters.hpp"
#include "runtime/scheduler.hpp"

namespace nodec::embed {

// The settings of a run that expressions can read (0 where not set).
struct Settings {
  double step = 0, epoch = 0, samples = 0, training = 0;
  uint64_t noise = 0;  // which draw of the samples' noise: in training, the step
};

// What the scheduler runs of a unit.
runtime::Code scheduler_code(const Unit& unit, bool double_precision);

// One line for a sample that failed: time, state, equation and a likely cause.
std::string describe(const schedule::Interface& interface, int64_t sample, const runtime::Status& status);

// What a run that was not done says.
Diagnostic run_failure(runtime::RunState state);

class Runner {
 public:
  Runner(std::shared_ptr<const Unit> unit, const Dataset::State& data, bool double_precision, int threads,
         uint64_t seed, bool pooled = true);

  // Runs the rows, each a sample of the dataset; `identities` as in runtime::Batch.
  runtime::RunState run(std::span<const int64_t> rows, const std::vector<double>& parameters,
                        const Settings& settings, std::span<const int64_t> identities = {},
                        runtime::Recorded* record = nullptr, const runtime::Recorded* replay = nullptr);

  // A parameter-rate result of the last run.
  Array total(const std::string& name) const;
  double total_scalar(const std::string& name) const;
  // Its first element in the parameter vector's order, without copies: totals are contiguous per result.
  void read_total(const std::string& name, double* out) const;
  // Per-sample results of the last run, with a leading axis of rows; those of other base repeat.
  const schedule::Interface& interface() const { return unit_->interface; }
  Array per_sample(const schedule::Interface::Result& result) const;

  // One line for each failed row: sample, time, state, equation and a likely cause. `rows` as in run.
  std::vector<SampleFailure> failures(std::span<const int64_t> rows) const;
  std::vector<SolveStatistics> statistics(const std::vector<semantics::SolveUse>& solves) const;
  runtime::Scheduler& scheduler() { return scheduler_; }
  int64_t workspace_bytes() const { return scheduler_.workspace_bytes(); }

  // Lets a data array be perturbed between runs (gradcheck): the array that the slot reads, in the dataset's
  // layout. It must outlive the runner or the next override.
  void override_data(const std::string& name, const runtime::Reals* values);

 private:
  // Copies what the rows read to where compiled code can, in order of the rows.
  void stage(std::span<const int64_t> rows);
  std::vector<int64_t> shape_of(const std::vector<graph::Extent>& shape) const;

  std::shared_ptr<const Unit> unit_;
  const Dataset::State& data_;
  bool double_precision_;
  uint64_t seed_;
  std::map<std::string, int64_t> lengths_;
  std::vector<int64_t> length_values_;
  std::vector<int32_t> sample_lengths_;
  std::vector<const runtime::Reals*> sources_;  // by slot
  std::vector<int64_t> strides_;
  std::vector<const void*> data_pointers_;
  // Of data that have no address in the precision: those of the rows, their lengths, and 0, 1, 2, … as rows.
  bool staged_ = false;
  std::vector<runtime::Reals> stages_;
  std::vector<int32_t> staged_lengths_;
  std::vector<int64_t> staged_rows_;
  std::vector<runtime::NoiseSlot> noise_;
  runtime::Reals parameters_, settings_, totals_;
  std::vector<runtime::Reals> outputs_;
  std::vector<void*> output_pointers_;
  int64_t rows_ = 0;
  runtime::Scheduler scheduler_;
};

}  // namespace nodec::embed
