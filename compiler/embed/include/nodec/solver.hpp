// A model made ready to run many times a second: code made, names looked up, memory had.
//
//   auto solver = model->prepare<double>({.lengths = {{"T", 11}}, .gradient = true});
//   nodec::View<double> start = solver->data("start");         // once; the memory stays where it is
//   for (;;) {
//     start[0] = measured();
//     if (solver->gradient()) act(solver->data_gradient("torque"));
//   }
//
// Dense output: times are data. A model of `solve … at t`, or Program::integrate for any field, gives the
// solution at as many times as t has; values between steps come from the method's interpolant, and no step
// depends on them. With arrays of the samples' own times, `t[samples, T]`, each sample has its own. Where
// times are known only after the solve: Model::trajectories.
//
// What holds:
// - After preparation `solve`, `gradient`, `vjp` and `jvp` allocate nothing, throw nothing and take no lock,
//   and where `threads` is 1 they wake nobody. One exception: an adaptive solve of more steps than memory was
//   had for, so far, may ask for more to record them.
// - Views are of memory that the solver owns and that stays while it lives, also when it is moved.
// - A solver is for one thread at a time. Any number of solvers of one model run at once: they share nothing
//   but code, which lives as long as one of them does, also after the model and the program are gone.
// - A sample's results are the same bits as those of Model::evaluate and Model::gradient for as many samples.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nodec/array.hpp"
#include "nodec/diagnostic.hpp"
#include "nodec/view.hpp"

namespace nodec {

struct SampleFailure;

enum class StatusCode : uint8_t {
  done,
  // Of the first sample that failed. Its results say nothing, nor do sums over samples (loss, metrics,
  // gradients of parameters and shared data), which are NaN; other samples' results stand.
  step_underflow,
  not_finite,
  step_limit,
  index_out_of_range,
  times_not_monotone,
  // Nothing has been run.
  not_an_integer,        // a datum that is declared int has another value
  integer_out_of_range,  // or one outside its declared range
  not_prepared,          // PrepareOptions did not ask for this operation
  // The run was not finished; no results stand.
  canceled,
  out_of_memory,
};
// A few words, for a log.
const char* text(StatusCode code) noexcept;

struct Status {
  StatusCode code = StatusCode::done;
  int64_t sample = -1;  // the first that failed, −1: none
  int64_t failed = 0;   // how many
  explicit operator bool() const noexcept { return code == StatusCode::done; }
};

struct PrepareOptions {
  // Samples of a run. Nothing: one, and arrays have no sample axis.
  std::optional<int64_t> samples = {};
  std::map<std::string, int64_t> lengths = {};  // of every dim that data give
  std::set<std::string> shared = {};            // data that are one for all samples
  // Operations that code is made for; the last three need more memory and more time to compile.
  bool solve = true, gradient = false, vjp = false, jvp = false;
  // What gradients and products are with respect to: less is faster. Tangents of the times of solves are not
  // supported yet: without a selection jvp leaves out the data that they are computed from.
  bool of_parameters = true;
  std::optional<std::set<std::string>> of_data = {};  // nothing: all that are real
  Arrays weights = {};  // values to begin with; empty: the initial ones for Options::seed
  int threads = 1;      // 0: one for each core. More than one wake each other in every run of several tiles
};

namespace embed {
class Prepared;
}

// Real is float or double: the precision that the program was compiled with (Options::precision).
template <class Real>
class Solver {
 public:
  Solver(Solver&&) noexcept;
  Solver& operator=(Solver&&) noexcept;
  ~Solver();

  // --- Arguments ---------------------------------------------------------------------------------------
  // [samples,] shape… of a datum; zeros at first, and of an integer the least of its range.
  View<Real> data(std::string_view name) noexcept;
  // All parameters, in the order of Model::layout; one of them by its path.
  View<Real> parameters() noexcept;
  View<Real> parameter(std::string_view path) noexcept;
  // From now on values are read from the caller's memory instead, which must be of the same size and stay; an
  // empty span goes back to the solver's own. False, and nothing is changed, where name or size do not fit.
  bool read_data(std::string_view name, std::span<const Real> values) noexcept;
  bool read_parameters(std::span<const Real> values) noexcept;
  // The same for an output of solve, which is written there. Only of outputs that each sample has its own of.
  bool write_output(std::string_view name, std::span<Real> values) noexcept;
  // For vjp: of an output. For jvp: of the parameters and of a datum. Zeros at first.
  View<Real> output_cotangent(std::string_view name) noexcept;
  View<Real> parameter_tangent() noexcept;
  View<Real> data_tangent(std::string_view name) noexcept;
  // Which draw of the noise of a model that has `sample`s: another number, other noise. 0 at first.
  void draw(uint64_t number) noexcept;
  // Runs end early, as `canceled`, once it is seen to be true, also if it is false again by then; null:
  // never. Looked at between tiles of samples and between their steps; between equal steps every 64.
  void cancel_by(const std::atomic<bool>* canceled) noexcept;

  // --- Operations --------------------------------------------------------------------------------------
  Status solve() noexcept;     // outputs, loss and metrics
  Status gradient() noexcept;  // loss and metrics, and the mean loss's gradients
  Status vjp() noexcept;       // outputs, and output_cotangentᵀ · Jacobian
  Status jvp() noexcept;       // outputs, and Jacobian · tangents

  // --- Results -----------------------------------------------------------------------------------------
  // Of the operation named; until it has been done, zeros.
  // solve: [samples,] shape… Also of `loss`, by sample.
  View<const Real> output(std::string_view name) const noexcept;
  // The mean over samples, of the last solve or gradient; NaN for a model without loss.
  double loss() const noexcept;
  double metric(std::string_view name) const noexcept;
  // gradient:
  View<const Real> parameter_gradient() const noexcept;
  View<const Real> parameter_gradient(std::string_view path) const noexcept;
  View<const Real> data_gradient(std::string_view name) const noexcept;
  // vjp: sums over samples for parameters and shared data.
  View<const Real> vjp_output(std::string_view name) const noexcept;
  View<const Real> parameter_cotangent() const noexcept;
  View<const Real> data_cotangent(std::string_view name) const noexcept;
  // jvp:
  View<const Real> jvp_output(std::string_view name) const noexcept;
  View<const Real> output_tangent(std::string_view name) const noexcept;
  // One line for each sample that failed in the last operation: allocates.
  std::vector<SampleFailure> failures() const;

  int64_t samples() const noexcept;
  // Working memory.
  int64_t bytes() const noexcept;

 private:
  friend class Model;
  explicit Solver(std::unique_ptr<embed::Prepared> prepared) noexcept;
  std::unique_ptr<embed::Prepared> prepared_;
};

extern template class Solver<float>;
extern template class Solver<double>;

}  // namespace nodec
