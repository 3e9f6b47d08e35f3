// Where each function's buffers live and what it needs of its callers: facts of a program that need no LLVM.
#pragma once

#include <set>
#include <vector>

#include "compiler/codegen/parts.hpp"
#include "compiler/schedule/program.hpp"

namespace nodec::codegen {

// Buffers with memory in the activation of a part, in order of use: frames, and per-sample arrays that must
// be made contiguous because a kernel or a callee reads their rows.
struct PartLayout {
  std::vector<schedule::BufferId> stack, arena;
  std::set<schedule::BufferId> gathered;  // filled when the part begins
  Part part;
};

struct FunctionLayout {
  std::vector<PartLayout> parts;          // of all functions but pool: one
  std::vector<schedule::BufferId> kept;   // in Tile::frame, followed by
  std::vector<schedule::Value> saved;     // values that parts hand on
  std::set<schedule::BufferId> gathered;  // of all parts
  std::set<schedule::FunctionId> callees;
  // Reaches a `reserve`, which may find no memory, or a loop that looks at Tile::cancel: it then returns true
  // at once.
  bool stops = false;
  bool in_pool = false;  // reached from pool: it has a tile
  bool shares = false;   // has a product that threads may share
  bool steps = false;    // has a loop over the steps of a solve

  bool cut() const { return parts.size() > 1; }
};

struct Layout {
  std::vector<FunctionLayout> functions;
  std::vector<schedule::FunctionId> callees_first;
};

Layout lay_out(const schedule::Program& program);

// Bytes of one element in memory. Booleans are stored as integers.
int64_t element_bytes(const schedule::Program& program, schedule::Kind kind);
// Whether a product takes so long (about 10 µs) that other threads may take over some of its rows.
bool worth_sharing(const schedule::Program& program, const schedule::Instruction& product);
// Whether a loop is over steps of a solve or blocks of them, so that it may take long.
bool takes_steps(const schedule::Instruction& loop);
// Per-sample arrays of the caller, whose lanes lie a stride apart; one lane's own lies in one piece.
bool strided(const schedule::Program& program, const schedule::Buffer& buffer);
// True where the memory has [size][lane] rather than [size].
bool in_rows(const schedule::Buffer& buffer);

}  // namespace nodec::codegen
