// Runs tile programs instruction by instruction: the executable meaning of every opcode.
//
// In: a program and the structures that compiled code receives. Out: what compiled code would write, to the
// same bits. Every access is checked against its buffer, and memory that was never written taints what is
// computed from it: a taint that reaches an address, a condition, a vote, a report or memory outside the
// frame is a fault. Reading it and then selecting it away is not, since compiled code may do that too.
#pragma once

#include <string>
#include <vector>

#include "compiler/schedule/program.hpp"
#include "runtime/abi.hpp"

namespace nodec::schedule {

// What `sizes` of a compiled program would write: uniforms and accumulators lie in the order of the program's
// buffers.
runtime::Sizes interpreted_sizes(const Program& program, const runtime::Call& call);

// Runs one function. `tile` is null for the prologue and the epilogue. Returns "" or the first fault, with
// the function and the instruction.
std::string interpret(const Program& program, FunctionId function, const runtime::Call& call,
                      runtime::Tile* tile);

// A whole run over samples, in one chunk; numbers are converted to and from the program's precision.
struct Batch {
  int64_t samples = 1;
  std::vector<double> parameters;
  std::vector<std::vector<double>> data, noise;  // by slot; per-sample ones with the sample axis first
  std::vector<double> settings;
  std::vector<int64_t> lengths;
  std::vector<int32_t> sample_lengths;  // [sample][length], or empty
  int64_t tape_worth = 1 << 16;         // of every tape (runtime::Tape::worth)
};
struct BatchResult {
  std::string fault;                         // "" when it ran
  std::vector<std::vector<double>> outputs;  // by slot, [sample][elements]
  std::vector<double> totals;
  std::vector<runtime::Status> status;          // [sample]
  std::vector<runtime::Statistics> statistics;  // [sample][solve]
};
// Prologue, pool for each tile, epilogue: those that the program has.
BatchResult interpret(const Program& program, const Batch& batch);

}  // namespace nodec::schedule
