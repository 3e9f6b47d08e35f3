// Runs tile programs instruction by instruction (see interpret.hpp): memory, matrices, control and reports.
#include "compiler/schedule/interpret.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "compiler/schedule/interpret_arithmetic.hpp"

namespace nodec::schedule {
namespace {

using interpreter::Fault;
using runtime::Call;
using runtime::Tile;

template <class Real>
class Machine : public interpreter::Arithmetic<Real> {
  using Base = interpreter::Arithmetic<Real>;
  using Base::activations_, Base::bytes, Base::compute, Base::copies, Base::current_, Base::element,
      Base::get, Base::holds, Base::lanes_, Base::lengths_, Base::live, Base::need, Base::need_index,
      Base::need_real, Base::program_, Base::put, Base::read, Base::resolve, Base::set, Base::sum_lanes,
      Base::tainted, Base::tainted_at, Base::tape_known_, Base::tile_, Base::type, Base::width, Base::word,
      Base::write;
  using typename Base::Activation;
  using typename Base::Addressing;
  using typename Base::Place;
  using typename Base::Word;

 public:
  using Base::Base;

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
  // ---- memory
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
  void lend(const Instruction& i) {
    const Place p = resolve(i.buffer);
    const int64_t first = need_index(i.operands[0]), count = need_index(i.operands[1]);
    int lender = 0;
    while (lender < lanes_ && !need(i.operands[2], lender).integer) ++lender;
    if (lender == lanes_) return;
    for (int64_t row = first; row < first + count; ++row) {
      const int64_t from = element(p, row, lender);
      for (int l = 0; l < lanes_; ++l)
        if (!need(i.operands[2], l).integer) put(p, row, l, read(p, from), tainted_at(p, from));
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
      if (tile_->stopped != runtime::Stopped::no) throw Fault{"no memory for a tape"};
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
  void repeat(const Instruction& i) {
    for (run_region(i.regions[0]); holds(i.condition); run_region(i.regions[0])) run_region(i.regions[1]);
  }

  void step(const Instruction& i);

  const Instruction* instruction_ = nullptr;
};

template <class Real>
void Machine<Real>::step(const Instruction& i) {
  if (compute(i)) return;
  const std::vector<Value>& x = i.operands;
  switch (i.opcode) {
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
    case Opcode::lend:
      lend(i);
      break;
    case Opcode::reserve:
      reserve(i);
      break;
    case Opcode::tape_room: {
      if (!tile_) throw Fault{"no tape outside a tile"};
      const Buffer& buffer = program_.buffers[i.buffer];
      const int64_t entry = buffer.size.evaluate(lengths_) * lanes_ * bytes(buffer.kind);
      set(i.result, 0, word(tile_->tapes[buffer.slot].worth / std::max<int64_t>(1, entry)), false);
      break;
    }
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
    case Opcode::unwind: {
      if (!tile_) throw Fault{"no tape outside a tile"};
      const int64_t first = need_index(x[0]);
      for (int64_t k = tile_->tapes[program_.buffers[i.buffer].slot].count; k-- > first;) {
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
    default:
      throw Fault{"unknown instruction"};
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
