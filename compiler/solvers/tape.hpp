// What a solve records: one entry for every attempt that some lane accepts.
#pragma once

#include "compiler/solvers/attempt.hpp"
#include "compiler/solvers/problem.hpp"

namespace nodec::solvers {

// Rows of an entry. `kept`: 0 where the lane did not step, 1 where it did, 2 where the step ends at t1, 3
// where it ends at one of `stops`.
struct TapeEntry {
  Value t, h, kept, cursor;  // lanes: real, real, real, integer (observations written before)
  Value to;                  // lanes real: where the step ends; solves with stops only
  Rows z;                    // [n], of the states that equations read
  Slopes first;              // derivatives there
  // Index: the number of the entry of the tape of activations that belongs to it, −1 where none was kept; of
  // solves that are taped.
  Value activations = schedule::none;
};

// Creates the tape's buffer (schedule::SolveTask::tape).
void create_tape(Builder& b, const Problem& p);
// Where the entries of this run of the solve begin (schedule::SolveTask::first_entry), and that they end; of
// a recorded run, passed over, also where they end.
void begin_run(Builder& b, const Problem& p);
void end_run(Builder& b, const Problem& p);
Value reopen_run(Builder& b, const Problem& p);
// kept: a lane's code as above. Of an entry that is read, t, h, to, cursor and the rows count.
void push_entry(Builder& b, const Problem& p, const TapeEntry& entry);
// Puts what replaying makes of an entry in its place, where `mask` holds.
void replace_entry(Builder& b, const Problem& p, Value number, const TapeEntry& entry, Value mask);
TapeEntry read_entry(Builder& b, const Problem& p, Value number);

// The tape of activations (schedule::SolveTask::activation_tape): of each of the steps kept, the states of
// the main stages from stage 1 on, the proposal's quadratures, and what the stages' evaluations leave. The
// entry after the last has room too, for a step that is tried or computed anew.
void create_activations(Builder& b, const Problem& p);
// Lets the stages lie in that entry.
void take_entry(Builder& b, const Problem& p, Value number, Stages& s);
// Room for the entry after the last, whose number it gives.
Value next_activations(Builder& b, const Problem& p);
// Keeps the entry after the last, if it is worth it, for the lanes of the mask; gives its number or −1. The
// other lanes' are those of one of them, so that their pullback of nothing is nothing.
Value keep_activations(Builder& b, const Problem& p, Value mask);

}  // namespace nodec::solvers
