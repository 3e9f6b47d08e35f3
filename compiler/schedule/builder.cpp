// Arithmetic of the tile program: types of results, folding of addresses, sharing of equal instructions.
#include "compiler/schedule/builder.hpp"

#include <algorithm>
#include <bit>
#include <tuple>

namespace nodec::schedule {

bool Builder::Key::operator<(const Key& other) const {
  return std::tie(opcode, operands, real_bits, integer, name) <
         std::tie(other.opcode, other.operands, other.real_bits, other.integer, other.name);
}

Builder::Builder(Program& program, FunctionId function) : program_(program), function_(function) {
  scopes_.push_back({nullptr, {}});
}

ValueType Builder::type(Value v) const { return program_.functions[function_].types[v]; }

Region& Builder::region() { return scopes_.back().region ? *scopes_.back().region : code().body; }

Value Builder::fresh(ValueType type) {
  code().types.push_back(type);
  return static_cast<Value>(code().types.size()) - 1;
}

Instruction& Builder::append(Instruction instruction) {
  region().push_back(std::move(instruction));
  return region().back();
}

Value Builder::pure(Opcode opcode, ValueType type, std::vector<Value> operands, double real, int64_t integer,
                    const std::string& name) {
  const Key key{opcode, operands, std::bit_cast<uint64_t>(real), integer, name};
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
    if (const auto found = scope->known.find(key); found != scope->known.end()) return found->second;
  }
  Instruction instruction{.opcode = opcode};
  instruction.result = fresh(type);
  instruction.operands = std::move(operands);
  instruction.real_value = real;
  instruction.integer_value = integer;
  instruction.name = name;
  const Value result = instruction.result;
  append(std::move(instruction));
  scopes_.back().known.emplace(key, result);
  return result;
}

Value Builder::arithmetic(Opcode opcode, Kind result, std::vector<Value> operands) {
  bool lanes = false;
  for (const Value v : operands) lanes = lanes || type(v).lanes;
  return pure(opcode, {result, lanes}, std::move(operands));
}

bool Builder::constant_of(Value v, int64_t& x) const {
  const auto found = constants_.find(v);
  if (found == constants_.end()) return false;
  x = found->second;
  return true;
}

std::optional<int64_t> Builder::known(Value v) const {
  int64_t x = 0;
  if (constant_of(v, x)) return x;
  return std::nullopt;
}

// ---- reals

Value Builder::real(double x) { return pure(Opcode::constant_real, {Kind::real, false}, {}, x); }
Value Builder::add(Value a, Value b) { return arithmetic(Opcode::add, Kind::real, {a, b}); }
Value Builder::sub(Value a, Value b) { return arithmetic(Opcode::sub, Kind::real, {a, b}); }
Value Builder::mul(Value a, Value b) { return arithmetic(Opcode::mul, Kind::real, {a, b}); }
Value Builder::div(Value a, Value b) { return arithmetic(Opcode::div, Kind::real, {a, b}); }
Value Builder::fma(Value a, Value b, Value c) { return arithmetic(Opcode::fma, Kind::real, {a, b, c}); }
Value Builder::neg(Value a) { return arithmetic(Opcode::neg, Kind::real, {a}); }
Value Builder::abs(Value a) { return arithmetic(Opcode::abs, Kind::real, {a}); }
Value Builder::sqrt(Value a) { return arithmetic(Opcode::sqrt, Kind::real, {a}); }
Value Builder::floor(Value a) { return arithmetic(Opcode::floor, Kind::real, {a}); }
Value Builder::round(Value a) { return arithmetic(Opcode::round, Kind::real, {a}); }

Value Builder::min(Value a, Value b) {
  if (type(a).kind != Kind::real) return select(integer_less(b, a), b, a);
  return select(not_equal(b, b), b, select(less(b, a), b, a));
}
Value Builder::max(Value a, Value b) {
  if (type(a).kind != Kind::real) return select(integer_less(a, b), b, a);
  return select(not_equal(b, b), b, select(less(a, b), b, a));
}

// ---- conditions

Value Builder::less(Value a, Value b) { return arithmetic(Opcode::less, Kind::boolean, {a, b}); }
Value Builder::less_equal(Value a, Value b) { return arithmetic(Opcode::less_equal, Kind::boolean, {a, b}); }
Value Builder::equal(Value a, Value b) { return arithmetic(Opcode::equal, Kind::boolean, {a, b}); }
Value Builder::not_equal(Value a, Value b) { return arithmetic(Opcode::not_equal, Kind::boolean, {a, b}); }
Value Builder::logical_and(Value a, Value b) {
  if (const auto x = known(a)) return *x ? b : a;
  if (const auto y = known(b)) return *y ? a : b;
  return arithmetic(Opcode::logical_and, Kind::boolean, {a, b});
}
Value Builder::logical_or(Value a, Value b) {
  if (const auto x = known(a)) return *x ? a : b;
  if (const auto y = known(b)) return *y ? b : a;
  return arithmetic(Opcode::logical_or, Kind::boolean, {a, b});
}
Value Builder::logical_not(Value a) {
  if (const auto x = known(a)) return truth(!*x);
  return arithmetic(Opcode::logical_not, Kind::boolean, {a});
}
Value Builder::truth(bool b) {
  const Value v = pure(Opcode::constant_boolean, {Kind::boolean, false}, {}, 0, b ? 1 : 0);
  constants_[v] = b ? 1 : 0;
  return v;
}
Value Builder::select(Value condition, Value a, Value b) {
  if (a == b) return a;
  if (const auto x = known(condition)) return *x ? a : b;
  return arithmetic(Opcode::select, type(a).kind, {condition, a, b});
}

// ---- integers and indices

Value Builder::integer(int64_t x) {
  const Value v = pure(Opcode::constant_integer, {Kind::integer, false}, {}, 0, x);
  constants_[v] = x;
  return v;
}
Value Builder::index(int64_t x) {
  const Value v = pure(Opcode::constant_index, {Kind::index, false}, {}, 0, x);
  constants_[v] = x;
  return v;
}

namespace {
int64_t floor_quotient(int64_t a, int64_t b) {
  const int64_t q = a / b;
  return q - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}
}  // namespace

Value Builder::integer_add(Value a, Value b) {
  int64_t x = 0, y = 0;
  const bool left = constant_of(a, x), right = constant_of(b, y);
  if (left && right) return type(a).kind == Kind::index ? index(x + y) : integer(x + y);
  if (left && x == 0) return b;
  if (right && y == 0) return a;
  return arithmetic(Opcode::integer_add, type(a).kind, {a, b});
}
Value Builder::integer_sub(Value a, Value b) {
  int64_t x = 0, y = 0;
  const bool left = constant_of(a, x), right = constant_of(b, y);
  if (left && right) return type(a).kind == Kind::index ? index(x - y) : integer(x - y);
  if (right && y == 0) return a;
  return arithmetic(Opcode::integer_sub, type(a).kind, {a, b});
}
Value Builder::integer_mul(Value a, Value b) {
  int64_t x = 0, y = 0;
  const bool left = constant_of(a, x), right = constant_of(b, y);
  if (left && right) return type(a).kind == Kind::index ? index(x * y) : integer(x * y);
  if (left && x == 1) return b;
  if (right && y == 1) return a;
  return arithmetic(Opcode::integer_mul, type(a).kind, {a, b});
}
Value Builder::integer_divide(Value a, Value b) {
  int64_t x = 0, y = 0;
  const bool left = constant_of(a, x), right = constant_of(b, y);
  if (left && right && y != 0) {
    const int64_t q = floor_quotient(x, y);
    return type(a).kind == Kind::index ? index(q) : integer(q);
  }
  if (right && y == 1) return a;
  return arithmetic(Opcode::integer_divide, type(a).kind, {a, b});
}
Value Builder::integer_modulo(Value a, Value b) {
  int64_t x = 0, y = 0;
  const bool left = constant_of(a, x), right = constant_of(b, y);
  if (left && right && y != 0) {
    const int64_t r = x - y * floor_quotient(x, y);
    return type(a).kind == Kind::index ? index(r) : integer(r);
  }
  return arithmetic(Opcode::integer_modulo, type(a).kind, {a, b});
}
Value Builder::integer_less(Value a, Value b) {
  const auto x = known(a), y = known(b);
  if (x && y) return truth(*x < *y);
  return arithmetic(Opcode::integer_less, Kind::boolean, {a, b});
}
Value Builder::integer_equal(Value a, Value b) {
  const auto x = known(a), y = known(b);
  if (x && y) return truth(*x == *y);
  return arithmetic(Opcode::integer_equal, Kind::boolean, {a, b});
}
Value Builder::bit_and(Value a, Value b) { return arithmetic(Opcode::bit_and, Kind::integer, {a, b}); }
Value Builder::bit_or(Value a, Value b) { return arithmetic(Opcode::bit_or, Kind::integer, {a, b}); }
Value Builder::bit_xor(Value a, Value b) { return arithmetic(Opcode::bit_xor, Kind::integer, {a, b}); }
Value Builder::shift_left(Value a, int n) { return pure(Opcode::shift_left, type(a), {a}, 0, n); }
Value Builder::shift_right(Value a, int n) { return pure(Opcode::shift_right, type(a), {a}, 0, n); }
Value Builder::shift_right_logical(Value a, int n) {
  return pure(Opcode::shift_right_logical, type(a), {a}, 0, n);
}

// ---- between kinds and spreads

Value Builder::bits(Value real) { return arithmetic(Opcode::bits, Kind::integer, {real}); }
Value Builder::real_of_bits(Value integer) { return arithmetic(Opcode::real_of_bits, Kind::real, {integer}); }
Value Builder::to_integer(Value real) { return arithmetic(Opcode::to_integer, Kind::integer, {real}); }
Value Builder::to_real(Value integer) {
  int64_t x = 0;
  if (constant_of(integer, x)) return real(static_cast<double>(x));
  return arithmetic(Opcode::to_real, Kind::real, {integer});
}
Value Builder::index_of(Value integer) {
  int64_t x = 0;
  if (constant_of(integer, x)) return index(x);
  return pure(Opcode::index_of, {Kind::index, false}, {integer});
}
Value Builder::integer_of(Value of) {
  int64_t x = 0;
  if (constant_of(of, x)) return integer(x);
  return pure(Opcode::integer_of, {Kind::integer, false}, {of});
}
Value Builder::splat(Value uniform) {
  if (type(uniform).lanes) return uniform;
  return pure(Opcode::splat, {type(uniform).kind, true}, {uniform});
}

Value Builder::table(std::span<const double> values, Value at) {
  const std::vector<double> wanted(values.begin(), values.end());
  BufferId id = none;
  for (size_t i = 0; i < program_.buffers.size(); ++i) {
    const Buffer& b = program_.buffers[i];
    if (b.storage == Storage::table && b.kind == Kind::real && b.values == wanted)
      id = static_cast<BufferId>(i);
  }
  if (id == none) {
    id = buffer({.name = "table",
                 .storage = Storage::table,
                 .size = static_cast<int64_t>(wanted.size()),
                 .values = wanted});
  }
  if (type(at) == ValueType{Kind::integer, false}) at = index_of(at);
  // A table never changes: equal reads are one.
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
    const auto found = scope->known.find(Key{Opcode::load, {at}, 0, id, {}});
    if (found != scope->known.end()) return found->second;
  }
  const Value result = load(id, at);
  scopes_.back().known.emplace(Key{Opcode::load, {at}, 0, id, {}}, result);
  return result;
}

// ---- lanes and lengths

Value Builder::lane() { return pure(Opcode::lane, {Kind::integer, true}, {}); }
Value Builder::live() { return pure(Opcode::live, {Kind::boolean, true}, {}); }
Value Builder::any(Value mask) { return pure(Opcode::any, {Kind::boolean, false}, {mask}); }
Value Builder::largest(Value integer) { return pure(Opcode::largest, {Kind::integer, false}, {integer}); }
Value Builder::lane_sum(Value x) { return pure(Opcode::lane_sum, {Kind::real, false}, {x}); }

void Builder::note_lengths(const graph::Extent& e) {
  std::vector<std::string>& lengths = program_.interface.lengths;
  for (const std::string& atom : e.atoms()) {
    if (std::find(lengths.begin(), lengths.end(), atom) == lengths.end()) lengths.push_back(atom);
  }
}

Value Builder::extent(const graph::Extent& e) {
  if (e.is_constant()) return index(e.value());
  note_lengths(e);
  Value sum = index(0);
  for (const auto& [monomial, coefficient] : e.terms()) {
    Value product = index(coefficient);
    for (const std::string& atom : monomial) {
      product = integer_mul(product, pure(Opcode::length, {Kind::index, false}, {}, 0, 0, atom));
    }
    sum = integer_add(sum, product);
  }
  return sum;
}

Value Builder::lane_extent(const graph::Extent& e) {
  if (e.is_constant() || !program_.ragged) return splat(integer_of(extent(e)));
  note_lengths(e);
  Value sum = integer(0);
  for (const auto& [monomial, coefficient] : e.terms()) {
    Value product = integer(coefficient);
    for (const std::string& atom : monomial) {
      product = integer_mul(product, pure(Opcode::sample_length, {Kind::integer, true}, {}, 0, 0, atom));
    }
    sum = integer_add(sum, product);
  }
  return splat(sum);
}

}  // namespace nodec::schedule
