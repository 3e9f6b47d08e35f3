#include "tests/unit/solve_fixtures.hpp"

using namespace nodec::testing;

namespace {

Environment parameters(std::map<std::string, Tensor> values) {
  Environment sample;
  sample.parameters = std::move(values);
  return sample;
}

}  // namespace

TEST_CASE("contractions sum over the labels that the result lacks, and repeated labels walk the diagonal") {
  Graph g;
  const Ref a = g.parameter("a", real({2, 3})), m = g.parameter("m", real({3, 3})),
            v = g.parameter("v", real({3}));
  const Environment sample = parameters({{"a", {{2, 3}, {1, 2, 3, 4, 5, 6}}},
                                         {"m", {{3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9}}},
                                         {"v", vector_of({1, 10, 100})}});
  check_close(evaluate(g.contract({"oi", "i"}, "o", {a, v}), sample), {321, 654}, 0);
  check_close(evaluate(g.contract({"ii"}, "", {m}), sample), {15}, 0);
  check_close(evaluate(g.contract({"ii", "i"}, "i", {m, v}), sample), {1, 50, 900}, 0);
  check_close(evaluate(g.contract({"oi", "ij", "j"}, "o", {a, m, v}), sample),
              {1 * 321. + 2 * 654 + 3 * 987, 4 * 321. + 5 * 654 + 6 * 987}, 0);
}

TEST_CASE("an empty sum is zero, an empty product one") {
  Graph g;
  const Ref empty = g.parameter("e", real({2, 0}));
  const Environment sample = parameters({{"e", {{2, 0}, {}}}});
  check_close(evaluate(sum(g, empty, {1}), sample), {0, 0}, 0);
  check_close(evaluate(g.reduce(empty, Reduction::prod, {1}), sample), {1, 1}, 0);
}

TEST_CASE("views read zero outside only with fill, gathers and run-time offsets outside are not numbers") {
  Graph g;
  const Ref x = g.parameter("x", real({3})), i = g.data("i", {{}, Element::integer}, false);
  Environment sample = parameters({{"x", vector_of({1, 2, 3})}});
  sample.data["i"] = Tensor::scalar(5);
  check_close(evaluate(pad(g, x, 0, 1, 2), sample), {0, 1, 2, 3, 0, 0}, 0);
  CHECK(std::isnan(evaluate(g.gather(x, {i}), sample).values[0]));
  View dynamic;
  dynamic.axes = {{Extent(0), {}, 1}};
  CHECK(std::isnan(evaluate(g.view(x, dynamic, {}, {i}), sample).values[0]));
  sample.data["i"] = Tensor::scalar(1);
  check_close(evaluate(g.view(x, dynamic, {}, {i}), sample), {2}, 0);
}

TEST_CASE("scatter_add adds what falls on one element and drops what falls outside") {
  Graph g;
  const Ref x = g.parameter("x", real({4})), i = g.data("i", {{4}, Element::integer}, false);
  Environment sample = parameters({{"x", vector_of({1, 2, 3, 4})}});
  sample.data["i"] = vector_of({1, 1, -1, 0});
  check_close(evaluate(g.scatter_add(x, {i}, {2}), sample), {4, 3}, 0);
}

TEST_CASE("max and argmax let NaN through and take the first of equals") {
  Graph g;
  const Ref x = g.parameter("x", real({2, 3}));
  Environment sample = parameters({{"x", {{2, 3}, {1, 7, 7, 3, 2, 1}}}});
  check_close(evaluate(g.reduce(x, Reduction::max, {1}), sample), {7, 3}, 0);
  check_close(evaluate(g.reduce(x, Reduction::argmax, {1}), sample), {1, 0}, 0);
  check_close(evaluate(g.reduce(x, Reduction::min, {0, 1}), sample), {1}, 0);
  sample.parameters["x"].values[5] = std::nan("");
  CHECK(std::isnan(evaluate(g.reduce(x, Reduction::max, {1}), sample).values[1]));
  check_close(evaluate(g.reduce(x, Reduction::argmax, {1}), sample), {1, 2}, 0);
}

TEST_CASE("batch_sum adds over samples of different lengths, and counts what is shared once for each") {
  Graph g;
  const Extent T = Extent::length("T");
  const Ref x = g.data("x", real({T}), false), p = g.parameter("p", {});
  std::vector<Environment> samples(2);
  samples[0].data["x"] = vector_of({1, 2});
  samples[0].lengths["T"] = 2;
  samples[1].data["x"] = vector_of({3, 4, 5});
  samples[1].lengths["T"] = 3;
  for (Environment& sample : samples) sample.parameters["p"] = Tensor::scalar(10);
  const std::vector<Ref> roots{g.batch_sum(sum_all(g, x)), g.batch_sum(p), sum_all(g, x)};
  const auto values = evaluate(roots, samples);
  CHECK(values[0].size() == 1);
  CHECK(values[0][0].values[0] == 15);
  CHECK(values[1][0].values[0] == 20);
  REQUIRE(values[2].size() == 2);
  CHECK(values[2][1].values[0] == 12);
}

TEST_CASE("a leaf without a value is named") {
  Graph g;
  CHECK_THROWS_WITH_AS(evaluate(g.parameter("net.W", {}), Environment{}), "no value for parameter net.W",
                       std::out_of_range);
}

TEST_CASE("expressions of a hundred thousand nodes in a row are evaluated") {
  Graph g;
  Ref x = g.parameter("x", {});
  for (int i = 0; i < 100000; ++i) x = apply(g, "sin", {x});
  CHECK(std::abs(evaluate(x, parameters({{"x", Tensor::scalar(1)}})).values[0]) < 0.01);
}

TEST_CASE("adaptive solves are exact to rounding, in both directions and at every observation") {
  Graph g;
  const Ref y0 = g.parameter("y0", {}), t0 = g.parameter("t0", {}), ts = g.parameter("ts", real({4}));
  // y' = 2y/t + t⁴ sin 2t − t² + 4t³
  const Field field = [&](Ref t, const std::vector<Ref>& z) -> std::vector<Ref> {
    const Ref t2 = mul(g, t, t), t3 = mul(g, t2, t), t4 = mul(g, t2, t2);
    const Ref forcing = sub(g, mul(g, t4, apply(g, "sin", {scale(g, 2, t)})), t2);
    return {add(g, scale(g, 2, div(g, z[0], t)), add(g, forcing, scale(g, 4, t3)))};
  };
  const auto exact = [](double t) {
    const double c = std::cos(2 * t), s = std::sin(2 * t), t2 = t * t;
    return -0.5 * t2 * t2 * c + 0.5 * t2 * t * s + 0.25 * t2 * c - t2 * t + 2 * t2 * t2 + (M_PI - 0.25) * t2;
  };
  const Ref states = g.part(solve(g, field, {y0}, t0, ts), 0);
  for (const std::vector<double>& times : {std::vector<double>{1, 2, 2, 3, 8}, {8, 5, 4, 1.5, 1}}) {
    const Environment sample = parameters({{"y0", Tensor::scalar(exact(times[0]))},
                                           {"t0", Tensor::scalar(times[0])},
                                           {"ts", vector_of({times.begin() + 1, times.end()})}});
    check_close(evaluate(states, sample),
                {exact(times[1]), exact(times[2]), exact(times[3]), exact(times[4])}, 3e-13);
  }
}

TEST_CASE("the reference follows a solution whose scale changes, and a kink") {
  Graph g;
  const Ref y0 = g.parameter("y0", {});
  const Field square = [&](Ref, const std::vector<Ref>& z) -> std::vector<Ref> {
    return {mul(g, z[0], z[0])};
  };
  const Ref y = g.part(
      solve(g, square, {y0}, g.constant(0.0), g.constant({0, 20}, real({2})), {.initial_observed = true}), 0);
  check_close(evaluate(y, parameters({{"y0", Tensor::scalar(-200)}})), {-200, -200. / 4001}, 1e-12);
  const Field kink = [&](Ref t, const std::vector<Ref>&) -> std::vector<Ref> {
    return {apply(g, "abs", {sub(g, t, g.constant(0.7))})};
  };
  const Ref area = g.part(solve(g, kink, {y0}, g.constant(0.0), g.constant({1}, real({1}))), 0);
  check_close(evaluate(area, parameters({{"y0", Tensor::scalar(0)}})), {0.5 * (0.49 + 0.09)}, 1e-11);
}

TEST_CASE("a solution that blows up is not a number") {
  Graph g;
  const Field square = [&](Ref, const std::vector<Ref>& z) -> std::vector<Ref> {
    return {mul(g, z[0], z[0])};
  };
  const Ref y = g.part(solve(g, square, {g.constant(1.0)}, g.constant(0.0), g.constant({2}, real({1}))), 0);
  CHECK(std::isnan(evaluate(y, Environment{}).values[0]));
}

TEST_CASE("fixed steps are the tableau's, the last one ends at the end") {
  Graph g;
  const Field growth = [](Ref, const std::vector<Ref>& z) -> std::vector<Ref> { return {z[0]}; };
  const auto final_value = [&](StepRule rule, double step, double end) {
    const Ref y = g.part(solve(g, growth, {g.constant(1.0)}, g.constant(0.0), g.constant({end}, real({1})),
                               {.rule = rule, .tableau = euler(g), .step = step}),
                         0);
    return evaluate(y, Environment{}).values[0];
  };
  CHECK(final_value(StepRule::fixed_step, 0.1, 1) == doctest::Approx(std::pow(1.1, 10)).epsilon(1e-14));
  CHECK(final_value(StepRule::equal_steps, 10, 1) == doctest::Approx(std::pow(1.1, 10)).epsilon(1e-14));
  CHECK(final_value(StepRule::fixed_step, 0.4, 1) == doctest::Approx(1.4 * 1.4 * 1.2).epsilon(1e-14));
  CHECK(final_value(StepRule::fixed_step, 0.4, -1) == doctest::Approx(0.6 * 0.6 * 0.8).epsilon(1e-14));
  CHECK(final_value(StepRule::fixed_step, 0.4, 0) == 1);
}

TEST_CASE("observations between fixed steps are the interpolant's") {
  Graph g;
  // y' = t: Heun and the cubic Hermite interpolant are exact.
  const Field ramp = [](Ref t, const std::vector<Ref>&) -> std::vector<Ref> { return {t}; };
  const Ref y = g.part(
      solve(g, ramp, {g.constant(1.0)}, g.constant(0.0), g.constant({0.1, 0.5, 0.75, 0.75, 1}, real({5})),
            {.rule = StepRule::fixed_step, .step = 0.5}),
      0);
  check_close(evaluate(y, Environment{}), {1.005, 1.125, 1.28125, 1.28125, 1.5}, 1e-15);
}
