// A failure of ANTLR's parser to words about the language: what was expected before what, and the way out.
#pragma once

#include "compiler/syntax/tokens.hpp"

namespace nodec::syntax {

// Adds one problem for the failure, unless an earlier problem of the same statement explains it.
void explain(Parser& parser, const antlr4::RecognitionException& failure, const std::vector<Token>& tokens,
             Problems& problems);

// Where a body holds something that begins no statement.
void explain_stray(const Token& at, const std::vector<Token>& tokens, Problems& problems);

}  // namespace nodec::syntax
