// Program -> bytes: the same ones exactly for programs that machine code cannot tell apart.
#include <bit>
#include <type_traits>

#include "compiler/schedule/program.hpp"

namespace nodec::schedule {
namespace {

// Every part is written after its length or in a width of its own, so that no two programs share their bytes.
class Writer {
 public:
  std::string bytes;

  void all(const auto&... parts) { (write(parts), ...); }

 private:
  template <typename Number>
  requires std::is_integral_v<Number> || std::is_enum_v<Number>
  void write(Number number) {
    const auto wide = static_cast<uint64_t>(number);
    // Most numbers are small: seven bits a byte.
    uint64_t rest = wide << 1 ^ (0 - (wide >> 63));
    for (; rest >= 0x80; rest >>= 7) bytes += static_cast<char>(rest | 0x80);
    bytes += static_cast<char>(rest);
  }
  void write(double number) {
    const auto bits = std::bit_cast<uint64_t>(number);
    for (int shift = 0; shift < 64; shift += 8) bytes += static_cast<char>(bits >> shift);
  }
  void write(const std::string& text) {
    write(text.size());
    bytes += text;
  }
  template <typename Part>
  void write(const std::vector<Part>& parts) {
    write(parts.size());
    for (const Part& part : parts) write(part);
  }
  void write(const graph::Extent& extent) {
    write(extent.terms().size());
    for (const auto& [monomial, coefficient] : extent.terms()) all(monomial, coefficient);
  }
  void write(const ValueType& type) { all(type.kind, type.lanes); }
  void write(const Buffer& b) {
    all(b.name, b.kind, b.lanes, b.storage, b.size, b.slot, b.offset, b.values, b.unreduced, b.cache);
  }
  void write(const CallArgument& argument) { all(argument.buffer, argument.offset); }
  void write(const Instruction& i) {
    all(i.opcode, i.result, i.operands, i.real_value, i.integer_value, i.name, i.buffer, i.source, i.third,
        i.fourth, i.rows, i.columns, i.transposed, i.callee, i.arguments, i.regions, i.condition);
  }
  void write(const Function& f) { all(f.name, f.arguments, f.types, f.body); }
};

}  // namespace

std::string serialize(const Program& p) {
  Writer writer;
  writer.all(p.lanes, p.double_precision, p.ragged, p.buffers, p.functions, p.prologue, p.pool, p.epilogue,
             p.interface.lengths, p.interface.solves.size());
  return std::move(writer.bytes);
}

}  // namespace nodec::schedule
