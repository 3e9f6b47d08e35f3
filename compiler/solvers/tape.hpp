// What a solve records: one entry for every attempt that some lane accepts.
#pragma once

#include "compiler/solvers/problem.hpp"

namespace nodec::solvers {

// Rows of an entry. `kept`: 0 where the lane did not step, 1 where it did, 2 where the step ends at t1.
struct TapeEntry {
  Value t, h, kept, cursor;  // lanes: real, real, real, integer (observations written before)
  Rows z, first;             // [D] each, on the tape
};

// Creates the tape's buffer (schedule::SolveTask::tape).
void create_tape(Builder& b, const Problem& p);
void push_entry(Builder& b, const Problem& p, Value t, Value h, Value accepted, Value last, Value cursor,
                Rows z, Rows first);
TapeEntry read_entry(Builder& b, const Problem& p, Value number);

}  // namespace nodec::solvers
