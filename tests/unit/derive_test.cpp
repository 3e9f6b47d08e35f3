#include "compiler/derive/derive.hpp"

#include "tests/unit/solve_fixtures.hpp"

using namespace nodec::testing;
using namespace nodec::derive;

namespace {

Environment parameters(std::map<std::string, Tensor> values) {
  Environment sample;
  sample.parameters = std::move(values);
  return sample;
}

Ref gradient_of(Graph& g, Ref e, Ref x) {
  Refusal refusal;
  const Ref result = gradient(g, e, x, &refusal);
  REQUIRE_MESSAGE(!refusal, refusal.message);
  return result;
}

std::string refused(Graph& g, Ref e, Ref x) {
  Refusal refusal;
  gradient(g, e, x, &refusal);
  return refusal.message;
}

}  // namespace

TEST_CASE("what does not depend on a variable has a gradient of zero") {
  Graph g;
  const Ref x = g.parameter("x", real({3})), y = g.parameter("y", {});
  const Ref z = gradient_of(g, y, x);
  CHECK(z->is_splat(0));
  CHECK(z->type == x->type);
}

TEST_CASE("the branch of where that is not taken contributes nothing, whatever its derivative is") {
  Graph g;
  const Ref x = g.parameter("x", real({3})), y = g.parameter("y", real({3}));
  const Ref zero = g.constant(0.0, real({3}));
  const Ref positive = apply(g, "less", {zero, x});
  const Environment sample = parameters({{"x", vector_of({-1, 0, 4})}, {"y", vector_of({2, 2, 2})}});
  check_close(
      evaluate(gradient_of(g, sum_all(g, where(g, positive, apply(g, "sqrt", {x}), zero)), x), sample),
      {0, 0, 0.25}, 1e-15);
  const Ref quotient = where(g, positive, mul(g, div(g, g.constant(1.0), x), y), zero);
  check_close(evaluate(gradient_of(g, sum_all(g, quotient), x), sample), {0, 0, -0.125}, 1e-15);
  check_close(evaluate(gradient_of(g, sum_all(g, quotient), y), sample), {0, 0, 0.25}, 1e-15);
  // A contraction with what is infinite where the branch is not taken.
  const Ref kept = where(g, positive, div(g, g.constant(1.0), x), zero);
  const Ref weighed =
      where(g, apply(g, "less", {zero, y}), g.contract({"i", "i"}, "i", {apply(g, "log", {x}), y}), kept);
  const Environment other = parameters({{"x", vector_of({1, 0, 4})}, {"y", vector_of({2, -2, 2})}});
  check_close(evaluate(gradient_of(g, sum_all(g, weighed), y), other), {0, 0, std::log(4)}, 1e-15);
}

TEST_CASE("ties of max share the cotangent, over axes and elementwise") {
  Graph g;
  const Ref x = g.parameter("x", real({4})), a = g.parameter("a", {}), b = g.parameter("b", {});
  const Environment sample =
      parameters({{"x", vector_of({1, 3, 3, 2})}, {"a", Tensor::scalar(2)}, {"b", Tensor::scalar(2)}});
  check_close(evaluate(gradient_of(g, g.reduce(x, Reduction::max, {0}), x), sample), {0, 0.5, 0.5, 0}, 0);
  check_close(evaluate(gradient_of(g, apply(g, "max", {a, b}), a), sample), {0.5}, 0);
}

TEST_CASE("the derivative of a product is right where factors are zero") {
  Graph g;
  const Ref x = g.parameter("x", real({2, 3}));
  const Ref e = sum_all(g, g.reduce(x, Reduction::prod, {1}));
  const Environment sample = parameters({{"x", {{2, 3}, {2, 0, 5, 0, 0, 7}}}});
  check_close(evaluate(gradient_of(g, e, x), sample), {0, 10, 0, 0, 0, 0}, 0);
  const Ref columns = sum_all(g, g.reduce(x, Reduction::prod, {0}));
  check_close(evaluate(gradient_of(g, columns, x), sample), {0, 0, 7, 2, 0, 5}, 0);
}

TEST_CASE("stop_gradient hides its operand, integers have no cotangent") {
  Graph g;
  const Ref x = g.parameter("x", {});
  CHECK(gradient_of(g, apply(g, "stop_gradient", {mul(g, x, x)}), x)->is_splat(0));
  CHECK(gradient_of(g, to_real(g, apply(g, "to_integer", {x})), x)->is_splat(0));
}

TEST_CASE("a variable counts as independent of what it was made of") {
  Graph g;
  const Ref x = g.parameter("x", {}), y = mul(g, x, x), e = mul(g, x, y);
  const Environment sample = parameters({{"x", Tensor::scalar(3)}});
  Refusal refusal;
  const auto both = vjp(g, {e}, {g.constant(1.0)}, {x, y}, &refusal);
  CHECK(evaluate(both[0], sample).values[0] == 9);
  CHECK(evaluate(both[1], sample).values[0] == 3);
}

TEST_CASE("crossing from samples to parameters is a sum over the batch, once") {
  Graph g;
  const Ref w = g.parameter("w", {}), x = g.data("x", {}, false);
  const Ref loss = add(g, apply(g, "sin", {mul(g, w, x)}), mul(g, w, w));
  const Ref objective = div(g, g.batch_sum(loss), g.setting("batch"));
  Refusal refusal;
  const Ref w_bar = vjp(g, {objective}, {g.constant(1.0)}, {w}, &refusal)[0];
  REQUIRE(!refusal);
  CHECK(w_bar->base == Base::parameter);
  // What is one value for all samples is multiplied by their number, not summed.
  for (Ref node : postorder(std::vector<Ref>{w_bar}))
    if (node->is(Kind::batch_sum)) CHECK(node->operands[0]->base == Base::sample);
  std::vector<Environment> samples(3);
  double expected = 0;
  for (size_t i = 0; i < samples.size(); ++i) {
    samples[i].parameters["w"] = Tensor::scalar(0.3);
    const double value = 1.0 + static_cast<double>(i);
    samples[i].data["x"] = Tensor::scalar(value);
    expected += (value * std::cos(0.3 * value) + 2 * 0.3) / 3;
  }
  const std::vector<Ref> roots{w_bar};
  CHECK(evaluate(roots, samples)[0][0].values[0] == doctest::Approx(expected).epsilon(1e-14));
  // One sample's own derivative is not summed.
  CHECK(gradient_of(g, loss, w)->base == Base::sample);
}

TEST_CASE("a pullback of a layer is the textbook's") {
  Graph g;
  const Ref z = g.parameter("z", real({2})), w1 = g.parameter("W1", real({50, 2})),
            b1 = g.parameter("b1", real({50}));
  const Ref w2 = g.parameter("W2", real({2, 50})), b2 = g.parameter("b2", real({2}));
  const Ref kappa = g.parameter("k", real({2}));
  const Ref cube = mul(g, mul(g, z, z), z);
  const Ref e = add(g, matmul(g, w2, apply(g, "tanh", {add(g, matmul(g, w1, cube), b1)})), b2);
  Refusal refusal;
  const auto pulled = vjp(g, {e}, {kappa}, {z, w1, b1, w2, b2}, &refusal);
  REQUIRE(!refusal);
  CHECK(pulled[4] == kappa);
  std::vector<Output> outputs{{"z", pulled[0]}, {"W1", pulled[1]}, {"b1", pulled[2]}, {"W2", pulled[3]}};
  INFO(print(outputs));
  // Forward: one contraction that the pullback reads (W1 z³). Backward: W2ᵀκ, W1ᵀ(…), two outer products.
  // Elementwise: z², z³, + b1, tanh; h², 1 − h², ⊙, 3z², ⊙.
  size_t contractions = 0, elementwise = 0;
  std::vector<Ref> roots(pulled);
  for (Ref node : postorder(roots)) {
    contractions += node->is(Kind::contract);
    elementwise += node->is(Kind::map);
  }
  CHECK(contractions == 5);
  CHECK(elementwise == 9);
}

TEST_CASE("the derivative of a power is one product") {
  Graph g;
  const Ref z = g.parameter("z", real({2})), kappa = g.parameter("k", real({2}));
  Refusal refusal;
  for (int n = 2; n <= 7; ++n) {
    Ref power = z;
    for (int i = 1; i < n; ++i) power = mul(g, power, z);
    const Ref pulled = vjp(g, {power}, {kappa}, {z}, &refusal)[0];
    INFO(n << ": " << print(std::vector<Output>{{"z", pulled}}));
    CHECK(pulled->as<Map>().op->name == "mul");
    CHECK((pulled->operands[0] == kappa || pulled->operands[1] == kappa));
    const Environment sample = parameters({{"z", vector_of({-1.5, 0})}, {"k", vector_of({2, 3})}});
    check_close(evaluate(pulled, sample), {2 * n * std::pow(-1.5, n - 1), 0}, 1e-15);
    check_close(evaluate(jvp(g, {power}, {z}, {kappa}, &refusal)[0], sample),
                {2 * n * std::pow(-1.5, n - 1), 0}, 1e-15);
    check_close(evaluate(divergence(g, power, z, &refusal), sample), {n * std::pow(-1.5, n - 1)}, 1e-15);
  }
}

TEST_CASE("the trace of a layered field is one product over its hidden units") {
  Graph g;
  const Ref z = g.variables({real({2})})[0];
  const Ref w1 = g.parameter("W1", real({64, 2})), w2 = g.parameter("W2", real({64, 64})),
            w3 = g.parameter("W3", real({2, 64}));
  const auto hidden = [&](Ref w, Ref x) { return apply(g, "tanh", {matmul(g, w, x)}); };
  Refusal refusal;
  const Ref one = divergence(g, matmul(g, w3, hidden(w1, z)), z, &refusal);
  REQUIRE(!refusal);
  const Ref two = divergence(g, matmul(g, w3, hidden(w2, hidden(w1, z))), z, &refusal);
  REQUIRE(!refusal);
  // Per evaluation, only what follows from z: nothing with the axes of z is left in the trace itself.
  int64_t largest = 0;
  for (Ref node : postorder(std::vector<Ref>{one}))
    if (!node->free.empty()) largest = std::max(largest, node->type.size().value());
  CHECK(largest == 64);
  size_t matrices = 0;
  for (Ref node : postorder(std::vector<Ref>{two})) matrices += !node->free.empty() && node->type.rank() == 2;
  INFO(print(std::vector<Output>{{"trace", two}}));
  CHECK(matrices == 0);
}

TEST_CASE("what a Hamiltonian's equations contribute to the trace cancels, in one state or two") {
  Graph g;
  const Ref q = g.variables({real({3})})[0], p = g.variables({real({3})})[0];
  const Ref w1 = g.parameter("W1", real({8, 6})), w2 = g.parameter("W2", real({5, 8})),
            w3 = g.parameter("W3", real({5}));
  const auto energy = [&](Ref z) {
    const Ref hidden = apply(g, "tanh", {matmul(g, w1, z)});
    return dot(g, w3, apply(g, "softplus", {matmul(g, w2, hidden)}));
  };
  Refusal refusal;
  const Ref two = energy(g.concat({q, p}, 0));
  CHECK(
      divergence(g, {gradient(g, two, p, &refusal), neg(g, gradient(g, two, q, &refusal))}, {q, p}, &refusal)
          ->is_splat(0));
  const Ref z = g.variables({real({6})})[0];
  const Ref slope = gradient(g, energy(z), z, &refusal);
  const Ref turned = g.concat({slice(g, slope, 0, 3, 3), neg(g, slice(g, slope, 0, 0, 3))}, 0);
  CHECK(divergence(g, turned, z, &refusal)->is_splat(0));
  CHECK(!refusal);
  // The Laplacian of the same energy is not zero.
  CHECK(!divergence(g, slope, z, &refusal)->is_splat(0));
}

TEST_CASE("the trace of branches: what is not finite where it is not taken stays hidden") {
  Graph g;
  const Ref z = g.parameter("z", real({2})), w = g.parameter("W", real({3, 2})),
            v = g.parameter("V", real({2, 3}));
  const Ref u = matmul(g, w, z);
  const Ref branch =
      where(g, apply(g, "less", {u, g.constant(100.0, u->type)}), mul(g, u, u), apply(g, "exp", {u}));
  Refusal refusal;
  const Ref trace = divergence(g, matmul(g, v, branch), z, &refusal);
  REQUIRE(!refusal);
  // exp overflows at 800, where it would be taken, and is not at −800 or 1.
  const Environment sample = parameters({{"z", vector_of({1, 1})},
                                         {"W", {{3, 2}, {-1000, 200, 1, 0, 0.5, -0.25}}},
                                         {"V", {{2, 3}, {1, 2, 3, 4, 5, 6}}}});
  // Σ_h 2 u_h Σ_d V[d,h] W[h,d]
  const double expected =
      2 * -800 * (1 * -1000 + 4 * 200) + 2 * 1 * (2 * 1) + 2 * 0.25 * (3 * 0.5 + 6 * -0.25);
  check_close(evaluate(trace, sample), {expected}, 1e-14);
}

TEST_CASE("the trace of slices, paddings, repetitions and diagonals is by indices alone") {
  const auto largest = [](int64_t n) {
    Graph g;
    const Ref z = g.variables({real({n})})[0];
    const Ref turned = g.concat({slice(g, z, 0, 1, n - 1), slice(g, z, 0, 0, 1)}, 0);
    const Ref padded = pad(g, slice(g, mul(g, z, z), 0, 2, n - 4), 0, 2, 2);
    const Ref repeated = broadcast(g, at(g, z, 0, 3), {Extent(n)});
    Refusal refusal;
    const Ref trace =
        divergence(g, add(g, add(g, turned, mul(g, padded, z)), mul(g, repeated, z)), z, &refusal);
    REQUIRE(!refusal);
    int64_t size = 0;
    for (Ref node : postorder(std::vector<Ref>{trace})) size = std::max(size, node->type.size().value());
    return size;
  };
  CHECK(largest(500) == 500);
}

TEST_CASE("a whole derivative of more axes than there are labels is refused, not zero") {
  Graph g;
  const Ref x = g.parameter("x", real(std::vector<Extent>(28, 1)));
  Refusal refusal;
  jacobian(g, g.reduce(x, Reduction::prod, {0}), x, &refusal);
  CHECK(refusal);
  refusal = {};
  jacobian(g, apply(g, "tanh", {x}), x, &refusal);
  CHECK(!refusal);
}

TEST_CASE("jacobians do not grow with the number of elements") {
  const auto nodes = [](int64_t d) {
    Graph g;
    const Ref z = g.parameter("z", real({d})), w = g.parameter("W", real({d, d}));
    Refusal refusal;
    const Ref e = g.concat({matmul(g, w, apply(g, "tanh", {z})), z}, 0);
    return postorder(std::vector<Ref>{jacobian(g, e, z, &refusal)}).size();
  };
  CHECK(nodes(4) == nodes(400));
}

TEST_CASE("elements taken by a run-time index give their cotangent back to where they were taken") {
  Graph g;
  const Ref x = g.parameter("x", real({4})), i = g.data("i", {{}, Element::integer}, false);
  View window;
  window.axes = {{Extent(0), {{0, 1}}, 1}};
  const Ref taken = g.view(x, window, {Extent(2)}, {i});
  Environment sample = parameters({{"x", vector_of({1, 2, 3, 4})}});
  sample.data["i"] = Tensor::scalar(1);
  check_close(evaluate(gradient_of(g, sum_all(g, mul(g, taken, taken)), x), sample), {0, 4, 6, 0}, 0);
  Refusal refusal;
  const Ref matrix = jacobian(g, taken, x, &refusal);
  check_close(evaluate(matrix, sample), {0, 1, 0, 0, 0, 0, 1, 0}, 0);
}

TEST_CASE("derivatives nest: a Hamiltonian's field, its divergence, its Hessian") {
  Graph g;
  const Ref z = g.parameter("z", real({2})), w = g.parameter("W", real({5, 2}));
  const Ref energy = sum_all(g, apply(g, "softplus", {matmul(g, w, apply(g, "sin", {z}))}));
  Refusal refusal;
  const Ref slope_of = gradient_of(g, energy, z);
  const Ref hessian = jacobian(g, slope_of, z, &refusal);
  REQUIRE_MESSAGE(!refusal, refusal.message);
  const Environment sample =
      parameters({{"z", vector_of({0.3, -0.8})}, {"W", {{5, 2}, {1, 2, -1, 0.5, 0.2, 1, -2, 1, 0.7, -0.6}}}});
  const Tensor h = evaluate(hessian, sample);
  CHECK(h.values[1] == doctest::Approx(h.values[2]).epsilon(1e-14));
  for (size_t i = 0; i < 2; ++i)
    for (size_t j = 0; j < 2; ++j)
      CHECK(h.values[2 * i + j] == doctest::Approx(slope([&](double step) {
                                     Environment moved = sample;
                                     moved.parameters["z"].values[j] += step;
                                     return evaluate(slope_of, moved).values[i];
                                   })).epsilon(1e-8));
  const Ref field = stack(g, {at(g, slope_of, 0, 1), neg(g, at(g, slope_of, 0, 0))});
  CHECK(std::abs(evaluate(divergence(g, field, z, &refusal), sample).values[0]) < 1e-14);
}

TEST_CASE("expressions of many nodes in a row are differentiated both ways") {
  Graph g;
  const Ref x = g.parameter("x", {});
  Ref e = x;
  for (int i = 0; i < 20000; ++i) e = apply(g, "sin", {e});
  const Environment sample = parameters({{"x", Tensor::scalar(0.5)}});
  Refusal refusal;
  const double reverse = evaluate(gradient_of(g, e, x), sample).values[0];
  const double forward = evaluate(jvp(g, {e}, {x}, {g.constant(1.0)}, &refusal)[0], sample).values[0];
  CHECK(reverse > 0);
  CHECK(forward == doctest::Approx(reverse).epsilon(1e-10));
}

TEST_CASE("what has no derivative is refused by name") {
  Graph g;
  const Ref x = g.parameter("x", {});
  CHECK(refused(g, apply(g, "trigamma", {x}), x) ==
        "derivative of trigamma: the tetragamma function is not provided");
}

TEST_CASE("derivatives of a solve: forward, second and third agree with its closed form") {
  Graph g;
  const Ref x = g.parameter("x", {});
  // z' = −z², z(1) = x/(1 + x)
  const Field field = [&](Ref, const std::vector<Ref>& z) -> std::vector<Ref> {
    return {neg(g, mul(g, z[0], z[0]))};
  };
  SolveOptions options;
  options.rule = StepRule::adaptive;
  const Ref y =
      at(g, g.part(solve(g, field, {x}, g.constant(0.0), g.constant({1}, real({1})), options), 0), 0, 0);
  const Environment sample = parameters({{"x", Tensor::scalar(0.7)}});
  Refusal refusal;
  const Ref forward = jvp(g, {y}, {x}, {g.constant(2.0)}, &refusal)[0];
  const Ref first = gradient_of(g, y, x), second = gradient_of(g, first, x);
  const Ref along = jvp(g, {first}, {x}, {g.constant(1.0)}, &refusal)[0];
  const Ref third = jvp(g, {second}, {x}, {g.constant(1.0)}, &refusal)[0];
  REQUIRE(refusal.message.empty());
  for (const auto& [value, expected] :
       {std::pair{forward, 2 / (1.7 * 1.7)}, std::pair{first, 1 / (1.7 * 1.7)},
        std::pair{second, -2 / (1.7 * 1.7 * 1.7)}, std::pair{along, -2 / (1.7 * 1.7 * 1.7)},
        std::pair{third, 6 / (1.7 * 1.7 * 1.7 * 1.7)}}) {
    CHECK(evaluate(value, sample).values[0] == doctest::Approx(expected).epsilon(1e-9));
  }
}

TEST_CASE("a recurrence: values, gradient and second derivative agree with its closed form") {
  Graph g;
  const Ref x = g.parameter("x", {});
  // z ← x·z, five times from 3
  const std::vector<Ref> variables = g.variables({Type{}, Type{}});
  SolveInfo info{};
  info.field = g.close(variables, {mul(g, x, variables[1])});
  info.states.push_back({"z", "test.node:1"});
  info.rule = StepRule::recurrence;
  info.initial_observed = true;
  const std::vector<Ref> controls(static_cast<size_t>(Control::count), g.constant(0.0));
  const Ref node = g.solve(info, {g.constant(3.0)}, g.constant(0.0), to_real(g, g.iota(6)), controls);
  const Ref y = at(g, g.part(node, 0), 0, 5);
  const std::vector<Output> outputs{{"y", y}, {"slope", gradient_of(g, y, x)}};
  CHECK(verify(g, outputs).empty());
  const Environment sample = parameters({{"x", Tensor::scalar(1.1)}});
  CHECK(evaluate(y, sample).values[0] == doctest::Approx(3 * std::pow(1.1, 5)).epsilon(1e-14));
  CHECK(evaluate(outputs[1].value, sample).values[0] ==
        doctest::Approx(15 * std::pow(1.1, 4)).epsilon(1e-14));
  Refusal refusal;
  const Ref bend = jvp(g, {outputs[1].value}, {x}, {g.constant(1.0)}, &refusal)[0];
  CHECK(evaluate(bend, sample).values[0] == doctest::Approx(60 * std::pow(1.1, 3)).epsilon(1e-13));
}
