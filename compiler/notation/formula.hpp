// Formulas as they are read: a small tree that the writers turn into text or LaTeX.
//
// Constructors keep them tidy: signs stand in front, numbers come first and are multiplied, sums and products
// are flat, ones and zeros vanish.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace nodec::notation {

// A name: a word or letter, a number below it, or the name of what it belongs to (a_W).
struct Symbol {
  std::string base;
  int number = -1;  // -1: none
  const Symbol* of = nullptr;
  int primes = 0;  // derivatives by time
};

enum class Form : uint8_t {
  number,     // value
  name,       // symbol
  literal,    // text, latex
  negative,   // parts[0]
  sum,        // parts
  times,      // parts side by side: scalars, then matrices and vectors
  hadamard,   // parts, elementwise
  quotient,   // parts[0] / parts[1]
  power,      // parts[0] to the power of parts[1]
  call,       // text, latex: templates with {0}, {1}, …
  infix,      // the same, weaker than any other operator
  index,      // parts[0] with the indices parts[1…]
  transpose,  // parts[0]
  tuple,      // parts, one below the other
  cases,      // parts[1] where parts[0], else parts[2]
  big,        // text, latex: a large operator over the indices parts[1…] of parts[0]
  matrix,     // value columns of parts, row by row
};

struct Node;
using Formula = std::shared_ptr<const Node>;

struct Node {
  Form form;
  double value = 0;
  const Symbol* symbol = nullptr;
  std::string text, latex;
  std::vector<Formula> parts;
};

Formula number(double value);
Formula name(const Symbol* symbol);
Formula literal(std::string text, std::string latex);
Formula negate(const Formula& x);
Formula sum(const std::vector<Formula>& terms);
// Scalars and at most one tensor, or a product of matrices.
Formula times(const std::vector<Formula>& factors);
// Elementwise product of tensors; `scalars` multiply it.
Formula hadamard(const std::vector<Formula>& scalars, const std::vector<Formula>& tensors);
Formula quotient(const Formula& a, const Formula& b);
Formula power(const Formula& base, const Formula& exponent);
Formula call(std::string text, std::string latex, std::vector<Formula> arguments);
Formula infix(std::string text, std::string latex, std::vector<Formula> arguments);
Formula index(const Formula& base, std::vector<Formula> indices);
Formula transpose(const Formula& x);
Formula diagonal(const Formula& x);
Formula tuple(std::vector<Formula> parts);
Formula cases(const Formula& condition, const Formula& yes, const Formula& no);
Formula big(std::string text, std::string latex, const Formula& body, std::vector<Formula> indices);
Formula matrix(size_t columns, std::vector<Formula> entries);

bool is_number(const Formula& x, double value);
// Several zeros: a literal that begins with 0.
bool is_zeros(const Formula& x);
bool same(const Formula& a, const Formula& b);

}  // namespace nodec::notation
