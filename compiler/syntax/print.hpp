// The printer's two halves: declarations (print.cpp) and expressions (print_expression.cpp).
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "compiler/syntax/ast.hpp"

namespace nodec::syntax {

void append(std::string& out, const Expr& expression);
void append(std::string& out, const Range& range);
void append(std::string& out, const Target& target);
void append(std::string& out, const Let& let);
void append_primes(std::string& out, int primes);
// ` for k in 0..n`
void append(std::string& out, const std::pair<Name, Range>& iteration);

// Calls `one` for each of a list, with `between` in between.
template <class List, class One>
void append_list(std::string& out, const List& list, std::string_view between, One one) {
  bool first = true;
  for (const auto& item : list) {
    if (!first) out += between;
    first = false;
    one(item);
  }
}

}  // namespace nodec::syntax
