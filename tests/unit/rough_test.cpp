// Powers to a few digits, over all that step control asks of them.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "compiler/schedule/builder.hpp"
#include "compiler/schedule/interpret.hpp"
#include "compiler/solvers/rough.hpp"

namespace nodec {
namespace {

using schedule::Builder;
using schedule::Storage;
using schedule::Value;

std::vector<double> map(const std::vector<double>& x, bool wide,
                        const std::function<Value(Builder&, Value)>& f) {
  schedule::Program program;
  program.lanes = 8;
  program.double_precision = wide;
  program.functions.emplace_back().name = "pool";
  program.pool = 0;
  Builder b(program, 0);
  const auto in = b.buffer({.name = "x", .lanes = true, .storage = Storage::data, .size = 1, .slot = 0});
  const auto out = b.buffer({.name = "y", .lanes = true, .storage = Storage::output, .size = 1, .slot = 0});
  b.store(out, b.index(0), f(b, b.load(in, b.index(0))));
  REQUIRE(schedule::verify(program) == "");
  schedule::Batch batch;
  batch.samples = static_cast<int64_t>(x.size());
  batch.data = {x};
  const schedule::BatchResult result = schedule::interpret(program, batch);
  REQUIRE(result.fault == "");
  return result.outputs.at(0);
}

TEST_CASE("logarithms to base 2, absolutely") {
  for (const bool wide : {false, true}) {
    std::vector<double> x;
    for (double e = wide ? -1000 : -120; e < (wide ? 1000 : 120); e += 0.37)
      x.push_back(float(std::exp2(std::fmod(e, 100))));
    for (double m = 0.5; m < 2.1; m += 0.003) x.push_back(float(m));
    const std::vector<double> y = map(x, wide, solvers::rough_log2);
    for (size_t i = 0; i < x.size(); ++i) CHECK(std::abs(y[i] - std::log2(x[i])) < (wide ? 6e-6 : 2e-5));
    CHECK(map({1}, wide, solvers::rough_log2)[0] == 0);
  }
}

TEST_CASE("logarithms of what has none are numbers that powers can be made of") {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  for (const bool wide : {false, true}) {
    const std::vector<double> x = {0, infinity, NAN, -NAN, wide ? 5e-324 : 1e-45, wide ? 2e-308 : 1e-38};
    const std::vector<double> y = map(x, wide, solvers::rough_log2);
    for (const double l : y) CHECK(std::abs(l) <= (wide ? 1100 : 150));
    for (const double l : y) CHECK(y[0] < l + 1);
  }
}

TEST_CASE("powers of 2, relatively") {
  for (const bool wide : {false, true}) {
    std::vector<double> x;
    const double end = wide ? 1000 : 120;
    for (double e = -end; e <= end; e += end * 1.3e-4) x.push_back(float(e));
    const std::vector<double> y = map(x, wide, solvers::rough_exp2);
    for (size_t i = 0; i < x.size(); ++i) CHECK(std::abs(y[i] / std::exp2(x[i]) - 1) < (wide ? 4e-6 : 2e-5));
  }
}

}  // namespace
}  // namespace nodec
