// Formulas and their two notations.
#include <doctest/doctest.h>

#include "compiler/notation/formula.hpp"
#include "compiler/notation/symbols.hpp"
#include "compiler/notation/writer.hpp"

using namespace nodec::notation;

namespace {

struct Letters {
  Symbols symbols;
  Formula operator()(const std::string& word) {
    Symbol* symbol = symbols.word(word);
    symbols.settle_words();
    return name(symbol);
  }
};

std::string text(const Formula& x) { return text_writer().write(x); }
std::string latex(const Formula& x) { return latex_writer().write(x); }

}  // namespace

TEST_CASE("numbers come first, ones and zeros vanish") {
  Letters word;
  const Formula x = word("x"), y = word("y");
  CHECK(text(times({x, number(3), y})) == "3 x y");
  CHECK(text(times({number(1), x})) == "x");
  CHECK(text(times({number(0), x})) == "0");
  CHECK(text(times({number(-1), x, number(-2)})) == "2 x");
  CHECK(text(sum({x, number(0)})) == "x");
  CHECK(text(sum({x, x})) == "2 x");
  CHECK(text(sum({x, negate(x)})) == "0");
  CHECK(text(power(x, number(1))) == "x");
  CHECK(text(number(-0.0)) == "0");
  CHECK(text(hadamard({number(2)}, {negate(x), y})) == "−2 x ∘ y");
}

TEST_CASE("a sum begins without a sign where it can, and no sign is double") {
  Letters word;
  const Formula x = word("x"), y = word("y");
  CHECK(text(sum({negate(x), y})) == "y − x");
  CHECK(text(sum({number(1), negate(power(x, number(2)))})) == "1 − x²");
  CHECK(text(negate(sum({x, negate(y)}))) == "y − x");
  CHECK(text(negate(negate(x))) == "x");
  CHECK(text(sum({negate(x), negate(y)})) == "−x − y");
  CHECK(text(negate(quotient(negate(x), y))) == "x / y");
}

TEST_CASE("parentheses stand where they are needed and nowhere else") {
  Letters word;
  const Formula x = word("x"), y = word("y"), A = word("A");
  CHECK(text(times({A, sum({x, y})})) == "A (x + y)");
  CHECK(text(hadamard({}, {x, times({A, y})})) == "x ∘ A y");
  CHECK(text(times({A, hadamard({}, {x, y})})) == "A (x ∘ y)");
  CHECK(text(power(sum({x, y}), number(2))) == "(x + y)²");
  CHECK(text(transpose(power(x, number(3)))) == "(x³)ᵀ");
  CHECK(text(transpose(transpose(A))) == "A");
  CHECK(text(quotient(x, times({x, y}))) == "x / (x y)");
  CHECK(latex(quotient(x, times({x, y}))) == "\\frac{x}{x \\, y}");
  CHECK(latex(power(call("exp({0})", "e^{{0}}", {x}), number(2))) == "(e^{x})^{2}");
  CHECK(latex(call("tanh({0})", "\\tanh {0}", {x})) == "\\tanh x");
  CHECK(latex(call("tanh({0})", "\\tanh {0}", {sum({x, y})})) == "\\tanh (x + y)");
}

TEST_CASE("names: digits below, Greek letters, words, primes, and what belongs to another") {
  Letters word;
  const Formula W1 = word("W1"), alpha = word("α"), hare = word("hare"), q = word("q'");
  CHECK(text(W1) == "W₁");
  CHECK(latex(W1) == "W_{1}");
  CHECK(latex(alpha) == "\\alpha");
  CHECK(latex(hare) == "\\mathrm{hare}");
  CHECK(text(times({alpha, hare})) == "α · hare");
  CHECK(text(q) == "q'");
  Symbols symbols;
  const Symbol* of_q = symbols.belonging("a", q->symbol);
  CHECK(text(name(of_q)) == "a_(q')");
  CHECK(latex(name(symbols.primed(symbols.belonging("a", W1->symbol)))) == "a_{W_{1}}'");
  CHECK(text(index(W1, {literal("i", "i"), literal("h", "h")})) == "W₁[i, h]");
  CHECK(latex(index(W1, {literal("i", "i"), literal("h", "h")})) == "[W_{1}]_{ih}");
  CHECK(text(index(alpha, {literal("i", "i")})) == "αᵢ");
}

TEST_CASE("the same word twice is numbered, and letters avoid words") {
  Symbols symbols;
  const Symbol *first = symbols.word("W"), *one = symbols.word("W1"), *second = symbols.word("W");
  symbols.settle_words();
  CHECK(text(name(one)) == "W₁");
  CHECK(text(name(first)) == "W₂");
  CHECK(text(name(second)) == "W₃");
  const Symbol* letter = symbols.letter({"W", "s"});
  symbols.settle_letters();
  CHECK(text(name(letter)) == "s");
}

TEST_CASE("numbers of many digits are rounded, and large and small ones have exponents") {
  CHECK(text(number(0.1)) == "0.1");
  CHECK(text(number(0.9189385332046727)) == "0.918939");
  CHECK(text(number(1e-9)) == "10⁻⁹");
  CHECK(text(number(2.5e30)) == "2.5·10³⁰");
  CHECK(latex(number(2.5e30)) == "2.5 \\cdot 10^{30}");
}

TEST_CASE("shapes") {
  CHECK(text_writer().space({"50", "2"}, false) == "ℝ⁵⁰ˣ²");
  CHECK(text_writer().space({"T"}, false) == "ℝᵀ");
  CHECK(text_writer().space({"T - 1", "2"}, false) == "ℝ^(T - 1×2)");
  CHECK(text_writer().space({}, true) == "ℤ");
  CHECK(latex_writer().space({"50", "2"}, false) == "\\mathbb{R}^{50 \\times 2}");
}
