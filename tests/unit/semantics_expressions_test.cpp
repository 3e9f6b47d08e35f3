// Expressions evaluate to what NumPy would give.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "tests/unit/semantics_fixture.hpp"

using namespace nodec;
using semantics::test::Program;

namespace {

// The value of an expression over x = [1, 2, 3], M = [[1, 2, 3], [4, 5, 6]], k = 2, a = 0.5, of T = 4
// elements w.
graph::Tensor value(const std::string& expression, const std::string& before = "") {
  Program program(before +
                  "\nmodel m {\n  dim T\n  data x: real[3], M: real[2, 3], k: int in 0..3, a: real, w: "
                  "real[T], q: int[3]\n"
                  "  output r = " +
                  expression + "\n}\n");
  INFO(expression);
  INFO(program.rendered);
  REQUIRE(program.module);
  CHECK(program.invalid() == "");
  graph::Environment sample;
  sample.data = {{"x", {{3}, {1, 2, 3}}},         {"M", {{2, 3}, {1, 2, 3, 4, 5, 6}}},
                 {"k", graph::Tensor::scalar(2)}, {"a", graph::Tensor::scalar(0.5)},
                 {"w", {{4}, {10, 20, 30, 40}}},  {"q", {{3}, {7, -7, 2}}}};
  sample.lengths = {{"T", 4}};
  return graph::evaluate(program.model().outputs.at(0).value, sample);
}

void check(const std::string& expression, const std::vector<int64_t>& shape,
           const std::vector<double>& expected, const std::string& before = "") {
  graph::Tensor result = value(expression, before);
  INFO(expression);
  CHECK(result.shape == shape);
  REQUIRE(result.values.size() == expected.size());
  for (size_t i = 0; i < expected.size(); ++i)
    CHECK(result.values[i] == doctest::Approx(expected[i]).epsilon(1e-13));
}

}  // namespace

TEST_CASE("operators follow NumPy's precedence, promotion and broadcasting") {
  check("-2^2", {}, {-4});
  check("2^3^2", {}, {512});
  check("7 // 2 + 7 % 2", {}, {4});
  check("-7 // 2", {}, {-4});
  check("-7 % 2", {}, {1});
  check("7.5 // 2", {}, {3});
  check("1 / 2", {}, {0.5});
  check("int(2.7) + int(-2.2)", {}, {-1});
  check("x + M", {2, 3}, {2, 4, 6, 5, 7, 9});
  check("M * 2 - 1", {2, 3}, {1, 3, 5, 7, 9, 11});
  check("q // 2", {3}, {3, -4, 1});
  check("q % 4", {3}, {3, 1, 2});
  check("reshape(x, 3, 1) * x", {3, 3}, {1, 2, 3, 2, 4, 6, 3, 6, 9});
}

TEST_CASE("a power with a constant exponent is a product") {
  check("(-x)^3", {3}, {-1, -8, -27});
  check("x^0", {3}, {1, 1, 1});
  check("x^-2", {3}, {1, 0.25, 1.0 / 9});
  check("x^2.0", {3}, {1, 4, 9});
  check("x^0.5", {3}, {1, std::sqrt(2.0), std::sqrt(3.0)});
  check("x^a", {3}, {1, std::sqrt(2.0), std::sqrt(3.0)});
  check("2^k", {}, {4});
  check("3^2", {}, {9});
}

TEST_CASE("@ multiplies vectors and matrices") {
  check("x @ x", {}, {14});
  check("M @ x", {2}, {14, 32});
  check("[1, 2] @ M", {3}, {9, 12, 15});
  check("M @ transpose(M)", {2, 2}, {14, 32, 32, 77});
}

TEST_CASE("conditions choose") {
  check("if a < 1 then 2 else 3", {}, {2});
  check("if a < 1 and not (a > 0) or k == 0 then 2 else 3", {}, {3});
  check("where(x > 1.5, x, -x)", {3}, {-1, 2, 3});
  check("if 1 < 2 then 5 else x[7]", {}, {5});
  check("if (a < 1) == (k == 2) then 1 else 0", {}, {1});
}

TEST_CASE("indices and slices count from zero, from the end, and from run-time ints") {
  check("x[0] + x[-1]", {}, {4});
  check("M[1]", {3}, {4, 5, 6});
  check("M[:, 0]", {2}, {1, 4});
  check("M[-1, 1:]", {2}, {5, 6});
  check("x[:-1]", {2}, {1, 2});
  check("x[k]", {}, {3});
  check("x[k - 1 : k + 1]", {2}, {2, 3});
  check("M[k - 1, k - 2]", {}, {4});
  check("w[T - 1]", {}, {40});
  check("w[1:T - 1]", {2}, {20, 30});
  check("w[-2:]", {2}, {30, 40});
  check("M[:, k - 2 : k]", {2, 2}, {1, 2, 4, 5});
  check("x[q[2]]", {}, {3});
  check("x[k - 3]", {}, {3});
}

TEST_CASE("stacks, concat and shapes") {
  check("[x, 2 * x]", {2, 3}, {1, 2, 3, 2, 4, 6});
  check("concat(x, 9, [1, 2])", {6}, {1, 2, 3, 9, 1, 2});
  check("reshape(M, 3, 2)", {3, 2}, {1, 2, 3, 4, 5, 6});
  check("reshape(M, -1)", {6}, {1, 2, 3, 4, 5, 6});
  check("transpose(M)", {3, 2}, {1, 4, 2, 5, 3, 6});
  check("zeros(2) + ones(2)", {2}, {1, 1});
  check("eye(2)", {2, 2}, {1, 0, 0, 1});
  check("outer([1, 2], x)", {2, 3}, {1, 2, 3, 2, 4, 6});
  check("diag([1, 2])", {2, 2}, {1, 0, 0, 2});
  check("diag([[1, 2], [3, 4]])", {2}, {1, 4});
  check("reverse(x)", {3}, {3, 2, 1});
  check("reverse(M, axis = 1)", {2, 3}, {3, 2, 1, 6, 5, 4});
  check("pad(x, 1)", {5}, {0, 1, 2, 3, 0});
  check("pad(x, 1, 2)", {6}, {0, 1, 2, 3, 0, 0});
  check("len(w) + len(M)", {}, {6});
  check("linspace(1, 2, 5)", {5}, {1, 1.25, 1.5, 1.75, 2});
  check("einsum(\"ij,j->i\", M, x)", {2}, {14, 32});
  check("einsum(\"ii->\", outer(x, x))", {}, {14});
}

TEST_CASE("reductions") {
  check("sum(M)", {}, {21});
  check("sum(M, axis = 0)", {3}, {5, 7, 9});
  check("mean(M, axis = -1)", {2}, {2, 5});
  check("sum(M, axis = (0, 1))", {}, {21});
  check("prod(x) + max(x) - min(x)", {}, {8});
  check("max(x, 2)", {3}, {2, 2, 3});
  check("min(1, 2, 0.5)", {}, {0.5});
  check("norm([3, 4])", {}, {5});
  check("dot(x, x)", {}, {14});
  check("mean(w)", {}, {25});
  check("argmax([1, 5, 2])", {}, {1});
  check("argmax(M)", {2}, {2, 2});
  check("logsumexp([1000, 1000])", {}, {1000 + std::log(2.0)});
  check("softmax([1000, 1000])", {2}, {0.5, 0.5});
  check("sum(q)", {}, {2});
  CHECK(value("logsumexp([0, 0] - inf)").values[0] == -std::numeric_limits<double>::infinity());
}

TEST_CASE("search and interp hold their ends") {
  check("search([0, 1, 2], 1)", {}, {1});
  check("search([0, 1, 2], -5) + search([0, 1, 2], 9)", {}, {1});
  check("interp(0.5, [0, 1, 2], [10, 20, 40])", {}, {15});
  check("interp(1, [0, 1, 2], [10, 20, 40])", {}, {20});
  check("interp(-1, [0, 1, 2], [10, 20, 40])", {}, {10});
  check("interp(3, [0, 1, 2], [10, 20, 40])", {}, {40});
  check("interp(1.5, [0, 1, 2], [[0, 1], [2, 3], [4, 7]])", {2}, {3, 5});
  check("[interp(s, [0, 1, 2], x) for s in [0.5, 1.5]]", {2}, {1.5, 2.5});
}

TEST_CASE("functions bind shapes, dims, functions and defaults") {
  check("f(x, act = tanh)", {3}, {std::tanh(2.0), std::tanh(4.0), std::tanh(6.0)},
        "fn f[n](x: real[n], act: fn, s = 2) { let y = s * x; return act(y) }");
  check("g(x, 2)", {2}, {1, 2}, "fn g[n](x: real[n], k: dim) = x[:k]");
  check("twice(half, 8)", {}, {2}, "fn half(x) = x / 2\nfn twice(f: fn, x) = f(f(x))");
  check("h(x)", {}, {3}, "fn h[n](x: real[n]) = n");
}

TEST_CASE("consts and dims evaluate") {
  check("A @ [1, 1]", {2}, {1, -1}, "const A = [[0, 1], [-1, 0]]");
  check("sum(z)", {}, {12}, "dim N = 2\ndim D = 2 * N + 2\nconst z: real[D] = N");
  check("c", {}, {0.25}, "const c: real = b / 2\nconst b = 1 / 2");
}

TEST_CASE("derivatives of expressions") {
  check("grad(sum(x^3), x)", {3}, {3, 12, 27});
  check("jacobian(x^2, x)", {3, 3}, {2, 0, 0, 0, 4, 0, 0, 0, 6});
  check("div(x^2, x)", {}, {12});
  check("jvp(x^2, x, [1, 0, 1])", {3}, {2, 0, 6});
  check("vjp(M @ x, x, [1, 1])", {3}, {5, 7, 9});
  check("grad(grad(a^3, a), a)", {}, {3});
  check("f(x)", {3}, {2, 4, 6}, "fn f(y) = grad(sum(y^2), y)");
}
