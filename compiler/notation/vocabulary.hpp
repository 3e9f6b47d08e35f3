// What the values of a derivation are called, and how expressions are written with these names.
#pragma once

#include <functional>
#include <string>
#include <unordered_set>
#include <vector>

#include "compiler/notation/derivatives.hpp"
#include "compiler/notation/naming.hpp"
#include "compiler/notation/page.hpp"
#include "compiler/notation/symbols.hpp"
#include "compiler/notation/translate.hpp"

namespace nodec::notation {

class Vocabulary {
 public:
  Vocabulary(const Derivatives& derivatives, const Field& field);
  // Refers to itself.
  Vocabulary(const Vocabulary&) = delete;
  Vocabulary& operator=(const Vocabulary&) = delete;

  Translator translator;
  std::vector<Row> rows;    // leaves
  std::vector<Ref> values;  // with names of their own, each made of those before

  Formula state(size_t i) const { return name(states_[i]); }
  Formula velocity(size_t i) { return name(symbols_.primed(states_[i])); }
  // Whether the equation of a state says no more than that: q' = q'.
  bool same_as_velocity(Ref node, size_t i);
  // The cotangent of a state, or of the log-determinant.
  const Symbol* adjoint(size_t i) const { return adjoints_[i]; }
  Formula differentiated(size_t i) const { return i < states_.size() ? state(i) : name(adjoints_[i]->of); }
  // a_x for a symbol of its own.
  const Symbol* adjoint_of(const Symbol* of) { return symbols_.belonging(adjoint_letter(), of); }
  const Symbol* loose(const std::string& base) { return symbols_.belonging(base, nullptr); }
  Formula primed(const Symbol* of) { return name(symbols_.primed(of)); }

  int rate(Ref node) const;
  std::string rate_text(Ref node) const;
  bool of_field(Ref node) const { return of_field_.count(node) > 0; }
  // Products are written with the names of their factors, or multiplied out through all that only the
  // derivatives have.
  void multiply_out(bool out);
  // Adds the values that an expression mentions.
  void mention(Ref node, std::unordered_set<Ref>& mentioned) const;

 private:
  void name_leaves(const Field& field);
  void say(Ref node, const std::string& word, const std::string& meaning);
  void name_values();
  void require_steps(Ref trace, Naming& naming) const;
  bool multiplies_through(Ref node) const;
  std::vector<std::string> letters(Ref node, bool of_kappa) const;
  const std::string& adjoint_letter();
  void mention(Ref node, bool root, std::unordered_set<Ref>& seen, std::unordered_set<Ref>& mentioned) const;

  const Derivatives& d_;
  Symbols symbols_;
  std::vector<const Symbol*> states_, adjoints_;
  std::string adjoint_letter_;
  std::unordered_set<Ref> of_field_, summed_;
  std::function<bool(Ref)> once_;
};

}  // namespace nodec::notation
