// What forward and backward of one solve share: the task's values in the form that steppers use.
#pragma once

#include "compiler/graph/graph.hpp"
#include "compiler/schedule/solving.hpp"
#include "compiler/solvers/control.hpp"

namespace nodec::solvers {

// Keeps the weight of an element away from zero, so that an exact zero has no error rather than 0/0.
double smallest_weight(const Builder& b);

struct Problem {
  schedule::SolveTask& task;
  const graph::SolveInfo& info;
  const Tableau& rk;
  int64_t elements;     // D
  int64_t size;         // of them, those of states that equations read
  int64_t quadratures;  // the others
  bool adaptive;        // steps are chosen by the error
  bool dense;           // some observation may lie inside a step
  Value live;           // lanes that are solved
  Value t0, t1;         // lanes
  Value direction;      // ±1
  Value count;          // each lane's number of observation times (lanes integer)
  Controls controls;

  Problem(Builder& b, schedule::SolveTask& task);
  // The field with the task's tolerances.
  System system() const;
  // Time of observation i (lanes integer), some time where there is none.
  Value time(Builder& b, Value i) const;
  // a ≤ b in the direction of the solve.
  Value reached(Builder& b, Value a, Value by) const;
  Value steps_wanted(Builder& b) const;    // equal_steps: how many (lanes real)
  bool first_step_is(double value) const;  // adaptive: known to be this constant
  // Some steps must end at given times.
  bool stopping() const { return task.stop != nullptr; }
  Value stop(Builder& b, Value i) const;  // the i-th such time (lanes integer), some time where there is none
  // The time at which a stage is taken of a step that ends at the stop `to`: the field's limit from before
  // it.
  Value before_stop(Builder& b, Value t, Value to) const;
  int first_observed() const { return info.initial_observed ? 1 : 0; }
};

}  // namespace nodec::solvers
