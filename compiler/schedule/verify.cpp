// The invariants of tile programs:
//   1. a value is defined before its use, in its region or an enclosing one, once;
//   2. operands have the kinds and spreads that the opcode table of program.hpp asks for;
//   3. conditions of `if` and `while` are uniform; that of `iterate` may be lanes;
//   4. buffers exist; sizes of matrices fit constant-size buffers; accumulators are never loaded by `pool`;
//      uniform buffers are stored only by `prologue` and `epilogue`, totals only by `epilogue`; parameters,
//      data, noise, settings and tables are never stored; outputs are never loaded;
//   5. calls name a function with as many arguments, of the same kind and spread, and form no cycle.
#include <set>
#include <string>
#include <vector>

#include "compiler/schedule/program.hpp"

namespace nodec::schedule {

namespace {

class Verifier {
 public:
  explicit Verifier(const Program& program) : program_(program) {}

  std::string run() {
    const int count = static_cast<int>(program_.functions.size());
    for (const FunctionId f : {program_.prologue, program_.pool, program_.epilogue}) {
      if (f != none && (f < 0 || f >= count)) return "an entry names no function";
    }
    reach(program_.pool, in_pool_);
    for (FunctionId f = 0; f < count && error_.empty(); ++f) function(f);
    for (FunctionId f = 0; f < count && error_.empty(); ++f) {
      std::set<FunctionId> called;
      for (const FunctionId g : callees(f)) reach(g, called);
      if (called.count(f)) error_ = "calls form a cycle through " + program_.functions[f].name;
    }
    return error_;
  }

 private:
  void reach(FunctionId f, std::set<FunctionId>& seen) const {
    if (f < 0 || f >= static_cast<int>(program_.functions.size()) || !seen.insert(f).second) return;
    for (const FunctionId g : callees(f)) reach(g, seen);
  }

  std::set<FunctionId> callees(FunctionId f) const {
    std::set<FunctionId> result;
    std::vector<const Region*> pending{&program_.functions[f].body};
    while (!pending.empty()) {
      const Region* r = pending.back();
      pending.pop_back();
      for (const Instruction& i : *r) {
        if (i.opcode == Opcode::call) result.insert(i.callee);
        for (const Region& inner : i.regions) pending.push_back(&inner);
      }
    }
    return result;
  }

  void fault(const std::string& what) {
    if (error_.empty()) error_ = function_->name + ": instruction " + std::to_string(position_) + ": " + what;
  }

  void function(FunctionId id) {
    function_ = &program_.functions[id];
    id_ = id;
    position_ = 0;
    defined_.assign(function_->types.size(), false);
    ever_.assign(function_->types.size(), false);
    region(function_->body, none);
  }

  void region(const Region& r, Value condition) {
    std::vector<Value> here;
    for (const Instruction& i : r) {
      if (!error_.empty()) return;
      instruction(i);
      if (i.result != none && !numbers_region(i)) define(i.result, here);
    }
    if (condition != none && !known(condition)) fault("the condition is not computed");
    for (const Value v : here) defined_[v] = false;
  }

  bool known(Value v) const { return v >= 0 && v < static_cast<Value>(defined_.size()) && defined_[v]; }

  void define(Value v, std::vector<Value>& here) {
    if (v < 0 || v >= static_cast<Value>(ever_.size())) return fault("the result has no type");
    if (ever_[v]) return fault("%" + std::to_string(v) + " is defined twice");
    ever_[v] = defined_[v] = true;
    here.push_back(v);
  }

  ValueType type(Value v) const { return function_->types[v]; }

  void want(const Instruction& i, size_t operand, Kind kind) {
    if (operand >= i.operands.size()) return fault("operand " + std::to_string(operand) + " is missing");
    if (type(i.operands[operand]).kind != kind)
      fault("operand " + std::to_string(operand) + " is of the wrong kind");
  }
  void want_uniform(const Instruction& i, size_t operand, Kind kind) {
    want(i, operand, kind);
    if (error_.empty() && type(i.operands[operand]).lanes)
      fault("operand " + std::to_string(operand) + " varies by lane");
  }
  void want_lanes(const Instruction& i, size_t operand, Kind kind) {
    want(i, operand, kind);
    if (error_.empty() && !type(i.operands[operand]).lanes)
      fault("operand " + std::to_string(operand) + " is uniform");
  }
  void want_result(const Instruction& i, Kind kind, bool lanes) {
    if (i.result == none || i.result >= static_cast<Value>(function_->types.size()))
      return fault("there is no result");
    if (type(i.result) != ValueType{kind, lanes}) fault("the result has the wrong type");
  }
  bool any_lanes(const Instruction& i) const {
    for (const Value v : i.operands) {
      if (type(v).lanes) return true;
    }
    return false;
  }

  const Buffer* buffer(BufferId id) {
    if (id < 0 || id >= static_cast<BufferId>(program_.buffers.size())) {
      fault("a buffer is missing");
      return nullptr;
    }
    return &program_.buffers[id];
  }
  // An index: uniform, or each lane's own.
  void want_address(const Instruction& i, size_t operand) {
    if (operand >= i.operands.size()) return fault("the index is missing");
    const ValueType t = type(i.operands[operand]);
    if (t != ValueType{Kind::index, false} && t != ValueType{Kind::integer, true})
      fault("the index is not an index");
  }
  void readable(BufferId id) {
    const Buffer* b = buffer(id);
    if (!b) return;
    if (b->storage == Storage::output) fault("an output is loaded");
    if (b->storage == Storage::accumulator && in_pool_.count(id_)) fault("an accumulator is loaded in pool");
  }
  void writable(BufferId id) {
    const Buffer* b = buffer(id);
    if (!b) return;
    switch (b->storage) {
      case Storage::parameter:
      case Storage::data:
      case Storage::noise:
      case Storage::setting:
      case Storage::table:
        return fault("@" + b->name + " is read-only");
      case Storage::uniform:
      case Storage::total:
        if (in_pool_.count(id_)) fault("@" + b->name + " is stored in pool");
        return;
      case Storage::accumulator:
        return fault("an accumulator is stored rather than added to");
      default:
        return;
    }
  }
  void rows_of(BufferId id, bool lanes) {
    const Buffer* b = buffer(id);
    if (b && (b->lanes != lanes || b->kind != Kind::real)) fault("@" + b->name + " has the wrong layout");
  }

  void instruction(const Instruction& i) {
    ++position_;
    for (const Value v : i.operands) {
      if (!known(v)) return fault("%" + std::to_string(v) + " is used before it is defined");
    }
    switch (i.opcode) {
      case Opcode::constant_real:
        return want_result(i, Kind::real, false);
      case Opcode::constant_integer:
        return want_result(i, Kind::integer, false);
      case Opcode::constant_boolean:
        return want_result(i, Kind::boolean, false);
      case Opcode::constant_index:
        return want_result(i, Kind::index, false);
      case Opcode::add:
      case Opcode::sub:
      case Opcode::mul:
      case Opcode::div:
      case Opcode::fma:
      case Opcode::neg:
      case Opcode::abs:
      case Opcode::sqrt:
      case Opcode::floor:
      case Opcode::round:
        for (size_t n = 0; n < i.operands.size(); ++n) want(i, n, Kind::real);
        return want_result(i, Kind::real, any_lanes(i));
      case Opcode::less:
      case Opcode::less_equal:
      case Opcode::equal:
      case Opcode::not_equal:
        want(i, 0, Kind::real);
        want(i, 1, Kind::real);
        return want_result(i, Kind::boolean, any_lanes(i));
      case Opcode::logical_and:
      case Opcode::logical_or:
      case Opcode::logical_not:
        for (size_t n = 0; n < i.operands.size(); ++n) want(i, n, Kind::boolean);
        return want_result(i, Kind::boolean, any_lanes(i));
      case Opcode::select:
        want(i, 0, Kind::boolean);
        if (i.operands.size() != 3) return fault("select takes three operands");
        want(i, 1, type(i.operands[2]).kind);
        return want_result(i, type(i.operands[2]).kind, any_lanes(i));
      case Opcode::integer_add:
      case Opcode::integer_sub:
      case Opcode::integer_mul:
      case Opcode::integer_divide:
      case Opcode::integer_modulo:
      case Opcode::integer_less:
      case Opcode::integer_equal: {
        if (i.operands.size() != 2) return fault("two operands are needed");
        const Kind kind = type(i.operands[0]).kind;
        if (kind != Kind::integer && kind != Kind::index) return fault("operand 0 is of the wrong kind");
        want(i, 1, kind);
        const bool compares = i.opcode == Opcode::integer_less || i.opcode == Opcode::integer_equal;
        return want_result(i, compares ? Kind::boolean : kind, any_lanes(i));
      }
      case Opcode::bit_and:
      case Opcode::bit_or:
      case Opcode::bit_xor:
        want(i, 1, Kind::integer);
        [[fallthrough]];
      case Opcode::shift_left:
      case Opcode::shift_right:
      case Opcode::shift_right_logical:
        want(i, 0, Kind::integer);
        return want_result(i, Kind::integer, any_lanes(i));
      case Opcode::bits:
      case Opcode::to_integer:
        want(i, 0, Kind::real);
        return want_result(i, Kind::integer, any_lanes(i));
      case Opcode::real_of_bits:
        want(i, 0, Kind::integer);
        return want_result(i, Kind::real, any_lanes(i));
      case Opcode::to_real:
        if (i.operands.size() != 1) return fault("one operand is needed");
        if (type(i.operands[0]).kind != Kind::index) want(i, 0, Kind::integer);
        return want_result(i, Kind::real, any_lanes(i));
      case Opcode::index_of:
        want_uniform(i, 0, Kind::integer);
        return want_result(i, Kind::index, false);
      case Opcode::integer_of:
        want_uniform(i, 0, Kind::index);
        return want_result(i, Kind::integer, false);
      case Opcode::splat:
        if (i.operands.size() != 1 || type(i.operands[0]).kind == Kind::index)
          return fault("an index has no lanes");
        return want_result(i, type(i.operands[0]).kind, true);
      case Opcode::lane:
        return want_result(i, Kind::integer, true);
      case Opcode::live:
        return want_result(i, Kind::boolean, true);
      case Opcode::any:
        want(i, 0, Kind::boolean);
        return want_result(i, Kind::boolean, false);
      case Opcode::largest:
        want(i, 0, Kind::integer);
        return want_result(i, Kind::integer, false);
      case Opcode::lane_sum:
        want_lanes(i, 0, Kind::real);
        return want_result(i, Kind::real, false);
      case Opcode::length:
        return want_result(i, Kind::index, false);
      case Opcode::sample_length:
        return want_result(i, Kind::integer, true);
      case Opcode::load: {
        want_address(i, 0);
        readable(i.buffer);
        const Buffer* b = buffer(i.buffer);
        if (b) want_result(i, b->kind, b->lanes || any_lanes(i));
        return;
      }
      case Opcode::store:
      case Opcode::store_masked: {
        want_address(i, 0);
        writable(i.buffer);
        const Buffer* b = buffer(i.buffer);
        if (b) want(i, 1, b->kind);
        if (b && error_.empty() && type(i.operands[1]).lanes != b->lanes)
          fault("the value's spread is not the buffer's");
        if (i.opcode == Opcode::store_masked) want_lanes(i, 2, Kind::boolean);
        return;
      }
      case Opcode::accumulate: {
        want_address(i, 0);
        want_lanes(i, 1, Kind::real);
        const Buffer* b = buffer(i.buffer);
        if (b && b->storage != Storage::accumulator && !b->lanes)
          fault("the destination is no accumulator and has no lanes");
        return;
      }
      case Opcode::fill:
        writable(i.buffer);
        want_uniform(i, 0, Kind::index);
        want_uniform(i, 1, Kind::index);
        return;
      case Opcode::copy: {
        writable(i.buffer);
        readable(i.source);
        for (size_t n = 0; n < 3; ++n) want_uniform(i, n, Kind::index);
        const Buffer *to = buffer(i.buffer), *from = buffer(i.source);
        if (to && from && (to->lanes != from->lanes || to->kind != from->kind))
          fault("the copy changes the layout");
        return;
      }
      case Opcode::lend:
        writable(i.buffer);
        rows_of(i.buffer, true);
        for (size_t n = 0; n < 2; ++n) want_uniform(i, n, Kind::index);
        return want_lanes(i, 2, Kind::boolean);
      case Opcode::reserve:
      case Opcode::set_tape_count:
        want_uniform(i, 0, Kind::index);
        [[fallthrough]];
      case Opcode::tape_room:
      case Opcode::tape_count: {
        const Buffer* b = buffer(i.buffer);
        if (b && b->storage != Storage::tape) fault("@" + b->name + " is no tape");
        return;
      }
      case Opcode::pack:
        want_uniform(i, 0, Kind::index);
        writable(i.buffer);
        rows_of(i.buffer, false);
        rows_of(i.source, false);
        return fits(i.buffer, (i.rows + 3) / 4 * 4 * i.columns);
      case Opcode::contract:
        for (size_t n = 0; n < i.operands.size(); ++n) want_uniform(i, n, Kind::index);
        writable(i.buffer);
        readable(i.third);
        rows_of(i.buffer, true);
        rows_of(i.source, false);
        rows_of(i.third, true);
        if (i.fourth != none) rows_of(i.fourth, false);
        fits(i.source, (i.rows + 3) / 4 * 4 * i.columns);
        fits(i.buffer, i.rows);
        return fits(i.third, i.columns);
      case Opcode::outer: {
        for (size_t n = 0; n < 3; ++n) want_uniform(i, n, Kind::index);
        const Buffer* b = buffer(i.buffer);
        if (b && b->storage != Storage::accumulator) fault("@" + b->name + " is no accumulator");
        rows_of(i.source, true);
        rows_of(i.third, true);
        fits(i.buffer, i.rows * i.columns);
        fits(i.source, i.rows);
        return fits(i.third, i.columns);
      }
      case Opcode::for_loop: {
        want_uniform(i, 0, Kind::index);
        want_uniform(i, 1, Kind::index);
        if (i.regions.size() != 1) return fault("a loop has one region");
        std::vector<Value> index;
        define(i.result, index);
        region(i.regions[0], none);
        for (const Value v : index) defined_[v] = false;
        return;
      }
      case Opcode::unwind: {
        want_uniform(i, 0, Kind::index);
        const Buffer* b = buffer(i.buffer);
        if (b && b->storage != Storage::tape) fault("@" + b->name + " is no tape");
        if (i.regions.size() != 1) return fault("a loop has one region");
        std::vector<Value> entry;
        define(i.result, entry);
        region(i.regions[0], none);
        for (const Value v : entry) defined_[v] = false;
        return;
      }
      case Opcode::while_loop:
      case Opcode::iterate:
        if (i.regions.size() != 2) return fault("a loop has a condition and a body");
        region(i.regions[0], i.condition);
        if (!error_.empty()) return;
        if (type(i.condition).kind != Kind::boolean) fault("the condition is not boolean");
        if (i.opcode == Opcode::while_loop && type(i.condition).lanes) fault("the condition varies by lane");
        return region(i.regions[1], none);
      case Opcode::if_then:
        want_uniform(i, 0, Kind::boolean);
        for (const Region& r : i.regions) region(r, none);
        return;
      case Opcode::call:
        return call(i);
      case Opcode::fail:
        want_lanes(i, 0, Kind::boolean);
        want_lanes(i, 1, Kind::integer);
        want_lanes(i, 2, Kind::real);
        want_lanes(i, 3, Kind::real);
        want_lanes(i, 4, Kind::integer);
        return want_lanes(i, 5, Kind::integer);
      case Opcode::statistics:
        for (size_t n = 0; n < 3; ++n) want_lanes(i, n, Kind::integer);
        return;
    }
  }

  void fits(BufferId id, int64_t elements) {
    const Buffer* b = buffer(id);
    if (b && b->storage != Storage::argument && b->size.is_constant() && b->size.value() < elements) {
      fault("@" + b->name + " is too small");
    }
  }

  void call(const Instruction& i) {
    if (i.callee < 0 || i.callee >= static_cast<int>(program_.functions.size()))
      return fault("no such function");
    const Function& callee = program_.functions[i.callee];
    if (callee.arguments.size() != i.arguments.size()) return fault("wrong number of arguments");
    for (size_t n = 0; n < i.arguments.size(); ++n) {
      const Buffer *given = buffer(i.arguments[n].buffer), *wanted = buffer(callee.arguments[n]);
      if (!given || !wanted) return;
      if (given->kind != wanted->kind || given->lanes != wanted->lanes) {
        return fault("argument " + std::to_string(n) + " has the wrong layout");
      }
      const Value offset = i.arguments[n].offset;
      if (!known(offset) || type(offset) != ValueType{Kind::index, false})
        return fault("an argument's offset is no index");
    }
  }

  const Program& program_;
  const Function* function_ = nullptr;
  FunctionId id_ = none;
  std::set<FunctionId> in_pool_;
  std::vector<bool> defined_, ever_;
  int position_ = 0;
  std::string error_;
};

}  // namespace

std::string verify(const Program& program) { return Verifier(program).run(); }

}  // namespace nodec::schedule
