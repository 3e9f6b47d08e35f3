// The border between the scheduler, which lowers tensors, and solvers/, which writes time stepping over tile
// values.
//
// A solve's states are one flat vector of D elements: first those that equations read, then the quadratures,
// which none reads; in order of declaration, row-major each.
#pragma once

#include <vector>

#include "compiler/graph/graph.hpp"
#include "compiler/schedule/builder.hpp"

namespace nodec::schedule {

// Rows of a lanes buffer from `offset` (index value) on.
struct Rows {
  BufferId buffer = none;
  Value offset = none;
};

// Derivatives of the states, or cotangents of these: of the states that equations read, and of the
// quadratures.
struct Slopes {
  Rows states, quadratures;
};

// The states in their order in memory, by their numbers.
std::vector<int> states_in_memory(const graph::SolveInfo& info);

// The compiled functions of a solve's field and its pullback; the scheduler makes them, solvers call them.
// z, z_bar: [n] elements, of the states that equations read.
class FieldCode {
 public:
  virtual ~FieldCode() = default;
  // k ← f(t, z), of the quadratures only if k has a place for them; t: lanes real.
  // With a place for them, the activations that `pull` takes are left there.
  virtual void evaluate(Builder& b, Value t, Rows z, const Slopes& k, Rows activations) = 0;
  // Rows of the activations of one evaluation, of a solve that is taped.
  virtual int64_t activations() = 0;
  // With κ the cotangent of k: z_bar ← κᵀ∂f/∂z and t_bar[1] ← κᵀ∂f/∂t (overwritten), each if it has a place;
  // and, if `frontier`, adds κᵀ∂f/∂c to the cotangent of everything c that the field captures (parameters,
  // inputs). Lanes that must not contribute have κ = 0 and z, activations of a lane that may (select before
  // the call). Given `activations` of f(t, z), nothing of them is computed again.
  virtual void pull(Builder& b, Value t, Rows z, const Slopes& kappa, Rows z_bar, Rows t_bar, bool frontier,
                    Rows activations) = 0;
  // The lanes that count in the calls that follow (boolean): a recurrence's step solves and reports in those
  // alone.
  virtual void within(Builder& b, Value running) {
    static_cast<void>(b);
    static_cast<void>(running);
  }
};

enum class Recording : uint8_t {
  no,      // forward only
  record,  // write the tape
  replay,  // take the tape's accepted steps instead of choosing (gradcheck)
};

// One `solve` in a function being written.
struct SolveTask {
  const graph::Node* node = nullptr;
  int number = 0;           // in Interface::solves
  Value live = none;        // the lanes that are solved (lanes boolean); none: those that carry a sample
  bool counts = true;       // its steps belong to the statistics: not where it repeats a solve
  int64_t elements = 0;     // D
  int64_t quadratures = 0;  // of them
  Rows initial;             // [D]
  Value t0 = none;          // lanes real
  // The i-th observation time: i an index or a lanes integer.
  std::function<Value(Builder&, Value i)> time;
  graph::Extent times;  // how many (the largest over the batch)
  // Of equal steps that all lanes take together: the same, common to them (i, count: integers).
  bool together = false;
  Value common_t0 = none, common_count = none;
  std::function<Value(Builder&, Value i)> common_time;
  Value lane_times = none;  // each lane's own number (lanes integer)
  bool apart = false;       // lanes may take different numbers of steps
  // Values of graph::Control, in its order: reals, uniform or lanes.
  std::vector<Value> controls;
  // [D] where atol, or adjoint_atol, has an entry per element (its control then counts for nothing), or none.
  Rows atol_rows, adjoint_atol_rows;
  // The i-th time where a step must end, in the order of the solve, and how many there are; none: no such.
  std::function<Value(Builder&, Value i)> stop;
  Value stops = none;  // lanes integer
  Rows results;        // [times][D]: states observed; row i·D + d. Failed samples read NaN.
  FieldCode* field = nullptr;
  Recording recording = Recording::no;
  int tape_slot = 0;     // when recording
  BufferId tape = none;  // created by forward, read by backward
  // Runs several times before what it records is read: each run's entries follow those of the run before,
  // after an entry that says how many they are. Otherwise a run begins the tape anew.
  bool appends = false;
  Value first_entry = none;  // of this run (index), set by forward
  // An adjoint in this function pulls what evaluations leave; steps' states and activations are worth keeping
  // for it, on a tape of their own, unless it needs more of the stages than that.
  bool taped = false, keeps = false;
  int activation_slot = 0;
  BufferId activation_tape = none;  // created by forward
};

// The adjoint of a solve in the same function.
struct AdjointTask {
  SolveTask* solve = nullptr;
  Rows results_bar;   // [times][D] cotangents of the observed states
  Rows initial_bar;   // [D], overwritten
  bool times = true;  // whether cotangents of times are wanted:
  Rows t0_bar;        // [1], overwritten
  Rows times_bar;     // [times], overwritten
};

class SolveLowering {
 public:
  virtual ~SolveLowering() = default;
  virtual void forward(Builder& b, SolveTask& task) = 0;
  virtual void backward(Builder& b, AdjointTask& task) = 0;
};

}  // namespace nodec::schedule
