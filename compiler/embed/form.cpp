#include "compiler/embed/form.hpp"

#include "compiler/codegen/target.hpp"
#include "compiler/graph/cost.hpp"

namespace nodec::embed {
namespace {

// Up to so many samples a field with this many multiply-adds runs faster one sample at a time.
constexpr int64_t few_samples = 6;
constexpr int64_t matrix_work = 256;

// Enough lanes to fill the vector registers twice, fewer where samples are few.
int lanes_for(int64_t rows, bool double_precision) {
  if (rows <= 4 && double_precision) return 4;
  // With registers of 512 bits two full tiles of 16 beat three half-empty ones (spiral, 20 samples: 0.76 of
  // the time).
  static const bool wide = codegen::host_target().vector_bits >= 512;
  return rows <= 8 || (!wide && rows < 24) ? 8 : 16;
}

std::string counted(int64_t n, const char* what) {
  return std::to_string(n) + " " + what + (n == 1 ? "" : "s");
}

}  // namespace

const char* name_of(Form form) {
  return form == Form::automatic ? "automatic" : form == Form::lanes ? "lanes" : "features";
}

FormChoice choose_form(const semantics::Model& model, const Options& options, int64_t rows) {
  const int lanes = lanes_for(rows, options.precision == Precision::f64);
  if (options.form == Form::features) return {1, "as asked"};
  if (options.form == Form::lanes) return {lanes, "as asked"};
  int64_t most = 0;
  for (const semantics::SolveUse& use : model.solves)
    most = std::max(most, graph::cost(*use.node->as<graph::SolveInfo>().field).multiply_adds);
  const std::string samples = counted(rows, "sample");
  if (rows == 1) return {1, samples};
  if (rows <= few_samples && most >= matrix_work)
    return {1, samples + " of " + std::to_string(most) + " multiply-adds an evaluation"};
  return {lanes, samples};
}

}  // namespace nodec::embed
