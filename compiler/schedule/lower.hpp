// Graph -> tile program.
//
// In: named results over one graph. Out: a Program with prologue (parameter base), pool (sample base) and
// epilogue (what depends on batch sums). Never here: calculus, instructions of a machine, how time is stepped
// (solving.hpp).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "compiler/graph/graph.hpp"
#include "compiler/schedule/program.hpp"
#include "compiler/schedule/solving.hpp"

namespace nodec::schedule {

struct Request {
  std::vector<graph::Output> results;
  // Order of Interface::parameters, data, noise, settings; those that nothing reads are left out of the slots
  // but keep their offsets, so that every program of a model reads the same parameter vector.
  std::vector<std::pair<std::string, int64_t>> parameters;  // path, size
  int lanes = 8;
  bool double_precision = false;
  bool ragged = false;
  Recording recording = Recording::no;  // record: write tapes even without an adjoint; replay: follow them
};

// `refusal`, where given, receives "" or why there is no program.
Program lower(const Request& request, SolveLowering& solvers, std::string* refusal = nullptr);

}  // namespace nodec::schedule
