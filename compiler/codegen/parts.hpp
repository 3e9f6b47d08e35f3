// Cuts the function of a tile at the loops that its lanes leave at different times, so that the runtime can
// run many tiles side by side and gather the lanes that still run in as few of them as hold these.
//
// In: the program's pool function. Out: its parts, in order: straight code, one pass of a loop, straight code
// …; what a part hands to later ones; and for every loop what belongs to a lane that moves to another tile.
// What a loop does not touch stays at home: when it ends every lane is back in its place.
#pragma once

#include <set>
#include <vector>

#include "compiler/codegen/rows.hpp"
#include "compiler/schedule/program.hpp"
#include "runtime/abi.hpp"

namespace nodec::codegen {

// Rows of a buffer, or a value that a part hands on.
struct Belonging {
  schedule::BufferId buffer = schedule::none;
  schedule::Value value = schedule::none;
  RowSet rows{};
};

struct Part {
  runtime::PartKind kind = runtime::PartKind::straight;
  size_t first = 0, end = 0;                  // instructions of the function's body; of a loop: that one
  schedule::BufferId tape = schedule::none;   // loops: what it records on, or unwinds
  schedule::BufferId cache = schedule::none;  // sweeps: what it keeps more on, if it is worth it
  std::vector<schedule::Value> remade, loaded,
      saved;                              // of earlier parts: computed anew, read; for later ones
  std::vector<schedule::BufferId> local;  // memory that no other part, and no other pass, sees
  std::vector<Belonging> belongings;      // loops: of a lane
  int64_t work = 0;                       // loops: operations on rows in one pass, about
};

struct Cut {
  std::vector<Part> parts;               // one where there is no such loop
  std::vector<schedule::BufferId> kept;  // memory that more than one part or pass sees
  std::vector<schedule::Value> saved;
};

// gathered: samples' arrays of which the function has a copy in rows.
Cut cut_pool(const schedule::Program& program, const std::set<schedule::BufferId>& gathered);

}  // namespace nodec::codegen
