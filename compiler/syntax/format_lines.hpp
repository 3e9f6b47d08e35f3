// The tokens of a file and its comments to lines: which tokens and comment stand on each, and how many spaces
// stand between two neighbors.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "compiler/syntax/tokens.hpp"

namespace nodec::syntax {

struct Piece {
  const Token* token;
  int spaces;  // before it; 0 for the first of its line
};

struct Line {
  std::vector<Piece> pieces;  // empty: the line of a comment
  std::string_view comment;   // in the file's text, without white space at its end; "" when there is none
  bool blank_before = false;
  // What stands around the line: open braces, and the column that its first token or its comment begins in.
  int blocks = 0, indentation = 0;
};

struct Lines {
  std::vector<Line> list;
  // By index of a token: whether it begins a statement, or an option of a `train` or `tableau` block.
  std::vector<bool> begins_statement;
};

// The tokens of a file without errors.
Lines break_lines(std::string_view text, const std::vector<Token>& tokens);

// Whether the sign at `index` has one operand.
bool is_unary_sign(const std::vector<Token>& tokens, const std::vector<bool>& begins_statement, size_t index);

// Columns of a terminal.
int width(std::string_view text);

}  // namespace nodec::syntax
