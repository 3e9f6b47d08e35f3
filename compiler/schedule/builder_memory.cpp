// Memory, matrices, control structure and reports of the tile program.
#include "compiler/schedule/builder.hpp"

namespace nodec::schedule {

BufferId Builder::buffer(Buffer description) {
  note_lengths(description.size);
  program_.buffers.push_back(std::move(description));
  return static_cast<BufferId>(program_.buffers.size()) - 1;
}

BufferId Builder::frame(const std::string& name, const graph::Extent& size, bool lanes, Kind kind) {
  return buffer({.name = name, .kind = kind, .lanes = lanes, .storage = Storage::frame, .size = size});
}

Value Builder::load(BufferId b, Value at) {
  const Buffer& from = program_.buffers[b];
  Instruction i{.opcode = Opcode::load};
  i.operands = {at};
  i.buffer = b;
  i.result = fresh({from.kind, from.lanes || type(at).lanes});
  const Value result = i.result;
  append(std::move(i));
  return result;
}

void Builder::store(BufferId b, Value at, Value value) {
  Instruction i{.opcode = Opcode::store};
  if (program_.buffers[b].lanes) value = splat(value);
  i.operands = {at, value};
  i.buffer = b;
  append(std::move(i));
}

void Builder::store_masked(BufferId b, Value at, Value value, Value mask) {
  Instruction i{.opcode = Opcode::store_masked};
  i.operands = {at, splat(value), splat(mask)};
  i.buffer = b;
  append(std::move(i));
}

void Builder::accumulate(BufferId b, Value at, Value value) {
  Instruction i{.opcode = Opcode::accumulate};
  i.operands = {at, splat(value)};
  i.buffer = b;
  append(std::move(i));
}

void Builder::fill(BufferId b, Value first, Value count, Value value) {
  Instruction i{.opcode = Opcode::fill};
  i.operands = {first, count, value};
  i.buffer = b;
  append(std::move(i));
}

void Builder::copy(BufferId to, Value to_first, BufferId from, Value from_first, Value count) {
  Instruction i{.opcode = Opcode::copy};
  i.operands = {to_first, from_first, count};
  i.buffer = to;
  i.source = from;
  append(std::move(i));
}

void Builder::reserve(BufferId tape, Value entries) {
  Instruction i{.opcode = Opcode::reserve};
  i.operands = {entries};
  i.buffer = tape;
  append(std::move(i));
}

void Builder::lend(BufferId b, Value first, Value count, Value mask) {
  Instruction i{.opcode = Opcode::lend};
  i.operands = {first, count, mask};
  i.buffer = b;
  append(std::move(i));
}

Value Builder::of_tape(Opcode opcode, BufferId tape) {
  Instruction i{.opcode = opcode};
  i.buffer = tape;
  i.result = fresh({Kind::index, false});
  const Value result = i.result;
  append(std::move(i));
  return result;
}

void Builder::set_tape_count(BufferId tape, Value count) {
  Instruction i{.opcode = Opcode::set_tape_count};
  i.operands = {count};
  i.buffer = tape;
  append(std::move(i));
}

void Builder::pack(BufferId to, BufferId from, Value from_first, int64_t rows, int64_t columns,
                   bool transposed) {
  Instruction i{.opcode = Opcode::pack};
  i.operands = {from_first};
  i.buffer = to;
  i.source = from;
  i.rows = rows;
  i.columns = columns;
  i.transposed = transposed;
  append(std::move(i));
}

void Builder::contract(BufferId to, Value to_first, BufferId packed, BufferId x, Value x_first, int64_t rows,
                       int64_t columns, BufferId bias, Value bias_first) {
  Instruction i{.opcode = Opcode::contract};
  i.operands = {to_first, x_first};
  if (bias != none) i.operands.push_back(bias_first);
  i.buffer = to;
  i.source = packed;
  i.third = x;
  i.fourth = bias;
  i.rows = rows;
  i.columns = columns;
  append(std::move(i));
}

void Builder::outer(BufferId accumulator, Value first, BufferId a, Value a_first, BufferId b, Value b_first,
                    int64_t rows, int64_t columns) {
  Instruction i{.opcode = Opcode::outer};
  i.operands = {first, a_first, b_first};
  i.buffer = accumulator;
  i.source = a;
  i.third = b;
  i.rows = rows;
  i.columns = columns;
  append(std::move(i));
}

// ---- structure

Region Builder::nested(const std::function<void()>& write) {
  Region inside;
  scopes_.push_back({&inside, {}});
  write();
  scopes_.pop_back();
  return inside;
}

void Builder::for_loop(Value first, Value end, const std::function<void(Value index)>& body) {
  Instruction i{.opcode = Opcode::for_loop};
  i.operands = {first, end};
  i.result = fresh({Kind::index, false});
  i.regions.push_back(nested([&] { body(i.result); }));
  if (i.regions[0].empty()) return;
  append(std::move(i));
}

void Builder::each(const graph::Extent& count, const std::function<void(Value index)>& body, int unroll) {
  if (count.is_constant() && (count.value() <= unroll || count.value() == 1)) {
    for (int64_t i = 0; i < count.value(); ++i) body(index(i));
    return;
  }
  for_loop(index(0), extent(count), body);
}

void Builder::while_loop(const std::function<Value()>& condition, const std::function<void()>& body) {
  Instruction i{.opcode = Opcode::while_loop};
  i.regions.push_back(nested([&] { i.condition = condition(); }));
  i.regions.push_back(nested(body));
  append(std::move(i));
}

void Builder::if_then(Value condition, const std::function<void()>& then,
                      const std::function<void()>& otherwise) {
  Instruction i{.opcode = Opcode::if_then};
  i.operands = {condition};
  i.regions.push_back(nested(then));
  i.regions.push_back(otherwise ? nested(otherwise) : Region{});
  append(std::move(i));
}

void Builder::iterate(const std::function<Value()>& live, const std::function<void()>& step, bool apart) {
  Instruction i{.opcode = Opcode::iterate};
  i.integer_value = apart ? 1 : 0;
  i.regions.push_back(nested([&] { i.condition = live(); }));
  i.regions.push_back(nested(step));
  append(std::move(i));
}

void Builder::unwind(BufferId tape, Value first, const std::function<void(Value entry)>& body) {
  Instruction i{.opcode = Opcode::unwind};
  i.buffer = tape;
  i.operands = {first};
  i.result = fresh({Kind::index, false});
  i.regions.push_back(nested([&] { body(i.result); }));
  append(std::move(i));
}

void Builder::call(FunctionId callee, std::vector<CallArgument> arguments) {
  Instruction i{.opcode = Opcode::call};
  i.callee = callee;
  i.arguments = std::move(arguments);
  append(std::move(i));
}

// ---- reports

void Builder::fail(int solve, Value mask, Value code, Value t, Value h, Value state, Value steps) {
  Instruction i{.opcode = Opcode::fail};
  i.operands = {splat(mask), splat(code), splat(t), splat(h), splat(state), splat(steps)};
  i.integer_value = solve;
  append(std::move(i));
}

void Builder::statistics(int solve, Value evaluations, Value accepted, Value rejected) {
  Instruction i{.opcode = Opcode::statistics};
  i.operands = {splat(evaluations), splat(accepted), splat(rejected)};
  i.integer_value = solve;
  append(std::move(i));
}

}  // namespace nodec::schedule
