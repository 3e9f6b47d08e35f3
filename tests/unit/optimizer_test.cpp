// Optimizer steps against steps by hand; groups, clipping, batches.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "runtime/optimizers.hpp"
#include "runtime/sampler.hpp"

namespace nodec::runtime {
namespace {

using Values = std::vector<double>;

// The variable after each step with these gradients, from 1.
Values trace(const OptimizerOptions& options, const Values& gradients) {
  Optimizer optimizer(1, {{{0, 1}}});
  Values x = {1}, seen;
  for (const double g : gradients) {
    const Values gradient = {g};
    optimizer.step(std::span(&options, 1), gradient, x);
    seen.push_back(x[0]);
  }
  return seen;
}

OptimizerOptions options_of(const char* method, std::vector<std::pair<const char*, double>> values) {
  OptimizerOptions options;
  REQUIRE(default_options(method, options));
  for (const auto& [name, value] : values) REQUIRE(set_option(options, name, value));
  return options;
}

void check_near(const Values& found, const Values& expected) {
  REQUIRE(found.size() == expected.size());
  for (size_t i = 0; i < found.size(); ++i) CHECK(std::fabs(found[i] - expected[i]) <= 1e-15);
}

TEST_CASE("sgd: plain, with momentum, with Nesterov's") {
  check_near(trace(options_of("sgd", {{"lr", 0.1}}), {2, -1}), {0.8, 0.9});
  // b = 2, 0.9·2 − 1 = 0.8
  check_near(trace(options_of("sgd", {{"lr", 0.1}, {"momentum", 0.9}}), {2, -1}), {0.8, 0.72});
  // g + 0.9 b: 2 + 1.8 = 3.8; −1 + 0.72 = −0.28
  check_near(trace(options_of("sgd", {{"lr", 0.1}, {"momentum", 0.9}, {"nesterov", 1}}), {2, -1}),
             {0.62, 0.648});
}

TEST_CASE("rmsprop: by hand") {
  // v = 0.01·4 = 0.04, √v = 0.2: step 0.1·2/0.2 = 1; v = 0.99·0.04 + 0.01 = 0.0496
  const Values found = trace(options_of("rmsprop", {{"lr", 0.1}, {"eps", 0}}), {2, -1});
  check_near(found, {0, 0.1 / std::sqrt(0.0496)});
  // b = 10, 0.5·10 − 1/√0.0496
  const Values with = trace(options_of("rmsprop", {{"lr", 0.1}, {"eps", 0}, {"momentum", 0.5}}), {2, -1});
  check_near(with, {0, -0.1 * (5 - 1 / std::sqrt(0.0496))});
}

TEST_CASE("adam: by hand") {
  // First step: m̂ = g, v̂ = g², so a step of lr against the sign.
  const Values found = trace(options_of("adam", {{"lr", 0.1}, {"eps", 0}}), {2, -1});
  const double m = (0.9 * 0.2 - 0.1) / (1 - 0.81), v = (0.999 * 0.004 + 0.001) / (1 - 0.998001);
  check_near(found, {0.9, 0.9 - 0.1 * m / std::sqrt(v)});
  // eps stands outside the root.
  check_near(trace(options_of("adam", {{"lr", 0.1}, {"eps", 2}}), {2}), {1 - 0.1 * 2 / 4});
}

TEST_CASE("adamw: the decay stands apart from the gradient") {
  // x ← 1 − 0.1·0.5·1, then a step of lr against the sign.
  check_near(trace(options_of("adamw", {{"lr", 0.1}, {"eps", 0}, {"weight_decay", 0.5}}), {2}), {0.85});
  check_near(trace(options_of("adamw", {{"lr", 0.1}, {"weight_decay", 0}}), {2, -1}),
             trace(options_of("adam", {{"lr", 0.1}}), {2, -1}));
  OptimizerOptions options;
  REQUIRE(default_options("adamw", options));
  CHECK(options.weight_decay == 1e-2);
  REQUIRE(default_options("lbfgs", options));
  CHECK(options.lr == 1);
  CHECK_FALSE(set_option(options, "beta1", 0.5));
}

TEST_CASE("options: defaults and names") {
  OptimizerOptions options;
  CHECK_FALSE(default_options("adamm", options));
  REQUIRE(default_options("rmsprop", options));
  CHECK(options.lr == 1e-2);
  CHECK_FALSE(set_option(options, "beta1", 0.5));
  CHECK(option_names(Method::sgd) == std::vector<std::string>{"lr", "momentum", "nesterov"});
}

TEST_CASE("groups: the longest path wins, frozen parameters stay") {
  const ParameterLayout layout = {
      {"net.out.W", {2}, 0, 2, {}}, {"net.b", {}, 2, 1, {}}, {"network", {}, 3, 1, {}}, {"k", {}, 4, 1, {}}};
  const auto groups = group_parameters(layout, {"", "net", "net.out"}, {"k"});
  REQUIRE(groups.size() == 3);
  REQUIRE(groups[0].size() == 1);
  CHECK(groups[0][0].offset == 3);
  CHECK(groups[1][0].offset == 2);
  CHECK(groups[2][0].offset == 0);
  Optimizer optimizer(5, groups);
  const OptimizerOptions each[] = {options_of("sgd", {{"lr", 1}}), options_of("sgd", {{"lr", 2}}),
                                   options_of("sgd", {{"lr", 3}})};
  const Values gradient(5, 1);
  Values x(5, 0);
  optimizer.step(each, gradient, x);
  CHECK(x == Values{-3, -3, -2, -1, 0});
  CHECK(optimizer.state().steps == 1);
}

TEST_CASE("clipping by the global norm of what is trained") {
  const std::vector<std::vector<ParameterRange>> groups = {{{0, 1}}, {{1, 1}}};
  Values gradient = {3, 4, 100};
  CHECK(clip_gradient(gradient, groups, 0) == 5);
  CHECK(gradient == Values{3, 4, 100});
  CHECK(clip_gradient(gradient, groups, 10) == 5);
  CHECK(gradient == Values{3, 4, 100});
  CHECK(clip_gradient(gradient, groups, 1) == 5);
  CHECK(gradient[0] == doctest::Approx(0.6));
  CHECK(gradient[2] == 100);
  Values huge = {3e200, 4e200, 0};
  CHECK(clip_gradient(huge, groups, 1) == doctest::Approx(5e200));
  Values broken = {NAN, 1, 0};
  CHECK(std::isnan(clip_gradient(broken, groups, 1)));
}

TEST_CASE("batches: every sample once an epoch, the last batch smaller, a new order each time") {
  Sampler sampler(10, 4, 3);
  CHECK(sampler.steps_per_epoch() == 3);
  std::vector<int64_t> orders[2];
  for (int64_t step = 0; step < 6; ++step) {
    sampler.draw(step);
    CHECK(sampler.samples().size() == (step % 3 == 2 ? 2 : 4));
    orders[step / 3].insert(orders[step / 3].end(), sampler.samples().begin(), sampler.samples().end());
  }
  CHECK(orders[0] != orders[1]);
  for (std::vector<int64_t>& order : orders) {
    std::sort(order.begin(), order.end());
    std::vector<int64_t> all(10);
    std::iota(all.begin(), all.end(), 0);
    CHECK(order == all);
  }
}

TEST_CASE("batches depend on seed and step alone") {
  Sampler one(10, 4, 3), other(10, 4, 3), seeded(10, 4, 4);
  for (int64_t step = 0; step < 5; ++step) one.draw(step);
  other.draw(4);
  CHECK(
      std::equal(one.samples().begin(), one.samples().end(), other.samples().begin(), other.samples().end()));
  seeded.draw(4);
  CHECK_FALSE(std::equal(one.samples().begin(), one.samples().end(), seeded.samples().begin(),
                         seeded.samples().end()));
}

TEST_CASE("batches larger than the data set, and data without samples") {
  Sampler sampler(3, 300, 1);
  CHECK(sampler.steps_per_epoch() == 1);
  sampler.draw(0);
  int counts[3] = {};
  std::set<int64_t> identities;
  for (size_t row = 0; row < 300; ++row) {
    const int64_t sample = sampler.samples()[row];
    REQUIRE((sample >= 0 && sample < 3));
    ++counts[sample];
    CHECK(sampler.identities()[row] % 3 == sample);
    identities.insert(sampler.identities()[row]);
  }
  for (const int count : counts) CHECK(count > 60);
  CHECK(identities.size() == 300);
  CHECK(identities.count(0) == 1);
  Sampler shared(0, 5, 1);
  shared.draw(7);
  CHECK(std::vector<int64_t>(shared.identities().begin(), shared.identities().end()) ==
        std::vector<int64_t>{0, 1, 2, 3, 4});
  Sampler whole(4, 0, 1);
  whole.draw(2);
  CHECK(std::vector<int64_t>(whole.samples().begin(), whole.samples().end()) ==
        std::vector<int64_t>{0, 1, 2, 3});
}

}  // namespace
}  // namespace nodec::runtime
