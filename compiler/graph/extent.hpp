// Extents: integer polynomials over the lengths that data bind at run time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace nodec::graph {

// Σ coefficient · Π lengths. `T` and `(T - 3)//2` are both lengths: atoms known by their text.
class Extent {
 public:
  Extent(int64_t value = 0);
  static Extent length(const std::string& atom);

  bool is_constant() const;
  // Only for constants.
  int64_t value() const;
  // The polynomial's value, each atom given by name. A floor quotient that is not given is computed from its
  // own atoms; any other atom that is missing counts as 0.
  int64_t evaluate(const std::map<std::string, int64_t>& lengths) const;
  // Every atom that occurs, sorted.
  std::vector<std::string> atoms() const;
  std::string text() const;
  // True when no coefficient is negative: lengths are not, so neither is the value. (False proves nothing.)
  bool nonnegative() const;

  using Monomial = std::vector<std::string>;  // sorted, with repetition; empty for the constant term
  const std::map<Monomial, int64_t>& terms() const { return terms_; }

  friend Extent operator+(const Extent& a, const Extent& b);
  friend Extent operator-(const Extent& a, const Extent& b);
  friend Extent operator*(const Extent& a, const Extent& b);
  friend bool operator==(const Extent&, const Extent&) = default;
  // An arbitrary total order, for containers.
  friend bool operator<(const Extent& a, const Extent& b) { return a.terms_ < b.terms_; }

 private:
  std::map<Monomial, int64_t> terms_;  // no zero coefficients
};

// Floor division, in one form for equal values: what divides leaves, `(T - 3)//2` becomes `(T + 1)//2 - 2`,
// whose first term is an atom named by its text. Division by 0 gives 0.
Extent floor_divide(const Extent& a, int64_t b);

// What an atom made by floor_divide divides, or nothing for the name of a length.
struct FloorQuotient {
  Extent numerator;
  int64_t divisor;
};
std::optional<FloorQuotient> as_floor_quotient(const std::string& atom);

}  // namespace nodec::graph
