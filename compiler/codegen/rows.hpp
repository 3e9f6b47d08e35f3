// Which rows of its memory a piece of code reads before it writes them, may write, and writes for certain:
// facts of a program that need no LLVM.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "compiler/schedule/program.hpp"

namespace nodec::codegen {

// Rows of a buffer, as ascending ranges apart from each other.
class RowSet {
 public:
  struct Range {
    int64_t first, end;
    friend bool operator==(const Range&, const Range&) = default;
  };
  static RowSet all();

  bool empty() const { return ranges_.empty(); }
  const std::vector<Range>& ranges() const { return ranges_; }
  bool covers(Range range) const;
  void add(Range range);
  void add(const RowSet& other);
  RowSet without(const RowSet& other) const;
  RowSet within(const RowSet& other) const;

 private:
  std::vector<Range> ranges_;
};

struct Touched {
  RowSet read;      // as the code before left them
  RowSet written;   // in some lanes at least, or perhaps
  RowSet replaced;  // in all lanes, whatever happens
};
// Of frames, arguments and samples' arrays.
using Touches = std::map<schedule::BufferId, Touched>;

// What code does to memory, functions that it calls included. Whatever it does not follow, it takes for reads
// and writes of everything.
class RowReader {
 public:
  explicit RowReader(const schedule::Program& program) : program_(program) {}

  // What instructions of the function's body do, run one after the other.
  Touches touches(schedule::FunctionId function, std::span<const schedule::Instruction> instructions);

 private:
  // constant + Σ factor · index of a loop.
  struct Place {
    int64_t constant = 0;
    std::map<schedule::Value, int64_t> terms;
  };
  // What is known of a function's indices.
  struct Indices {
    std::map<schedule::Value, Place> places;
    std::map<schedule::Value, RowSet::Range> loops;
  };
  // Written in the iterations at hand of the loops named.
  struct Partial {
    schedule::BufferId buffer;
    Place place;
    int64_t rows;
  };
  struct Known {
    std::map<schedule::BufferId, RowSet> replaced;
    std::vector<Partial> partial;
  };
  struct Walk {
    const schedule::Function& function;
    const Indices& indices;
    Touches touches;
  };

  const Indices& indices(schedule::FunctionId function);
  void find_places(const schedule::Region& region, Indices& found) const;
  const Touches& summary(schedule::FunctionId function);

  void region(Walk& walk, std::span<const schedule::Instruction> instructions, Known& known);
  void instruction(Walk& walk, const schedule::Instruction& i, Known& known);
  void loop(Walk& walk, const schedule::Instruction& i, Known& known);
  void call(Walk& walk, const schedule::Instruction& i, Known& known);

  bool followed(schedule::BufferId id) const;
  std::optional<Place> place(const Walk& walk, schedule::Value index) const;
  std::optional<int64_t> constant(const Walk& walk, schedule::Value index) const;
  // All rows from `place` on, `rows` of them, over the loops around; nothing where that is not known.
  std::optional<RowSet::Range> range(const Walk& walk, const std::optional<Place>& place,
                                     std::optional<int64_t> rows) const;
  void read(Walk& walk, const Known& known, schedule::BufferId id, const std::optional<Place>& place,
            std::optional<int64_t> rows) const;
  void write(Walk& walk, Known& known, schedule::BufferId id, const std::optional<Place>& place,
             std::optional<int64_t> rows, bool whole) const;

  const schedule::Program& program_;
  std::map<schedule::FunctionId, Indices> indices_;
  std::map<schedule::FunctionId, Touches> summaries_;
};

}  // namespace nodec::codegen
