// The text of a file to the tokens that the parser's grammar is written in: words with their bytes, brackets
// that match, and one SEPARATOR at the end of every statement (the rules stand in grammar/NodeLexer.g4).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "compiler/source/diagnostics.hpp"
#include "compiler/syntax/antlr.hpp"

namespace nodec::syntax {

constexpr int nesting_limit = 1000;

// A token of ANTLR's, small enough to keep by the million: its text stays in the file.
class Token final : public antlr4::Token {
 public:
  Token(size_t type, uint32_t begin, uint32_t end, int depth, std::string_view file)
      : type(static_cast<int32_t>(type)), begin(begin), end(end), depth(depth), file_(file.data()) {}

  int32_t type;  // -1: the end of the file
  uint32_t begin, end;
  uint32_t index = 0;
  int32_t depth;  // of the brackets around it; a bracket's own is that outside of it

  std::string_view view() const { return {file_ + begin, end - begin}; }

  std::string getText() const override { return std::string(view()); }
  size_t getType() const override { return type < 0 ? antlr4::Token::EOF : static_cast<size_t>(type); }
  size_t getLine() const override { return 0; }  // positions come from the bytes
  size_t getCharPositionInLine() const override { return 0; }
  size_t getChannel() const override { return antlr4::Token::DEFAULT_CHANNEL; }
  size_t getTokenIndex() const override { return index; }
  size_t getStartIndex() const override { return begin; }
  size_t getStopIndex() const override { return end - 1; }
  antlr4::TokenSource* getTokenSource() const override { return nullptr; }
  antlr4::CharStream* getInputStream() const override { return nullptr; }
  std::string toString() const override { return getText(); }

 private:
  const char* file_;
};

// Syntax errors of one file, handed on in the order of the text when all are known.
class Problems {
 public:
  explicit Problems(int32_t file) : file_(file) {}

  source::Diagnostic& add(source::Id id, uint32_t begin, uint32_t end, std::string text);
  source::Diagnostic& syntax(uint32_t begin, uint32_t end, std::string text) {
    return add(source::Id::syntax, begin, end, std::move(text));
  }
  source::Diagnostic& syntax(source::Span span, std::string text) {
    return syntax(span.begin, span.end, std::move(text));
  }
  source::Span span(uint32_t begin, uint32_t end) const { return {file_, begin, end}; }
  // Past this many, reading on tells nobody anything.
  bool too_many() const { return list_.size() > 60; }
  // Whether an error was found within these bytes: what follows from it need not be said too.
  bool any_within(uint32_t begin, uint32_t end) const;
  void report(source::Diagnostics& diagnostics);

 private:
  int32_t file_;
  std::deque<source::Diagnostic> list_;
};

struct Tokens {
  std::vector<Token> list;  // ends with the end of the file
  bool readable = true;     // false: too broken to be parsed at all
};

// What the generated lexer says: a type and bytes.
struct Word {
  int32_t type;
  uint32_t begin, end;
};

// Kinds of tokens (layout.cpp): a name or a word that may be one; an operator between operands; what an
// operand may end with.
bool is_word(int32_t type);
bool is_binary_operator(int32_t type);
bool ends_operand(int32_t type);
// A line that ends so cannot be the end of a statement; one that begins so cannot be its beginning.
bool goes_on_after(int32_t type);
bool goes_on_before(int32_t type);

// The words of a text to its tokens (layout.cpp).
Tokens lay_out(std::string_view text, const std::vector<Word>& words, Problems& problems);

// The text of a file to its tokens (lexer.cpp).
Tokens tokenize(const source::Files& files, int32_t file, Problems& problems);

}  // namespace nodec::syntax
