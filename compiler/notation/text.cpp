// Formulas -> UTF-8 text: W₂ diag(1 − s²) W₁.
#include <algorithm>
#include <map>

#include "compiler/notation/writer.hpp"

namespace nodec::notation {
namespace {

std::string replaced(const std::string& word, const std::map<std::string, std::string>& by, bool& all) {
  std::string result;
  for (const std::string& c : characters(word)) {
    const auto found = by.find(c);
    all = all && found != by.end();
    result += found == by.end() ? c : found->second;
  }
  return result;
}

const std::map<std::string, std::string> raised = {
    {"0", "⁰"}, {"1", "¹"}, {"2", "²"}, {"3", "³"}, {"4", "⁴"}, {"5", "⁵"}, {"6", "⁶"}, {"7", "⁷"},
    {"8", "⁸"}, {"9", "⁹"}, {"-", "⁻"}, {"+", "⁺"}, {"x", "ˣ"}, {"T", "ᵀ"}, {"N", "ᴺ"}, {"M", "ᴹ"},
    {"K", "ᴷ"}, {"L", "ᴸ"}, {"B", "ᴮ"}, {"D", "ᴰ"}, {"H", "ᴴ"}, {"n", "ⁿ"}, {"k", "ᵏ"}, {"m", "ᵐ"}};
const std::map<std::string, std::string> lowered = {
    {"0", "₀"}, {"1", "₁"}, {"2", "₂"}, {"3", "₃"}, {"4", "₄"}, {"5", "₅"}, {"6", "₆"},
    {"7", "₇"}, {"8", "₈"}, {"9", "₉"}, {"i", "ᵢ"}, {"j", "ⱼ"}, {"k", "ₖ"}, {"l", "ₗ"},
    {"m", "ₘ"}, {"n", "ₙ"}, {"h", "ₕ"}, {"p", "ₚ"}, {"r", "ᵣ"}, {"s", "ₛ"}};

class Text final : public Writer {
 public:
  std::string symbol(const Symbol& s) const override {
    bool all = true;
    std::string text = s.base;
    if (s.number >= 0) text += replaced(std::to_string(s.number), lowered, all);
    // (q')' is not q''.
    if (s.of) text += s.of->primes > 0 ? "_(" + symbol(*s.of) + ")" : "_" + symbol(*s.of);
    return text + std::string(static_cast<size_t>(s.primes), '\'');
  }

  std::string space(const std::vector<std::string>& extents, bool integers) const override {
    std::string shape, plain;
    bool all = true;
    for (const std::string& extent : extents) {
      shape += (shape.empty() ? "" : "ˣ") + replaced(extent, raised, all);
      plain += (plain.empty() ? "" : "×") + extent;
    }
    const std::string set = integers ? "ℤ" : "ℝ";
    if (extents.empty()) return set;
    return set + (all ? shape : "^(" + plain + ")");
  }

 protected:
  std::string number(double value) const override {
    const auto [mantissa, exponent] = decimal(value);
    std::string text = mantissa[0] == '-' ? minus() + mantissa.substr(1) : mantissa;
    if (text == "inf") return "∞";
    bool all = true;
    if (exponent == 0) return text;
    const std::string power = "10" + replaced(std::to_string(exponent), raised, all);
    return text == "1" ? power : text + "·" + power;
  }
  std::string parenthesized(const std::string& inner) const override { return "(" + inner + ")"; }
  std::string minus() const override { return "−"; }
  std::string hadamard() const override { return " ∘ "; }

  // Words beside something have a dot between: hare · lynx.
  std::string beside(const Formula& x) const override {
    const auto word = [](const Formula& part) {
      return part->form == Form::name && width(part->symbol->base) > 1;
    };
    std::string text;
    for (size_t i = 0; i < x->parts.size(); ++i) {
      const bool dot =
          i > 0 && x->parts[i - 1]->form != Form::number && (word(x->parts[i - 1]) || word(x->parts[i]));
      text += (i == 0 ? "" : dot ? " · " : " ") + write(x->parts[i], level_beside(x, i));
    }
    return text;
  }

  std::string quotient(const Formula& x) const override {
    return write(x->parts[0], 3) + " / " + write(x->parts[1], 4);
  }

  std::string power(const Formula& x) const override {
    const std::string exponent = write(x->parts[1]);
    bool all = true;
    const std::string above = replaced(exponent, raised, all);
    const bool digits = all && x->parts[1]->form == Form::number;
    return write(x->parts[0], 5) + (digits ? above : "^" + write(x->parts[1], 5));
  }

  std::string index(const Formula& x) const override {
    const Formula& base = x->parts[0];
    const bool letter = base->form == Form::name && base->symbol->number < 0 && !base->symbol->of &&
                        base->symbol->primes == 0 && width(base->symbol->base) == 1;
    std::string below;
    bool all = letter;
    for (size_t i = 1; all && i < x->parts.size(); ++i) {
      const std::string word = write(x->parts[i]);
      all = word.size() == 1 && x->parts[i]->form == Form::literal;
      below += replaced(word, lowered, all);
    }
    if (all) return write(base) + below;
    return write(base, 5) + "[" + joined(x, ", ", 0, 1) + "]";
  }

  std::string transposed(const std::string& inner) const override { return inner + "ᵀ"; }
  std::string tuple(const Formula& x) const override { return "(" + joined(x, ", ", 0) + ")"; }
  std::string cases(const Formula& x) const override { return "where(" + joined(x, ", ", 0) + ")"; }

  std::string big(const Formula& x) const override {
    std::string below;
    bool all = true;
    for (size_t i = 1; i < x->parts.size(); ++i) below += replaced(write(x->parts[i]), lowered, all);
    if (!all) below = "_{" + joined(x, ",", 0, 1) + "}";
    return x->text + below + " " + write(x->parts[0], 2);
  }

  std::string matrix(const Formula& x) const override {
    const size_t columns = static_cast<size_t>(x->value);
    std::string text = "[";
    for (size_t i = 0; i < x->parts.size(); ++i)
      text += (i == 0 ? "" : i % columns == 0 ? "; " : ", ") + write(x->parts[i]);
    return text + "]";
  }

  bool fractions_are_atoms() const override { return false; }
  const std::string& template_of(const Node& x) const override { return x.text; }
  int argument_level(const std::string& before, const std::string& after) const override {
    const bool enclosed = !before.empty() && !after.empty();
    return enclosed && std::string("([|⌊").find(before.back()) != std::string::npos ? 0
           : before.ends_with(", ") && after[0] == ')'                              ? 0
           : before.ends_with("(") || after.starts_with(",")                        ? 0
                                                                                    : 1;
  }
};

}  // namespace

const Writer& text_writer() {
  static const Text writer;
  return writer;
}

}  // namespace nodec::notation
