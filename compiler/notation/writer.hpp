// Formulas -> text or LaTeX.
#pragma once

#include <string>

#include "compiler/notation/formula.hpp"

namespace nodec::notation {

// What two notations have in common: where parentheses stand, and in what order the parts come.
class Writer {
 public:
  virtual ~Writer() = default;
  std::string write(const Formula& x) const { return write(x, 0); }
  // As the right side of an equation.
  std::string side(const Formula& x) const { return write(x, 1); }
  virtual std::string symbol(const Symbol& symbol) const = 0;
  // real[2, T] as ℝ²ˣᵀ; "" for the shape of a scalar.
  virtual std::string space(const std::vector<std::string>& extents, bool integers) const = 0;

 protected:
  std::string write(const Formula& x, int level) const;
  std::string filled(const std::string& pattern, const Formula& x) const;
  // A sum over indices may end a product: 2 Σᵢ xᵢ.
  static int level_beside(const Formula& x, size_t i) {
    return i + 1 == x->parts.size() && x->parts[i]->form == Form::big ? 2 : 4;
  }
  std::string joined(const Formula& x, const std::string& separator, int level, size_t from = 0) const;

  virtual std::string number(double value) const = 0;
  virtual std::string parenthesized(const std::string& inner) const = 0;
  virtual std::string minus() const = 0;
  virtual std::string beside(const Formula& x) const = 0;
  virtual std::string hadamard() const = 0;
  virtual std::string quotient(const Formula& x) const = 0;
  virtual std::string power(const Formula& x) const = 0;
  virtual std::string index(const Formula& x) const = 0;
  virtual std::string transposed(const std::string& inner) const = 0;
  virtual std::string tuple(const Formula& x) const = 0;
  virtual std::string cases(const Formula& x) const = 0;
  virtual std::string big(const Formula& x) const = 0;
  virtual std::string matrix(const Formula& x) const = 0;
  virtual bool fractions_are_atoms() const = 0;
  virtual const std::string& template_of(const Node& x) const = 0;
  // The level at which a template's argument is written: `before` and `after` are what stands around it.
  virtual int argument_level(const std::string& before, const std::string& after) const = 0;

 private:
  int level_of(const Formula& x) const;
  std::string bare(const Formula& x) const;
};

const Writer& text_writer();
const Writer& latex_writer();

// Columns of UTF-8 text.
size_t width(const std::string& text);
// The value in at most six digits: mantissa and decimal exponent, 0 where it needs none.
struct Decimal {
  std::string mantissa;
  int exponent;
};
Decimal decimal(double value);
// Code points of UTF-8 text.
std::vector<std::string> characters(const std::string& text);

}  // namespace nodec::notation
