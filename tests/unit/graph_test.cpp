#include <doctest/doctest.h>

#include <algorithm>

#include "compiler/graph/algebra.hpp"
#include "compiler/graph/op.hpp"

using namespace nodec::graph;

namespace {

const Type scalar{};
const Type integer{{}, Element::integer};

Type vector(const Extent& n) { return {{n}}; }

Tableau euler() {
  Tableau t;
  t.name = "euler";
  t.order = 1;
  t.c = {0};
  t.a = {{}};
  t.b = {1};
  normalize(t);
  return t;
}

std::vector<Ref> controls(Graph& g) {
  return std::vector<Ref>(static_cast<size_t>(Control::count), g.constant(1e-3));
}

// solve z' = f(t, z) from z0 over [0, 1]
template <class Field>
Ref solve(Graph& g, Ref z0, Field field) {
  auto v = g.variables({scalar, z0->type});
  SolveInfo info{.field = g.close(v, {field(v[0], v[1])}),
                 .states = {{.name = "z", .place = "f.node:1"}},
                 .tableau = g.tableau(euler()),
                 .field_name = "f",
                 .place = "f.node:2"};
  return g.solve(info, {z0}, g.constant(0), g.constant({0.5, 1}, vector(2)), controls(g));
}

std::vector<Ref> captured(Ref solve) {
  return {solve->operands.begin() + solve->as<SolveInfo>().frontier_operand(), solve->operands.end()};
}

std::string verdict(const Graph& g, Ref root) { return verify(g, std::vector<Output>{{"r", root}}); }

}  // namespace

TEST_CASE("extents are polynomials, and equal quotients are one extent") {
  Extent t = Extent::length("T"), n = Extent::length("N");
  CHECK(Extent(0).text() == "0");
  CHECK((Extent(2) * t * n - Extent(3)).text() == "2*N*T - 3");
  CHECK((t + n) * (t - n) == t * t - n * n);
  CHECK((t - t).is_constant());
  CHECK(floor_divide(Extent(4) * t + Extent(7), 4) == t + Extent(1));
  CHECK(floor_divide(t - Extent(3), 2) == floor_divide(t + Extent(1), 2) - Extent(2));
  CHECK(floor_divide(t, 2).text() == "T//2");
  CHECK((Extent(3) * floor_divide(t + Extent(1), 2)).text() == "3*((T + 1)//2)");
  CHECK(floor_divide(Extent(7), -2) == Extent(-4));
  Extent huge = Extent(INT64_MAX) * Extent(INT64_MAX);
  CHECK(huge.value() == INT64_MAX);  // saturates
}

TEST_CASE("an extent's value computes quotients that are not given") {
  Extent t = Extent::length("T");
  Extent nested = floor_divide(Extent(3) * floor_divide(t + Extent(1), 2) + t, 5);
  for (int64_t value = 0; value < 40; ++value) {
    CHECK(nested.evaluate({{"T", value}}) == (3 * ((value + 1) / 2) + value) / 5);
  }
  CHECK(floor_divide(t, 3).evaluate({{"T//3", 17}}) == 17);
}

TEST_CASE("equal expressions are one node, whatever the order of commutative operands") {
  Graph g;
  Ref a = g.parameter("a", vector(3)), b = g.data("b", vector(3), false), w = g.parameter("w", {{4, 3}});
  CHECK(add(g, a, b) == add(g, b, a));
  CHECK(sub(g, a, b) != sub(g, b, a));
  CHECK(matmul(g, w, b) == g.contract({"x", "yx"}, "y", {b, w}));
  CHECK(g.contract({"i", "j"}, "ij", {a, a}) == g.contract({"j", "i"}, "ij", {a, a}));
  CHECK(g.contract({"ij", "jk"}, "ik", {g.contract({"oi", "pi"}, "op", {w, w}), w}) ==
        g.contract({"ca", "bc"}, "ba", {w, g.contract({"oi", "pi"}, "op", {w, w})}));
  CHECK(g.parameter("a", vector(3)) == a);
  CHECK(g.data("a", vector(3), true) != a);
}

TEST_CASE("content hashes do not depend on what was built before") {
  auto build = [](Graph& g) {
    auto v = g.variables({scalar});
    return add(g, mul(g, v[0], g.parameter("p", scalar)), g.parameter("q", scalar));
  };
  Graph g, h;
  for (int i = 0; i < 10; ++i) h.variables({scalar, vector(2)});
  Ref x = build(g), y = build(h);
  CHECK(x->order == y->order);
  CHECK(g.close({g.variables({scalar})[0]}, {x})->results[0]->order == y->order);
}

TEST_CASE("the base is the slowest operand's, and only batch_sum lowers it") {
  Graph g;
  Ref c = g.constant(2), p = g.parameter("p", scalar), s = g.data("s", scalar, false);
  CHECK(c->base == Base::constant);
  CHECK(mul(g, c, p)->base == Base::parameter);
  CHECK(mul(g, p, s)->base == Base::sample);
  CHECK(g.data("shared", scalar, true)->base == Base::parameter);
  CHECK(g.batch_sum(mul(g, p, s))->base == Base::parameter);
  CHECK(g.batch_sum(g.constant(0)) == g.constant(0));
  CHECK(g.batch_sum(c) != c);
}

TEST_CASE("alpha-equal lambdas are one pointer, at any depth") {
  Graph g;
  Ref x = g.data("x", vector(2), false);
  auto inner = [&](Ref outer) {
    return g.part(solve(g, x, [&](Ref t, Ref z) { return mul(g, add(g, z, outer), t); }), 0);
  };
  auto nest = [&](bool swapped) {
    auto v = g.variables({vector(2)});
    Ref body = at(g, inner(v[0]), 0, 1);
    return g.close(v, {swapped ? add(g, v[0], body) : add(g, body, v[0])});
  };
  CHECK(nest(false) == nest(true));
  CHECK(nest(false)->height == 2);
  auto a = g.variables({scalar, scalar}), b = g.variables({scalar, scalar});
  CHECK(g.close(a, {sub(g, a[0], a[1])}) == g.close(b, {sub(g, b[0], b[1])}));
  CHECK(g.close(a, {sub(g, a[0], a[1])}) != g.close(b, {sub(g, b[1], b[0])}));
  auto p = g.variables({scalar, scalar}, Base::parameter);
  CHECK(g.close(p, {sub(g, p[0], p[1])}) != g.close(b, {sub(g, b[0], b[1])}));
}

TEST_CASE("a variable of an outer lambda is not captured by an inner one") {
  Graph g;
  auto difference = [&](bool swapped) {
    auto outer = g.variables({scalar});
    Ref inside =
        g.part(solve(g, g.constant(1),
                     [&](Ref, Ref z) { return swapped ? sub(g, outer[0], z) : sub(g, z, outer[0]); }),
               0);
    return g.close(outer, {at(g, inside, 0, 0)});
  };
  CHECK(difference(false) != difference(true));
  const Lambda* lambda = difference(false);
  Graph::Opened once = g.open(lambda), twice = g.open(lambda);
  CHECK(once.variables[0] != twice.variables[0]);
  CHECK(once.results[0] != twice.results[0]);
  CHECK(once.results[0]->free == std::vector<int>{once.variables[0]->as<Variable>().binder});
  CHECK(g.close(once.variables, once.results) == lambda);
}

TEST_CASE("a frontier is what a lambda captures, hoisted, and expansions sink to their source") {
  Graph g;
  Ref w = g.parameter("w", {{3, 3}}), x = g.data("x", scalar, false);
  Ref hoisted = matmul(g, w, w);
  Ref s = solve(g, g.constant(1, vector(3)), [&](Ref t, Ref z) {
    Ref y = matmul(g, hoisted, apply(g, "tanh", {z}));
    return add(g, add(g, y, broadcast(g, apply(g, "exp", {x}), {3})),
               mul(g, t, g.constant({1, 2, 3}, vector(3))));
  });
  std::vector<Ref> frontier = captured(s);
  REQUIRE(frontier.size() == 2);
  CHECK(std::count(frontier.begin(), frontier.end(), hoisted) == 1);
  CHECK(std::count(frontier.begin(), frontier.end(), apply(g, "exp", {x})) == 1);
  CHECK(s->base == Base::sample);
  CHECK(verdict(g, g.part(s, 0)) == "");
}

TEST_CASE("a slice of what is captured is hoisted as a slice") {
  Graph g;
  Ref w = g.parameter("w", vector(100));
  Ref row = slice(g, w, 0, 10, 2);
  Ref s = solve(g, g.constant(1, vector(2)), [&](Ref, Ref z) { return mul(g, z, row); });
  CHECK(captured(s) == std::vector<Ref>{row});
}

TEST_CASE("substitution reaches into lambdas and finds the frontier anew") {
  Graph g;
  Ref p = g.parameter("p", scalar), q = g.data("q", scalar, false);
  auto build = [&](Ref factor) {
    return g.part(solve(g, g.constant(1), [&](Ref t, Ref z) { return mul(g, factor, add(g, z, t)); }), 0);
  };
  Ref with_p = build(p), with_q = build(q);
  CHECK(g.substitute({with_p}, {{p, q}})[0] == with_q);
  CHECK(g.substitute({with_p}, {{q, p}})[0] == with_p);
  CHECK(g.substitute({with_p}, {{p, g.constant(0)}})[0] == build(g.constant(0)));
  Ref nested = g.substitute({with_p}, {{p, at(g, with_q, 0, 1)}})[0];
  CHECK(verdict(g, nested) == "");
}

TEST_CASE("a chain of 100 000 nodes closes, opens, prints and verifies without recursion") {
  Graph g;
  auto v = g.variables({scalar});
  Ref x = v[0], p = g.parameter("p", scalar);
  for (int i = 0; i < 50000; ++i) x = apply(g, "tanh", {add(g, x, p)});
  const Lambda* lambda = g.close(v, {x});
  Graph::Opened opened = g.open(lambda);
  CHECK(g.close(opened.variables, opened.results) == lambda);
  Ref root = g.substitute({opened.results[0]}, {{opened.variables[0], p}})[0];
  CHECK(postorder(std::span(&root, 1)).size() == 100001);
  CHECK(verdict(g, root) == "");
  CHECK(print(std::vector<Output>{{"x", root}}).size() > 1000000);
}

// Time that grew with the square of the nodes would be minutes here.
TEST_CASE("closing 100 000 nodes over each of three variables keeps every node, in linear time") {
  Graph g;
  auto i = g.variables({scalar}), j = g.variables({scalar}), k = g.variables({scalar});
  Ref x = k[0];
  for (int n = 0; n < 100000; ++n) x = n % 2 ? apply(g, "tanh", {x}) : add(g, x, n % 5 ? i[0] : j[0]);
  for (const auto& variables : {i, j, k}) CHECK(postorder(g.close(variables, {x})->results).size() == 100003);
}

TEST_CASE("text is SSA, a lambda's body under its node") {
  Graph g;
  Ref w = g.parameter("W", {{2, 2}});
  Ref s = solve(g, g.data("z0", vector(2), false),
                [&](Ref, Ref z) { return apply(g, "tanh", {matmul(g, w, z)}); });
  CHECK(
      print(std::vector<Output>{{"z", g.part(s, 0)}}) ==
      "%0 = data \"z0\" : real[2] @sample\n"
      "%1 = constant [0.5, 1] : real[2] @constant\n"
      "%2 = parameter \"W\" : real[2, 2] @parameter\n"
      "%3 = solve f by euler adaptive adjoint checkpoint (z = %0) from 0 at %1 (rtol = 0.001, atol = 0.001, "
      "step = "
      "0.001, max_steps = 0.001, safety = 0.001, min_factor = 0.001, max_factor = 0.001, adjoint_rtol = "
      "0.001, "
      "adjoint_atol = 0.001) frontier (%2) : (real[2, 2]) @sample lambda #0 ($1.0 : real, $1.1 : real[2]) {\n"
      "  %4 = contract \"ij,j->i\" %2 $1.1 : real[2] @sample\n"
      "  %5 = tanh %4 : real[2] @sample\n"
      "  return %5\n"
      "}\n"
      "%6 = part 0 %3 : real[2, 2] @sample\n"
      "output \"z\" = %6 : real[2, 2] @sample\n");
}

TEST_CASE("the verifier names what does not hold") {
  Graph g;
  Ref x = g.parameter("x", vector(3)), y = g.parameter("y", vector(4)), i = g.data("i", integer, false);
  auto v = g.variables({scalar});
  auto wrong = [&](Ref root, const std::string& what) {
    CAPTURE(what);
    CHECK(verdict(g, root).find(what) != std::string::npos);
  };
  wrong(g.map(op("add"), {x, y}), "operand of another shape");
  wrong(g.map(op("add"), {i, i}), "elements do not fit");
  wrong(g.contract({"i", "i"}, "", {x, y}), "one label for different extents");
  wrong(slice(g, x, 0, 2, 5), "index out of range on axis 0");
  wrong(g.reshape(x, {2, 2}), "number of elements changes");
  wrong(g.parameter("p", vector(Extent::length("T"))), "parameter of a run-time extent");
  wrong(apply(g, "exp", {v[0]}), "depends on a variable");
  wrong(g.gather(x, {apply(g, "exp", {x})}), "index of a wrong type");
  wrong(g.part(solve(g, x, [&](Ref, Ref) { return y; }), 0), "derivative differs from its state's type");
  wrong(g.part(solve(g, g.constant(1),
                     [&](Ref, Ref z) {
                       return at(g, g.part(solve(g, z, [&](Ref, Ref y) { return y; }), 0), 0, 0);
                     }),
               0),
        "a solve inside a field");
}
