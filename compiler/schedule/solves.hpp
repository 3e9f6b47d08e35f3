// Solves and adjoints of a function: buffers around them, compiled fields and pullbacks for the solvers to
// call. A recurrence's field and pullback may hold solves of their own.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <tuple>
#include <vector>

#include "compiler/schedule/solving.hpp"
#include "compiler/schedule/tensors.hpp"

namespace nodec::schedule {

// By solve, the adjoints that unwind it.
using Adjoints = std::map<graph::Ref, std::vector<graph::Ref>>;

class Solves {
 public:
  Solves(ProgramWriter& writer, SolveLowering& solvers, Adjoints adjoints);
  ~Solves();

  // A Tensors::Structured.
  void write(Tensors& tensors, graph::Ref node);

 private:
  class Field;
  struct Solve {
    SolveTask task;
    std::unique_ptr<Field> field;
  };
  // A function that solves are written in: the pool, a recurrence's field or its pullback.
  struct Scope {
    Adjoints adjoints;
    BufferId running = none;  // an argument: 1 in the lanes that count; none: all that are live
    bool nested = false;      // called by a recurrence, once a step
    bool again = false;       // a pullback, which repeats the solves of the field
    Value live = none;
    std::map<graph::Ref, std::unique_ptr<Solve>> solves;
  };
  // Compiled field functions and what they capture; equal ones are one.
  struct Compiled {
    FunctionId function = none;
    std::vector<graph::Ref> captured{};
    bool masked = false;  // takes the lanes that count
    bool compiled() const { return function != none; }
  };

  void write(Tensors& tensors, graph::Ref node, Scope& scope);
  void write_solve(Tensors& tensors, graph::Ref node, Scope& scope);
  void write_adjoint(Tensors& tensors, graph::Ref node, Scope& scope);
  void take_times(Tensors& tensors, SolveTask& task, const Scope& scope);
  void take_controls(Tensors& tensors, SolveTask& task);
  void choose_recording(Tensors& tensors, SolveTask& task, const Scope& scope);
  void describe(SolveTask& task, const Scope& scope);
  Value live(Builder& b, Scope& scope);
  void rewind(Builder& b, const Scope& scope);

  ProgramWriter& writer_;
  SolveLowering& solvers_;
  Scope pool_;
  // By lambda; whether of a scope that repeats; which states are quadratures; whether their derivatives are
  // computed; what is left for the pullback.
  std::map<std::tuple<const graph::Lambda*, bool, std::vector<bool>, bool, std::vector<graph::Ref>>, Compiled>
      fields_;
  std::map<graph::Ref, int> numbers_;  // in Interface::solves
  std::vector<BufferId> replayed_;     // tapes of solves that run several times, to be read from their start
};

}  // namespace nodec::schedule
