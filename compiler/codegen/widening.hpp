// Finds the loops that can run several elements at a time.
//
// In: a loop of a program of one lane, where a vector holds elements of one sample. Out: which of its values
// count up with the loop and which sums it carries, or nothing where an iteration needs another one's memory,
// stores anything but a row of elements, or holds more than arithmetic and memory. Never here: LLVM.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "compiler/schedule/program.hpp"

namespace nodec::codegen {

struct Widening {
  // Indices that grow by so much with each iteration: one number stands for a vector of them.
  std::map<schedule::Value, int64_t> slopes;
  // A buffer of one element to which each iteration adds: what it loads, what it stores.
  struct Sum {
    schedule::BufferId buffer;
    schedule::Value before, after;
  };
  std::vector<Sum> sums;
};

// The instruction that gives each value; null for a loop's index.
using Definitions = std::vector<const schedule::Instruction*>;
Definitions definitions_of(const schedule::Function& function);

// `carried`: the buffers of one element that the loop reads and writes.
std::optional<Widening> widen(const schedule::Program& program, const Definitions& definitions,
                              const std::vector<schedule::BufferId>& carried,
                              const schedule::Instruction& loop);

}  // namespace nodec::codegen
