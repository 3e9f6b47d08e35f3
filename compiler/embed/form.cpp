#include "compiler/embed/form.hpp"

#include <algorithm>

#include "compiler/graph/cost.hpp"

namespace nodec::embed {
namespace {

// Up to so many samples a field with this many multiply-adds runs faster one sample at a time.
constexpr int64_t few_samples = 6;
constexpr int64_t matrix_work = 256;
// A field with no products and so few operations waits for its own results with two registers of lanes: four
// or more hide that.
constexpr int64_t tiny_field = 64;
constexpr int registers_of_tiny = 4;

// Weights beyond this are read from farther than the second level of the cache by every tile.
constexpr int64_t near_bytes = int64_t{512} << 10;

// Enough lanes to fill the vector registers twice, fewer where samples are few, more where what is read once
// a tile comes from afar.
int lanes_for(int64_t rows, bool double_precision, int64_t weights, int bits) {
  if (rows <= 4 && double_precision) return 4;
  const int real = double_precision ? 8 : 4;
  const int two_registers = 2 * bits / 8 / real;
  if (rows >= 4 * two_registers) {
    const bool far = weights * real > near_bytes && rows >= 8 * two_registers;
    return std::max(16, far ? 2 * two_registers : two_registers);
  }
  // With registers of 512 bits two full tiles of 16 beat three half-empty ones (spiral, 20 samples: 0.76 of
  // the time).
  return rows <= 8 || (bits < 512 && rows < 24) ? 8 : 16;
}

std::string counted(int64_t n, const char* what) {
  return std::to_string(n) + " " + what + (n == 1 ? "" : "s");
}

}  // namespace

const char* name_of(Form form) {
  return form == Form::automatic ? "automatic" : form == Form::lanes ? "lanes" : "features";
}

ChosenTarget target_of(const Options& options) {
  static const codegen::Target host = codegen::host_target();
  if (options.processor == "native") return {host, ""};
  const std::optional<codegen::Target> target = codegen::named_target(options.processor);
  if (!target)
    return {host, "'" + options.processor +
                      "' is no processor known here; native, x86-64-v3 and x86-64-v4 are some that are"};
  const std::string lacking = codegen::first_lacking(*target, host);
  if (!lacking.empty())
    return {host, "machine code for '" + options.processor + "' does not run here: this processor lacks " +
                      lacking};
  return {*target, ""};
}

FormChoice choose_form(const semantics::Model& model, const Options& options, int64_t rows, int vector_bits) {
  const int bits = vector_bits > 0 ? vector_bits : target_of(options).target.vector_bits;
  if (options.form == Form::features) return {1, "as asked"};
  const bool f64 = options.precision == Precision::f64;
  int64_t most = 0;
  bool tiny = !model.solves.empty();
  for (const semantics::SolveUse& use : model.solves) {
    const graph::SolveInfo& info = use.node->as<graph::SolveInfo>();
    const graph::Cost cost = graph::cost(*info.field);
    most = std::max(most, cost.multiply_adds);
    // Adaptive steps keep enough to do in two (4096 times Lorenz' equations with four instead: 1.00 of the
    // time by tsit5, 1.18 by dop853).
    tiny &= cost.multiply_adds + cost.operations <= tiny_field && info.rule != graph::StepRule::adaptive;
  }
  const std::string samples = counted(rows, "sample");
  const bool asked = options.form == Form::lanes;
  if (!asked && rows == 1) return {1, samples};
  if (!asked && rows <= few_samples && most >= matrix_work)
    return {1, samples + " of " + std::to_string(most) + " multiply-adds an evaluation"};
  const int wide = registers_of_tiny * bits / 8 / (f64 ? 8 : 4);
  if (tiny && rows >= 4 * wide) return {wide, samples + " of a tiny field"};
  return {lanes_for(rows, f64, most, bits), asked ? "as asked" : samples};
}

}  // namespace nodec::embed
