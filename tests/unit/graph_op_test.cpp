#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <set>

#include "compiler/graph/algebra.hpp"
#include "compiler/graph/evaluate.hpp"
#include "compiler/graph/op.hpp"

using namespace nodec::graph;

namespace {

std::vector<Element> operands_of(const Op& op) {
  for (Element e : {Element::real, Element::integer, Element::boolean}) {
    std::vector<Element> all(op.arity, e);
    Element result;
    if (op.elements(all, result)) return all;
  }
  return {Element::boolean, Element::real, Element::real};
}

double at(const Op& op, const std::vector<double>& x) { return op.reference(x.data()); }

}  // namespace

TEST_CASE("every op says everything about itself") {
  std::set<std::string_view> names;
  for (const Op& op : ops()) {
    CAPTURE(std::string(op.name));
    CHECK(names.insert(op.name).second);
    CHECK(find_op(op.name) == &op);
    CHECK(!op.doc.empty());
    CHECK(op.doc.back() == '.');
    CHECK(static_cast<bool>(op.reference));
    CHECK(static_cast<bool>(op.body));
    CHECK(op.cost >= 0);
    CHECK(static_cast<bool>(op.derivative) == op.no_derivative.empty());
    for (int i = 0; i < op.arity; ++i) {
      std::string hole{'{', static_cast<char>('0' + i), '}'};
      CHECK(op.text.find(hole) != std::string::npos);
      CHECK(op.latex.find(hole) != std::string::npos);
    }
    Element result;
    CHECK(op.elements(operands_of(op), result));
  }
  CHECK(find_op("no such op") == nullptr);
}

TEST_CASE("the functions of the language are ops by their names") {
  for (const char* name :
       {"exp",  "log",   "sqrt",    "sin",      "cos",   "tan",    "asin",  "acos",         "atan", "sinh",
        "cosh", "tanh",  "sigmoid", "softplus", "relu",  "elu",    "abs",   "sign",         "min",  "max",
        "erf",  "floor", "log1p",   "expm1",    "atan2", "lgamma", "where", "stop_gradient"}) {
    CAPTURE(name);
    REQUIRE(find_op(name) != nullptr);
    CHECK(op(name).callable);
  }
}

TEST_CASE("derivatives agree with central differences of the reference") {
  std::mt19937 engine(7);
  std::uniform_real_distribution<double> unit(0.05, 0.95);
  for (const Op& op : ops()) {
    if (op.derivative == nullptr || op.name == "stop_gradient") continue;
    CAPTURE(std::string(op.name));
    for (int trial = 0; trial < 40; ++trial) {
      std::vector<double> x;
      for (int i = 0; i < op.arity; ++i)
        x.push_back(unit(engine) *
                    (trial % 2 == 1 && op.name != "pow" && op.name != "sqrt" && op.name != "log" ? -1 : 1));
      if (op.name == "where") x[0] = trial % 2;
      for (int i = op.name == "where" ? 1 : 0; i < op.arity; ++i) {
        std::vector<double> above = x, below = x;
        double h = 1e-6;
        above[i] += h;
        below[i] -= h;
        double expected = (at(op, above) - at(op, below)) / (2 * h);
        if (std::fabs(expected) > 1e4) continue;  // a jump between the two
        Graph g;
        std::vector<Ref> operands;
        Environment sample;
        for (int k = 0; k < op.arity; ++k) {
          std::string name{'x', static_cast<char>('0' + k)};
          Type type{{}, operands_of(op)[k]};
          operands.push_back(g.data(name, type, false));
          sample.data[name] = Tensor::scalar(x[k]);
        }
        Ref derivative = op.derivative(g, operands, g.map(op, operands), i);
        CHECK(evaluate(derivative, sample).values[0] == doctest::Approx(expected).epsilon(1e-5));
      }
    }
  }
}

TEST_CASE("at a kink the derivative is the stated subgradient") {
  Graph g;
  auto slope = [&](const char* name, std::vector<double> x, int i) {
    std::vector<Ref> operands;
    for (double value : x) operands.push_back(g.constant(value));
    Ref d = op(name).derivative(g, operands, g.map(op(name), operands), i);
    return d->as<Constant>().values[0];
  };
  CHECK(slope("abs", {0}, 0) == 0);
  CHECK(slope("relu", {0}, 0) == 0);
  CHECK(slope("elu", {0}, 0) == 1);
  CHECK(slope("max", {2, 2}, 0) == 0.5);
  CHECK(slope("max", {2, 2}, 1) == 0.5);
  CHECK(slope("min", {1, 2}, 0) == 1);
  CHECK(slope("min", {1, 2}, 1) == 0);
  CHECK(slope("pow", {0, 2}, 1) == 0);
}

TEST_CASE("references at the edges") {
  double nan = std::nan(""), inf = HUGE_VAL;
  CHECK(std::isnan(at(op("min"), {nan, 1})));
  CHECK(std::isnan(at(op("max"), {1, nan})));
  CHECK(std::isnan(at(op("relu"), {nan})));
  CHECK(std::isnan(at(op("sign"), {nan})));
  CHECK(std::signbit(at(op("sign"), {-0.0})));
  CHECK(at(op("sigmoid"), {-800}) == 0);
  CHECK(at(op("sigmoid"), {800}) == 1);
  CHECK(at(op("softplus"), {inf}) == inf);
  CHECK(at(op("softplus"), {-inf}) == 0);
  CHECK(at(op("softplus"), {800}) == 800);
  CHECK(at(op("modulo"), {-1, 3}) == 2);
  CHECK(at(op("modulo"), {1, -3}) == -2);
  CHECK(at(op("floor_divide"), {-1, 3}) == -1);
  CHECK(at(op("integer_floor_divide"), {-7, 2}) == -4);
  CHECK(at(op("integer_floor_divide"), {7, 0}) == 0);
  CHECK(at(op("integer_modulo"), {-7, 2}) == 1);
  CHECK(at(op("integer_modulo"), {7, -2}) == -1);
  CHECK(at(op("to_integer"), {-0.5}) == -1);
  // ψ(1) = −γ, ψ(½) = −γ − 2 ln 2 (Abramowitz, Stegun 6.3.2, 6.3.3), ψ(−½) = ψ(½) + 2
  double gamma = 0.577215664901532861;
  CHECK(at(op("digamma"), {1}) == doctest::Approx(-gamma).epsilon(1e-15));
  CHECK(at(op("digamma"), {0.5}) == doctest::Approx(-gamma - 2 * std::log(2)).epsilon(1e-15));
  CHECK(at(op("digamma"), {-0.5}) == doctest::Approx(2 - gamma - 2 * std::log(2)).epsilon(1e-14));
  // ψ'(1) = π²/6, ψ'(½) = π²/2 (Abramowitz, Stegun 6.4.2, 6.4.4), ψ'(−½) = ψ'(½) + 4
  CHECK(at(op("trigamma"), {1}) == doctest::Approx(M_PI * M_PI / 6).epsilon(1e-15));
  CHECK(at(op("trigamma"), {0.5}) == doctest::Approx(M_PI * M_PI / 2).epsilon(1e-15));
  CHECK(at(op("trigamma"), {-0.5}) == doctest::Approx(M_PI * M_PI / 2 + 4).epsilon(1e-14));
  CHECK(at(op("trigamma"), {-2}) == inf);
  CHECK(at(op("trigamma"), {inf}) == 0);
}

TEST_CASE("names resolve by elements: integers keep to themselves, and promote where an operand is real") {
  auto resolved = [](const char* name, std::vector<Element> elements) {
    const Op* found = resolve(name, elements);
    return found == nullptr ? std::string("none") : std::string(found->name);
  };
  using enum Element;
  CHECK(resolved("add", {real, real}) == "add");
  CHECK(resolved("add", {integer, integer}) == "integer_add");
  CHECK(resolved("add", {integer, real}) == "add");
  CHECK(resolved("div", {integer, integer}) == "div");
  CHECK(resolved("add", {boolean, boolean}) == "integer_add");
  CHECK(resolved("mul", {boolean, real}) == "mul");
  CHECK(resolved("exp", {integer}) == "exp");
  CHECK(resolved("less", {integer, real}) == "less");
  CHECK(resolved("where", {boolean, integer, real}) == "where");
  CHECK(resolved("where", {boolean, integer, integer}) == "where");
  CHECK(resolved("where", {real, real, real}) == "none");
  CHECK(resolved("and", {real, boolean}) == "none");
  CHECK(resolved("exp", {real, real}) == "none");
}
