// The tile program: what runs for a tile of L samples at once.
//
// Values are single assignment and of two spreads: uniform (one scalar for all lanes) or lanes (one per
// sample). Memory is in buffers: plain [e], or lanes-innermost [e][lane]. Control is structured and uniform;
// divergence is `select`. Only memory operations, contract, outer, accumulate, reductions and votes know the
// layout; the rest is per lane. Invariants (verify.cpp): a value is defined before use in its region or an
// enclosing one; operands have the types that the table below asks for; conditions of if and while are
// uniform; accumulators are never loaded in `pool`; uniform buffers are stored only in `prologue` and
// `epilogue`; calls form no cycle.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "compiler/graph/graph.hpp"

namespace nodec::schedule {

enum class Kind : uint8_t {
  real,     // f32 or f64, as the program says
  integer,  // of the reals' width
  boolean,
  index,  // 64 bits, uniform only: addresses and trip counts
};
struct ValueType {
  Kind kind = Kind::real;
  bool lanes = false;
  friend bool operator==(const ValueType&, const ValueType&) = default;
};

using Value = int32_t;     // of the function's `types`
using BufferId = int32_t;  // of the program's `buffers`
using FunctionId = int32_t;
constexpr int32_t none = -1;

enum class Storage : uint8_t {
  frame,        // memory of one activation of a function
  uniform,      // Call::uniforms: written by the prologue, read-only afterwards
  accumulator,  // Tile::accumulators in pool (add only), Call::accumulators in the epilogue (read only)
  parameter,    // Call::parameters at `offset`
  data,         // Call::data[slot]: lanes: each lane's own sample; plain: shared
  noise,        // Call::noise[slot], each lane's own row
  output,       // Call::outputs[slot], each lane's own row; stores only, live lanes only
  total,        // Call::totals at `offset`, stored by the epilogue
  setting,      // Call::settings
  argument,     // given by the caller
  table,        // constant values
  tape,         // Tile::tapes[slot]: grows by `reserve`
};

struct Buffer {
  std::string name{};
  Kind kind = Kind::real;
  bool lanes =
      false;  // [size][lane] rather than [size]; data, noise, output: one element per lane, strided by sample
  Storage storage = Storage::frame;
  graph::Extent size =
      1;               // in elements per lane; tape: of one entry's rows (entries are counted by Tape::count)
  int slot = 0;        // data, noise, output, tape: which; argument: position
  int64_t offset = 0;  // parameter, total: first element; setting: which
  std::vector<double> values{};  // table
  // accumulator: unreduced [size][lane] rather than [size] (sums over lanes postponed to the end of the
  // chunk: small ones)
  bool unreduced = false;
  bool cache = false;  // tape: its entries can be computed anew (see tape_room)
};

enum class Opcode : uint8_t {
  // constants: `real_value`, `integer_value`
  constant_real,
  constant_integer,
  constant_boolean,
  constant_index,
  // Primitives of graph/op.hpp, same meaning; operands of one kind, any spreads (the result is lanes if any
  // operand is)
  add,
  sub,
  mul,
  div,
  fma,
  neg,
  abs,
  sqrt,
  floor,
  round,
  less,
  less_equal,
  equal,
  not_equal,  // reals -> boolean
  logical_and,
  logical_or,
  logical_not,
  select,
  integer_add,
  integer_sub,
  integer_mul,
  integer_divide,
  integer_modulo,
  integer_less,
  integer_equal,  // integer or index
  bit_and,
  bit_or,
  bit_xor,
  shift_left,
  shift_right,
  shift_right_logical,  // count in integer_value
  bits,
  real_of_bits,
  to_integer,
  to_real,
  index_of,    // uniform integer -> index
  integer_of,  // index -> uniform integer
  // lanes
  splat,          // uniform -> lanes
  lane,           // -> lanes integer 0 … L−1
  live,           // -> lanes boolean: the lane carries a sample
  any,            // lanes (or uniform) boolean -> uniform boolean
  largest,        // lanes (or uniform) integer -> uniform integer
  lane_sum,       // lanes real -> uniform real; in lane order by a fixed tree
  length,         // largest value of the length atom `name` in the batch -> index
  sample_length,  // each lane's own value of the length atom `name` -> lanes integer
  // memory: `buffer`; operand 0 the element's index. Uniform index: a row. Lanes integer index: each lane its
  // own element.
  load,          // (index) -> kind of the buffer; lanes if the buffer or the index is
  store,         // (index, value)
  store_masked,  // (index, value, lanes mask): other lanes keep theirs; index may be lanes
  accumulate,    // (index, lanes value): Σ over live lanes into an accumulator; into a lanes buffer: += per
                 // lane;
                 // the index may be lanes. Idle lanes must carry zeros (select before)
  fill,          // (first, count, value): value uniform
  copy,          // (destination first, source first, count) `buffer` <- `source`, same spread
  lend,          // (first, count, lanes mask): lanes outside the mask take the value of the first lane inside
                 // it; nothing where the mask is empty
  reserve,       // (entries): makes room for that many entries on the tape `buffer`
  tape_count,    // -> index
  tape_room,     // -> index: how many entries are worth keeping on the tape `buffer`; no promise
  set_tape_count,  // (index)
  // matrices. Sizes are constants (rows, columns); W is packed by `pack` into [⌈rows/4⌉][columns][4],
  // zero-padded; the code of a program of one lane arranges it in the same room as it likes.
  pack,      // (first of source) plain source [rows][columns] (or [columns][rows] when transposed) -> plain
             // `buffer`
  contract,  // (first of destination, first of x[, first of bias]) buffer[r] = (bias[r] or 0) + Σ_k W[r, k] ·
             // x[k]; W in `source`, x in `third`,
  // bias in `fourth` (plain) or none; order over k ascending, fma
  outer,  // (first of accumulator, first of a, first of b) accumulator `buffer`[r, k] += Σ_live lanes
          // a[r]·b[k], fused, in lane order; a: `source` [rows], b: `third` [columns];
          // idle lanes of a or b carry zeros
  // structure
  for_loop,    // (first, end): region 0 with its index as `result`
  while_loop,  // region 0 computes `condition` as its last value; region 1 the body
  if_then,     // (uniform boolean): region 0, region 1 (may be empty)
  iterate,  // `while any lane is live`: region 0 computes the lanes mask (last value), region 1 one step; a
            // lane that leaves is not touched again. integer_value 1: lanes leave at different times, so that
            // it pays to gather those of several tiles that still run (codegen/parts.hpp)
  unwind,  // (first): region 0 for every entry of the tape `buffer`, newest first down to `first`, its number
           // as `result`
  call,    // `callee` with argument buffers and offsets (index values)
  // reports
  fail,        // (mask, code integer, t, h, state integer, steps integer): solve number in integer_value
  statistics,  // (evaluations, accepted, rejected: lanes integers): solve number in integer_value; live lanes
};

struct Instruction;
using Region = std::vector<Instruction>;

struct CallArgument {
  BufferId buffer;
  Value offset;  // index: first element
};

struct Instruction {
  Opcode opcode;
  Value result = none;
  std::vector<Value> operands{};
  double real_value = 0;
  int64_t integer_value = 0;
  std::string name{};
  BufferId buffer = none, source = none, third = none, fourth = none;
  int64_t rows = 0, columns = 0;
  bool transposed = false;
  FunctionId callee = none;
  std::vector<CallArgument> arguments{};
  std::vector<Region> regions{};
  Value condition = none;  // while_loop, iterate
};

// Whether the result numbers the passes through the region, where alone it is defined.
inline bool numbers_region(const Instruction& i) {
  return i.opcode == Opcode::for_loop || i.opcode == Opcode::unwind;
}

struct Function {
  std::string name;
  std::vector<BufferId> arguments;  // of storage `argument`, by position
  std::vector<ValueType> types;     // by Value
  Region body;
};

// What the runtime must supply and receives.
struct Interface {
  struct Parameter {
    std::string path;
    int64_t offset, size;
  };
  struct Data {
    std::string name;
    std::vector<graph::Extent> shape;
    bool shared;
  };
  struct Noise {
    int stream;
    graph::Distribution distribution;
    graph::Extent size;
  };
  struct Result {
    std::string name;
    std::vector<graph::Extent> shape;
    graph::Element element;
    bool per_sample;
    int slot;
    graph::Extent offset;
  };
  struct Solve {
    std::string field, place;
    std::vector<std::string> elements, places;
  };  // per flat state element: name, equation's place
  std::vector<Parameter> parameters;
  std::vector<Data> data;
  std::vector<Noise> noise;
  std::vector<std::string> settings, lengths, places;
  std::vector<Result> results;  // per_sample: `slot` of Call::outputs; otherwise `offset` in Call::totals
  std::vector<Solve> solves;
  int tapes = 0;
};

struct Program {
  int lanes = 8;
  bool double_precision = false;
  bool ragged = false;  // samples have lengths of their own
  std::vector<Buffer> buffers;
  std::vector<Function> functions;
  FunctionId prologue = none, pool = none, epilogue = none;
  Interface interface;
};

// All of a program that machine code depends on, as bytes that differ when it does: of the interface, the
// lengths and how many solves there are.
std::string serialize(const Program& program);

// Text of a program, what `--emit=tile` prints; "" or the first invariant that does not hold.
std::string print(const Program& program);
std::string verify(const Program& program);

}  // namespace nodec::schedule
