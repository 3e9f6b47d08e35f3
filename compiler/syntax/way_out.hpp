// A place where parsing failed to what was probably meant there: words, and where it is certain the text.
#pragma once

#include "compiler/syntax/tokens.hpp"

namespace nodec::syntax {

inline bool has(const antlr4::misc::IntervalSet& set, size_t type) {
  return set.contains(static_cast<ssize_t>(type));
}

// A token that cannot stand where it does.
struct Failure {
  const Token& token;
  const std::vector<Token>& tokens;
  const std::string& wanted;  // in words
  const antlr4::misc::IntervalSet& set;
  source::Diagnostic& problem;
  const Problems& problems;
};

// Adds the way out to the problem, if the mistake is a common one.
void show_way_out(const Failure& failure);

// The same where no declaration begins.
void show_declaration(const Token& at, const std::vector<Token>& tokens, source::Diagnostic& problem,
                      const Problems& problems);

}  // namespace nodec::syntax
