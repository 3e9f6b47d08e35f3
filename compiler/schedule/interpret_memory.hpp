// Values and memory of the tile program's interpreter: what a value holds in each lane, where a buffer lies,
// and which of it was written.
#pragma once

#include <cstring>
#include <map>
#include <string>
#include <type_traits>
#include <vector>

#include "compiler/schedule/program.hpp"
#include "runtime/abi.hpp"

namespace nodec::schedule::interpreter {

using runtime::Call;
using runtime::Tile;

struct Fault {
  std::string message;
};

inline std::map<std::string, int64_t> length_values(const Program& program, const Call& call) {
  std::map<std::string, int64_t> values;
  for (size_t i = 0; i < program.interface.lengths.size(); ++i)
    values[program.interface.lengths[i]] = call.lengths[i];
  return values;
}

template <class Real>
class Memory {
 protected:
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
  Memory(const Program& program, const Call& call, Tile* tile)
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

 protected:
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

  bool holds(Value condition) {
    for (int l = 0; l < width(condition); ++l)
      if (need(condition, l).integer) return true;
    return false;
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
};

}  // namespace nodec::schedule::interpreter
