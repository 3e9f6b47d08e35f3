// Parameters: files of weights, intervals, initial values.
#include "runtime/weights.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "runtime/constraint.hpp"
#include "runtime/initialize.hpp"

namespace nodec::runtime {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

ParameterLayout layout() {
  return {{"net.W", {2, 2}, 0, 4, {}}, {"sigma", {}, 4, 1, {0, inf}}, {"mix", {2}, 5, 2, {0, 1}}};
}

TEST_CASE("weights: stored by path and loaded") {
  const std::vector<double> values = {1, 2, 3, 4, 0.5, 0.25, 0.75};
  const Arrays arrays = store_weights(values, layout(), true);
  CHECK(arrays.names() == std::vector<std::string>{"net.W", "sigma", "mix"});
  CHECK(arrays.find("net.W")->shape == std::vector<int64_t>{2, 2});
  const Result<Weights> weights = load_weights("w.npz", arrays, layout());
  REQUIRE(weights);
  CHECK(weights->values == values);
  CHECK(weights->warnings.empty());
}

TEST_CASE("weights: a missing one, a wrong shape, an extra one") {
  Arrays arrays;
  const double four[] = {1, 2, 3, 4};
  arrays.add("net.w", Array::of({2, 2}, std::span<const double>(four)));
  arrays.add("sigma", Array::of({1}, std::span<const double>(four, 1)));
  const Result<Weights> bad = load_weights("w.npz", arrays, layout());
  REQUIRE_FALSE(bad);
  REQUIRE(bad.errors().size() == 3);
  CHECK(bad.errors()[0].message() ==
        "w.npz: parameter 'net.W' is missing (did you mean 'net.w'?): expected shape [2, 2]");
  CHECK(bad.errors()[1].message() == "w.npz: parameter 'sigma': expected shape [], found [1]");
  Arrays more = store_weights(std::vector<double>(7, 0.5), layout(), true);
  more.add("net.b", Array::of({}, std::span<const double>(four, 1)));
  const Result<Weights> warned = load_weights("w.npz", more, layout());
  REQUIRE(warned);
  REQUIRE(warned->warnings.size() == 1);
  CHECK(warned->warnings[0].message() ==
        "w.npz: array 'net.b' is not a parameter of the model (did you mean 'net.W'?)");
}

TEST_CASE("weights: of very many extra ones a hundred are named") {
  Arrays arrays = store_weights(std::vector<double>(7, 0.5), layout(), true);
  for (int i = 0; i < 103; ++i)
    arrays.add("extra" + std::to_string(i), Array::of({0}, std::span<const double>()));
  const Result<Weights> weights = load_weights("w.npz", arrays, layout());
  REQUIRE(weights);
  REQUIRE(weights->warnings.size() == 101);
  CHECK(weights->warnings.back().message() == "w.npz: 3 more arrays are not used by the model");
}

TEST_CASE("weights: values that a parameter cannot have") {
  std::vector<double> values(7, 0.5);
  values[2] = NAN;
  values[6] = 1;
  Arrays arrays;
  for (const Parameter& p : layout()) {
    arrays.add(p.path, Array::of(p.shape, std::span<const double>(values.data() + p.offset,
                                                                  static_cast<size_t>(p.size))));
  }
  const Result<Weights> bad = load_weights("w.npz", arrays, layout());
  REQUIRE_FALSE(bad);
  REQUIRE(bad.errors().size() == 2);
  CHECK(bad.errors()[0].message() ==
        "w.npz: parameter 'net.W', element [1, 0]: expected a finite number, found nan");
  CHECK(bad.errors()[1].message() ==
        "w.npz: parameter 'mix', element [1]: expected a value in (0, 1), found 1");
}

TEST_CASE("weights: a value next to an end survives f32") {
  const ParameterLayout one = {{"p", {}, 0, 1, {0, 1}}};
  const Arrays arrays = store_weights({1 - 1e-12}, one, false);
  CHECK(arrays.find("p")->real(0) < 1);
  CHECK(load_weights("w.npz", arrays, one));
}

TEST_CASE("intervals: round trips, also next to the ends") {
  const Interval intervals[] = {{}, {0, inf}, {-inf, 3}, {-1, 2}, {100, inf}};
  for (const Interval& interval : intervals) {
    for (double u = -30; u <= 30; u += 0.37) {
      const double value = constrain(u, interval);
      CHECK(value > interval.low);
      CHECK(value < interval.high);
      // What the value resolves: its distance from an end has only as many digits as the end leaves it.
      const double end = std::max(std::isfinite(interval.low) ? std::fabs(interval.low) : 0,
                                  std::isfinite(interval.high) ? std::fabs(interval.high) : 0);
      const double resolution = 4e-16 * std::max(end, std::fabs(value)) / constraint_slope(u, interval);
      CHECK(std::fabs(unconstrain(value, interval) - u) <= resolution + 4e-16 * std::fabs(u));
    }
  }
  for (double tiny : {1e-300, 1e-20, 1e-8, 0.5, 1.0, 40.0, 1e10, 1e300}) {
    CHECK(constrain(unconstrain(tiny, {0, inf}), {0, inf}) == doctest::Approx(tiny).epsilon(1e-13));
  }
}

TEST_CASE("intervals: far out the value stays inside and finite") {
  for (const double u : {-1e6, -800.0, -50.0, 50.0, 800.0, 1e6}) {
    for (const Interval& interval : {Interval{0, 1}, Interval{0, inf}, Interval{-inf, 0}, Interval{1, 2}}) {
      const double value = constrain(u, interval);
      CHECK(value > interval.low);
      CHECK(value < interval.high);
      CHECK(std::isfinite(constraint_slope(u, interval)));
      const double single = round_inside(value, interval, false);
      CHECK(single > interval.low);
      CHECK(single < interval.high);
      CHECK(static_cast<double>(static_cast<float>(single)) == single);
    }
  }
}

TEST_CASE("intervals: the slope is the derivative") {
  for (const Interval& interval : {Interval{-1, 2}, Interval{0, inf}, Interval{-inf, 3}, Interval{}}) {
    for (double u = -5; u <= 5; u += 0.5) {
      const double h = 1e-5, difference = (constrain(u + h, interval) - constrain(u - h, interval)) / (2 * h);
      CHECK(constraint_slope(u, interval) == doctest::Approx(difference).epsilon(1e-8));
    }
  }
  std::vector<double> gradient(7, 1);
  const std::vector<double> u = unconstrain({1, 2, 3, 4, 0.5, 0.25, 0.75}, layout());
  pull_constraints(u, layout(), gradient);
  CHECK(gradient[0] == 1);
  CHECK(gradient[5] == doctest::Approx(0.25 * 0.75));
  Reals values(false, 7);
  constrain(u, layout(), values);
  CHECK(values[4] == doctest::Approx(0.5));
}

TEST_CASE("initial values: a function of seed and path alone") {
  ParameterLayout both = {{"a", {3, 2}, 0, 6, {}}, {"b", {3, 2}, 6, 6, {}}};
  const Initial normal{InitialKind::normal, {}, 1, 2};
  const Result<std::vector<double>> values = initialize(both, {normal, normal}, 7);
  REQUIRE(values);
  const ParameterLayout only = {{"b", {3, 2}, 0, 6, {}}};
  const Result<std::vector<double>> again = initialize(only, {normal}, 7);
  CHECK(std::vector<double>(values->begin() + 6, values->end()) == *again);
  CHECK((*values)[0] != (*values)[6]);
  CHECK(*initialize(only, {normal}, 8) != *again);
}

TEST_CASE("initial values: distributions") {
  const ParameterLayout wide = {{"w", {100, 300}, 0, 30000, {}}};
  const auto moments = [&](const Initial& initial) {
    const Result<std::vector<double>> values = initialize(wide, {initial}, 1);
    double mean = 0, square = 0, largest = 0;
    for (const double v : *values)
      mean += v / 30000, square += v * v / 30000, largest = std::max(largest, std::fabs(v));
    return std::array<double, 3>{mean, std::sqrt(square - mean * mean), largest};
  };
  const auto glorot = moments({InitialKind::glorot_uniform});
  CHECK(glorot[2] <= std::sqrt(6.0 / 400));
  CHECK(glorot[1] == doctest::Approx(std::sqrt(2.0 / 400)).epsilon(0.02));
  CHECK(moments({InitialKind::glorot_normal})[1] == doctest::Approx(std::sqrt(2.0 / 400)).epsilon(0.02));
  CHECK(moments({InitialKind::kaiming_uniform})[2] <= std::sqrt(6.0 / 300));
  CHECK(moments({InitialKind::kaiming_uniform})[1] == doctest::Approx(std::sqrt(2.0 / 300)).epsilon(0.02));
  CHECK(moments({InitialKind::normal, {}, 3, 0.5})[0] == doctest::Approx(3).epsilon(0.01));
  CHECK(moments({InitialKind::uniform, {}, 2, 4})[0] == doctest::Approx(3).epsilon(0.01));
}

TEST_CASE("initial values: orthogonal") {
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{3, 5}, {5, 3}, {4, 4}}) {
    const ParameterLayout one = {{"q", shape, 0, shape[0] * shape[1], {}}};
    const std::vector<double> q = *initialize(one, {{InitialKind::orthogonal}}, 3);
    const bool rows = shape[0] <= shape[1];
    const int64_t count = std::min(shape[0], shape[1]), length = std::max(shape[0], shape[1]);
    for (int64_t a = 0; a < count; ++a) {
      for (int64_t b = 0; b < count; ++b) {
        double product = 0;
        for (int64_t i = 0; i < length; ++i) {
          product += rows ? q[a * length + i] * q[b * length + i] : q[i * count + a] * q[i * count + b];
        }
        CHECK(std::fabs(product - (a == b)) < 1e-14);
      }
    }
  }
}

TEST_CASE("initial values: outside the interval") {
  const ParameterLayout one = {{"sigma", {}, 0, 1, {0, inf}}};
  const Result<std::vector<double>> bad = initialize(one, {{InitialKind::value, {-1}}}, 0);
  REQUIRE_FALSE(bad);
  CHECK(bad.errors()[0].message() == "parameter 'sigma': expected a value in (0, inf), found -1");
}

}  // namespace
}  // namespace nodec::runtime
