// Loops: comprehensions and reductions as axes, folds over constant ranges.
#include <doctest/doctest.h>

#include <cmath>

#include "tests/unit/semantics_fixture.hpp"

using namespace nodec;
using semantics::test::Program;

namespace {

void check(const std::string& expression, const std::vector<int64_t>& shape,
           const std::vector<double>& expected, const std::string& before = "") {
  Program program(before +
                  "\nmodel m {\n  dim T\n  data x: real[3], M: real[2, 3], w: real[T], k: int in 0..3\n"
                  "  output r = " +
                  expression + "\n}\n");
  INFO(expression);
  INFO(program.rendered);
  REQUIRE(program.module);
  CHECK(program.invalid() == "");
  graph::Environment sample;
  sample.data = {{"x", {{3}, {1, 2, 3}}},
                 {"M", {{2, 3}, {1, 2, 3, 4, 5, 6}}},
                 {"w", {{4}, {10, 20, 30, 40}}},
                 {"k", graph::Tensor::scalar(1)}};
  sample.lengths = {{"T", 4}};
  graph::Tensor result = graph::evaluate(program.model().outputs.at(0).value, sample);
  CHECK(result.shape == shape);
  REQUIRE(result.values.size() == expected.size());
  for (size_t i = 0; i < expected.size(); ++i)
    CHECK(result.values[i] == doctest::Approx(expected[i]).epsilon(1e-13));
}

}  // namespace

TEST_CASE("a comprehension stacks") {
  check("[i^2 for i in 0..4]", {4}, {0, 1, 4, 9});
  check("[x[i] + i for i in 1..3]", {2}, {3, 5});
  check("[2 * r for r in M]", {2, 3}, {2, 4, 6, 8, 10, 12});
  check("[x for i in 0..2]", {2, 3}, {1, 2, 3, 1, 2, 3});
  check("[M[i, j] * 10 + j for j in 0..3, i in 0..2]", {3, 2}, {10, 40, 21, 51, 32, 62});
  check("[[M[i, j] for j in 0..3] for i in 0..2]", {2, 3}, {1, 2, 3, 4, 5, 6});
  check("[w[T - 1 - i] for i in 0..T]", {4}, {40, 30, 20, 10});
  check("[w[i + 1] - w[i] for i in 0..T - 1]", {3}, {10, 10, 10});
  check("[i for i in 0..6 if i % 2 == 1]", {3}, {1, 3, 5});
  check("[M[i, j] for i in 0..2, j in 0..3 if i != j]", {4}, {2, 3, 4, 6});
  check("[x[i : i + 2] for i in 0..2]", {2, 2}, {1, 2, 2, 3});
  check("[w[i + k] for i in 0..2]", {2}, {20, 30});
}

TEST_CASE("indices that leave the array count from the end, or are guarded") {
  check("[x[i - 1] for i in 0..3]", {3}, {3, 1, 2});
  check("[x[max(i - 1, 0)] for i in 0..3]", {3}, {1, 1, 2});
  check("[if i < 2 then x[i + 1] else 0 for i in 0..3]", {3}, {2, 3, 0});
  check("sum(x[i + 1] for i in 0..3 if i < 2)", {}, {5});
  check("[x[(i * 2) % 3] for i in 0..3]", {3}, {1, 3, 2});
}

TEST_CASE("reductions over loops") {
  check("sum(x[i] * M[j, i] for i in 0..3, j in 0..2)", {}, {46});
  check("mean(r for r in M)", {3}, {2.5, 3.5, 4.5});
  check("mean(x[i] for i in 0..3 if i != 1)", {}, {2});
  check("prod(x[i] for i in 0..3)", {}, {6});
  check("max(x[i] * (1 - i) for i in 0..3)", {}, {1});
  check("min(x[i] for i in 0..3 if i > 0)", {}, {2});
  check("sum(1 for i in 0..5)", {}, {5});
  check("sum(sum(M[i, j] for j in 0..3) * x[i] for i in 0..2)", {}, {36});
  check("sum(v for v in w)", {}, {100});
  check("sum(2 for i in 0..T)", {}, {8});
}

TEST_CASE("a sum of products is one contraction") {
  Program program(
      "model m { data x: real[3], M: real[2, 3]\n  output r = [sum(M[i, j] * x[j] for j in 0..3) for i in "
      "0..2] }");
  REQUIRE(program.module);
  const std::string text = graph::print(program.model().outputs);
  CHECK(text.find("contract \"ij,j->i\"") != std::string::npos);
  CHECK(text.find("mul") == std::string::npos);
}

TEST_CASE("folds and scans over constant ranges") {
  check("fold s from 0 for i in 0..4 { return s + i }", {}, {6});
  check("scan s from 0 for i in 0..4 { let d = 2 * i; return s + d }", {4}, {0, 2, 6, 12});
  check("fold h from x for r in M { return h + r }", {3}, {6, 9, 12});
  check("let_pair(3)", {}, {13},
        "fn let_pair(n) { let (a, b) = fold (p, q) from (0, 1) for i in 0..7 { return (q, p + q) }; return a "
        "}");
  check("[fold s from v for i in 0..2 { return 2 * s } for v in x]", {3}, {4, 8, 12});
}

TEST_CASE("derivatives inside loops are those of each iteration") {
  check("[grad(v^3, v) for v in x]", {3}, {3, 12, 27});
  check("[grad(sum(x^2) * i, x) for i in 0..2]", {2, 3}, {0, 0, 0, 2, 4, 6});
  check("[grad(sum(r^2), r) for r in M]", {2, 3}, {2, 4, 6, 8, 10, 12});
  check("[jvp(r^2, r, r) for r in M]", {2, 3}, {2, 8, 18, 32, 50, 72});
}
