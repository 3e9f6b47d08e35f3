// Text -> AST. The only file of this layer that users of it need besides ast.hpp.
#pragma once

#include <memory>
#include <string>

#include "compiler/source/diagnostics.hpp"
#include "compiler/syntax/ast.hpp"

namespace nodec::syntax {

// Parses a whole file that `files` holds. Syntax errors are reported; the tree then holds what could be read
// (possibly nothing). Never throws, whatever the text; nesting deeper than 1000 is an error.
std::shared_ptr<const File> parse(const source::Files& files, int32_t file, source::Diagnostics& diagnostics);

// One expression, for the command line (`--set z=1,0`) and the REPL.
ExprPtr parse_expression(const source::Files& files, int32_t file, source::Diagnostics& diagnostics);

// The tree as indented text: what `--emit=ast` prints.
std::string print(const File& file);

// An expression on one line, with parentheses around every operand that is itself an operation.
std::string print(const Expr& expression);

}  // namespace nodec::syntax
