// Formulas -> LaTeX for amsmath: W_2 \operatorname{diag}(1 - s^2) W_1.
#include <map>

#include "compiler/notation/writer.hpp"

namespace nodec::notation {
namespace {

const std::map<std::string, std::string> letters = {
    {"α", "\\alpha"},   {"β", "\\beta"},    {"γ", "\\gamma"},  {"δ", "\\delta"}, {"ε", "\\varepsilon"},
    {"ϵ", "\\epsilon"}, {"ζ", "\\zeta"},    {"η", "\\eta"},    {"θ", "\\theta"}, {"ϑ", "\\vartheta"},
    {"ι", "\\iota"},    {"κ", "\\kappa"},   {"λ", "\\lambda"}, {"μ", "\\mu"},    {"ν", "\\nu"},
    {"ξ", "\\xi"},      {"ο", "o"},         {"π", "\\pi"},     {"ρ", "\\rho"},   {"σ", "\\sigma"},
    {"τ", "\\tau"},     {"υ", "\\upsilon"}, {"φ", "\\varphi"}, {"ϕ", "\\phi"},   {"χ", "\\chi"},
    {"ψ", "\\psi"},     {"ω", "\\omega"},   {"Γ", "\\Gamma"},  {"Δ", "\\Delta"}, {"Θ", "\\Theta"},
    {"Λ", "\\Lambda"},  {"Ξ", "\\Xi"},      {"Π", "\\Pi"},     {"Σ", "\\Sigma"}, {"Υ", "\\Upsilon"},
    {"Φ", "\\Phi"},     {"Ψ", "\\Psi"},     {"Ω", "\\Omega"},  {"ℓ", "\\ell"},   {"∂", "\\partial "},
    {"−", "-"},         {"×", "\\times "},  {"∞", "\\infty "}, {"_", "\\_"},     {"ς", "\\varsigma"}};

class Latex final : public Writer {
 public:
  std::string symbol(const Symbol& s) const override {
    std::string text;
    const std::vector<std::string> word = characters(s.base);
    for (const std::string& c : word) {
      const auto found = letters.find(c);
      const bool command = found != letters.end() && word.size() > 1 && c != "_";
      text += found == letters.end() ? c : command ? "{" + found->second + "}" : found->second;
    }
    if (word.size() > 1) text = "\\mathrm{" + text + "}";
    if (s.number >= 0) text += "_{" + std::to_string(s.number) + "}";
    if (s.of) text += "_{" + symbol(*s.of) + "}";
    return text + std::string(static_cast<size_t>(s.primes), '\'');
  }

  std::string space(const std::vector<std::string>& extents, bool integers) const override {
    std::string shape;
    for (const std::string& extent : extents) shape += (shape.empty() ? "" : " \\times ") + extent;
    const std::string set = integers ? "\\mathbb{Z}" : "\\mathbb{R}";
    return shape.empty() ? set : set + "^{" + shape + "}";
  }

 protected:
  std::string number(double value) const override {
    const auto [mantissa, exponent] = decimal(value);
    if (mantissa == "inf") return "\\infty";
    if (exponent == 0) return mantissa;
    const std::string power = "10^{" + std::to_string(exponent) + "}";
    return mantissa == "1" ? power : mantissa + " \\cdot " + power;
  }
  std::string parenthesized(const std::string& inner) const override {
    const bool tall = inner.find("\\frac") != std::string::npos || inner.find("\\sum") != std::string::npos ||
                      inner.find("cases") != std::string::npos;
    return tall ? "\\left(" + inner + "\\right)" : "(" + inner + ")";
  }
  std::string minus() const override { return "-"; }
  std::string hadamard() const override { return " \\odot "; }
  std::string beside(const Formula& x) const override {
    std::string text;
    for (size_t i = 0; i < x->parts.size(); ++i)
      text += (i > 0 ? " \\, " : "") + write(x->parts[i], level_beside(x, i));
    return text;
  }
  std::string quotient(const Formula& x) const override {
    return "\\frac{" + write(x->parts[0]) + "}{" + write(x->parts[1]) + "}";
  }
  std::string power(const Formula& x) const override {
    return write(x->parts[0], 5) + "^{" + write(x->parts[1]) + "}";
  }

  std::string index(const Formula& x) const override {
    const Formula& base = x->parts[0];
    std::string text = write(base, 5);
    // A second subscript, or one that would be taken for a part's, stands outside of brackets.
    const bool plain_name = base->form == Form::name && base->symbol->number < 0 && !base->symbol->of;
    if (!plain_name && !text.starts_with("(")) text = "[" + text + "]";
    bool short_indices = true;
    std::string list;
    for (size_t i = 1; i < x->parts.size(); ++i) {
      const std::string word = write(x->parts[i]);
      short_indices = short_indices && word.size() == 1 && x->parts[i]->form == Form::literal;
      list += (i > 1 ? ", " : "") + word;
    }
    if (short_indices) list = joined(x, "", 0, 1);
    return text + "_{" + list + "}";
  }

  std::string transposed(const std::string& inner) const override { return inner + "^{\\top}"; }

  std::string tuple(const Formula& x) const override { return "(" + joined(x, ", ", 0) + ")"; }

  std::string cases(const Formula& x) const override {
    return "\\begin{cases} " + write(x->parts[1]) + " & " + write(x->parts[0]) + " \\\\ " +
           write(x->parts[2]) + " & \\text{otherwise} \\end{cases}";
  }

  std::string big(const Formula& x) const override {
    return x->latex + "_{" + joined(x, ", ", 0, 1) + "} " + write(x->parts[0], 2);
  }

  std::string matrix(const Formula& x) const override {
    const size_t columns = static_cast<size_t>(x->value);
    std::string text = "\\begin{pmatrix} ";
    for (size_t i = 0; i < x->parts.size(); ++i)
      text += (i == 0 ? "" : i % columns == 0 ? " \\\\ " : " & ") + write(x->parts[i]);
    return text + " \\end{pmatrix}";
  }

  bool fractions_are_atoms() const override { return true; }
  const std::string& template_of(const Node& x) const override { return x.latex; }
  int argument_level(const std::string& before, const std::string& after) const override {
    const bool enclosed = (before.ends_with("(") && (after.starts_with(")") || after.starts_with(","))) ||
                          (before.ends_with(", ") && after.starts_with(")")) ||
                          (before.ends_with("{") && after.starts_with("}")) || before.ends_with("| ") ||
                          before.ends_with("floor ") || before.ends_with("[");
    if (enclosed) return 0;
    const bool operand = before.empty() || !after.empty() || before.find("{0}") != std::string::npos;
    return operand && before.find('(') == std::string::npos ? 1 : 5;
  }
};

}  // namespace

const Writer& latex_writer() {
  static const Latex writer;
  return writer;
}

}  // namespace nodec::notation
