// Tensor expressions through the scheduler and the interpreter against the reference evaluator.
#include <doctest/doctest.h>

#include <random>

#include "compiler/graph/algebra.hpp"
#include "compiler/graph/op.hpp"
#include "tests/unit/lowered_batch.hpp"

namespace nodec {
namespace {

using graph::Element;
using graph::Environment;
using graph::Extent;
using graph::Graph;
using graph::Ref;
using graph::Tensor;
using graph::Type;
using test::check_against_reference;

const Extent T = Extent::length("T");

class Numbers {
 public:
  explicit Numbers(unsigned seed) : engine_(seed) {}
  double next() { return std::uniform_real_distribution<double>(-1.5, 1.5)(engine_); }
  int below(int n) { return static_cast<int>(engine_() % static_cast<unsigned>(n)); }
  Tensor tensor(std::vector<int64_t> shape) {
    Tensor t{std::move(shape), {}};
    int64_t size = 1;
    for (const int64_t n : t.shape) size *= n;
    for (int64_t i = 0; i < size; ++i) t.values.push_back(next());
    return t;
  }

 private:
  std::mt19937 engine_;
};

// y[T, 3], x[5], i an int per sample; A[5, 5], b[5] parameters; shared s[4].
std::vector<Environment> environments(int count, bool ragged, unsigned seed = 1) {
  Numbers numbers(seed);
  std::vector<Environment> samples(static_cast<size_t>(count));
  const Tensor a = numbers.tensor({5, 5}), b = numbers.tensor({5}), wide = numbers.tensor({7, 3}),
               s = numbers.tensor({4});
  for (int i = 0; i < count; ++i) {
    Environment& e = samples[static_cast<size_t>(i)];
    const int64_t length = ragged ? 1 + (i * 3) % 5 : 4;
    e.lengths["T"] = length;
    e.parameters = {{"A", a}, {"b", b}, {"wide", wide}};
    e.data = {{"y", numbers.tensor({length, 3})},
              {"x", numbers.tensor({5})},
              {"i", Tensor{{}, {static_cast<double>(i % 3)}}},
              {"s", s}};
    e.settings = {{"samples", static_cast<double>(count)}};
  }
  return samples;
}

struct Leaves {
  Graph g;
  Ref y = g.data("y", {{T, 3}}, false);
  Ref x = g.data("x", {{5}}, false);
  Ref i = g.data("i", {{}, Element::integer}, false);
  Ref s = g.data("s", {{4}}, true);
  Ref a = g.parameter("A", {{5, 5}});
  Ref b = g.parameter("b", {{5}});
  Ref wide = g.parameter("wide", {{7, 3}});
  Ref map(const char* name, std::vector<Ref> operands) { return graph::apply(g, name, std::move(operands)); }
};

size_t count(const std::string& text, const std::string& what) {
  size_t n = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

std::string function_of(const std::string& text, const std::string& name) {
  const size_t first = text.find("function " + name + "(");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find("\n}", first) - first);
}

TEST_CASE("elementwise, sums, slices and reshapes per sample") {
  for (const bool ragged : {false, true}) {
    CAPTURE(ragged);
    Leaves l;
    Graph& g = l.g;
    const Ref squares = graph::mul(g, l.y, l.y);
    const Ref total = graph::sum_all(g, squares);
    const Ref columns = graph::sum(g, l.map("tanh", {l.y}), {0});
    const Ref reversed =
        g.view(l.x, {.axes = {{.offset = 4, .terms = {{0, -1}}}}, .fill = false, .place = ""}, {5});
    const Ref table = g.reshape(graph::slice(g, l.x, 0, 1, 4), {2, 2});
    const Ref mean = graph::div(g, total, graph::to_real(g, g.length(T)));
    check_against_reference({{"squares", squares},
                             {"total", total},
                             {"columns", columns},
                             {"reversed", reversed},
                             {"table", graph::transpose(g, table, {1, 0})},
                             {"mean", mean},
                             {"padded", graph::pad(g, l.x, 0, 2, 1)},
                             {"stacked", graph::stack(g, {l.x, l.map("sin", {l.x})})},
                             {"row", graph::at(g, l.y, 0, T - Extent(1))},
                             {"flat", g.reshape(l.y, {T * Extent(3)})}},
                            environments(7, ragged));
  }
}

TEST_CASE("one matrix kernel with its bias for a layer") {
  Leaves l;
  Graph& g = l.g;
  const Ref layer = l.map("tanh", {graph::add(g, graph::matmul(g, l.a, l.x), l.b)});
  const Ref transposed = g.contract({"oi", "o"}, "i", {l.a, layer});
  const auto lowered =
      check_against_reference({{"layer", layer}, {"back", transposed}}, environments(6, false));
  const std::string pool = function_of(lowered.text, "pool");
  CHECK(count(pool, "contract ") == 2);
  CHECK(count(pool, "@b.") == 1);
  CHECK(count(function_of(lowered.text, "prologue"), "pack ") == 2);
}

TEST_CASE("the matrix kernel runs along a batch axis") {
  for (const bool ragged : {false, true}) {
    Leaves l;
    Graph& g = l.g;
    const Ref rows = g.contract({"ti", "oi"}, "to", {l.y, l.wide});
    const Ref columns = g.contract({"ti", "oi"}, "ot", {l.y, l.wide});
    const auto lowered = check_against_reference(
        {{"rows", rows},
         {"columns", columns},
         {"biased", graph::add(g, g.contract({"ti", "oi"}, "ot", {l.map("cos", {l.y}), l.wide}),
                               graph::expand(g, graph::at(g, l.wide, 1, 0), {0}, {7, T}))}},
        environments(6, ragged));
    CHECK(count(function_of(lowered.text, "pool"), "contract ") >= 2);
  }
}

TEST_CASE("sums over the batch store no sample's share of a matrix") {
  for (const bool ragged : {false, true}) {
    CAPTURE(ragged);
    Leaves l;
    Graph& g = l.g;
    const Ref h = l.map("tanh", {graph::add(g, graph::matmul(g, l.a, l.x), l.b)});
    const Ref gradient = g.batch_sum(g.contract({"o", "i"}, "oi", {h, l.x}));
    const Ref turned = g.batch_sum(g.contract({"o", "i"}, "io", {l.map("sin", {h}), l.x}));
    const Ref along = g.batch_sum(g.contract({"to", "ti"}, "oi", {l.map("sin", {l.y}), l.y}));
    const Ref both = g.batch_sum(graph::add(g, g.contract({"o", "i"}, "oi", {h, h}),
                                            graph::neg(g, g.contract({"o", "i"}, "oi", {l.x, h}))));
    const Ref placed = g.batch_sum(graph::pad(g, g.contract({"o", "i"}, "oi", {h, l.x}), 1, 1, 2));
    const Ref loss =
        graph::div(g, g.batch_sum(graph::sum_all(g, graph::mul(g, l.y, l.y))), g.setting("samples"));
    const auto lowered = check_against_reference({{"gradient", gradient},
                                                  {"turned", turned},
                                                  {"along", along},
                                                  {"both", both},
                                                  {"placed", placed},
                                                  {"bias", g.batch_sum(h)},
                                                  {"loss", loss}},
                                                 environments(7, ragged));
    const std::string pool = function_of(lowered.text, "pool");
    CHECK(count(pool, "outer ") == 6);
    // No frame of a matrix's size.
    CHECK(count(lowered.text, "real[25][lane] frame") == 0);
  }
}

TEST_CASE("run-time indices: in range, and reported with NaN outside") {
  Leaves l;
  Graph& g = l.g;
  const Ref picked = g.gather(l.x, {l.i});
  graph::View view{
      .axes = {{.offset = 0, .terms = {{0, 1}}, .dynamic = 1}}, .fill = false, .place = "m.node:3"};
  const Ref window = g.view(l.x, view, {3}, {l.i});
  const Ref placed = g.place(graph::slice(g, l.x, 0, 0, 3), view, {5}, {l.i});
  const Ref scattered =
      g.scatter_add(graph::slice(g, l.x, 0, 0, 2), {g.constant({3, 3}, {{2}, Element::integer})}, {5});
  const Ref spread = g.batch_sum(g.scatter_add(graph::at(g, l.x, 0, 1), {l.i}, {4}));
  auto samples = environments(6, false);
  check_against_reference({{"picked", picked},
                           {"window", window},
                           {"placed", placed},
                           {"scattered", scattered},
                           {"spread", spread}},
                          samples);
  samples[4].data["i"] = Tensor{{}, {3}};
  const auto lowered = check_against_reference({{"window", window}}, samples);
  const auto result = test::run(lowered.program, samples);
  CHECK(result.status[4].code == 4);
  CHECK(result.status[4].steps == 3);
  CHECK(lowered.program.interface.places.at(static_cast<size_t>(result.status[4].solve)) == "m.node:3");
  CHECK(result.status[3].code == 0);
}

TEST_CASE("reductions run over each sample's own length") {
  for (const bool ragged : {false, true}) {
    Leaves l;
    Graph& g = l.g;
    check_against_reference({{"max", g.reduce(l.y, graph::Reduction::max, {0})},
                             {"min", g.reduce(l.y, graph::Reduction::min, {0, 1})},
                             {"product", g.reduce(l.y, graph::Reduction::prod, {0})},
                             {"where", g.reduce(l.y, graph::Reduction::argmax, {0})},
                             {"ahead", g.concat({l.y, graph::slice(g, l.y, 0, 0, 1)}, 0)},
                             {"counted", graph::sum_all(g, graph::to_real(g, g.iota(T)))}},
                            environments(9, ragged));
  }
}

TEST_CASE("parameter expressions are computed once, before the samples") {
  Leaves l;
  Graph& g = l.g;
  const Ref k = l.map("exp", {g.contract({"oi", "ij"}, "oj", {l.a, l.a})});
  const Ref value = graph::matmul(g, k, l.x);
  const Ref after = graph::mul(g, g.batch_sum(value), graph::at(g, k, 0, 2));
  const auto lowered =
      check_against_reference({{"value", value},
                               {"k", k},
                               {"after", after},
                               {"shared", graph::add(g, graph::at(g, l.x, 0, 1), graph::at(g, l.s, 0, 3))}},
                              environments(5, false));
  CHECK(count(function_of(lowered.text, "pool"), " fma ") == 0);
}

TEST_CASE("a product in a sum is one multiply-add, a difference of products is rounded evenly") {
  Leaves l;
  Graph& g = l.g;
  const Ref x = graph::at(g, l.x, 0, 0), y = graph::at(g, l.x, 0, 1), z = graph::at(g, l.x, 0, 2);
  const Ref product = graph::mul(g, x, y);
  const auto lowered = check_against_reference({{"product", product},
                                                {"sum", graph::add(g, product, z)},
                                                {"less", graph::sub(g, product, z)},
                                                {"from", graph::sub(g, z, product)},
                                                {"both", graph::sub(g, product, graph::mul(g, z, z))}},
                                               environments(5, false));
  const std::string pool = function_of(lowered.text, "pool");
  CHECK(count(pool, " = fma ") == 3);
  CHECK(count(pool, " = sub ") == 1);
}

TEST_CASE("random expressions agree with the reference") {
  for (unsigned seed = 0; seed < 150; ++seed) {
    CAPTURE(seed);
    Numbers numbers(seed + 100);
    Leaves l;
    Graph& g = l.g;
    std::vector<Ref> vectors{l.x, l.b, graph::at(g, l.a, 0, 1), g.constant(0.5, {{5}})};
    std::vector<Ref> matrices{l.a, graph::expand(g, l.x, {0}, {5, 5})};
    std::vector<Ref> rows{l.y, graph::expand(g, graph::slice(g, l.x, 0, 1, 3), {1}, {T, 3})};
    const auto pick = [&](std::vector<Ref>& from) {
      return from[static_cast<size_t>(numbers.below(static_cast<int>(from.size())))];
    };
    const char* unary[] = {"tanh", "sin", "neg", "abs", "sigmoid"};
    const char* binary[] = {"add", "mul", "sub", "max"};
    for (int step = 0; step < 14; ++step) {
      switch (numbers.below(14)) {
        case 0:
          vectors.push_back(l.map(unary[numbers.below(5)], {pick(vectors)}));
          break;
        case 1:
          vectors.push_back(l.map(binary[numbers.below(4)], {pick(vectors), pick(vectors)}));
          break;
        case 2:
          vectors.push_back(graph::matmul(g, pick(matrices), pick(vectors)));
          break;
        case 3:
          matrices.push_back(l.map(binary[numbers.below(4)], {pick(matrices), pick(matrices)}));
          break;
        case 4:
          matrices.push_back(g.contract({"i", "j"}, "ij", {pick(vectors), pick(vectors)}));
          break;
        case 5:
          matrices.push_back(graph::transpose(g, pick(matrices), {1, 0}));
          break;
        case 6:
          rows.push_back(l.map(binary[numbers.below(4)], {pick(rows), pick(rows)}));
          break;
        case 7:
          rows.push_back(l.map(unary[numbers.below(5)], {pick(rows)}));
          break;
        case 8:
          vectors.push_back(graph::pad(g, graph::sum(g, pick(rows), {0}), 0, 1, 1));
          break;
        case 9:
          vectors.push_back(g.concat(
              {graph::slice(g, pick(vectors), 0, 2, 3), graph::slice(g, pick(vectors), 0, 0, 2)}, 0));
          break;
        case 10:
          rows.push_back(
              graph::expand(g, graph::slice(g, pick(vectors), 0, numbers.below(3), 3), {1}, {T, 3}));
          break;
        case 11:
          vectors.push_back(g.reduce(pick(matrices), graph::Reduction::max, {1}));
          break;
        case 12:
          vectors.push_back(g.contract({"ii"}, "i", {pick(matrices)}));
          break;
        case 13:
          rows.push_back(
              g.contract({"ti", "ij"}, "tj",
                         {pick(rows), graph::slice(g, graph::slice(g, pick(matrices), 0, 1, 3), 1, 2, 3)}));
          break;
      }
    }
    std::vector<graph::Output> results{{"v", vectors.back()},
                                       {"m", matrices.back()},
                                       {"r", graph::add(g, rows.back(), l.y)},
                                       {"vs", g.batch_sum(vectors.back())},
                                       {"ms", g.batch_sum(matrices.back())},
                                       {"rs", g.batch_sum(graph::sum(g, rows.back(), {0}))}};
    for (size_t i = 0; i < results.size(); ++i) {
      if (results[i].value->is(graph::Kind::batch_sum) &&
          results[i].value->operands[0]->base != graph::Base::sample)
        results[i].value = l.b;
    }
    check_against_reference(results, environments(6, seed % 2 == 1, seed), 1e-10,
                            {.lanes = seed % 3 == 0 ? 8 : 4});
  }
}

TEST_CASE("code does not grow with sizes") {
  size_t lines[2] = {0, 0};
  for (int n = 0; n < 2; ++n) {
    const int64_t size = n == 0 ? 32 : 512;
    Graph g;
    const Ref w = g.parameter("w", {{size, size}}), x = g.data("x", {{size}}, false);
    const Ref h = graph::apply(g, "tanh", {graph::matmul(g, w, x)});
    const Ref gradient = g.batch_sum(g.contract({"o", "i"}, "oi", {h, x}));
    Environment e;
    e.parameters["w"] = Tensor{{size, size}, std::vector<double>(static_cast<size_t>(size * size), 0.1)};
    const auto lowered = test::lower({{"h", h}, {"gradient", gradient}}, {e});
    lines[n] = count(lowered.text, "\n");
  }
  CHECK(lines[0] == lines[1]);
}

}  // namespace
}  // namespace nodec
