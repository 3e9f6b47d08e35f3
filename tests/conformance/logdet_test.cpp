// Log-determinants of fields of many kinds: each is that of the flow map's Jacobian, and has the right
// gradient.
#include <cmath>
#include <random>

#include "tests/conformance/problem.hpp"

namespace nodec::conformance {
namespace {

struct Kind {
  const char* name;
  int size;           // elements of all states
  const char* field;  // of the name f
  const char* bind;   // its states, from u
  const char* final;  // its states, as they come from the solve and as one vector
  const char* vector;
};

const Kind kinds[] = {
    {"a permutation with a part that depends on time", 4,
     "field f { state z: real[4]; z' = reverse(z) + pad(z[1:3], 1, 1) * sin(t) }", "z = u", "z", "z"},
    {"weights made from time by a network", 2,
     "field f { state z: real[2]; layer h = mlp([1, 8, 15], tanh)\n let q = h([t])\n"
     " z' = reshape(q[6:12], 2, 3) @ tanh(reshape(q[:6], 3, 2) @ z + q[12:]) }",
     "z = u", "z", "z"},
    {"a circular convolution", 6,
     "field f { state z: real[6]; param k: real[3] ~ normal(0, 1)\n"
     " z' = tanh([sum(k[j] * z[(i + j) % 6] for j in 0..3) for i in 0..6]) }",
     "z = u", "z", "z"},
    {"attention between rows", 6,
     "field f { state x: real[3, 2]\n param Q: real[2, 2] ~ normal(0, 1), K: real[2, 2] ~ normal(0, 1)\n"
     " let a = softmax(x @ Q @ transpose(x @ K), axis = 1)\n x' = a @ x }",
     "x = reshape(u, 3, 2)", "x", "reshape(x, 6)"},
    {"a normalized layer", 3,
     "field f { state z: real[3]; layer n = layer_norm(3); layer net = mlp([3, 8, 3], elu); z' = net(n(z)) - "
     "z }",
     "z = u", "z", "z"},
    {"two regimes in time and in the state", 2,
     "field f { state z: real[2]; layer a = mlp([2, 8, 2], tanh); layer b = mlp([2, 8, 2], softplus)\n"
     " z' = where(t < 0.5, a(z), b(z)) + (if z[0] > 0 then 0.1 * z[0]^2 else 0) * z }",
     "z = u", "z", "z"},
    {"a loop in the field", 2,
     "field f { state z: real[2]; layer a = dense(2, 2)\n"
     " z' = fold h from z for k in 0..4 { return tanh(a(h)) + 0.1 * h } }",
     "z = u", "z", "z"},
    {"states that drive each other", 5,
     "field f { state a: real[2], b: real[3]; layer p = mlp([3, 8, 2], tanh); layer q = mlp([2, 8, 3], "
     "tanh)\n"
     " a' = p(b)\n b' = q(a) * b }",
     "a = u[:2], b = u[2:]", "a, b", "concat(a, b)"},
    {"an acceleration with friction", 4,
     "field f { state q: real[2]; layer force = mlp([2, 8, 2], tanh)\n q'' = force(q) - 0.3 * q' * "
     "norm(q')^2 "
     "}",
     "q = u[:2], q' = u[2:]", "q, v", "concat(q, v)"},
};

}  // namespace

TEST_CASE("log-determinants of fields of many kinds, and their gradients") {
  for (const Kind& kind : kinds) {
    CAPTURE(std::string(kind.name));
    const std::string n = std::to_string(kind.size);
    Problem problem(std::string("use nn\n") + kind.field + "\nmodel m {\n  data u: real[" + n + "]\n  let (" +
                    kind.final + ", ld) = solve f(" + kind.bind +
                    ") from 0 to 1 with logdet by dop853(rtol = 1e-10, atol = 1e-10, stops = [0.5])\n" +
                    "  output ld\n  output of_map = logabsdet(jacobian(" + kind.vector + ", u))\n" +
                    "  loss ld + sum(cos(" + kind.vector + "))\n}\n");
    constexpr int64_t count = 6;
    Array u{{count, kind.size}, {}};
    std::mt19937_64 engine(11);
    std::normal_distribution<double> normal;
    for (int64_t i = 0; i < count * kind.size; ++i) u.values.push_back(normal(engine));
    const Evaluation e = problem.evaluate({{"u", u}});
    CHECK(e.failures.empty());
    check_close(e.outputs.at("of_map"), e.outputs.at("ld").values, 1e-7, 1);
    double size = 0;
    for (const double ld : e.outputs.at("ld").values) size = std::fmax(size, std::fabs(ld));
    CHECK(size > 1e-3);
    const Result<GradientCheck> checked =
        problem.model().check_gradient(problem.bind({{"u", u}}), problem.weights(), 4);
    REQUIRE_MESSAGE(static_cast<bool>(checked), words(checked.diagnostics()));
    CHECK(checked->worst < 1e-6);
  }
}

TEST_CASE("a field that does not depend on its state has log-determinant 0, and so has an empty interval") {
  Problem problem(R"(
field drift { state z: real[2]; z' = [t, 1] }
field grow { state z: real; z' = z^2 }
model m {
  data x: real[2]
  let (_, ld) = solve drift(z = x) from 0 to 1 with logdet
  let (z, none) = solve grow(z = x[0]) from 2 to 2 with logdet
  output zero = [ld, none, z - x[0]]
}
)");
  check_close(problem.evaluate({{"x", vector({0.3, -2})}}).outputs.at("zero"), {0, 0, 0}, 0, 1);
}

}  // namespace nodec::conformance
