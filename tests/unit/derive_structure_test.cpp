// The structure of Jacobians: what is plain from an expression, and that it is the Jacobian.
#include "compiler/derive/structure.hpp"
#include "tests/unit/solve_fixtures.hpp"

using namespace nodec::testing;
using namespace nodec::derive;

namespace {

// What the structure is said to be, after checking its matrix against the dense Jacobian at a point.
std::string structure_of(const std::function<Ref(Graph&, Ref)>& field, int64_t n) {
  Graph g;
  const Ref z = g.parameter("z", real({n}));
  const Ref e = field(g, z);
  Refusal refusal;
  const Block block = structure(g, e, z, &refusal);
  REQUIRE_MESSAGE(!refusal, refusal.message);
  Environment sample;
  double x = 0.3;
  const auto some = [&](const std::vector<int64_t>& shape, int64_t size) {
    Tensor value{shape, {}};
    for (int64_t i = 0; i < size; ++i) value.values.push_back(x = 3.7 * x * (1 - x));
    return value;
  };
  for (Ref node : postorder(std::vector<Ref>{e})) {
    if (!node->is(Kind::parameter)) continue;
    std::vector<int64_t> shape;
    for (const Extent& extent : node->type.shape) shape.push_back(extent.value());
    sample.parameters[node->as<Leaf>().name] = some(shape, node->type.size().value());
  }
  if (!sample.parameters.count("z")) sample.parameters["z"] = some({n}, n);
  const Ref reference = g.reshape(jacobian(g, e, z, &refusal), {block.rows, block.columns});
  const Tensor expected = evaluate(reference, sample), given = evaluate(dense(g, block), sample);
  check_close(given, expected.values, 1e-13);
  const std::vector<bool> may = pattern(block);
  for (size_t i = 0; i < may.size(); ++i) CHECK((may[i] || expected.values[i] == 0));
  return describe(block);
}

Ref product(Graph& g, const char* name, int64_t rows, Ref x) {
  return matmul(g, g.parameter(name, real({rows, x->type.shape[0].value()})), x);
}

}  // namespace

TEST_CASE("the structure of a Jacobian is that of its expression") {
  CHECK(structure_of([](Graph& g, Ref) { return g.constant(1.0, real({9})); }, 9) == "0");
  CHECK(structure_of([](Graph& g, Ref z) { return apply(g, "tanh", {z}); }, 9) == "diagonal");
  CHECK(structure_of([](Graph& g, Ref z) { return product(g, "A", 9, z); }, 9) == "dense");
  CHECK(structure_of(
            [](Graph& g, Ref z) {
              return sub(g, product(g, "U", 9, apply(g, "tanh", {product(g, "W", 4, z)})), z);
            },
            9) == "diagonal + rank 4");
  // Wider than it is high: no rank is saved.
  CHECK(structure_of(
            [](Graph& g, Ref z) { return product(g, "U", 9, apply(g, "tanh", {product(g, "W", 20, z)})); },
            9) == "dense");
  CHECK(structure_of([](Graph& g, Ref z) { return mul(g, z, broadcast(g, sum_all(g, mul(g, z, z)), {9})); },
                     9) == "diagonal + rank 1");
  // A ring of neighbours.
  CHECK(structure_of(
            [](Graph& g, Ref z) {
              const Ref right = g.concat({slice(g, z, 0, 1, 8), slice(g, z, 0, 0, 1)}, 0);
              const Ref left = g.concat({slice(g, z, 0, 8, 1), slice(g, z, 0, 0, 8)}, 0);
              return add(g, sub(g, add(g, left, right), scale(g, 2, z)), apply(g, "sin", {z}));
            },
            9) == "5 diagonals");
  // q' = p, p' = −sin q − p: blocks.
  CHECK(structure_of(
            [](Graph& g, Ref z) {
              const Ref q = slice(g, z, 0, 0, 4), p = slice(g, z, 0, 4, 4);
              return g.concat({p, neg(g, add(g, apply(g, "sin", {q}), p))}, 0);
            },
            8) == "3 diagonals");
  // One row or one column.
  CHECK(structure_of([](Graph& g, Ref z) { return sum_all(g, mul(g, z, z)); }, 5) == "dense");
  CHECK(structure_of([](Graph& g, Ref z) { return at(g, z, 0, 3); }, 5) == "off-diagonal");
  // A part of the state.
  CHECK(structure_of(
            [](Graph& g, Ref z) { return pad(g, product(g, "A", 3, slice(g, z, 0, 1, 2)), 0, 2, 3); }, 8) ==
        "dense 3×2");
}

TEST_CASE("coefficients whose product is too small for a number leave nothing") {
  CHECK(structure_of(
            [](Graph& g, Ref z) {
              const Ref hidden = apply(g, "tanh", {scale(g, 1e-200, product(g, "W", 2, z))});
              return sub(g, product(g, "U", 9, scale(g, 1e-200, hidden)), z);
            },
            9) == "diagonal");
}

TEST_CASE("a matrix of any shape has a structure, if only a dense one") {
  Graph g;
  const Ref z = g.parameter("z", real({2, 3}));
  Refusal refusal;
  const Block block = structure(g, mul(g, z, z), z, &refusal);
  REQUIRE(!refusal);
  CHECK(describe(block) == "dense");
  Environment sample;
  sample.parameters["z"] = {{2, 3}, {1, 2, 3, 4, 5, 6}};
  const Tensor matrix = evaluate(dense(g, block), sample);
  for (size_t i = 0; i < 6; ++i)
    for (size_t j = 0; j < 6; ++j)
      CHECK(matrix.values[6 * i + j] == (i == j ? 2.0 * static_cast<double>(i + 1) : 0));
}
