// Writes the observed states: the initial one, and those inside or at the end of accepted steps.
#pragma once

#include "compiler/solvers/problem.hpp"

namespace nodec::solvers {

// A lane's next observation.
struct Observer {
  Variable cursor;  // integer
  explicit Observer(Builder& b) : cursor(b, "cursor", schedule::Kind::integer) {}

  // Observations at the initial time.
  void start(Builder& b, const Problem& p, Value live) const;
  // Lanes of `accepted` that observe strictly inside the step that ends at `to`.
  Value inside(Builder& b, const Problem& p, Value accepted, Value to) const;
  // Observations in (t, to] of the accepted lanes; all that are left where `flush`.
  void step(Builder& b, const Problem& p, Value accepted, Value flush, Value t, Value h, Value to, Rows z,
            const Stages& s) const;

 private:
  Value left(Builder& b, const Problem& p) const;
};

// Lanes whose times do not run from t0 in one direction, or are not finite, and the first place where.
struct Disorder {
  Value mask;
  Value index;         // lanes integer; −1: t0 itself is not finite
  Value time, before;  // lanes real
};
Disorder find_disorder(Builder& b, const Problem& p);

// Row of results (or their cotangents) of each lane's observation `i`.
Value result_index(Builder& b, Rows results, Value i, int64_t size, Value element);
// Every result of the masked lanes becomes NaN.
void spoil_results(Builder& b, const Problem& p, Value mask);

}  // namespace nodec::solvers
