// Extents of declared arrays: evaluation and text.
#include <algorithm>
#include <set>

#include "runtime/binding.hpp"

namespace nodec::runtime {

bool Extent::is_constant() const {
  return std::all_of(terms.begin(), terms.end(), [](const Term& term) { return term.lengths.empty(); });
}

std::optional<int64_t> Extent::evaluate(const Lengths& lengths) const {
  int64_t sum = 0;
  for (const Term& term : terms) {
    int64_t product = term.coefficient;
    for (const std::string& name : term.lengths) {
      const auto found = lengths.find(name);
      if (found == lengths.end() || __builtin_mul_overflow(product, found->second, &product))
        return std::nullopt;
    }
    if (__builtin_add_overflow(sum, product, &sum)) return std::nullopt;
  }
  return sum;
}

std::string Extent::text() const {
  if (terms.empty()) return "0";
  std::string text;
  for (const Term& term : terms) {
    std::string factors;
    for (const std::string& name : term.lengths) factors += (factors.empty() ? "" : "*") + name;
    const bool negative = term.coefficient < 0;
    std::string number = std::to_string(term.coefficient).substr(negative ? 1 : 0);
    if (!factors.empty()) number = number == "1" ? factors : number + "*" + factors;
    text += text.empty() ? (negative ? "-" : "") : (negative ? " - " : " + ");
    text += number;
  }
  return text;
}

}  // namespace nodec::runtime
