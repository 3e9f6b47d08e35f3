// Tile program -> text: what `--emit=tile` prints.
#include <array>
#include <cstdio>
#include <string>

#include "compiler/schedule/program.hpp"

namespace nodec::schedule {

namespace {

constexpr std::array opcode_names{"real",
                                  "integer",
                                  "boolean",
                                  "index",
                                  "add",
                                  "sub",
                                  "mul",
                                  "div",
                                  "fma",
                                  "neg",
                                  "abs",
                                  "sqrt",
                                  "floor",
                                  "round",
                                  "less",
                                  "less_equal",
                                  "equal",
                                  "not_equal",
                                  "and",
                                  "or",
                                  "not",
                                  "select",
                                  "integer_add",
                                  "integer_sub",
                                  "integer_mul",
                                  "integer_divide",
                                  "integer_modulo",
                                  "integer_less",
                                  "integer_equal",
                                  "bit_and",
                                  "bit_or",
                                  "bit_xor",
                                  "shift_left",
                                  "shift_right",
                                  "shift_right_logical",
                                  "bits",
                                  "real_of_bits",
                                  "to_integer",
                                  "to_real",
                                  "index_of",
                                  "integer_of",
                                  "splat",
                                  "lane",
                                  "live",
                                  "any",
                                  "largest",
                                  "lane_sum",
                                  "length",
                                  "sample_length",
                                  "load",
                                  "store",
                                  "store_masked",
                                  "accumulate",
                                  "fill",
                                  "copy",
                                  "lend",
                                  "reserve",
                                  "tape_count",
                                  "tape_room",
                                  "set_tape_count",
                                  "pack",
                                  "contract",
                                  "outer",
                                  "for",
                                  "while",
                                  "if",
                                  "iterate",
                                  "unwind",
                                  "call",
                                  "fail",
                                  "statistics"};
static_assert(opcode_names.size() == static_cast<size_t>(Opcode::statistics) + 1);

constexpr std::array storage_names{"frame",  "uniform", "accumulator", "parameter", "data",  "noise",
                                   "output", "total",   "setting",     "argument",  "table", "tape"};
static_assert(storage_names.size() == static_cast<size_t>(Storage::tape) + 1);

constexpr std::array kind_names{"real", "integer", "boolean", "index"};

std::string number(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.17g", x);
  double shorter = 0;
  char brief[32];
  std::snprintf(brief, sizeof brief, "%.9g", x);
  std::sscanf(brief, "%lf", &shorter);
  return shorter == x ? brief : text;
}

class Printer {
 public:
  explicit Printer(const Program& program) : program_(program) {}

  std::string run() {
    text_ = "tile program: " + std::to_string(program_.lanes) + " lanes of " +
            (program_.double_precision ? "f64" : "f32") + (program_.ragged ? ", ragged" : "") + "\n";
    for (size_t i = 0; i < program_.buffers.size(); ++i) buffer(static_cast<BufferId>(i));
    for (size_t i = 0; i < program_.functions.size(); ++i) function(static_cast<FunctionId>(i));
    return std::move(text_);
  }

 private:
  std::string name(BufferId id) const {
    if (id == none) return "none";
    return "@" + program_.buffers[id].name + "." + std::to_string(id);
  }

  void buffer(BufferId id) {
    const Buffer& b = program_.buffers[id];
    text_ += "buffer " + name(id) + " : " + kind_names[static_cast<size_t>(b.kind)] + "[" + b.size.text() +
             "]" + (b.lanes ? "[lane] " : " ") + storage_names[static_cast<size_t>(b.storage)];
    switch (b.storage) {
      case Storage::data:
      case Storage::noise:
      case Storage::output:
      case Storage::tape:
      case Storage::argument:
        text_ += " " + std::to_string(b.slot);
        break;
      case Storage::parameter:
      case Storage::total:
      case Storage::setting:
        text_ += " +" + std::to_string(b.offset);
        break;
      case Storage::accumulator:
        text_ += b.unreduced ? " unreduced" : "";
        break;
      case Storage::table:
        text_ += " {";
        for (const double x : b.values) text_ += " " + number(x);
        text_ += " }";
        break;
      default:
        break;
    }
    text_ += "\n";
  }

  void function(FunctionId id) {
    const Function& f = program_.functions[id];
    function_ = &f;
    text_ += "\nfunction " + f.name + "(";
    for (size_t i = 0; i < f.arguments.size(); ++i) text_ += (i ? ", " : "") + name(f.arguments[i]);
    text_ += ") {\n";
    region(f.body, 1);
    text_ += "}\n";
  }

  void region(const Region& r, int depth) {
    for (const Instruction& i : r) instruction(i, depth);
  }

  void value(Value v) { text_ += v == none ? " none" : " %" + std::to_string(v); }

  void instruction(const Instruction& i, int depth) {
    const std::string indent(static_cast<size_t>(depth) * 2, ' ');
    text_ += indent;
    if (i.result != none && !numbers_region(i)) text_ += "%" + std::to_string(i.result) + " = ";
    text_ += opcode_names[static_cast<size_t>(i.opcode)];
    switch (i.opcode) {
      case Opcode::constant_real:
        text_ += " " + number(i.real_value);
        break;
      case Opcode::constant_integer:
      case Opcode::constant_index:
      case Opcode::shift_left:
      case Opcode::shift_right:
      case Opcode::shift_right_logical:
      case Opcode::fail:
      case Opcode::statistics:
        text_ += " " + std::to_string(i.integer_value);
        break;
      case Opcode::constant_boolean:
        text_ += i.integer_value ? " true" : " false";
        break;
      case Opcode::for_loop:
      case Opcode::unwind:
        text_ += " %" + std::to_string(i.result) + " in";
        break;
      case Opcode::iterate:
        if (i.integer_value) text_ += " apart";
        break;
      default:
        break;
    }
    if (!i.name.empty()) text_ += " \"" + i.name + "\"";
    if (i.callee != none) text_ += " " + program_.functions[i.callee].name;
    if (i.buffer != none) text_ += " " + name(i.buffer);
    if (i.source != none) text_ += " " + name(i.source);
    if (i.third != none) text_ += " " + name(i.third);
    if (i.fourth != none) text_ += " " + name(i.fourth);
    if (i.rows != 0 || i.columns != 0) {
      text_ += " " + std::to_string(i.rows) + "x" + std::to_string(i.columns) +
               (i.transposed ? " transposed" : "");
    }
    for (const Value v : i.operands) value(v);
    for (const CallArgument& a : i.arguments) {
      text_ += " " + name(a.buffer);
      text_ += "+%" + std::to_string(a.offset);
    }
    if (i.result != none && !numbers_region(i)) {
      const ValueType t = function_->types[i.result];
      text_ += std::string(" : ") + kind_names[static_cast<size_t>(t.kind)] + (t.lanes ? " lanes" : "");
    }
    for (size_t n = 0; n < i.regions.size(); ++n) {
      if (n == 1 && i.regions[1].empty()) continue;
      text_ += n == 0 ? " {\n" : indent + "} then {\n";
      region(i.regions[n], depth + 1);
      if (n == 0 && i.condition != none) text_ += indent + "  test %" + std::to_string(i.condition) + "\n";
    }
    text_ += i.regions.empty() ? "\n" : indent + "}\n";
  }

  const Program& program_;
  const Function* function_ = nullptr;
  std::string text_;
};

}  // namespace

std::string print(const Program& program) { return Printer(program).run(); }

}  // namespace nodec::schedule
