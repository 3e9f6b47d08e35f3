// The grammar as users meet it: precedence, line ends, positions, recovery, limits.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <string>

#include "compiler/syntax/parser.hpp"

using namespace nodec;

namespace {

struct Parsed {
  source::Files files;
  source::Diagnostics diagnostics;
  std::shared_ptr<const syntax::File> tree;

  explicit Parsed(const std::string& text) {
    tree = syntax::parse(files, files.add("f.node", text), diagnostics);
  }
  std::string printed() const { return syntax::print(*tree); }
  // "line:column: text" of each error, a line each.
  std::string errors() const {
    std::string list;
    for (const auto& d : diagnostics.all()) {
      const auto at = files.position(d.span.file, d.span.begin);
      list += std::to_string(at.line) + ":" + std::to_string(at.column) + ": " + d.text + "\n";
    }
    return list;
  }
  std::string first_error() const { return errors().substr(0, errors().find('\n')); }
  std::string text_of(source::Span span) const {
    return files.text(span.file).substr(span.begin, span.end - span.begin);
  }
};

std::string shown(const std::string& expression) {
  source::Files files;
  source::Diagnostics diagnostics;
  const auto e = syntax::parse_expression(files, files.add("e", expression), diagnostics);
  return e && !diagnostics.has_errors() ? syntax::print(*e) : "error: " + diagnostics.all().front().text;
}

std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

template <class Node>
const Node& as(const syntax::ExprPtr& e) {
  return std::get<Node>(e->node);
}

}  // namespace

// ---- expressions
// -------------------------------------------------------------------------------------------
TEST_CASE("operators bind as the language says") {
  CHECK(shown("-x^2") == "-(x ^ 2)");
  CHECK(shown("2^-x^y") == "2 ^ (-(x ^ y))");
  CHECK(shown("a^b^c") == "a ^ (b ^ c)");
  CHECK(shown("-x * y") == "(-x) * y");
  CHECK(shown("a - b - c") == "(a - b) - c");
  CHECK(shown("a / b @ c // d % e") == "(((a / b) @ c) // d) % e");
  CHECK(shown("a + b * c") == "a + (b * c)");
  CHECK(shown("a + b < c * d") == "(a + b) < (c * d)");
  CHECK(shown("not a == b and c or d") == "((not (a == b)) and c) or d");
  CHECK(shown("f(x)[0].W^2") == "f(x)[0].W ^ 2");
  CHECK(shown("if a < b then x + 1 else y + 1") == "if (a < b) then (x + 1) else (y + 1)");
  CHECK(shown("if a then b else if c then d else e") == "if a then b else (if c then d else e)");
  CHECK(shown("(a + b) * c") == "(a + b) * c");
  CHECK(shown("W2 @ tanh(W1 @ z + b1) + b2") == "(W2 @ tanh((W1 @ z) + b1)) + b2");
}

TEST_CASE("every kind of expression is read") {
  CHECK(shown("x[0, 1:3, :, :2, a:]") == "x[0, 1:3, :, :2, a:]");
  CHECK(shown("[a, [b], []]") == "[a, [b], []]");
  CHECK(shown("[i * j for i in 0..n, j in xs if i < j]") == "[i * j for i in 0..n, j in xs if (i < j)]");
  CHECK(shown("sum(x for x in xs)") == "sum(x for x in xs)");
  CHECK(shown("(a, b)") == "(a, b)");
  CHECK(shown("z'' + q'") == "z'' + q'");
  CHECK(shown("θ′ * Δt₁") == "θ' * Δt₁");
  CHECK(shown("einsum(\"oi,i->o\", W, x)") == "einsum(\"oi,i->o\", W, x)");
  CHECK(shown("fold (h, c) from (a, b) for i in 0..n { let k = i; return (h, k) }") ==
        "fold (h, c) from (a, b) for i in 0..n { let k = i; return (h, k) }");
  CHECK(shown("scan h from 0 for i in xs { return h + i }") == "scan h from 0 for i in xs { return h + i }");
  CHECK(shown("solve F(q = a, q' = b) by rk4(steps = 4) at ts from t0 with logdet hutchinson(probes = 1) "
              "adjoint backsolve") ==
        "solve F(q = a, q' = b) from t0 at ts with logdet hutchinson(probes = 1) by rk4(steps = 4) "
        "adjoint backsolve");
  CHECK(shown("state + data[layer] + real") == "(state + data[layer]) + real");
  CHECK(shown("1 + 0.5e-3 + 1E5") == "(1 + 0.5e-3) + 1E5");
}

TEST_CASE("numbers remember whether they are integers") {
  Parsed p("const a = [7, 7.0, 7e0]");
  const auto& stack = as<syntax::Stack>(std::get<syntax::ConstDecl>(p.tree->declarations[0]->node).value);
  CHECK(as<syntax::Number>(stack.elements[0]).integer);
  CHECK_FALSE(as<syntax::Number>(stack.elements[1]).integer);
  CHECK_FALSE(as<syntax::Number>(stack.elements[2]).integer);
  CHECK(as<syntax::Number>(stack.elements[2]).value == 7);
  CHECK(shown("1e400") == "error: this number is too large for double precision");
  CHECK(shown("1e-400") == "1e-400");
}

TEST_CASE("expressions that are refused") {
  CHECK(shown("a < b < c") == "error: comparisons do not chain");
  CHECK(shown("(a < b) == c") == "(a < b) == c");
  CHECK(shown("1 + if a then b else c") == "error: 'if' stands in parentheses as an operand");
  CHECK(shown("2 x") == "error: expected the end of the statement before 'x'");
  CHECK(shown("1.") == "error: expected a name before the end of the line");
  CHECK(shown("f(a b)") == "error: expected ',' or ')' before 'b'");
  CHECK(shown("solve F at t") == "error: 'solve' takes a field with its initial values");
  CHECK(shown("solve F(z = 1) at a at b") == "error: a second 'at' in one 'solve'");
  CHECK(shown("fold h' from 0 for i in x { return h }") == "error: a loop cannot carry a derivative");
  CHECK(shown("") == "error: expected an expression before the end of the file");
}

// ---- spans
// -------------------------------------------------------------------------------------------------
TEST_CASE("spans are the bytes of the text") {
  Parsed p("# θ\nlet θ = α(β, γ = 1)[0] + (δ * ε)\n");
  const auto& let = std::get<syntax::Let>(p.tree->declarations[0]->node);
  CHECK(p.text_of(let.span) == "let θ = α(β, γ = 1)[0] + (δ * ε)");
  CHECK(p.text_of(let.target.span) == "θ");
  const auto& sum = as<syntax::BinaryOp>(let.value);
  CHECK(p.text_of(let.value->span) == "α(β, γ = 1)[0] + (δ * ε)");
  CHECK(p.text_of(sum.op_span) == "+");
  CHECK(p.text_of(sum.left->span) == "α(β, γ = 1)[0]");
  CHECK(p.text_of(sum.right->span) == "δ * ε");
  const auto& call = as<syntax::Call>(as<syntax::Index>(sum.left).object);
  CHECK(p.text_of(call.arguments[1].name->span) == "γ");
  CHECK(p.files.position(0, sum.op_span.begin).column == 24);
}

// ---- lines and statements
// ----------------------------------------------------------------------------------
TEST_CASE("a line goes on inside parentheses and after operators and commas") {
  CHECK(Parsed("let x = f(a,\n\n b\n)\nlet y = 1\n").printed() == "let x = f(a, b)\nlet y = 1\n");
  CHECK(Parsed("let x = a +\n  b\n").printed() == "let x = a + b\n");
  CHECK(Parsed("let x = a\n  + b\n").printed() == "let x = a + b\n");
  CHECK(Parsed("let x = a # why\n\n  # because\n  + b\n").printed() == "let x = a + b\n");
  CHECK(Parsed("let x =\n  a\n").printed() == "let x = a\n");
  CHECK(Parsed("data a: real,\n  b: real").printed() == "data a: real\ndata b: real\n");
  CHECK(Parsed("let x = if a\n  then b\n  else c").printed() == "let x = if a then b else c\n");
  CHECK(Parsed("let x = solve F(z = 1)\n  from 0\n  to 1\n  by rk4\n  adjoint checkpoint").printed() ==
        "let x = solve F(z = 1) from 0 to 1 by rk4 adjoint checkpoint\n");
  CHECK(Parsed("layer b[k] = f(k)\n  for k in 0..4").printed() == "layer b[k] = f(k) for k in 0..4\n");
}

TEST_CASE("statements end at line ends and semicolons") {
  CHECK(Parsed("let x = a; let y = b;;\n;let z = c").printed() == "let x = a\nlet y = b\nlet z = c\n");
  CHECK(Parsed("field f { state z: real; z' = z }").printed() == "field f\n  state z: real\n  z' = z\n");
  CHECK(Parsed("let x = a\nlet y = b").printed() == "let x = a\nlet y = b\n");
  // In the braces of a loop inside parentheses, line ends count again.
  CHECK(Parsed("let x = (fold h from 0 for i in y {\n let a = h\n return a\n})").printed() ==
        "let x = fold h from 0 for i in y { let a = h; return a }\n");
}

TEST_CASE("what is written at the edges of a file does not matter") {
  const std::string plain = Parsed("dim H = 3\nlet x = H\n").printed();
  CHECK(plain == "dim H = 3\nlet x = H\n");
  CHECK(Parsed("dim H = 3\r\nlet x = H\r\n").printed() == plain);
  CHECK(Parsed("\xEF\xBB\xBF"
               "dim H = 3\nlet x = H")
            .printed() == plain);
  CHECK(Parsed("\n\n ; dim H = 3\n\tlet\u00A0x = H # end").printed() == plain);
  CHECK(Parsed("").tree->declarations.empty());
  CHECK(Parsed("").errors() == "");
  CHECK(Parsed("# only a comment").errors() == "");
}

TEST_CASE("every kind of declaration is read") {
  const std::string text =
      "use nn as n\nuse \"a b.node\"\ndim A, B = 3\nconst c: real[N]\n"
      "param σ: real[2] in (0, inf) = 0.1, W: real[2, 3] ~ normal(0, 0.1)\n"
      "fn f[n](x: real[n], k: dim, s: dim[], act: fn, l: layer, y = 1) { let a = x; return a }\n"
      "layer d(n: dim) { apply[h](x: real[h]) = x }\n"
      "field F(D: dim) { input u: int in 0..10 = 3; q'' = u; 0 = q; diffusion q = 1\n"
      "event q - t = 0 rising for k in 0..3 { q' = -q'; stop } }\n"
      "field g[k] = F(2) for k in 0..4\n"
      "tableau heun { order = 2, b = [1/2]; c = [] }\n"
      "model m { sample s, e: real[3] ~ normal(0, 1); output a; output b = 2; metric r = 1; loss 2\n"
      "train { optimizer.net.hidden[0].W = sgd(lr = 1),\n batch = 3\n\n } }\n";
  Parsed p(text);
  CHECK(p.first_error() == "");
  CHECK(
      p.printed() ==
      "use nn as n\nuse \"a b.node\"\ndim A\ndim B = 3\nconst c: real[N]\n"
      "param σ: real[2] in (0, inf) = 0.1\nparam W: real[2, 3] ~ normal(0, 0.1)\n"
      "fn f[n](x: real[n], k: dim, s: dim[], act: fn, l: layer, y = 1)\n  let a = x\n  return a\n"
      "layer d(n: dim)\n  apply[h](x: real[h]) = x\n"
      "field F(D: dim)\n  input u: int in 0..10 = 3\n  q'' = u\n  0 = q\n  diffusion q = 1\n"
      "  event q - t = 0 rising for k in 0..3\n    q' = -q'\n    stop\n"
      "field g[k] = F(2) for k in 0..4\n"
      "tableau heun\n  order = 2\n  b = [1 / 2]\n  c = []\n"
      "model m\n  sample s\n  sample e: real[3] ~ normal(0, 1)\n  output a\n  output b = 2\n  metric r = 1\n"
      "  loss 2\n  train\n    optimizer.net.hidden.0.W = sgd(lr = 1)\n    batch = 3\n");
}

TEST_CASE("declarations that are refused") {
  CHECK(Parsed("q''' = 1").first_error() ==
        "1:1: an equation of order 3; write one of order 1 or 2 for each state");
  CHECK(Parsed("1 = g").first_error() == "1:1: the left side of an equation is z', z'' or 0");
  CHECK(Parsed("0 = g").errors() == "");
  CHECK(Parsed("let z' = 1").first_error() ==
        "1:5: 'let' cannot name a derivative; an equation has no 'let'");
  CHECK(Parsed("x = 1").first_error() == "1:1: expected a declaration before 'x ='");
  CHECK(Parsed("feild f { }").diagnostics.all()[0].notes[0].text == "did you mean 'field'?");
  CHECK(Parsed("let from = 1").first_error() == "1:5: 'from' is a reserved word and cannot be a name");
  CHECK(Parsed("param p: float").first_error() == "1:10: expected a type before 'float'");
}

// ---- recovery
// ----------------------------------------------------------------------------------------------
TEST_CASE("each broken statement gives one error, and the others are read") {
  Parsed p(
      "field f {\n"
      "  state z: real\n"
      "  let a = 1 +\n"
      "  let b = (2\n"
      "  let c = 3)\n"
      "  + d\n"
      "  state z real\n"
      "  z' = a $ b\n"
      "  z' = -z\n"
      "}\n"
      "model m { loss }\n"
      "let last = 1\n");
  const std::string expected =
      "3:14: expected an expression before the end of the line\n"
      "4:13: expected ')' before the end of the line\n"
      "5:12: unmatched ')'\n"
      "7:11: expected ':' before 'real'\n"
      "8:10: unexpected character '$'\n"
      "11:16: expected an expression before '}'\n";
  CHECK(p.errors() == expected);
  CHECK(p.printed() ==
        "field f\n  state z: real\n  let b = 2\n  let c = 3 + d\n  z' = -z\nmodel m\nlet last = 1\n");
}

TEST_CASE("an unclosed bracket is shown with its beginning") {
  Parsed p("field f {\n  state z: real[3\n  z' = z\n");
  CHECK(p.errors() ==
        "2:18: expected ']' before the end of the line\n"
        "3:9: expected '}' before the end of the file\n");
  CHECK(p.diagnostics.all()[0].notes[0].text == "to match this '['");
  CHECK(p.printed() == "field f\n  state z: real[3]\n  z' = z\n");
  CHECK(Parsed("let x = f(a]\nlet y = 1").errors() == "1:12: expected ')' before ']'\n");
}

TEST_CASE("an error message in a nested body leaves its neighbors alone") {
  Parsed p("model m {\n  train { batch = , epochs = 3 }\n  loss 1\n}\nlet a = 1\n");
  CHECK(p.errors() == "2:19: expected an expression before ','\n");
  CHECK(p.printed() == "model m\n  loss 1\nlet a = 1\n");
}

TEST_CASE("columns of errors count code points") {
  CHECK(Parsed("θ' = α α").first_error() == "1:8: expected the end of the statement before 'α'");
}

TEST_CASE("characters of no meaning are named") {
  CHECK(Parsed("let x = a − b").first_error() == "1:11: unexpected character '−' (U+2212)");
  CHECK(Parsed("let x = a − b").diagnostics.all()[0].notes[0].text == "write '-' for minus");
  CHECK(Parsed(std::string("let x = \0", 9)).first_error() == "1:9: unexpected character U+0000");
  CHECK(Parsed("use \"abc\nlet y = 1").errors() == "1:5: this string is not closed on its line\n");
  CHECK(Parsed("let x = \"").first_error() == "1:9: this string is not closed on its line");
  CHECK(Parsed("let x = '").first_error() == "1:9: expected an expression before '''");
  CHECK(Parsed("let x = \xFF").first_error() == "1:9: byte 0xFF is not valid UTF-8");
}

// ---- limits
// ------------------------------------------------------------------------------------------------
TEST_CASE("what nests deeper than 1000 is refused, whatever nests") {
  const auto refused = [](const std::string& text) {
    const Parsed p(text);
    return p.diagnostics.errors() == 1 && p.diagnostics.all()[0].id == source::Id::nesting_too_deep;
  };
  const int many = 100'000;
  CHECK(refused("let x = " + repeated("(", many)));
  CHECK(refused("let x = " + repeated("(", many) + "1" + repeated(")", many)));
  CHECK(refused("let x = " + repeated("[", many)));
  CHECK(refused(repeated("field f { ", many)));
  CHECK(refused("let x = " + repeated("-", many) + "1"));
  CHECK(refused("let x = " + repeated("not ", many) + "a"));
  CHECK(refused("let x = " + repeated("a^", many) + "a"));
  CHECK(refused("let x = " + repeated("a + ", many) + "a"));
  CHECK(refused("let x = " + repeated("if a then b else ", many) + "c"));
  CHECK(refused("let x = " + repeated("fold h from ", many)));
  CHECK(refused("let x = a" + repeated(".b", many)));
  CHECK(refused("let x = a" + repeated("[0]", many)));
  // Two kinds add up.
  CHECK(refused("let x = " + repeated("-(", 600) + "1" + repeated(")", 600)));
}

TEST_CASE("what nests a little less is read") {
  const auto accepted = [](const std::string& text) { return Parsed(text).errors() == ""; };
  CHECK(accepted("let x = " + repeated("a * b^2 + ", 900) + "a"));
  CHECK(accepted("let x = " + repeated("(", 900) + "1" + repeated(")", 900)));
  CHECK(accepted("let x = " + repeated("f(", 900) + "1" + repeated(")", 900)));
  CHECK(accepted("let x = " + repeated("[", 900) + "1" + repeated("]", 900)));
  CHECK(accepted("let x = " + repeated("-", 900) + "1"));
  CHECK(accepted("let x = " + repeated("a^", 900) + "1"));
  CHECK(accepted("let x = " + repeated("if a then b else ", 900) + "c"));
  CHECK(accepted("let x = [" + repeated("-a^2, if a then b else c, ", 5000) + "1]"));
  CHECK(accepted(repeated("let x = -a^2\n", 5000)));
}

TEST_CASE("garbage ends in diagnostics, and soon") {
  std::mt19937 random(7);
  const std::vector<std::string> words = {"x",      "1",  "+", "(",  ")",  "{",    "}", "let ",
                                          "field ", ",",  "=", "\n", "[",  "]",    ";", "solve ",
                                          "if ",    "\"", "'", "$",  "..", "for ", "θ"};
  for (int round = 0; round < 300; ++round) {
    std::string text;
    for (int i = 0; i < 200; ++i) text += words[random() % words.size()] + " ";
    const Parsed p(text);
    CHECK(p.diagnostics.all().size() <= 50);
  }
  const std::string closers = repeated(")", 1'000'000);
  CHECK(Parsed(closers).diagnostics.all().size() == 50);
  CHECK(Parsed(repeated("x = 1\n", 100'000)).diagnostics.all().size() == 50);
}

TEST_CASE("a model with any byte missing or doubled never crashes") {
  std::ifstream in(NODEC_SOURCE_DIR "/tests/unit/data/all.node");
  REQUIRE(in.good());
  std::stringstream buffer;
  buffer << in.rdbuf();
  const std::string text = buffer.str();
  CHECK(Parsed(text).first_error() == "");
  for (size_t i = 0; i < text.size(); ++i) {
    std::string missing = text;
    missing.erase(i, 1);
    Parsed(missing).printed();
    std::string doubled = text;
    doubled.insert(i, 1, text[i]);
    Parsed(doubled).printed();
  }
}
