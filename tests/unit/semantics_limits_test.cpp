// Texts of a few lines that ask for more than any machine has: refused by a count of work, not by a clock.
#include <doctest/doctest.h>

#include "tests/unit/semantics_fixture.hpp"

using namespace nodec;
using semantics::test::Program;

namespace {

std::string repeated(const std::string& text, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

// The first message of a text that may take a tenth of the usual work.
std::string refusal(const std::string& text) {
  semantics::Options options;
  options.work = semantics::default_work / 10;
  const Program program(text, options);
  CHECK_FALSE(program.module);
  // The graph stops where it may not grow, however much one derivative makes.
  return program.diagnostics.all().empty() ? "" : program.diagnostics.all()[0].text;
}

}  // namespace

TEST_CASE("derivatives of derivatives make nodes") {
  CHECK(refusal("model m { data y: real[8]; output q = " + repeated("jacobian(", 12) + "tanh(y * sum(y))" +
                repeated(", y)", 12) + " }") == "the program unrolls to more than 10000 graph nodes");
}

TEST_CASE("layers that double make instances") {
  std::string text = "layer l0(n: dim) { param W: real[n] = 0; apply(x) = W * x }\n";
  for (int i = 1; i < 40; ++i) {
    const std::string below = "l" + std::to_string(i - 1);
    text += "layer l" + std::to_string(i) + "(n: dim) { layer a = " + below + "(n); layer b = " + below +
            "(n); apply(x) = a(b(x)) }\n";
  }
  CHECK(refusal(text + "layer all = l39(2)\n") ==
        "the program unrolls to more than 100000 steps of elaboration");
}

TEST_CASE("work has a limit that a caller may raise") {
  const std::string text =
      "model m { data x: real; output q = fold h from [x] for i in 0..2000 { return sin(h * i) } }";
  semantics::Options options;
  options.work = 100;
  CHECK(Program(text, options).ids() == std::vector<std::string>{"expansion_too_large"});
  CHECK(Program(text).module);
}
