// Runs tile programs instruction by instruction (see interpret.hpp).
#include "compiler/schedule/interpret.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <type_traits>

namespace nodec::schedule {
namespace {

using runtime::Call;
using runtime::Tile;

struct Fault {
  std::string message;
};

std::map<std::string, int64_t> length_values(const Program& program, const Call& call) {
  std::map<std::string, int64_t> values;
  for (size_t i = 0; i < program.interface.lengths.size(); ++i)
    values[program.interface.lengths[i]] = call.lengths[i];
  return values;
}

int64_t floor_quotient(int64_t a, int64_t b) {
  if (b == 0) return 0;
  if (b == -1) return static_cast<int64_t>(0 - static_cast<uint64_t>(a));
  const int64_t quotient = a / b;
  return (a % b != 0 && (a < 0) != (b < 0)) ? quotient - 1 : quotient;
}

int64_t floor_remainder(int64_t a, int64_t b) {
  if (b == 0 || b == -1) return 0;
  const int64_t remainder = a % b;
  return (remainder != 0 && (remainder < 0) != (b < 0)) ? remainder + b : remainder;
}

template <class Real>
class Machine {
  static constexpr bool wide = std::is_same_v<Real, double>;
  using Int = std::conditional_t<wide, int64_t, int32_t>;
  using Unsigned = std::make_unsigned_t<Int>;

  // A scalar of any kind. Integers are kept sign-extended, conditions as 0 or 1.
  union Word {
    int64_t integer;
    Real real;
  };
  enum class Addressing : uint8_t { plain, lanes, sample, row };
  struct Place {
    std::byte* base = nullptr;
    uint8_t* tainted = nullptr;  // one byte an element, where it is known
    int64_t rows = 0;
    int64_t stride = 0;
    Addressing addressing = Addressing::plain;
    bool reduces = false;  // a lanes value is summed over lanes before it is added
    bool outside = false;  // memory that outlives the call: taint may not get there
    bool outputs = false;  // idle lanes do not store
    Kind kind = Kind::real;
  };
  struct Frame {
    std::vector<std::byte> bytes;
    std::vector<uint8_t> tainted;
  };
  struct Activation {
    std::vector<Word> values;
    std::vector<uint64_t> taints;  // a bit a lane
    std::vector<Place> arguments;
    std::map<BufferId, Place> places;
    std::map<BufferId, Frame> frames;
  };

 public:
  Machine(const Program& program, const Call& call, Tile* tile)
      : program_(program),
        call_(call),
        tile_(tile),
        lanes_(program.lanes),
        lengths_(length_values(program, call)) {
    activations_.resize(program.functions.size());
    int64_t uniforms = 0, accumulators = 0;
    offsets_.resize(program.buffers.size());
    for (size_t i = 0; i < program.buffers.size(); ++i) {
      const Buffer& buffer = program.buffers[i];
      const int64_t size = buffer.size.evaluate(lengths_);
      if (buffer.storage == Storage::uniform) offsets_[i] = uniforms, uniforms += size;
      if (buffer.storage == Storage::accumulator)
        offsets_[i] = accumulators, accumulators += buffer.unreduced ? size * lanes_ : size;
    }
    sizes_ = {uniforms, accumulators, 0};
  }

  runtime::Sizes sizes() const { return sizes_; }

  void run(FunctionId function, std::vector<Place> arguments = {}) {
    const FunctionId caller = current_;
    current_ = function;
    const Function& f = program_.functions[function];
    Activation& a = activations_[function];
    a.values.assign(f.types.size() * lanes_, Word{0});
    a.taints.assign(f.types.size(), ~uint64_t{0});
    a.places.clear();
    a.arguments = std::move(arguments);
    run_region(f.body);
    current_ = caller;
  }

  std::string where() const {
    std::string text = current_ == none ? "" : program_.functions[current_].name;
    if (instruction_) {
      text += ": opcode " + std::to_string(static_cast<int>(instruction_->opcode));
      if (instruction_->result != none) text += " (%" + std::to_string(instruction_->result) + ")";
      if (instruction_->buffer != none) text += " on " + program_.buffers[instruction_->buffer].name;
    }
    return text;
  }

 private:
  // ---- values
  Activation& frame() { return activations_[current_]; }
  ValueType type(Value v) const { return program_.functions[current_].types[v]; }
  int width(Value v) const { return type(v).lanes ? lanes_ : 1; }
  Word get(Value v, int l) {
    return frame().values[static_cast<size_t>(v) * lanes_ + (type(v).lanes ? l : 0)];
  }
  bool tainted(Value v, int l) { return frame().taints[v] >> (type(v).lanes ? l : 0) & 1; }
  void set(Value v, int l, Word word, bool taint) {
    frame().values[static_cast<size_t>(v) * lanes_ + l] = word;
    uint64_t& taints = frame().taints[v];
    taints = (taints & ~(uint64_t{1} << l)) | uint64_t{taint} << l;
  }
  // A value that may not depend on memory never written.
  Word need(Value v, int l) {
    if (tainted(v, l)) throw Fault{"uses memory that was never written (%" + std::to_string(v) + ")"};
    return get(v, l);
  }
  int64_t need_index(Value v) { return need(v, 0).integer; }
  static Word word(Real x) {
    Word w{0};
    w.real = x;
    return w;
  }
  static Word word(bool x) { return Word{x ? 1 : 0}; }
  static Word word(int64_t x) { return Word{x}; }
  // Arithmetic of integers wraps at the width of the reals; of an index at 64 bits.
  int64_t wrap(Value result, uint64_t x) const {
    return type(result).kind == Kind::index ? static_cast<int64_t>(x)
                                            : static_cast<int64_t>(static_cast<Int>(x));
  }

  template <class F>
  void lanewise(const Instruction& i, F f) {
    for (int l = 0; l < width(i.result); ++l) {
      bool taint = false;
      for (Value operand : i.operands) taint |= tainted(operand, l);
      set(i.result, l, f(l), taint);
    }
  }
  template <class F>
  void reals(const Instruction& i, F f) {
    if constexpr (std::is_invocable_v<F, Real, Real, Real>)
      lanewise(i, [&](int l) {
        return word(f(get(i.operands[0], l).real, get(i.operands[1], l).real, get(i.operands[2], l).real));
      });
    else if constexpr (std::is_invocable_v<F, Real, Real>)
      lanewise(i, [&](int l) { return word(f(get(i.operands[0], l).real, get(i.operands[1], l).real)); });
    else
      lanewise(i, [&](int l) { return word(f(get(i.operands[0], l).real)); });
  }
  template <class F>
  void integers(const Instruction& i, F f) {
    lanewise(i, [&](int l) {
      return word(wrap(
          i.result, static_cast<uint64_t>(f(get(i.operands[0], l).integer, get(i.operands[1], l).integer))));
    });
  }
  template <class F>
  void shift(const Instruction& i, F f) {
    lanewise(i, [&](int l) {
      return word(wrap(i.result, static_cast<uint64_t>(f(get(i.operands[0], l).integer))));
    });
  }
  // A condition whose other operand decides is defined even if this one is not.
  void logic(const Instruction& i, int64_t deciding) {
    for (int l = 0; l < width(i.result); ++l) {
      const Value a = i.operands[0], b = i.operands[1];
      const bool decided = (!tainted(a, l) && get(a, l).integer == deciding) ||
                           (!tainted(b, l) && get(b, l).integer == deciding);
      const int64_t x = get(a, l).integer, y = get(b, l).integer;
      set(i.result, l, word(decided ? deciding : (deciding ? x | y : x & y)),
          !decided && (tainted(a, l) || tainted(b, l)));
    }
  }
  // x[i] + x[i + n/2] for n = L, L/2 … 2.
  Real sum_lanes(std::vector<Real> x) const {
    for (int n = lanes_; n > 1; n = (n + 1) / 2)
      for (int l = 0; l < n / 2; ++l) x[l] += x[l + (n + 1) / 2];
    return x[0];
  }
  int live() const { return tile_ ? tile_->live : lanes_; }

  // ---- memory
  int64_t bytes(Kind kind) const { return kind == Kind::index ? 8 : sizeof(Real); }

  Place resolve(BufferId id) {
    const Buffer& buffer = program_.buffers[id];
    if (buffer.storage == Storage::argument) {
      if (buffer.slot >= static_cast<int>(frame().arguments.size())) throw Fault{"argument was not passed"};
      return frame().arguments[buffer.slot];
    }
    if (buffer.storage == Storage::tape) return tape(buffer);
    if (auto found = frame().places.find(id); found != frame().places.end()) return found->second;
    Place p;
    p.kind = buffer.kind;
    p.rows = buffer.size.evaluate(lengths_);
    p.addressing = buffer.lanes ? Addressing::lanes : Addressing::plain;
    p.outside = true;
    auto reals_at = [](const void* base, int64_t offset) {
      return reinterpret_cast<std::byte*>(const_cast<Real*>(static_cast<const Real*>(base) + offset));
    };
    switch (buffer.storage) {
      case Storage::frame: {
        Frame& memory = frame().frames[id];
        const int64_t elements = p.rows * (buffer.lanes ? lanes_ : 1);
        memory.bytes.resize(elements * bytes(buffer.kind));
        memory.tainted.assign(elements, 1);
        p.base = memory.bytes.data();
        p.tainted = memory.tainted.data();
        p.outside = false;
        break;
      }
      case Storage::uniform:
        p.base = reals_at(call_.uniforms, offsets_[id]);
        break;
      case Storage::accumulator:
        p.base = reals_at(tile_ ? tile_->accumulators : call_.accumulators, offsets_[id]);
        p.reduces = !buffer.unreduced;
        p.addressing = buffer.unreduced ? Addressing::lanes : Addressing::plain;
        break;
      case Storage::parameter:
        p.base = reals_at(call_.parameters, buffer.offset);
        break;
      case Storage::total:
        p.base = reals_at(call_.totals, buffer.offset);
        break;
      case Storage::setting:
        p.base = reals_at(call_.settings, buffer.offset);
        break;
      case Storage::data:
        p.base = reals_at(call_.data[buffer.slot], 0);
        if (buffer.lanes) p.addressing = Addressing::sample, p.stride = call_.data_strides[buffer.slot];
        break;
      case Storage::noise:
        p.base = reals_at(call_.noise[buffer.slot], 0);
        p.addressing = Addressing::row, p.stride = p.rows;
        break;
      case Storage::output:
        p.base = reals_at(call_.outputs[buffer.slot], 0);
        p.addressing = Addressing::row, p.stride = p.rows, p.outputs = true;
        break;
      case Storage::table: {
        Frame& memory = frame().frames[id];
        p.rows = static_cast<int64_t>(buffer.values.size());
        memory.bytes.resize(p.rows * bytes(buffer.kind));
        p.base = memory.bytes.data();
        for (int64_t e = 0; e < p.rows; ++e)
          write(p, e,
                buffer.kind == Kind::real ? word(static_cast<Real>(buffer.values[e]))
                                          : word(static_cast<int64_t>(buffer.values[e])));
        break;
      }
      default:
        throw Fault{"buffer of unknown storage"};
    }
    frame().places[id] = p;
    return p;
  }

  Place tape(const Buffer& buffer) {
    if (!tile_) throw Fault{"no tape outside a tile"};
    runtime::Tape& log = tile_->tapes[buffer.slot];
    Place p;
    p.kind = buffer.kind;
    p.addressing = Addressing::lanes;
    p.base = static_cast<std::byte*>(log.base);
    p.rows = log.bytes / bytes(buffer.kind) / lanes_;
    if (std::vector<uint8_t>& taints = tape_taints_[buffer.slot]; tape_known_[buffer.slot]) {
      taints.resize(p.rows * lanes_, 1);
      p.tainted = taints.data();
    }
    return p;
  }

  int64_t element(const Place& p, int64_t row, int l) {
    if (row < 0 || row >= p.rows)
      throw Fault{"index " + std::to_string(row) + " is outside 0.." + std::to_string(p.rows)};
    switch (p.addressing) {
      case Addressing::plain:
        return row;
      case Addressing::lanes:
        return row * lanes_ + l;
      case Addressing::sample:
        return tile_->samples[l] * p.stride + row;
      case Addressing::row:
        return tile_->rows[l] * p.stride + row;
    }
    return 0;
  }
  Word read(const Place& p, int64_t at) {
    Word result{0};
    const std::byte* address = p.base + at * bytes(p.kind);
    if (p.kind == Kind::real) {
      std::memcpy(&result.real, address, sizeof(Real));
    } else if (p.kind == Kind::index) {
      std::memcpy(&result.integer, address, 8);
    } else {
      Int x;
      std::memcpy(&x, address, sizeof(Int));
      result.integer = x;
    }
    return result;
  }
  void write(const Place& p, int64_t at, Word w) {
    std::byte* address = p.base + at * bytes(p.kind);
    if (p.kind == Kind::real) {
      std::memcpy(address, &w.real, sizeof(Real));
    } else if (p.kind == Kind::index) {
      std::memcpy(address, &w.integer, 8);
    } else {
      const Int x = static_cast<Int>(w.integer);
      std::memcpy(address, &x, sizeof(Int));
    }
  }
  bool tainted_at(const Place& p, int64_t at) const { return p.tainted && p.tainted[at]; }
  void put(const Place& p, int64_t row, int l, Word w, bool taint) {
    if (p.outputs && l >= live()) return;
    const int64_t at = element(p, row, l);
    if (taint && p.outside) throw Fault{"stores what depends on memory that was never written"};
    write(p, at, w);
    if (p.tainted) p.tainted[at] = taint;
  }
  Real need_real(const Place& p, int64_t row, int l) {
    const int64_t at = element(p, row, l);
    if (tainted_at(p, at)) throw Fault{"reads memory that was never written"};
    return read(p, at).real;
  }
  int copies(const Place& p) const { return p.addressing == Addressing::plain ? 1 : lanes_; }

  void load(const Instruction& i) {
    const Place p = resolve(i.buffer);
    const bool summed = program_.buffers[i.buffer].unreduced && !type(i.result).lanes;
    if (summed) {  // the epilogue reads the sum over the lanes
      std::vector<Real> x(lanes_);
      for (int l = 0; l < lanes_; ++l) x[l] = read(p, element(p, need_index(i.operands[0]), l)).real;
      set(i.result, 0, word(sum_lanes(x)), false);
      return;
    }
    for (int l = 0; l < width(i.result); ++l) {
      const int64_t at = element(p, need(i.operands[0], l).integer, l);
      set(i.result, l, read(p, at), tainted_at(p, at));
    }
  }
  void store(const Instruction& i, bool masked) {
    const Place p = resolve(i.buffer);
    const Value index = i.operands[0], value = i.operands[1];
    const int n = std::max({copies(p), width(index), masked ? width(i.operands[2]) : 1});
    if (!masked && copies(p) == 1 && n > 1) throw Fault{"lanes store into one element"};
    for (int l = 0; l < n; ++l)
      if (!masked || need(i.operands[2], l).integer)
        put(p, need(index, l).integer, l, get(value, l), tainted(value, l));
  }
  void add_lanes(const Place& p, int64_t row, const std::vector<Real>& x) {
    check_idle(x);
    const int64_t at = element(p, row, 0);
    write(p, at, word(static_cast<Real>(read(p, at).real + sum_lanes(x))));
  }
  // Idle lanes repeat a live sample and must not count again.
  void check_idle(const std::vector<Real>& x) {
    for (int l = live(); l < lanes_; ++l)
      if (!(x[l] == 0)) throw Fault{"an idle lane contributes to a sum over samples"};
  }
  void accumulate(const Instruction& i) {
    const Place p = resolve(i.buffer);
    const Value index = i.operands[0], value = i.operands[1];
    const bool spread = type(index).lanes;
    if (p.addressing == Addressing::plain && type(value).lanes && !spread) {
      std::vector<Real> x(lanes_);
      for (int l = 0; l < lanes_; ++l) x[l] = need(value, l).real;
      add_lanes(p, need_index(index), x);
      return;
    }
    const int n = p.addressing == Addressing::plain ? std::max(width(index), width(value)) : lanes_;
    for (int l = 0; l < n; ++l) {
      if (p.addressing == Addressing::plain && l >= live()) continue;
      const int64_t at = element(p, need(index, l).integer, l);
      const bool taint = tainted(value, l) || tainted_at(p, at);
      if (taint && p.outside) throw Fault{"accumulates what depends on memory that was never written"};
      write(p, at, word(static_cast<Real>(read(p, at).real + get(value, l).real)));
      if (p.tainted) p.tainted[at] = taint;
    }
  }
  void pack(const Instruction& i) {
    const Place to = resolve(i.buffer), from = resolve(i.source);
    const int64_t first = need_index(i.operands[0]);
    for (int64_t block = 0; block < (i.rows + 3) / 4; ++block)
      for (int64_t k = 0; k < i.columns; ++k)
        for (int64_t r = 0; r < 4; ++r) {
          const int64_t row = block * 4 + r;
          const Real x =
              row >= i.rows
                  ? Real{0}
                  : need_real(from, first + (i.transposed ? k * i.rows + row : row * i.columns + k), 0);
          put(to, (block * i.columns + k) * 4 + r, 0, word(x), false);
        }
  }
  void contract(const Instruction& i) {
    const Place to = resolve(i.buffer), w = resolve(i.source), x = resolve(i.third);
    const int64_t to_first = need_index(i.operands[0]), x_first = need_index(i.operands[1]);
    const bool biased = i.fourth != none;
    const Place bias = biased ? resolve(i.fourth) : Place{};
    const int64_t bias_first = biased ? need_index(i.operands[2]) : 0;
    const int n = std::max(copies(to), copies(x));
    std::vector<Real> result(static_cast<size_t>(i.rows) * n);
    std::vector<uint8_t> taints(result.size());
    for (int64_t r = 0; r < i.rows; ++r)
      for (int l = 0; l < n; ++l) {
        Real sum = biased ? need_real(bias, bias_first + r, l) : Real{0};
        bool taint = false;
        for (int64_t k = 0; k < i.columns; ++k) {
          const int64_t at = element(x, x_first + k, l);
          taint |= tainted_at(x, at);
          sum = std::fma(need_real(w, (r / 4 * i.columns + k) * 4 + r % 4, 0), read(x, at).real, sum);
        }
        result[r * n + l] = sum, taints[r * n + l] = taint;
      }
    for (int64_t r = 0; r < i.rows; ++r)
      for (int l = 0; l < n; ++l) put(to, to_first + r, l, word(result[r * n + l]), taints[r * n + l]);
  }
  void outer(const Instruction& i) {
    const Place to = resolve(i.buffer), a = resolve(i.source), b = resolve(i.third);
    const int64_t first = need_index(i.operands[0]), a_first = need_index(i.operands[1]),
                  b_first = need_index(i.operands[2]);
    std::vector<Real> x(lanes_);
    for (int64_t r = 0; r < i.rows; ++r)
      for (int64_t k = 0; k < i.columns; ++k) {
        const int64_t row = first + r * i.columns + k;
        if (to.addressing == Addressing::plain) {
          for (int l = 0; l < lanes_; ++l) x[l] = need_real(a, a_first + r, l) * need_real(b, b_first + k, l);
          check_idle(x);
          const int64_t at = element(to, row, 0);
          Real sum = read(to, at).real;
          for (int l = 0; l < live(); ++l)
            sum = std::fma(need_real(a, a_first + r, l), need_real(b, b_first + k, l), sum);
          write(to, at, word(sum));
        } else {
          for (int l = 0; l < lanes_; ++l) {
            const Real product_a = need_real(a, a_first + r, l), product_b = need_real(b, b_first + k, l);
            write(to, element(to, row, l), word(std::fma(product_a, product_b, need_real(to, row, l))));
          }
        }
      }
  }
  void copy(const Instruction& i) {
    const Place to = resolve(i.buffer), from = resolve(i.source);
    const int64_t to_first = need_index(i.operands[0]), from_first = need_index(i.operands[1]),
                  count = need_index(i.operands[2]);
    const int n = std::max(copies(to), copies(from));
    for (int64_t e = 0; e < count; ++e)
      for (int l = 0; l < n; ++l) {
        const int64_t at = element(from, from_first + e, l);
        put(to, to_first + e, l, read(from, at), tainted_at(from, at));
      }
  }
  void reserve(const Instruction& i) {
    const Buffer& buffer = program_.buffers[i.buffer];
    if (!tile_) throw Fault{"no tape outside a tile"};
    runtime::Tape& log = tile_->tapes[buffer.slot];
    const int64_t entry = buffer.size.evaluate(lengths_) * lanes_ * bytes(buffer.kind);
    const int64_t wanted = (log.count + need_index(i.operands[0])) * entry;
    if (wanted > log.bytes) {
      log.base = tile_->grow(tile_, &log, wanted);
      if (tile_->out_of_memory) throw Fault{"no memory for a tape"};
    }
    tape_known_[buffer.slot] = true;
  }

  void call(const Instruction& i) {
    std::vector<Place> arguments;
    for (const CallArgument& argument : i.arguments) {
      Place p = resolve(argument.buffer);
      const int64_t offset = need_index(argument.offset);
      if (offset < 0 || offset > p.rows) throw Fault{"argument begins outside its buffer"};
      const int64_t elements = p.addressing == Addressing::lanes ? offset * lanes_ : offset;
      p.base += elements * bytes(p.kind);
      if (p.tainted) p.tainted += elements;
      p.rows -= offset;
      arguments.push_back(p);
    }
    run(i.callee, std::move(arguments));
  }

  // ---- reports
  void fail(const Instruction& i) {
    for (int l = 0; l < live(); ++l) {
      if (!need(i.operands[0], l).integer) continue;
      runtime::Status& status = tile_->status[tile_->rows[l]];
      if (status.code != 0) continue;
      status = {static_cast<int32_t>(need(i.operands[1], l).integer),
                static_cast<int32_t>(i.integer_value),
                static_cast<int32_t>(need(i.operands[4], l).integer),
                static_cast<int32_t>(need(i.operands[5], l).integer),
                static_cast<double>(need(i.operands[2], l).real),
                static_cast<double>(need(i.operands[3], l).real)};
    }
  }
  void statistics(const Instruction& i) {
    const int64_t solves = std::max<int64_t>(1, static_cast<int64_t>(program_.interface.solves.size()));
    for (int l = 0; l < live(); ++l) {
      runtime::Statistics& s = tile_->statistics[tile_->rows[l] * solves + i.integer_value];
      s.evaluations += need(i.operands[0], l).integer;
      s.accepted += need(i.operands[1], l).integer;
      s.rejected += need(i.operands[2], l).integer;
    }
  }

  // ---- control
  void run_region(const Region& region) {
    for (const Instruction& instruction : region) {
      instruction_ = &instruction;
      step(instruction);
    }
  }
  bool holds(Value condition) {
    for (int l = 0; l < width(condition); ++l)
      if (need(condition, l).integer) return true;
    return false;
  }
  void repeat(const Instruction& i) {
    for (run_region(i.regions[0]); holds(i.condition); run_region(i.regions[0])) run_region(i.regions[1]);
  }

  void step(const Instruction& i);

  const Program& program_;
  const Call& call_;
  Tile* tile_;
  const int lanes_;
  std::map<std::string, int64_t> lengths_;
  std::vector<int64_t> offsets_;
  runtime::Sizes sizes_{};
  std::vector<Activation> activations_;
  std::map<int, std::vector<uint8_t>> tape_taints_;
  std::map<int, bool> tape_known_;  // written by this call, so that what it did not write is known
  FunctionId current_ = none;
  const Instruction* instruction_ = nullptr;
};

template <class Real>
void Machine<Real>::step(const Instruction& i) {
  const std::vector<Value>& x = i.operands;
  switch (i.opcode) {
    case Opcode::constant_real:
      lanewise(i, [&](int) { return word(static_cast<Real>(i.real_value)); });
      break;
    case Opcode::constant_integer:
    case Opcode::constant_index:
      lanewise(i, [&](int) { return word(wrap(i.result, i.integer_value)); });
      break;
    case Opcode::constant_boolean:
      lanewise(i, [&](int) { return word(i.integer_value != 0); });
      break;
    case Opcode::add:
      reals(i, [](Real a, Real b) { return Real(a + b); });
      break;
    case Opcode::sub:
      reals(i, [](Real a, Real b) { return Real(a - b); });
      break;
    case Opcode::mul:
      reals(i, [](Real a, Real b) { return Real(a * b); });
      break;
    case Opcode::div:
      reals(i, [](Real a, Real b) { return Real(a / b); });
      break;
    case Opcode::fma:
      reals(i, [](Real a, Real b, Real c) { return Real(std::fma(a, b, c)); });
      break;
    case Opcode::neg:
      reals(i, [](Real a) { return Real(-a); });
      break;
    case Opcode::abs:
      reals(i, [](Real a) { return Real(std::fabs(a)); });
      break;
    case Opcode::sqrt:
      reals(i, [](Real a) { return Real(std::sqrt(a)); });
      break;
    case Opcode::floor:
      reals(i, [](Real a) { return Real(std::floor(a)); });
      break;
    case Opcode::round:
      reals(i, [](Real a) { return Real(std::nearbyint(a)); });
      break;
    case Opcode::less:
      reals(i, [](Real a, Real b) { return a < b; });
      break;
    case Opcode::less_equal:
      reals(i, [](Real a, Real b) { return a <= b; });
      break;
    case Opcode::equal:
      reals(i, [](Real a, Real b) { return a == b; });
      break;
    case Opcode::not_equal:
      reals(i, [](Real a, Real b) { return !(a == b); });
      break;
    case Opcode::logical_and:
      logic(i, 0);
      break;
    case Opcode::logical_or:
      logic(i, 1);
      break;
    case Opcode::logical_not:
      lanewise(i, [&](int l) { return word(get(x[0], l).integer == 0); });
      break;
    case Opcode::select:
      for (int l = 0; l < width(i.result); ++l) {
        const Value chosen = get(x[0], l).integer ? x[1] : x[2];
        set(i.result, l, get(chosen, l), tainted(x[0], l) || tainted(chosen, l));
      }
      break;
    case Opcode::integer_add:
      integers(i, [](int64_t a, int64_t b) { return uint64_t(a) + uint64_t(b); });
      break;
    case Opcode::integer_sub:
      integers(i, [](int64_t a, int64_t b) { return uint64_t(a) - uint64_t(b); });
      break;
    case Opcode::integer_mul:
      integers(i, [](int64_t a, int64_t b) { return uint64_t(a) * uint64_t(b); });
      break;
    case Opcode::integer_divide:
      integers(i, floor_quotient);
      break;
    case Opcode::integer_modulo:
      integers(i, floor_remainder);
      break;
    case Opcode::integer_less:
      lanewise(i, [&](int l) { return word(get(x[0], l).integer < get(x[1], l).integer); });
      break;
    case Opcode::integer_equal:
      lanewise(i, [&](int l) { return word(get(x[0], l).integer == get(x[1], l).integer); });
      break;
    case Opcode::bit_and:
      integers(i, [](int64_t a, int64_t b) { return a & b; });
      break;
    case Opcode::bit_or:
      integers(i, [](int64_t a, int64_t b) { return a | b; });
      break;
    case Opcode::bit_xor:
      integers(i, [](int64_t a, int64_t b) { return a ^ b; });
      break;
    case Opcode::shift_left:
      shift(i, [&](int64_t a) { return uint64_t(a) << i.integer_value; });
      break;
    case Opcode::shift_right:
      shift(i, [&](int64_t a) { return a >> i.integer_value; });
      break;
    case Opcode::shift_right_logical:
      shift(i, [&](int64_t a) { return static_cast<Unsigned>(a) >> i.integer_value; });
      break;
    case Opcode::bits:
      lanewise(i, [&](int l) { return word(static_cast<int64_t>(std::bit_cast<Int>(get(x[0], l).real))); });
      break;
    case Opcode::real_of_bits:
      lanewise(i, [&](int l) { return word(std::bit_cast<Real>(static_cast<Int>(get(x[0], l).integer))); });
      break;
    case Opcode::to_integer:
      lanewise(i, [&](int l) {
        const Real value = get(x[0], l).real;
        const Real limit = -static_cast<Real>(std::numeric_limits<Int>::min());  // 2^31 or 2^63: exact
        if (value != value) return word(int64_t{0});
        if (value >= limit) return word(static_cast<int64_t>(std::numeric_limits<Int>::max()));
        if (value < -limit) return word(static_cast<int64_t>(std::numeric_limits<Int>::min()));
        return word(static_cast<int64_t>(value));
      });
      break;
    case Opcode::to_real:
      lanewise(i, [&](int l) { return word(static_cast<Real>(get(x[0], l).integer)); });
      break;
    case Opcode::index_of:
    case Opcode::integer_of:
      lanewise(i, [&](int l) { return word(wrap(i.result, get(x[0], l).integer)); });
      break;
    case Opcode::splat:
      lanewise(i, [&](int) { return get(x[0], 0); });
      break;
    case Opcode::lane:
      lanewise(i, [&](int l) { return word(static_cast<int64_t>(l)); });
      break;
    case Opcode::live:
      lanewise(i, [&](int l) { return word(l < live()); });
      break;
    case Opcode::any:
      set(i.result, 0, word(holds(x[0])), false);
      break;
    case Opcode::largest: {
      int64_t largest = need(x[0], 0).integer;
      for (int l = 1; l < width(x[0]); ++l) largest = std::max(largest, need(x[0], l).integer);
      set(i.result, 0, word(largest), false);
      break;
    }
    case Opcode::lane_sum: {
      std::vector<Real> terms(lanes_);
      for (int l = 0; l < lanes_; ++l) terms[l] = need(x[0], l).real;
      set(i.result, 0, word(sum_lanes(terms)), false);
      break;
    }
    case Opcode::length: {
      const auto found = lengths_.find(i.name);
      if (found == lengths_.end()) throw Fault{"length " + i.name + " is not in the interface"};
      set(i.result, 0, word(found->second), false);
      break;
    }
    case Opcode::sample_length: {
      const std::vector<std::string>& names = program_.interface.lengths;
      const int64_t slot = std::find(names.begin(), names.end(), i.name) - names.begin();
      if (slot == static_cast<int64_t>(names.size()))
        throw Fault{"length " + i.name + " is not in the interface"};
      lanewise(i, [&](int l) {
        const bool own = call_.sample_lengths && tile_;
        return word(
            own ? int64_t{call_.sample_lengths[tile_->rows[l] * static_cast<int64_t>(names.size()) + slot]}
                : call_.lengths[slot]);
      });
      break;
    }
    case Opcode::load:
      load(i);
      break;
    case Opcode::store:
      store(i, false);
      break;
    case Opcode::store_masked:
      store(i, true);
      break;
    case Opcode::accumulate:
      accumulate(i);
      break;
    case Opcode::fill: {
      const Place p = resolve(i.buffer);
      const int64_t first = need_index(x[0]), count = need_index(x[1]);
      for (int64_t e = 0; e < count; ++e)
        for (int l = 0; l < copies(p); ++l) put(p, first + e, l, get(x[2], 0), tainted(x[2], 0));
      break;
    }
    case Opcode::copy:
      copy(i);
      break;
    case Opcode::reserve:
      reserve(i);
      break;
    case Opcode::tape_count:
      if (!tile_) throw Fault{"no tape outside a tile"};
      set(i.result, 0, word(tile_->tapes[program_.buffers[i.buffer].slot].count), false);
      break;
    case Opcode::set_tape_count:
      if (!tile_) throw Fault{"no tape outside a tile"};
      tile_->tapes[program_.buffers[i.buffer].slot].count = need_index(x[0]);
      break;
    case Opcode::pack:
      pack(i);
      break;
    case Opcode::contract:
      contract(i);
      break;
    case Opcode::outer:
      outer(i);
      break;
    case Opcode::for_loop: {
      const int64_t first = need_index(x[0]), end = need_index(x[1]);
      for (int64_t k = first; k < end; ++k) {
        set(i.result, 0, word(k), false);
        run_region(i.regions[0]);
      }
      break;
    }
    case Opcode::while_loop:
    case Opcode::iterate:
      repeat(i);
      break;
    case Opcode::if_then:
      if (need(x[0], 0).integer)
        run_region(i.regions[0]);
      else if (i.regions.size() > 1)
        run_region(i.regions[1]);
      break;
    case Opcode::call:
      call(i);
      break;
    case Opcode::fail:
      fail(i);
      break;
    case Opcode::statistics:
      statistics(i);
      break;
  }
}

template <class Real>
std::string interpret_as(const Program& program, FunctionId function, const Call& call, Tile* tile) {
  Machine<Real> machine(program, call, tile);
  try {
    machine.run(function);
  } catch (const Fault& fault) {
    return machine.where() + ": " + fault.message;
  }
  return "";
}

}  // namespace

runtime::Sizes interpreted_sizes(const Program& program, const Call& call) {
  return Machine<double>(program, call, nullptr).sizes();
}

std::string interpret(const Program& program, FunctionId function, const Call& call, Tile* tile) {
  return program.double_precision ? interpret_as<double>(program, function, call, tile)
                                  : interpret_as<float>(program, function, call, tile);
}

}  // namespace nodec::schedule
