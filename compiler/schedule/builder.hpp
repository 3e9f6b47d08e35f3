// Writes tile programs: one method an instruction, types inferred, structure by callbacks.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "compiler/graph/op.hpp"
#include "compiler/schedule/program.hpp"

namespace nodec::schedule {

// Appends to one function of a program. It is also the Primitives through which ops' bodies are emitted, so
// the arithmetic below is that of graph::Primitives. Constants and loop-free repeated arithmetic on the same
// values are shared within a region.
class Builder : public graph::Primitives {
 public:
  Builder(Program& program, FunctionId function);

  Program& program() { return program_; }
  FunctionId function() const { return function_; }
  ValueType type(Value v) const;
  // The number that an integer, index or condition is known to be.
  std::optional<int64_t> known(Value v) const;

  // ---- graph::Primitives
  bool double_precision() const override { return program_.double_precision; }
  int lanes() const { return program_.lanes; }
  Value real(double x) override;
  Value add(Value a, Value b) override;
  Value sub(Value a, Value b) override;
  Value mul(Value a, Value b) override;
  Value div(Value a, Value b) override;
  Value fma(Value a, Value b, Value c) override;
  Value neg(Value a) override;
  Value abs(Value a) override;
  Value sqrt(Value a) override;
  Value floor(Value a) override;
  Value round(Value a) override;
  Value less(Value a, Value b) override;
  Value less_equal(Value a, Value b) override;
  Value equal(Value a, Value b) override;
  Value not_equal(Value a, Value b) override;
  Value logical_and(Value a, Value b) override;
  Value logical_or(Value a, Value b) override;
  Value logical_not(Value a) override;
  Value truth(bool b) override;
  Value select(Value condition, Value a, Value b) override;
  Value integer(int64_t x) override;
  Value integer_add(Value a, Value b) override;
  Value integer_sub(Value a, Value b) override;
  Value integer_mul(Value a, Value b) override;
  Value integer_divide(Value a, Value b) override;
  Value integer_modulo(Value a, Value b) override;
  Value integer_less(Value a, Value b) override;
  Value integer_equal(Value a, Value b) override;
  Value bit_and(Value a, Value b) override;
  Value bit_or(Value a, Value b) override;
  Value bit_xor(Value a, Value b) override;
  Value shift_left(Value a, int n) override;
  Value shift_right(Value a, int n) override;
  Value shift_right_logical(Value a, int n) override;
  Value bits(Value real) override;
  Value real_of_bits(Value integer) override;
  Value to_integer(Value real) override;
  Value to_real(Value integer) override;  // also of an index: a uniform real
  Value table(std::span<const double> values, Value index) override;

  // ---- more arithmetic
  Value min(Value a, Value b);  // NaN if either is
  Value max(Value a, Value b);
  Value index(int64_t x);
  Value index_of(Value integer);
  Value integer_of(Value index);
  Value splat(Value uniform);
  // A polynomial of the largest lengths (index), and of each lane's own lengths (lanes integer; the former
  // when not ragged).
  Value extent(const graph::Extent& e);
  Value lane_extent(const graph::Extent& e);
  Value lane();
  Value live();
  Value any(Value mask);
  Value largest(Value integer);
  Value lane_sum(Value x);

  // ---- memory
  BufferId buffer(Buffer description);
  // A frame buffer [size][lane] (or plain).
  BufferId frame(const std::string& name, const graph::Extent& size, bool lanes = true,
                 Kind kind = Kind::real);
  Value load(BufferId b, Value index);
  void store(BufferId b, Value index, Value value);
  void store_masked(BufferId b, Value index, Value value, Value mask);
  void accumulate(BufferId b, Value index, Value value);
  void fill(BufferId b, Value first, Value count, Value value);
  void copy(BufferId to, Value to_first, BufferId from, Value from_first, Value count);
  void lend(BufferId b, Value first, Value count, Value mask);
  void reserve(BufferId tape, Value entries);
  Value tape_count(BufferId tape) { return of_tape(Opcode::tape_count, tape); }
  Value tape_room(BufferId tape) { return of_tape(Opcode::tape_room, tape); }
  void set_tape_count(BufferId tape, Value count);
  void pack(BufferId to, BufferId from, Value from_first, int64_t rows, int64_t columns, bool transposed);
  void contract(BufferId to, Value to_first, BufferId packed, BufferId x, Value x_first, int64_t rows,
                int64_t columns, BufferId bias = none, Value bias_first = none);
  void outer(BufferId accumulator, Value first, BufferId a, Value a_first, BufferId b, Value b_first,
             int64_t rows, int64_t columns);

  // ---- structure
  void for_loop(Value first, Value end, const std::function<void(Value index)>& body);
  // for 0 … count−1; fully unrolled with constant indices when the count is a constant ≤ `unroll`.
  void each(const graph::Extent& count, const std::function<void(Value index)>& body, int unroll = 0);
  void while_loop(const std::function<Value()>& condition, const std::function<void()>& body);
  void if_then(Value condition, const std::function<void()>& then,
               const std::function<void()>& otherwise = {});
  // apart: lanes leave at different times.
  void iterate(const std::function<Value()>& live, const std::function<void()>& step, bool apart = false);
  void unwind(BufferId tape, Value first, const std::function<void(Value entry)>& body);
  void call(FunctionId callee, std::vector<CallArgument> arguments);

  // ---- reports
  void fail(int solve, Value mask, Value code, Value t, Value h, Value state, Value steps);
  void statistics(int solve, Value evaluations, Value accepted, Value rejected);

 private:
  // What makes two pure instructions equal: opcode, operands, constants.
  struct Key {
    Opcode opcode;
    std::vector<Value> operands;
    uint64_t real_bits;
    int64_t integer;
    std::string name;
    bool operator<(const Key& other) const;
  };
  // A nested region under construction; the function's own body is the scope without one.
  struct Scope {
    Region* region;
    std::map<Key, Value> known;
  };

  Region& region();
  Function& code() { return program_.functions[function_]; }
  Value fresh(ValueType type);
  // Appends a pure instruction, or finds the equal one that dominates this place.
  Value pure(Opcode opcode, ValueType type, std::vector<Value> operands, double real = 0, int64_t integer = 0,
             const std::string& name = {});
  Value arithmetic(Opcode opcode, Kind result, std::vector<Value> operands);
  bool constant_of(Value v, int64_t& x) const;
  Instruction& append(Instruction instruction);
  Region nested(const std::function<void()>& write);
  Value of_tape(Opcode opcode, BufferId tape);
  void note_lengths(const graph::Extent& e);

  Program& program_;
  FunctionId function_;
  std::vector<Scope> scopes_;
  std::map<Value, int64_t> constants_;  // of kinds integer, index and boolean
};

}  // namespace nodec::schedule
