// Arithmetic of extents: polynomials over lengths with integer coefficients, and their text.
#include "compiler/graph/extent.hpp"

#include <algorithm>
#include <cctype>
#include <limits>
#include <set>

namespace nodec::graph {
namespace {

using Terms = std::map<Extent::Monomial, int64_t>;

// Overflow saturates: such a size is refused where it is used, and must not wrap around to a small one.
int64_t saturated_add(int64_t a, int64_t b) {
  int64_t r;
  if (!__builtin_add_overflow(a, b, &r)) return r;
  return a < 0 ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
}

int64_t saturated_multiply(int64_t a, int64_t b) {
  int64_t r;
  if (!__builtin_mul_overflow(a, b, &r)) return r;
  return (a < 0) != (b < 0) ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
}

void accumulate(Terms& terms, const Extent::Monomial& monomial, int64_t coefficient) {
  auto [place, added] = terms.try_emplace(monomial, 0);
  place->second = saturated_add(place->second, coefficient);
  if (place->second == 0) terms.erase(place);
}

int64_t floor_quotient(int64_t a, int64_t b) {
  int64_t q = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}

// Reads back what Extent::text wrote: sum = ["-"] product {("+" | "-") product}, product = factor {"*"
// factor}, factor = number | name | "(" sum ")" ["//" number], names running to a blank or an operator.
class Reader {
 public:
  explicit Reader(const std::string& text) : text_(text) {}

  std::optional<Extent> sum() {
    bool minus = take("-");
    auto total = product();
    if (!total) return {};
    if (minus) total = Extent(0) - *total;
    while (true) {
      minus = take(" - ");
      if (!minus && !take(" + ")) return total;
      auto next = product();
      if (!next) return {};
      total = minus ? *total - *next : *total + *next;
    }
  }

  std::optional<FloorQuotient> quotient() {
    std::optional<Extent> numerator;
    if (take("(")) {
      numerator = sum();
      if (!take(")")) return {};
    } else {
      numerator = Extent::length(name());
    }
    if (!numerator || !take("//")) return {};
    auto divisor = number();
    if (!divisor || at_ != text_.size()) return {};
    return FloorQuotient{*numerator, *divisor};
  }

 private:
  bool take(std::string_view expected) {
    if (text_.compare(at_, expected.size(), expected) != 0) return false;
    at_ += expected.size();
    return true;
  }

  std::optional<int64_t> number() {
    size_t start = at_;
    while (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_]))) ++at_;
    if (start == at_ || at_ - start > 19) return {};
    return std::strtoll(text_.substr(start, at_ - start).c_str(), nullptr, 10);
  }

  std::string name() {
    size_t start = at_;
    while (at_ < text_.size() && std::string_view(" */()").find(text_[at_]) == std::string_view::npos) ++at_;
    return text_.substr(start, at_ - start);
  }

  // A whole "(…)//k" is one atom, known by its text with the parentheses that a product adds removed.
  std::optional<Extent> factor() {
    if (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_]))) {
      auto value = number();
      return value ? std::optional<Extent>(*value) : std::nullopt;
    }
    size_t start = at_;
    if (take("(")) {
      int depth = 1;
      while (at_ < text_.size() && depth > 0) {
        depth += text_[at_] == '(' ? 1 : text_[at_] == ')' ? -1 : 0;
        ++at_;
      }
      if (depth != 0) return {};
      if (!take("//")) return Extent::length(text_.substr(start + 1, at_ - start - 2));
      if (!number()) return {};
      return Extent::length(text_.substr(start, at_ - start));
    }
    name();
    if (start == at_ || (take("//") && !number())) return {};
    return Extent::length(text_.substr(start, at_ - start));
  }

  std::optional<Extent> product() {
    auto total = factor();
    while (total && take("*")) {
      auto next = factor();
      if (!next) return {};
      total = *total * *next;
    }
    return total;
  }

  const std::string& text_;
  size_t at_ = 0;
};

}  // namespace

Extent::Extent(int64_t value) {
  if (value != 0) terms_[{}] = value;
}

Extent Extent::length(const std::string& atom) {
  Extent e;
  e.terms_[{atom}] = 1;
  return e;
}

bool Extent::is_constant() const {
  return terms_.empty() || (terms_.size() == 1 && terms_.begin()->first.empty());
}

int64_t Extent::value() const { return terms_.empty() ? 0 : terms_.begin()->second; }

int64_t Extent::evaluate(const std::map<std::string, int64_t>& lengths) const {
  int64_t total = 0;
  for (const auto& [monomial, coefficient] : terms_) {
    int64_t product = coefficient;
    for (const std::string& atom : monomial) {
      auto found = lengths.find(atom);
      int64_t factor = 0;
      if (found != lengths.end()) {
        factor = found->second;
      } else if (auto quotient = as_floor_quotient(atom)) {
        factor = floor_quotient(quotient->numerator.evaluate(lengths), quotient->divisor);
      }
      product = saturated_multiply(product, factor);
    }
    total = saturated_add(total, product);
  }
  return total;
}

std::vector<std::string> Extent::atoms() const {
  std::set<std::string> found;
  for (const auto& [monomial, coefficient] : terms_) found.insert(monomial.begin(), monomial.end());
  return {found.begin(), found.end()};
}

bool Extent::nonnegative() const {
  return std::all_of(terms_.begin(), terms_.end(), [](const auto& term) { return term.second >= 0; });
}

std::string Extent::text() const {
  if (terms_.empty()) return "0";
  std::string text;
  auto append = [&](const Monomial& monomial, int64_t coefficient) {
    bool negative = coefficient < 0;
    uint64_t magnitude =
        negative ? 0 - static_cast<uint64_t>(coefficient) : static_cast<uint64_t>(coefficient);
    if (text.empty()) {
      text += negative ? "-" : "";
    } else {
      text += negative ? " - " : " + ";
    }
    std::string product = magnitude != 1 || monomial.empty() ? std::to_string(magnitude) : "";
    bool alone = product.empty() && monomial.size() == 1;
    for (const std::string& atom : monomial) {
      if (!product.empty()) product += "*";
      bool compound = !alone && atom.find("//") != std::string::npos;
      product += compound ? "(" + atom + ")" : atom;
    }
    text += product;
  };
  for (const auto& [monomial, coefficient] : terms_) {
    if (!monomial.empty()) append(monomial, coefficient);
  }
  if (auto constant = terms_.find({}); constant != terms_.end()) append({}, constant->second);
  return text;
}

Extent operator+(const Extent& a, const Extent& b) {
  Extent sum = a;
  for (const auto& [monomial, coefficient] : b.terms_) accumulate(sum.terms_, monomial, coefficient);
  return sum;
}

Extent operator-(const Extent& a, const Extent& b) { return a + Extent(-1) * b; }

Extent operator*(const Extent& a, const Extent& b) {
  Extent product;
  for (const auto& [left, m] : a.terms_) {
    for (const auto& [right, n] : b.terms_) {
      Extent::Monomial monomial;
      std::merge(left.begin(), left.end(), right.begin(), right.end(), std::back_inserter(monomial));
      accumulate(product.terms_, monomial, saturated_multiply(m, n));
    }
  }
  return product;
}

Extent floor_divide(const Extent& a, int64_t b) {
  if (b == 0) return 0;
  if (b < 0) return floor_divide(Extent(0) - a, -b);
  // Σ (q b + r) m = b Σ q m + Σ r m: the remainders, 0 ≤ r < b, are all that must stay below the bar, so that
  // quotients written differently compare equal.
  Extent quotient, rest;
  for (const auto& [monomial, coefficient] : a.terms()) {
    Extent product(1);
    for (const std::string& atom : monomial) product = product * Extent::length(atom);
    int64_t q = floor_quotient(coefficient, b);
    quotient = quotient + Extent(q) * product;
    rest = rest + Extent(coefficient - q * b) * product;
  }
  if (rest.is_constant()) return quotient;
  std::string text = rest.text();
  bool simple = text.find_first_of(" *()/") == std::string::npos;
  return quotient + Extent::length((simple ? text : "(" + text + ")") + "//" + std::to_string(b));
}

std::optional<FloorQuotient> as_floor_quotient(const std::string& atom) { return Reader(atom).quotient(); }

}  // namespace nodec::graph
