// Equal steps that all lanes take together.
#pragma once

#include "compiler/solvers/observe.hpp"

namespace nodec::solvers {

// What a stepper moves on from one step to the next.
struct Moving {
  const System& f;
  Stages& s;
  Rows z;
  const Observer& observer;
  const Flag& running;
  const Variable &t, &steps, &evaluations, &accepted;
};

// Takes the steps before the next one that is the last, or that reaches an observation, without deciding
// anything in them: times and the size of steps are common to all lanes. Their bits, counts and entries on
// tapes are those of single steps. Where a lane would fail among them, or has failed, none is taken: single
// steps find where.
void step_together(Builder& b, const Problem& p, const Moving& m);

}  // namespace nodec::solvers
