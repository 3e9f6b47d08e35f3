// What the equations of a page say is what the graph computes: each is evaluated as it is written.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <map>
#include <random>
#include <unordered_set>

#include "compiler/notation/derivatives.hpp"
#include "compiler/notation/page.hpp"
#include "tests/unit/written_formula.hpp"

using namespace nodec::notation;
using nodec::graph::Ref;
using nodec::graph::Tensor;
using nodec::notation::testing::Reader;

namespace {

std::string written(const Formula& f) { return text_writer().write(f); }

double largest(const Tensor& x) {
  double most = 1;
  for (const double one : x.values) most = std::max(most, std::fabs(one));
  return most;
}

// Reads the page of a field with random values, and compares what the graph gives.
void check(const std::string& text, bool logdet = false) {
  INFO(text);
  nodec::semantics::test::Program program(text);
  INFO(program.rendered);
  REQUIRE(program.module);
  nodec::graph::Graph& g = program.module->graph;
  const nodec::semantics::Field& source = program.module->fields.at(0);
  Field field;
  field.name = source.name;
  field.time = source.variables[0];
  field.logdet = logdet;
  for (size_t i = 0; i < source.states.size(); ++i)
    field.states.push_back({source.states[i].name, source.variables[1 + i]});
  std::unordered_map<Ref, Ref> inputs;
  for (size_t i = 0; i < source.inputs.size(); ++i) {
    const Ref node = g.data(source.inputs[i].name, source.inputs[i].type, false);
    inputs[source.variables[1 + source.states.size() + i]] = node;
    field.inputs.push_back({source.inputs[i].name, node});
  }
  field.derivatives = g.substitute(source.derivatives, inputs);
  for (const nodec::semantics::ParameterDecl& p : source.parameters)
    field.parameters.push_back({p.path, g.parameter(p.path, p.type)});

  const Derivatives d = differentiate(g, field);
  REQUIRE(d.refusal == "");
  Derivation derivation;
  const Page page = explain(d, field, derivation);

  std::mt19937_64 engine(7);
  std::normal_distribution<double> normal(0, 0.6);
  const auto random = [&](const nodec::graph::Type& type) {
    Tensor x;
    int64_t size = 1;
    for (const nodec::graph::Extent& e : type.shape) {
      x.shape.push_back(e.value());
      size *= e.value();
    }
    for (int64_t i = 0; i < size; ++i) x.values.push_back(normal(engine));
    return x;
  };
  Reader reader;
  nodec::graph::Environment sample;
  std::vector<Ref> leaves = d.states;
  leaves.push_back(d.time);
  for (const auto* list : {&field.parameters, &field.inputs})
    for (const Quantity& quantity : *list) leaves.push_back(quantity.node);
  std::map<Ref, std::string> names;
  for (const Ref leaf : leaves) sample.bound[leaf] = random(leaf->type);
  // Rows stand in the order of the leaves, those that nothing reads left out.
  size_t next = 0;
  std::unordered_set<Ref> read;
  std::vector<Ref> roots = d.written();
  for (const Derivatives::Block& block : d.blocks) roots.push_back(block.value);
  for (const Ref node : nodec::graph::postorder(roots)) read.insert(node);
  std::vector<Ref> in_order = d.states;
  if (read.count(d.time)) in_order.push_back(d.time);
  for (const auto* list : {&field.parameters, &field.inputs})
    for (const Quantity& quantity : *list)
      if (read.count(quantity.node)) in_order.push_back(quantity.node);
  REQUIRE(page.rows.size() == in_order.size());
  for (const Ref leaf : in_order) {
    names[leaf] = written(page.rows[next++].symbol);
    reader.known[names[leaf]] = sample.bound[leaf];
  }
  const auto cotangent = [&](const std::string& of) {
    return of.ends_with("'") ? "a_(" + of + ")" : "a_" + of;
  };
  for (size_t i = 0; i < d.kappa.size(); ++i) {
    sample.bound[d.kappa[i]] = random(d.kappa[i]->type);
    const std::string name = i >= d.states.size()  ? "a_ℓ"
                             : d.states.size() > 1 ? cotangent(names.at(d.states[i]))
                                                   : "a";
    reader.known[name] = sample.bound[d.kappa[i]];
  }

  std::map<std::string, std::pair<Ref, double>> expected;  // and what it is multiplied with
  for (size_t i = 0; i < d.f.size(); ++i) expected[names.at(d.states[i]) + "'"] = {d.f[i], 1};
  expected["tr J"] = {d.trace, 1};
  for (const Derivatives::Block& block : d.blocks) {
    const std::string partial =
        "∂" + names.at(d.states[block.row]) + "'/∂" + names.at(d.states[block.column]);
    expected[d.states.size() == 1 ? "J" : partial] = {block.value, 1};
  }
  for (size_t i = 0; i < d.states.size(); ++i)
    expected[(d.states.size() > 1 ? cotangent(names.at(d.states[i])) : "a") + "'"] = {d.pulled[1 + i], -1};
  for (size_t i = 0; i < d.captured.size(); ++i)
    if (names.count(d.captured[i]))
      expected[cotangent(names.at(d.captured[i])) + "'"] = {d.pulled[1 + d.states.size() + i], -1};
  if (read.count(d.time)) expected["a_t'"] = {d.pulled[0], -1};

  std::map<std::string, std::pair<Ref, Ref>> updates;
  for (const auto& [parameter, value] : d.updates) updates["∂L/∂" + names.at(parameter)] = {parameter, value};
  std::map<Ref, Tensor> sums;
  size_t compared = 0, products = 0;
  bool done = d.captured.empty();
  for (const Section& section : page.sections)
    for (const Line& line : section.lines) {
      const std::string equation = written(line.left) + " = " + written(line.right);
      INFO(equation);
      const Formula& base = line.left->form == Form::index ? line.left->parts[0] : line.left;
      // What the cotangents of captured values add up to is what the lines after them read.
      const bool product =
          !done && section.title == "Adjoint" && base->form == Form::name && base->symbol->primes > 0;
      if (product && products++ >= d.kappa.size()) {
        const Ref captured = d.captured.at(products - 1 - d.kappa.size());
        std::string sum = written(base);
        sum.pop_back();
        reader.known[sum] = random(captured->type);
        for (size_t i = 0; i < d.made.size(); ++i)
          if (d.made[i] == captured) sample.bound[d.integrals[i]] = reader.known[sum];
        if (names.count(captured)) sums[captured] = reader.known[sum];
        done = products == d.kappa.size() + d.captured.size();
      }
      if (const auto update = updates.find(written(base)); update != updates.end()) {
        const Tensor is = reader.read(line);
        Tensor must = evaluate(update->second.second, sample);
        if (sums.count(update->second.first))
          for (size_t i = 0; i < must.values.size(); ++i)
            must.values[i] += sums[update->second.first].values[i];
        REQUIRE(is.values.size() == must.values.size());
        for (size_t i = 0; i < is.values.size(); ++i)
          CHECK(std::fabs(is.values[i] - must.values[i]) <= 1e-9 * largest(must));
        continue;
      }
      if (line.right->form == Form::matrix && written(base) == "J" && d.states.size() > 1) {
        const auto n = static_cast<size_t>(line.right->value);
        for (const Derivatives::Block& block : d.blocks) {
          const Line entry{base, line.right->parts[block.row * n + block.column], {}};
          const double is = reader.read(entry).values[0];
          CHECK(is == doctest::Approx(evaluate(block.value, sample).values[0]).epsilon(1e-9));
          ++compared;
        }
        continue;
      }
      const Tensor is = reader.read(line);
      const std::string key = written(base);
      if (base->form == Form::name) reader.known[key] = is;
      const auto want = expected.find(key);
      if (want == expected.end()) continue;
      const Tensor must = evaluate(want->second.first, sample);
      REQUIRE(is.values.size() == must.values.size());
      for (size_t i = 0; i < is.values.size(); ++i)
        CHECK(std::fabs(is.values[i] - want->second.second * must.values[i]) <= 1e-9 * largest(must));
      ++compared;
    }
  CHECK(compared >= d.states.size() + 2);
}

}  // namespace

TEST_CASE("equations of layered fields say what the graph computes") {
  check(
      "field f { state z: real[3]; param W1: real[5, 3], b: real[5], W2: real[3, 5]\n"
      "  z' = W2 @ tanh(W1 @ z^3 + b) }");
  check("use nn\nfield f { state z: real[3]; layer net = mlp([3, 4, 5, 3], tanh); z' = net(z) }");
  check("use nn\nfield f { state z: real[3]; layer net = mlp([3, 4, 5, 3], tanh); z' = net(z) }", true);
  check("use nn\nfield f { state z: real[3]; layer net = mlp([4, 5, 3], softplus); z' = net(concat(z, t)) }");
  check(
      "use nn\nfield f { state z: real[2]; layer net = mlp([2, 4, 2], sigmoid)\n"
      "  z' = sigmoid(net(z)) * z + z - 0.5 * sin(t) * z }");
}

TEST_CASE("equations of several states, of scalars and of second order say what the graph computes") {
  check(
      "field f { state x: real, y: real; param α: real, β: real\n  x' = x * (α - β * y)\n  y' = -y + x * y / "
      "(1 + x^2) }");
  check(
      "field f { state q: real[3], ω: real; input c: real; param W: real[3, 3]\n"
      "  q' = W @ q / (1 + ω^2) - c * q\n  ω' = if ω > 0 then exp(-ω) * c else sqrt(sum(q^2)) }");
  check(
      "field f { state q: real[2]; input kind: real[3]; param k: real[3], d: real[3]\n"
      "  q'' = -dot(kind, k) * q - dot(kind, d) * q' - [0, 1] }");
  check(
      "use nn\nfield f { state q: real, p: real; layer net = mlp([2, 4, 3, 1], tanh)\n"
      "  let H = net([q, p])[0]\n  q' = grad(H, p)\n  p' = -grad(H, q) }");
}

TEST_CASE("equations with indices say what the graph computes") {
  check(
      "field f { state q: real[3, 2]; param m: real[3]\n"
      "  q'' = [sum(m[j] * (q[j] - q[i]) / norm(q[j] - q[i])^3 for j in 0..3 if j != i) for i in 0..3] }");
}

TEST_CASE("equations of slices, gathers and interpolation say what the graph computes") {
  check(
      "field f { state u: real[5]; param κ: real[5]\n"
      "  u' = [κ[i] * (u[max(i - 1, 0)] - 2 * u[i] + u[min(i + 1, 4)]) for i in 0..5] }");
  check(
      "field f { state u: real[5]; param κ: real[5]\n"
      "  u' = κ * (concat(u[1:], u[:1]) - 2 * u + concat(u[4:], u[:4])) }");
  check(
      "field f { state v: real; input torque: real[4]\n  v' = interp(t, linspace(0, 3, 4), torque) - 0.3 * v "
      "}");
}
