// How long a step is: error norm per lane, controller, first step.
#pragma once

#include "compiler/graph/graph.hpp"
#include "compiler/solvers/attempt.hpp"

namespace nodec::solvers {

// The values that steer a solve, uniform or per lane.
struct Controls {
  Value step, max_steps, safety, min_factor, max_factor;
};

struct Error {
  Value good;   // the proposal is finite and, of an adaptive method, the norm at most 1
  Value sound;  // the proposal and, of an adaptive method, the norm are finite
  Value log2;   // of the norm, about; of an adaptive method, and where it is sound
};
// Of the attempt in `s`.
Error error_of(Builder& b, const System& f, const Tableau& rk, Value h, Rows z, const Stages& s,
               bool adaptive);

// Element with the largest weighed error, or the first whose error or proposal is not finite (lanes integer).
Value worst_element(Builder& b, const System& f, const Tableau& rk, Value h, Rows z, const Stages& s,
                    bool adaptive);
// First element of which the state or its derivative is not finite, −1 if all are.
Value first_not_finite(Builder& b, const System& f, Rows z, const Slopes& k);

// The next step's size relative to this one's. `previous` holds log2(error) of the last accepted step.
struct Controller {
  Variable previous;
  Flag rejected;  // the last attempt was
  explicit Controller(Builder& b);
  void start(Builder& b) const;
  // Also takes note of what happened in the lanes of `running`.
  Value factor(Builder& b, const Tableau& rk, const Controls& controls, const Error& error, Value accepted,
               Value running) const;
};

// First step for an adaptive method, unsigned, at most |span|; takes one evaluation at t ± h in stage 1's
// rows.
Value first_step(Builder& b, const System& f, const Tableau& rk, Value t, Value span, Rows z,
                 const Stages& s);

// True where a step of h also covers what is left: a little more than h, rather than leave a sliver for a
// step of its own.
Value covers(Builder& b, Value h, Value remaining, bool adaptive);
// True where a step is too small to be told from none.
Value negligible(Builder& b, Value t, Value h);

}  // namespace nodec::solvers
