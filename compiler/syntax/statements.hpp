// What is typed at a prompt -> statements: whether a text is whole, and what it says.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "compiler/source/diagnostics.hpp"
#include "compiler/syntax/ast.hpp"

namespace nodec::syntax {

enum class Ending {
  empty,  // nothing but space and comments
  whole,
  open,  // a bracket is open, or the last line cannot be the end of a statement
};
Ending ending(std::string_view text);

// Whether a statement before this text would go on in it: it begins as no statement does.
bool continues(std::string_view text);

// Declarations, or an expression (null where it was wrong). `x = e` and `(x, y) = e` are lets.
struct Statement {
  std::vector<DeclPtr> declarations;
  ExprPtr expression;
  Span span;
};
// Syntax errors are reported.
std::vector<Statement> parse_statements(const source::Files& files, int32_t file,
                                        source::Diagnostics& diagnostics);

// A word, number, string or sign of a text.
struct Lexeme {
  enum class Kind { word, number, string, sign } kind;
  uint32_t begin, end;
  int depth;  // of the brackets around it; a bracket's own is that outside of it
};
// Stops at what cannot be read. Ends of lines and separators are left out.
std::vector<Lexeme> lexemes(std::string_view text);

}  // namespace nodec::syntax
