// Where each function's buffers live and what it needs of its callers: facts of a program that need no LLVM.
#pragma once

#include <set>
#include <vector>

#include "compiler/schedule/program.hpp"

namespace nodec::codegen {

struct FunctionLayout {
  // Buffers with memory in the function's activation, in order of use: frames, and per-sample arrays that
  // must be made contiguous because a kernel or a callee reads their rows.
  std::vector<schedule::BufferId> stack, arena;
  std::set<schedule::BufferId> gathered;
  std::set<schedule::FunctionId> callees;
  bool stops = false;    // reaches a `reserve`, which may find no memory: it then returns true at once
  bool in_pool = false;  // reached from pool: it has a tile
};

struct Layout {
  std::vector<FunctionLayout> functions;
  std::vector<schedule::FunctionId> callees_first;
};

Layout lay_out(const schedule::Program& program);

// Bytes of one element in memory. Booleans are stored as integers.
int64_t element_bytes(const schedule::Program& program, schedule::Kind kind);
// Per-sample arrays of the caller, whose lanes lie a stride apart; one lane's own lies in one piece.
bool strided(const schedule::Program& program, const schedule::Buffer& buffer);
// True where the memory has [size][lane] rather than [size].
bool in_rows(const schedule::Buffer& buffer);

}  // namespace nodec::codegen
